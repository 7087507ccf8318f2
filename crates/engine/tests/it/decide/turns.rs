//! When a rollout goes around, waits, or halts, whatever its step is doing; and what is commanded.

use super::*;
use crate::scene;
use crate::services::*;
use expect_test::expect;
use model::service::{Hook, HookPoint, Interruption, Migration, Repeat, UndecidedPolicy};
use model::*;

/// An observation that nobody can judge, to its end.
fn undecided(scene: &mut Scene) {
    unanswered(scene);
    scene.step();
}

fn unanswered(scene: &mut Scene) {
    scene.world.checks_silent = true;
    scene.watch(Span::minutes(20));
}

/// Undecided has an end: at once where too many are exposed, after the declared wait otherwise.
#[test]
fn undecided_ends() {
    let at_60 = || {
        let wait = UndecidedPolicy { wait: Span::hours(1), exposure: Share::percent(50) };
        let service = Service { undecided: wait, strategy: canary(vec![weight(60)]), ..shop() };
        Scene::begun(service, is_observe)
    };
    let at_5 = || Scene::begun(shop(), is_observe);
    scene::check(
        at_60,
        &[("60 % exposed, 50 % is the bound", unanswered)],
        Scene::step,
        &expect![[r#"
        60 % exposed, 50 % is the bound  → undecided 3 for 0s (errors has not answered; latency has not answered; health has not answered); go around: step 3 stayed undecided, errors has not answered; latency has not answered; health has not answered; begin 1
    "#]],
    );
    scene::check(
        at_5,
        &[
            ("5 % exposed", unanswered),
            ("nothing new", undecided),
            ("59 minutes later", |scene| {
                undecided(scene);
                scene.wait(Span::minutes(59));
                scene.look();
            }),
            ("an hour later", |scene| {
                undecided(scene);
                scene.wait(Span::hours(1));
                scene.look();
            }),
            ("an hour later, after a crash, before anything was looked at", |scene| {
                undecided(scene);
                scene.wait(Span::hours(1));
                scene.seen =
                    engine::observe::Observations::recovered(scene.seen.counted, true, scene.state.position, scene.now);
            }),
            ("an hour later, after a crash, at the first look", |scene| {
                undecided(scene);
                scene.wait(Span::hours(1));
                scene.seen.recovered_since = scene.state.elapsed(scene.now);
                scene.look();
            }),
            ("an hour later, after a crash, when answers had their time", |scene| {
                undecided(scene);
                scene.wait(Span::hours(1));
                scene.seen.recovered_since = scene.state.elapsed(scene.now);
                scene.wait(engine::command::COMMAND_LIMIT);
                scene.look();
            }),
            ("an answer comes", |scene| {
                undecided(scene);
                scene.world.checks_silent = false;
                scene.look();
            }),
            ("skipped", |scene| {
                undecided(scene);
                scene.ask(Ask::Skip);
            }),
            ("tried again", |scene| {
                undecided(scene);
                scene.ask(Ask::Retry);
            }),
        ],
        Scene::step,
        &expect![[r#"
            5 % exposed                                                  → undecided 3 for 1h (errors has not answered; latency has not answered; health has not answered)
            nothing new                                                  → nothing
            59 minutes later                                             → nothing
            an hour later                                                → go around: step 3 stayed undecided, errors has not answered; latency has not answered; health has not answered; begin 1
            an hour later, after a crash, before anything was looked at  → nothing
            an hour later, after a crash, at the first look              → nothing
            an hour later, after a crash, when answers had their time    → go around: step 3 stayed undecided, errors has not answered; latency has not answered; health has not answered; begin 1
            an answer comes                                              → done 3 (held for 19m59s); begin 4
            skipped                                                      → done 3 (skipped); begin 4
            tried again                                                  → begin 3 again (attempt 2)
        "#]],
    );
}

/// Watches hold from the first exposure on, whatever step is done.
#[test]
fn watches() {
    let failing = |scene: &mut Scene| {
        scene.world.verdicts.insert("errors", Verdict::Fail);
        scene.look();
    };
    let cases: &[Case] = &[("a watch fails", failing)];
    scene::check(
        || Scene::begun(shop(), is_start),
        cases,
        Scene::step,
        &expect![[r#"
        a watch fails  → nothing
    "#]],
    );
    scene::check(
        || Scene::begun(shop(), is_route),
        cases,
        Scene::step,
        &expect![[r#"
        a watch fails  → go around: check errors failed, 9 of 1 200; begin 1
    "#]],
    );
}

fn newer(scene: &mut Scene) {
    let service = scene.state.release(number(7)).expect("it is kept").service.clone();
    scene.deploy(8, service);
}

#[test]
fn a_newer_release_waits() {
    let cases: &[Case] = &[
        ("nothing begun", newer),
        ("traffic split", |scene| {
            scene.forward_to(is_route);
            newer(scene);
        }),
        ("paused", |scene| {
            scene.ask(Ask::Pause);
            newer(scene);
        }),
        ("undecided", |scene| {
            scene.forward_to(is_observe);
            undecided(scene);
            newer(scene);
        }),
        ("going around already", |scene| {
            scene.forward_to(is_route);
            scene.go_around();
            newer(scene);
            scene.look();
        }),
    ];
    scene::check(
        || Scene::landing(shop()),
        cases,
        Scene::step,
        &expect![[r#"
        nothing begun         → go around: @8 is to land; end: rolled back
        traffic split         → go around: @8 is to land; begin 1
        paused                → go around: @8 is to land; end: rolled back
        undecided             → go around: @8 is to land; begin 1
        going around already  → begin 1
    "#]],
    );
    let queue = || Scene::landing(Service { interruption: Interruption::Queue, ..shop() });
    scene::check(
        queue,
        cases,
        Scene::step,
        &expect![[r#"
        nothing begun         → begin 1
        traffic split         → nothing
        paused                → nothing
        undecided             → nothing
        going around already  → begin 1
    "#]],
    );
}

/// After the first Stop of the old release, or a one-way migration, what runs finishes forward.
#[test]
fn past_return_a_newer_release_waits() {
    let rolling_on = || Scene::begun(Service { strategy: rolling(1, 0, 1), ..shop() }, is_stop);
    scene::check(
        rolling_on,
        &[("the old is stopped in part", newer)],
        Scene::step,
        &expect![[r#"
        the old is stopped in part  → nothing
    "#]],
    );
    scene::check(
        one_way,
        &[("a one-way migration has begun", newer)],
        Scene::step,
        &expect![[r#"
        a one-way migration has begun  → nothing
    "#]],
    );
}

fn one_way() -> Scene {
    let mut service = shop();
    let migration = Migration { reversible: false, ..migration("drop-legacy") };
    service.database = database(vec![migration]);
    Scene::begun(service, is_migrate)
}

#[test]
fn no_way_back() {
    scene::check(
        one_way,
        &[
            ("aborted before traffic came", |scene| scene.ask(Ask::Abort)),
            ("aborted after traffic came", |scene| {
                scene.forward_to(is_route);
                scene.ask(Ask::Abort);
            }),
        ],
        Scene::step,
        &expect![[r#"
            aborted before traffic came  → go around: ana said so; begin 1
            aborted after traffic came   → halt: there is no way back: traffic was admitted after migration `drop-legacy`, and aborting that would lose what was written since
        "#]],
    );
}

/// The way back halts where it cannot be taken.
#[test]
fn on_the_way_back() {
    let back = || {
        let mut scene = Scene::begun(shop(), is_observe);
        scene.go_around();
        scene
    };
    scene::check(
        back,
        &[
            ("all is well", |scene| scene.look()),
            ("a check fails", |scene| {
                scene.world.verdicts.insert("errors", Verdict::Fail);
                scene.look();
            }),
            ("a step failed four times", |scene| fail(scene, 4)),
            ("a step failed five times", |scene| fail(scene, 5)),
            ("routers silent", |scene| {
                scene.forward_to(is_route);
                scene.world.routers_silent = true;
                scene.wait_out();
            }),
            ("routers silent for an hour more", |scene| {
                scene.forward_to(is_route);
                scene.world.routers_silent = true;
                scene.wait_out();
                scene.step();
                scene.wait(Span::hours(1));
                scene.look();
            }),
            ("the old is not ready", |scene| {
                scene.world.instances.insert(6, (4, 0));
                scene.begin();
                scene.finish();
                scene.look();
            }),
            ("the old is not ready in time", |scene| {
                scene.world.instances.insert(6, (4, 0));
                scene.begin();
                scene.finish();
                scene.wait_out();
            }),
            ("all steps are done", |scene| scene.forward_to(|_| false)),
        ],
        Scene::step,
        &expect![[r#"
            all is well                      → begin 1
            a check fails                    → begin 1
            a step failed four times         → begin 1 again (attempt 5)
            a step failed five times         → halt: disk full
            routers silent                   → undecided 2 for 1h (the routers do not answer)
            routers silent for an hour more  → halt: the routers do not answer
            the old is not ready             → nothing
            the old is not ready in time     → halt: release @6 is to get the traffic back, but was not seen ready in time
            all steps are done               → end: rolled back
        "#]],
    );
}

fn fail(scene: &mut Scene, times: u32) {
    for _ in 0..times {
        scene.begin();
        scene.fail("disk full");
    }
}

#[test]
fn halted() {
    let halted = || {
        let mut scene = Scene::begun(shop(), is_observe);
        scene.go_around();
        scene.halt();
        scene
    };
    let cases: &[Case] = &[
        ("nobody says anything", |scene| scene.watch(Span::minutes(5))),
        ("tried again", |scene| scene.ask(Ask::Retry)),
        ("a fresh way back", |scene| scene.ask(Ask::Unwind)),
        ("what is observed is accepted", |scene| {
            scene.ask(Ask::Accept { observed: Box::new(standing(&shop())) });
        }),
    ];
    scene::check(
        halted,
        cases,
        Scene::step,
        &expect![[r#"
        nobody says anything          → nothing
        tried again                   → begin 1
        a fresh way back              → go around: asked for after a halt; begin 1
        what is observed is accepted  → end: halted, and accepted
    "#]],
    );
    scene::check(
        halted,
        cases,
        |scene| scene.commands(),
        &expect![[r#"
        nobody says anything          → nothing
        tried again                   → send 5 % to @7, 95 % to @6; scale @6 to 4; scale @7 to 1
        a fresh way back              → send 5 % to @7, 95 % to @6; scale @6 to 4; scale @7 to 1
        what is observed is accepted  → send everything to @6; scale @6 to 4; scale @7 to 0
    "#]],
    );
}

#[test]
fn commands() {
    let service = || {
        let mut service = shop();
        service.hooks = vec![Hook { repeat: Repeat::Never, ..hook("smoke", HookPoint::AfterStart) }];
        service.flags = vec![flag("new-cart")];
        service.database = database(vec![migration("split-name")]);
        let mut scene = Scene::standing(service.clone());
        scene.look();
        scene.deploy(7, service);
        scene.launch();
        scene
    };
    scene::check(
        service,
        &[
            ("the first step, as it begins", |_| {}),
            ("start begun", |scene| scene.forward_to(is_start)),
            ("start begun, and taken", |scene| {
                scene.forward_to(is_start);
                scene.look();
            }),
            ("start begun, taken an hour ago", |scene| {
                scene.forward_to(is_start);
                scene.look();
                scene.wait(Span::hours(1));
            }),
            ("route begun", |scene| look_and_forward_to(scene, is_route)),
            ("route begun, one router silent", |scene| {
                scene.world.one_router_silent = true;
                look_and_forward_to(scene, is_route);
                scene.look();
            }),
            ("hook begun", |scene| look_and_forward_to(scene, is_hook)),
            ("hook called, not answered", |scene| {
                look_and_forward_to(scene, is_hook);
                let rollout = scene.state.rollout.as_ref().expect("a rollout");
                scene.seen.called.insert(rollout.doing.as_ref().expect("an attempt").generation, scene.now);
            }),
            ("hook begun by the controller before", |scene| {
                look_and_forward_to(scene, is_hook);
                scene.seen.recovered_at = scene.state.position;
            }),
            ("migration begun", |scene| look_and_forward_to(scene, is_migrate)),
            ("migration done", |scene| {
                look_and_forward_to(scene, is_migrate);
                scene.reply(Reply::Accepted);
            }),
            ("migration, nobody knows", |scene| {
                look_and_forward_to(scene, is_migrate);
                scene.reply(Reply::Unknown("the connection broke".into()));
            }),
            ("flag begun", |scene| {
                look_and_forward_to(scene, is_flag);
            }),
        ],
        |scene| scene.commands(),
        &expect![[r#"
            the first step, as it begins         → expand split-name
            start begun                          → scale @7 to 1
            start begun, and taken               → nothing
            start begun, taken an hour ago       → nothing
            route begun                          → send 5 % to @7, 95 % to @6
            route begun, one router silent       → send 5 % to @7, 95 % to @6
            hook begun                           → call smoke
            hook called, not answered            → nothing
            hook begun by the controller before  → nothing
            migration begun                      → expand split-name
            migration done                       → backfill split-name
            migration, nobody knows              → expand split-name
            flag begun                           → set new-cart to on where it is off
        "#]],
    );
}

/// Forward, with all that was wanted before seen as it should be.
fn look_and_forward_to(scene: &mut Scene, is: fn(&Verb) -> bool) {
    scene.forward_to(is);
    let rollout = scene.state.rollout.take();
    scene.look();
    scene.state.rollout = rollout;
    if let Some(Verb::Route { .. }) =
        scene.state.rollout.as_ref().and_then(|rollout| rollout.step()).map(|step| &step.verb)
    {
        scene.seen.router = None;
    }
}
