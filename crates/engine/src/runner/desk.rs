//! One service's place in the runner: what was read, seen, sent and asked, and nothing decided.

use super::looking::{Asked, LOOK_LIMIT, LOOK_STANDING, Looked, platform_source};
use super::sending::Sending;
use super::{Effect, Event, Refused};
use crate::command::Act;
use crate::decide::{Decision, decide};
use crate::driver::{Answer, Question};
use crate::facts::Facts;
use crate::few::Few;
use crate::hear::{DeclinedReason, hear};
use crate::journal::entry::{ENTRY_VERSION, Entry, Input};
use crate::journal::fold;
use crate::journal::state::State;
use crate::launch::launch;
use crate::observe::{Counted, Look, Observations, Reading};
use crate::planted::{self, Bug};
use crate::store::{Append, AppendError, Attribution, Epoch, Journal, Lease, Line, Position, Record, StoreError};
use crate::uphold::uphold;
use model::{Name, Span, Subject, Time};
use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

/// How many inputs may wait for one service.
pub const INBOX_MAX: usize = 64;
/// How long a store that failed is left alone.
pub(crate) const STORE_PAUSE: Span = Span::seconds(1);
/// How long an append is waited for, before the journal is read again.
pub(crate) const APPEND_LIMIT: Span = Span::seconds(30);
/// A controller that was not heard of for so long was away, and looks before it acts.
pub(crate) const AWAY: Span = Span::seconds(10);

/// One service's place in the runner.
#[derive(Debug)]
pub struct Desk {
    pub(super) subject: Subject,
    facts: Arc<Facts>,
    /// The fold of what was read; `None` until everything was read.
    pub(super) state: Option<State>,
    /// A fold still being read.
    reading: Option<Box<State>>,
    read_asked: Option<Time>,
    pub(super) seen: Observations,
    sending: Sending,
    inbox: VecDeque<Input>,
    appending: Option<Appending>,
    /// When a failed store may be asked again.
    store_again: Time,
    pub(super) asked: Few<Looked, Asked>,
    pub(super) checkpointed_at: Time,
    pub(super) taken_over_at: Time,
    stepped_at: Option<Time>,
    pub(super) wake_at: Time,
    /// How far the wall clock has jumped, where that is not written yet.
    jumped: Span,
    /// Why this controller cannot look after the service.
    given_up: Option<String>,
    /// The number of the last append: answers to others are not about what is under way.
    appends: u64,
}

#[derive(Debug)]
struct Appending {
    since: Time,
    entries: Vec<(Time, Entry)>,
    input: Option<String>,
}

