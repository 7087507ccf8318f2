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
    let until = now + plan.policy.rollback_window;
    let old = plan.stable().filter(|old| *old != kept);
    if let Some(old) = old {
        // This landing takes over the window of the one before: only one release is kept warm.
        standing.warm = (standing.capacity(old) > 0 && plan.policy.rollback_window > Span::ZERO).then_some(Warm {
            release: old,
            full_capacity: plan.before.capacity(old),
            until,
        });
        for closing in &mut standing.closings {
            closing.due = match &closing.work {
                ClosingWork::Retire(_) => now,
                ClosingWork::Contract { .. } => until,
            };
        }
        standing.closings.extend(plan.closings.iter().map(|work| Closing { due: until, work: work.clone() }));
    }
    if kept == plan.candidate {
        // No later plan brings these again, and no later way back takes them from what serves.
        standing.migrated.extend(plan.steps.iter().filter_map(|step| match &step.verb {
            Verb::Migrate { migration, .. } => Some(migration.clone()),
            _ => None,
        }));
    }
    let capacity = &standing.capacity;
    standing.closings.retain(|closing| still_right(&closing.work, kept, capacity));
    standing
}

/// A closing that would take away what now serves has lapsed.
fn still_right(work: &ClosingWork, kept: ReleaseNumber, capacity: &BTreeMap<ReleaseNumber, u32>) -> bool {
    match work {
        ClosingWork::Retire(release) => *release != kept && capacity.contains_key(release),
        ClosingWork::Contract { old, .. } => kept > *old,
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
    standing.closings.retain(|closing| match &closing.work {
        ClosingWork::Retire(release) => standing.capacity.contains_key(release),
        ClosingWork::Contract { .. } => true,
    });
    standing
}
