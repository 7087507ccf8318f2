//! The kinds of plan, as data: a service, what its drivers can do, and the courses it is taken through.

use super::script::Point;
use super::shapes::{Course, End};
use crate::services::name;
use crate::services::{
    ab, blue_green, by, canary, cohort, facts, facts_alias, facts_uncounted_work, facts_without_router, flag, gradual,
    hook, hooks, migration, of, plain, ramp, recreate, rolling, shadow, shop, singleton, sticky, weight, window,
    worker,
};
use engine::facts::Facts;
use engine::journal::entry::Ask;
use model::Span;
use model::gate::{Approval, Gates, Webhook};
use model::intent::Hold;
use model::service::{HookPoint, Instances, Repeat, Service};
use model::strategy::{Amount, BlueGreen, Canary, CanaryStep, Growth, Plays, Strategy};

use Course::{Abort, Bad, BadLate, CrashLoop, Forward, HookFails, NeverReady, Paused, Promoted, Superseded, UndoFails};
use End::{Completed, Halted};
use Point::{Early, Exposed, Last};

/// Courses, and how they end where that is not what one expects of them.
type Courses = &'static [(Course, &'static [End])];

/// One kind of plan.
pub(super) struct Kind {
    /// Its name.
    pub(super) name: &'static str,
    /// The service, as the release that is tested has it.
    pub(super) service: Service,
    /// What the drivers can do.
    pub(super) facts: Facts,
    /// How many routers there are.
    pub(super) routers: usize,
    /// What lands before.
    pub(super) landed: Vec<Service>,
    /// Where the test is not a landing but a way back: to which release, and whether that is gone by then.
    pub(super) returns: Option<(u32, bool)>,
    /// The release that people keep where they are asked.
    pub(super) keep: Option<u32>,
    /// The release that plays a third variant.
    pub(super) third: Option<u32>,
    /// To what people scale the service after the landing, while the release before is still warm.
    pub(super) after: Vec<u32>,
    /// What people say to halts, before they accept.
    pub(super) halts: Vec<Ask>,
    /// Whether people try again what is undecided.
    pub(super) retries: bool,
    /// How it goes.
    pub(super) courses: Courses,
}

/// Everything that may happen to a landing beside what serves.
const ALL: Courses = &[
    (Forward, &[]),
    (Bad, &[]),
    (NeverReady, &[]),
    (Abort(Early), &[]),
    (Abort(Exposed), &[]),
    (Abort(Last), &[]),
    (Superseded(Early), &[]),
    (Superseded(Exposed), &[]),
];

/// The longest ways there and back.
const SOME: Courses = &[(Forward, &[]), (Bad, &[]), (Abort(Last), &[])];

impl Kind {
    /// `@2` over `@1` on one machine.
    fn new(name: &'static str, service: Service, courses: Courses) -> Self {
        let facts = if service.traffic.is_some() { facts() } else { facts_without_router() };
        Self {
            name,
            landed: vec![plain(&service)],
            service,
            facts,
            routers: 2,
            returns: None,
            keep: None,
            third: None,
            after: Vec::new(),
            halts: Vec::new(),
            retries: false,
            courses,
        }
    }
}

/// All kinds.
pub(super) fn kinds() -> Vec<Kind> {
    let groups =
        [firsts(), apart(), rollings(), blue_greens(), canaries(), called(), changing(), experiments(), returns()];
    groups.into_iter().flatten().collect()
}

/// Nothing serves yet.
fn firsts() -> Vec<Kind> {
    let courses: Courses = &[(Forward, &[]), (Bad, &[]), (CrashLoop, &[]), (Abort(Exposed), &[]), (Abort(Last), &[])];
    let full =
        Service { hooks: hooks(Repeat::Safe), flags: vec![flag("new-cart")], database: migration(true), ..shop() };
    let workers: Courses = &[(Forward, &[]), (NeverReady, &[]), (Abort(Last), &[])];
    vec![
        Kind { landed: Vec::new(), ..Kind::new("first", full, courses) },
        Kind { landed: Vec::new(), ..Kind::new("first-worker", worker(), workers) },
    ]
}

