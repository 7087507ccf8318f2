//! What keeps a service standing: restorations, and the closings that follow a landing.

use crate::scene::*;
use crate::services::*;
use engine::command::{Reply, Target};
use engine::journal::entry::{Ask, Entry};
use engine::uphold::uphold;
use expect_test::{Expect, expect};
use model::plan::Verb;
use model::standing::{Closing, ClosingWork, Contracted};
use model::*;
use std::fmt::Write;

/// What is written over so long a time, when each: the world is looked at every second.
pub(crate) fn written(scene: &mut Scene, span: Span) -> String {
    let (start, mut text) = (scene.now, String::new());
    for _ in 0..=span.0 / 1_000 {
        scene.look();
        let decision = uphold(&scene.state, &subject(), &scene.seen, &scene.facts, scene.now);
        for entry in decision.entries {
            writeln!(text, "{:8}{}", scene.now.since(start).to_string(), entry_words(&entry, scene.now))
                .expect("a String takes everything");
            scene.take(entry);
        }
        scene.wait(Span::seconds(1));
    }
    text
}

/// What is written first, once all was looked at.
fn first(scene: &mut Scene) -> String {
    scene.look();
    next(scene)
}

fn next(scene: &mut Scene) -> String {
    let decision = uphold(&scene.state, &subject(), &scene.seen, &scene.facts, scene.now);
    decision.entries.first().map_or_else(|| "nothing".into(), |entry| entry_words(entry, scene.now))
}

fn check(mut scene: Scene, span: Span, wanted: &Expect) {
    wanted.assert_eq(&written(&mut scene, span));
}

fn lose_one(scene: &mut Scene) {
    show(scene, 3, 3);
}

/// So many instances of `@6` are seen to run, and so many of them ready.
fn show(scene: &mut Scene, running: u32, ready: u32) {
    scene.world.instances.insert(6, (running, ready));
}

