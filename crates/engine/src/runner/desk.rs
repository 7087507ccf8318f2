//! One service's place in the runner: what was read, seen, sent and asked, and nothing decided.

use super::clock::Now;
use super::looking::{Asked, LOOK_STANDING, Looked, platform_source};
use super::reading::Unreadable;
use super::sending::Sending;
use super::writing::Appending;
use super::{Effect, Event, Refused};
use crate::command::{Act, Reply};
use crate::decide::{Decision, decide};
use crate::driver::{Answer, Question};
use crate::facts::Facts;
use crate::few::Few;
use crate::hear::{DeclinedReason, hear};
use crate::journal::entry::{Entry, Input};
use crate::journal::state::State;
use crate::launch::launch;
use crate::observe::{Look, Observations, Reading};
use crate::planted::{self, Bug};
use crate::store::Lease;
use crate::uphold::uphold;
use model::{Name, Span, Subject, Time};
use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

/// How many inputs may wait for one service.
pub const INBOX_MAX: usize = 64;
/// How long a store that failed is left alone.
pub(crate) const STORE_PAUSE: Span = Span::seconds(1);
/// A controller that was not heard of for so long was away, and looks before it acts.
pub(crate) const AWAY: Span = Span::seconds(10);

/// One service's place in the runner.
#[derive(Debug)]
pub struct Desk {
    pub(super) subject: Subject,
    pub(super) facts: Arc<Facts>,
    /// The fold of what was read; `None` until everything was read.
    pub(super) state: Option<State>,
    /// A fold still being read.
    pub(super) reading: Option<Box<State>>,
    pub(super) read_asked: Option<Time>,
    /// Its journal is to be read when others' have been.
    pub(super) queued: bool,
    pub(super) seen: Observations,
    pub(super) sending: Sending,
    pub(super) inbox: VecDeque<Input>,
    pub(super) appending: Option<Appending>,
    /// When a failed store may be asked again.
    pub(super) store_again: Time,
    pub(super) asked: Few<Looked, Asked>,
    pub(super) checkpointed_at: Time,
    pub(super) taken_over_at: Time,
    pub(super) stepped_at: Option<Time>,
    pub(super) wake_at: Time,
    /// How far the wall clock has jumped forward, where that is not written yet.
    pub(super) jumped: Span,
    /// A jump of which nobody knows whether it was written, and what all jumps come to if it was.
    pub(super) doubtful: Option<(Span, Span)>,
    /// How far the time here is ahead of the runner's: the journal was written by a clock that was
    /// ahead, and no time may be earlier than an entry's. Other services have nothing to do with it.
    pub(super) ahead: Span,
    /// How far the wall clock is behind the time here.
    pub(super) behind: Span,
    /// Why this controller cannot look after the service.
    pub(super) unreadable: Option<Unreadable>,
    /// The number of the last append: answers to others are not about what is under way.
    pub(super) appends: u64,
}

impl Desk {
    pub(super) fn new(subject: Subject, facts: Arc<Facts>, wake_at: Time) -> Self {
        Self {
            subject,
            facts,
            state: None,
            reading: None,
            read_asked: None,
            queued: false,
            seen: Observations::default(),
            sending: Sending::default(),
            inbox: VecDeque::new(),
            appending: None,
            store_again: Time(0),
            asked: Few::new(),
            checkpointed_at: Time(0),
            taken_over_at: Time(0),
            stepped_at: None,
            wake_at,
            jumped: Span::ZERO,
            doubtful: None,
            ahead: Span::ZERO,
            behind: Span::ZERO,
            unreadable: None,
            appends: 0,
        }
    }

    /// The state, once the journal was read.
    pub fn state(&self) -> Option<&State> {
        self.state.as_ref()
    }

    /// What was seen.
    pub fn seen(&self) -> &Observations {
        &self.seen
    }

    /// What its drivers can do.
    pub(super) fn facts(&self) -> &Arc<Facts> {
        &self.facts
    }

    /// Whether it has met what only a newer controller understands.
    pub(super) fn needs_a_newer(&self) -> bool {
        self.unreadable.as_ref().is_some_and(|unreadable| unreadable.newer)
    }

    /// When it wants its turn, in the runner's time.
    pub(super) fn wake_at(&self) -> Time {
        Time(self.wake_at.0.saturating_sub(self.ahead.0))
    }

