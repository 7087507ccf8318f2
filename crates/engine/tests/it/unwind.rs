//! The way back from each shape of progress, as it would be taken.

use crate::scene::*;
use crate::services::*;
use engine::journal::entry::Ask;
use engine::outline::title;
use expect_test::{Expect, expect};
use model::plan::Verb;
use model::service::{Call, Hook, HookPoint, Migration, UnwindingPolicy};
use model::*;
use std::fmt::Write;

/// The way back from where the last step like this has just begun.
fn check(service: Service, is: fn(&Verb) -> bool, wanted: &Expect) {
    check_scene(&Scene::begun(service, is), wanted);
}

fn check_scene(scene: &Scene, wanted: &Expect) {
    let text = match scene.back() {
        Ok(back) => back.steps.iter().fold(String::new(), |mut text, step| {
            writeln!(text, "{}", title(&step.verb, &back.before, true)).expect("a String takes everything");
            text
        }),
        Err(why) => format!("no way back: {why}\n"),
    };
    wanted.assert_eq(&text);
}

fn is_route(verb: &Verb) -> bool {
    matches!(verb, Verb::Route { .. })
}

fn rolling_shop() -> Service {
    Service { strategy: rolling(1, 1, 2), ..shop() }
}

#[test]
fn nothing_begun() {
    check_scene(&Scene::landing(shop()), &expect![[""]]);
}

