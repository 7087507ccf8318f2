//! What a service's journal adds up to.

use super::entry::{Cause, Ending};
use super::table::Phase;
use crate::command::Target;
use crate::exposure;
use crate::store::Position;
use model::plan::{Phase as MigrationPhase, Plan, Step, StepNumber, Verb};
use model::standing::ClosingWork;
use model::{Digest, Name, Release, ReleaseNumber, RolloutNumber, Span, Standing, Time};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

/// How many input ids are remembered, so that an input sent twice is heard once.
pub const HEARD_MAX: usize = 256;
/// How many releases are kept to return to, besides those that run.
pub const RELEASES_MAX: usize = 20;

/// The state of one service: a fold over its journal, and nothing else.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct State {
    /// The last entry's position.
    pub position: Position,
    /// The last entry's time; no `now` is earlier.
    pub at: Time,
    /// How far the wall clock has jumped forward in all: deadlines do not count it.
    pub jumped: Span,
    /// How far the wall clock is behind the entries' time, because it was put back.
    pub behind: Span,
    /// What is wanted now.
    pub standing: Standing,
    /// The newest entry that changed each target's wanted state: the generation of its commands.
    pub generations: Generations,
    /// Releases that were observed ready since they last had no instance.
    pub proven: BTreeSet<ReleaseNumber>,
    /// The snapshots that may be needed again, by number.
    pub releases: BTreeMap<ReleaseNumber, Arc<Release>>,
    /// The rollout that runs or has halted.
    pub rollout: Option<Box<Rollout>>,
    /// What is to land next; of several only the newest.
    pub waiting: Option<Waiting>,
    /// The closing that has begun.
    pub closing: Option<ClosingRun>,
    /// How often, and when last, each release was brought back to its capacity.
    pub restored: BTreeMap<ReleaseNumber, (Time, u32)>,
    /// How many rollouts there were.
    pub rollouts: u32,
    /// How the last one ended.
    pub last: Option<(RolloutNumber, Ending)>,
    /// The inputs heard last.
    pub heard: VecDeque<String>,
}

/// The generation of what each target should have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Generations {
    /// Each release's capacity.
    pub capacity: BTreeMap<ReleaseNumber, Position>,
    /// The routers' table.
    pub table: Position,
}

/// What is to land next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// The release.
    pub release: ReleaseNumber,
    /// Whether it is a way back to a release that was landed before.
    pub returning: bool,
}

/// A closing that has begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClosingRun {
    /// Which.
    pub work: ClosingWork,
    /// When, on the clock that deadlines count.
    pub since: Time,
    /// Its generation.
    pub generation: Position,
    /// Whether the old release has been drained and is being stopped.
    pub stopping: bool,
}

/// A rollout that runs or has halted.
#[derive(Clone, Debug, PartialEq)]
pub struct Rollout {
    /// Its number.
    pub number: RolloutNumber,
    /// When it was accepted.
    pub accepted_at: Time,
    /// What is done.
    pub plan: Arc<Plan>,
    /// The plan's digest, which approvals bind.
    pub digest: Digest,
    /// The way back, once it is taken.
    pub back: Option<Back>,
    /// The next or current step, of the way back where that is taken.
    pub cursor: StepNumber,
    /// How often the current step was begun.
    pub attempt: u32,
    /// When the current step's last attempt ended, or the step before it.
    pub since: Time,
    /// The attempt that goes on.
    pub doing: Option<Doing>,
    /// The steps of the plan that were begun, in that order; of the way back none.
    pub started: Vec<StepNumber>,
    /// The release that a decision kept.
    pub chosen: Option<ReleaseNumber>,
    /// Since when no further step begins, on the clock that deadlines count.
    pub paused: Option<Time>,
    /// Times, checks and persons are skipped.
    pub promoted: bool,
    /// The current step is skipped.
    pub skipped: bool,
    /// Why it should go around, said by a person and not done yet.
    pub turn: Option<Cause>,
    /// Who said yes to the current attempt.
    pub approvals: Vec<String>,
    /// Why the last attempt failed, if it did.
    pub failed: Option<String>,
    /// The call that may still run although its attempt was given up. There is never more than one: the
    /// next call begins only when it has ended.
    pub unanswered: Option<Unanswered>,
    /// Calls, migrations and flags that a way back has taken back: another way back leaves them out.
    pub undone: Vec<Verb>,
    /// Why it has halted.
    pub halted: Option<String>,
    /// After a halt: what a person accepted as standing.
    pub accepted: Option<Box<Standing>>,
}

/// A way back that is taken.
#[derive(Clone, Debug, PartialEq)]
pub struct Back {
    /// Why.
    pub cause: Cause,
    /// What is done.
    pub plan: Arc<Plan>,
}

/// An attempt at a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Doing {
    /// The position of its Began: the generation of its commands.
    pub generation: Position,
    /// When it began, on the clock that deadlines count.
    pub since: Time,
    /// For Start: how many instances.
    pub count: Option<u32>,
    /// Until when a person is waited for, and what is not known.
    pub undecided: Option<(Time, String)>,
}

/// A call of a hook or a migration that was given up before its answer was heard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unanswered {
    /// What was called.
    pub target: Target,
    /// By the attempt that began here.
    pub generation: Position,
    /// How long it runs at the most.
    pub limit: Span,
    /// When it was given up, on the clock that deadlines count: it was not called after that.
    pub given_up: Time,
}

