//! Services to make plans for.

use engine::facts::{Facts, Fence, PlatformFacts, RouterFacts};
use model::check::{Bound, Check, Measure, Rule};
use model::gate::{Approval, Calendar, Gates, Webhook, Window};
use model::intent::{Hold, Match};
use model::plan::FlagSetting;
use model::service::*;
use model::standing::{Closing, ClosingWork, Standing, Warm};
use model::strategy::*;
use model::*;
use std::collections::BTreeMap;

pub(crate) fn name(text: &str) -> Name {
    Name::new(text).expect("a test's names are valid")
}

pub(crate) fn number(number: u32) -> ReleaseNumber {
    ReleaseNumber(number)
}

/// A web shop of four instances with three checks, landed by a canary of three steps.
pub(crate) fn shop() -> Service {
    Service {
        name: name("shop"),
        environment: name("production"),
        place: name("local"),
        run: Run {
            version: "2.4.1".into(),
            artifact: Artifact::Path("build/shop.tar".into()),
            command: vec!["./shop".into()],
            env: BTreeMap::new(),
            secrets: BTreeMap::new(),
            directory: None,
            user: None,
        },
        instances: Instances { count: 4, singleton: false, autoscaled: false },
        health: Health {
            startup: None,
            ready: Some(Probe {
                kind: ProbeKind::Http("/health/ready".into()),
                every: Span::seconds(5),
                timeout: Span::seconds(1),
                rise: 2,
                fall: 3,
            }),
            live: None,
            grace: Span::seconds(10),
            warm_up: Span::seconds(30),
            deadline: Span::minutes(2),
        },
        drain: Drain { spread: Span::seconds(5), deadline: Span::seconds(30), grace: Span::seconds(30) },
        limits: Limits { restarts: 5, ..Limits::default() },
        traffic: Some(Traffic {
            listen: vec![Listen { address: ":8080".into(), tls: None }],
            hosts: Vec::new(),
            paths: Vec::new(),
            sticky: None,
            matches: Vec::new(),
        }),
        strategy: canary(vec![weight(5), weight(25), weight(50)]),
        checks: vec![comparison("errors"), threshold("latency"), health()],
        gates: Gates::default(),
        hooks: Vec::new(),
        flags: Vec::new(),
        rollback: Rollback { window: Span::hours(1), unwinding: UnwindingPolicy::Sudden },
        undecided: UndecidedPolicy { wait: Span::hours(1), exposure: Share::percent(50) },
        interruption: Interruption::GoAround,
        database: None,
        notifications: Vec::new(),
    }
}

/// Workers: no traffic, and a check that needs none.
pub(crate) fn mailer() -> Service {
    Service { name: name("mailer"), traffic: None, checks: vec![health()], strategy: rolling(1, 0, 1), ..shop() }
}

pub(crate) fn comparison(text: &str) -> Check {
    let rule = Rule::Comparison { measure: Measure::ErrorRate, alpha: Share::percent(1), margin: None };
    Check { name: name(text), source: name("gateway"), rule, warm_up: Span::seconds(30), dry_run: false }
}

pub(crate) fn threshold(text: &str) -> Check {
    let rule = Rule::Threshold {
        measure: Measure::Latency(Share::percent(99)),
        bound: Bound::Above(500.0),
        every: Span::seconds(30),
        failures: 2,
    };
    Check { name: name(text), source: name("gateway"), rule, warm_up: Span::seconds(30), dry_run: false }
}

pub(crate) fn health() -> Check {
    let rule = Rule::Health { restarts: 2 };
    Check { name: name("health"), source: name("platform"), rule, warm_up: Span::ZERO, dry_run: false }
}

pub(crate) fn recreate() -> Strategy {
    Strategy::Recreate(Recreate { hold: Hold::Maintenance })
}

pub(crate) fn rolling(surge: u32, unavailable: u32, batch: u32) -> Strategy {
    Strategy::Rolling(Rolling {
        surge: Amount::Count(surge),
        unavailable: Amount::Count(unavailable),
        batch: Amount::Count(batch),
        min_ready: Span::seconds(15),
        checks: Vec::new(),
    })
}

pub(crate) fn blue_green() -> BlueGreen {
    BlueGreen {
        preview: Vec::new(),
        approve: false,
        settle: Span::minutes(1),
        watch: Span::minutes(10),
        idle: None,
        checks: Vec::new(),
    }
}

pub(crate) fn canary(steps: Vec<CanaryStep>) -> Strategy {
    Strategy::Canary(Canary { growth: Growth::Steps(steps), baseline: None })
}

pub(crate) fn weight(percent: u16) -> CanaryStep {
    CanaryStep {
        weight: Some(Share::percent(percent)),
        instances: None,
        cohort: Vec::new(),
        hold: Span::minutes(5),
        approve: false,
        checks: Vec::new(),
    }
}

