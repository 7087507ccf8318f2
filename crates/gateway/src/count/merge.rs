//! Counts of several processes as one sum.

use wire::Counts;
use wire::counts::{Mirror, Outcomes, Release, Service, Table, Worker};

/// The most rows of all processes that have ended, a row being a service, a release, a class and a way. Requests
/// of further ones are only counted as such.
const ROWS_MAX: usize = 10_000;

/// Nothing is open any more.
pub(super) fn close(counts: &mut Counts) {
    for worker in &mut counts.workers {
        worker.clients = 0;
        let tables = worker.services.iter_mut().flat_map(|service| service.tables.iter_mut().chain(&mut service.older));
        let outcomes = tables.flat_map(|table| &mut table.releases).flat_map(|release| &mut release.outcomes);
        outcomes.for_each(|outcomes| outcomes.open = 0);
    }
}

/// One process more, in a sum that is like one worker's.
pub(super) fn add(sum: &mut Counts, more: Counts) {
    sum.at = sum.at.max(more.at);
    if sum.workers.is_empty() {
        sum.workers.push(Worker::default());
    }
    let Some(into) = sum.workers.first_mut() else { return };
    let mut rows = into.services.iter().flat_map(releases).map(|release| release.outcomes.len()).sum();
    for worker in more.workers {
        into.accepted += worker.accepted;
        into.refused += worker.refused;
        into.unserved += worker.unserved;
        into.shed += worker.shed;
        worker.services.iter().for_each(|service| add_service(into, service, &mut rows));
    }
}

/// What a service's releases got, under whatever table.
pub(crate) fn releases(service: &Service) -> impl Iterator<Item = &Release> {
    service.tables.iter().chain(&service.older).flat_map(|table| &table.releases)
}

fn add_service(into: &mut Worker, more: &Service, rows: &mut usize) {
    let place = into.services.iter().position(|known| known.service == more.service).unwrap_or_else(|| {
        into.services.push(empty(more));
        into.services.len() - 1
    });
    let Some(sum) = into.services.get_mut(place) else { return };
    sum.generation = sum.generation.max(more.generation);
    sum.units_lost += more.units_lost + more.units.len() as u64;
    more.mirrors.iter().for_each(|mirror| add_mirror(&mut sum.mirrors, mirror));
    let table = sum.older.get_or_insert_default();
    table.generation = sum.generation;
    let forgotten: u64 = releases(more).map(|release| add_release(table, release, rows)).sum();
    sum.forgotten += more.forgotten + forgotten;
}

fn empty(like: &Service) -> Service {
    Service {
        service: like.service.clone(),
        generation: like.generation,
        tables: Vec::new(),
        older: None,
        forgotten: 0,
        units: Vec::new(),
        units_lost: 0,
        mirrors: Vec::new(),
    }
}

/// How many requests there was no row for.
fn add_release(table: &mut Table, more: &Release, rows: &mut usize) -> u64 {
    let place = table.releases.iter().position(|known| known.release == more.release).unwrap_or_else(|| {
        table.releases.push(Release { release: more.release, ..Release::default() });
        table.releases.len() - 1
    });
    let Some(sum) = table.releases.get_mut(place) else { return 0 };
    sum.connects_failed += more.connects_failed;
    sum.ejections += more.ejections;
    let mut forgotten = 0;
    for outcomes in &more.outcomes {
        match sum.outcomes.iter_mut().find(|known| (&known.class, known.way) == (&outcomes.class, outcomes.way)) {
            Some(known) => add_outcomes(known, outcomes),
            None if *rows < ROWS_MAX => {
                *rows += 1;
                sum.outcomes.push(outcomes.clone());
            }
            None => forgotten += outcomes.statuses.iter().sum::<u64>() + outcomes.broken + outcomes.left,
        }
    }
    forgotten
}

/// What became of more requests.
pub(crate) fn add_outcomes(sum: &mut Outcomes, more: &Outcomes) {
    sum.statuses.iter_mut().zip(more.statuses).for_each(|(count, more)| *count += more);
    sum.open += more.open;
    sum.unanswered += more.unanswered;
    sum.broken += more.broken;
    sum.left += more.left;
    sum.retries += more.retries;
    sum.slow += more.slow;
    sum.received += more.received;
    sum.sent += more.sent;
    // Both are in order: sorting finds that out, and has little left to do.
    sum.times.extend(&more.times);
    sum.times.sort_by_key(|(micros, _)| *micros);
    sum.times.dedup_by(|later, earlier| {
        let same = later.0 == earlier.0;
        earlier.1 += if same { later.1 } else { 0 };
        same
    });
}

/// What became of more copies.
pub(crate) fn add_mirror(sums: &mut Vec<Mirror>, more: &Mirror) {
    match sums.iter_mut().find(|mirror| (mirror.of, mirror.to) == (more.of, more.to)) {
        None => sums.push(*more),
        Some(sum) => {
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
