//! Many seeds, on as many threads as there are cores, and their figures.

use crate::fault::FaultCount;
use crate::run::{Options, Outcome, run};
use engine::journal::table::edges;
use engine::journal::{Kind, Phase};
use std::collections::BTreeMap;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicU64, Ordering};

/// What many seeds came to.
#[derive(Clone, Debug, Default)]
pub struct Figures {
    /// How many seeds.
    pub seeds: u64,
    /// How many services in them; most seeds have one.
    pub services: u64,
    /// How many of those were stuck for good, while the others had to come to their end.
    pub stuck: u64,
    /// Faults by kind.
    pub faults: FaultCount,
    /// Faults of the median seed.
    pub faults_median: u64,
    /// Rollouts by ending.
    pub endings: BTreeMap<&'static str, u64>,
    /// How often each edge of the fold's table was taken.
    pub edges: BTreeMap<(Phase, Kind), u64>,
    /// Seeds in which something broke, with the first thing that did.
    pub broken: Vec<(u64, String)>,
}

/// Runs the seeds from `first` on. `before` is called in each thread before its first seed.
pub fn campaign(first: u64, seeds: u64, threads: usize, options: &Options, before: &(dyn Fn() + Sync)) -> Figures {
    let next = AtomicU64::new(first);
    let outcomes: Vec<Vec<Outcome>> = std::thread::scope(|scope| {
        let work = || {
            before();
            let mut outcomes = Vec::new();
            loop {
                let seed = next.fetch_add(1, Ordering::Relaxed);
                if seed >= first + seeds {
                    return outcomes;
                }
                outcomes.push(run(seed, options));
            }
        };
        let handles: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        // A thread that is lost takes its seeds with it: that must not look like nothing broken.
        handles.into_iter().map(|handle| handle.join().unwrap_or_else(|why| resume_unwind(why))).collect()
    });
    gather(outcomes.into_iter().flatten())
}

fn gather(outcomes: impl Iterator<Item = Outcome>) -> Figures {
    let mut figures = Figures { edges: edges().map(|edge| (edge, 0)).collect(), ..Figures::default() };
    let mut totals = Vec::new();
    for outcome in outcomes {
        figures.seeds += 1;
        figures.services += outcome.services;
        figures.stuck += u64::from(outcome.stuck.is_some());
        totals.push(outcome.faults.total());
        figures.faults.merge(&outcome.faults);
        for (ending, count) in outcome.endings {
            *figures.endings.entry(ending).or_default() += count;
        }
        for (edge, count) in outcome.edges {
            *figures.edges.entry(edge).or_default() += count;
        }
        if let Some(first) = outcome.broken.first() {
            figures.broken.push((outcome.seed, first.clone()));
        }
    }
    totals.sort_unstable();
    figures.faults_median = totals.get(totals.len() / 2).copied().unwrap_or(0);
    figures.broken.sort();
    figures
}

/// Runs seeds until one is broken; says which, and what broke first.
pub fn hunt(seeds: u64, threads: usize, options: &Options, before: &(dyn Fn() + Sync)) -> Option<(u64, String)> {
    let batch = 64;
    let mut first = 0;
    while first < seeds {
        let figures = campaign(first, batch.min(seeds - first), threads, options, before);
        if let Some(broken) = figures.broken.first() {
            return Some(broken.clone());
        }
        first += batch;
    }
    None
}
