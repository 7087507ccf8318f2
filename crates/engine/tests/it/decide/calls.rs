//! What a call leaves behind that was given up before it was answered, and what a way back remembers.

use super::*;
use crate::scene;
use crate::services::*;
use engine::observe::Observations;
use expect_test::{Expect, expect};
use model::service::{Call, Hook, HookPoint};
use model::*;

fn undone(text: &str) -> Hook {
    Hook { undo: Some(Call::Command(vec!["./undo".into(), text.into()])), ..hook(text, HookPoint::AfterStart) }
}

/// `warm-cache` may take two minutes.
fn hooked() -> Service {
    Service { hooks: vec![undone("warm-cache")], ..shop() }
}

/// The hook was sent a minute after its step began.
fn called() -> Scene {
    let mut scene = Scene::begun(hooked(), is_hook);
    scene.wait(Span::minutes(1));
    sent(&mut scene);
    scene
}

fn sent(scene: &mut Scene) {
    let call = scene.generation();
    scene.seen.called.insert(call, scene.now);
}

/// It is aborted, and all of the way back is done that comes before the undo.
fn back_to_the_undo(scene: &mut Scene) {
    scene.go_around();
    scene.forward_to(is_stop);
    scene.finish();
}

/// The controller ends, and the next one has looked.
fn next_controller(scene: &mut Scene) {
    scene.seen = Observations::recovered(scene.seen.counted, true, scene.state.position, scene.now);
    scene.look();
}

