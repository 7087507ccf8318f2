//! From which step on anything but stable has work: the one place that says so.

use model::plan::{Plan, Verb};
use model::{Intent, ReleaseNumber};

/// Whether requests, or copies of them, may reach anything but stable from this step on.
pub(crate) fn exposes(plan: &Plan, verb: &Verb) -> bool {
    gives_work(plan, verb, Intent::reaches)
}

/// Whether anything but stable may do work that counts from this step on: what answers a copy writes
/// nothing that anybody would miss.
pub(crate) fn admits(plan: &Plan, verb: &Verb) -> bool {
    gives_work(plan, verb, Intent::exposes)
}

/// Without traffic a release works as soon as it runs.
fn gives_work(plan: &Plan, verb: &Verb, gets: impl Fn(&Intent, ReleaseNumber) -> bool) -> bool {
    let is_new = |release: ReleaseNumber| Some(release) != plan.stable();
    match verb {
        Verb::Route { intent } => intent.lanes().iter().any(|lane| is_new(lane.release) && gets(intent, lane.release)),
        Verb::Start { release, .. } => !plan.policy.routed && is_new(*release),
        Verb::Observe { .. }
        | Verb::Approve { .. }
        | Verb::Hook { .. }
        | Verb::Migrate { .. }
        | Verb::Flag { .. }
        | Verb::Drain { .. }
        | Verb::Stop { .. }
        | Verb::Notify { .. } => false,
    }
}
