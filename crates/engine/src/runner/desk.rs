//! One service's place in the runner: what was read, seen, sent and asked, and nothing decided.

use super::sending::Sending;
use super::{Effect, Event, Refused};
use crate::command::Act;
use crate::decide::{Decision, decide};
use crate::driver::{Answer, Question};
use crate::facts::Facts;
use crate::hear::{DeclinedReason, hear};
use crate::journal::entry::{ENTRY_VERSION, Entry, Input};
use crate::journal::fold;
use crate::journal::state::{Rollout, State};
use crate::journal::table::Phase;
use crate::launch::launch;
use crate::observe::{Counted, Look, Observations, Reading};
use crate::planted::{self, Bug};
use crate::store::{Append, AppendError, Attribution, Epoch, Lease, Line, Position, Record, StoreError};
use crate::uphold::uphold;
use model::gate::Gate;
use model::plan::Verb;
use model::{CheckName, Name, Span, Subject, Time};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// How many inputs may wait for one service.
pub const INBOX_MAX: usize = 64;
/// How often a service is looked at while a step is waited for.
pub(crate) const LOOK_BUSY: Span = Span(250);
/// How often a service is looked at while a rollout runs.
pub(crate) const LOOK_LANDING: Span = Span::seconds(1);
/// How often a service is looked at otherwise.
pub(crate) const LOOK_STANDING: Span = Span::seconds(10);
/// How long an answer to a look is waited for.
pub(crate) const LOOK_LIMIT: Span = Span::seconds(5);
/// How often a source is asked.
pub(crate) const ASK_EVERY: Span = Span::seconds(1);
/// How often a gate is asked.
pub(crate) const GATE_EVERY: Span = Span::seconds(5);
/// How often counted time is kept.
pub(crate) const CHECKPOINT_EVERY: Span = Span::seconds(5);
/// How long a store that failed is left alone.
pub(crate) const STORE_PAUSE: Span = Span::seconds(1);
/// After so long without a full look deadlines fire all the same: somebody stays blind.
pub(crate) const FIRST_LOOK_MAX: Span = Span::minutes(1);
/// A controller that was not heard of for so long was away, and looks before it acts.
pub(crate) const AWAY: Span = Span::seconds(10);

/// One service's place in the runner.
#[derive(Debug)]
pub struct Desk {
    subject: Subject,
    facts: Facts,
    /// The fold of what was read; `None` until everything was read.
    state: Option<State>,
    /// A fold still being read.
    reading: Option<State>,
    read_asked: Option<Time>,
    seen: Observations,
    sending: Sending,
    inbox: VecDeque<Input>,
    appending: Option<Appending>,
    /// When a failed store may be asked again.
    store_again: Time,
    asked: BTreeMap<Looked, Asked>,
    checkpointed_at: Time,
    taken_over_at: Time,
    stepped_at: Option<Time>,
    wake_at: Time,
    /// How far the wall clock has jumped, where that is not written yet.
    jumped: Span,
    /// Why this controller cannot look after the service.
    given_up: Option<String>,
}

#[derive(Debug)]
struct Appending {
    entries: Vec<(Time, Entry)>,
    input: Option<String>,
}

/// What is looked at.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Looked {
    Platform,
    Router,
    Source(Name),
    Gate,
}

#[derive(Clone, Copy, Debug)]
struct Asked {
    at: Time,
    answered: bool,
}