impl Rollout {
    /// No attempt goes on any more. What it called may do so for a while.
    pub(super) fn give_up(&mut self, now: Time) {
        let Some(doing) = self.doing.take() else { return };
        let called = self.step().and_then(|step| Target::called_by(&step.verb, doing.generation));
        if let Some((target, limit)) = called {
            self.unanswered = Some(Unanswered { target, generation: doing.generation, limit, given_up: now });
        }
    }

    /// The plan whose steps are done now: the plan, or the way back.
    pub fn current(&self) -> &Arc<Plan> {
        self.back.as_ref().map_or(&self.plan, |back| &back.plan)
    }

    /// The current step, or none where all are done.
    pub fn step(&self) -> Option<&Step> {
        self.current().step(self.cursor)
    }

    /// The cursor moved over the steps that a decision left out.
    pub fn skip_unchosen(&mut self) {
        let kept = self.kept();
        while self.step().is_some_and(|step| step.only_if.is_some_and(|only| only != kept)) {
            self.cursor.0 += 1;
        }
    }

    /// The release that serves when the plan is completed.
    pub fn kept(&self) -> ReleaseNumber {
        self.chosen.unwrap_or(self.plan.kept)
    }

    /// Whether finishing is the only way: the old release was stopped in part, or a migration cannot
    /// be taken back. Newer releases then wait.
    pub fn past_return(&self) -> bool {
        self.started.iter().filter_map(|number| self.plan.step(*number)).any(|step| match &step.verb {
            Verb::Stop { release, .. } => Some(*release) == self.plan.stable(),
            Verb::Migrate { reversible, .. } => !reversible,
            Verb::Start { .. }
            | Verb::Route { .. }
            | Verb::Observe { .. }
            | Verb::Approve { .. }
            | Verb::Hook { .. }
            | Verb::Flag { .. }
            | Verb::Drain { .. }
            | Verb::Notify { .. } => false,
        })
    }

    /// Whether requests, or copies of them, may have reached the candidate. Without traffic it works as
    /// soon as it runs.
    pub fn exposed(&self) -> bool {
        let mut started = self.started.iter().filter_map(|number| self.plan.step(*number));
        started.any(|step| exposure::exposes(&self.plan, &step.verb))
    }
}

impl Rollout {
    /// The migrations that have come through their phases, and that no way back has begun to abort.
    pub fn migrated(&self) -> BTreeSet<Name> {
        let begun = self.started.last().copied();
        let behind = |step: StepNumber| match &self.back {
            // The last one that began may not have come to its end.
            Some(_) => begun.is_some_and(|last| step < last),
            None => step < self.cursor,
        };
        let (mut through, mut not_yet) = (BTreeSet::new(), self.aborting());
        for (index, step) in self.plan.steps.iter().enumerate() {
            match &step.verb {
                Verb::Migrate { phase: MigrationPhase::Abort, .. } => {}
                // Bounded by STEPS_MAX.
                Verb::Migrate { migration, .. } if behind(StepNumber(index as u16)) => {
                    through.insert(migration.clone());
                }
                Verb::Migrate { migration, .. } => {
                    not_yet.insert(migration.clone());
                }
                Verb::Start { .. }
                | Verb::Route { .. }
                | Verb::Observe { .. }
                | Verb::Approve { .. }
                | Verb::Hook { .. }
                | Verb::Flag { .. }
                | Verb::Drain { .. }
                | Verb::Stop { .. }
                | Verb::Notify { .. } => {}
            }
        }
        through.difference(&not_yet).cloned().collect()
    }

    /// The migrations whose abort has begun: by this way back, by one before it, or because a decision
    /// kept another release.
    fn aborting(&self) -> BTreeSet<Name> {
        let begun = usize::from(self.cursor.0) + usize::from(self.attempt > 0);
        let back = self.back.iter().flat_map(|back| back.plan.steps.iter().take(begun)).map(|step| &step.verb);
        let forth = self.started.iter().filter_map(|number| self.plan.step(*number)).map(|step| &step.verb);
        let aborts = back.chain(forth).chain(&self.undone).filter_map(|verb| match verb {
            Verb::Migrate { migration, phase: MigrationPhase::Abort, .. } => Some(migration.clone()),
            _ => None,
        });
        aborts.collect()
    }
}

impl State {
    /// Where the journal stands.
    pub fn phase(&self) -> Phase {
        let Some(rollout) = &self.rollout else { return Phase::Standing };
        if rollout.halted.is_some() {
            return Phase::Halted;
        }
        match (&rollout.doing, rollout.back.is_some()) {
            (None, true) => Phase::BackBetween,
            (Some(Doing { undecided: Some(_), .. }), true) => Phase::BackUndecided,
            (Some(_), true) => Phase::BackDoing,
            (None, false) if rollout.paused.is_some() => Phase::Paused,
            (None, false) => Phase::Between,
            (Some(Doing { undecided: Some(_), .. }), false) => Phase::Undecided,
            (Some(_), false) if rollout.paused.is_some() => Phase::PausedDoing,
            (Some(_), false) => Phase::Doing,
        }
    }

    /// The time that deadlines count, at this `now`: without the clock's jumps.
    pub fn elapsed(&self, now: Time) -> Time {
        Time(now.0.saturating_sub(self.jumped.0))
    }

    /// The time that calendars go by, at this `now`: what the wall clock shows.
    pub fn wall(&self, now: Time) -> Time {
        Time(now.0.saturating_sub(self.behind.0))
    }

    /// The snapshot of a release.
    pub fn release(&self, number: ReleaseNumber) -> Option<&Arc<Release>> {
        self.releases.get(&number)
    }
}