    /// Everything known is forgotten: somebody else may have written.
    pub(super) fn forget(&mut self, now: Time, out: &mut Vec<Effect>) {
        self.doubt_jump();
        if let Some(id) = self.appending.take().and_then(|appending| appending.input) {
            let why = "nobody knows whether it was written: ask again, with the same id".to_owned();
            out.push(Effect::Answer(self.subject.clone(), id, Err(Refused::NotWritten(why))));
        }
        let fresh = Desk::new(self.subject.clone(), Arc::clone(&self.facts), now + self.ahead);
        let inbox = std::mem::take(&mut self.inbox);
        let sending = std::mem::take(&mut self.sending);
        let (jumped, doubtful, ahead) = (self.jumped, self.doubtful, self.ahead);
        *self = Desk { inbox, sending, jumped, doubtful, ahead, appends: self.appends, ..fresh };
    }

    pub(super) fn handle(
        &mut self,
        now: Now,
        lease: Option<(Lease, &str)>,
        may_read: bool,
        event: Option<Event>,
        out: &mut Vec<Effect>,
    ) {
        self.catch_up(now.at, event.as_ref());
        self.behind = now.behind + self.ahead;
        let now = now.at + self.ahead;
        self.wake_at = now + LOOK_STANDING;
        let lease = lease.map(|(lease, scope)| (Lease { until: lease.until + self.ahead, ..lease }, scope));
        let Some((lease, scope)) = lease else {
            // What was answered is taken in all the same; nothing is decided.
            if let Some(event) = event {
                self.take_in(now, event, out);
            }
            // Without the lease nothing is promised to anybody.
            self.refuse_all(&Refused::NotLeader, out);
            return;
        };
        if self.stepped_at.is_some_and(|last| now.since(last) > AWAY) {
            self.seen.looked = false;
            self.taken_over_at = now;
            self.asked.clear();
        }
        self.stepped_at = Some(now);
        if let Some(event) = event {
            self.take_in(now, event, out);
        }
        if let Some(Unreadable { why, .. }) = &self.unreadable {
            // The other services have nothing to do with it.
            let refused = Refused::NotWritten(why.clone());
            return self.refuse_all(&refused, out);
        }
        if self.state.is_none() {
            self.read_on(now, may_read, out);
            return;
        }
        self.step(now, lease, scope, out);
        self.look_around(now, lease.epoch, out);
    }

    /// Whoever asks is told that nothing comes of it.
    pub(super) fn refuse_all(&mut self, refused: &Refused, out: &mut Vec<Effect>) {
        for input in self.inbox.drain(..) {
            out.push(Effect::Answer(self.subject.clone(), input.id, Err(refused.clone())));
        }
    }

    fn take_in(&mut self, now: Time, event: Event, out: &mut Vec<Effect>) {
        match event {
            Event::Read(_, read) => self.take_in_read(now, read, out),
            Event::Appended(_, serial, answer) if serial == self.appends => self.take_in_append(now, answer, out),
            // It is about an append that was given up: what came of it was read, or is being read.
            Event::Appended(..) => {}
            Event::Replied(_, target, generation, reply) => {
                if let Reply::Failed { why, retry: false } = &reply
                    && self.seen.reply(&target, generation) != Some(&reply)
                {
                    // It may be sent again all the same; told is it once.
                    out.push(Effect::Say(self.subject.clone(), format!("{target} refused: {why}")));
                }
                self.sending.answered(&target, generation, &reply);
                self.seen.see_reply(target, generation, reply);
            }
            Event::PlatformSeen(_, at, look) => {
                self.answered(Looked::Platform);
                if let (Some(look), Some(state)) = (look, &self.state) {
                    self.seen.see_platform(at, look, state);
                    self.seen.sources.insert(platform_source(), at);
                }
            }
            Event::RouterSeen(_, at, look) => {
                self.answered(Looked::Router);
                if let Some(seen) = look {
                    self.seen.see_router(at, seen);
                }
            }
            Event::SourceSeen(_, source, question, at, answers) => self.take_in_answers(source, &question, at, answers),
            Event::GateSeen(_, generation, yes) => {
                self.answered(Looked::Gate);
                self.seen.gate = Some((generation, yes));
            }
            Event::Asked(_, input) => {
                if self.inbox.len() < INBOX_MAX {
                    self.inbox.push_back(input);
                } else {
                    out.push(Effect::Answer(self.subject.clone(), input.id, Err(Refused::Busy)));
                }
            }
            Event::Leased(..) | Event::Tick => {}
        }
    }

