//! What each verb's attempt comes to under what is seen: one table per verb, one line per case.
//!
//! Each line shows every entry of the decision. Steps count from one.

use crate::scene::*;
use crate::services::*;
use engine::command::Reply;
use engine::journal::entry::Ask;
use engine::store::Position;
use expect_test::{Expect, expect};
use model::gate::Calendar;
use model::plan::Verb;
use model::service::{HookPoint, Repeat};
use model::strategy::Plays;
use model::*;

/// What is decided where the first step like this has begun, one line for each case.
fn check(service: &Service, is: fn(&Verb) -> bool, cases: &[Case], wanted: &Expect) {
    crate::scene::check(|| Scene::begun(service.clone(), is), cases, Scene::step, wanted);
}

fn is_start(verb: &Verb) -> bool {
    matches!(verb, Verb::Start { .. })
}

fn is_route(verb: &Verb) -> bool {
    matches!(verb, Verb::Route { .. })
}

fn is_observe(verb: &Verb) -> bool {
    matches!(verb, Verb::Observe { .. })
}

fn is_approve(verb: &Verb) -> bool {
    matches!(verb, Verb::Approve { .. })
}

fn is_hook(verb: &Verb) -> bool {
    matches!(verb, Verb::Hook { .. })
}

fn is_migrate(verb: &Verb) -> bool {
    matches!(verb, Verb::Migrate { .. })
}

fn is_flag(verb: &Verb) -> bool {
    matches!(verb, Verb::Flag { .. })
}

fn is_drain(verb: &Verb) -> bool {
    matches!(verb, Verb::Drain { .. })
}

fn is_stop(verb: &Verb) -> bool {
    matches!(verb, Verb::Stop { .. })
}

fn pause(scene: &mut Scene) {
    scene.ask(Ask::Pause);
}

fn no(retry: bool) -> Reply {
    Reply::Failed { why: "disk full".into(), retry }
}

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
            ("time is over, paused", |scene| {
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
            ready in one look                       → nothing
            ready in two looks                      → done 1 (1 of 1 ready); begin 2
            ready, then not, then ready             → nothing
            ready, but under an older command       → nothing
            ready, 6 s ago                          → nothing
            the platform says it will not be ready  → failed 1 (it crashed 5 times); go around: step 1 failed, it crashed 5 times; begin 1
            the platform refuses for good           → failed 1 (disk full); go around: step 1 failed, disk full; begin 1
            the platform refuses for now            → nothing
            time is over, nothing was looked at     → nothing
            time is over, not ready                 → failed 1 (0 of 1 were ready after 3m); go around: step 1 failed, 0 of 1 were ready after 3m; begin 1
            time is over, the command not acted on  → undecided 1 for 1h (the platform has not acted on the command)
            time is over, the platform silent       → undecided 1 for 1h (the platform does not answer)
            time is over, paused                    → nothing
            ready, paused: no further step begins   → done 1 (1 of 1 ready)
        "#]],
    );
}

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
            the table refused for good           → failed 2 (disk full); begin 2 again (attempt 2)
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
            ("2 minutes", |scene| wait_silent(scene, 2)),
            ("5 minutes", |scene| wait_silent(scene, 5)),
            ("2 minutes, paused for an hour, resumed", |scene| {
                wait_silent(scene, 2);
                pause(scene);
                wait_silent(scene, 60);
                scene.ask(Ask::Resume);
            }),
            ("2 minutes, paused for an hour, resumed, 3 minutes", |scene| {
                wait_silent(scene, 2);
                pause(scene);
                wait_silent(scene, 60);
                scene.ask(Ask::Resume);
                wait_silent(scene, 3);
            }),
            ("2 minutes, the clock jumped by an hour", |scene| {
                wait_silent(scene, 2);
                scene.wait(Span::hours(1));
                let by_ms = Span::hours(1).0;
                scene.take(engine::journal::entry::Entry::ClockJumped { by_ms });
                scene.look();
            }),
        ],
        &expect![[r#"
            2 minutes                                          → undecided 2 for 1h (the routers do not answer)
            5 minutes                                          → undecided 2 for 1h (the routers do not answer)
            2 minutes, paused for an hour, resumed             → undecided 2 for 1h (the routers do not answer)
            2 minutes, paused for an hour, resumed, 3 minutes  → undecided 2 for 1h (the routers do not answer)
            2 minutes, the clock jumped by an hour             → undecided 2 for 1h (the routers do not answer)
        "#]],
    );
}

fn wait_silent(scene: &mut Scene, minutes: u64) {
    scene.world.routers_silent = true;
    scene.wait(Span::minutes(minutes));
    scene.look();
}

