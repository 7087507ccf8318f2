//! Services to land: small, quick, and each with one thing of its own.

use engine::facts::Facts;
use model::check::{Check, Measure, Rule};
use model::gate::Gates;
use model::intent::{Hold, Match};
use model::plan::FlagSetting;
use model::service::{
    Artifact, Call, Database, Drain, FlagChange, Health, Hook, HookPoint, Instances, Interruption, Limits, Listen,
    Migration, Notification, Probe, ProbeKind, Repeat, Rollback, Run, Service, Sticky, Traffic, UndecidedPolicy,
    UnwindingPolicy,
};
use model::strategy::{
    Ab, Amount, BlueGreen, Canary, CanaryStep, Growth, Plays, Recreate, Rolling, Shadow, Strategy, Variant,
};
use model::{Name, Share, Span};
use std::collections::BTreeMap;

/// How long each share, each batch and each side is watched: long enough for the evidence to come.
const HOLD: Span = Span(1_800);

/// A name that is known to be one.
pub(crate) fn name(text: &str) -> Name {
    Name::new(text).unwrap_or_else(|why| unreachable!("{why}"))
}

/// A shop of two instances behind two routers, with one check, landed by a canary of two steps.
pub(crate) fn shop() -> Service {
    Service {
        name: name("shop"),
        environment: name("production"),
        place: name("local"),
        run: Run {
            version: "1.0.0".into(),
            artifact: Artifact::None,
            command: vec!["./shop".into()],
            env: BTreeMap::new(),
            secrets: BTreeMap::new(),
            directory: None,
            user: None,
        },
        instances: Instances { count: 2, singleton: false, autoscaled: false },
        health: Health {
            startup: None,
            ready: Some(Probe { kind: ProbeKind::Tcp, every: Span(250), timeout: Span(1_000), rise: 2, fall: 3 }),
            live: None,
            grace: Span::ZERO,
            warm_up: Span::ZERO,
            deadline: Span::seconds(5),
        },
        drain: Drain { spread: Span(500), deadline: Span(2_000), grace: Span::seconds(5) },
        limits: Limits { restarts: 3, ..Limits::default() },
        traffic: Some(Traffic {
            listen: vec![Listen { address: ":8080".into(), tls: None }],
            hosts: Vec::new(),
            paths: Vec::new(),
            sticky: None,
            matches: Vec::new(),
        }),
        strategy: canary(&[weight(20), weight(50)]),
        checks: vec![check("errors", "gateway")],
        gates: Gates::default(),
        hooks: Vec::new(),
        flags: Vec::new(),
        rollback: Rollback { window: Span::seconds(12), unwinding: UnwindingPolicy::Sudden },
        undecided: UndecidedPolicy { wait: Span::seconds(20), exposure: Share::ALL },
        interruption: Interruption::GoAround,
        database: None,
        notifications: vec![Notification { notifier: name("slack"), to: "#shop".into(), about: Vec::new() }],
    }
}

/// A worker: no traffic, and a check that needs none.
pub(crate) fn worker() -> Service {
    Service { traffic: None, checks: vec![check("numbers", "numbers")], ..shop() }
}

/// The same service without anything that asks, calls or changes other things: what lands before and
/// after the release that is tested.
pub(crate) fn plain(service: &Service) -> Service {
    let hooks = service.hooks.iter().filter(|hook| hook.at == HookPoint::OnRollback).cloned().collect();
    Service {
        checks: Vec::new(),
        gates: Gates::default(),
        hooks,
        flags: Vec::new(),
        database: None,
        notifications: Vec::new(),
        ..service.clone()
    }
}

pub(crate) fn by(strategy: Strategy) -> Service {
    Service { strategy, ..shop() }
}

pub(crate) fn of(count: u32, service: Service) -> Service {
    Service { instances: Instances { count, ..service.instances }, ..service }
}

pub(crate) fn sticky(mut service: Service) -> Service {
    if let Some(traffic) = &mut service.traffic {
        traffic.sticky = Some(Sticky::Cookie("unit".into()));
    }
    service
}

pub(crate) fn singleton(service: Service) -> Service {
    Service { instances: Instances { count: 1, singleton: true, autoscaled: false }, ..service }
}

pub(crate) fn window(seconds: u64, service: Service) -> Service {
    Service { rollback: Rollback { window: Span::seconds(seconds), ..service.rollback }, ..service }
}

pub(crate) fn gradual(service: Service) -> Service {
    let unwinding = UnwindingPolicy::Gradual { parts: 3, hold: Span(800) };
    Service { rollback: Rollback { unwinding, ..service.rollback }, ..service }
}

/// Everything that drivers can do, and a source of the service's own numbers.
pub(crate) fn facts() -> Facts {
    let mut facts = Facts::one_machine();
    facts.sources.insert(name("numbers"));
    facts
}

pub(crate) fn facts_without_router() -> Facts {
    Facts { router: None, ..facts() }
}

