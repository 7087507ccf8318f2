//! Start, Drain and Stop.

use super::*;
use crate::services::*;
use expect_test::expect;
use model::*;

#[test]
fn start() {
    check(
        &shop(),
        is_start,
        &[
            ("ready in one look", |scene| scene.look()),
            ("ready in two looks", |scene| scene.watch(Span::seconds(2))),
            ("ready, then not, then ready", |scene| {
                scene.look();
                scene.world.instances.insert(7, (1, 0));
                scene.look();
                scene.world.instances.clear();
                scene.look();
            }),
            ("ready, but under an older command", |scene| {
                scene.world.platform_late = true;
                scene.watch(Span::seconds(5));
            }),
            ("ready, 6 s ago", |scene| {
                scene.watch(Span::seconds(2));
                scene.wait(Span::seconds(6));
            }),
            ("the platform says it will not be ready", |scene| {
                scene.world.instances.insert(7, (1, 0));
                scene.world.failing = Some("it crashed 5 times");
                scene.look();
            }),
            ("the platform refuses for good", |scene| scene.reply(no(false))),
            ("the platform refuses for now", |scene| scene.reply(no(true))),
            ("time is over, nothing was looked at", |scene| scene.wait(Span::hours(9))),
            ("time is over, not ready", |scene| {
                scene.world.instances.insert(7, (1, 0));
                scene.wait_out();
            }),
            ("time is over, the command not acted on", |scene| {
                scene.world.platform_late = true;
                scene.wait_out();
            }),
            ("time is over, the platform silent", |scene| {
                scene.world.platform_silent = true;
                scene.wait_out();
            }),
            ("time is over, not ready, paused", |scene| {
                scene.world.instances.insert(7, (1, 0));
                pause(scene);
                scene.wait_out();
            }),
            ("time is over, the platform silent, paused", |scene| {
                scene.world.platform_silent = true;
                pause(scene);
                scene.wait_out();
            }),
            ("ready, paused: no further step begins", |scene| {
                pause(scene);
                scene.watch(Span::seconds(2));
            }),
        ],
        &expect![[r#"
            ready in one look                          → nothing
            ready in two looks                         → done 1 (1 of 1 ready); begin 2
            ready, then not, then ready                → nothing
            ready, but under an older command          → nothing
            ready, 6 s ago                             → nothing
            the platform says it will not be ready     → failed 1 (it crashed 5 times); go around: step 1 failed, it crashed 5 times; begin 1
            the platform refuses for good              → failed 1 (disk full); go around: step 1 failed, disk full; begin 1
            the platform refuses for now               → nothing
            time is over, nothing was looked at        → nothing
            time is over, not ready                    → failed 1 (0 of 1 were ready after 3m); go around: step 1 failed, 0 of 1 were ready after 3m; begin 1
            time is over, the command not acted on     → undecided 1 for 1h (the platform has not acted on the command)
            time is over, the platform silent          → undecided 1 for 1h (the platform does not answer)
            time is over, not ready, paused            → nothing
            time is over, the platform silent, paused  → nothing
            ready, paused: no further step begins      → done 1 (1 of 1 ready)
        "#]],
    );
}

fn replaced() -> Service {
    Service { strategy: rolling(1, 0, 1), ..shop() }
}

#[test]
fn drain() {
    check(
        &replaced(),
        is_drain,
        &[
            ("no open work", |scene| scene.look()),
            ("open work", |scene| {
                scene.world.leaving = 3;
                scene.look();
            }),
            ("open work past the deadline", |scene| {
                scene.world.leaving = 3;
                scene.watch(Span::seconds(31));
            }),
            ("no open work, but an older table live", |scene| {
                scene.world.routers_late = true;
                scene.look();
            }),
            ("time is over, an older table live", |scene| {
                scene.world.routers_late = true;
                scene.wait_out();
            }),
            ("time is over, one router silent since", |scene| {
                scene.world.leaving = 3;
                scene.look();
                scene.world.one_router_silent = true;
                scene.wait_out();
            }),
        ],
        &expect![[r#"
            no open work                           → done 4 (no open work); begin 5
            open work                              → nothing
            open work past the deadline            → done 4 (6 still open after 30s are cut); begin 5
            no open work, but an older table live  → nothing
            time is over, an older table live      → undecided 4 for 1h (not confirmed by north, south)
            time is over, one router silent since  → undecided 4 for 1h (not confirmed by south)
        "#]],
    );
}

#[test]
fn drain_by_the_clock() {
    let drained = || {
        let mut scene = Scene::standing(replaced());
        let router = scene.facts.router.as_mut().expect("a router");
        router.counts_open_work = false;
        scene.deploy(7, replaced());
        scene.launch();
        scene.forward_to(is_drain);
        scene
    };
    crate::scene::check(
        drained,
        &[
            ("at once", |scene| scene.look()),
            ("half its time", |scene| scene.watch(Span::seconds(15))),
            ("its time", |scene| scene.watch(Span::seconds(66))),
            ("its time, not live", |scene| {
                scene.world.routers_late = true;
                scene.watch(Span::seconds(59));
            }),
            ("its time, not live in between", |scene| lose_the_table(scene, Span::seconds(33))),
            ("its time since it is live again", |scene| lose_the_table(scene, Span::seconds(35))),
        ],
        Scene::step,
        &expect![[r#"
            at once                          → nothing
            half its time                    → nothing
            its time                         → done 4 (35s passed; nobody counts); begin 5
            its time, not live               → nothing
            its time, not live in between    → nothing
            its time since it is live again  → done 4 (35s passed; nobody counts); begin 5
        "#]],
    );
}

/// A drain's table is replaced by an older one for a moment: work comes that nobody has waited for yet.
fn lose_the_table(scene: &mut Scene, then: Span) {
    scene.watch(Span::seconds(34));
    scene.world.routers_late = true;
    scene.watch(Span::seconds(1));
    scene.world.routers_late = false;
    // The first look that shows it live again is the beginning.
    scene.watch(Span::seconds(1));
    scene.watch(then);
}

#[test]
fn stop() {
    check(
        &replaced(),
        is_stop,
        &[
            ("gone", |scene| scene.look()),
            ("gone, by an older command", |scene| {
                scene.world.platform_late = true;
                scene.look();
            }),
            ("still there", |scene| {
                scene.world.instances.insert(6, (4, 4));
                scene.look();
            }),
            ("refused for good", |scene| {
                scene.world.instances.insert(6, (4, 4));
                scene.look();
                scene.reply(no(false));
            }),
            ("refused for now", |scene| {
                scene.world.instances.insert(6, (4, 4));
                scene.look();
                scene.reply(no(true));
            }),
            ("time is over, still there", |scene| {
                scene.world.instances.insert(6, (4, 4));
                scene.wait_out();
            }),
            ("time is over, the command not acted on", |scene| {
                scene.world.platform_late = true;
                scene.wait_out();
            }),
            ("time is over, the platform silent", |scene| {
                scene.world.platform_silent = true;
                scene.wait_out();
            }),
        ],
        &expect![[r#"
            gone                                    → done 5; begin 6
            gone, by an older command               → nothing
            still there                             → nothing
            refused for good                        → failed 5 (disk full); begin 5 again (attempt 2)
            refused for now                         → nothing
            time is over, still there               → failed 5 (1 still run after 1m); begin 5 again (attempt 2)
            time is over, the command not acted on  → undecided 5 for 1h (the platform has not acted on the command)
            time is over, the platform silent       → undecided 5 for 1h (the platform does not answer)
        "#]],
    );
}

/// A router that went back to an older table has given new work to what was drained: its instances stay
/// until the right table is live again and that work had its time.
#[test]
fn a_stop_waits_for_what_an_older_table_let_in() {
    let stopping = || {
        let mut scene = Scene::begun(Service { strategy: recreate(), ..shop() }, is_stop);
        scene.world.instances.insert(6, (4, 4));
        scene.world.platform_late = true;
        scene.look();
        scene
    };
    crate::scene::check(
        stopping,
        &[
            ("the right table is live", |_| {}),
            ("an older one is", |scene| {
                scene.world.routers_late = true;
                scene.look();
            }),
            ("the right one is again", |scene| {
                scene.world.routers_late = true;
                scene.look();
                scene.world.routers_late = false;
                scene.look();
            }),
            ("and has been for a while", |scene| {
                scene.world.routers_late = true;
                scene.look();
                scene.world.routers_late = false;
                scene.look();
                scene.wait(engine::observe::WENT_BACK_MAX);
                scene.look();
            }),
        ],
        |scene| scene.commands(),
        &expect![[r#"
            the right table is live   → scale @6 to 0
            an older one is           → hold all requests: the maintenance page
            the right one is again    → nothing
            and has been for a while  → scale @6 to 0
        "#]],
    );
}
