//! Every strategy's plans, with their ways back, as an operator sees them.

use crate::services::*;
use engine::compile::{Code, Refusal, compile, compile_over, compile_return, compile_return_from};
use engine::facts::{Facts, Fence};
use engine::outline::outline;
use model::service::{HookPoint, Migration};
use model::standing::{Closing, ClosingWork, Contracted};
use model::strategy::*;
use model::*;

/// Compares a plan with the text file of that name; `UPDATE_EXPECT=1` writes it anew.
fn check(file: &str, release: &Release, standing: &Standing, facts: &Facts) {
    check_made(file, compile(release, standing, facts), facts);
}

fn check_return(file: &str, to: &Release, standing: &Standing, facts: &Facts) {
    check_made(file, compile_return(to, standing, facts), facts);
}

fn check_made(file: &str, made: Result<Plan, Refusal>, facts: &Facts) {
    let text = match made {
        Ok(plan) => outline(&plan, facts).to_string(),
        Err(refusal) => format!("refused\n{refusal}\n"),
    };
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/plans").join(format!("{file}.txt"));
    expect_test::expect_file![path].assert_eq(&text);
}

fn refusal(release: &Release, standing: &Standing, facts: &Facts) -> Refusal {
    compile(release, standing, facts).expect_err("a plan was made that should have been refused")
}

/// `@7` over `@6` on one machine.
fn lands(file: &str, service: Service) {
    let standing = standing(&service);
    check(file, &release(7, service), &standing, &Facts::one_machine());
}

fn shop_by(strategy: Strategy) -> Service {
    Service { strategy, ..shop() }
}

#[test]
fn first_release() {
    check("first", &release(1, shop()), &Standing::default(), &Facts::one_machine());
    let worker = mailer();
    let migrated = Service { database: database(vec![migration("split-name")]), ..shop() };
    check("first-migration", &release(1, migrated), &Standing::default(), &Facts::one_machine());
    check("first-worker", &release(1, worker), &Standing::default(), &Facts::one_machine());
}

#[test]
fn recreate_plans() {
    lands("recreate", shop_by(recreate()));
    let mut service = shop_by(recreate());
    service.database = database(vec![migration("split-name")]);
    service.gates.approval = approval();
    service.hooks = vec![hook("smoke", HookPoint::BeforeRoute)];
    service.notifications = people();
    lands("recreate-migration-approval", service);
    let mut service = mailer();
    service.strategy = recreate();
    lands("recreate-worker", service);
}

#[test]
fn singleton_plans() {
    let mut service = mailer();
    service.instances.singleton = true;
    service.instances.count = 1;
    lands("singleton-worker", service);
    let mut service = shop_by(rolling(1, 0, 1));
    service.instances.singleton = true;
    service.instances.count = 1;
    lands("singleton-with-traffic", service);
}

#[test]
fn rolling_plans() {
    lands("rolling-surge", shop_by(rolling(1, 0, 1)));
    lands("rolling-unavailable", shop_by(rolling(0, 1, 1)));
    lands("rolling-half-at-once", shop_by(rolling(2, 2, 2)));
    lands("rolling-worker", mailer());
    let mut service = shop_by(rolling(2, 0, 2));
    service.instances.count = 6;
    let before = standing(&shop());
    check("rolling-and-growing", &release(7, service), &before, &Facts::one_machine());
}

#[test]
fn blue_green_plans() {
    lands("blue-green", shop_by(Strategy::BlueGreen(blue_green())));
    let mut service = shop_by(Strategy::BlueGreen(BlueGreen {
        preview: vec![cohort("staff")],
        approve: true,
        idle: Some(Amount::Count(1)),
        ..blue_green()
    }));
    sticky(&mut service);
    service.hooks = vec![hook("smoke", HookPoint::AfterStart), hook("load", HookPoint::BeforePromote)];
    service.notifications = people();
    service.flags = vec![flag("new-cart")];
    lands("blue-green-preview-approve-idle", service);
    let mut service = shop_by(Strategy::BlueGreen(blue_green()));
    service.rollback.window = Span::ZERO;
    lands("blue-green-without-window", service);
}

