//! Route and Observe, and the pause that stops their deadlines.

use super::*;
use crate::services::*;
use engine::journal::entry::{Ask, Entry};
use expect_test::expect;
use model::*;

#[test]
fn route() {
    check(
        &shop(),
        is_route,
        &[
            ("live in every router", |scene| scene.look()),
            ("live, 6 s ago", |scene| {
                scene.look();
                scene.wait(Span::seconds(6));
            }),
            ("one router silent", |scene| {
                scene.world.one_router_silent = true;
                scene.look();
            }),
            ("the table refused for good", |scene| scene.reply(no(false))),
            ("time is over, nothing was looked at", |scene| scene.wait(Span::hours(9))),
            ("time is over, one router silent", |scene| {
                scene.world.one_router_silent = true;
                scene.wait_out();
            }),
            ("time is over, an older table live", |scene| {
                scene.world.routers_late = true;
                scene.wait_out();
            }),
            ("time is over, all routers silent", |scene| {
                scene.world.routers_silent = true;
                scene.wait_out();
            }),
        ],
        &expect![[r#"
            live in every router                 → done 2 (live in every router); begin 3
            live, 6 s ago                        → nothing
            one router silent                    → nothing
            the table refused for good           → failed 2 (disk full)
            time is over, nothing was looked at  → nothing
            time is over, one router silent      → undecided 2 for 1h (not confirmed by south)
            time is over, an older table live    → undecided 2 for 1h (not confirmed by north, south)
            time is over, all routers silent     → undecided 2 for 1h (the routers do not answer)
        "#]],
    );
}

/// Traffic never goes to a release that is not seen ready.
#[test]
fn route_waits_for_readiness() {
    let ready = || {
        let mut scene = Scene::begun(shop(), is_start);
        scene.finish();
        scene
    };
    crate::scene::check(
        ready,
        &[
            ("seen ready", |scene| scene.look()),
            ("not looked at", |_| {}),
            ("ready no more", |scene| {
                scene.world.instances.insert(7, (1, 0));
                scene.look();
            }),
            ("ready no more for too long", |scene| {
                scene.world.instances.insert(7, (1, 0));
                scene.wait_out();
            }),
            ("not looked at for too long", |scene| scene.wait(Span::hours(9))),
            ("paused", |scene| {
                pause(scene);
                scene.look();
            }),
        ],
        Scene::step,
        &expect![[r#"
            seen ready                  → begin 2
            not looked at               → nothing
            ready no more               → nothing
            ready no more for too long  → go around: @7 is not ready; begin 1
            not looked at for too long  → nothing
            paused                      → nothing
        "#]],
    );
}

/// What an attempt that failed has left behind proves nothing about who is ready.
#[test]
fn a_second_attempt_waits_for_readiness_too() {
    let refused = || {
        let mut scene = Scene::begun(shop(), is_route);
        scene.fail("refused");
        scene
    };
    crate::scene::check(
        refused,
        &[
            ("seen ready", |scene| scene.look()),
            ("the new one ready no more", |scene| {
                scene.world.instances.insert(7, (1, 0));
                scene.look();
            }),
            ("the old one not all ready", |scene| {
                scene.world.instances.insert(6, (4, 0));
                scene.look();
            }),
        ],
        Scene::step,
        &expect![[r#"
            seen ready                 → begin 2 again (attempt 2)
            the new one ready no more  → nothing
            the old one not all ready  → begin 2 again (attempt 2)
        "#]],
    );
}

#[test]
fn observe() {
    check(
        &shop(),
        is_observe,
        &[
            ("held, and all pass", |scene| scene.watch(Span::seconds(301))),
            ("not held long enough", |scene| scene.watch(Span::seconds(290))),
            ("time passed unseen does not count", |scene| {
                scene.look();
                scene.wait(Span::minutes(5));
                scene.look();
            }),
            ("a check fails", |scene| {
                scene.world.verdicts.insert("latency", Verdict::Fail);
                scene.look();
            }),
            ("a check failed 6 s ago", |scene| {
                scene.world.verdicts.insert("latency", Verdict::Fail);
                scene.look();
                scene.wait(Span::seconds(6));
            }),
            ("a check fails while paused", |scene| {
                pause(scene);
                scene.world.verdicts.insert("latency", Verdict::Fail);
                scene.look();
            }),
            ("held, a check undecided", |scene| {
                scene.world.verdicts.insert("latency", Verdict::Undecided);
                scene.watch(Span::seconds(301));
            }),
            ("time is over, a check undecided", |scene| {
                scene.world.verdicts.insert("latency", Verdict::Undecided);
                scene.watch(Span::minutes(20));
            }),
            ("time is over, no check answers", |scene| {
                scene.world.checks_silent = true;
                scene.watch(Span::minutes(20));
            }),
            ("time is over, a source silent", |scene| {
                scene.world.sources_silent = true;
                scene.watch(Span::minutes(20));
            }),
            ("time is over, routers silent", |scene| {
                scene.world.one_router_silent = true;
                scene.watch(Span::minutes(20));
            }),
            ("time is over, nothing was looked at", |scene| scene.wait(Span::hours(9))),
            ("held, but paused", |scene| {
                scene.watch(Span::seconds(301));
                pause(scene);
            }),
            ("skipped", |scene| scene.ask(Ask::Skip)),
            ("promoted: what is left is skipped too", |scene| {
                scene.ask(Ask::Promote);
                scene.look();
            }),
            ("promoted, and a check fails", |scene| {
                scene.ask(Ask::Promote);
                scene.world.verdicts.insert("errors", Verdict::Fail);
                scene.look();
            }),
        ],
        &expect![[r#"
            held, and all pass                     → done 3 (held for 5m); begin 4
            not held long enough                   → nothing
            time passed unseen does not count      → nothing
            a check fails                          → go around: check latency failed, 9 of 1 200; begin 1
            a check failed 6 s ago                 → nothing
            a check fails while paused             → go around: check latency failed, 9 of 1 200; begin 1
            held, a check undecided                → nothing
            time is over, a check undecided        → undecided 3 for 1h (latency: 9 of 1 200)
            time is over, no check answers         → undecided 3 for 1h (errors has not answered; latency has not answered; health has not answered)
            time is over, a source silent          → undecided 3 for 1h (only 0s of 5m were observed (of gateway, platform and the routers))
            time is over, routers silent           → undecided 3 for 1h (only 0s of 5m were observed (of gateway, platform and the routers))
            time is over, nothing was looked at    → nothing
            held, but paused                       → nothing
            skipped                                → done 3 (skipped)
            promoted: what is left is skipped too  → done 3 (skipped); begin 4
            promoted, and a check fails            → go around: check errors failed, 9 of 1 200; begin 1
        "#]],
    );
}

#[test]
fn a_pause_stops_the_deadline() {
    check(
        &shop(),
        is_route,
        &[
            ("40 seconds", |scene| wait_silent(scene, 40)),
            ("70 seconds", |scene| wait_silent(scene, 70)),
            ("40 seconds, paused for an hour, resumed", |scene| {
                wait_silent(scene, 40);
                pause(scene);
                wait_silent(scene, 3_600);
                scene.ask(Ask::Resume);
            }),
            ("40 seconds, paused for an hour, resumed, 30 seconds", |scene| {
                wait_silent(scene, 40);
                pause(scene);
                wait_silent(scene, 3_600);
                scene.ask(Ask::Resume);
                wait_silent(scene, 30);
            }),
            ("40 seconds, the clock jumped by an hour", |scene| {
                wait_silent(scene, 40);
                scene.wait(Span::hours(1));
                let by_ms = Span::hours(1).0;
                scene.take(Entry::ClockJumped { by_ms, behind_ms: 0 });
                scene.look();
            }),
        ],
        &expect![[r#"
            40 seconds                                           → nothing
            70 seconds                                           → undecided 2 for 1h (the routers do not answer)
            40 seconds, paused for an hour, resumed              → nothing
            40 seconds, paused for an hour, resumed, 30 seconds  → undecided 2 for 1h (the routers do not answer)
            40 seconds, the clock jumped by an hour              → nothing
        "#]],
    );
}

fn wait_silent(scene: &mut Scene, seconds: u64) {
    scene.world.routers_silent = true;
    scene.wait(Span::seconds(seconds));
    scene.look();
}