/// An undo never runs beside what it undoes.
#[test]
fn an_undo_waits_for_its_call() {
    scene::check(
        called,
        &[
            ("not answered", back_to_the_undo),
            ("not answered, 119 s after it was sent", |scene| {
                back_to_the_undo(scene);
                scene.wait(Span::seconds(119));
            }),
            ("not answered, 120 s after it was sent", |scene| {
                back_to_the_undo(scene);
                scene.wait(Span::seconds(120));
            }),
            ("done meanwhile", |scene| {
                let call = scene.generation();
                back_to_the_undo(scene);
                scene.seen.see_reply(engine::command::Target::Hook(call), call, Reply::Accepted);
            }),
            ("failed meanwhile", |scene| {
                let call = scene.generation();
                back_to_the_undo(scene);
                scene.seen.see_reply(engine::command::Target::Hook(call), call, no(false));
            }),
            ("nobody knows", |scene| {
                scene.reply(Reply::Unknown("the connection broke".into()));
                back_to_the_undo(scene);
            }),
            ("never sent", |scene| {
                scene.seen.called.clear();
                back_to_the_undo(scene);
            }),
            ("sent by the controller before", |scene| {
                next_controller(scene);
                back_to_the_undo(scene);
                scene.wait(Span::seconds(119));
            }),
            ("sent by the controller before, 120 s after that was gone", |scene| {
                next_controller(scene);
                back_to_the_undo(scene);
                scene.wait(Span::seconds(120));
            }),
            ("given up, and then the controller went", |scene| {
                back_to_the_undo(scene);
                scene.wait(Span::seconds(119));
                next_controller(scene);
            }),
            ("given up 120 s ago, and then the controller went", |scene| {
                back_to_the_undo(scene);
                scene.wait(Span::seconds(120));
                next_controller(scene);
            }),
        ],
        Scene::step,
        &expect![[r#"
            not answered                                              → nothing
            not answered, 119 s after it was sent                     → nothing
            not answered, 120 s after it was sent                     → begin 4
            done meanwhile                                            → begin 4
            failed meanwhile                                          → begin 4
            nobody knows                                              → nothing
            never sent                                                → begin 4
            sent by the controller before                             → nothing
            sent by the controller before, 120 s after that was gone  → begin 4
            given up, and then the controller went                    → nothing
            given up 120 s ago, and then the controller went          → begin 4
        "#]],
    );
}

/// Only calls wait for a call: traffic goes back at once.
#[test]
fn traffic_does_not_wait() {
    let routed = || {
        let mut scene = Scene::begun(
            Service { hooks: vec![Hook { at: HookPoint::AfterRoute, ..undone("purge") }], ..shop() },
            is_hook,
        );
        sent(&mut scene);
        scene.look();
        scene.ask(Ask::Abort);
        scene
    };
    scene::check(
        routed,
        &[("aborted while the call runs", |_| {})],
        told,
        &expect![[r#"
        aborted while the call runs  → go around: ana said so; begin 1; done 1 (4 of 4 ready); begin 2; done 2 (live in every router); begin 3; done 3 (no open work); begin 4; done 4
    "#]],
    );
}

/// All that is written until nothing is, everything being looked at in between.
fn told(scene: &mut Scene) -> String {
    let mut told = Vec::new();
    for _ in 0..20 {
        scene.watch(Span::seconds(2));
        told.push(scene.step());
    }
    told.retain(|entries| entries != "nothing");
    told.join("; ")
}

#[test]
fn an_abort_waits_for_its_migration() {
    let migrating = || {
        let mut scene =
            Scene::begun(Service { database: database(vec![migration("split-name")]), ..shop() }, is_migrate);
        sent(&mut scene);
        scene
    };
    scene::check(
        migrating,
        &[
            ("not answered", Scene::go_around),
            ("its limit has passed", |scene| {
                scene.go_around();
                scene.wait(engine::command::MIGRATION_LIMIT_MAX);
            }),
            ("done", |scene| {
                scene.reply(Reply::Accepted);
                scene.go_around();
            }),
        ],
        Scene::step,
        &expect![[r#"
            not answered          → nothing
            its limit has passed  → begin 1
            done                  → begin 1
        "#]],
    );
}

/// Neither does an attempt run beside the one before it.
#[test]
fn another_attempt_waits() {
    scene::check(
        called,
        &[
            ("asked for while the first may run", |scene| {
                scene.wait(Span::seconds(60));
                scene.look();
                scene.step();
                scene.ask(Ask::Retry);
            }),
            ("the first cannot run any more", |scene| {
                scene.wait(Span::seconds(60));
                scene.look();
                scene.step();
                scene.ask(Ask::Retry);
                scene.wait(Span::seconds(60));
            }),
        ],
        Scene::step,
        &expect![[r#"
            asked for while the first may run  → nothing
            the first cannot run any more      → begin 2 again (attempt 2)
        "#]],
    );
}

/// What is remembered of calls ends with what depends on it.
#[test]
fn calls_are_forgotten() {
    let remembered = |scene: &mut Scene| {
        scene.look();
        format!("{} of 1", scene.seen.called.len())
    };
    scene::check(
        called,
        &[
            ("while it goes on", |_| {}),
            ("while its undo waits", back_to_the_undo),
            ("done", |scene| scene.finish()),
            ("while its undo runs", |scene| {
                back_to_the_undo(scene);
                scene.begin();
            }),
            ("the rollout is over", |scene| {
                scene.finish();
                scene.forward_to(|_| false);
                let standing = Box::new(scene.state.standing.clone());
                let ending = engine::journal::entry::Ending::Completed { kept: number(7) };
                scene.take(engine::journal::entry::Entry::Ended { ending, standing });
            }),
        ],
        remembered,
        &expect![[r#"
            while it goes on      → 1 of 1
            while its undo waits  → 1 of 1
            done                  → 0 of 1
            while its undo runs   → 0 of 1
            the rollout is over   → 0 of 1
        "#]],
    );
}

/// A call on the way back is tried as often as its owner said, and then it halts.
#[test]
fn attempts_on_the_way_back() {
    let undoing = || {
        let mut scene = Scene::begun(hooked(), is_hook);
        back_to_the_undo(&mut scene);
        scene.begin();
        scene
    };
    scene::check(
        undoing,
        &[
            ("failed once of two times", |scene| scene.reply(no(true))),
            ("failed two times of two", |scene| {
                scene.fail("disk full");
                scene.begin();
                scene.reply(no(true));
            }),
        ],
        Scene::step,
        &expect![[r#"
            failed once of two times  → failed 4 (disk full); begin 4 again (attempt 2)
            failed two times of two   → failed 4 (disk full); halt: disk full
        "#]],
    );
}

/// After a halt a person's word gives what is waited for its whole time again.
#[test]
fn tried_again_after_a_halt() {
    let halted = || {
        let mut scene = Scene::begun(shop(), is_observe);
        scene.go_around();
        scene.world.instances.insert(6, (4, 0));
        scene.begin();
        scene.finish();
        scene.wait_out();
        assert!(scene.step().starts_with("halt"));
        scene.ask(Ask::Retry);
        scene
    };
    scene::check(
        halted,
        &[
            ("still not ready", |scene| scene.look()),
            ("not ready in time", Scene::wait_out),
            ("ready", |scene| {
                scene.world.instances.clear();
                scene.look();
            }),
        ],
        Scene::step,
        &expect![[r#"
            still not ready    → nothing
            not ready in time  → halt: release @6 is to get the traffic back, but was not seen ready in time
            ready              → begin 2
        "#]],
    );
}

/// The steps of a fresh way back, after so much of one was done and it halted.
fn check_again(service: Service, is: fn(&Verb) -> bool, steps: usize, wanted: &Expect) {
    let mut scene = Scene::begun(service, is);
    scene.finish();
    scene.go_around();
    for _ in 0..steps {
        scene.begin();
        scene.finish();
    }
    scene.begin();
    scene.fail("exit code 1");
    scene.halt();
    scene.ask(Ask::Unwind);
    let back = scene.back().expect("a way back");
    let text = back.steps.iter().map(|step| engine::outline::title(&step.verb, &back.before, true) + "\n");
    wanted.assert_eq(&text.collect::<String>());
}

/// What was taken back is not taken back again because of a step behind it.
#[test]
fn a_second_way_back_leaves_out_what_was_undone() {
    let mut service = shop();
    service.hooks = vec![undone("warm-cache"), undone("warm-more"), hook("tell-support", HookPoint::OnRollback)];
    service.flags = vec![flag("new-cart")];
    service.database = database(vec![migration("split-name")]);
    check_again(
        service.clone(),
        is_flag,
        4,
        &expect![[r#"
        see that @6 is ready
        send everything to @6
        set flag new-cart to off for 100 % (was on for 100 %)
        take back warm-more (./undo warm-more)
        take back warm-cache (./undo warm-cache)
        abort migration split-name
        call tell-support (./hooks tell-support)
    "#]],
    );
    check_again(
        service.clone(),
        is_flag,
        6,
        &expect![[r#"
        see that @6 is ready
        send everything to @6
        take back warm-cache (./undo warm-cache)
        abort migration split-name
        call tell-support (./hooks tell-support)
    "#]],
    );
    check_again(
        service,
        is_flag,
        8,
        &expect![[r#"
        see that @6 is ready
        send everything to @6
        call tell-support (./hooks tell-support)
    "#]],
    );
}

/// Where the old serves again, nobody is held back a second time.
#[test]
fn a_second_way_back_does_not_hold_again() {
    let service = Service {
        strategy: recreate(),
        hooks: vec![hook("tell-support", HookPoint::OnRollback), hook("tell-sales", HookPoint::OnRollback)],
        ..shop()
    };
    let opened = |verb: &Verb| matches!(verb, Verb::Route { intent } if intent.hold().is_none());
    check_again(
        service,
        opened,
        6,
        &expect![[r#"
        see that @6 is ready
        send everything to @6
        call tell-sales (./hooks tell-sales)
    "#]],
    );
}
