//! What a desk looks at, and when: the platform, the routers, the sources of its checks, its gate.

use super::Effect;
use super::desk::Desk;
use crate::driver::Question;
use crate::few::Few;
use crate::journal::state::Rollout;
use crate::journal::table::Phase;
use crate::store::{Epoch, Position};
use model::gate::Gate;
use model::plan::Verb;
use model::{CheckName, Name, Span, Time};

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
/// After so long without a full look deadlines fire all the same: somebody stays blind.
pub(crate) const FIRST_LOOK_MAX: Span = Span::minutes(1);

/// The source that a platform's looks are.
const PLATFORM_SOURCE: &str = "platform";

/// What is looked at.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Looked {
    Platform,
    Router,
    Source(Name),
    Gate,
}

/// When it was asked for last.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    at: Time,
    pub(super) answered: bool,
}

/// When to ask again: soon after an answer, and not at once where none came.
fn due(asked: Option<&Asked>, every: Span, now: Time) -> Time {
    match asked {
        None => now,
        Some(asked) if asked.answered => asked.at + every,
        Some(asked) => asked.at + LOOK_LIMIT,
    }
}

impl Desk {
    pub(super) fn note_first_look(&mut self, now: Time) {
        if self.seen.looked {
            return;
        }
        let fresh = |at: Option<Time>| at.is_some_and(|at| at >= self.taken_over_at);
        let platform = fresh(self.seen.platform.as_ref().map(|look| look.at));
        let router = !self.seen.routed || fresh(self.seen.router.as_ref().map(|look| look.at));
        let sources = self.sources_needed().keys().all(|source| fresh(self.seen.sources.get(*source).copied()));
        self.seen.looked = (platform && router && sources) || now.since(self.taken_over_at) >= FIRST_LOOK_MAX;
    }

    fn rollout(&self) -> Option<&Rollout> {
        self.state.as_ref().and_then(|state| state.rollout.as_deref())
    }

    /// Which sources have to be asked which checks.
    fn sources_needed(&self) -> Few<&Name, Vec<&CheckName>> {
        let mut needed = Few::new();
        let Some(rollout) = self.rollout() else { return needed };
        if rollout.back.is_some() || rollout.halted.is_some() {
            return needed;
        }
        let observing = rollout.step().filter(|_| rollout.doing.is_some()).map(|step| &step.verb);
        if !rollout.exposed() && !matches!(observing, Some(Verb::Observe { .. })) {
            return needed;
        }
        for watch in &rollout.plan.watches {
            need(&mut needed, &watch.source, Some(&watch.check));
        }
        if let Some(Verb::Observe { sources, checks, .. }) = observing {
            for source in sources {
                need(&mut needed, source, None);
            }
            self.add_unwatched(&mut needed, checks);
        }
        needed
    }

    /// Checks that only a step asks are looked up in the release's own configuration.
    fn add_unwatched<'a>(&'a self, needed: &mut Few<&'a Name, Vec<&'a CheckName>>, checks: &[CheckName]) {
        let Some(rollout) = self.rollout() else { return };
        let Some(release) = self.state.as_ref().and_then(|state| state.release(rollout.plan.candidate)) else { return };
        for check in release.service.checks.iter().filter(|check| checks.contains(&check.name)) {
            need(needed, &check.source, Some(&check.name));
        }
    }

    /// Asks for whatever was not looked at for long enough.
    pub(super) fn look_around(&mut self, now: Time, epoch: Epoch, out: &mut Vec<Effect>) {
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
        self.ask_sources(now, out);
        self.ask_gate(now, out);
        self.checkpoint(now, epoch, out);
    }

    /// Names are copied only for what is due: this is done after everything that happens.
    fn ask_sources(&mut self, now: Time, out: &mut Vec<Effect>) {
        let mut questions = Vec::new();
        let mut wake_at = self.wake_at;
        for (source, checks) in &self.sources_needed() {
            if source.as_str() == PLATFORM_SOURCE && checks.is_empty() {
                continue;
            }
            let is_it = |looked: &Looked| matches!(looked, Looked::Source(name) if name == *source);
            let asked = self.asked.iter().find(|(looked, _)| is_it(looked)).map(|(_, asked)| asked);
            let due = due(asked, ASK_EVERY, now);
            if due <= now {
                questions.extend(self.question(checks).map(|question| ((*source).clone(), question)));
            } else {
                wake_at = wake_at.min(due);
            }
        }
        self.wake_at = wake_at;
        for (source, question) in questions {
            self.ask(Looked::Source(source.clone()), ASK_EVERY, now);
            out.push(Effect::AskSource(source, question, now));
        }
    }

    /// Whether this is to be looked at now; if so it counts as asked.
    fn ask(&mut self, looked: Looked, every: Span, now: Time) -> bool {
        let due = due(self.asked.get(&looked), every, now);
        if due <= now {
            self.asked.insert(looked, Asked { at: now, answered: false });
            self.wake_at = self.wake_at.min(now + every);
            return true;
        }
        self.wake_at = self.wake_at.min(due);
        false
    }

    fn question(&self, checks: &[&CheckName]) -> Option<Question> {
        let rollout = self.rollout()?;
        Some(Question {
            subject: self.subject.clone(),
            rollout: rollout.number,
            candidate: rollout.plan.candidate,
            stable: rollout.plan.stable(),
            generation: rollout.doing.as_ref().map_or(Position(0), |doing| doing.generation),
            checks: checks.iter().map(|check| (*check).clone()).collect(),
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

/// Sorted and without doubles.
fn need<'a>(needed: &mut Few<&'a Name, Vec<&'a CheckName>>, source: &'a Name, check: Option<&'a CheckName>) {
    if needed.get(&source).is_none() {
        needed.insert(source, Vec::new());
    }
    if let (Some(checks), Some(check)) = (needed.get_mut(&source), check)
        && let Err(place) = checks.binary_search(&check)
    {
        checks.insert(place, check);
    }
}

/// The same as a name.
pub(super) fn platform_source() -> Name {
    Name::new(PLATFORM_SOURCE).unwrap_or_else(|why| unreachable!("{why}"))
}