/// Old and new never meet.
fn apart() -> Vec<Kind> {
    // Once the old release is stopped, a newer one waits.
    let courses: Courses = &[
        (Forward, &[]),
        (Bad, &[]),
        (NeverReady, &[]),
        (Abort(Early), &[]),
        (Abort(Exposed), &[]),
        (Abort(Last), &[]),
        (Superseded(Early), &[]),
        (Superseded(Exposed), &[Completed, Completed]),
    ];
    let migrating = Service { database: migration(true), ..by(recreate(Hold::Parking)) };
    vec![
        Kind::new("recreate", by(recreate(Hold::Maintenance)), courses),
        Kind::new("recreate-migration", migrating, SOME),
        Kind::new("recreate-worker", Service { strategy: recreate(Hold::Maintenance), ..worker() }, SOME),
        Kind::new("singleton", singleton(by(rolling(1, 0, 1))), SOME),
        Kind::new("singleton-worker", singleton(Service { strategy: rolling(1, 0, 1), ..worker() }), SOME),
    ]
}

fn rollings() -> Vec<Kind> {
    let workers: Courses = &[
        (Forward, &[]),
        (Bad, &[]),
        (NeverReady, &[]),
        (Abort(Last), &[]),
        (Superseded(Early), &[]),
        (Superseded(Last), &[Completed, Completed]),
    ];
    vec![
        Kind::new("rolling-surge", by(rolling(1, 0, 1)), ALL),
        Kind::new("rolling-unavailable", of(3, by(rolling(0, 1, 1))), SOME),
        Kind::new("rolling-both", of(4, by(rolling(1, 1, 2))), SOME),
        Kind::new("rolling-worker", Service { strategy: rolling(1, 0, 1), ..worker() }, workers),
    ]
}

fn blue_greens() -> Vec<Kind> {
    let asked = Strategy::BlueGreen(BlueGreen {
        preview: vec![cohort("staff")],
        approve: true,
        idle: Some(Amount::Count(1)),
        ..blue_green()
    });
    let approved = Service { flags: vec![flag("new-cart")], ..sticky(of(3, by(asked))) };
    let plain = by(Strategy::BlueGreen(blue_green()));
    let scaled: Courses = &[(Forward, &[])];
    vec![
        Kind::new("blue-green", plain.clone(), ALL),
        Kind::new("blue-green-approve-idle", approved, ALL),
        Kind::new("blue-green-without-window", window(0, plain.clone()), SOME),
        Kind { after: vec![4, 1], ..Kind::new("blue-green-then-scaled", plain, scaled) },
    ]
}

fn canaries() -> Vec<Kind> {
    let steps: Courses = &[
        (Forward, &[]),
        (Bad, &[]),
        (BadLate, &[]),
        (NeverReady, &[]),
        (CrashLoop, &[]),
        (Abort(Early), &[]),
        (Abort(Exposed), &[]),
        (Abort(Last), &[]),
        (Superseded(Early), &[]),
        (Superseded(Exposed), &[]),
        (Superseded(Last), &[]),
        (Paused, &[]),
        (Promoted, &[]),
    ];
    // Without traffic it shows in the first Stop that the candidate has begun to work.
    let worker_courses: Courses = &[
        (Forward, &[]),
        (Bad, &[]),
        (NeverReady, &[]),
        (Abort(Early), &[]),
        (Abort(Last), &[]),
        (Superseded(Early), &[]),
        (Superseded(Last), &[Completed, Completed]),
    ];
    let cohorts = canary(&[
        CanaryStep { weight: None, cohort: vec![cohort("staff")], ..weight(0) },
        CanaryStep { cohort: vec![cohort("beta")], approve: true, ..weight(20) },
        weight(100),
    ]);
    let baseline = Canary { growth: Growth::Steps(vec![weight(50)]), baseline: Some(Amount::Count(1)) };
    let autoscaled = Instances { count: 3, singleton: false, autoscaled: true };
    let beside = window(60, shop());
    vec![
        Kind::new("canary", shop(), steps),
        Kind::new("canary-ramp", by(ramp(20, 80, 30)), SOME),
        Kind::new("canary-cohort-sticky", sticky(by(cohorts)), ALL),
        Kind::new("canary-baseline", by(Strategy::Canary(baseline)), SOME),
        Kind::new("canary-autoscaled", Service { instances: autoscaled, ..shop() }, ALL),
        Kind::new("canary-worker", of(3, worker()), worker_courses),
        Kind { facts: facts_alias(), ..Kind::new("canary-alias", of(1, shop()), ALL) },
        Kind { facts: facts_uncounted_work(), ..Kind::new("canary-timed-drains", shop(), SOME) },
        Kind::new("canary-gradual-way-back", gradual(shop()), ALL),
        Kind { landed: vec![plain(&beside), plain(&beside)], ..Kind::new("canary-beside-warm", beside, SOME) },
    ]
}