#[test]
fn started_and_nothing_routed() {
    check(
        shop(),
        |verb| matches!(verb, Verb::Start { .. }),
        &expect![[r#"
        see that @6 is ready
        drain @7, 30s at most
        stop @7
    "#]],
    );
}

#[test]
fn traffic_is_split() {
    check(
        shop(),
        |verb| matches!(verb, Verb::Observe { .. }),
        &expect![[r#"
        see that @6 is ready
        send everything to @6; close @7
        drain @7, 30s at most
        stop @7
    "#]],
    );
}

#[test]
fn half_a_batch() {
    let half = |verb: &Verb| matches!(verb, Verb::Stop { release: ReleaseNumber(6), .. });
    check(
        rolling_shop(),
        half,
        &expect![[r#"
        bring @6 to 4 instances
        send everything to @6; close @7
        drain @7, 30s at most
        stop @7
    "#]],
    );
}

#[test]
fn a_drain_of_the_old_begun() {
    let drain = |verb: &Verb| matches!(verb, Verb::Drain { release: ReleaseNumber(6), .. });
    check(
        rolling_shop(),
        drain,
        &expect![[r#"
        see that @6 is ready
        send everything to @6; close @7
        drain @7, 30s at most
        stop @7
    "#]],
    );
}

/// What was begun may have happened: it is taken back as if it had.
#[test]
fn hook_begun_not_done() {
    let mut service = shop();
    let undone =
        |text: &str, at| Hook { undo: Some(Call::Command(vec!["./undo".into(), text.into()])), ..hook(text, at) };
    service.hooks = vec![
        undone("warm-cache", HookPoint::AfterStart),
        hook("smoke", HookPoint::AfterStart),
        hook("tell-support", HookPoint::OnRollback),
    ];
    check(
        service,
        |verb| matches!(verb, Verb::Hook { .. }),
        &expect![[r#"
        see that @6 is ready
        drain @7, 30s at most
        stop @7
        take back warm-cache (./undo warm-cache)
        call tell-support (./hooks tell-support)
    "#]],
    );
}

#[test]
fn migration_begun() {
    let mut service = shop();
    service.database = database(vec![migration("split-name")]);
    check(
        service,
        |verb| matches!(verb, Verb::Migrate { .. }),
        &expect![[r#"
        abort migration split-name
    "#]],
    );
}

#[test]
fn one_way_migration() {
    let mut service = shop();
    let one_way = Migration { reversible: false, ..migration("drop-legacy") };
    service.database = database(vec![one_way]);
    check(
        service.clone(),
        |verb| matches!(verb, Verb::Migrate { .. }),
        &expect![[r#"
        abort migration drop-legacy
    "#]],
    );
    check(
        service,
        is_route,
        &expect![[r#"
            no way back: traffic was admitted after migration `drop-legacy`, and aborting that would lose what was written since
        "#]],
    );
}

/// Without traffic a release works as soon as it runs.
#[test]
fn one_way_migration_of_a_worker() {
    let one_way = Migration { reversible: false, ..migration("drop-legacy") };
    let service = Service { database: database(vec![one_way]), ..mailer() };
    check(
        service.clone(),
        |verb| matches!(verb, Verb::Migrate { .. }),
        &expect![[r#"
        abort migration drop-legacy
    "#]],
    );
    check(
        service,
        |verb| matches!(verb, Verb::Start { .. }),
        &expect![[r#"
            no way back: work was admitted after migration `drop-legacy`, and aborting that would lose what was written since
        "#]],
    );
}

/// Old and new must never meet: the new is gone before the old starts again.
#[test]
fn exclusive() {
    let service = Service { strategy: recreate(), ..shop() };
    let held = |verb: &Verb| matches!(verb, Verb::Drain { .. });
    check(
        service.clone(),
        held,
        &expect![[r#"
        see that @6 is ready
        send everything to @6
    "#]],
    );
    check(
        service.clone(),
        |verb| matches!(verb, Verb::Start { .. }),
        &expect![[r#"
        drain @7, 30s at most
        stop @7
        start @6 with 4 instances
        send everything to @6
    "#]],
    );
    let opened = |verb: &Verb| matches!(verb, Verb::Route { intent } if intent.hold().is_none());
    check(
        service,
        opened,
        &expect![[r#"
            hold all requests: the maintenance page
            drain @7, 30s at most
            stop @7
            start @6 with 4 instances
            send everything to @6
        "#]],
    );
}

#[test]
fn gradual() {
    let mut service = Service { strategy: canary(vec![weight(60)]), ..shop() };
    service.rollback.unwinding = UnwindingPolicy::Gradual { parts: 3, hold: Span::minutes(1) };
    check(
        service,
        |verb| matches!(verb, Verb::Observe { .. }),
        &expect![[r#"
        see that @6 is ready
        send 40 % to @7, 60 % to @6
        watch for 1m
        send 20 % to @7, 80 % to @6
        watch for 1m
        send everything to @6; close @7
        drain @7, 30s at most
        stop @7
    "#]],
    );
}

/// `@6` stays warm while `@8` comes and goes over `@7`.
#[test]
fn a_warm_release_is_left_alone() {
    let mut scene = Scene::standing(shop());
    scene.deploy(7, shop());
    scene.land();
    scene.deploy(8, shop());
    scene.launch();
    scene.forward_to(is_route);
    check_scene(
        &scene,
        &expect![[r#"
        see that @7 is ready
        send everything to @7; close @8
        drain @8, 30s at most
        stop @8
    "#]],
    );
}

#[test]
fn flags_and_workers() {
    let mut service = shop();
    service.flags = vec![flag("new-cart")];
    check(
        service,
        |verb| matches!(verb, Verb::Flag { .. }),
        &expect![[r#"
        see that @6 is ready
        send everything to @6; close @7
        drain @7, 30s at most
        stop @7
        set flag new-cart to off for 100 % (was on for 100 %)
    "#]],
    );
    let half = |verb: &Verb| matches!(verb, Verb::Stop { .. });
    check(
        mailer(),
        half,
        &expect![[r#"
        bring @6 to 4 instances
        drain @7, 5s by the clock
        stop @7
    "#]],
    );
}

/// A return goes by the file of what serves too: what launches it knows that file.
#[test]
fn a_return_from_what_keeps_apart() {
    let mut scene = Scene::standing(rolling_shop());
    scene.deploy(7, Service { strategy: recreate(), ..shop() });
    scene.land();
    scene.ask(Ask::Rollback { to: number(6) });
    scene.launch();
    scene.forward_to(|verb| matches!(verb, Verb::Start { .. }));
    assert_eq!(scene.state.standing.capacity.keys().copied().collect::<Vec<_>>(), [number(6)]);
    check_scene(
        &scene,
        &expect![[r#"
        drain @6, 30s at most
        stop @6
        start @7 with 4 instances
        send everything to @7
    "#]],
    );
}