pub(crate) fn ramp(from: u16, to: u16, by: u16) -> Growth {
    Growth::Ramp {
        from: Share::percent(from),
        to: Share::percent(to),
        by: Share::percent(by),
        every: Span::minutes(3),
        checks: Vec::new(),
    }
}

pub(crate) fn variant(text: &str, plays: Plays, percent: u16) -> Variant {
    Variant { name: name(text), plays, share: Share::percent(percent), segments: Vec::new() }
}

pub(crate) fn ab(variants: Vec<Variant>, otherwise: &str) -> Strategy {
    let until = Span::hours(14 * 24);
    Strategy::Ab(Ab { variants, until, otherwise: name(otherwise), checks: vec![name("errors")] })
}

pub(crate) fn shadow(percent: u16) -> Shadow {
    Shadow {
        share: Share::percent(percent),
        methods: Vec::new(),
        hold: Span::minutes(30),
        instances: None,
        checks: vec![name("errors")],
    }
}

pub(crate) fn cohort(text: &str) -> Match {
    Match { cohort: Some(text.into()), headers: vec![("x-cohort".into(), Some(text.into()))], ..Match::default() }
}

pub(crate) fn sticky(service: &mut Service) {
    if let Some(traffic) = &mut service.traffic {
        traffic.sticky = Some(Sticky::Cookie("sid".into()));
    }
}

pub(crate) fn hook(text: &str, at: HookPoint) -> Hook {
    Hook {
        name: name(text),
        at,
        call: Call::Command(vec!["./hooks".into(), text.into()]),
        timeout: Span::minutes(2),
        repeat: Repeat::Safe,
        attempts: 2,
        undo: None,
    }
}

pub(crate) fn migration(text: &str) -> Migration {
    Migration {
        name: name(text),
        file: format!("migrations/{text}.yaml"),
        reversible: true,
        backfill: true,
        contract: true,
        timeout: Span::minutes(10),
    }
}

pub(crate) fn database(migrations: Vec<Migration>) -> Option<Database> {
    Some(Database { url: name("shop-db"), migrations })
}

pub(crate) fn flag(text: &str) -> FlagChange {
    let setting = |variant: &str, share| FlagSetting { variant: name(variant), share };
    FlagChange { flag: name(text), to: setting("on", Share::ALL), from: setting("off", Share::ALL) }
}

pub(crate) fn people() -> Vec<Notification> {
    vec![Notification { notifier: name("slack"), to: "#deploys".into(), about: Vec::new() }]
}

pub(crate) fn approval() -> Option<Approval> {
    Some(Approval { approvers: vec!["ana".into(), "bo".into()], count: 1, timeout: Span::hours(4) })
}

pub(crate) fn office_hours() -> Calendar {
    let window = Window { days: vec![1, 2, 3, 4], from_minute: 9 * 60, to_minute: 16 * 60 };
    Calendar { time_zone: "Europe/Berlin".into(), windows: vec![window], freezes: Vec::new() }
}

pub(crate) fn webhook(text: &str) -> Webhook {
    Webhook { name: name(text), url: format!("https://{text}.example/may-i"), timeout: Span::minutes(30) }
}

pub(crate) fn release(at: u32, service: Service) -> Release {
    Release {
        number: number(at),
        artifact: Digest::of(&at.to_be_bytes()),
        service,
        secrets: BTreeMap::new(),
        variants: BTreeMap::new(),
    }
}

/// `@6` serves alone, with as many instances as the service asks for.
pub(crate) fn standing(service: &Service) -> Standing {
    let stable = number(6);
    let intent = if service.traffic.is_some() { Intent::all_to(stable) } else { Intent::default() };
    Standing {
        release: Some(stable),
        capacity: BTreeMap::from([(stable, service.instances.count)]),
        intent,
        ..Standing::default()
    }
}

/// As [`standing`], with `@5` still warm from the landing before.
pub(crate) fn standing_with_warm(service: &Service, warm: u32) -> Standing {
    let mut standing = standing(service);
    let until = Time(1_700_000_000_000);
    standing.capacity.insert(number(5), warm);
    standing.warm = Some(Warm { release: number(5), full_capacity: service.instances.count, until });
    standing.closings = vec![Closing { due: until, work: ClosingWork::Retire(number(5)) }];
    standing
}

/// Two versions with one weight between them, as serverless platforms do it: nothing is counted.
pub(crate) fn serverless() -> Facts {
    Facts {
        platform: PlatformFacts {
            counted: false,
            keeps_idle: true,
            releases_max: 16,
            instances_max: None,
            fence: Fence::Tagged,
        },
        router: Some(RouterFacts {
            releases_max: 2,
            weight_step: Share::percent(1),
            sticks: false,
            confirms: false,
            counts_open_work: false,
            matches: false,
            mirrors: false,
            holds: false,
            fence: Fence::Tagged,
        }),
        ..Facts::one_machine()
    }
}
