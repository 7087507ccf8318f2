//! The sums of all workers and all tables together.

use super::ROWS_MAX;
use model::{ReleaseNumber, Subject};
use std::collections::BTreeMap;
use wire::Counts;
use wire::counts::{Mirror, Outcomes, Release, Service, Way};

/// What is told apart.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) service: Subject,
    pub(super) release: Option<ReleaseNumber>,
    pub(super) class: String,
    pub(super) way: Way,
}

/// What is counted of a release's instances.
#[derive(Debug, Default)]
pub(super) struct Instances {
    pub(super) connects_failed: u64,
    pub(super) ejections: u64,
}

/// All sums of a gateway.
#[derive(Debug, Default)]
pub(super) struct Sums {
    pub(super) rows: BTreeMap<Key, Outcomes>,
    pub(super) left_out: u64,
    pub(super) instances: BTreeMap<(Subject, ReleaseNumber), Instances>,
    pub(super) generations: BTreeMap<Subject, u64>,
    pub(super) mirrors: Vec<(Subject, Mirror)>,
}

impl Sums {
    pub(super) fn of(counts: &Counts) -> Self {
        let mut sums = Self::default();
        for service in counts.workers.iter().flat_map(|worker| &worker.services) {
            let generation = sums.generations.entry(service.service.clone()).or_insert(service.generation);
            *generation = service.generation.min(*generation);
            for release in service.tables.iter().chain(&service.older).flat_map(|table| &table.releases) {
                sums.add(&service.service, release);
            }
            sums.add_mirrors(service);
        }
        for outcomes in sums.rows.values_mut() {
            outcomes.times.sort_unstable();
        }
        sums
    }

    fn add(&mut self, service: &Subject, release: &Release) {
        for more in &release.outcomes {
            let (class, way) = (more.class.clone(), more.way);
            let key = Key { service: service.clone(), release: release.release, class, way };
            if self.rows.len() >= ROWS_MAX && !self.rows.contains_key(&key) {
                self.left_out += 1;
                continue;
            }
            add(self.rows.entry(key).or_default(), more);
        }
        if let Some(number) = release.release {
            let sum = self.instances.entry((service.clone(), number)).or_default();
            sum.connects_failed += release.connects_failed;
            sum.ejections += release.ejections;
        }
    }

    fn add_mirrors(&mut self, service: &Service) {
        for more in &service.mirrors {
            let same = |(of, mirror): &&mut (Subject, Mirror)| {
                *of == service.service && (mirror.of, mirror.to) == (more.of, more.to)
            };
            match self.mirrors.iter_mut().find(same) {
                None => self.mirrors.push((service.service.clone(), *more)),
                Some((_, sum)) => {
                    sum.sent += more.sent;
                    sum.answered += more.answered;
                    sum.failed += more.failed;
                    sum.too_large += more.too_large;
                    sum.too_many += more.too_many;
                    sum.unpaired += more.unpaired;
                    sum.uncompared += more.uncompared;
                }
            }
        }
    }
}

/// Times are in no order afterwards: they are put in order once, when all are there.
fn add(sum: &mut Outcomes, more: &Outcomes) {
    sum.statuses.iter_mut().zip(more.statuses).for_each(|(count, more)| *count += more);
    sum.open += more.open;
    sum.unanswered += more.unanswered;
    sum.broken += more.broken;
    sum.left += more.left;
    sum.retries += more.retries;
    sum.slow += more.slow;
    sum.received += more.received;
    sum.sent += more.sent;
    sum.times.extend(&more.times);
}