#[test]
fn canary_plans() {
    lands("canary", shop());
    lands("canary-ramp", shop_by(Strategy::Canary(Canary { growth: ramp(10, 90, 20), baseline: None })));
    let mut service = shop_by(canary(vec![
        CanaryStep { weight: None, cohort: vec![cohort("staff")], instances: Some(Amount::Count(1)), ..weight(0) },
        CanaryStep { cohort: vec![cohort("beta")], instances: Some(Amount::Count(2)), ..weight(10) },
        CanaryStep { approve: true, checks: vec![name("errors")], ..weight(50) },
        CanaryStep { hold: Span::minutes(30), ..weight(100) },
    ]));
    sticky(&mut service);
    service.instances.count = 10;
    service.notifications = people();
    lands("canary-cohorts-approval", service);
    let growth = Growth::Steps(vec![weight(10), weight(50)]);
    let mut service = shop_by(Strategy::Canary(Canary { growth, baseline: Some(Amount::Count(1)) }));
    service.instances.count = 10;
    lands("canary-baseline", service);
    let mut service = shop();
    service.instances.autoscaled = true;
    lands("canary-autoscaled", service);
    let mut service = mailer();
    service.strategy = canary(vec![weight(25), weight(50)]);
    lands("canary-worker", service);
}

#[test]
fn canary_where_little_is_known() {
    let service = shop();
    let before =
        standing(&Service { instances: service::Instances { count: 1, ..service.instances.clone() }, ..shop() });
    check("canary-serverless", &release(7, service), &before, &serverless());
}

#[test]
fn a_canary_with_everything() {
    let mut service = shop();
    service.gates.calendar = Some(office_hours());
    service.gates.webhooks = vec![webhook("change-board")];
    service.gates.approval = approval();
    service.notifications = people();
    service.flags = vec![flag("new-cart")];
    service.database = database(vec![migration("split-name")]);
    let warm_cache = service::Hook {
        undo: Some(service::Call::Http("https://cache.example/flush".into())),
        ..hook("warm-cache", HookPoint::AfterStart)
    };
    service.hooks = vec![
        hook("tests-passed", HookPoint::Before),
        warm_cache,
        hook("smoke", HookPoint::BeforeRoute),
        hook("mark-dashboard", HookPoint::AfterRoute),
        hook("load", HookPoint::BeforePromote),
        hook("purge-cdn", HookPoint::After),
        hook("page-on-call", HookPoint::OnRollback),
    ];
    lands("canary-with-everything", service);
}

#[test]
fn a_migration_without_return() {
    let mut service = shop();
    service.database = database(vec![Migration { reversible: false, ..migration("drop-legacy") }]);
    lands("canary-one-way-migration", service.clone());
    lands("rolling-worker-one-way-migration", Service { database: service.database, ..mailer() });
}

#[test]
fn gradual_ways_back() {
    let mut service = shop();
    service.rollback.unwinding = service::UnwindingPolicy::Gradual { parts: 3, hold: Span::minutes(1) };
    lands("canary-gradual-way-back", service.clone());
    let before = standing_with_warm(&service, 4);
    check_return("return-gradual", &release(5, service), &before, &Facts::one_machine());
}

#[test]
fn experiments() {
    let two = vec![variant("old", Plays::Stable, 50), variant("new", Plays::Candidate, 50)];
    let mut service = shop_by(ab(two, "old"));
    sticky(&mut service);
    lands("ab", service);
    let mut variants = vec![
        variant("old", Plays::Stable, 40),
        variant("new", Plays::Candidate, 30),
        variant("newer", Plays::Other, 30),
    ];
    variants[1].segments = vec![cohort("beta")];
    let mut service = shop_by(ab(variants, "old"));
    sticky(&mut service);
    service.notifications = people();
    service.flags = vec![flag("new-cart")];
    let before = standing(&service);
    let mut third = release(8, service);
    third.variants.insert(name("newer"), number(7));
    check("ab-three-variants", &third, &before, &Facts::one_machine());
}

#[test]
fn shadows() {
    lands("shadow", shop_by(Strategy::Shadow(shadow(20))));
    let methods = vec!["GET".into(), "POST".into()];
    let half = Some(Amount::Share(Share::percent(50)));
    let mut service = shop_by(Strategy::Shadow(Shadow { methods, instances: half, ..shadow(100) }));
    service.database = database(vec![migration("split-name")]);
    lands("shadow-with-writes", service);
}

