//! The service that a seed stands for: any strategy, and everything that may go with it.

use crate::random::Random;
use crate::services::{check, flag, hook, migration, name, shop};
use model::check::Check;
use model::gate::{Approval, Gates, Webhook};
use model::intent::{Hold, Match};
use model::service::{
    Database, Drain, Health, Hook, HookPoint, Instances, Interruption, Probe, Repeat, Rollback, Service, Sticky,
    Traffic, UndecidedPolicy, UnwindingPolicy,
};
use model::strategy::{
    Ab, Amount, BlueGreen, Canary, CanaryStep, Growth, Plays, Recreate, Rolling, Shadow, Strategy, Variant,
};
use model::{Share, Span};

/// A service of this name.
pub(super) fn service(service_name: &str, random: &mut Random, autoscaled: bool) -> Service {
    let shop = shop();
    let routed = random.percent(85);
    let singleton = !routed && random.percent(30);
    let count = if singleton { 1 } else { u32::try_from(random.between(1, 6)).unwrap_or(1) };
    let sticky = random.percent(40).then(|| Sticky::Cookie("unit".into()));
    let traffic = shop.traffic.filter(|_| routed).map(|traffic| Traffic { sticky, ..traffic });
    let strategy = strategy(random, Traffics::of(traffic.as_ref()));
    let rise = u32::try_from(random.between(1, 3)).unwrap_or(1);
    let ready = shop.health.ready.map(|ready| Probe { rise, ..ready });
    Service {
        name: name(service_name),
        instances: Instances { count, singleton, autoscaled: autoscaled && !singleton },
        health: Health { ready, deadline: Span::seconds(15), ..shop.health },
        drain: Drain { deadline: Span(random.between(500, 4_000)), ..shop.drain },
        traffic,
        strategy,
        checks: checks(random, routed),
        gates: gates(random),
        hooks: hooks(random),
        flags: if random.percent(25) { vec![flag("new-checkout")] } else { Vec::new() },
        rollback: Rollback {
            window: if random.percent(75) { Span(random.between(5_000, 40_000)) } else { Span::ZERO },
            unwinding: if random.percent(65) {
                UnwindingPolicy::Sudden
            } else {
                UnwindingPolicy::Gradual { parts: 3, hold: Span(random.between(500, 6_000)) }
            },
        },
        undecided: UndecidedPolicy {
            wait: Span(random.between(5_000, 60_000)),
            exposure: if random.percent(50) { Share::percent(50) } else { Share::ALL },
        },
        interruption: if random.percent(70) { Interruption::GoAround } else { Interruption::Queue },
        database: database(random),
        ..shop
    }
}

fn checks(random: &mut Random, routed: bool) -> Vec<Check> {
    let mut checks = Vec::new();
    if routed && random.percent(70) {
        checks.push(check("errors", "gateway"));
    }
    if random.percent(50) {
        checks.push(check("numbers", "numbers"));
    }
    checks
}

fn gates(random: &mut Random) -> Gates {
    Gates {
        approval: random.percent(25).then(|| Approval {
            approvers: Vec::new(),
            count: u32::try_from(random.between(1, 2)).unwrap_or(1),
            timeout: Span(random.between(5_000, 40_000)),
        }),
        calendar: None,
        webhooks: if random.percent(10) {
            vec![Webhook { name: name("tickets"), url: "http://tickets".into(), timeout: Span::seconds(30) }]
        } else {
            Vec::new()
        },
    }
}

fn hooks(random: &mut Random) -> Vec<Hook> {
    let points = [
        HookPoint::Before,
        HookPoint::AfterStart,
        HookPoint::BeforeRoute,
        HookPoint::AfterRoute,
        HookPoint::BeforePromote,
        HookPoint::After,
        HookPoint::OnRollback,
    ];
    let mut hooks = Vec::new();
    for at in points {
        if random.percent(15) {
            let repeat = if random.percent(60) { Repeat::Safe } else { Repeat::Never };
            let attempts = u32::try_from(random.between(1, 2)).unwrap_or(1);
            let hook = hook(&format!("hook-{}", hooks.len()), at, repeat);
            let undo = hook.undo.filter(|_| random.percent(40));
            hooks.push(Hook { attempts, undo, ..hook });
        }
    }
    hooks
}