fn approved_by_two() -> Service {
    let mut service = shop();
    service.gates.approval = Some(model::gate::Approval { count: 2, ..approval().expect("one") });
    service
}

#[test]
fn approve_by_people() {
    check(
        &approved_by_two(),
        is_approve,
        &[
            ("one yes of two", |scene| said_yes(scene, &["ana"])),
            ("two yes", |scene| said_yes(scene, &["ana", "bo"])),
            ("two yes of one person", |scene| said_yes(scene, &["ana", "ana"])),
            ("two yes, paused", |scene| {
                said_yes(scene, &["ana", "bo"]);
                pause(scene);
            }),
            ("no", |scene| scene.ask(Ask::Refuse)),
            ("skipped", |scene| scene.ask(Ask::Skip)),
            ("promoted", |scene| scene.ask(Ask::Promote)),
            ("time is over", |scene| scene.wait_out()),
            ("time is over, nothing was looked at", |scene| scene.wait(Span::hours(9))),
        ],
        &expect![[r#"
            one yes of two                       → nothing
            two yes                              → done 10 (approved by ana, bo)
            two yes of one person                → nothing
            two yes, paused                      → nothing
            no                                   → go around: ana said so; begin 1
            skipped                              → done 10 (skipped)
            promoted                             → done 10 (skipped)
            time is over                         → failed 10 (nobody said yes within 4h); go around: step 10 failed, nobody said yes within 4h; begin 1
            time is over, nothing was looked at  → nothing
        "#]],
    );
}

fn said_yes(scene: &mut Scene, people: &[&str]) {
    for who in people {
        let mut input = scene.input(Ask::Approve);
        input.by.who = (*who).into();
        scene.take(engine::journal::entry::Entry::Asked { input });
    }
}

#[test]
fn approve_by_webhook() {
    let mut service = shop();
    service.gates.webhooks = vec![webhook("board")];
    check(
        &service,
        is_approve,
        &[
            ("yes", |scene| scene.seen.gate = Some((generation(scene), true))),
            ("no", |scene| scene.seen.gate = Some((generation(scene), false))),
            ("yes to another attempt", |scene| scene.seen.gate = Some((Position(1), true))),
            ("time is over", |scene| scene.wait_out()),
        ],
        &expect![[r#"
            yes                     → done 1 (board said yes); begin 2
            no                      → nothing
            yes to another attempt  → nothing
            time is over            → failed 1 (nobody said yes within 30m); go around: step 1 failed, nobody said yes within 30m; end: rolled back
        "#]],
    );
}

fn generation(scene: &Scene) -> Position {
    let rollout = scene.state.rollout.as_deref().expect("a rollout");
    rollout.doing.as_ref().expect("an attempt").generation
}

#[test]
fn approve_by_calendar() {
    let mut service = shop();
    service.gates.calendar = Some(office_hours());
    check(
        &service,
        is_approve,
        &[
            ("at night", |scene| scene.look()),
            ("in the morning", |scene| scene.wait(Span::hours(11))),
            ("at night, skipped", |scene| scene.ask(Ask::Skip)),
        ],
        &expect![[r#"
            at night           → nothing
            in the morning     → done 1 (the window is open); begin 2
            at night, skipped  → done 1 (skipped); begin 2
        "#]],
    );
    service.gates.calendar = Some(Calendar { time_zone: "Mars/Olympus".into(), ..office_hours() });
    check(&service, is_approve, &[("nobody knows the zone", |scene| scene.wait(Span::hours(11)))], &expect![[r#"
        nobody knows the zone  → nothing
    "#]]);
}

fn experiment() -> Service {
    let variants = vec![variant("old", Plays::Stable, 50), variant("new", Plays::Candidate, 50)];
    let mut service = Service { strategy: ab(variants, "old"), ..shop() };
    sticky(&mut service);
    service
}

#[test]
fn approve_by_decision() {
    check(
        &experiment(),
        is_approve,
        &[
            ("nobody decided yet", |scene| scene.look()),
            ("@7 is kept", |scene| scene.ask(Ask::Decide { keep: number(7) })),
            ("@6 is kept", |scene| scene.ask(Ask::Decide { keep: number(6) })),
            ("time is over: what was said before", |scene| scene.wait_out()),
            ("time is over, paused", |scene| {
                pause(scene);
                scene.wait_out();
            }),
        ],
        &expect![[r#"
            nobody decided yet                  → nothing
            @7 is kept                          → done 3 (release @7 is kept); begin 7
            @6 is kept                          → done 3 (release @6 is kept)
            time is over: what was said before  → asked-decide by glidepath; done 3 (release @6 is kept); begin 4
            time is over, paused                → nothing
        "#]],
    );
}

fn hooked(repeat: Repeat) -> Service {
    let smoke = model::service::Hook { repeat, ..hook("smoke", HookPoint::AfterStart) };
    Service { hooks: vec![smoke], ..shop() }
}

const HOOK_CASES: &[Case] = &[
    ("not answered", |_| {}),
    ("done", |scene| scene.reply(Reply::Accepted)),
    ("failed", |scene| scene.reply(no(true))),
    ("failed as often as it may", |scene| {
        scene.fail("disk full");
        scene.begin();
        scene.reply(no(true));
    }),
    ("nobody knows", |scene| scene.reply(Reply::Unknown("the connection broke".into()))),
    ("time is over", |scene| scene.wait_out()),
    ("time is over, nothing was looked at", |scene| scene.wait(Span::hours(9))),
    ("begun by the controller before", |scene| scene.seen.recovered_at = generation(scene)),
];

#[test]
fn hook_that_may_repeat() {
    check(&hooked(Repeat::Safe), is_hook, HOOK_CASES, &expect![[r#"
        not answered                         → nothing
        done                                 → done 2
        failed                               → failed 2 (disk full); begin 2 again (attempt 2)
        failed as often as it may            → failed 2 (disk full); go around: step 2 failed, disk full; begin 1
        nobody knows                         → nothing
        time is over                         → undecided 2 for 1h (no answer)
        time is over, nothing was looked at  → nothing
        begun by the controller before       → nothing
    "#]]);
}

/// How it ended is not guessed, and it is not called again.
#[test]
fn hook_that_must_not_repeat() {
    check(&hooked(Repeat::Never), is_hook, HOOK_CASES, &expect![[r#"
        not answered                         → nothing
        done                                 → done 2
        failed                               → failed 2 (disk full); begin 2 again (attempt 2)
        failed as often as it may            → failed 2 (disk full); go around: step 2 failed, disk full; begin 1
        nobody knows                         → undecided 2 for 1h (smoke: the connection broke)
        time is over                         → undecided 2 for 1h (no answer)
        time is over, nothing was looked at  → nothing
        begun by the controller before       → undecided 2 for 1h (smoke may have been called before the controller was gone)
    "#]]);
}

#[test]
fn migrate() {
    let service = Service { database: database(vec![migration("split-name")]), ..shop() };
    check(&service, is_migrate, HOOK_CASES, &expect![[r#"
        not answered                         → nothing
        done                                 → done 1; begin 2
        failed                               → failed 1 (disk full); begin 1 again (attempt 2)
        failed as often as it may            → failed 1 (disk full); begin 1 again (attempt 3)
        nobody knows                         → nothing
        time is over                         → undecided 1 for 1h (no answer)
        time is over, nothing was looked at  → nothing
        begun by the controller before       → nothing
    "#]]);
}

#[test]
fn flag() {
    let service = Service { flags: vec![crate::services::flag("new-cart")], ..shop() };
    check(
        &service,
        is_flag,
        &[
            ("set", |scene| scene.reply(Reply::Accepted)),
            ("killed", |scene| scene.reply(Reply::Superseded(Position(99)))),
            ("changed since, on the way back", |scene| {
                scene.go_around();
                scene.forward_to(is_flag);
                scene.reply(Reply::Superseded(Position(99)));
            }),
            ("time is over", |scene| scene.wait_out()),
        ],
        &expect![[r#"
            set                             → done 11; end: @7 serves
            killed                          → failed 11 (new-cart was killed or changed); begin 11 again (attempt 2)
            changed since, on the way back  → done 5 (new-cart was changed since, and stays); end: rolled back
            time is over                    → undecided 11 for 0s (no answer); go around: step 11 stayed undecided, no answer; begin 1
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
            ("its time", |scene| scene.watch(Span::seconds(31))),
            ("its time, not live", |scene| {
                scene.world.routers_late = true;
                scene.watch(Span::seconds(31));
            }),
        ],
        Scene::step,
        &expect![[r#"
            at once             → nothing
            half its time       → nothing
            its time            → nothing
            its time, not live  → nothing
        "#]],
    );
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
            time is over, still there               → failed 5 (1 still run after 1m); begin 5 again (attempt 2)
            time is over, the command not acted on  → undecided 5 for 1h (the platform has not acted on the command)
            time is over, the platform silent       → undecided 5 for 1h (the platform does not answer)
        "#]],
    );
}

#[test]
fn notify() {
    let service = Service { notifications: people(), ..shop() };
    check(&service, |verb| matches!(verb, Verb::Notify { .. }), &[("told", |_| {})], &expect![[r#"
        told  → done 1; begin 2
    "#]]);
}
