//! What other processes of the gateway have counted: those that go on for clients of before, and those that have
//! ended. So no sum begins anew, and none is told twice, when one process takes over from another.

use super::merge;
use std::collections::BTreeMap;
use wire::Counts;
use wire::counts::Run;

/// Processes that have ended are told of one by one up to so many; those before them are one sum.
const ENDED_MAX: usize = 16;

/// What other processes of the gateway have counted, as far as it was heard.
#[derive(Debug, Default)]
pub(crate) struct Others {
    heard: BTreeMap<Run, Heard>,
    /// All that have ended before those.
    past: Option<Counts>,
    handed_over: Option<bool>,
}

#[derive(Debug)]
struct Heard {
    counts: Counts,
    /// It was in the sums of whoever led before, and so it is in ours.
    is_summed: bool,
}

impl Others {
    /// What one of them said, of itself and of those that it has heard of.
    pub(crate) fn hear(&mut self, all: &[Counts]) {
        for counts in all.iter().filter(|counts| !counts.run.is_past()) {
            let known = self.heard.get(&counts.run);
            let is_summed = known.is_some_and(|known| known.is_summed);
            // Another may have heard of it long ago.
            if known.is_none_or(|known| known.counts.at <= counts.at) {
                self.heard.insert(counts.run.clone(), Heard { counts: counts.clone(), is_summed });
            }
        }
    }

    /// What the one that led before says: its sums go on in ours, from here on.
    pub(crate) fn take_over(&mut self, all: &[Counts]) {
        self.hear(all);
        if self.handed_over.is_some() {
            // Sums have begun anew already: what was counted before would come as if it were new.
            return;
        }
        self.handed_over = Some(true);
        self.past = all.iter().find(|counts| counts.run.is_past()).cloned();
        for counts in all {
            if let Some(heard) = self.heard.get_mut(&counts.run) {
                heard.is_summed = true;
            }
        }
    }

    /// Whoever led before is dead, or does not answer: sums begin anew, unless they go on already.
    pub(crate) fn begin_anew(&mut self) {
        self.handed_over.get_or_insert(false);
    }

    /// Whether it is known how sums go on.
    pub(crate) fn is_decided(&self) -> bool {
        self.handed_over.is_some()
    }

    /// Of all these are left: what the others had open is gone, and the oldest become one sum.
    pub(crate) fn keep_open(&mut self, pids: &[u32]) {
        let is_gone = |run: &Run| !pids.contains(&run.pid);
        let gone = self.heard.iter_mut().filter(|(run, _)| is_gone(run));
        gone.for_each(|(_, heard)| merge::close(&mut heard.counts));
        while self.heard.keys().filter(|run| is_gone(run)).count() > ENDED_MAX {
            let Some(oldest) = self.heard.keys().filter(|run| is_gone(run)).min_by_key(|run| run.started).cloned()
            else {
                return;
            };
            if let Some(heard) = self.heard.remove(&oldest).filter(|heard| heard.is_summed) {
                let none = || Counts { run: Run::past(), ..Counts::default() };
                merge::add(self.past.get_or_insert_with(none), heard.counts);
            }
        }
    }

    /// What is told to readers who keep the newest of each.
    pub(crate) fn told(&self) -> Vec<Counts> {
        self.heard.values().map(|heard| heard.counts.clone()).collect()
    }

