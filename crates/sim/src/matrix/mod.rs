//! The crash matrix: every plan shape × every prefix of its journal × what became of the effects that
//! follow it × every fence × a second crash.
//!
//! Nothing goes wrong but the crashes, so that every case is told by its name alone. A controller ends
//! right after its journal has become so long; another one takes over when the lease has run out, and
//! may end in the same way. Cases that cannot differ are run once: where no effect follows an entry, it
//! does not matter what became of it.

mod kinds;
mod run;
mod script;
pub mod shapes;

pub use run::{CALM_BOUND, CaseOutcome, Crash, run_case};
use shapes::words;
pub use shapes::{End, Shape, shapes};

use crate::doom::Fate;
use crate::run::Options;
use engine::facts::Fence;
use engine::store::Position;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};

/// How a target refuses stale commands, with the word for it in the name of a case.
pub const FENCES: [(Fence, &str); 3] = [(Fence::Compare, "compare"), (Fence::Tagged, "tagged"), (Fence::None, "none")];

/// Which part of the matrix is run.
#[derive(Clone, Copy, Debug)]
pub struct Thinning {
    /// Of so many first crashes one.
    pub first: u64,
    /// Of so many first crashes that are run, one has its second crashes as well.
    pub second: u64,
}

impl Thinning {
    /// Everything.
    pub const NONE: Self = Self { first: 1, second: 1 };
    /// So few that it takes seconds, spread evenly.
    pub const SMALL: Self = Self { first: 13, second: 3 };
}

/// What the matrix came to.
#[derive(Clone, Debug, Default)]
pub struct MatrixFigures {
    /// How many shapes.
    pub shapes: u64,
    /// How many prefixes of their journals, under each fence.
    pub prefixes: u64,
    /// How many cases, those without a crash included.
    pub cases: u64,
    /// How many with two crashes.
    pub twice: u64,
    /// How many crashes fell into the middle of an append.
    pub torn: u64,
    /// How many effects were under way when a controller ended.
    pub under_way: u64,
    /// How the tested rollout of each case ended.
    pub ends: BTreeMap<&'static str, u64>,
    /// How many ended in another way than without a crash, by shape and ending.
    pub otherwise: BTreeMap<(String, String), u64>,
    /// The cases in which something broke, with the first thing that did.
    pub broken: Vec<(String, String)>,
}

/// Runs the matrix on so many threads. `before` is called in each thread before its first case.
pub fn matrix(thinning: Thinning, threads: usize, options: &Options, before: &(dyn Fn() + Sync)) -> MatrixFigures {
    let shapes = shapes();
    let rows: Vec<(usize, usize)> =
        (0..shapes.len()).flat_map(|shape| (0..FENCES.len()).map(move |fence| (shape, fence))).collect();
    let next = AtomicUsize::new(0);
    let parts: Vec<MatrixFigures> = std::thread::scope(|scope| {
        let work = || {
            before();
            let mut figures = MatrixFigures::default();
            while let Some((shape, fence)) = rows.get(next.fetch_add(1, Ordering::Relaxed)) {
                Row { shape: &shapes[*shape], fence: FENCES[*fence], options, figures: &mut figures }.run(thinning);
            }
            figures
        };
        let handles: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        // A thread that is lost takes its rows with it: that must not look like nothing broken.
        handles.into_iter().map(|handle| handle.join().unwrap_or_else(|why| resume_unwind(why))).collect()
    });
    let mut figures = MatrixFigures { shapes: shapes.len() as u64, ..MatrixFigures::default() };
    parts.into_iter().for_each(|part| figures.merge(part));
    figures.broken.sort();
    figures
}

impl MatrixFigures {
    fn merge(&mut self, other: MatrixFigures) {
        self.prefixes += other.prefixes;
        self.cases += other.cases;
        self.twice += other.twice;
        self.torn += other.torn;
        self.under_way += other.under_way;
        for (how, count) in other.otherwise {
            *self.otherwise.entry(how).or_default() += count;
        }
        for (end, count) in other.ends {
            *self.ends.entry(end).or_default() += count;
        }
        self.broken.extend(other.broken);
    }
}

/// One shape under one fence.
struct Row<'a> {
    shape: &'a Shape,
    fence: (Fence, &'static str),
    options: &'a Options,
    figures: &'a mut MatrixFigures,
}