#[test]
fn returns() {
    let (service, facts) = (shop(), Facts::one_machine());
    check_return("return-to-warm", &release(5, shop()), &standing_with_warm(&service, 4), &facts);
    check_return("return-to-warm-scaled-down", &release(5, shop()), &standing_with_warm(&service, 1), &facts);
    check_return("return-to-stopped", &release(3, shop()), &standing(&service), &facts);
    check_return("return-recreate", &release(5, shop_by(recreate())), &standing(&service), &facts);
    check_return("return-worker", &release(5, mailer()), &standing(&mailer()), &facts);
    let mut gone = standing_with_warm(&service, 4);
    gone.contracted = vec![Contracted { migration: name("split-name"), old: Some(number(5)) }];
    check_return("return-refused-after-contract", &release(5, shop()), &gone, &facts);
}

/// Old and new never meet where either says so, not only the one that comes.
#[test]
fn what_serves_keeps_apart() {
    let facts = Facts::one_machine();
    let rolls = || shop_by(rolling(1, 0, 1));
    let recreated = shop_by(recreate());
    let mut single = rolls();
    single.instances = service::Instances { count: 1, singleton: true, ..single.instances };
    let over =
        |serving: &Service, service| compile_over(Some(serving), &release(7, service), &standing(serving), &facts);
    let from = |serving: &Service| compile_return_from(Some(serving), &release(5, rolls()), &standing(serving), &facts);
    check_made("return-from-recreate", from(&recreated), &facts);
    check_made("return-from-singleton", from(&single), &facts);
    check_made("rolling-over-recreate", over(&recreated, rolls()), &facts);
    check_made("rolling-over-singleton", over(&single, rolls()), &facts);
    check_made("refused-canary-over-singleton", over(&single, shop()), &facts);
}

#[test]
fn a_landing_during_a_closing() {
    let service = shop();
    let mut before = standing_with_warm(&service, 4);
    let contract = ClosingWork::Contract { migration: name("split-name"), old: Some(number(5)) };
    before.closings.push(Closing { due: Time(1_700_000_000_000), work: contract });
    check("canary-beside-warm", &release(7, shop()), &before, &Facts::one_machine());
    let mut narrow = Facts::one_machine();
    narrow.platform.releases_max = 2;
    check("canary-makes-room", &release(7, service), &before, &narrow);
}

#[test]
fn refusals_say_everything_at_once() {
    let mut service = shop_by(canary(vec![
        CanaryStep { weight: Share::from_basis_points(1_250), cohort: vec![cohort("staff")], ..weight(0) },
        CanaryStep { checks: vec![name("revenue")], ..weight(10) },
    ]));
    sticky(&mut service);
    service.checks.push(check::Check { source: name("prometheus"), ..threshold("cpu") });
    let before = standing(&service);
    check("refused-canary", &release(7, service), &before, &serverless());
    let mut facts = Facts::one_machine();
    facts.router = None;
    facts.hooks = None;
    facts.migrations = None;
    facts.flags = None;
    facts.platform.instances_max = Some(6);
    let mut service = shop_by(Strategy::BlueGreen(blue_green()));
    service.hooks = vec![hook("smoke", HookPoint::AfterStart)];
    service.flags = vec![flag("new-cart")];
    service.database = database(vec![migration("split-name")]);
    let before = standing(&service);
    check("refused-blue-green", &release(7, service), &before, &facts);
}

/// Without a fence a change has to end while its controller is sure to lead.
#[test]
fn a_migration_without_a_fence_fits_into_a_lease() {
    let mut facts = Facts::one_machine();
    facts.migrations = Some(Fence::None);
    let quick = Migration { timeout: Span::seconds(25), ..migration("quick") };
    let slow = Migration { timeout: Span::seconds(26), ..migration("slow") };
    let mut service = shop();
    service.database = database(vec![quick.clone(), slow, migration("slowest")]);
    let before = standing(&service);
    check("refused-migration-without-fence", &release(7, service.clone()), &before, &facts);
    service.database = database(vec![quick]);
    assert!(compile(&release(7, service), &before, &facts).is_ok());
}

