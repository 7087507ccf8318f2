//! Members that go on for clients of before. They are told of every table, and asked what they have under
//! way: what they do not answer for is not known.

use crate::planted::{Bug, is};
use std::collections::BTreeMap;
use std::io;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::Builder;
use std::time::Duration;
use wire::Counts;
use wire::asking::Asking;
use wire::control::{Answer, MemberReport, Request};
use wire::counts::Run;

/// A member that does not answer for so long is not waited for.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// The most questions that wait for a member.
const QUESTIONS_MAX: usize = 1_024;

/// All members that go on for clients of before.
#[derive(Debug, Default)]
pub(crate) struct Siblings {
    all: BTreeMap<u32, Sibling>,
}

#[derive(Debug)]
struct Sibling {
    pid: u32,
    /// Nobody is there to take questions where it cannot be asked.
    questions: Option<SyncSender<Question>>,
}

/// A question, and where its answer goes.
type Question = (Request, SyncSender<Answer>);

impl Siblings {
    /// This one can be asked.
    pub(crate) fn add(&mut self, member: u32, pid: u32, mut asking: Asking) -> io::Result<()> {
        let (questions, asked) = sync_channel::<Question>(QUESTIONS_MAX);
        Builder::new().name(format!("member-{member}")).spawn(move || {
            for (request, answer) in asked {
                // A member that is gone is told of by the keeper; until then it has not answered.
                let Ok(answered) = asking.ask(&request) else { return };
                let _ = answer.try_send(answered);
            }
        })?;
        self.all.insert(member, Sibling { pid, questions: Some(questions) });
        Ok(())
    }

    /// This one cannot be asked, but it is there.
    pub(crate) fn add_silent(&mut self, member: u32, pid: u32) {
        self.all.insert(member, Sibling { pid, questions: None });
    }

    /// They are another's to ask.
    pub(crate) fn forget(&mut self) {
        self.all.clear();
    }

    /// Those that have hung up have ended: nobody else has an end of their lines. Whether none is left.
    pub(crate) fn are_gone(&mut self) -> bool {
        self.all.retain(|_, sibling| sibling.ask(&Request::Report).is_some());
        self.all.is_empty()
    }

    /// Its process has ended.
    pub(crate) fn gone(&mut self, member: u32) {
        self.all.remove(&member);
    }

    /// Their processes.
    pub(crate) fn pids(&self) -> Vec<u32> {
        self.all.values().map(|sibling| sibling.pid).collect()
    }

    /// Tells one, without waiting for what it says.
    pub(crate) fn tell_one(&self, member: u32, request: &Request) {
        if let Some(sibling) = self.all.get(&member) {
            sibling.ask(request);
        }
    }

    /// Tells all; those that did not do as they were told.
    pub(crate) fn tell(&self, request: &Request) -> Vec<Run> {
        let answers = self.ask(request);
        // A newer one than this can only have come from whoever leads: this very process.
        let done = |answer: &Option<Answer>| matches!(answer, Some(Answer::Live(_) | Answer::Superseded(_)));
        answers.iter().filter(|(_, answer)| !done(answer)).map(|(pid, _)| unknown(*pid)).collect()
    }

    /// What all have under way.
    pub(crate) fn reports(&self) -> Vec<MemberReport> {
        if is(Bug::RetiringForgotten) {
            return Vec::new();
        }
        let reports = self.ask(&Request::Report).into_iter().flat_map(|(pid, answer)| match answer {
            Some(Answer::Report(reports)) => reports,
            // One worker that does not answer stands for all of them.
            _ => vec![MemberReport { member: unknown(pid), retiring: true, workers: vec![None] }],
        });
        reports.collect()
    }

    /// What all have counted; nothing of those that do not answer.
    pub(crate) fn counts(&self) -> Vec<Counts> {
        let counts = self.ask(&Request::Counts).into_iter().filter_map(|(_, answer)| match answer {
            Some(Answer::Counts(counts)) => Some(counts),
            _ => None,
        });
        counts.flatten().collect()
    }

    /// Asks all, before any answer is waited for.
    fn ask(&self, request: &Request) -> Vec<(u32, Option<Answer>)> {
        let asked: Vec<_> = self.all.values().map(|sibling| (sibling.pid, sibling.ask(request))).collect();
        let answered = |answers: Option<Receiver<Answer>>| answers?.recv_timeout(ANSWER_WITHIN).ok();
        asked.into_iter().map(|(pid, answers)| (pid, answered(answers))).collect()
    }
}

impl Sibling {
    fn ask(&self, request: &Request) -> Option<Receiver<Answer>> {
        let (answer, answered) = sync_channel(1);
        self.questions.as_ref()?.try_send((request.clone(), answer)).ok().map(|()| answered)
    }
}

/// A member of which only its number is known, since it does not answer.
fn unknown(pid: u32) -> Run {
    Run { pid, started: 0, ..crate::count::run::this() }
}
