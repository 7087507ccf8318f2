//! What a seed stands for: a service, its releases and how they behave, what the drivers can do.

use crate::random::Random;
use crate::router::member_name;
use crate::target::Tag;
use crate::world::{Behaviour, Member, SimFlag, World};
use engine::command::Table;
use engine::facts::{Facts, Fence};
use model::check::{Check, Measure, Rule};
use model::gate::{Approval, Gates, Webhook};
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
use model::{Digest, Name, Release, ReleaseNumber, Share, Span, Time};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What a seed stands for.
pub struct Scenario {
    /// The service, as its first release was configured.
    pub service: Service,
    /// What the drivers can do.
    pub facts: Facts,
    /// How many routers there are.
    pub members: u64,
    /// Whether an autoscaler owns the number of instances.
    pub autoscaled: bool,
    /// Whether the seed is about what seldom happens: halts, pauses, waits on the way back.
    pub troubled: bool,
}

/// A name that is known to be one.
pub fn name(text: &str) -> Name {
    Name::new(text).unwrap_or_else(|why| unreachable!("{why}"))
}

impl Scenario {
    /// The scenario of a seed, for a service of this name.
    pub fn new(service_name: &str, random: &mut Random) -> Self {
        let autoscaled = random.percent(15);
        let mut facts = facts(random);
        facts.sources.insert(name("numbers"));
        let mut service = Service { name: name(service_name), ..service(random, autoscaled) };
        if service.traffic.is_none() {
            facts.router = None;
        }
        if facts.router.as_ref().is_some_and(|router| !router.sticks)
            && let Some(traffic) = &mut service.traffic
        {
            traffic.sticky = None;
        }
        if facts.migrations == Some(Fence::None) {
            // Without a fence a longer one is refused.
            let migrations = service.database.iter_mut().flat_map(|database| &mut database.migrations);
            migrations.for_each(|migration| migration.timeout = Span::seconds(20));
        }
        let members = if facts.router.is_some() { random.between(1, 3) } else { 0 };
        let troubled = random.percent(72);
        if troubled {
            trouble(&mut service, random);
        }
        Self { service, facts, members, autoscaled, troubled }
    }

    /// Puts the scenario into a world.
    pub fn furnish(&self, world: &mut World) {
        for number in 0..self.members {
            world.members.push(Member {
                name: member_name(usize::try_from(number).unwrap_or(0)),
                tag: Tag::default(),
                table: Table::default(),
                silent_until: Time(0),
            });
        }
        world.troubled = self.troubled;
        if self.autoscaled {
            world.autoscaled = Some(self.service.instances.count);
        }
        for change in &self.service.flags {
            let flag = SimFlag { setting: change.from.clone(), killed: false, tag: Tag::default() };
            world.flags.insert(change.flag.clone(), flag);
        }
    }

    /// A release of the service: a little different each time.
    pub fn release(&self, number: u32, random: &mut Random, world: &mut World) -> Arc<Release> {
        let release = ReleaseNumber(number);
        let behaviour = if number == 1 {
            Behaviour::Good
        } else {
            match random.between(0, 19) {
                0..=11 => Behaviour::Good,
                12..=13 => Behaviour::NeverReady,
                14 => Behaviour::CrashLoop,
                15..=16 => Behaviour::Bad,
                _ => Behaviour::BadAfter(Span(random.between(2_000, 20_000))),
            }
        };
        world.behaviours.insert(release, behaviour);
        let mut service = self.service.clone();
        service.run.version = format!("1.{number}.0");
        if number > 1 && random.percent(60) {
            service.strategy = strategy(random, Traffics::of(service.traffic.as_ref()));
        }
        if let Some(database) = &mut service.database {
            for migration in &mut database.migrations {
                migration.name = name(&format!("change-{number}"));
            }
        }
        for flag in &mut service.flags {
            flag.from = match world.flags.get(&flag.flag) {
                Some(sim) if !sim.killed => sim.setting.clone(),
                Some(_) | None => flag.from.clone(),
            };
            flag.to = FlagSetting { variant: name(&format!("v{number}")), share: Share::ALL };
        }
        let artifact = Digest::of(format!("artifact {number}").as_bytes());
        Arc::new(Release { number: release, artifact, service, secrets: BTreeMap::new(), variants: BTreeMap::new() })
    }
}

/// A service whose landings often wait, halt and go back slowly.
fn trouble(service: &mut Service, random: &mut Random) {
    if random.percent(60) {
        let hold = Span(random.between(2_000, 6_000));
        service.rollback.unwinding = UnwindingPolicy::Gradual { parts: 4, hold };
    }
    service.undecided.wait = Span(random.between(40_000, 90_000));
    service.undecided.exposure = Share::ALL;
    for migration in service.database.iter_mut().flat_map(|database| &mut database.migrations) {
        migration.reversible = random.percent(25);
    }
}

