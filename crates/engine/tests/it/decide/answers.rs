//! What waits for somebody's answer: gates, hooks, migrations, flags.

use super::*;
use crate::services::*;
use engine::command::Reply;
use engine::journal::entry::{Ask, Entry};
use engine::store::Position;
use expect_test::expect;
use model::gate::{Approval, Calendar};
use model::service::{Hook, HookPoint, Repeat};
use model::strategy::Plays;
use model::*;

fn approved_by_two() -> Service {
    let mut service = shop();
    service.gates.approval = Some(Approval { count: 2, ..approval().expect("one") });
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
            ("promoted, with one yes of two", |scene| {
                said_yes(scene, &["ana"]);
                scene.ask(Ask::Promote);
            }),
            ("promoted, with two yes", |scene| {
                scene.ask(Ask::Promote);
                said_yes(scene, &["ana", "bo"]);
            }),
            ("tried again after a halt, with one yes of two since", |scene| {
                said_yes(scene, &["ana"]);
                scene.halt();
                scene.ask(Ask::Retry);
                scene.step();
                said_yes(scene, &["bo"]);
            }),
            ("time is over", |scene| scene.wait_out()),
            ("time is over, nothing was looked at", |scene| scene.wait(Span::hours(9))),
        ],
        &expect![[r#"
            one yes of two                                       → nothing
            two yes                                              → done 10 (approved by ana, bo)
            two yes of one person                                → nothing
            two yes, paused                                      → nothing
            no                                                   → go around: ana said so; begin 1
            skipped                                              → done 10 (skipped)
            promoted                                             → nothing
            promoted, with one yes of two                        → nothing
            promoted, with two yes                               → done 10 (approved by ana, bo)
            tried again after a halt, with one yes of two since  → nothing
            time is over                                         → failed 10 (nobody said yes within 4h); go around: step 10 failed, nobody said yes within 4h; begin 1
            time is over, nothing was looked at                  → nothing
        "#]],
    );
}

