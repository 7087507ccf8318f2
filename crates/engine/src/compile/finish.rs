//! From draft to plan: whether it fits the drivers at every step, and the policy that goes with it.

use super::draft::{self, Draft};
use super::foretell::foretell;
use super::refusal::{Code, Refusal};
use model::intent::Door;
use model::plan::{PLAN_VERSION, Plan, Policy, STEPS_MAX, Verb};
use model::service::HookPoint;
use model::standing::ClosingWork;
use model::strategy::StrategyName;
use model::{Intent, Standing, Watch};

/// The plan, or all the reasons against it.
pub(super) fn finish(mut draft: Draft<'_>, strategy: StrategyName) -> Result<Plan, Refusal> {
    demand_room(&mut draft);
    if !draft.reasons.is_empty() {
        return Err(Refusal { reasons: draft.reasons });
    }
    let closings = closings(&draft, strategy);
    let policy = policy(&draft, strategy);
    Ok(Plan {
        version: PLAN_VERSION,
        strategy,
        candidate: draft.candidate(),
        before: draft.standing.clone(),
        watches: watches(&draft, strategy),
        kept: draft.kept,
        exclusive: draft.exclusive,
        policy,
        closings,
        steps: draft.steps,
    })
}

/// The plan must fit the platform and the router at every step, whichever release a decision keeps.
fn demand_room(draft: &mut Draft<'_>) {
    if draft.steps.len() > STEPS_MAX {
        draft.refuse(
            Code::TooManySteps,
            format!("the plan would have {} steps, and {STEPS_MAX} are the most", draft.steps.len()),
            "use fewer or larger steps",
        );
        return;
    }
    let peak = peak(draft);
    let platform = &draft.facts.platform;
    let (releases_max, instances_max) = (platform.releases_max, platform.instances_max);
    if peak.releases > releases_max {
        draft.refuse(
            Code::PlatformReleases,
            format!("{} releases would run side by side, and the platform can run {releases_max}", peak.releases),
            "use `recreate`, or wait until the warm release is gone",
        );
    }
    if let Some(most) = instances_max.filter(|most| peak.instances > u64::from(*most)) {
        draft.refuse(
            Code::PlatformInstances,
            format!("{} instances would run at the peak, and the platform has room for {most}", peak.instances),
            "use `rolling` with a small surge, or `recreate`, or fewer instances",
        );
    }
    if let Some(most) = draft.router().map(|router| router.releases_max).filter(|most| peak.lanes > *most) {
        draft.refuse(
            Code::RouterReleases,
            format!("traffic would go to {} releases at once, and the router can split over {most}", peak.lanes),
            "use `recreate` or `blue-green`, or put the service behind the gateway",
        );
    }
}

#[derive(Default)]
struct Peak {
    releases: u32,
    instances: u64,
    lanes: u32,
}

impl Peak {
    fn see(&mut self, standing: &Standing) {
        // A standing has a handful of releases.
        self.releases = self.releases.max(standing.capacity.len() as u32);
        self.instances = self.instances.max(standing.capacity.values().map(|count| u64::from(*count)).sum());
        self.lanes = self.lanes.max(lanes(&standing.intent));
    }
}

/// The releases that an intent lets anything reach.
fn lanes(intent: &Intent) -> u32 {
    let used = intent.lanes().iter().filter(|lane| {
        lane.door == Door::Pinned || !lane.share.is_none() || !lane.matches.is_empty() || !lane.mirror.is_none()
    });
    used.count() as u32
}

/// The most of everything that this plan itself brings about: what stood before is not its doing.
fn peak(draft: &Draft<'_>) -> Peak {
    let mut peak = Peak::default();
    let ends: Vec<_> = if draft.choices.is_empty() { vec![draft.kept] } else { draft.choices.clone() };
    for end in ends {
        let mut standing = draft.standing.clone();
        for step in draft.steps.iter().filter(|step| step.only_if.is_none_or(|kept| kept == end)) {
            foretell(&mut standing, draft.stable(), &step.verb);
            if matches!(step.verb, Verb::Start { .. } | Verb::Route { .. }) {
                peak.see(&standing);
            }
        }
    }
    peak
}

fn watches(draft: &Draft<'_>, strategy: StrategyName) -> Vec<Watch> {
    if strategy == StrategyName::Return {
        // Nothing takes a service back to the release that it is being taken from.
        return Vec::new();
    }
    let acted_on = draft.service.checks.iter().filter(|check| !check.dry_run);
    acted_on.map(|check| Watch { check: check.name.clone(), source: check.source.clone() }).collect()
}

fn policy(draft: &Draft<'_>, strategy: StrategyName) -> Policy {
    let service = draft.service;
    let on_rollback = service.hooks.iter().filter(|hook| hook.at == HookPoint::OnRollback);
    let going_forward = strategy != StrategyName::Return;
    Policy {
        undecided: service.undecided.clone(),
        interruption: service.interruption,
        unwinding: service.rollback.unwinding.clone(),
        rollback_window: service.rollback.window,
        warm_capacity: draft.warm_capacity,
        drain: draft::drain_end(service, draft.router()),
        rise: draft::rise(service),
        start_timeout: draft::start_timeout(service),
        stop_timeout: draft::stop_timeout(service),
        route_timeout: draft::ROUTE_TIMEOUT,
        routed: draft.has_traffic(),
        on_rollback: on_rollback.filter(|_| going_forward).cloned().collect(),
    }
}

/// The whole list of what follows the landing: what is taken over first.
fn closings(draft: &Draft<'_>, strategy: StrategyName) -> Vec<ClosingWork> {
    let candidate = draft.candidate();
    let mut works = taken_over(draft);
    works.extend(draft.stable().filter(|_| draft.stays_warm).map(ClosingWork::Retire));
    if draft.kept == candidate && strategy != StrategyName::Return {
        // Any other release that may be kept needs the old shape as well as stable does.
        let others = draft.choices.iter().copied().filter(|choice| *choice != candidate);
        let old = others.chain(draft.stable()).max();
        let contracts = draft.to_contract(&works).into_iter();
        works.extend(contracts.map(|m| ClosingWork::Contract { migration: m.name.clone(), old }));
    }
    works
}

/// What earlier landings left, as far as it is still right when this one has ended.
pub(super) fn taken_over(draft: &Draft<'_>) -> Vec<ClosingWork> {
    let candidate = draft.candidate();
    let still = |work: &ClosingWork| match work {
        ClosingWork::Retire(release) => {
            *release != candidate && Some(*release) != draft.stable() && draft.now().capacity(*release) > 0
        }
        // What is shrunk is stable, and that goes altogether.
        ClosingWork::Shrink { .. } => false,
        // A release that serves again needs the old shape again.
        ClosingWork::Contract { old, .. } => *old < Some(candidate),
    };
    draft.standing.closings.iter().map(|closing| closing.work.clone()).filter(still).collect()
}
