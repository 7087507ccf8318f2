//! The table of what may follow what, and that fold obeys it.

use crate::scene::*;
use crate::services::*;
use engine::journal::entry::{Ask, Cause, Ending, Entry};
use engine::journal::table::{Kind, Phase, may_follow};
use engine::journal::{State, fold};
use engine::store::Position;
use expect_test::expect;
use model::gate::Approval;
use model::plan::Verb;
use model::standing::ClosingWork;
use model::*;
use std::fmt::Write;
use std::sync::Arc;

/// A scene in this phase.
fn in_phase(phase: Phase) -> Scene {
    let mut scene = match phase {
        Phase::Standing => Scene::standing(shop()),
        _ => Scene::landing(shop()),
    };
    let enter: &[fn(&mut Scene)] = match phase {
        Phase::Standing | Phase::Between => &[],
        Phase::Doing => &[Scene::begin],
        Phase::Undecided => &[Scene::begin, undecided],
        Phase::Paused => &[pause],
        Phase::PausedDoing => &[Scene::begin, pause],
        Phase::BackBetween => &[Scene::begin, Scene::go_around],
        Phase::BackDoing => &[Scene::begin, Scene::go_around, Scene::begin],
        Phase::BackUndecided => &[Scene::begin, Scene::go_around, Scene::begin, undecided],
        Phase::Halted => &[Scene::begin, Scene::go_around, Scene::halt],
    };
    enter.iter().for_each(|enter| enter(&mut scene));
    assert_eq!(scene.state.phase(), phase);
    scene
}

fn pause(scene: &mut Scene) {
    scene.ask(Ask::Pause);
}

fn undecided(scene: &mut Scene) {
    let entry = entry(Kind::Undecided, scene);
    scene.take(entry);
}

/// An entry of this kind that fits as well as it can.
fn entry(kind: Kind, scene: &mut Scene) -> Entry {
    let (step, attempt) =
        scene.state.rollout.as_deref().map_or((StepNumber(0), 1), |rollout| (rollout.cursor, rollout.attempt));
    let work = ClosingWork::Retire(number(6));
    let ask = match kind {
        Kind::Deploy => Ask::Deploy { release: Arc::new(release(8, shop())) },
        Kind::Rollback => Ask::Rollback { to: number(6) },
        Kind::Scale => Ask::Scale { count: 5 },
        Kind::Pause => Ask::Pause,
        Kind::Resume => Ask::Resume,
        Kind::Promote => Ask::Promote,
        Kind::Skip => Ask::Skip,
        Kind::Abort => Ask::Abort,
        Kind::Retry => Ask::Retry,
        Kind::Unwind => Ask::Unwind,
        Kind::Accept => Ask::Accept { observed: Box::default() },
        Kind::Approve => Ask::Approve,
        Kind::Refuse => Ask::Refuse,
        Kind::Decide => Ask::Decide { keep: number(7) },
        Kind::Accepted => {
            let plan = engine::compile::compile(&release(8, shop()), &standing(&shop()), &scene.facts).expect("a plan");
            return Entry::Accepted { rollout: RolloutNumber(9), digest: plan.digest(), plan: Arc::new(plan) };
        }
        Kind::Refused => return Entry::Refused { release: number(8), reasons: Vec::new() },
        Kind::Began => return Entry::Began { step, attempt: attempt + 1, count: None },
        Kind::Done => return Entry::Done { step, attempt, note: String::new(), verdicts: Vec::new() },
        Kind::Failed => return Entry::Failed { step, attempt, why: "no".into() },
        Kind::Undecided => {
            return Entry::Undecided { step, attempt, why: "silence".into(), until: scene.now + Span::hours(1) };
        }
        Kind::Unwinding => {
            let back = Arc::new(scene.state.rollout.as_deref().map_or_else(
                || engine::compile::compile(&release(8, shop()), &standing(&shop()), &scene.facts).expect("a plan"),
                |rollout| Plan::clone(&rollout.plan),
            ));
            return Entry::Unwinding { cause: Cause::Again, back };
        }
        Kind::Halted => return Entry::Halted { why: "no".into() },
        Kind::Ended => return Entry::Ended { ending: Ending::RolledBack, standing: Box::default() },
        Kind::Restored => return Entry::Restored { release: number(6), count: 4, why: String::new() },
        Kind::ClosingBegan => return Entry::ClosingBegan { work },
        Kind::ClosingStopped => return Entry::ClosingStopped { work },
        Kind::ClosingDone => return Entry::ClosingDone { work },
        Kind::ClosingFailed => return Entry::ClosingFailed { work, why: "no".into() },
        Kind::ClockJumped => return Entry::ClockJumped { by_ms: 1, behind_ms: 1 },
    };
    Entry::Asked { input: scene.input(ask) }
}

