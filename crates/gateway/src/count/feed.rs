//! Counts for whoever reads them: each second, and faster while a comparison runs. A reader that is slow
//! misses messages and nothing else, because sums only grow: there is no queue that could run full.

use super::run;
use crate::worker::{Answer, Order};
use model::Span;
use std::collections::BTreeMap;
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::Instant;
use wire::Counts;
use wire::counts::Worker;

/// How long workers may take to tell what they counted.
const ANSWER_WITHIN: Duration = Duration::from_secs(1);

/// Asks all workers what they counted. It may be cloned, and asked on any thread but a worker's.
#[derive(Clone, Debug)]
pub struct Feed {
    workers: Vec<mpsc::Sender<Order>>,
    last: Arc<LastCounts>,
}

/// What workers that have broken down had counted: sums do not fall for that.
#[derive(Debug, Default)]
pub(crate) struct LastCounts {
    all: Mutex<BTreeMap<usize, Worker>>,
}

impl LastCounts {
    pub(crate) fn keep(&self, worker: usize, counts: Worker) {
        self.all.lock().unwrap_or_else(PoisonError::into_inner).insert(worker, counts);
    }

    fn of(&self, worker: usize) -> Option<Worker> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner).get(&worker).cloned()
    }
}

impl Feed {
    pub(crate) fn new(workers: Vec<mpsc::Sender<Order>>, last: Arc<LastCounts>) -> Self {
        Self { workers, last }
    }

    /// All that was counted until now.
    pub fn counts(&self) -> Counts {
        let mut counts = Counts { run: run::this(), at: run::elapsed(), ..Counts::default() };
        let due = Instant::now() + ANSWER_WITHIN;
        let ask = |worker: &mpsc::Sender<Order>| {
            let (answer, answered): (Answer<Worker>, _) = sync_channel(1);
            // One that has so many orders to follow does not answer in time either.
            worker.try_send(Order::Counts(answer)).ok().map(|()| answered)
        };
        // All are asked before any is waited for.
        let asked: Vec<_> = self.workers.iter().map(ask).collect();
        for (number, answered) in (0..).zip(asked) {
            let left = due.saturating_duration_since(Instant::now());
            let answer = answered.and_then(|answered| answered.recv_timeout(left).ok());
            match answer.or_else(|| self.last.of(number as usize)) {
                Some(worker) => counts.workers.push(Worker { number, ..worker }),
                None => counts.silent.push(number),
            }
        }
        counts
    }

    /// Counts in this pace.
    pub fn subscribe(&self, pace: Pace) -> Subscription {
        Subscription { feed: self.clone(), pace, due: Instant::now(), told: None }
    }
}

/// How often a reader hears.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// Each second.
    Steady,
    /// Every 200 ms: somebody compares.
    Comparing,
}

impl Pace {
    fn every(self) -> Duration {
        match self {
            Self::Steady => Duration::from_secs(1),
            Self::Comparing => Duration::from_millis(200),
        }
    }
}

/// What one reader hears, one message after the other.
#[derive(Debug)]
pub struct Subscription {
    feed: Feed,
    pace: Pace,
    due: Instant,
    /// When the last message was told.
    told: Option<Span>,
}

impl Subscription {
    /// The next message, when its time has come. First bad events of units are told once, so that a
    /// message does not grow with what the reader has heard already; those of the last millisecond may
    /// come again.
    pub fn next_message(&mut self) -> Counts {
        let now = Instant::now();
        std::thread::sleep(self.due.saturating_duration_since(now));
        // Who comes late is not told twice at once.
        self.due = self.due.max(now) + self.pace.every();
        let mut counts = self.feed.counts();
        if let Some(told) = self.told {
            for service in counts.workers.iter_mut().flat_map(|worker| &mut worker.services) {
                service.units.retain(|event| event.at >= told);
            }
        }
        // What a silent worker had to tell would be missed.
        if counts.silent.is_empty() {
            self.told = Some(counts.at);
        }
        counts
    }
}