    fn answered(&mut self, looked: Looked) {
        if let Some(asked) = self.asked.get_mut(&looked) {
            asked.answered = true;
        }
    }

    fn take_in_answers(&mut self, source: Name, question: &Question, at: Time, answers: Option<Vec<Answer>>) {
        self.answered(Looked::Source(source.clone()));
        let Some(answers) = answers else { return };
        self.seen.sources.insert(source, at);
        for answer in answers {
            let seen = Reading { rollout: question.rollout, verdict: answer.verdict, evidence: answer.evidence };
            self.seen.readings.insert(answer.check, Look { at, seen });
        }
    }

    /// Decides, and either writes or sends. What was decided beside entries is decided again once
    /// they are durable: the intent to act comes before the act.
    fn step(&mut self, now: Time, lease: Lease, scope: &str, out: &mut Vec<Effect>) {
        self.give_up_append(now, out);
        self.note_first_look(now);
        let Some(state) = &self.state else { return };
        if !self.has_jumped() {
            self.seen.pass(state, now);
        }
        if self.appending.is_some() || now < self.store_again {
            self.wake_at = self.wake_at.min(now + STORE_PAUSE);
            return;
        }
        let (entries, input, decision) = self.next(now, out);
        self.wake_at = decision.wake_at.unwrap_or(self.wake_at).min(self.wake_at);
        if !entries.is_empty() {
            if planted::is(Bug::CommandBeforeEntry) {
                out.extend(decision.commands.into_iter().map(Effect::Send));
            }
            self.append(now, lease.epoch, scope, entries, input, out);
            return;
        }
        let elapsed = self.state.as_ref().map_or(now, |state| state.elapsed(now));
        for command in decision.commands {
            if self.sending.admit(&command, &self.facts, lease, now) {
                if let Act::Call { .. } | Act::Migrate { .. } = &command.act {
                    self.seen.called.insert(command.generation, elapsed);
                }
                out.push(Effect::Send(command));
            }
        }
        let Some(state) = &self.state else { return };
        let wanted: BTreeSet<_> = state.generations.capacity.keys().copied().collect();
        self.sending.retain(
            |target| match target {
                crate::command::Target::Instances(release) => wanted.contains(release),
                crate::command::Target::Routers => true,
                crate::command::Target::Hook(_)
                | crate::command::Target::Migration(_)
                | crate::command::Target::Flag(_) => false,
            },
            now,
        );
    }

    /// What is to be written or sent next: inputs first, then what waits, the rollout, and upkeep.
    fn next(&mut self, now: Time, out: &mut Vec<Effect>) -> (Vec<Entry>, Option<String>, Decision) {
        let Some(state) = &self.state else { return (Vec::new(), None, Decision::default()) };
        if self.has_jumped() {
            let jumped = Entry::ClockJumped { by_ms: std::mem::take(&mut self.jumped).0, behind_ms: self.behind.0 };
            return (vec![jumped], None, Decision::default());
        }
        while let Some(input) = self.inbox.pop_front() {
            let id = input.id.clone();
            match hear(state, &self.seen, input, now) {
                Ok(entry) => return (vec![entry], Some(id), Decision::default()),
                Err(declined) if declined.reason == DeclinedReason::HeardBefore => {
                    out.push(Effect::Answer(self.subject.clone(), id, Ok(state.position)));
                }
                Err(declined) => {
                    let refused = Refused::Declined(Box::new(declined));
                    out.push(Effect::Answer(self.subject.clone(), id, Err(refused)));
                }
            }
        }
        if let Some(entry) = launch(state, &self.facts) {
            return (vec![entry], None, Decision::default());
        }
        let decision = decide(state, &self.subject, &self.seen, &self.facts, now);
        if !decision.entries.is_empty() {
            return (decision.entries.clone(), None, decision);
        }
        let upkeep = uphold(state, &self.subject, &self.seen, &self.facts, now);
        if !upkeep.entries.is_empty() {
            return (upkeep.entries.clone(), None, upkeep);
        }
        let wake_at = decision.wake_at.into_iter().chain(upkeep.wake_at).min();
        (Vec::new(), None, Decision { entries: Vec::new(), commands: upkeep.commands, wake_at })
    }
}