/// Hooks and gates.
fn called() -> Vec<Kind> {
    let failing: Courses = &[
        (Forward, &[]),
        (Bad, &[]),
        (Abort(Last), &[]),
        (Superseded(Exposed), &[]),
        (HookFails, &[]),
        (UndoFails, &[]),
    ];
    let with = |repeat| Service {
        hooks: [hooks(repeat), vec![hook("hook-7", HookPoint::OnRollback, repeat)]].concat(),
        ..by(canary(&[weight(50)]))
    };
    let asked = Service {
        gates: Gates {
            approval: Some(Approval { approvers: Vec::new(), count: 2, timeout: Span::minutes(10) }),
            calendar: None,
            webhooks: vec![Webhook { name: name("tickets"), url: "http://tickets".into(), timeout: Span::minutes(5) }],
        },
        ..by(canary(&[weight(50)]))
    };
    vec![
        Kind { halts: vec![Ask::Retry, Ask::Unwind], ..Kind::new("hooks-safe", with(Repeat::Safe), failing) },
        Kind { retries: true, ..Kind::new("hooks-never-retried", with(Repeat::Never), failing) },
        Kind::new("hooks-never-left", with(Repeat::Never), SOME),
        Kind::new("canary-approval-webhook", asked, ALL),
    ]
}

/// Databases and flags.
fn changing() -> Vec<Kind> {
    // What was written since cannot be taken back: nobody goes around any more, and nobody waits.
    let one_way: Courses = &[
        (Forward, &[]),
        (Bad, &[Halted]),
        (NeverReady, &[]),
        (Abort(Early), &[]),
        (Abort(Exposed), &[Halted]),
        (Superseded(Exposed), &[Completed, Completed]),
    ];
    let lossy = Service { database: migration(false), ..by(canary(&[weight(50)])) };
    let flags = Service { flags: vec![flag("new-cart"), flag("new-search")], ..by(canary(&[weight(50), weight(100)])) };
    vec![
        Kind::new("migration", Service { database: migration(true), ..by(canary(&[weight(50)])) }, ALL),
        Kind { halts: vec![Ask::Unwind], ..Kind::new("migration-one-way", lossy, one_way) },
        Kind::new("flags", flags, ALL),
    ]
}

/// Several releases at once.
fn experiments() -> Vec<Kind> {
    let two = [("control", Plays::Stable, 50), ("treatment", Plays::Candidate, 50)];
    let three = [("control", Plays::Stable, 40), ("treatment", Plays::Candidate, 30), ("other", Plays::Other, 30)];
    let both = sticky(by(ab(&two, "control")));
    let all = window(60, sticky(by(ab(&three, "control"))));
    let warm = window(60, sticky(by(canary(&[weight(50)]))));
    let kept: Courses = &[(Forward, &[])];
    let mirrored = Service { database: migration(true), ..by(shadow()) };
    vec![
        Kind { keep: Some(2), ..Kind::new("ab-candidate-kept", both.clone(), ALL) },
        Kind { keep: Some(1), ..Kind::new("ab-stable-kept", both.clone(), SOME) },
        Kind::new("ab-nobody-decides", both, SOME),
        Kind {
            keep: Some(1),
            third: Some(1),
            landed: vec![plain(&warm), plain(&warm)],
            ..Kind::new("ab-third-kept", all.clone(), SOME)
        },
        Kind {
            keep: Some(3),
            third: Some(1),
            landed: vec![plain(&warm), plain(&warm)],
            ..Kind::new("ab-of-three", all, kept)
        },
        Kind::new("shadow", by(shadow()), ALL),
        Kind::new("shadow-migration", mirrored, SOME),
    ]
}

/// Ways back after a landing.
fn returns() -> Vec<Kind> {
    let courses: Courses =
        &[(Forward, &[]), (Abort(Early), &[]), (Abort(Last), &[]), (Superseded(Early), &[]), (Superseded(Last), &[])];
    let apart: Courses = &[(Forward, &[]), (Abort(Early), &[]), (Abort(Last), &[])];
    let back = |name, service: Service, cold, courses| Kind {
        landed: vec![plain(&service), plain(&service)],
        returns: Some((1, cold)),
        ..Kind::new(name, service, courses)
    };
    let held = by(recreate(Hold::Maintenance));
    let called = Service { hooks: vec![hook("purge", HookPoint::OnRollback, Repeat::Safe)], ..shop() };
    vec![
        back("return-warm", window(60, shop()), false, courses),
        back("return-cold", window(2, called), true, courses),
        back("return-gradual", gradual(window(60, shop())), false, courses),
        back("return-recreate", held, true, apart),
        back("return-worker", Service { strategy: rolling(1, 0, 1), ..worker() }, true, apart),
    ]
}
