//! The power goes while the store is written to: what was acknowledged is there afterwards, nothing is
//! there by half, and a store that does not sync is caught.
//!
//! A run is a seed. Its disk forgets what was not synced; its store is the real one, on that disk. In
//! three runs of four the test runs the rounds of the group commit itself, so the seed repeats them
//! exactly; in the fourth the store's own threads do, with several callers.

use crate::dice::Dice;
use crate::disk::{self, Disk};
use crate::given::taking;
use crate::runs;
use engine::store::{Append, AppendError, Attribution, Cursor, Epoch, Line, Position, READ_MAX, Store, Trouble};
use model::{Subject, Time};
use std::collections::BTreeMap;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::thread;
use store::{Durability, Opening, SqliteStore, wait};

/// The runs of every change; all 1,000 when `GLIDEPATH_FULL` is set, or as `GLIDEPATH_RUNS` says.
const RUNS: u64 = 60;
const RUNS_FULL: u64 = 1_000;

/// A store that does not sync has to be caught within so many runs.
const CAUGHT_WITHIN: u64 = 20;

const SUBJECTS: usize = 5;
const LIVES_MAX: u64 = 4;
const ROUNDS_MAX: u64 = 60;
const THREADS: usize = 3;

#[test]
fn power_loss_loses_nothing_acknowledged() {
    let runs = runs(RUNS, RUNS_FULL);
    let mut total = Figures::default();
    for seed in 0..runs {
        match run(seed, Durability::Full) {
            Ok(figures) => total.add(figures),
            Err(broken) => panic!("seed {seed}: {broken}"),
        }
    }
    let off = caught(Durability::Off);
    let normal = caught(Durability::Normal);
    println!("power loss: cut in {:?}", total.cuts);
    println!(
        "power loss: {runs} runs, 0 lost, 0 half there ({} appends acknowledged, {} in doubt, {} cuts, {} failed \
         syncs); synchronous=OFF caught in {off}, synchronous=NORMAL in {normal}",
        total.acknowledged,
        total.in_doubt,
        total.cuts.values().sum::<u64>(),
        total.failed_syncs,
    );
    assert!(total.acknowledged > runs, "the runs wrote something");
    assert!(
        runs < RUNS
            || ["write log", "sync log", "write file", "sync file"].iter().all(|cut| total.cuts.contains_key(*cut))
    );
}

/// The run in which a planted fault is caught, and as what.
fn caught(durability: Durability) -> String {
    let caught = (0..CAUGHT_WITHIN).find_map(|seed| Some((seed, run(seed, durability).err()?)));
    let (seed, broken) = caught.unwrap_or_else(|| panic!("{durability:?} was not caught within {CAUGHT_WITHIN} runs"));
    assert!(broken.starts_with("lost") || broken.starts_with("half there"), "{broken}");
    format!("run {} ({broken})", seed + 1)
}

#[derive(Default)]
struct Figures {
    acknowledged: u64,
    in_doubt: u64,
    failed_syncs: u64,
    /// How often the power was cut in what.
    cuts: BTreeMap<String, u64>,
}

impl Figures {
    fn add(&mut self, other: Self) {
        self.acknowledged += other.acknowledged;
        self.in_doubt += other.in_doubt;
        self.failed_syncs += other.failed_syncs;
        for (cut, times) in other.cuts {
            *self.cuts.entry(cut).or_default() += times;
        }
    }
}

/// What is known about one journal.
struct Journal {
    subject: Subject,
    /// The bodies that were acknowledged, or seen after a doubt.
    known: Vec<String>,
    /// The batches that nobody knows about, in order.
    in_doubt: Vec<Vec<String>>,
}

struct Run {
    dice: Dice,
    disk: Arc<Disk>,
    journals: Vec<Journal>,
    /// The highest epoch that was acknowledged.
    epoch: u64,
    /// The last cursor that a reader saw.
    seen: Cursor,
    /// How large bodies can be here.
    body_bytes_max: u64,
    /// Makes every body another.
    number: u64,
    figures: Figures,
}