/// Routers that do not count open work: drains are timed.
pub(crate) fn facts_uncounted_work() -> Facts {
    let mut facts = facts();
    if let Some(router) = &mut facts.router {
        router.counts_open_work = false;
    }
    facts
}

/// An alias with two versions: one object is platform and router, nobody counts.
pub(crate) fn facts_alias() -> Facts {
    let mut facts = facts();
    make_an_alias(&mut facts);
    facts
}

/// An alias with two versions: one object is platform and router, nobody counts.
pub(crate) fn make_an_alias(facts: &mut Facts) {
    facts.platform.counted = false;
    facts.platform.releases_max = 3;
    if let Some(router) = &mut facts.router {
        router.releases_max = 2;
        router.counts_open_work = false;
        router.sticks = false;
        router.weight_step = Share::percent(1);
    }
}

/// A check by comparison.
pub(crate) fn check(text: &str, source: &str) -> Check {
    let rule = Rule::Comparison { measure: Measure::ErrorRate, alpha: Share::percent(1), margin: None };
    Check { name: name(text), source: name(source), rule, warm_up: Span::ZERO, dry_run: false }
}

pub(crate) fn recreate(hold: Hold) -> Strategy {
    Strategy::Recreate(Recreate { hold })
}

pub(crate) fn rolling(surge: u32, unavailable: u32, batch: u32) -> Strategy {
    Strategy::Rolling(Rolling {
        surge: Amount::Count(surge),
        unavailable: Amount::Count(unavailable),
        batch: Amount::Count(batch),
        min_ready: HOLD,
        checks: Vec::new(),
    })
}

pub(crate) fn blue_green() -> BlueGreen {
    BlueGreen { preview: Vec::new(), approve: false, settle: HOLD, watch: HOLD, idle: None, checks: Vec::new() }
}

pub(crate) fn canary(steps: &[CanaryStep]) -> Strategy {
    Strategy::Canary(Canary { growth: Growth::Steps(steps.to_vec()), baseline: None })
}

pub(crate) fn weight(percent: u16) -> CanaryStep {
    CanaryStep {
        weight: Some(Share::percent(percent)),
        instances: None,
        cohort: Vec::new(),
        hold: HOLD,
        approve: false,
        checks: Vec::new(),
    }
}

pub(crate) fn ramp(from: u16, to: u16, by: u16) -> Strategy {
    let (from, to, by) = (Share::percent(from), Share::percent(to), Share::percent(by));
    let growth = Growth::Ramp { from, to, by, every: HOLD, checks: Vec::new() };
    Strategy::Canary(Canary { growth, baseline: None })
}

pub(crate) fn ab(variants: &[(&str, Plays, u16)], otherwise: &str) -> Strategy {
    let variant = |(text, plays, percent): &(&str, Plays, u16)| Variant {
        name: name(text),
        plays: *plays,
        share: Share::percent(*percent),
        segments: Vec::new(),
    };
    Strategy::Ab(Ab {
        variants: variants.iter().map(variant).collect(),
        until: Span::seconds(6),
        otherwise: name(otherwise),
        checks: Vec::new(),
    })
}

pub(crate) fn shadow() -> Strategy {
    Strategy::Shadow(Shadow {
        share: Share::percent(20),
        methods: Vec::new(),
        hold: HOLD,
        instances: None,
        checks: Vec::new(),
    })
}

pub(crate) fn cohort(text: &str) -> Match {
    Match { cohort: Some(text.into()), headers: vec![("x-cohort".into(), Some(text.into()))], ..Match::default() }
}

/// A hook at every point of the plan.
pub(crate) fn hooks(repeat: Repeat) -> Vec<Hook> {
    let points = [
        HookPoint::Before,
        HookPoint::AfterStart,
        HookPoint::BeforeRoute,
        HookPoint::AfterRoute,
        HookPoint::BeforePromote,
        HookPoint::After,
    ];
    (1..).zip(points).map(|(number, at)| hook(&format!("hook-{number}"), at, repeat)).collect()
}

/// A hook that can be undone.
pub(crate) fn hook(text: &str, at: HookPoint, repeat: Repeat) -> Hook {
    Hook {
        name: name(text),
        at,
        call: Call::Command(vec!["true".into()]),
        timeout: Span::seconds(8),
        repeat,
        attempts: 1,
        undo: Some(Call::Command(vec!["false".into()])),
    }
}

pub(crate) fn migration(reversible: bool) -> Option<Database> {
    Some(Database {
        url: name("database-url"),
        migrations: vec![Migration {
            name: name("change"),
            file: "change.yaml".into(),
            reversible,
            backfill: reversible,
            contract: true,
            // Without a fence a longer one is refused.
            timeout: Span::seconds(20),
        }],
    })
}

pub(crate) fn flag(text: &str) -> FlagChange {
    let off = FlagSetting { variant: name("off"), share: Share::NONE };
    let on = FlagSetting { variant: name("on"), share: Share::ALL };
    FlagChange { flag: name(text), to: on, from: off }
}