    /// What is in our sums, besides our own counts: it only grows. The next one to lead begins with it.
    pub(crate) fn summed(&self) -> Vec<Counts> {
        let heard = self.heard.values().filter(|heard| heard.is_summed).map(|heard| &heard.counts);
        heard.chain(&self.past).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{ReleaseNumber, Span, Subject};
    use wire::counts::{Outcomes, Release, Service, Table, Worker};

    /// What a process says that has answered so many requests, and has some open.
    fn counts(pid: u32, at: u64, answered: u64, open: u64) -> Counts {
        let statuses = [0, answered, 0, 0, 0];
        let outcomes = Outcomes { statuses, open, times: vec![(700, answered), (800, 1)], ..Outcomes::default() };
        let release = Release { release: Some(ReleaseNumber(1)), outcomes: vec![outcomes], ..Release::default() };
        let table = Table { generation: 1, releases: vec![release], ..Table::default() };
        let service: Service = serde_json::from_value(serde_json::json!({
            "service": Subject::from_text("service/shop/production/local"), "generation": 1, "tables": [table],
        }))
        .expect("a service");
        let worker = Worker { clients: open, accepted: answered, services: vec![service], ..Worker::default() };
        let run = Run { boot: "boot".into(), pid, started: u64::from(pid) };
        Counts { run, at: Span(at), workers: vec![worker], ..Counts::default() }
    }

    /// How many requests were answered in all, how many are open, and how many took how long.
    fn sums(all: &[Counts]) -> (u64, u64, u64) {
        let services = all.iter().flat_map(|counts| &counts.workers).flat_map(|worker| &worker.services);
        let tables = services.flat_map(|service| service.tables.iter().chain(&service.older));
        let outcomes = || tables.clone().flat_map(|table| &table.releases).flat_map(|release| &release.outcomes);
        let timed = outcomes().flat_map(|of| &of.times).map(|(_, count)| count).sum();
        (outcomes().map(|of| of.statuses[1]).sum(), outcomes().map(|of| of.open).sum(), timed)
    }

    #[test]
    fn sums_go_on_where_those_of_the_one_before_ended() {
        let mut others = Others::default();
        // The one before tells of itself, and of one that it has heard of.
        others.take_over(&[counts(2, 50, 20, 1), counts(1, 90, 10, 0)]);
        assert_eq!(sums(&others.summed()), (30, 1, 32));
        others.hear(&[counts(2, 60, 21, 0)]);
        // What comes late is old.
        others.hear(&[counts(2, 55, 20, 1)]);
        assert_eq!(sums(&others.summed()), (31, 0, 33));
        // It has ended with one open, which nobody ends any more.
        others.hear(&[counts(2, 70, 21, 1)]);
        others.keep_open(&[]);
        assert_eq!(sums(&others.summed()), (31, 0, 33));
        assert_eq!(sums(&others.told()), (31, 0, 33));
    }

    /// Whoever reads sums takes what is less than before for a new beginning, and all of it for new.
    #[test]
    fn sums_that_began_anew_take_nothing_of_before() {
        let mut others = Others::default();
        others.begin_anew();
        others.take_over(&[counts(2, 50, 20, 1)]);
        others.hear(&[counts(3, 50, 30, 1)]);
        assert_eq!((sums(&others.summed()).0, sums(&others.told()).0), (0, 50));
        // Nor does the next one.
        let mut next = Others::default();
        let mut told = vec![counts(4, 10, 4, 0)];
        told.extend(others.summed());
        next.take_over(&told);
        next.hear(&[counts(3, 60, 31, 0)]);
        assert_eq!(sums(&next.summed()).0, 4);
    }

    /// However often one takes over from another: what is kept has an end, and no sum falls.
    #[test]
    fn the_oldest_become_one_sum() {
        let (mut leads, mut expected) = (Others::default(), 0);
        leads.begin_anew();
        for pid in 1..100_u32 {
            let mut told = vec![counts(pid, 10, u64::from(pid), 0)];
            told.extend(leads.summed());
            leads = Others::default();
            leads.take_over(&told);
            expected += u64::from(pid);
            leads.keep_open(&[pid]);
            assert_eq!(sums(&leads.summed()), (expected, 0, expected + u64::from(pid)));
            assert!(leads.summed().len() <= ENDED_MAX + 2 && leads.told().len() <= ENDED_MAX + 1);
        }
        let past = leads.summed().into_iter().find(|counts| counts.run.is_past()).expect("most of them");
        let release = &past.workers[0].services[0].older.as_ref().expect("a sum").releases[0];
        let pids = 100 - 1 - 1 - ENDED_MAX as u64;
        assert_eq!(release.outcomes[0].times, [(700, pids * (pids + 1) / 2), (800, pids)]);
    }
}