fn run(seed: u64, durability: Durability) -> Result<Figures, String> {
    let disk = Disk::new(seed);
    let path = disk::install(&disk);
    let mut dice = Dice::new(seed);
    let stepped = seed % 4 != 3;
    let opening = Opening { vfs: Some(disk::NAME.into()), durability, stepped };
    let body_bytes_max = [200, 6_000, 40_000][dice.below(3) as usize];
    let journals = (0..SUBJECTS)
        .map(|n| Journal {
            subject: Subject::from_text(&format!("service/s{n}/production/local")),
            known: Vec::new(),
            in_doubt: Vec::new(),
        })
        .collect();
    let mut run =
        Run { dice, disk, journals, epoch: 0, seen: Cursor(0), body_bytes_max, number: 0, figures: Figures::default() };
    let lives = 1 + run.dice.below(LIVES_MAX);
    for life in 1..=lives {
        run.plan_faults();
        run.live(&path, &opening, life)?;
        run.figures.failed_syncs += u64::from(run.disk.has_failed_a_sync());
        run.disk.cut();
        *run.figures.cuts.entry(run.disk.cut_in().unwrap_or_default()).or_default() += 1;
        run.disk.restart();
    }
    // The last life has no faults: now everything has to be there, and be whole.
    let store = SqliteStore::open_as(&path, opening).map_err(|error| format!("lost: {error}"))?;
    run.look(&store)?;
    let verified = wait(store.audit_verify()).map_err(|error| format!("lost: {error}"))?;
    match verified.broken.first() {
        Some(broken) => Err(format!("half there: {broken}")),
        None => Ok(run.figures),
    }
}

impl Run {
    fn plan_faults(&mut self) {
        let steps = [40, 200, 1_500, 6_000][self.dice.below(4) as usize];
        self.disk.cut_after(self.dice.below(steps));
        if self.dice.one_in(3) {
            self.disk.fail_sync_after(self.dice.below(60));
        }
    }

    /// One life of the store, until the power goes or it is closed.
    fn live(&mut self, path: &Path, opening: &Opening, life: u64) -> Result<(), String> {
        let store = match SqliteStore::open_as(path, opening.clone()) {
            Ok(store) => store,
            Err(_) if !self.disk.is_on() => return Ok(()),
            // The one sync that fails may be one of those.
            Err(error) if error.trouble == Trouble::Other && self.disk.has_failed_a_sync() => return Ok(()),
            Err(error) => return Err(format!("lost: {error}")),
        };
        if self.checked(|run| run.look(&store))?.is_none() {
            return Ok(());
        }
        let Some(epoch) = self.lease(&store, opening, life)? else { return Ok(()) };
        if opening.stepped {
            self.rounds(&store, epoch)?;
        } else {
            self.callers(&store, epoch);
            self.checked(|run| run.look(&store))?;
        }
        if self.dice.one_in(2) {
            // The power goes while the store is at rest; otherwise it is closed first, if the power lasts.
            self.disk.cut();
        }
        Ok(())
    }

    /// What failed because the power went is no finding.
    fn checked<T>(&mut self, check: impl FnOnce(&mut Self) -> Result<T, String>) -> Result<Option<T>, String> {
        match check(self) {
            Ok(done) => Ok(Some(done)),
            Err(_) if !self.disk.is_on() => Ok(None),
            Err(broken) => Err(broken),
        }
    }

    /// Compares every journal with what is known about it; afterwards nothing is in doubt.
    fn look(&mut self, store: &SqliteStore) -> Result<(), String> {
        for journal in &mut self.journals {
            let there = bodies(store, &journal.subject)?;
            let subject = &journal.subject;
            if !there.starts_with(&journal.known) {
                let (there, known) = (there.len(), journal.known.len());
                return Err(format!("lost: {subject} had {known} entries acknowledged, {there} are there or others"));
            }
            let mut rest = &there[journal.known.len()..];
            // A batch that was never committed leaves room for none behind it.
            for batch in &journal.in_doubt {
                rest = rest.strip_prefix(batch.as_slice()).unwrap_or(rest);
            }
            if !rest.is_empty() {
                return Err(format!("half there: {} entries of {subject} that are no whole batch", rest.len()));
            }
            journal.known = there;
            journal.in_doubt.clear();
        }
        let last = wait(store.audit_anchor(None)).map_err(|error| format!("lost: {error}"))?.cursor;
        if last < self.seen {
            return Err(format!("lost: a reader had seen the cursor {}, the last one is {}", self.seen.0, last.0));
        }
        Ok(())
    }

