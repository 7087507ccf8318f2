//! The way back: a plan made of the same verbs, over every step that was started, finished or not.

use crate::exposure;
use crate::facts::Facts;
use crate::planted::{self, Bug};
use model::gate::Gate;
use model::intent::{Door, Hold, Lane};
use model::plan::{Capacity, PLAN_VERSION, Phase, Plan, Step, StepNumber, Verb};
use model::service::{Hook, UnwindingPolicy};
use model::{Intent, Name, ReleaseNumber, Share, Span, Standing};
use std::collections::BTreeSet;
use std::fmt;

/// How long the undoing of a flag may take.
const FLAG_TIMEOUT: Span = Span::minutes(1);
/// How long the abort of a migration may take.
const ABORT_TIMEOUT: Span = Span::minutes(30);
/// How often each step of a way back is tried before it halts: going back is worth insisting on.
const BACK_ATTEMPTS: u32 = 5;

/// How far a rollout came.
#[derive(Clone, Copy, Debug)]
pub struct Started<'a> {
    /// The steps of the plan that were begun, in that order.
    pub steps: &'a [StepNumber],
    /// What is wanted now.
    pub standing: &'a Standing,
    /// Calls, migrations and flags that an earlier way back has taken back already.
    pub undone: &'a [Verb],
}

/// Why there is no way back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoWayBack {
    /// Work was admitted after a migration that cannot be aborted without loss.
    WouldLoseData {
        /// The migration.
        migration: Name,
        /// Whether the work came as traffic.
        routed: bool,
    },
}

impl fmt::Display for NoWayBack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WouldLoseData { migration, routed } => write!(
                f,
                "{} was admitted after migration `{migration}`, and aborting that would lose what was written since",
                if *routed { "traffic" } else { "work" }
            ),
        }
    }
}

impl std::error::Error for NoWayBack {}

/// The way back from here to what stood before.
pub fn unwind(plan: &Plan, started: &Started<'_>, facts: &Facts) -> Result<Plan, NoWayBack> {
    if let Some(migration) = lossy_migration(plan, started) {
        return Err(NoWayBack::WouldLoseData { migration, routed: plan.policy.routed });
    }
    let mut way = Way { plan, started, facts, undone: started.undone.iter().collect(), steps: Vec::new() };
    if plan.exclusive {
        way.hold_traffic();
        way.drain_and_stop_the_new();
        way.take_back_the_rest();
        way.start_the_old();
        way.route_back();
    } else {
        if !planted::is(Bug::RouteToStopped) {
            way.start_the_old();
        }
        way.route_back();
        way.drain_and_stop_the_new();
        way.take_back_the_rest();
    }
    way.call_rollback_hooks();
    Ok(Plan {
        version: PLAN_VERSION,
        strategy: plan.strategy,
        candidate: plan.candidate,
        before: started.standing.clone(),
        steps: way.steps,
        watches: Vec::new(),
        kept: plan.stable().unwrap_or(plan.candidate),
        exclusive: plan.exclusive,
        policy: plan.policy.clone(),
        closings: Vec::new(),
    })
}

/// The way back from a step, as foretold: every step up to it was started, in order.
pub fn way_back_from(plan: &Plan, step: StepNumber, facts: &Facts) -> Result<Plan, NoWayBack> {
    let mut standing = plan.before.clone();
    let mut steps = Vec::new();
    for (index, past) in plan.steps.iter().enumerate().take(usize::from(step.0) + 1) {
        if past.only_if.is_none() || past.only_if == plan.steps[usize::from(step.0)].only_if {
            crate::compile::foretell(&mut standing, plan.stable(), &past.verb);
            // Bounded by STEPS_MAX.
            steps.push(StepNumber(index as u16));
        }
    }
    unwind(plan, &Started { steps: &steps, standing: &standing, undone: &[] }, facts)
}

/// The first migration that cannot be taken back because work was admitted after it.
fn lossy_migration(plan: &Plan, started: &Started<'_>) -> Option<Name> {
    let mut lossy = None;
    for step in started.steps.iter().filter_map(|number| plan.step(*number)) {
        match &step.verb {
            Verb::Migrate { migration, reversible: false, .. } if lossy.is_none() => lossy = Some(migration.clone()),
            verb if lossy.is_some() && exposure::admits(plan, verb) => return lossy,
            _ => {}
        }
    }
    None
}