#[test]
fn the_table() {
    let mut text = String::new();
    for (column, phase) in Phase::ALL.iter().enumerate() {
        writeln!(text, "{}{}", "│ ".repeat(column), phase.as_str()).expect("a String takes everything");
    }
    for kind in Kind::ALL {
        let marks = Phase::ALL.iter().map(|phase| if may_follow(*phase, *kind) { "●" } else { "·" });
        writeln!(text, "{}  {}", marks.collect::<Vec<_>>().join(" "), kind.as_str())
            .expect("a String takes everything");
    }
    expect![[r#"
        standing
        │ between
        │ │ doing
        │ │ │ undecided
        │ │ │ │ paused
        │ │ │ │ │ paused-doing
        │ │ │ │ │ │ back-between
        │ │ │ │ │ │ │ back-doing
        │ │ │ │ │ │ │ │ back-undecided
        │ │ │ │ │ │ │ │ │ halted
        ● ● ● ● ● ● ● ● ● ·  asked-deploy
        ● · · · · · · · · ·  asked-rollback
        ● · · · · · · · · ·  asked-scale
        · ● ● · · · · · · ·  asked-pause
        · · · · ● ● · · · ·  asked-resume
        · ● ● · ● ● · · · ·  asked-promote
        · · ● ● · ● · · · ·  asked-skip
        · ● ● ● ● ● · · · ·  asked-abort
        · · · ● · · · · ● ●  asked-retry
        · · · · · · · · · ●  asked-unwind
        · · · · · · · · · ●  asked-accept
        · · ● · · ● · · · ·  asked-approve
        · · ● · · ● · · · ·  asked-refuse
        · · ● · · ● · · · ·  asked-decide
        ● · · · · · · · · ·  accepted
        ● · · · · · · · · ·  refused
        · ● · · · · ● · · ·  began
        · · ● ● · ● · ● ● ·  done
        · · ● ● · ● · ● ● ·  failed
        · · ● · · · · ● · ·  undecided
        · ● ● ● ● ● · · · ●  unwinding
        · ● ● ● ● ● ● · ● ●  halted
        · ● · · · · ● · · ●  ended
        ● ● ● ● ● ● ● ● ● ·  restored
        ● · · · · · · · · ·  closing-began
        ● · · · · · · · · ·  closing-stopped
        ● · · · · · · · · ·  closing-done
        ● · · · · · · · · ·  closing-failed
        ● ● ● ● ● ● ● ● ● ●  clock-jumped
    "#]]
    .assert_eq(&text);
}

/// What the table allows may still be refused for a finer reason: here are all of those.
#[test]
fn fold_obeys_the_table() {
    let mut finer = String::new();
    for phase in Phase::ALL {
        for kind in Kind::ALL {
            let mut scene = in_phase(*phase);
            let entry = entry(*kind, &mut scene);
            assert_eq!(entry.kind(), *kind);
            match fold(scene.state, scene.now, &entry) {
                Ok(_) => assert!(may_follow(*phase, *kind), "{phase:?} took {kind:?}"),
                Err(illegal) if may_follow(*phase, *kind) => {
                    writeln!(finer, "{illegal}").expect("a String takes everything");
                }
                Err(illegal) => assert_eq!(illegal.why, "the table does not allow it", "{phase:?} {kind:?}"),
            }
        }
    }
    expect![[r#"
        entry 10 (closing-began) cannot follow while standing: no such closing is due
        entry 10 (closing-stopped) cannot follow while standing: that closing is not draining
        entry 10 (closing-done) cannot follow while standing: that closing has not begun
        entry 10 (closing-failed) cannot follow while standing: that closing has not begun
        entry 15 (unwinding) cannot follow while halted: nobody asked for a fresh way back
    "#]]
    .assert_eq(&finer);
}

type Misfit = (&'static str, fn(&mut Scene) -> Entry);

#[test]
fn what_does_not_fit_is_refused() {
    let cases: &[Misfit] = &[
        ("done: another step", |_| done(StepNumber(1), 1)),
        ("done: another attempt", |_| done(StepNumber(0), 2)),
        ("failed: another step", |_| Entry::Failed { step: StepNumber(3), attempt: 1, why: String::new() }),
        ("undecided: another attempt", |scene| Entry::Undecided {
            step: StepNumber(0),
            attempt: 7,
            why: String::new(),
            until: scene.now,
        }),
        ("began: a step ahead", |scene| {
            scene.finish();
            Entry::Began { step: StepNumber(2), attempt: 1, count: None }
        }),
        ("began: the attempt before", |scene| {
            scene.fail("no");
            Entry::Began { step: StepNumber(0), attempt: 1, count: None }
        }),
        ("began: two attempts ahead", |scene| {
            scene.fail("no");
            Entry::Began { step: StepNumber(0), attempt: 3, count: None }
        }),
        ("began: after the last step", |scene| {
            scene.forward_to(|_| false);
            let step = scene.state.rollout.as_ref().expect("a rollout").cursor;
            Entry::Began { step, attempt: 1, count: None }
        }),
        ("done: earlier than the entry before", |scene| {
            scene.now = Time(START.0 - 1);
            done(StepNumber(0), 1)
        }),
        ("an input for the second time", |scene| {
            let input = scene.input(Ask::Abort);
            scene.take(Entry::Asked { input: input.clone() });
            Entry::Asked { input }
        }),
        ("restored to something else", |_| Entry::Restored { release: number(6), count: 3, why: String::new() }),
        ("done: the attempt that goes on", |_| done(StepNumber(0), 1)),
    ];
    let mut text = String::new();
    for (words, make) in cases {
        let mut scene = Scene::landing(shop());
        scene.begin();
        let entry = make(&mut scene);
        let came = match fold(scene.state, scene.now, &entry) {
            Ok(_) => "taken".into(),
            Err(illegal) => illegal.to_string(),
        };
        writeln!(text, "{words:35}  → {came}").expect("a String takes everything");
    }
    expect![[r#"
        done: another step                   → entry 13 (done) cannot follow while doing: another step is current
        done: another attempt                → entry 13 (done) cannot follow while doing: another attempt is current
        failed: another step                 → entry 13 (failed) cannot follow while doing: another step is current
        undecided: another attempt           → entry 13 (undecided) cannot follow while doing: another attempt is current
        began: a step ahead                  → entry 14 (began) cannot follow while between: another step or attempt is next
        began: the attempt before            → entry 14 (began) cannot follow while between: another step or attempt is next
        began: two attempts ahead            → entry 14 (began) cannot follow while between: another step or attempt is next
        began: after the last step           → entry 32 (began) cannot follow while between: the plan has no such step
        done: earlier than the entry before  → entry 13 (done) cannot follow while doing: it is earlier than the entry before it
        an input for the second time         → entry 14 (asked-abort) cannot follow while doing: it was heard before
        restored to something else           → entry 13 (restored) cannot follow while doing: the release should have another capacity
        done: the attempt that goes on       → taken
    "#]].assert_eq(&text);
}

fn done(step: StepNumber, attempt: u32) -> Entry {
    Entry::Done { step, attempt, note: String::new(), verdicts: Vec::new() }
}

/// A refused entry leaves nothing behind, and every taken one moves the position on by one.
#[test]
fn positions_count_entries() {
    let mut scene = Scene::landing(shop());
    let before: State = scene.state.clone();
    fold(before.clone(), scene.now, &done(StepNumber(0), 1)).expect_err("nothing has begun");
    scene.begin();
    assert_eq!(scene.state.position, Position(before.position.0 + 1));
}

/// The generation of a target moves on with what it should have, and with nothing else.
#[test]
fn generations_follow_what_is_wanted() {
    let mut scene = Scene::landing(Service { strategy: Strategy::BlueGreen(blue_green()), ..shop() });
    let mut text = String::new();
    while let Some(step) = scene.state.rollout.as_ref().and_then(|rollout| rollout.step().cloned()) {
        let before = scene.state.generations.clone();
        scene.begin();
        let after = &scene.state.generations;
        let capacity = after.capacity.iter().filter(|(release, at)| before.capacity.get(release) != Some(at));
        let mut moved: Vec<String> = capacity.map(|(release, _)| release.to_string()).collect();
        moved.extend((before.table != after.table).then(|| "table".into()));
        let title = engine::outline::title(&step.verb, &before_of(&scene), true);
        let moved = if moved.is_empty() { "nothing".into() } else { moved.join(", ") };
        writeln!(text, "{title}: {moved}").expect("a String takes everything");
        scene.finish();
    }
    expect![[r#"
        start @7 with 4 instances: @7
        watch for 1m; then health must pass: nothing
        send everything to @7: table
        watch for 10m; then latency, health must pass: nothing
    "#]]
    .assert_eq(&text);
}

fn before_of(scene: &Scene) -> Standing {
    scene.state.rollout.as_ref().expect("a rollout").plan.before.clone()
}

#[test]
fn an_approval_lapses_with_its_attempt() {
    let mut service = shop();
    service.gates.approval = Some(Approval { count: 2, ..approval().expect("one") });
    let begun = || {
        let mut scene = Scene::begun(service.clone(), |verb| matches!(verb, Verb::Approve { .. }));
        scene.ask(Ask::Approve);
        scene
    };
    check(
        begun,
        &[
            ("the same attempt", |_| {}),
            ("the next attempt", |scene| {
                scene.fail("no");
                scene.begin();
            }),
            ("the next step", |scene| {
                scene.finish();
                scene.begin();
            }),
            ("going around", Scene::go_around),
            ("tried again after a halt", |scene| {
                scene.halt();
                scene.ask(Ask::Retry);
            }),
        ],
        |scene| {
            let approvals = &scene.state.rollout.as_ref().expect("a rollout").approvals;
            if approvals.is_empty() { "nobody".into() } else { approvals.join(", ") }
        },
        &expect![[r#"
            the same attempt          → ana
            the next attempt          → nobody
            the next step             → nobody
            going around              → nobody
            tried again after a halt  → nobody
        "#]],
    );
}

/// What a release lost is remembered as long as it is wanted.
#[test]
fn restorations_are_forgotten() {
    let restored = || {
        let mut scene = Scene::standing(shop());
        scene.deploy(7, shop());
        scene.land();
        scene.take(Entry::Restored { release: number(6), count: 4, why: String::new() });
        scene.take(Entry::Restored { release: number(7), count: 4, why: String::new() });
        scene
    };
    check(
        restored,
        &[
            ("both run", |_| {}),
            ("the old is retired", |scene| {
                let work = ClosingWork::Retire(number(6));
                scene.take(Entry::ClosingBegan { work: work.clone() });
                scene.take(Entry::ClosingStopped { work });
            }),
            ("the new is left for the old", |scene| {
                scene.ask(Ask::Rollback { to: number(6) });
                scene.land();
            }),
            ("only the old was seen, and that was accepted", |scene| {
                scene.deploy(8, shop());
                scene.launch();
                scene.halt();
                let standing = Standing { release: Some(number(6)), ..standing(&shop()) };
                scene.take(Entry::Ended { ending: Ending::Halted, standing: Box::new(standing) });
            }),
        ],
        |scene| scene.state.restored.keys().map(ToString::to_string).collect::<Vec<_>>().join(", "),
        &expect![[r#"
            both run                                      → @6, @7
            the old is retired                            → @7
            the new is left for the old                   → @7
            only the old was seen, and that was accepted  → @6
        "#]],
    );
}