    /// Each life is another holder, long after the one before.
    fn lease(&mut self, store: &SqliteStore, opening: &Opening, life: u64) -> Result<Option<Epoch>, String> {
        let holder = format!("life {life}");
        let ask = |unrenewed| answer(store, opening.stepped, store.lease(taking(&holder, unrenewed)));
        let taken = match ask(None) {
            Ok(Err(held)) => ask(Some(held.renewal)),
            taken => taken,
        };
        match taken {
            Ok(Ok(epoch)) if epoch.0 > self.epoch => {
                self.epoch = epoch.0;
                Ok(Some(epoch))
            }
            Ok(taken) => Err(format!("lost: the epoch {} was acknowledged, and now {taken:?}", self.epoch)),
            // The power went, or a sync failed.
            Err(_) => Ok(None),
        }
    }

    fn rounds(&mut self, store: &SqliteStore, epoch: Epoch) -> Result<(), String> {
        for _ in 0..self.dice.below(ROUNDS_MAX) {
            if self.dice.one_in(8) {
                self.checkpoint(store, epoch);
            }
            let appends = (0..1 + self.dice.below(8)).map(|_| self.batch(epoch)).collect::<Vec<_>>();
            let mut context = Context::from_waker(Waker::noop());
            let mut doubt = false;
            let mut waiting = Vec::new();
            // What this round would make of each journal, so that a batch can follow one in its round.
            let mut ends: BTreeMap<usize, u64> = BTreeMap::new();
            for (journal, mut append) in appends {
                let end = ends.entry(journal).or_insert(self.journals[journal].known.len() as u64);
                append.expected = Position(*end);
                *end += append.lines.len() as u64;
                let texts: Vec<String> = append.lines.iter().map(|line| line.body.clone()).collect();
                let mut future = store.append(append);
                let _ = future.as_mut().poll(&mut context);
                waiting.push((journal, texts, future));
            }
            store.round();
            for (journal, texts, mut future) in waiting {
                let Poll::Ready(result) = future.as_mut().poll(&mut context) else {
                    return Err("lost: a round left an append without an answer".into());
                };
                doubt |= self.note(journal, texts, &result)?;
            }
            if !self.disk.is_on() {
                return Ok(());
            }
            if doubt {
                // The store reads everything anew after a failed sync, and so do we.
                if self.checked(|run| run.look(store))?.is_none() {
                    return Ok(());
                }
            }
            if let Ok(seen) = wait(store.follow(self.seen, READ_MAX)) {
                self.seen = seen.last().map_or(self.seen, |(_, record)| record.cursor);
            }
        }
        Ok(())
    }

    /// Notes what came of a batch; whether it is in doubt.
    fn note(
        &mut self,
        journal: usize,
        texts: Vec<String>,
        result: &Result<Position, AppendError>,
    ) -> Result<bool, String> {
        let journal = &mut self.journals[journal];
        match result {
            Ok(position) => {
                journal.known.extend(texts);
                self.figures.acknowledged += 1;
                if position.0 as usize == journal.known.len() {
                    Ok(false)
                } else {
                    Err(format!("half there: the answer was {position}, after {}", journal.known.len()))
                }
            }
            Err(AppendError::Ambiguous(_)) => {
                journal.in_doubt.push(texts);
                self.figures.in_doubt += 1;
                Ok(true)
            }
            // Not written, says the store: if it is there later, it is found as no known batch.
            Err(AppendError::Failed(_)) => Ok(true),
            Err(other) => Err(format!("lost: {other}")),
        }
    }

