//! What a verb changes in what is wanted of a service. Fold applies it when a step begins, and
//! `plan` when it foretells.

use model::plan::{Capacity, Verb};
use model::{Intent, ReleaseNumber, Standing};

/// Applies what follows when a verb is done: drains are lifted then and not when it begins, because
/// until the target has acted, an older command may still stop what a drain keeps work from. Says
/// whether routers must hear of it.
pub fn finish(standing: &mut Standing, verb: &Verb) -> bool {
    match verb {
        Verb::Start { release, .. } => standing.drained_from.remove(release).is_some(),
        Verb::Stop { release, .. } => standing.forget_drained(*release),
        Verb::Route { .. }
        | Verb::Observe { .. }
        | Verb::Approve { .. }
        | Verb::Hook { .. }
        | Verb::Migrate { .. }
        | Verb::Flag { .. }
        | Verb::Drain { .. }
        | Verb::Notify { .. } => false,
    }
}

/// Applies a verb to what is wanted. `count` is what a Start's capacity came to.
pub fn apply(standing: &mut Standing, verb: &Verb, count: Option<u32>) {
    match verb {
        Verb::Start { release, capacity, .. } => {
            let count = count.unwrap_or(match capacity {
                Capacity::Count(count) => *count,
                Capacity::OfStable(_) => standing.capacity(*release),
            });
            standing.set_capacity(*release, count);
        }
        Verb::Route { intent } => standing.intent = intent.clone(),
        Verb::Drain { release, keep, .. } => {
            if *keep < standing.capacity(*release) {
                standing.drained_from.insert(*release, *keep);
            }
        }
        Verb::Stop { release, keep } => {
            let count = standing.capacity(*release).min(*keep);
            standing.set_capacity(*release, count);
            if count == 0 {
                standing.intent = without(&standing.intent, *release);
            }
        }
        Verb::Observe { .. }
        | Verb::Approve { .. }
        | Verb::Hook { .. }
        | Verb::Migrate { .. }
        | Verb::Flag { .. }
        | Verb::Notify { .. } => {}
    }
}

/// Whether a verb changes what routers must have: their table's generation moves on with it.
pub fn touches_table(standing: &Standing, verb: &Verb) -> bool {
    match verb {
        Verb::Route { .. } | Verb::Drain { .. } => true,
        // What is gone leaves the table, so that it is not drained still when it comes back.
        Verb::Stop { release, keep } => *keep == 0 && is_in_table(standing, *release),
        Verb::Start { .. }
        | Verb::Observe { .. }
        | Verb::Approve { .. }
        | Verb::Hook { .. }
        | Verb::Migrate { .. }
        | Verb::Flag { .. }
        | Verb::Notify { .. } => false,
    }
}

fn is_in_table(standing: &Standing, release: ReleaseNumber) -> bool {
    standing.drained_from.contains_key(&release) || standing.intent.lane(release).is_some()
}

/// The intent without a release that has no share of it; unchanged where it has one.
pub fn without(intent: &Intent, release: ReleaseNumber) -> Intent {
    let lanes: Vec<_> = intent.lanes().iter().filter(|lane| lane.release != release).cloned().collect();
    Intent::new(lanes, intent.hold()).unwrap_or_else(|_| intent.clone())
}