fn said_yes(scene: &mut Scene, people: &[&str]) {
    for who in people {
        let mut input = scene.input(Ask::Approve);
        input.by.who = (*who).into();
        scene.take(Entry::Asked { input });
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
            ("yes", |scene| scene.seen.gate = Some((scene.generation(), true))),
            ("no", |scene| scene.seen.gate = Some((scene.generation(), false))),
            ("no, and promoted", |scene| {
                scene.seen.gate = Some((scene.generation(), false));
                scene.ask(Ask::Promote);
            }),
            ("yes to another attempt", |scene| scene.seen.gate = Some((Position(1), true))),
            ("time is over", |scene| scene.wait_out()),
        ],
        &expect![[r#"
            yes                     → done 1 (board said yes); begin 2
            no                      → nothing
            no, and promoted        → nothing
            yes to another attempt  → nothing
            time is over            → failed 1 (nobody said yes within 30m); go around: step 1 failed, nobody said yes within 30m; end: rolled back
        "#]],
    );
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
            ("in the morning, but the clock was put back into the night", |scene| {
                scene.wait(Span::hours(11));
                scene.take(Entry::ClockJumped { by_ms: 0, behind_ms: Span::hours(11).0 });
            }),
            ("at night, skipped", |scene| scene.ask(Ask::Skip)),
            ("at night, promoted", |scene| scene.ask(Ask::Promote)),
        ],
        &expect![[r#"
            at night                                                   → nothing
            in the morning                                             → done 1 (the window is open); begin 2
            in the morning, but the clock was put back into the night  → nothing
            at night, skipped                                          → done 1 (skipped); begin 2
            at night, promoted                                         → nothing
        "#]],
    );
    service.gates.calendar = Some(Calendar { time_zone: "Mars/Olympus".into(), ..office_hours() });
    check(
        &service,
        is_approve,
        &[
            ("nobody knows the zone", |scene| scene.wait(Span::hours(11))),
            ("nobody knows the zone, and time is over", |scene| scene.wait_out()),
            ("time is over, and nothing was looked at", |scene| scene.wait(Span::hours(28 * 24))),
        ],
        &expect![[r#"
            nobody knows the zone                    → nothing
            nobody knows the zone, and time is over  → failed 1 (no window opened within 28d); go around: step 1 failed, no window opened within 28d; end: rolled back
            time is over, and nothing was looked at  → nothing
        "#]],
    );
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
    let smoke = Hook { repeat, ..hook("smoke", HookPoint::AfterStart) };
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
    ("begun by the controller before", |scene| scene.seen.recovered_at = scene.generation()),
    ("nobody knew, its end is over, nothing was looked at since a crash", |scene| {
        scene.reply(Reply::Unknown("the connection broke".into()));
        scene.step();
        scene.wait(Span::hours(9));
        scene.seen =
            engine::observe::Observations::recovered(scene.seen.counted, true, scene.state.position, scene.now);
    }),
    ("nobody knows, paused", |scene| {
        scene.reply(Reply::Unknown("the connection broke".into()));
        pause(scene);
    }),
    ("nobody knows, paused and resumed", |scene| {
        scene.reply(Reply::Unknown("the connection broke".into()));
        pause(scene);
        scene.ask(Ask::Resume);
    }),
];

#[test]
fn hook_that_may_repeat() {
    check(
        &hooked(Repeat::Safe),
        is_hook,
        HOOK_CASES,
        &expect![[r#"
            not answered                                                       → nothing
            done                                                               → done 2
            failed                                                             → failed 2 (disk full); begin 2 again (attempt 2)
            failed as often as it may                                          → failed 2 (disk full); go around: step 2 failed, disk full; begin 1
            nobody knows                                                       → nothing
            time is over                                                       → undecided 2 for 1h (no answer)
            time is over, nothing was looked at                                → nothing
            begun by the controller before                                     → nothing
            nobody knew, its end is over, nothing was looked at since a crash  → nothing
            nobody knows, paused                                               → nothing
            nobody knows, paused and resumed                                   → nothing
        "#]],
    );
}

/// How it ended is not guessed, and it is not called again.
#[test]
fn hook_that_must_not_repeat() {
    check(
        &hooked(Repeat::Never),
        is_hook,
        HOOK_CASES,
        &expect![[r#"
            not answered                                                       → nothing
            done                                                               → done 2
            failed                                                             → failed 2 (disk full); begin 2 again (attempt 2)
            failed as often as it may                                          → failed 2 (disk full); go around: step 2 failed, disk full; begin 1
            nobody knows                                                       → undecided 2 for 1h (smoke: the connection broke)
            time is over                                                       → undecided 2 for 1h (no answer)
            time is over, nothing was looked at                                → nothing
            begun by the controller before                                     → undecided 2 for 1h (smoke may have been called before the controller was gone)
            nobody knew, its end is over, nothing was looked at since a crash  → nothing
            nobody knows, paused                                               → nothing
            nobody knows, paused and resumed                                   → undecided 2 for 1h (smoke: the connection broke)
        "#]],
    );
}

#[test]
fn migrate() {
    let service = Service { database: database(vec![migration("split-name")]), ..shop() };
    check(
        &service,
        is_migrate,
        HOOK_CASES,
        &expect![[r#"
            not answered                                                       → nothing
            done                                                               → done 1; begin 2
            failed                                                             → failed 1 (disk full); begin 1 again (attempt 2)
            failed as often as it may                                          → failed 1 (disk full); begin 1 again (attempt 3)
            nobody knows                                                       → nothing
            time is over                                                       → undecided 1 for 1h (no answer)
            time is over, nothing was looked at                                → nothing
            begun by the controller before                                     → nothing
            nobody knew, its end is over, nothing was looked at since a crash  → nothing
            nobody knows, paused                                               → nothing
            nobody knows, paused and resumed                                   → nothing
        "#]],
    );
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

#[test]
fn notify() {
    let service = Service { notifications: people(), ..shop() };
    check(
        &service,
        |verb| matches!(verb, Verb::Notify { .. }),
        &[("told", |_| {})],
        &expect![[r#"
        told  → done 1; begin 2
    "#]],
    );
}