impl Desk {
    pub(super) fn new(subject: Subject, facts: Arc<Facts>, wake_at: Time) -> Self {
        Self {
            subject,
            facts,
            state: None,
            reading: None,
            read_asked: None,
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
            given_up: None,
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
    pub(super) fn gave_up(&self) -> bool {
        self.given_up.is_some()
    }

    pub(super) fn wake_at(&self) -> Time {
        self.wake_at
    }

    /// Everything known is forgotten: somebody else may have written.
    pub(super) fn forget(&mut self, now: Time, out: &mut Vec<Effect>) {
        if let Some(id) = self.appending.take().and_then(|appending| appending.input) {
            let why = "nobody knows whether it was written: ask again, with the same id".to_owned();
            out.push(Effect::Answer(self.subject.clone(), id, Err(Refused::NotWritten(why))));
        }
        let fresh = Desk::new(self.subject.clone(), Arc::clone(&self.facts), now);
        let inbox = std::mem::take(&mut self.inbox);
        let sending = std::mem::take(&mut self.sending);
        *self = Desk { inbox, sending, jumped: self.jumped, appends: self.appends, ..fresh };
    }

    pub(super) fn handle(
        &mut self,
        now: Time,
        lease: Option<(Lease, &str)>,
        may_read: bool,
        event: Option<Event>,
        out: &mut Vec<Effect>,
    ) {
        self.wake_at = now + LOOK_STANDING;
        let Some((lease, scope)) = lease else {
            // What was answered is taken in all the same; nothing is decided.
            if let Some(event) = event {
                self.take_in(now, event, out);
            }
            self.refuse_all(out);
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
        if self.given_up.is_some() {
            return;
        }
        if self.state.is_none() {
            self.read_on(now, may_read, out);
            return;
        }
        self.step(now, lease, scope, out);
        self.look_around(now, lease.epoch, out);
    }

    /// Without the lease nothing is promised to anybody.
    fn refuse_all(&mut self, out: &mut Vec<Effect>) {
        for input in self.inbox.drain(..) {
            out.push(Effect::Answer(self.subject.clone(), input.id, Err(Refused::NotLeader)));
        }
    }

    fn take_in(&mut self, now: Time, event: Event, out: &mut Vec<Effect>) {
        match event {
            Event::Read(_, read) => self.take_in_read(now, read, out),
            Event::Appended(_, serial, answer) if serial == self.appends => self.take_in_append(now, answer, out),
            // It is about an append that was given up: what came of it was read, or is being read.
            Event::Appended(..) => {}
            Event::Replied(_, target, generation, reply) => {
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
                    self.seen.router = Some(Look { at, seen });
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

    /// Whether the journal has to be read, and nobody reads it.
    pub(super) fn wants_to_read(&self) -> bool {
        self.state.is_none() && self.read_asked.is_none() && self.given_up.is_none()
    }

    /// Whether its journal is being read.
    pub(super) fn reads(&self) -> bool {
        self.state.is_none() && self.read_asked.is_some()
    }

    /// Whether the store has not answered yet.
    pub(super) fn awaits_the_store(&self) -> bool {
        self.reads() || self.appending.is_some()
    }

    fn read_on(&mut self, now: Time, may_read: bool, out: &mut Vec<Effect>) {
        let waits = self.read_asked.is_some_and(|asked| now.since(asked) < LOOK_LIMIT);
        if may_read && !waits && now >= self.store_again {
            self.read_asked = Some(now);
            let after = self.reading.as_ref().map_or(Position(0), |state| state.position);
            out.push(Effect::Read(self.subject.clone(), after));
        }
        self.wake_at = now + STORE_PAUSE;
    }

    fn take_in_read(&mut self, now: Time, read: Result<Journal, StoreError>, out: &mut Vec<Effect>) {
        self.read_asked = None;
        if self.state.is_some() {
            return;
        }
        let Journal { records, whole, checkpoint } = match read {
            Ok(read) => read,
            Err(error) => {
                self.store_again = now + STORE_PAUSE;
                out.push(Effect::Say(self.subject.clone(), error.to_string()));
                return;
            }
        };
        let mut state = self.reading.take().map(|state| *state).unwrap_or_default();
        for record in records {
            if record.position <= state.position {
                continue;
            }
            match replay(std::mem::take(&mut state), &record) {
                Ok(next) => state = next,
                Err(why) => {
                    let why = format!("entry {} of {}: {why}", record.position, self.subject);
                    out.push(Effect::Say(self.subject.clone(), why.clone()));
                    self.given_up = Some(why);
                    return;
                }
            }
        }
        if !whole {
            self.reading = Some(Box::new(state));
            return;
        }
        let counted: Counted = checkpoint.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
        self.seen = Observations::recovered(counted, self.facts.router.is_some(), state.position, state.elapsed(now));
        self.taken_over_at = now;
        self.asked.clear();
        self.state = Some(state);
    }

    fn take_in_append(&mut self, now: Time, answer: Result<Position, AppendError>, out: &mut Vec<Effect>) {
        let Some(appending) = self.appending.take() else { return };
        let refuse = |out: &mut Vec<Effect>, why: String| {
            if let Some(id) = appending.input.clone() {
                out.push(Effect::Answer(self.subject.clone(), id, Err(Refused::NotWritten(why))));
            }
        };
        match answer {
            Ok(position) => {
                let mut state = self.state.take().unwrap_or_default();
                for (at, entry) in &appending.entries {
                    match fold(std::mem::take(&mut state), *at, entry) {
                        Ok(next) => state = next,
                        Err(why) => {
                            // It was folded before it was appended: this cannot be. Read it anew.
                            out.push(Effect::Say(self.subject.clone(), why.to_string()));
                            self.reading = None;
                            return;
                        }
                    }
                }
                self.state = Some(state);
                if let Some(id) = appending.input {
                    out.push(Effect::Answer(self.subject.clone(), id, Ok(position)));
                }
            }
            Err(error @ (AppendError::Conflict(_) | AppendError::Ambiguous(_))) => {
                let written = matches!(error, AppendError::Ambiguous(_));
                refuse(out, "nobody knows whether it was written: ask again, with the same id".into());
                self.jumped = self.jumped + if written { Span::ZERO } else { unwritten_jump(&appending.entries) };
                self.state = None;
                self.reading = None;
            }
            Err(error @ AppendError::Fenced(_)) => {
                refuse(out, error.to_string());
                self.jumped = self.jumped + unwritten_jump(&appending.entries);
                self.state = None;
                self.reading = None;
            }
            Err(AppendError::Failed(error)) => {
                refuse(out, error.to_string());
                out.push(Effect::Say(self.subject.clone(), error.to_string()));
                self.jumped = self.jumped + unwritten_jump(&appending.entries);
                self.store_again = now + STORE_PAUSE;
            }
        }
    }

    /// Decides, and either writes or sends. What was decided beside entries is decided again once
    /// they are durable: the intent to act comes before the act.
    fn step(&mut self, now: Time, lease: Lease, scope: &str, out: &mut Vec<Effect>) {
        if self.appending.as_ref().is_some_and(|appending| now.since(appending.since) >= APPEND_LIMIT) {
            let why = "the store did not answer".to_owned();
            self.take_in_append(now, Err(AppendError::Ambiguous(why)), out);
            self.appends += 1;
        }
        self.note_first_look(now);
        let Some(state) = &self.state else { return };
        if self.jumped == Span::ZERO {
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
        for command in decision.commands {
            if self.sending.admit(&command, &self.facts, lease, now) {
                if let Act::Call { .. } = &command.act {
                    self.seen.called.insert(command.generation);
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
        if self.jumped > Span::ZERO {
            let by_ms = std::mem::take(&mut self.jumped).0;
            return (vec![Entry::ClockJumped { by_ms }], None, Decision::default());
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

    fn append(
        &mut self,
        now: Time,
        epoch: Epoch,
        scope: &str,
        entries: Vec<Entry>,
        input: Option<String>,
        out: &mut Vec<Effect>,
    ) {
        let Some(state) = &self.state else { return };
        let at = now.max(state.at);
        let lines = entries.iter().map(|entry| line(at, entry)).collect();
        let (subject, expected) = (self.subject.clone(), state.position);
        self.appends += 1;
        let append = Append { subject, expected, scope: scope.into(), epoch, lines };
        out.push(Effect::Append(append, self.appends));
        self.appending =
            Some(Appending { since: now, entries: entries.into_iter().map(|entry| (at, entry)).collect(), input });
    }

    /// The clock's jump is written before anything is decided by the new time.
    pub(super) fn jump(&mut self, by: Span) {
        self.sending.jump(by);
        if self.state.is_some() {
            self.jumped = self.jumped + by;
        }
    }

    /// The runner's time has moved ahead because of this service's own entries: they know already.
    pub(super) fn shift(&mut self, by: Span) {
        self.sending.jump(by);
    }
}

/// How far the clock jumped, by entries that were not written: it has to be said again.
fn unwritten_jump(entries: &[(Time, Entry)]) -> Span {
    entries.iter().fold(Span::ZERO, |sum, (_, entry)| match entry {
        Entry::ClockJumped { by_ms } => sum + Span(*by_ms),
        _ => sum,
    })
}

/// An entry as a store keeps it.
pub(super) fn line(at: Time, entry: &Entry) -> Line {
    let by = match entry {
        Entry::Asked { input } => input.by.clone(),
        _ => Attribution::engine(),
    };
    let body = serde_json::to_string(entry).unwrap_or_default();
    Line { at, by, kind: entry.kind().as_str().into(), version: ENTRY_VERSION, body }
}

/// The state after a record that was read.
fn replay(state: State, record: &Record) -> Result<State, String> {
    if record.line.version > ENTRY_VERSION {
        return Err(format!(
            "it was written by a newer Glidepath (entry version {}, this one knows {ENTRY_VERSION}): update this controller",
            record.line.version
        ));
    }
    let entry: Entry = serde_json::from_str(&record.line.body).map_err(|why| format!("it cannot be read: {why}"))?;
    fold(state, record.line.at, &entry).map_err(|why| why.to_string())
}
