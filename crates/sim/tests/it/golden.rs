//! Golden journals: written by the code of their day, read and continued by that of every day after.
//!
//! Each is a `.jsonl` of records, with a `.json` beside it that says what a journal does not: in what
//! world it was written, and what stood in the end. They are never written again. A change that cannot
//! read or finish one of them would strand somebody's rollout in the middle: it needs a new version of
//! the entries, or another idea. New journals are added by `GLIDEPATH_RECORD=1`, which leaves those alone
//! that are there.

use engine::facts::Fence;
use engine::journal::entry::Ending;
use engine::journal::state::State;
use engine::journal::table::{Kind, edges};
use engine::journal::{Phase, fold};
use engine::store::{Position, Record};
use model::{RolloutNumber, Standing, Subject};
use serde::{Deserialize, Serialize};
use sim::matrix::{run_case, shapes};
use sim::replay::{Onward, Setting, continue_from, entry_of};
use sim::{Options, run};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Once;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Of so many prefixes of a journal one is continued; the longest is always among them.
const THINNING: u64 = 5;

/// The shapes of the crash matrix that were recorded, each as it goes when nothing crashes.
const SHAPES: &[&str] = &[
    "first.forward",
    "recreate.forward",
    "recreate-migration.abort-last",
    "rolling-surge.forward",
    "rolling-worker.bad",
    "singleton.forward",
    "blue-green.superseded-exposed",
    "blue-green-approve-idle.forward",
    "blue-green-then-scaled.forward",
    "canary.paused",
    "canary-baseline.forward",
    "canary-autoscaled.bad",
    "canary-cohort-sticky.abort-last",
    "canary-worker.promoted",
    "canary-gradual-way-back.abort-exposed",
    "canary-approval-webhook.forward",
    "hooks-safe.undo-fails",
    "hooks-never-retried.hook-fails",
    "migration.forward",
    "migration-one-way.forward",
    "return-warm.forward",
    "return-cold.abort-last",
    "flags.forward",
    "ab-candidate-kept.forward",
    "shadow.forward",
];

/// Seeds of the simulator that were recorded, everything that went wrong in them included.
const SEEDS: &[u64] = &[245, 1021, 1086, 1240, 1415, 1980, 2281, 2519, 2572, 2709, 2711];

/// What stands beside a journal.
#[derive(Serialize, Deserialize)]
struct Beside {
    subject: Subject,
    setting: Setting,
    position: Position,
    phase: Phase,
    last: Option<(RolloutNumber, Ending)>,
    standing: Standing,
}

struct Golden {
    name: String,
    journal: Vec<Record>,
    beside: Beside,
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

fn goldens() -> Vec<Golden> {
    if std::env::var_os("GLIDEPATH_RECORD").is_some() {
        // The tests run at the same time.
        static RECORDED: Once = Once::new();
        RECORDED.call_once(record_all);
    }
    let files = std::fs::read_dir(folder()).expect("the folder of golden journals");
    let mut names: Vec<PathBuf> = files.map(|file| file.expect("a file").path()).collect();
    names.retain(|path| path.extension().is_some_and(|extension| extension == "jsonl"));
    names.sort();
    names.into_iter().map(read).collect()
}

fn read(path: PathBuf) -> Golden {
    let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
    let text = std::fs::read_to_string(&path).expect("a golden journal");
    let line = |line: &str| serde_json::from_str(line).unwrap_or_else(|why| panic!("{name}: {why}: {line}"));
    let journal = text.lines().map(line).collect();
    let beside = std::fs::read_to_string(path.with_extension("json")).expect("what stands beside it");
    let beside = serde_json::from_str(&beside).unwrap_or_else(|why| panic!("beside {name}: {why}"));
    Golden { name, journal, beside }
}

fn folded(golden: &Golden) -> (State, BTreeSet<(Phase, Kind)>) {
    let (mut state, mut taken) = (State::default(), BTreeSet::new());
    for record in &golden.journal {
        let name = &golden.name;
        let entry = entry_of(record).unwrap_or_else(|why| panic!("{name}: {why}"));
        assert_eq!(record.line.kind, entry.kind().as_str(), "{name}: entry {} changed its kind", record.position);
        taken.insert((state.phase(), entry.kind()));
        state = fold(state, record.line.at, &entry).unwrap_or_else(|why| panic!("{name}: {why}"));
    }
    (state, taken)
}

#[test]
fn every_golden_journal_is_read_and_comes_to_what_stood() {
    let goldens = goldens();
    assert!(goldens.len() >= 12, "only {} golden journals are left", goldens.len());
    let mut taken = BTreeSet::new();
    let mut endings = BTreeSet::new();
    for golden in &goldens {
        let (state, edges) = folded(golden);
        let beside = &golden.beside;
        assert_eq!(state.position, beside.position, "{}", golden.name);
        assert_eq!(state.phase(), beside.phase, "{}", golden.name);
        assert_eq!(state.last, beside.last, "{}", golden.name);
        assert_eq!(state.standing, beside.standing, "{}", golden.name);
        taken.extend(edges);
        endings.extend(state.last.map(|(_, ending)| std::mem::discriminant(&ending)).map(|kind| format!("{kind:?}")));
    }
    let kinds: BTreeSet<Kind> = taken.iter().map(|(_, kind)| *kind).collect();
    let missing: Vec<&str> = Kind::ALL.iter().filter(|kind| !kinds.contains(kind)).map(|kind| kind.as_str()).collect();
    assert_eq!(missing, [""; 0], "no golden journal has an entry of these kinds");
    assert_eq!(endings.len(), 3, "completed, rolled back and halted");
    let share = taken.len() * 100 / edges().count();
    assert!(share >= 80, "only {share} % of the table's edges are taken by golden journals");
}

#[test]
fn every_golden_journal_is_continued_to_its_end_from_the_middle() {
    let goldens = goldens();
    let cases: Vec<(&Golden, usize, Onward)> = goldens.iter().flat_map(cases).collect();
    let next = AtomicUsize::new(0);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let parts: Vec<Tally> = std::thread::scope(|scope| {
        let work = || {
            let mut tally = Tally::default();
            while let Some((golden, length, onward)) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                tally.add(golden, *length, *onward);
            }
            tally
        };
        let handles: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        handles.into_iter().map(|handle| handle.join().expect("a thread")).collect()
    });
    let broken: Vec<&String> = parts.iter().flat_map(|tally| &tally.broken).collect();
    assert!(broken.is_empty(), "{} of {} are broken, the first of them:\n{}", broken.len(), cases.len(), broken[0]);
    let of = |onward, what: &str| -> u64 {
        parts.iter().filter_map(|tally| tally.ends.get(&(onward, what.to_owned()))).sum()
    };
    // Each way on leads where it should, often enough to mean something.
    for (onward, what, least) in
        [(Onward::Well, "completed", 150), (Onward::Abort, "rolled back", 150), (Onward::Failing, "halted", 100)]
    {
        assert!(of(onward, what) >= least, "{onward:?} came to {what} only {} times", of(onward, what));
    }
}