    fn batch(&mut self, epoch: Epoch) -> (usize, Append) {
        let journal = self.dice.below(SUBJECTS as u64) as usize;
        let lines = (0..1 + self.dice.below(4)).map(|_| self.line()).collect();
        let subject = self.journals[journal].subject.clone();
        (journal, Append { subject, expected: Position(0), scope: "all".into(), epoch, lines })
    }

    fn line(&mut self) -> Line {
        self.number += 1;
        let length = self.dice.below(self.body_bytes_max) as usize;
        line(format!("{}:{}", self.number, "x".repeat(length)))
    }

    fn checkpoint(&mut self, store: &SqliteStore, epoch: Epoch) {
        let journal = &self.journals[self.dice.below(SUBJECTS as u64) as usize];
        let position = Position(journal.known.len() as u64);
        let kept = store.checkpoint(journal.subject.clone(), position, epoch, format!("at {position}"));
        let _ = answer(store, true, kept);
    }

    /// Several threads append, each to its own journal, until the power goes; another one follows.
    fn callers(&mut self, store: &SqliteStore, epoch: Epoch) {
        let batches: Vec<Vec<Append>> = (0..THREADS)
            .map(|journal| {
                let mut end = self.journals[journal].known.len() as u64;
                let subject = self.journals[journal].subject.clone();
                let count = self.dice.below(ROUNDS_MAX);
                (0..count)
                    .map(|_| {
                        let (_, append) = self.batch(epoch);
                        let expected = Position(end);
                        end += append.lines.len() as u64;
                        Append { subject: subject.clone(), expected, ..append }
                    })
                    .collect()
            })
            .collect();
        let seen = self.seen;
        let (answers, seen) = thread::scope(|scope| {
            let callers: Vec<_> = batches.iter().map(|batches| scope.spawn(|| call(store, batches))).collect();
            let follower = scope.spawn(|| {
                let mut seen = seen;
                // As many reads as there may be rounds.
                for _ in 0..ROUNDS_MAX {
                    let Ok(some) = wait(store.follow(seen, READ_MAX)) else { break };
                    seen = some.last().map_or(seen, |(_, record)| record.cursor);
                }
                seen
            });
            let answers: Vec<_> = callers.into_iter().map(|caller| caller.join().expect("no panic")).collect();
            (answers, follower.join().expect("no panic"))
        });
        self.seen = seen;
        for (journal, (batches, answers)) in batches.iter().zip(answers).enumerate() {
            for (append, result) in batches.iter().zip(answers) {
                let texts = append.lines.iter().map(|line| line.body.clone()).collect();
                let noted = self.note(journal, texts, &result);
                noted.expect("each journal has one caller");
            }
        }
    }
}

/// Appends until one fails.
fn call(store: &SqliteStore, batches: &[Append]) -> Vec<Result<Position, AppendError>> {
    let mut answers = Vec::new();
    for append in batches {
        answers.push(wait(store.append(append.clone())));
        if answers.last().is_some_and(Result::is_err) {
            break;
        }
    }
    answers
}

/// The answer to one question, whoever runs the rounds.
fn answer<T>(store: &SqliteStore, stepped: bool, question: impl Future<Output = T>) -> T {
    if !stepped {
        return wait(question);
    }
    let mut question = pin!(question);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        match question.as_mut().poll(&mut context) {
            Poll::Ready(answer) => return answer,
            Poll::Pending => store.round(),
        }
    }
}

fn line(body: String) -> Line {
    Line { at: Time(1), by: Attribution::engine(), kind: "noted".into(), version: 1, body }
}

fn bodies(store: &SqliteStore, subject: &Subject) -> Result<Vec<String>, String> {
    let mut all = Vec::new();
    loop {
        let after = Position(all.len() as u64);
        let some = wait(store.read(subject.clone(), after, READ_MAX)).map_err(|error| format!("lost: {error}"))?;
        if some.is_empty() {
            return Ok(all);
        }
        all.extend(some.into_iter().map(|record| record.line.body));
    }
}