impl Row<'_> {
    fn run(&mut self, thinning: Thinning) {
        let calm = self.case(&[]);
        if calm.from == 0 {
            if calm.broken.is_empty() {
                self.broke(&[], "what is to be tested was never asked for");
            }
            return;
        }
        for at in calm.from..=calm.length {
            let number = self.shape.seed().wrapping_add(at) % (thinning.first * thinning.second);
            if number.is_multiple_of(thinning.first) {
                self.figures.prefixes += 1;
                self.crashes_at(&[], Position(at), number == 0);
            }
        }
    }

    /// The fates of one prefix; where two of them cannot differ, one.
    fn crashes_at(&mut self, before: &[Crash], at: Position, again: bool) {
        for fate in [Fate::Unrecorded, Fate::Twice, Fate::NotDone] {
            let crashes = [before, &[Crash { at, fate }]].concat();
            let outcome = self.case(&crashes);
            let Some(doom) = outcome.dooms.get(before.len()).copied() else { return };
            if again {
                let length = outcome.length;
                let mut seconds = vec![at.0 + 1, at.0 + 2, length];
                seconds.retain(|second| *second > at.0 && *second <= length);
                seconds.dedup();
                for second in seconds {
                    self.crashes_at(&crashes, Position(second), false);
                }
            }
            if doom.torn || doom.sent == 0 {
                return;
            }
        }
    }

    fn case(&mut self, crashes: &[Crash]) -> CaseOutcome {
        let outcome = self.run_case(crashes);
        let figures = &mut *self.figures;
        figures.cases += 1;
        figures.twice += u64::from(crashes.len() > 1);
        if let Some(doom) = outcome.dooms.last() {
            figures.torn += u64::from(doom.torn);
            figures.under_way += u64::from(doom.sent);
        }
        if let Some(end) = outcome.ends.first() {
            *figures.ends.entry(end.as_str()).or_default() += 1;
        }
        if outcome.ends != self.shape.ends {
            *figures.otherwise.entry((self.shape.name.clone(), words(&outcome.ends))).or_default() += 1;
        }
        if let Some(first) = outcome.broken.first() {
            self.broke(crashes, first);
        } else if outcome.dooms.len() < crashes.len() {
            self.broke(crashes, "the journal never became so long: the case shows nothing");
        }
        outcome
    }

    /// A case that panics is broken, and takes no other with it.
    fn run_case(&self, crashes: &[Crash]) -> CaseOutcome {
        let case = AssertUnwindSafe(|| run_case(self.shape, self.fence.0, crashes, self.options));
        catch_unwind(case)
            .unwrap_or_else(|_| CaseOutcome { broken: vec!["it panicked".into()], ..CaseOutcome::default() })
    }

    fn broke(&mut self, crashes: &[Crash], what: &str) {
        let id = self.id(crashes);
        self.figures.broken.push((id, what.to_owned()));
    }

    fn id(&self, crashes: &[Crash]) -> String {
        case_id(self.shape, self.fence.1, crashes)
    }
}

fn case_id(shape: &Shape, fence: &str, crashes: &[Crash]) -> String {
    let crashes: String = crashes.iter().map(ToString::to_string).collect();
    format!("{}/{fence}{crashes}", shape.name)
}

/// Runs the case of that name, with its story; none where there is no such case.
pub fn replay(id: &str, options: &Options) -> Option<CaseOutcome> {
    let mut parts = id.split('/');
    let name = parts.next()?;
    let word = parts.next()?;
    let (fence, _) = FENCES.into_iter().find(|(_, known)| *known == word)?;
    let crashes: Option<Vec<Crash>> = parts.map(crash).collect();
    let shape = shapes().into_iter().find(|shape| shape.name == name)?;
    Some(run_case(&shape, fence, &crashes?, &Options { story: true, ..options.clone() }))
}

fn crash(text: &str) -> Option<Crash> {
    let (at, word) = text.split_once('-')?;
    let fate = Fate::ALL.iter().copied().find(|fate| fate.as_str() == word)?;
    Some(Crash { at: Position(at.parse().ok()?), fate })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::Planted;
    use std::collections::BTreeSet;

    fn check(id: &str, options: &Options) -> CaseOutcome {
        replay(id, options).unwrap_or_else(|| panic!("no case is called {id}"))
    }

    #[test]
    fn every_shape_has_a_name_of_its_own() {
        let shapes = shapes();
        let kinds: BTreeSet<&str> = shapes.iter().filter_map(|shape| shape.name.split('.').next()).collect();
        let names: BTreeSet<&str> = shapes.iter().map(|shape| shape.name.as_str()).collect();
        assert!(kinds.len() >= 24, "only {} kinds of plan", kinds.len());
        assert_eq!(names.len(), shapes.len());
    }

    #[test]
    fn a_case_is_told_by_its_name_alone() {
        let id = "canary.forward/none/20-twice/23-lost";
        let (first, second) = (check(id, &Options::default()), check(id, &Options::default()));
        assert_eq!(first.broken, Vec::<String>::new());
        assert_eq!(first.dooms.len(), 2);
        assert_eq!(first.story, second.story);
    }

    #[test]
    fn what_is_no_case_is_not_replayed() {
        for id in ["", "canary.forward", "canary.forward/iron", "canary.forward/none/20", "no-such.forward/none"] {
            assert!(replay(id, &Options::default()).is_none(), "{id}");
        }
    }

    #[test]
    fn targets_that_take_every_command_are_found() {
        let options = Options { planted: vec![Planted::NoFence], ..Options::default() };
        let shapes = shapes();
        let shape = shapes.iter().find(|shape| shape.name == "canary.forward").expect("it is there");
        let mut figures = MatrixFigures::default();
        Row { shape, fence: FENCES[0], options: &options, figures: &mut figures }
            .run(Thinning { first: 1, second: 64 });
        assert!(!figures.broken.is_empty());
    }
}