#[test]
fn every_refusal_has_its_code() {
    let machine = Facts::one_machine();
    let refused = |service: Service, facts: &Facts, code: Code| {
        let before = standing(&service);
        let refusal = refusal(&release(7, service), &before, facts);
        assert!(refusal.has(code), "{} is missing from\n{refusal}", code.as_str());
    };
    let with = |change: fn(&mut Facts)| {
        let mut facts = Facts::one_machine();
        change(&mut facts);
        facts
    };
    refused(
        Service { instances: service::Instances { count: 0, ..shop().instances }, ..shop() },
        &machine,
        Code::NoInstances,
    );
    refused(shop_by(recreate()), &with(|f| f.router.as_mut().unwrap().holds = false), Code::RouterCannotHold);
    refused(
        shop_by(Strategy::Shadow(shadow(5))),
        &with(|f| f.router.as_mut().unwrap().mirrors = false),
        Code::RouterCannotMirror,
    );
    refused(shop(), &with(|f| f.router.as_mut().unwrap().releases_max = 1), Code::RouterReleases);
    refused(shop(), &with(|f| f.platform.releases_max = 1), Code::PlatformReleases);
    refused(shop(), &with(|f| f.platform.instances_max = Some(5)), Code::PlatformInstances);
    let blue = shop_by(Strategy::BlueGreen(blue_green()));
    refused(blue, &with(|f| f.platform.keeps_idle = false), Code::PlatformCannotIdle);
    refused(shop_by(rolling(0, 0, 1)), &machine, Code::RollingStandsStill);
    let single = service::Instances { count: 1, ..shop().instances };
    refused(Service { instances: single, ..shop_by(rolling(0, 1, 1)) }, &machine, Code::RollingLeavesNone);
    let many = service::Instances { count: 1000, ..shop().instances };
    refused(Service { instances: many, ..shop_by(rolling(1, 0, 1)) }, &machine, Code::TooManySteps);
    refused(shop_by(rolling(1, 0, 1)), &serverless(), Code::InstancesNotCounted);
    let mut scaled = shop_by(rolling(1, 0, 1));
    scaled.instances.autoscaled = true;
    refused(scaled, &machine, Code::Autoscaled);
    let mut alone = shop();
    alone.instances.singleton = true;
    refused(alone, &machine, Code::Singleton);
    refused(shop_by(canary(vec![])), &machine, Code::CanaryWithoutSteps);
    refused(shop_by(canary(vec![weight(20), weight(10)])), &machine, Code::WeightFalls);
    let fall = |count| CanaryStep { instances: Some(Amount::Count(count)), ..weight(10) };
    refused(shop_by(canary(vec![fall(3), fall(2)])), &machine, Code::InstancesFall);
    let still =
        Growth::Ramp { from: Share::percent(5), to: Share::ALL, by: Share::NONE, every: Span::ZERO, checks: vec![] };
    refused(shop_by(Strategy::Canary(Canary { growth: still, baseline: None })), &machine, Code::RampStandsStill);
    let two = vec![variant("old", Plays::Stable, 50), variant("new", Plays::Candidate, 40)];
    refused(shop_by(ab(two.clone(), "neither")), &machine, Code::NeedsSticky);
    refused(shop_by(ab(two.clone(), "neither")), &machine, Code::SharesDoNotSum);
    refused(shop_by(ab(two, "neither")), &machine, Code::UnknownVariant);
    let unseen = vec![variant("old", Plays::Stable, 100), variant("new", Plays::Candidate, 0)];
    refused(shop_by(ab(unseen, "old")), &machine, Code::VariantWithoutUsers);
    let clear = vec![variant("old", Plays::Stable, 50), variant("other", Plays::Other, 50)];
    refused(shop_by(ab(clear.clone(), "old")), &machine, Code::VariantsUnclear);
    refused(shop_by(ab(clear, "old")), &machine, Code::VariantWithoutRelease);
    refused(Service { traffic: None, ..shop() }, &machine, Code::CheckNeedsTraffic);
    refused(Service { strategy: Strategy::Shadow(shadow(5)), ..mailer() }, &machine, Code::NeedsTraffic);
    let before = standing(&shop());
    let again = refusal(&release(6, shop_by(canary(vec![weight(5), weight(50)]))), &before, &machine);
    assert!(again.has(Code::AlreadyServing) && !again.has(Code::SharesDoNotSum), "{again}");
    assert!(refusal(&release(6, shop()), &before, &machine).has(Code::AlreadyServing));
    assert!(refusal(&release(5, shop()), &before, &machine).has(Code::OlderRelease));
    let nothing = compile_return(&release(5, shop()), &Standing::default(), &machine).expect_err("nothing serves");
    assert!(nothing.has(Code::NothingServes));
}
