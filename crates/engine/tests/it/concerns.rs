//! Each disaster that `plan` can see coming is named, and a good service is left in peace.

use crate::services::*;
use engine::compile::compile;
use engine::concerns::{Concern, Moment, concerns};
use engine::facts::Facts;
use engine::outline::outline;
use expect_test::expect;
use model::service::HookPoint;
use model::strategy::*;
use model::*;

/// 2026-03-24, 10:00 in a place that has UTC.
const TUESDAY_MORNING: Moment = Moment { weekday: 2, minute: 10 * 60, at: Time(1_774_346_400_000) };

fn found(service: Service, now: Moment) -> Vec<Concern> {
    let (before, facts) = (standing(&service), Facts::one_machine());
    let release = release(7, service);
    let plan = compile(&release, &before, &facts).expect("a plan");
    concerns(&release.service, &plan, &outline(&plan, &facts), Some(now))
}

/// The change to a good service brings exactly this concern.
fn check(code: &str, change: impl FnOnce(&mut Service)) {
    let mut service = shop();
    change(&mut service);
    let found = found(service, TUESDAY_MORNING);
    let codes: Vec<&str> = found.iter().map(|concern| concern.code).collect();
    assert_eq!(codes, [code]);
    assert!(!found[0].message.is_empty() && !found[0].help.is_empty());
}

#[test]
fn a_good_service_is_left_in_peace() {
    assert_eq!(found(shop(), TUESDAY_MORNING), []);
    assert_eq!(found(mailer(), TUESDAY_MORNING), []);
}

#[test]
fn disasters_are_named() {
    check("no-health-check", |shop| shop.health.ready = None);
    check("one-instance", |shop| shop.instances.count = 1);
    check("canary-without-checks", |shop| shop.checks.clear());
    check("no-checks", |shop| {
        shop.strategy = rolling(1, 0, 1);
        shop.checks.clear();
    });
    check("nothing-to-compare", |shop| shop.strategy = Strategy::BlueGreen(blue_green()));
    check("hold-within-warm-up", |shop| {
        shop.checks = vec![check::Check { warm_up: Span::minutes(20), ..threshold("latency") }];
        shop.strategy = canary(vec![weight(5)]);
    });
    check("unsafe-shadow", |shop| {
        shop.strategy = Strategy::Shadow(Shadow { methods: vec!["GET".into(), "post".into()], ..shadow(10) });
    });
    check("downtime", |shop| {
        shop.strategy = recreate();
        shop.checks = vec![health()];
    });
    check("everything-at-once", |shop| shop.strategy = canary(vec![weight(100)]));
    check("big-first-step", |shop| shop.strategy = canary(vec![weight(50)]));
    check("no-rollback-window", |shop| shop.rollback.window = Span::ZERO);
    check("short-rollback-window", |shop| shop.rollback.window = Span::minutes(5));
    check("no-way-back", |shop| {
        let one_way = service::Migration { reversible: false, contract: false, ..migration("drop-legacy") };
        shop.database = database(vec![one_way]);
    });
    check("no-drain-time", |shop| shop.drain.deadline = Span::ZERO);
    check("no-drain-time", |shop| shop.drain.grace = Span::seconds(2));
    check("nobody-is-told", |shop| shop.gates.approval = approval());
    check("hook-never-called", |shop| {
        shop.strategy = Strategy::Shadow(shadow(10));
        shop.hooks = vec![hook("purge-cdn", HookPoint::After)];
    });
}

#[test]
fn a_contraction_within_minutes() {
    let mut service = shop();
    service.database = database(vec![migration("split-name")]);
    service.rollback.window = Span::minutes(1);
    let codes: Vec<_> = found(service, TUESDAY_MORNING).iter().map(|concern| concern.code).collect();
    assert_eq!(codes, ["short-rollback-window", "contract-at-once"]);
}

#[test]
fn secrets_are_named_and_never_shown() {
    check("secret-in-plain-sight", |shop| drop(shop.run.env.insert("API_TOKEN".into(), "abc123".into())));
    check("secret-in-plain-sight", |shop| shop.run.command.push("--db-password=abc123".into()));
    let mut service = shop();
    service.run.env.insert("DATABASE_URL".into(), "postgres://shop:abc123@db/shop".into());
    let found = found(service, TUESDAY_MORNING);
    assert_eq!(found.len(), 1);
    assert!(!found[0].to_string().contains("abc123"), "a secret was shown");
    for (name, value) in [("TOKEN_TTL", "60"), ("PASSWORD_FILE", "x"), ("SECRET", "/run/secret"), ("KEYBOARD", "us")] {
        let mut service = shop();
        service.run.env.insert(name.into(), value.into());
        assert_eq!(self::found(service, TUESDAY_MORNING), [], "{name}");
    }
}

#[test]
fn hours_when_nobody_is_there() {
    let codes = |weekday, minute| -> Vec<&'static str> {
        found(shop(), Moment { weekday, minute, ..TUESDAY_MORNING }).iter().map(|concern| concern.code).collect()
    };
    assert_eq!(codes(5, 13 * 60), [] as [&str; 0]);
    assert_eq!(codes(5, 14 * 60), ["before-the-weekend"]);
    assert_eq!(codes(7, 10 * 60), ["before-the-weekend"]);
    assert_eq!(codes(3, 3 * 60), ["at-night"]);
    let mut service = shop();
    service.gates.calendar = Some(office_hours());
    assert_eq!(found(service, Moment { weekday: 7, minute: 0, ..TUESDAY_MORNING }), [], "the calendar sees to that");
}

#[test]
fn a_calendar_that_stays_closed() {
    let freeze = |from: &str, to: &str| gate::Freeze { from: from.into(), to: to.into(), reason: "quiet".into() };
    let said = |freezes: Vec<gate::Freeze>| {
        let mut service = shop();
        service.gates.calendar = Some(gate::Calendar { freezes, ..office_hours() });
        found(service, TUESDAY_MORNING).iter().map(Concern::to_string).collect::<Vec<_>>().join("\n")
    };
    assert_eq!(said(vec![freeze("2026-03-24", "2026-03-25")]), "");
    expect![[r#"
        calendar-stays-closed: the calendar allows no landing within a year
          help: look at `gates.calendar`: its windows must lie outside its freezes; or deploy when it is open"#]]
    .assert_eq(&said(vec![freeze("2026-01-01", "2029-12-31")]));
    expect![[r#"
        calendar-stays-closed: the calendar opens in 98d21h, and the rollout goes around after waiting for 28d
          help: look at `gates.calendar`: its windows must lie outside its freezes; or deploy when it is open"#]]
    .assert_eq(&said(vec![freeze("2026-03-01", "2026-06-30")]));
}
