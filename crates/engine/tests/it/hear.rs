//! What people ask for and are declined, as they see it: the message, then its code.

use crate::scene::*;
use crate::services::*;
use crate::uphold::written;
use engine::hear::{INPUT_ID_MAX, INPUT_TEXT_MAX, OTHERWISE_ID, SCALE_MAX, hear};
use engine::journal::entry::{Aim, Ask, Entry, Input};
use engine::journal::table::Phase;
use engine::observe::RouterLook;
use expect_test::{Expect, expect};
use model::gate::Approval;
use model::plan::Verb;
use model::standing::ClosingWork;
use model::strategy::Plays;
use model::*;
use std::fmt::Write;
use std::sync::Arc;

type Asking = (&'static str, fn(&mut Scene) -> Input);

/// One line for each thing that is asked for.
fn check(start: impl Fn() -> Scene, cases: &[Asking], wanted: &Expect) {
    let width = cases.iter().map(|(words, _)| words.chars().count()).max().unwrap_or(0);
    let mut text = String::new();
    for (words, make) in cases {
        let mut scene = start();
        let input = make(&mut scene);
        let answer = match hear(&scene.state, &scene.seen, input, scene.now) {
            Ok(Entry::Asked { input }) => {
                scene.take(Entry::Asked { input });
                "granted".into()
            }
            Ok(entry) => panic!("not an input: {entry:#?}"),
            Err(declined) => declined.to_string(),
        };
        writeln!(text, "{words:width$}  → {answer}").expect("a String takes everything");
    }
    wanted.assert_eq(&text);
}

/// The same input, aimed elsewhere.
fn aimed(scene: &mut Scene, ask: Ask, change: impl FnOnce(&mut Aim)) -> Input {
    let mut input = scene.input(ask);
    change(input.aim.as_mut().expect("a rollout runs"));
    input
}

fn said_by(scene: &mut Scene, who: &str, ask: Ask) -> Input {
    let mut input = scene.input(ask);
    input.by.who = who.into();
    input
}

fn is_approve(verb: &Verb) -> bool {
    matches!(verb, Verb::Approve { .. })
}

/// `@7` waits for two of ana, bo and cy.
fn at_the_gate() -> Scene {
    let mut service = shop();
    let approvers = vec!["ana".into(), "bo".into(), "cy".into()];
    service.gates.approval = Some(Approval { count: 2, approvers, ..approval().expect("one") });
    Scene::begun(service, is_approve)
}

fn at_the_decision() -> Scene {
    let variants = vec![variant("old", Plays::Stable, 50), variant("new", Plays::Candidate, 50)];
    let mut service = Service { strategy: ab(variants, "old"), ..shop() };
    sticky(&mut service);
    Scene::begun(service, is_approve)
}

fn halted() -> Scene {
    let mut scene = Scene::begun(shop(), |verb| matches!(verb, Verb::Observe { .. }));
    scene.go_around();
    scene.halt();
    scene
}

#[test]
fn it_has_to_be_about_what_is_current() {
    check(
        at_the_gate,
        &[
            ("approve what is current", |scene| scene.input(Ask::Approve)),
            ("approve without an aim", |scene| Input { aim: None, ..scene.input(Ask::Approve) }),
            ("approve the rollout before", |scene| aimed(scene, Ask::Approve, |aim| aim.rollout = RolloutNumber(1))),
            ("approve the step before", |scene| aimed(scene, Ask::Approve, |aim| aim.step = StepNumber(7))),
            ("approve the attempt before", |scene| aimed(scene, Ask::Approve, |aim| aim.attempt = 0)),
            ("approve a step of the way back", |scene| aimed(scene, Ask::Approve, |aim| aim.back = true)),
            ("approve another plan", |scene| aimed(scene, Ask::Approve, |aim| aim.digest = Digest::of(b"other"))),
            ("approve another artifact", |scene| {
                aimed(scene, Ask::Approve, |aim| aim.artifact = Some(Digest::of(b"other")))
            }),
            ("approve without an artifact", |scene| aimed(scene, Ask::Approve, |aim| aim.artifact = None)),
            ("refuse whatever the plan", |scene| aimed(scene, Ask::Refuse, |aim| aim.digest = Digest::of(b"other"))),
            ("skip the step before", |scene| aimed(scene, Ask::Skip, |aim| aim.step = StepNumber(7))),
            ("pause, whatever the step", |scene| aimed(scene, Ask::Pause, |aim| aim.step = StepNumber(7))),
            ("pause the rollout before", |scene| aimed(scene, Ask::Pause, |aim| aim.rollout = RolloutNumber(1))),
            ("pause without an aim", |scene| Input { aim: None, ..scene.input(Ask::Pause) }),
        ],
        &expect![[r#"
            approve what is current         → granted
            approve without an aim          → say which rollout and step this is about [input-needs-aim]
            approve the rollout before      → rollout #1 is over; now #2 runs [input-moved-on]
            approve the step before         → that was about step 8 (attempt 1); now it is step 10 (attempt 1) [input-moved-on]
            approve the attempt before      → that was about step 10 (not begun); now it is step 10 (attempt 1) [input-moved-on]
            approve a step of the way back  → that was about step 10 of the way back (attempt 1); now it is step 10 (attempt 1) [input-moved-on]
            approve another plan            → the plan or the artifact is not the one that was shown [input-moved-on]
            approve another artifact        → the plan or the artifact is not the one that was shown [input-moved-on]
            approve without an artifact     → the plan or the artifact is not the one that was shown [input-moved-on]
            refuse whatever the plan        → granted
            skip the step before            → that was about step 8 (attempt 1); now it is step 10 (attempt 1) [input-moved-on]
            pause, whatever the step        → granted
            pause the rollout before        → rollout #1 is over; now #2 runs [input-moved-on]
            pause without an aim            → say which rollout and step this is about [input-needs-aim]
        "#]],
    );
}

#[test]
fn what_is_declined_says_what_is_current() {
    let mut scene = at_the_gate();
    let input = aimed(&mut scene, Ask::Approve, |aim| aim.attempt = 0);
    let declined = hear(&scene.state, &scene.seen, input, scene.now).expect_err("it has moved on");
    let current = declined.current.expect("a rollout runs");
    assert_eq!((current.rollout, current.attempt, current.back), (RolloutNumber(2), 1, false));
    let again = Input { aim: Some(current), ..scene.input(Ask::Approve) };
    hear(&scene.state, &scene.seen, again, scene.now).expect("aimed anew it is granted");
}

#[test]
fn approvals() {
    check(
        at_the_gate,
        &[
            ("by somebody else", |scene| said_by(scene, "mallory", Ask::Approve)),
            ("refused by somebody else", |scene| said_by(scene, "mallory", Ask::Refuse)),
            ("skipped by somebody else", |scene| said_by(scene, "mallory", Ask::Skip)),
            ("skipped by one who may say yes", |scene| said_by(scene, "bo", Ask::Skip)),
            ("by the second person", |scene| {
                scene.ask(Ask::Approve);
                said_by(scene, "bo", Ask::Approve)
            }),
            ("by the same person again", |scene| {
                scene.ask(Ask::Approve);
                scene.input(Ask::Approve)
            }),
            ("refused by who said yes", |scene| {
                scene.ask(Ask::Approve);
                scene.input(Ask::Refuse)
            }),
            ("by the same person, for the next attempt", |scene| {
                scene.ask(Ask::Approve);
                scene.fail("no");
                scene.begin();
                scene.input(Ask::Approve)
            }),
            ("said for the attempt before", |scene| {
                let input = scene.input(Ask::Approve);
                scene.fail("no");
                scene.begin();
                input
            }),
            ("the same input again", |scene| {
                let input = scene.input(Ask::Approve);
                scene.take(Entry::Asked { input: input.clone() });
                input
            }),
            ("a decision, where a yes is waited for", |scene| scene.input(Ask::Decide { keep: number(7) })),
        ],
        &expect![[r#"
            by somebody else                          → mallory may not say that here; these may: ana, bo, cy [input-not-yours]
            refused by somebody else                  → mallory may not say that here; these may: ana, bo, cy [input-not-yours]
            skipped by somebody else                  → mallory may not say that here; these may: ana, bo, cy [input-not-yours]
            skipped by one who may say yes            → granted
            by the second person                      → granted
            by the same person again                  → ana has said yes already; another person is waited for [input-not-yours]
            refused by who said yes                   → granted
            by the same person, for the next attempt  → granted
            said for the attempt before               → that was about step 10 (attempt 1); now it is step 10 (attempt 2) [input-moved-on]
            the same input again                      → this was asked before, and granted [input-heard-before]
            a decision, where a yes is waited for     → no decision is waited for [input-not-now]
        "#]],
    );
}

#[test]
fn decisions() {
    check(
        at_the_decision,
        &[
            ("a variant", |scene| scene.input(Ask::Decide { keep: number(7) })),
            ("no variant", |scene| scene.input(Ask::Decide { keep: number(5) })),
            ("from another plan", |scene| {
                aimed(scene, Ask::Decide { keep: number(7) }, |aim| aim.digest = Digest::of(b"other"))
            }),
            ("a yes, where a decision is waited for", |scene| scene.input(Ask::Approve)),
            ("skipped", |scene| scene.input(Ask::Skip)),
        ],
        &expect![[r#"
            a variant                              → granted
            no variant                             → release @5 is not one of the variants [input-no-such-thing]
            from another plan                      → the plan or the artifact is not the one that was shown [input-moved-on]
            a yes, where a decision is waited for  → nobody's yes is waited for [input-not-now]
            skipped                                → a decision cannot be skipped: say with `decide` what is kept [input-not-now]
        "#]],
    );
}

#[test]
fn while_a_service_stands() {
    check(
        || Scene::standing(shop()),
        &[
            ("deploy a newer one", |scene| deploy(scene, 7)),
            ("deploy the same", |scene| deploy(scene, 6)),
            ("deploy an older one", |scene| deploy(scene, 5)),
            ("deploy one that waits already", |scene| {
                scene.deploy(8, shop());
                deploy(scene, 8)
            }),
            ("rollback to what serves", |scene| scene.input(Ask::Rollback { to: number(6) })),
            ("rollback to the unknown", |scene| scene.input(Ask::Rollback { to: number(2) })),
            ("rollback to the one before", |scene| {
                scene.deploy(7, shop());
                scene.land();
                scene.input(Ask::Rollback { to: number(6) })
            }),
            ("scale to 1", |scene| scene.input(Ask::Scale { count: 1 })),
            ("scale to 0", |scene| scene.input(Ask::Scale { count: 0 })),
            ("scale to the most", |scene| scene.input(Ask::Scale { count: SCALE_MAX })),
            ("scale a singleton to 2", |scene| scale_where(scene, |instances| instances.singleton = true, 2)),
            ("scale a singleton to 1", |scene| scale_where(scene, |instances| instances.singleton = true, 1)),
            ("scale what an autoscaler owns", |scene| scale_where(scene, |instances| instances.autoscaled = true, 2)),
            ("scale beyond", |scene| scene.input(Ask::Scale { count: SCALE_MAX + 1 })),
            ("scale while instances are stopped", |scene| {
                scene.ask(Ask::Scale { count: 2 });
                let work = ClosingWork::Shrink { release: number(6), keep: 2 };
                scene.take(Entry::ClosingBegan { work: work.clone() });
                scene.take(Entry::ClosingStopped { work });
                scene.input(Ask::Scale { count: 4 })
            }),
            ("pause", |scene| scene.input(Ask::Pause)),
            ("accept", |scene| scene.input(Ask::Accept { observed: Box::default() })),
        ],
        &expect![[r#"
            deploy a newer one                 → granted
            deploy the same                    → release @6 is not newer than what was deployed before [input-no-such-thing]
            deploy an older one                → release @5 is not newer than what was deployed before [input-no-such-thing]
            deploy one that waits already      → release @8 is not newer than what was deployed before [input-no-such-thing]
            rollback to what serves            → release @6 serves already [input-no-such-thing]
            rollback to the unknown            → release @2 is not kept any more [input-no-such-thing]
            rollback to the one before         → granted
            scale to 1                         → granted
            scale to 0                         → 0 instances: say a number from 1 to 10000 [input-no-such-thing]
            scale to the most                  → granted
            scale a singleton to 2             → the service is a singleton: it never runs beside itself [input-no-such-thing]
            scale a singleton to 1             → granted
            scale what an autoscaler owns      → an autoscaler owns the number of instances: change its bounds [input-no-such-thing]
            scale beyond                       → 10001 instances: say a number from 1 to 10000 [input-no-such-thing]
            scale while instances are stopped  → instances are being stopped: ask again when they are gone [input-not-now]
            pause                              → `pause` does not fit while no release is landing [input-not-now]
            accept                             → `accept` does not fit while no release is landing [input-not-now]
        "#]],
    );
    check(
        Scene::empty,
        &[("scale before anything was deployed", |scene| scene.input(Ask::Scale { count: 1 }))],
        &expect![[r#"
        scale before anything was deployed  → nothing is deployed yet [input-not-now]
    "#]],
    );
}

/// What serves was deployed with other instances.
fn scale_where(scene: &mut Scene, change: impl FnOnce(&mut service::Instances), count: u32) -> Input {
    let release = scene.state.releases.get_mut(&number(6)).expect("it is kept");
    change(&mut Arc::make_mut(release).service.instances);
    scene.input(Ask::Scale { count })
}

/// Bounded texts, and no id that only the engine gives.
#[test]
fn envelopes() {
    let cases: &[Asking] = &[
        ("an id of its own", |scene| scene.input(Ask::Scale { count: 2 })),
        ("no id", |scene| Input { id: String::new(), ..scene.input(Ask::Scale { count: 2 }) }),
        ("an id as the engine's", |scene| Input {
            id: format!("{OTHERWISE_ID}2-3-1"),
            ..scene.input(Ask::Scale { count: 2 })
        }),
        ("an id as the engine's, in its name", |scene| {
            let by = engine::store::Attribution::engine();
            Input { id: format!("{OTHERWISE_ID}2-3-1"), by, ..scene.input(Ask::Scale { count: 2 }) }
        }),
        ("the longest id", |scene| Input { id: "x".repeat(INPUT_ID_MAX), ..scene.input(Ask::Scale { count: 2 }) }),
        ("a longer id", |scene| Input { id: "x".repeat(INPUT_ID_MAX + 1), ..scene.input(Ask::Scale { count: 2 }) }),
        ("too much to say", |scene| {
            let mut input = scene.input(Ask::Scale { count: 2 });
            input.by.why = "x".repeat(INPUT_TEXT_MAX + 1);
            input
        }),
    ];
    check(
        || Scene::standing(shop()),
        cases,
        &expect![[r#"
        an id of its own                    → granted
        no id                               → an input's id has 1 to 128 characters, and does not begin with `otherwise-` [input-no-such-thing]
        an id as the engine's               → an input's id has 1 to 128 characters, and does not begin with `otherwise-` [input-no-such-thing]
        an id as the engine's, in its name  → granted
        the longest id                      → granted
        a longer id                         → an input's id has 1 to 128 characters, and does not begin with `otherwise-` [input-no-such-thing]
        too much to say                     → who, from where and why have up to 2000 characters each [input-no-such-thing]
    "#]],
    );
}

fn deploy(scene: &mut Scene, at: u32) -> Input {
    scene.input(Ask::Deploy { release: Arc::new(release(at, shop())) })
}

#[test]
fn while_a_release_lands() {
    check(
        || Scene::begun(shop(), |verb| matches!(verb, Verb::Start { .. })),
        &[
            ("deploy a newer one", |scene| deploy(scene, 8)),
            ("rollback", |scene| scene.input(Ask::Rollback { to: number(6) })),
            ("scale", |scene| scene.input(Ask::Scale { count: 5 })),
            ("skip a start", |scene| scene.input(Ask::Skip)),
            ("skip a watch", |scene| {
                scene.forward_to(|verb| matches!(verb, Verb::Observe { .. }));
                scene.input(Ask::Skip)
            }),
            ("approve a start", |scene| scene.input(Ask::Approve)),
            ("resume", |scene| scene.input(Ask::Resume)),
            ("resume, paused", |scene| {
                scene.ask(Ask::Pause);
                scene.input(Ask::Resume)
            }),
            ("retry what goes on", |scene| scene.input(Ask::Retry)),
            ("unwind what has not halted", |scene| scene.input(Ask::Unwind)),
            ("promote on the way back", |scene| {
                scene.go_around();
                scene.input(Ask::Promote)
            }),
            ("abort on the way back", |scene| {
                scene.go_around();
                scene.input(Ask::Abort)
            }),
        ],
        &expect![[r#"
            deploy a newer one          → granted
            rollback                    → `rollback` does not fit while a release is landing [input-not-now]
            scale                       → `scale` does not fit while a release is landing [input-not-now]
            skip a start                → only a time, a check or a gate can be skipped [input-not-now]
            skip a watch                → granted
            approve a start             → nobody's yes is waited for [input-not-now]
            resume                      → `resume` does not fit while a release is landing [input-not-now]
            resume, paused              → granted
            retry what goes on          → `retry` does not fit while a release is landing [input-not-now]
            unwind what has not halted  → `unwind` does not fit while a release is landing [input-not-now]
            promote on the way back     → `promote` does not fit while the rollout goes around [input-not-now]
            abort on the way back       → `abort` does not fit while the rollout goes around [input-not-now]
        "#]],
    );
}

#[test]
fn after_a_halt() {
    check(
        halted,
        &[
            ("deploy", |scene| deploy(scene, 8)),
            ("retry", |scene| scene.input(Ask::Retry)),
            ("retry another step", |scene| aimed(scene, Ask::Retry, |aim| aim.step = StepNumber(3))),
            ("unwind", |scene| scene.input(Ask::Unwind)),
            ("accept", |scene| {
                scene.look();
                scene.input(Ask::Accept { observed: Box::default() })
            }),
            ("accept before anything was looked at", |scene| scene.input(Ask::Accept { observed: Box::default() })),
            ("accept what was seen 6 s ago", |scene| {
                scene.look();
                scene.wait(Span::seconds(6));
                scene.input(Ask::Accept { observed: Box::default() })
            }),
            ("accept while the platform is silent", |scene| {
                scene.world.platform_silent = true;
                scene.look();
                scene.input(Ask::Accept { observed: Box::default() })
            }),
            ("accept while one router is silent", |scene| {
                scene.world.one_router_silent = true;
                scene.look();
                scene.input(Ask::Accept { observed: Box::default() })
            }),
            ("accept while all routers are silent, seen before", |scene| {
                scene.look();
                silence(scene);
                scene.input(Ask::Accept { observed: Box::default() })
            }),
            ("accept while all routers are silent, one never seen", |scene| {
                scene.world.one_router_silent = true;
                scene.look();
                silence(scene);
                scene.input(Ask::Accept { observed: Box::default() })
            }),
        ],
        &expect![[r#"
            deploy                                               → `deploy` does not fit while the rollout has halted [input-not-now]
            retry                                                → granted
            retry another step                                   → that was about step 4 of the way back (not begun); now it is step 1 of the way back (not begun) [input-moved-on]
            unwind                                               → granted
            accept                                               → granted
            accept before anything was looked at                 → the platform or the routers cannot be seen now [input-not-now]
            accept what was seen 6 s ago                         → the platform or the routers cannot be seen now [input-not-now]
            accept while the platform is silent                  → the platform or the routers cannot be seen now [input-not-now]
            accept while one router is silent                    → granted
            accept while all routers are silent, seen before     → granted
            accept while all routers are silent, one never seen  → the platform or the routers cannot be seen now [input-not-now]
        "#]],
    );
}

/// Never what somebody says is there, only what was seen.
#[test]
fn accepted_is_what_was_seen() {
    let mut scene = halted();
    scene.look();
    let input = scene.input(Ask::Accept { observed: Box::default() });
    let entry = hear(&scene.state, &scene.seen, input, scene.now).expect("it is granted");
    let Entry::Asked { input: Input { ask: Ask::Accept { observed }, .. } } = entry else { panic!("{entry:#?}") };
    assert_eq!(observed.release, Some(number(6)));
    assert_eq!(observed.intent, scene.state.standing.intent);
    assert_eq!(observed.capacity, scene.state.standing.capacity);
}

/// The routers' driver answers, and says that no router does.
fn silence(scene: &mut Scene) {
    let members = ["north", "south"].into_iter().map(|member| (member.to_owned(), None)).collect();
    scene.seen.see_router(scene.now, RouterLook { members });
}

/// Nobody knows where a silent router sends traffic: what it may send it to stays, also where the platform shows
/// none of it for a moment, and is only stopped when it has answered.
#[test]
fn accepted_past_a_silent_router_everything_stays() {
    let mut scene = Scene::begun(shop(), |verb| matches!(verb, Verb::Observe { .. }));
    scene.look();
    scene.go_around();
    scene.halt();
    scene.world.one_router_silent = true;
    scene.world.instances.insert(7, (0, 0));
    scene.state.standing.intent = Intent::new(vec![Lane::open(number(6), Share::ALL)], None).expect("an intent");
    let before = scene.state.standing.capacity.clone();
    scene.look();
    let input = scene.input(Ask::Accept { observed: Box::default() });
    scene.take(hear(&scene.state, &scene.seen, input, scene.now).expect("it is granted"));
    scene.step();
    assert_eq!((scene.state.phase(), &scene.state.standing.capacity), (Phase::Standing, &before));
    scene.world.instances.clear();
    let mut text = written(&mut scene, Span::minutes(70));
    text.push_str("south answers again\n");
    scene.world.one_router_silent = false;
    text.push_str(&written(&mut scene, Span::minutes(70)));
    expect![[r#"
        0s      begin to retire @7
        1h      put off: retire @7 (no effect was seen within 1h)
        south answers again
        49m59s  begin to retire @7
        50m     drained, stop to retire @7
        50m1s   over: retire @7
    "#]]
    .assert_eq(&text);
    assert_eq!(scene.state.standing.capacity.keys().collect::<Vec<_>>(), [&number(6)]);
}

/// Two people at a halt: whoever speaks last counts.
#[test]
fn a_retry_takes_back_what_was_accepted() {
    let mut scene = halted();
    scene.look();
    for ask in [Ask::Accept { observed: Box::default() }, Ask::Retry] {
        let input = scene.input(ask);
        let entry = hear(&scene.state, &scene.seen, input, scene.now).expect("it is granted");
        scene.take(entry);
    }
    let rollout = scene.state.rollout.as_deref().expect("a rollout");
    assert_eq!((&rollout.halted, &rollout.accepted), (&None, &None));
}