impl Desk {
    pub(super) fn new(subject: Subject, facts: Facts, wake_at: Time) -> Self {
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
            asked: BTreeMap::new(),
            checkpointed_at: Time(0),
            taken_over_at: Time(0),
            stepped_at: None,
            wake_at,
            jumped: Span::ZERO,
            given_up: None,
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

    pub(super) fn wake_at(&self) -> Time {
        self.wake_at
    }

    /// Everything known is forgotten: somebody else may have written.
    pub(super) fn forget(&mut self, now: Time) {
        let fresh = Desk::new(self.subject.clone(), self.facts.clone(), now);
        let inbox = std::mem::take(&mut self.inbox);
        *self = Desk { inbox, sending: std::mem::take(&mut self.sending), ..fresh };
    }

    pub(super) fn handle(
        &mut self,
        now: Time,
        lease: Option<(Lease, &str)>,
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
            self.read_on(now, out);
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
            Event::Appended(_, answer) => self.take_in_append(now, answer, out),
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
            Event::Leased(_) | Event::Tick => {}
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

    fn read_on(&mut self, now: Time, out: &mut Vec<Effect>) {
        let waits = self.read_asked.is_some_and(|asked| now.since(asked) < LOOK_LIMIT);
        if !waits && now >= self.store_again {
            self.read_asked = Some(now);
            let after = self.reading.as_ref().map_or(Position(0), |state| state.position);
            out.push(Effect::Read(self.subject.clone(), after));
        }
        self.wake_at = now + STORE_PAUSE;
    }

    fn take_in_read(
        &mut self,
        now: Time,
        read: Result<(Vec<Record>, Option<String>), StoreError>,
        out: &mut Vec<Effect>,
    ) {
        self.read_asked = None;
        if self.state.is_some() {
            return;
        }
        let (records, checkpoint) = match read {
            Ok(read) => read,
            Err(error) => {
                self.store_again = now + STORE_PAUSE;
                out.push(Effect::Say(self.subject.clone(), error.to_string()));
                return;
            }
        };
        let mut state = self.reading.take().unwrap_or_default();
        // A store may answer with fewer than were asked for: only nothing is the end.
        let more = !records.is_empty();
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
        if more {
            self.reading = Some(state);
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
            Err(AppendError::Conflict(_) | AppendError::Ambiguous(_)) => {
                refuse(out, "nobody knows whether it was written: ask again, with the same id".into());
                self.state = None;
                self.reading = None;
            }
            Err(error @ AppendError::Fenced(_)) => {
                refuse(out, error.to_string());
                self.state = None;
                self.reading = None;
            }
            Err(AppendError::Failed(error)) => {
                refuse(out, error.to_string());
                out.push(Effect::Say(self.subject.clone(), error.to_string()));
                self.store_again = now + STORE_PAUSE;
            }
        }
    }

    /// Decides, and either writes or sends. What was decided beside entries is decided again once
    /// they are durable: the intent to act comes before the act.
    fn step(&mut self, now: Time, lease: Lease, scope: &str, out: &mut Vec<Effect>) {
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
        out.push(Effect::Append(Append { subject, expected, scope: scope.into(), epoch, lines }));
        self.appending = Some(Appending { entries: entries.into_iter().map(|entry| (at, entry)).collect(), input });
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

    fn note_first_look(&mut self, now: Time) {
        if self.seen.looked {
            return;
        }
        let fresh = |at: Option<Time>| at.is_some_and(|at| at >= self.taken_over_at);
        let platform = fresh(self.seen.platform.as_ref().map(|look| look.at));
        let router = !self.seen.routed || fresh(self.seen.router.as_ref().map(|look| look.at));
        let sources = self.sources_needed().keys().all(|source| fresh(self.seen.sources.get(source).copied()));
        self.seen.looked = (platform && router && sources) || now.since(self.taken_over_at) >= FIRST_LOOK_MAX;
    }

    fn rollout(&self) -> Option<&Rollout> {
        self.state.as_ref().and_then(|state| state.rollout.as_deref())
    }

    /// Which sources have to be asked which checks.
    fn sources_needed(&self) -> BTreeMap<Name, BTreeSet<CheckName>> {
        let mut needed: BTreeMap<Name, BTreeSet<CheckName>> = BTreeMap::new();
        let Some(rollout) = self.rollout() else { return needed };
        if rollout.back.is_some() || rollout.halted.is_some() {
            return needed;
        }
        let observing = rollout.step().filter(|_| rollout.doing.is_some()).map(|step| &step.verb);
        if !rollout.exposed() && !matches!(observing, Some(Verb::Observe { .. })) {
            return needed;
        }
        for watch in &rollout.plan.watches {
            needed.entry(watch.source.clone()).or_default().insert(watch.check.clone());
        }
        if let Some(Verb::Observe { sources, checks, .. }) = observing {
            for source in sources {
                needed.entry(source.clone()).or_default();
            }
            self.add_unwatched(&mut needed, checks);
        }
        needed
    }

    /// Checks that only a step asks are looked up in the release's own configuration.
    fn add_unwatched(&self, needed: &mut BTreeMap<Name, BTreeSet<CheckName>>, checks: &[CheckName]) {
        let Some(rollout) = self.rollout() else { return };
        let Some(release) = self.state.as_ref().and_then(|state| state.release(rollout.plan.candidate)) else { return };
        for check in release.service.checks.iter().filter(|check| checks.contains(&check.name)) {
            needed.entry(check.source.clone()).or_default().insert(check.name.clone());
        }
    }

    /// Asks for whatever was not looked at for long enough.
    fn look_around(&mut self, now: Time, epoch: Epoch, out: &mut Vec<Effect>) {
        let Some(state) = &self.state else { return };
        let every = match state.phase() {
            _ if !self.seen.looked => LOOK_BUSY,
            Phase::Doing | Phase::Undecided | Phase::PausedDoing | Phase::BackDoing | Phase::BackUndecided => {
                let observing = self.rollout().and_then(Rollout::step).map(|step| &step.verb);
                if matches!(observing, Some(Verb::Observe { .. } | Verb::Approve { .. })) {
                    LOOK_LANDING
                } else {
                    LOOK_BUSY
                }
            }
            Phase::Between | Phase::BackBetween => LOOK_BUSY,
            Phase::Paused | Phase::Halted => LOOK_LANDING,
            Phase::Standing if state.closing.is_some() => LOOK_LANDING,
            Phase::Standing => LOOK_STANDING,
        };
        let subject = self.subject.clone();
        if self.ask(Looked::Platform, every, now) {
            out.push(Effect::LookAtPlatform(subject.clone(), now));
        }
        if self.seen.routed && self.ask(Looked::Router, every, now) {
            out.push(Effect::LookAtRouter(subject.clone(), now));
        }
        for (source, checks) in self.sources_needed() {
            if source == platform_source() && checks.is_empty() {
                continue;
            }
            if self.ask(Looked::Source(source.clone()), ASK_EVERY, now)
                && let Some(question) = self.question(checks)
            {
                out.push(Effect::AskSource(source, question, now));
            }
        }
        self.ask_gate(now, out);
        self.checkpoint(now, epoch, out);
    }

    /// Whether this is to be looked at now; if so it counts as asked.
    fn ask(&mut self, looked: Looked, every: Span, now: Time) -> bool {
        let due = match self.asked.get(&looked) {
            None => now,
            Some(asked) if asked.answered => asked.at + every,
            Some(asked) => asked.at + LOOK_LIMIT,
        };
        if due <= now {
            self.asked.insert(looked, Asked { at: now, answered: false });
            self.wake_at = self.wake_at.min(now + every);
            return true;
        }
        self.wake_at = self.wake_at.min(due);
        false
    }

    fn question(&self, checks: BTreeSet<CheckName>) -> Option<Question> {
        let rollout = self.rollout()?;
        Some(Question {
            subject: self.subject.clone(),
            rollout: rollout.number,
            candidate: rollout.plan.candidate,
            stable: rollout.plan.stable(),
            generation: rollout.doing.as_ref().map_or(Position(0), |doing| doing.generation),
            checks: checks.into_iter().collect(),
        })
    }

    fn ask_gate(&mut self, now: Time, out: &mut Vec<Effect>) {
        let Some(rollout) = self.rollout() else { return };
        let (Some(doing), Some(step)) = (&rollout.doing, rollout.step()) else { return };
        let Verb::Approve { gate: gate @ Gate::Webhook { .. } } = &step.verb else { return };
        let (generation, gate) = (doing.generation, gate.clone());
        if self.ask(Looked::Gate, GATE_EVERY, now) {
            out.push(Effect::AskGate(self.subject.clone(), generation, gate));
        }
    }

    fn checkpoint(&mut self, now: Time, epoch: Epoch, out: &mut Vec<Effect>) {
        let Some(state) = &self.state else { return };
        if self.seen.counted.span == Span::ZERO || now.since(self.checkpointed_at) < CHECKPOINT_EVERY {
            return;
        }
        let observing = self.rollout().is_some_and(|rollout| {
            rollout.doing.as_ref().is_some_and(|doing| doing.generation == self.seen.counted.generation)
        });
        if observing && let Ok(body) = serde_json::to_string(&self.seen.counted) {
            out.push(Effect::Checkpoint(self.subject.clone(), state.position, epoch, body));
            self.checkpointed_at = now;
        }
    }
}

/// The source that a platform's looks are.
fn platform_source() -> Name {
    Name::new("platform").unwrap_or_else(|why| unreachable!("{why}"))
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