fn facts(random: &mut Random) -> Facts {
    let mut facts = Facts::one_machine();
    let fences = [Fence::Compare, Fence::Compare, Fence::Tagged, Fence::Tagged, Fence::None];
    facts.platform.fence = *random.pick(&fences);
    if let Some(router) = &mut facts.router {
        router.fence = *random.pick(&fences);
        if random.percent(25) {
            router.counts_open_work = false;
        }
    }
    if random.percent(12) {
        // An alias with two versions: one object is platform and router, nobody counts.
        facts.platform.counted = false;
        facts.platform.releases_max = 3;
        if let Some(router) = &mut facts.router {
            router.releases_max = 2;
            router.counts_open_work = false;
            router.sticks = false;
            router.weight_step = Share::percent(1);
        }
    }
    facts.hooks = Some(*random.pick(&fences));
    facts.migrations = Some(*random.pick(&fences));
    facts.flags = Some(*random.pick(&fences));
    facts
}

fn service(random: &mut Random, autoscaled: bool) -> Service {
    let routed = random.percent(85);
    let singleton = !routed && random.percent(30);
    let count = if singleton { 1 } else { u32::try_from(random.between(1, 6)).unwrap_or(1) };
    let sticky = random.percent(40).then(|| Sticky::Cookie("unit".into()));
    let traffic = routed.then(|| Traffic {
        listen: vec![Listen { address: ":8080".into(), tls: None }],
        hosts: Vec::new(),
        paths: Vec::new(),
        sticky,
        matches: Vec::new(),
    });
    let strategy = strategy(random, Traffics::of(traffic.as_ref()));
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
        instances: Instances { count, singleton, autoscaled: autoscaled && !singleton },
        health: Health {
            startup: None,
            ready: Some(Probe {
                kind: ProbeKind::Tcp,
                every: Span(250),
                timeout: Span(1_000),
                rise: u32::try_from(random.between(1, 3)).unwrap_or(1),
                fall: 3,
            }),
            live: None,
            grace: Span::ZERO,
            warm_up: Span::ZERO,
            deadline: Span::seconds(15),
        },
        drain: Drain { spread: Span(500), deadline: Span(random.between(500, 4_000)), grace: Span::seconds(5) },
        limits: Limits { restarts: 3, ..Limits::default() },
        traffic,
        strategy,
        checks: checks(random, routed),
        gates: gates(random),
        hooks: hooks(random),
        flags: flags(random),
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
        notifications: vec![Notification { notifier: name("slack"), to: "#shop".into(), about: Vec::new() }],
    }
}

fn checks(random: &mut Random, routed: bool) -> Vec<Check> {
    let check = |text: &str, source: &str| Check {
        name: name(text),
        source: name(source),
        rule: Rule::Comparison { measure: Measure::ErrorRate, alpha: Share::percent(1), margin: None },
        warm_up: Span::ZERO,
        dry_run: false,
    };
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
            hooks.push(Hook {
                name: name(&format!("hook-{}", hooks.len())),
                at,
                call: Call::Command(vec!["true".into()]),
                timeout: Span::seconds(8),
                repeat: if random.percent(60) { Repeat::Safe } else { Repeat::Never },
                attempts: u32::try_from(random.between(1, 2)).unwrap_or(1),
                undo: random.percent(40).then(|| Call::Command(vec!["false".into()])),
            });
        }
    }
    hooks
}

fn flags(random: &mut Random) -> Vec<FlagChange> {
    if !random.percent(25) {
        return Vec::new();
    }
    let off = FlagSetting { variant: name("off"), share: Share::NONE };
    let on = FlagSetting { variant: name("on"), share: Share::ALL };
    vec![FlagChange { flag: name("new-checkout"), to: on, from: off }]
}

fn database(random: &mut Random) -> Option<Database> {
    random.percent(40).then(|| Database {
        url: name("database-url"),
        migrations: vec![Migration {
            name: name("change-1"),
            file: "change.yaml".into(),
            reversible: random.percent(75),
            backfill: random.percent(50),
            contract: random.percent(60),
            timeout: Span::seconds(40),
        }],
    })
}

fn hold(random: &mut Random) -> Span {
    Span(if random.percent(25) { random.between(10_000, 30_000) } else { random.between(500, 6_000) })
}

/// What kind of traffic there is, as far as strategies care.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Traffics {
    None,
    ByRequest,
    Sticky,
}

impl Traffics {
    fn of(traffic: Option<&Traffic>) -> Self {
        match traffic.map(|traffic| traffic.sticky.is_some()) {
            None => Self::None,
            Some(false) => Self::ByRequest,
            Some(true) => Self::Sticky,
        }
    }
}

fn strategy(random: &mut Random, traffic: Traffics) -> Strategy {
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
