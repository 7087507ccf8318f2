//! What stands when a rollout has ended. The last entry writes it in the same append.

use crate::journal::state::{Rollout, State};
use model::plan::Verb;
use model::standing::{Closing, ClosingWork, Standing, Warm};
use model::{ReleaseNumber, Span, Time};
use std::collections::BTreeMap;

/// What stands when the plan has been completed: the kept release serves, and what follows is due
/// when the rollback window has passed.
pub fn landed(state: &State, rollout: &Rollout, now: Time) -> Standing {
    let (plan, kept) = (&rollout.plan, rollout.kept());
    let mut standing = state.standing.clone();
    standing.release = Some(kept);
    // On the clock that deadlines count: a jump of the wall clock does not shorten the window.
    let elapsed = state.elapsed(now);
    let until = elapsed + plan.policy.rollback_window;
    let old = plan.stable().filter(|old| *old != kept);
    if let Some(old) = old {
        // This landing takes over the window of the one before: only one release is kept warm.
        standing.warm = (standing.capacity(old) > 0 && plan.policy.rollback_window > Span::ZERO).then_some(Warm {
            release: old,
            full_capacity: plan.before.capacity(old),
            until,
        });
    }
    if plan.stable() != Some(kept) {
        // The plan's list is the whole one: what earlier landings left behind is in it.
        let closings = plan
            .closings
            .iter()
            .map(|work| {
                let due = if has_begun(&standing, work) { elapsed } else { due(work, old, elapsed, until) };
                Closing { due, work: work.clone() }
            })
            .collect();
        standing.closings = closings;
    }
    if kept == plan.candidate {
        let brought = rollout.started.iter().filter_map(|number| plan.step(*number));
        standing.migrated.extend(brought.filter_map(|step| match &step.verb {
            Verb::Migrate { migration, .. } => Some(migration.clone()),
            _ => None,
        }));
    }
    let capacity = &standing.capacity;
    standing.closings.retain(|closing| still_right(&closing.work, kept, capacity));
    if old.is_some() {
        retire_the_forgotten(&mut standing, kept, until);
    }
    standing
}

/// Whatever else still runs (a person may have accepted more than one release after a halt) is not
/// kept for ever.
fn retire_the_forgotten(standing: &mut Standing, kept: ReleaseNumber, until: Time) {
    for release in standing.capacity.keys().filter(|release| **release != kept) {
        let work = ClosingWork::Retire(*release);
        if !standing.closings.iter().any(|closing| closing.work == work) {
            standing.closings.insert(0, Closing { due: until, work });
        }
    }
}

/// A contraction that has begun has no way back any more, whoever lands meanwhile: it is finished.
fn has_begun(standing: &Standing, work: &ClosingWork) -> bool {
    match work {
        ClosingWork::Contract { migration, .. } => standing.has_contracted(migration),
        ClosingWork::Retire(_) | ClosingWork::Shrink { .. } => false,
    }
}

/// Only one release is kept warm: the ones from before go at once.
fn due(work: &ClosingWork, old: Option<ReleaseNumber>, elapsed: Time, until: Time) -> Time {
    match work {
        ClosingWork::Retire(release) if Some(*release) != old => elapsed,
        ClosingWork::Shrink { .. } => elapsed,
        ClosingWork::Retire(_) | ClosingWork::Contract { .. } => until,
    }
}

/// A closing that would take away what now serves has lapsed.
fn still_right(work: &ClosingWork, kept: ReleaseNumber, capacity: &BTreeMap<ReleaseNumber, u32>) -> bool {
    match work {
        ClosingWork::Retire(release) => *release != kept && capacity.contains_key(release),
        ClosingWork::Shrink { release, keep } => capacity.get(release).is_some_and(|count| count > keep),
        ClosingWork::Contract { old, .. } => Some(kept) > *old,
    }
}

/// What stands when the way back has been taken: what stood before, as far as it was ours to change.
pub fn rolled_back(state: &State, rollout: &Rollout) -> Standing {
    let before = &rollout.plan.before;
    let mut standing = state.standing.clone();
    standing.release = before.release;
    standing.intent = before.intent.clone();
    standing.warm = before.warm.filter(|warm| standing.capacity(warm.release) > 0);
    standing.closings = before.closings.clone();
    let capacity = &standing.capacity;
    standing.closings.retain(|closing| match &closing.work {
        ClosingWork::Retire(release) => capacity.contains_key(release),
        ClosingWork::Shrink { release, keep } => capacity.get(release).is_some_and(|count| count > keep),
        ClosingWork::Contract { .. } => true,
    });
    standing
}
