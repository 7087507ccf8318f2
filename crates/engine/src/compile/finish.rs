//! From draft to plan: what the drivers must be able to do, and the policy that goes with the steps.

use super::draft::{self, Draft};
use super::foretell::foretell;
use super::refusal::{Code, Refusal};
use model::intent::Door;
use model::plan::{PLAN_VERSION, Plan, Policy, STEPS_MAX, Verb};
use model::service::HookPoint;
use model::standing::ClosingWork;
use model::strategy::StrategyName;
use model::{Intent, Standing, Watch};

/// What the service needs of its drivers, whatever the strategy.
pub(super) fn demand_drivers(draft: &mut Draft<'_>) {
    let (service, facts) = (draft.service, draft.facts);
    demand_router(draft);
    if service.instances.count == 0 {
        draft.refuse(Code::NoInstances, "a landing needs at least one instance", "set `instances` to 1 or more");
    }
    for check in &service.checks {
        if !facts.sources.contains(&check.source) {
            let known: Vec<&str> = facts.sources.iter().map(|source| source.as_str()).collect();
            draft.refuse(
                Code::UnknownSource,
                format!("check `{}` asks source `{}`, which is not there", check.name, check.source),
                format!("use one of {}, or configure the source", known.join(", ")),
            );
        }
        if check.source.as_str() == "gateway" && service.traffic.is_none() {
            draft.refuse(
                Code::CheckNeedsTraffic,
                format!("check `{}` measures traffic at the gateway, and the service has none", check.name),
                "ask another source, as `platform` or your metrics",
            );
        }
    }
    if !service.hooks.is_empty() && !facts.hooks {
        draft.refuse(
            Code::NoHooks,
            "hooks cannot be called from here",
            "take the hooks out, or land with a controller",
        );
    }
    if !draft.new_migrations().is_empty() && !facts.migrations {
        draft.refuse(Code::NoMigrations, "no database can be changed from here", "configure the database's secret");
    }
    if !service.flags.is_empty() && !facts.flags {
        draft.refuse(Code::NoFlags, "no flags can be set from here", "take `flags` out, or land with a controller");
    }
}

/// Traffic needs somebody who moves it as the service asks.
pub(super) fn demand_router(draft: &mut Draft<'_>) {
    if !draft.has_traffic() {
        return;
    }
    match draft.router().map(|router| router.sticks) {
        None => draft.refuse(
            Code::NoRouter,
            "the service has traffic, and nothing there moves it",
            "take `traffic` out, or land it where the gateway or another router runs",
        ),
        Some(false) if draft.is_sticky() => draft.refuse(
            Code::RouterCannotStick,
            "the service asks for sticky sessions, and the router splits by request only",
            "put the service behind the gateway, or take `sticky` out",
        ),
        Some(_) => {}
    }
}

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

/// The whole list that is due after the landing: what is taken over first.
fn closings(draft: &Draft<'_>, strategy: StrategyName) -> Vec<ClosingWork> {
    let Some(stable) = draft.stable() else { return Vec::new() };
    let candidate = draft.candidate();
    let mut works = Vec::new();
    for closing in &draft.standing.closings {
        let still = match &closing.work {
            ClosingWork::Retire(release) => {
                *release != candidate && *release != stable && draft.now().capacity(*release) > 0
            }
            // A release that serves again needs the old shape again.
            ClosingWork::Contract { old, .. } => *old < candidate,
        };
        if still {
            works.push(closing.work.clone());
        }
    }
    if draft.stays_warm {
        works.push(ClosingWork::Retire(stable));
    }
    if draft.kept == candidate && strategy != StrategyName::Return {
        let contracts = draft.new_migrations().into_iter().filter(|migration| migration.contract);
        works.extend(contracts.map(|m| ClosingWork::Contract { migration: m.name.clone(), old: stable }));
    }
    works
}