#[test]
fn lost_instances_come_back() {
    crate::scene::check(
        || Scene::standing(shop()),
        &[
            ("all there", |_| {}),
            ("one lost", lose_one),
            ("one not ready", |scene| show(scene, 4, 3)),
            ("one lost, an autoscaler owns the number", |scene| {
                lose_one(scene);
                scene.world.autoscaled = Some(3);
            }),
            ("one missing: the last command is not acted on", |scene| {
                lose_one(scene);
                scene.world.platform_late = true;
            }),
            ("the platform silent", |scene| {
                lose_one(scene);
                scene.world.platform_silent = true;
            }),
            ("one lost while @7 starts", |scene| {
                landing(scene);
                lose_one(scene);
            }),
            ("one of @7 lost while @7 starts: the plan's", |scene| {
                landing(scene);
                scene.world.instances.insert(7, (0, 0));
            }),
            ("one of @7 lost while traffic is split", |scene| {
                landing(scene);
                scene.forward_to(|verb| matches!(verb, Verb::Route { .. }));
                scene.world.instances.insert(7, (0, 0));
            }),
            ("one lost, halted", |scene| {
                landing(scene);
                scene.go_around();
                scene.halt();
                lose_one(scene);
            }),
        ],
        first,
        &expect![[r#"
            all there                                      → nothing
            one lost                                       → restore @6 to 4
            one not ready                                  → nothing
            one lost, an autoscaler owns the number        → nothing
            one missing: the last command is not acted on  → nothing
            the platform silent                            → nothing
            one lost while @7 starts                       → restore @6 to 4
            one of @7 lost while @7 starts: the plan's     → nothing
            one of @7 lost while traffic is split          → restore @7 to 1
            one lost, halted                               → nothing
        "#]],
    );
    crate::scene::check(
        || Scene::standing(shop()),
        &[("not looked at", lose_one)],
        next,
        &expect![[r#"
        not looked at  → nothing
    "#]],
    );
}

fn landing(scene: &mut Scene) {
    scene.deploy(7, shop());
    scene.launch();
    scene.begin();
}

/// A release that loses its instances again and again gets them back with growing pauses.
#[test]
fn restorations_pause() {
    let mut scene = Scene::standing(shop());
    lose_one(&mut scene);
    expect![[r#"
        0s      restore @6 to 4
        15s     restore @6 to 4
        45s     restore @6 to 4
        1m45s   restore @6 to 4
        3m45s   restore @6 to 4
        7m45s   restore @6 to 4
        12m45s  restore @6 to 4
        17m45s  restore @6 to 4
    "#]]
    .assert_eq(&written(&mut scene, Span::minutes(20)));
    scene.world.instances.clear();
    scene.watch(Span::minutes(10));
    lose_one(&mut scene);
    // After a calm time it is counted from the beginning again.
    check(
        scene,
        Span::minutes(1),
        &expect![[r#"
            0s      restore @6 to 4
            15s     restore @6 to 4
            45s     restore @6 to 4
        "#]],
    );
}

/// `@7` has just landed over `@6`.
fn landed(service: Service) -> Scene {
    let mut scene = Scene::standing(service.clone());
    scene.deploy(7, service);
    scene.land();
    scene
}

fn migrated() -> Service {
    let mut service = shop();
    service.database = database(vec![migration("split-name")]);
    service
}

#[test]
fn the_old_goes_when_its_window_has_passed() {
    check(
        landed(shop()),
        Span::minutes(62),
        &expect![[r#"
            1h      begin to retire @6
            1h1s    drained, stop to retire @6
            1h2s    over: retire @6
        "#]],
    );
}

#[test]
fn the_old_goes_when_its_work_has_ended() {
    let mut scene = landed(shop());
    scene.world.leaving = 2;
    check(
        scene,
        Span::minutes(70),
        &expect![[r#"
            1h      begin to retire @6
            1h5m1s  drained, stop to retire @6
            1h5m2s  over: retire @6
        "#]],
    );
}

#[test]
fn the_old_goes_by_the_clock_where_nobody_counts() {
    let mut scene = landed(shop());
    scene.world.leaving = 2;
    scene.facts.router.as_mut().expect("a router").counts_open_work = false;
    check(
        scene,
        Span::minutes(62),
        &expect![[r#"
            1h      begin to retire @6
            1h31s   drained, stop to retire @6
            1h32s   over: retire @6
        "#]],
    );
}

/// The window is counted in time that passed: a clock's jump does not shorten it.
#[test]
fn a_jump_does_not_close_the_window() {
    let mut scene = landed(shop());
    scene.wait(Span::hours(2));
    scene.take(Entry::ClockJumped { by_ms: Span::hours(2).0, behind_ms: 0 });
    check(
        scene,
        Span::minutes(62),
        &expect![[r#"
            1h      begin to retire @6
            1h1s    drained, stop to retire @6
            1h2s    over: retire @6
        "#]],
    );
}

#[test]
fn fewer_are_drained_first() {
    let mut scene = Scene::standing(shop());
    scene.look();
    scene.ask(Ask::Scale { count: 2 });
    scene.world.leaving = 1;
    let mut text = written(&mut scene, Span::seconds(9));
    scene.world.leaving = 0;
    text.push_str("open work ends\n");
    text.push_str(&written(&mut scene, Span::seconds(9)));
    expect![[r#"
        0s      begin to shrink @6 to 2
        open work ends
        0s      drained, stop to shrink @6 to 2
        1s      over: shrink @6 to 2
    "#]]
    .assert_eq(&text);
    assert_eq!(scene.state.standing.capacity(number(6)), 2);
    assert_eq!(scene.state.standing.admitted(number(6)), 2);
}

/// First the old release, then the migration's rest: never while an instance of the old one lives.
#[test]
fn the_order_of_closings() {
    let mut scene = landed(migrated());
    let mut text = written(&mut scene, Span::minutes(61));
    let run = scene.state.closing.as_ref().expect("a contraction");
    let migration = Target::Migration(name("split-name"));
    scene.seen.see_reply(migration, run.generation, Reply::Accepted);
    text.push_str("the migration is contracted\n");
    text.push_str(&written(&mut scene, Span::seconds(1)));
    expect![[r#"
        1h      begin to retire @6
        1h1s    drained, stop to retire @6
        1h2s    over: retire @6
        1h3s    begin to contract split-name behind @6
        the migration is contracted
        0s      over: contract split-name behind @6
    "#]]
    .assert_eq(&text);
}

#[test]
fn a_contraction_waits() {
    let retired = || {
        let mut scene = landed(migrated());
        scene.wait(Span::hours(1));
        // As if the old had been retired: only the contraction is left to begin.
        scene.state.standing.set_capacity(number(6), 0);
        scene.state.standing.closings.retain(|closing| matches!(closing.work, ClosingWork::Contract { .. }));
        scene
    };
    crate::scene::check(
        retired,
        &[
            ("no old instance lives", |_| {}),
            ("an old instance lives", |scene| show(scene, 1, 0)),
            ("an old instance is wanted, and was just restored", |scene| {
                scene.state.standing.set_capacity(number(6), 1);
                scene.take(Entry::Restored { release: number(6), count: 1, why: String::new() });
                show(scene, 0, 0);
            }),
            ("the platform silent", |scene| scene.world.platform_silent = true),
        ],
        first,
        &expect![[r#"
            no old instance lives                             → begin to contract split-name behind @6
            an old instance lives                             → nothing
            an old instance is wanted, and was just restored  → nothing
            the platform silent                               → nothing
        "#]],
    );
}

#[test]
fn closings_wait_for_rollouts() {
    let due = || {
        let mut scene = landed(shop());
        scene.wait(Span::hours(2));
        scene
    };
    crate::scene::check(
        due,
        &[
            ("nothing else to do", |_| {}),
            ("a release waits", |scene| scene.deploy(8, shop())),
            ("a release lands", |scene| {
                scene.deploy(8, shop());
                scene.launch();
            }),
            ("the old was asked back", |scene| scene.ask(Ask::Rollback { to: number(6) })),
        ],
        first,
        &expect![[r#"
            nothing else to do      → begin to retire @6
            a release waits         → nothing
            a release lands         → nothing
            the old was asked back  → nothing
        "#]],
    );
    crate::scene::check(
        due,
        &[("nothing was looked at", |_| {})],
        next,
        &expect![[r#"
        nothing was looked at  → nothing
    "#]],
    );
}

/// More instances start at once: nothing has to be drained for that. What a shrinking had begun is
/// called off, and its drain lifted.
#[test]
fn scaling_up_calls_a_shrinking_off() {
    let mut scene = Scene::standing(shop());
    scene.look();
    scene.world.leaving = 1;
    scene.ask(Ask::Scale { count: 2 });
    let mut text = written(&mut scene, Span::seconds(3));
    assert_eq!(scene.state.standing.admitted(number(6)), 2, "two of four are drained");
    scene.ask(Ask::Scale { count: 6 });
    text.push_str("scaled to 6\n");
    text.push_str(&written(&mut scene, Span::seconds(3)));
    expect![[r#"
        0s      begin to shrink @6 to 2
        scaled to 6
    "#]]
    .assert_eq(&text);
    assert_eq!(scene.state.standing.admitted(number(6)), 6);
}

/// A release that is to land takes over what a retirement had begun with it.
#[test]
fn a_return_lifts_the_drain() {
    let mut scene = landed(shop());
    scene.world.leaving = 1;
    scene.watch(Span::hours(1));
    let mut text = written(&mut scene, Span::seconds(3));
    scene.ask(Ask::Rollback { to: number(6) });
    scene.launch();
    text.push_str("@6 returns\n");
    text.push_str(&written(&mut scene, Span::seconds(3)));
    expect![[r#"
        0s      begin to retire @6
        @6 returns
    "#]]
    .assert_eq(&text);
    assert_eq!(scene.state.closing, None);
    scene.forward_to(|verb| matches!(verb, Verb::Route { .. }));
    assert_eq!(scene.state.standing.admitted(number(6)), 4, "every instance gets work again");
}

/// The old was retired, and a contraction has begun that is answered like this for a while.
fn contracting(reply: Option<Reply>, span: Span) -> String {
    let mut scene = landed(migrated());
    scene.watch(Span::hours(1));
    written(&mut scene, Span::seconds(3));
    let mut text = String::new();
    let start = scene.now;
    while scene.now.since(start) < span {
        let migration = Target::Migration(name("split-name"));
        if let (Some(run), Some(reply)) = (&scene.state.closing, &reply) {
            scene.seen.see_reply(migration, run.generation, reply.clone());
        }
        let passed = scene.now.since(start);
        for line in written(&mut scene, Span::ZERO).lines() {
            writeln!(text, "{:10}{}", passed.to_string(), line.trim_start_matches("0s").trim_start())
                .expect("a String takes everything");
        }
    }
    text
}

/// A closing that comes to nothing is said once, and begun anew after a pause.
#[test]
fn a_contraction_that_is_refused() {
    let no = |retry| Some(Reply::Failed { why: "a view needs it".into(), retry });
    expect![[r#"
        0s        put off: contract split-name behind @6 (a view needs it)
        1h        begin to contract split-name behind @6
        1h1s      put off: contract split-name behind @6 (a view needs it)
        2h1s      begin to contract split-name behind @6
        2h2s      put off: contract split-name behind @6 (a view needs it)
    "#]]
    .assert_eq(&contracting(no(false), Span::minutes(130)));
    expect![[r#"
        59m59s    put off: contract split-name behind @6 (a view needs it)
        1h59m59s  begin to contract split-name behind @6
    "#]]
    .assert_eq(&contracting(no(true), Span::minutes(130)));
    expect![[r#"
        59m59s    put off: contract split-name behind @6 (no effect was seen within 1h)
        1h59m59s  begin to contract split-name behind @6
    "#]]
    .assert_eq(&contracting(None, Span::minutes(130)));
    expect![[r#"
        0s        over: contract split-name behind @6
    "#]]
    .assert_eq(&contracting(Some(Reply::Accepted), Span::minutes(130)));
}

/// What waits for a rollout has its whole time again after it.
#[test]
fn a_contraction_that_waited_has_its_time() {
    let mut scene = landed(migrated());
    scene.watch(Span::hours(1));
    written(&mut scene, Span::seconds(3));
    scene.deploy(8, migrated());
    scene.launch();
    scene.watch(Span::hours(2));
    scene.forward_to(|_| false);
    let standing = Box::new(scene.state.standing.clone());
    scene.take(Entry::Ended { ending: engine::journal::entry::Ending::Completed { kept: number(8) }, standing });
    check(
        scene,
        Span::minutes(62),
        &expect![[r#"
        1h      put off: contract split-name behind @6 (no effect was seen within 1h)
    "#]],
    );
}

#[test]
fn a_retirement_that_does_not_come_to_its_end() {
    let due = || {
        let mut scene = landed(shop());
        scene.watch(Span::hours(1));
        scene
    };
    let mut scene = due();
    scene.world.one_router_silent = true;
    check(
        scene,
        Span::minutes(122),
        &expect![[r#"
        0s      begin to retire @6
        1h      put off: retire @6 (no effect was seen within 1h)
        2h      begin to retire @6
    "#]],
    );
    let mut scene = due();
    written(&mut scene, Span::seconds(1));
    show(&mut scene, 4, 4);
    refuse(&mut scene, 6);
    check(
        scene,
        Span::minutes(62),
        &expect![[r#"
        0s      put off: retire @6 (no room)
        1h      begin to retire @6
        1h1s    drained, stop to retire @6
    "#]],
    );
}

/// What a retirement could not stop is not forgotten when the next landing takes over.
#[test]
fn what_could_not_be_stopped_is_asked_for_again() {
    let mut scene = landed(shop());
    scene.watch(Span::hours(1));
    written(&mut scene, Span::seconds(1));
    show(&mut scene, 4, 4);
    refuse(&mut scene, 6);
    let mut text = written(&mut scene, Span::seconds(30));
    scene.deploy(8, shop());
    scene.land();
    text.push_str("@8 lands\n");
    text.push_str(&written(&mut scene, Span::seconds(30)));
    expect![[r#"
        0s      put off: retire @6 (no room)
        @8 lands
        0s      restore @6 to 0 (no room)
    "#]]
    .assert_eq(&text);
}

/// The platform says no for good to what was last commanded of a release.
fn refuse(scene: &mut Scene, release: u32) {
    let generation = scene.state.generations.capacity[&number(release)];
    let why = "no room".into();
    scene.seen.see_reply(Target::Instances(number(release)), generation, Reply::Failed { why, retry: false });
}

/// What was refused for good is not sent again as it was: it is asked for anew, with a word to people.
#[test]
fn a_capacity_that_is_refused() {
    let scaled = || {
        let mut scene = Scene::standing(shop());
        scene.look();
        scene.world.platform_late = true;
        scene.ask(Ask::Scale { count: 6 });
        show(&mut scene, 4, 4);
        scene.look();
        scene
    };
    crate::scene::check(
        scaled,
        &[("not answered", |_| {}), ("refused for good", |scene| refuse(scene, 6))],
        |scene| format!("sent: {}; written: {}", scene.commands(), next(scene)),
        &expect![[r#"
            not answered      → sent: scale @6 to 6; written: nothing
            refused for good  → sent: nothing; written: restore @6 to 6 (no room)
        "#]],
    );
    let mut scene = scaled();
    let mut text = String::new();
    for _ in 0..4 {
        refuse(&mut scene, 6);
        text.push_str(&written(&mut scene, Span::seconds(40)));
    }
    expect![[r#"
        0s      restore @6 to 6 (no room)
        0s      restore @6 to 6 (no room)
        0s      restore @6 to 6 (no room)
        19s     restore @6 to 6 (no room)
    "#]]
    .assert_eq(&text);
}

/// A migration that the very first release brought is contracted when its window has passed: no old
/// release needs the old shape.
#[test]
fn the_first_landing_contracts() {
    let mut scene = Scene::empty();
    scene.deploy(1, migrated());
    scene.land();
    let mut text = written(&mut scene, Span::minutes(61));
    let run = scene.state.closing.as_ref().expect("a contraction");
    scene.seen.see_reply(Target::Migration(name("split-name")), run.generation, Reply::Accepted);
    text.push_str("the migration is contracted\n");
    text.push_str(&written(&mut scene, Span::seconds(1)));
    expect![[r#"
        1h      begin to contract split-name
        the migration is contracted
        0s      over: contract split-name
    "#]]
    .assert_eq(&text);
    assert!(!scene.state.standing.contracted[0].bars(number(1)));
}

/// A return takes the contraction away with the release that asked for it; the next that lands with the
/// migration owes it again, and owes it once.
#[test]
fn a_contraction_survives_a_return() {
    let contractions = |scene: &Scene| {
        let closings = scene.state.standing.closings.iter();
        let works = closings.filter_map(|closing| match &closing.work {
            ClosingWork::Contract { migration, old } => {
                Some(format!("{migration} behind {}", old.expect("an old one")))
            }
            ClosingWork::Retire(_) | ClosingWork::Shrink { .. } => None,
        });
        works.collect::<Vec<_>>()
    };
    let mut scene = landed(migrated());
    assert_eq!(contractions(&scene), ["split-name behind @6"]);
    scene.ask(Ask::Rollback { to: number(6) });
    scene.land();
    assert!(contractions(&scene).is_empty());
    for next in [8, 9] {
        scene.deploy(next, migrated());
        scene.land();
        assert_eq!(contractions(&scene), ["split-name behind @6"], "after @{next}");
    }
}

/// Whoever lands meanwhile takes over the window of a contraction that has not begun; one that has is
/// finished.
#[test]
fn a_contraction_that_has_begun_waits_for_no_other_window() {
    for begun in [false, true] {
        let mut scene = Scene::standing(shop());
        let (migration, old) = (name("split-name"), Some(number(5)));
        let work = ClosingWork::Contract { migration: migration.clone(), old };
        scene.state.standing.closings = vec![Closing { due: scene.state.elapsed(scene.now), work: work.clone() }];
        if begun {
            scene.state.standing.contracted = vec![Contracted { migration, old }];
        }
        scene.deploy(7, shop());
        scene.land();
        let closing = scene.state.standing.closings.iter().find(|closing| closing.work == work).expect("it is owed");
        assert_eq!(closing.due <= scene.state.elapsed(scene.now), begun, "begun: {begun}");
    }
}