fn database(random: &mut Random) -> Option<Database> {
    let mut database = migration(true).filter(|_| random.percent(40))?;
    for migration in &mut database.migrations {
        migration.reversible = random.percent(75);
        migration.backfill = random.percent(50);
        migration.contract = random.percent(60);
        // Without a fence a longer one is refused.
        migration.timeout = Span::seconds(if random.percent(50) { 20 } else { 40 });
    }
    Some(database)
}

fn hold(random: &mut Random) -> Span {
    Span(if random.percent(25) { random.between(10_000, 30_000) } else { random.between(500, 6_000) })
}

/// What kind of traffic there is, as far as strategies care.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Traffics {
    None,
    ByRequest,
    Sticky,
}

impl Traffics {
    pub(super) fn of(traffic: Option<&Traffic>) -> Self {
        match traffic.map(|traffic| traffic.sticky.is_some()) {
            None => Self::None,
            Some(false) => Self::ByRequest,
            Some(true) => Self::Sticky,
        }
    }
}

/// A strategy that is possible with this traffic.
pub(super) fn strategy(random: &mut Random, traffic: Traffics) -> Strategy {
    let routed = traffic != Traffics::None;
    let kinds = match traffic {
        Traffics::None => 2,
        Traffics::ByRequest => 5,
        Traffics::Sticky => 6,
    };
    match random.between(0, kinds) {
        0 => Strategy::Recreate(Recreate { hold: if random.percent(50) { Hold::Maintenance } else { Hold::Parking } }),
        1 => Strategy::Rolling(Rolling {
            surge: Amount::Count(u32::try_from(random.between(1, 2)).unwrap_or(1)),
            unavailable: Amount::Count(u32::try_from(random.between(0, 1)).unwrap_or(0)),
            batch: Amount::Count(u32::try_from(random.between(1, 2)).unwrap_or(1)),
            min_ready: hold(random),
            checks: Vec::new(),
        }),
        2 | 3 => Strategy::Canary(canary(random, routed)),
        4 => Strategy::BlueGreen(BlueGreen {
            preview: Vec::new(),
            approve: random.percent(40),
            settle: hold(random),
            watch: hold(random),
            idle: random.percent(40).then_some(Amount::Count(1)),
            checks: Vec::new(),
        }),
        6 => Strategy::Ab(Ab {
            variants: vec![variant("control", Plays::Stable), variant("treatment", Plays::Candidate)],
            until: Span(random.between(5_000, 30_000)),
            otherwise: if random.percent(50) { name("control") } else { name("treatment") },
            checks: Vec::new(),
        }),
        _ => Strategy::Shadow(Shadow {
            share: Share::percent(20),
            methods: Vec::new(),
            hold: hold(random),
            instances: None,
            checks: Vec::new(),
        }),
    }
}

fn variant(text: &str, plays: Plays) -> Variant {
    Variant { name: name(text), plays, share: Share::percent(50), segments: Vec::new() }
}

fn canary(random: &mut Random, routed: bool) -> Canary {
    let mut weights = vec![Share::percent(5), Share::percent(25), Share::percent(50), Share::ALL];
    if random.percent(50) {
        weights.remove(0);
    }
    let steps = weights.into_iter().map(|weight| CanaryStep {
        weight: Some(weight),
        instances: None,
        cohort: if routed && random.percent(10) {
            vec![Match { cohort: Some("staff".into()), ..Match::default() }]
        } else {
            Vec::new()
        },
        hold: hold(random),
        approve: random.percent(10),
        checks: Vec::new(),
    });
    Canary { growth: Growth::Steps(steps.collect()), baseline: None }
}