struct Way<'a> {
    plan: &'a Plan,
    started: &'a Started<'a>,
    facts: &'a Facts,
    /// What was taken back already and not come by yet.
    undone: Vec<&'a Verb>,
    steps: Vec<Step>,
}

impl Way<'_> {
    fn push(&mut self, verb: Verb, timeout: Span) {
        self.push_once(verb, timeout, BACK_ATTEMPTS);
    }

    /// What was taken back already is left out, as often as that was: an undo is not to be repeated
    /// because of a step behind it that failed.
    fn push_once(&mut self, verb: Verb, timeout: Span, attempts: u32) {
        if let Some(done) = self.undone.iter().position(|undone| **undone == verb) {
            self.undone.remove(done);
        } else {
            self.steps.push(Step { verb, timeout, attempts, only_if: None });
        }
    }

    /// A call is tried as often as its owner said, on the way back too.
    fn push_hook(&mut self, hook: Hook, undo: bool) {
        let (timeout, attempts) = (hook.timeout, hook.attempts.max(1));
        self.push_once(Verb::Hook { hook, undo }, timeout, attempts);
    }

    fn was_started(&self, wanted: impl Fn(&Verb) -> bool) -> bool {
        self.started.steps.iter().filter_map(|number| self.plan.step(*number)).any(|step| wanted(&step.verb))
    }

    /// Where old and new must not meet, nobody is served while they change places. An earlier way back
    /// may have come to its end with that.
    fn hold_traffic(&mut self) {
        if self.started.standing.intent == self.plan.before.intent {
            return;
        }
        let holds = self.facts.router.as_ref().is_some_and(|router| router.holds);
        let routed = self.was_started(|verb| matches!(verb, Verb::Route { .. }));
        if holds && routed && self.started.standing.intent.hold().is_none() {
            let intent = self.started.standing.intent.clone().with_hold(Some(Hold::Maintenance));
            self.push(Verb::Route { intent }, self.plan.policy.route_timeout);
        }
    }

    /// Every release that served before has its capacity again, and is seen ready.
    fn start_the_old(&mut self) {
        let before = &self.plan.before;
        let touched = self.was_started(|verb| {
            matches!(verb, Verb::Route { .. } | Verb::Stop { .. } | Verb::Drain { .. } | Verb::Start { .. })
        });
        if !touched {
            return;
        }
        for (release, count) in &before.capacity {
            let now = self.started.standing.capacity(*release);
            let shrunk = now < *count;
            let drained = self.started.standing.drained_from.get(release) != before.drained_from.get(release);
            let serves = before.intent.reaches(*release);
            if shrunk || drained || serves {
                // What an autoscaler has made of it meanwhile is kept, where nobody shrank it.
                let capacity = match Some(*release) == self.plan.stable() {
                    _ if shrunk => Capacity::Count(*count),
                    true => Capacity::OfStable(Share::ALL),
                    // What it has too much is drained and stopped, never taken away by a Start: before
                    // this where the two must not meet, after it otherwise.
                    false if self.plan.exclusive => Capacity::Count(*count),
                    false => Capacity::Count(now),
                };
                let verb = Verb::Start { release: *release, capacity, rise: self.plan.policy.rise };
                self.push(verb, self.plan.policy.start_timeout);
            }
        }
    }

    /// One Route to what was before (several only where policy says gradual): weights that were
    /// passed are not revisited.
    fn route_back(&mut self) {
        if !self.was_started(|verb| matches!(verb, Verb::Route { .. })) {
            return;
        }
        if planted::is(Bug::WeightsRevisited) {
            self.route_back_gradually(3, Span::ZERO);
        }
        if let UnwindingPolicy::Gradual { parts, hold } = self.plan.policy.unwinding
            && !self.plan.exclusive
        {
            self.route_back_gradually(parts, hold);
        }
        let intent = self.closing_the_new();
        self.push(Verb::Route { intent }, self.plan.policy.route_timeout);
    }

    /// What was before, with the lanes that came since closed: their units move once. Where the new is
    /// gone by then, nothing is left to move.
    fn closing_the_new(&self) -> Intent {
        let before = &self.plan.before.intent;
        if before.lanes().is_empty() {
            return before.clone();
        }
        let mut lanes = before.lanes().to_vec();
        for lane in self.started.standing.intent.lanes() {
            let running = if self.plan.exclusive { &self.plan.before } else { self.started.standing };
            if before.lane(lane.release).is_none() && running.capacity(lane.release) > 0 {
                lanes.push(Lane::closed(lane.release));
            }
        }
        Intent::new(lanes, before.hold()).unwrap_or_else(|_| before.clone())
    }

    /// The new releases' share falls in even parts, so that a cold stable is not overrun.
    fn route_back_gradually(&mut self, parts: u16, hold: Span) {
        let Some(stable) = self.plan.stable() else { return };
        let now = &self.started.standing.intent;
        for part in (1..parts).rev() {
            let mut lanes = Vec::new();
            let mut given = Share::NONE;
            for lane in now.lanes().iter().filter(|lane| lane.release != stable) {
                let points = u32::from(lane.share.basis_points()) * u32::from(part) / u32::from(parts);
                let share = Share::of(points, 10_000);
                given = given.plus(share);
                lanes.push(Lane { share, matches: Vec::new(), door: Door::Open, ..lane.clone() });
            }
            if given.is_none() {
                return;
            }
            lanes.push(Lane::open(stable, given.rest()));
            if let Ok(intent) = Intent::new(lanes, None) {
                self.push(Verb::Route { intent }, self.plan.policy.route_timeout);
                let observe = Verb::Observe { hold, checks: Vec::new(), sources: Vec::new() };
                self.push(observe, self.plan.policy.route_timeout);
            }
        }
    }

    /// Whatever has more instances than before is drained to that, then stopped.
    fn drain_and_stop_the_new(&mut self) {
        let now: Vec<(ReleaseNumber, u32)> =
            self.started.standing.capacity.iter().map(|(release, count)| (*release, *count)).collect();
        for (release, count) in now {
            let keep = self.plan.before.capacity(release);
            if count > keep {
                let drain = self.plan.policy.drain;
                if !planted::is(Bug::StoppedWithoutDrain) {
                    self.push(Verb::Drain { release, keep, end: drain }, self.plan.policy.route_timeout);
                }
                self.push(Verb::Stop { release, keep }, self.plan.policy.stop_timeout);
            }
        }
    }

    /// Flags, hooks and migrations are taken back, the last first.
    fn take_back_the_rest(&mut self) {
        let mut aborted = BTreeSet::new();
        for number in self.started.steps.iter().rev() {
            let Some(step) = self.plan.step(*number) else { continue };
            match &step.verb {
                Verb::Flag { flag, to, only_from: Some(from) } => {
                    let back = Verb::Flag {
                        flag: flag.clone(),
                        to: from.clone(),
                        only_from: Some(to.clone()).filter(|_| !planted::is(Bug::KillUndone)),
                    };
                    self.push(back, FLAG_TIMEOUT);
                }
                Verb::Hook { hook, undo: false } if hook.undo.is_some() => {
                    self.push_hook(hook.clone(), true);
                }
                Verb::Migrate { migration, reversible, .. } if aborted.insert(migration.clone()) => {
                    let (migration, reversible) = (migration.clone(), *reversible);
                    self.push(Verb::Migrate { migration, phase: Phase::Abort, reversible }, ABORT_TIMEOUT);
                }
                Verb::Approve {
                    gate: Gate::Person { .. } | Gate::Decision { .. } | Gate::Webhook { .. } | Gate::Calendar(_),
                }
                | Verb::Start { .. }
                | Verb::Route { .. }
                | Verb::Observe { .. }
                | Verb::Hook { .. }
                | Verb::Migrate { .. }
                | Verb::Flag { .. }
                | Verb::Drain { .. }
                | Verb::Stop { .. }
                | Verb::Notify { .. } => {}
            }
        }
    }

    fn call_rollback_hooks(&mut self) {
        if self.started.steps.is_empty() {
            return;
        }
        for hook in self.plan.policy.on_rollback.clone() {
            self.push_hook(hook, false);
        }
    }
}