/// The prefixes that end within a rollout, thinned, with every way on.
fn cases(golden: &Golden) -> Vec<(&Golden, usize, Onward)> {
    let mut state = State::default();
    let mut cases = Vec::new();
    let offset = golden.name.len() as u64;
    for (index, record) in golden.journal.iter().enumerate() {
        let entry = entry_of(record).expect("an entry");
        state = fold(state, record.line.at, &entry).expect("a state");
        let middle = state.rollout.is_some() || state.waiting.is_some() || state.closing.is_some();
        if middle && (record.position.0 + offset).is_multiple_of(THINNING) || index + 1 == golden.journal.len() {
            cases.extend(Onward::ALL.iter().map(|onward| (golden, index + 1, *onward)));
        }
    }
    cases
}

#[derive(Default)]
struct Tally {
    broken: Vec<String>,
    ends: BTreeMap<(Onward, String), u64>,
}

impl Tally {
    fn add(&mut self, golden: &Golden, length: usize, onward: Onward) {
        let beside = &golden.beside;
        let continued = continue_from(&beside.subject, &golden.journal[..length], &beside.setting, onward);
        if let Some(first) = continued.broken.first() {
            let story = continued.story.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n  ");
            self.broken.push(format!("{} after entry {length}, {onward:?}: {first}\n  {story}", golden.name));
        }
        let words = continued.ends.iter().map(|ending| match ending {
            Ending::Completed { .. } => "completed",
            Ending::RolledBack => "rolled back",
            Ending::Halted => "accepted",
        });
        for word in words.chain((continued.halts > 0).then_some("halted")) {
            *self.ends.entry((onward, word.to_owned())).or_default() += 1;
        }
    }
}

/// Adds the journals that are not there yet.
fn record_all() {
    let told = Options { story: true, ..Options::default() };
    for shape in shapes().iter().filter(|shape| SHAPES.contains(&shape.name.as_str())) {
        let outcome = run_case(shape, Fence::Compare, &[], &told);
        assert_eq!(outcome.broken, [""; 0], "{}", shape.name);
        let setting = Setting {
            facts: shape.facts.clone(),
            routers: shape.routers as u64,
            autoscaled: shape.autoscaled,
            flags: shape.flags.iter().map(|(flag, change)| (flag.clone(), change.from.clone())).collect(),
        };
        record(&shape.name.replace('.', "-"), shape.subject(), setting, outcome.journal);
    }
    for seed in SEEDS {
        let outcome = run(*seed, &told);
        assert_eq!(outcome.broken, [""; 0], "seed {seed}");
        let first = outcome.recorded.into_iter().next().expect("a service");
        record(&format!("seed-{seed}"), first.subject, first.setting, first.journal);
    }
}

fn record(name: &str, subject: Subject, setting: Setting, journal: Vec<Record>) {
    let path = folder().join(format!("{name}.jsonl"));
    if path.exists() {
        return;
    }
    let lines = journal.iter().map(|record| serde_json::to_string(record).expect("JSON") + "\n");
    std::fs::write(&path, lines.collect::<String>()).expect("a written journal");
    let mut state = State::default();
    for record in &journal {
        state = fold(state, record.line.at, &entry_of(record).expect("an entry")).expect("a state");
    }
    let (position, phase, last) = (state.position, state.phase(), state.last);
    let beside = Beside { subject, setting, position, phase, last, standing: state.standing };
    let text = serde_json::to_string_pretty(&beside).expect("JSON") + "\n";
    std::fs::write(path.with_extension("json"), text).expect("what stands beside it");
}
