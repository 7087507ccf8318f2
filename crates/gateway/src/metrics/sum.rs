//! The sums of all processes, workers and tables together.

use super::ROWS_MAX;
use crate::count::merge::{add_mirror, add_outcomes, releases};
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
    pub(super) mirrors: BTreeMap<Subject, Vec<Mirror>>,
}

impl Sums {
    pub(super) fn of(own: &Counts, others: &[Counts]) -> Self {
        let mut sums = Self::default();
        // What those that have ended served by is nothing that is served by now.
        for service in services(own) {
            let generation = sums.generations.entry(service.service.clone()).or_insert(service.generation);
            *generation = service.generation.min(*generation);
        }
        for service in others.iter().chain([own]).flat_map(services) {
            for release in releases(service) {
                sums.add(&service.service, release);
            }
            let mirrors = sums.mirrors.entry(service.service.clone()).or_default();
            service.mirrors.iter().for_each(|mirror| add_mirror(mirrors, mirror));
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
            add_outcomes(self.rows.entry(key).or_default(), more);
        }
        if let Some(number) = release.release {
            let sum = self.instances.entry((service.clone(), number)).or_default();
            sum.connects_failed += release.connects_failed;
            sum.ejections += release.ejections;
        }
    }
}

fn services(counts: &Counts) -> impl Iterator<Item = &Service> {
    counts.workers.iter().flat_map(|worker| &worker.services)
}
