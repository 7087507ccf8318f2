//! Members that go on for clients of before. They are told of every table, and asked what they have under
//! way: what they do not answer for is not known.

use crate::count::Others;
use crate::planted::{Bug, is};
use std::collections::BTreeMap;
use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::Builder;
use std::time::Duration;
use wire::Counts;
use wire::asking::Asking;
use wire::control::{Answer, MemberReport, Request};
use wire::counts::Run;

/// A member that does not answer for so long is not waited for.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// How often each is asked what it has counted, where nobody asks more often.
const HEAR_EVERY: Duration = Duration::from_secs(1);
/// The most questions that wait for a member.
const QUESTIONS_MAX: usize = 1_024;

/// All members that go on for clients of before.
#[derive(Debug, Default)]
pub(crate) struct Siblings {
    all: BTreeMap<u32, Sibling>,
    others: Arc<Hearing>,
}

/// What they have counted, as far as it was heard.
#[derive(Debug, Default)]
pub(crate) struct Hearing {
    others: Mutex<Others>,
    decided: Condvar,
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
    pub(crate) fn add(&mut self, member: u32, pid: u32, led: bool, asking: Asking) -> io::Result<()> {
        let (questions, asked) = sync_channel::<Question>(QUESTIONS_MAX);
        let hearing = Arc::clone(&self.others);
        Builder::new().name(format!("member-{member}")).spawn(move || {
            // A member that is gone is told of by the keeper; until then it has not answered.
            let _ = converse(&asked, asking, led, &hearing);
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

    /// Its process has ended: what it has counted is kept.
    pub(crate) fn gone(&mut self, member: u32) {
        self.all.remove(&member);
        self.others.locked().keep_open(&self.pids());
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

    /// Where it is said what they have counted.
    pub(crate) fn hearing(&self) -> Arc<Hearing> {
        Arc::clone(&self.others)
    }

    fn ask(&self, request: &Request) -> Vec<(u32, Option<Answer>)> {
        self.asked(request).answers()
    }

    /// Asks all, before any answer is waited for.
    pub(crate) fn asked(&self, request: &Request) -> Asked {
        Asked(self.all.values().map(|sibling| (sibling.pid, sibling.ask(request))).collect())
    }
}

/// What all were asked, and have not answered yet.
pub(crate) struct Asked(Vec<(u32, Option<Receiver<Answer>>)>);

impl Asked {
    /// Waits for their answers.
    pub(crate) fn answers(self) -> Vec<(u32, Option<Answer>)> {
        let answered = |answers: Option<Receiver<Answer>>| answers?.recv_timeout(ANSWER_WITHIN).ok();
        self.0.into_iter().map(|(pid, answers)| (pid, answered(answers))).collect()
    }
}

impl Hearing {
    /// Waits for what the one that led before has counted, but not for long. Then sums begin anew.
    pub(crate) fn wait(&self, within: Duration) {
        let others = self.locked();
        let waited = self.decided.wait_timeout_while(others, within, |others| !others.is_decided());
        waited.unwrap_or_else(PoisonError::into_inner).0.begin_anew();
    }

    /// What all others have counted, also those that have ended; of those that do not answer, what was heard last.
    pub(crate) fn told(&self) -> Vec<Counts> {
        self.locked().told()
    }

    /// What the others have counted, as far as it is in the sums that are told here.
    pub(crate) fn summed(&self) -> Vec<Counts> {
        self.locked().summed()
    }

    fn hear(&self, all: &[Counts], led: bool) {
        let mut others = self.locked();
        if led {
            others.take_over(all);
            self.decided.notify_all();
        } else {
            others.hear(all);
        }
    }

    fn locked(&self) -> MutexGuard<'_, Others> {
        self.others.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Asks what is to be asked, and again and again what was counted: it may end at any time.
fn converse(asked: &Receiver<Question>, mut asking: Asking, led: bool, hearing: &Hearing) -> io::Result<()> {
    if let Answer::Counts(all) = asking.ask(&Request::Counts)? {
        hearing.hear(&all, led);
    }
    loop {
        let question = match asked.recv_timeout(HEAR_EVERY) {
            Ok(question) => Some(question),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => return Ok(()),
        };
        let request = question.as_ref().map_or(&Request::Counts, |(request, _)| request);
        let answered = asking.ask(request)?;
        if let Answer::Counts(all) = &answered {
            hearing.hear(all, false);
        }
        if let Some((_, answer)) = question {
            let _ = answer.try_send(answered);
        }
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
