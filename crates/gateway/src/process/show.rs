//! What a gateway tells of itself, and what people ask it to drain.

use super::Gateway;
use super::control::From;
use crate::pool::{self, Condition};
use crate::worker::Report;
use model::{ReleaseNumber, Share, Subject};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use wire::control::{
    Answer, Drain, EndpointReport, EndpointState, Health, MemberReport, PoolReport, Request, Route, RouteRelease,
    ServiceState, Status, WorkerReport,
};
use wire::problem::{Kind, Problem};
use wire::table::{Door, Path};
use wire::{Counts, Table};

impl Gateway {
    pub(crate) fn status(&self) -> Status {
        let (mut listening, mut deaf) = self.sockets.told();
        if let Some(unasked) = self.remote_problem() {
            listening.retain(|address| *address != unasked.address);
            deaf.retain(|deaf| deaf.address != unasked.address);
            deaf.push(unasked);
        }
        let config_problem = self.locked_config().problem();
        let outdated = self.fleet.outdated_files().into_iter().map(|outdated| Problem {
            kind: Kind::FilesOutdated,
            of: outdated.files.join(", "),
            why: outdated.why,
            since: outdated.since,
        });
        let tables = self.locked_tables();
        let problems = tables.problems.told().into_iter().chain(outdated).collect();
        let services = tables.all.iter().map(|(service, served)| ServiceState {
            service: service.clone(),
            generation: served.table.generation,
            unproven: served.unproven,
        });
        Status {
            member: self.run.clone(),
            version: self.settings.version.into(),
            workers: self.fleet.count_living(),
            config: self.settings.config.as_ref().map(|path| path.display().to_string()),
            config_problem,
            services: services.collect(),
            listening,
            deaf,
            problems,
            retiring: self.locked_siblings().pids(),
            alone: self.is_alone(),
        }
    }

    pub(crate) fn routes(&self) -> Vec<Route> {
        self.locked_tables().all.values().map(|served| route(&served.table)).collect()
    }

    pub(crate) fn endpoints(&self) -> Vec<EndpointState> {
        let mut sums: BTreeMap<(Subject, ReleaseNumber, String), EndpointReport> = BTreeMap::new();
        let reports = self.reports(From::Controller);
        let workers = reports.into_iter().flat_map(|member| member.workers).flatten();
        for pool in workers.flat_map(|worker| worker.pools) {
            for endpoint in pool.endpoints {
                let key = (pool.service.clone(), pool.release, endpoint.address.clone());
                sums.entry(key).and_modify(|sum| sum.add(&endpoint)).or_insert(endpoint);
            }
        }
        let mut all = Vec::new();
        for table in self.locked_tables().all.values().map(|served| &served.table) {
            for lane in &table.lanes {
                for endpoint in &lane.endpoints {
                    let key = (table.service.clone(), lane.release, endpoint.address.clone());
                    let fresh = || EndpointReport { address: endpoint.address.clone(), ..EndpointReport::default() };
                    let report = sums.remove(&key).unwrap_or_else(fresh);
                    let (service, release, _) = key;
                    all.push(EndpointState { service, release, draining: endpoint.draining, report });
                }
            }
        }
        all
    }

    /// What this member has under way; of one that leads, also what the others have.
    pub(crate) fn reports(&self, from: From) -> Vec<MemberReport> {
        let workers = self.fleet.reports().into_iter().map(|report| report.map(worker)).collect();
        let own = MemberReport { member: self.run.clone(), retiring: from == From::Leader, workers };
        let mut all = vec![own];
        if from == From::Controller || self.is_adopted() {
            all.extend(self.locked_siblings().reports());
        }
        all
    }

    /// With what this member has counted, what the others have.
    pub(crate) fn counts(&self, own: Counts, from: From) -> Vec<Counts> {
        let mut all = vec![own];
        let siblings = self.locked_siblings();
        let hearing = siblings.hearing();
        if from == From::Controller || self.is_adopted() {
            let asked = siblings.asked(&Request::Counts);
            // One that hangs keeps nobody else from asking.
            drop(siblings);
            asked.answers();
        }
        all.extend(match from {
            From::Controller => hearing.told(),
            // What is in these sums goes on in those of the one that leads.
            From::Leader => hearing.summed(),
        });
        all
    }

    pub(crate) fn drain(&self, what: &Drain) -> Answer {
        let changed = match what {
            Drain::Gateway => return self.ask_to_stop(),
            Drain::Endpoint(address) => self.changed(|table| drain_endpoint(table, address)),
            Drain::Release { service, release } => {
                self.changed(|table| if table.service == *service { drain_release(table, *release) } else { Ok(false) })
            }
        };
        match changed {
            Err(why) => Answer::Refused(why),
            Ok(tables) if tables.is_empty() => Answer::Refused("no table has it".into()),
            Ok(tables) => {
                let mut last = Answer::Begun;
                for table in tables {
                    last = self.take(table);
                    if !matches!(last, Answer::Live(_)) {
                        break;
                    }
                }
                last
            }
        }
    }

    /// The tables that this changes, changed.
    fn changed(&self, change: impl Fn(&mut Table) -> Result<bool, String>) -> Result<Vec<Table>, String> {
        let mut all = Vec::new();
        for served in self.locked_tables().all.values() {
            let mut table = (*served.table).clone();
            if change(&mut table)? {
                all.push(table);
            }
        }
        Ok(all)
    }
}

fn drain_endpoint(table: &mut Table, address: &str) -> Result<bool, String> {
    let mut found = false;
    let endpoints = table.lanes.iter_mut().flat_map(|lane| &mut lane.endpoints);
    for endpoint in endpoints.filter(|endpoint| endpoint.address == address) {
        (endpoint.draining, found) = (true, true);
    }
    Ok(found)
}

/// The others share what was its, as they share what they have.
fn drain_release(table: &mut Table, release: ReleaseNumber) -> Result<bool, String> {
    let Some(lane) = table.lanes.iter_mut().find(|lane| lane.release == release) else { return Ok(false) };
    (lane.door, lane.share) = (Door::Closed, Share::NONE);
    lane.matches.clear();
    let rest: u32 = table.lanes.iter().map(|lane| u32::from(lane.share.basis_points())).sum();
    if rest == 0 {
        return Err(format!("nobody but {release} has a share: who would get its requests?"));
    }
    let mut left = Share::ALL;
    let mut others: Vec<_> = table.lanes.iter_mut().filter(|lane| !lane.share.is_none()).collect();
    let last = others.len() - 1;
    for (index, lane) in others.iter_mut().enumerate() {
        // What rounding leaves is the last one's.
        lane.share = if index == last { left } else { Share::of(lane.share.basis_points().into(), rest) };
        left = Share::from_basis_points(left.basis_points() - lane.share.basis_points()).unwrap_or_default();
    }
    Ok(true)
}

fn route(table: &Table) -> Route {
    let paths = table.paths.iter().map(|path| match path {
        Path::Exact(path) => format!("={path}"),
        Path::Prefix(path) => path.clone(),
        Path::Regex(path) => format!("~{path}"),
    });
    let releases = table.lanes.iter().map(|lane| RouteRelease {
        release: lane.release,
        share: lane.share,
        door: lane.door,
        endpoints: lane.endpoints.iter().filter(|endpoint| !endpoint.draining).count(),
    });
    Route {
        service: table.service.clone(),
        listen: table.listen.iter().map(|listen| listen.address.clone()).collect(),
        hosts: table.hosts.clone(),
        paths: paths.collect(),
        hold: table.hold.is_some(),
        releases: releases.collect(),
    }
}

fn told(address: SocketAddr, endpoint: &pool::EndpointReport) -> EndpointReport {
    EndpointReport {
        address: address.to_string(),
        claims: endpoint.claims,
        health: match endpoint.condition {
            Condition::Good => Health::Good,
            Condition::Unproven => Health::Unproven,
            Condition::Sick => Health::Sick,
            Condition::Ejected => Health::Ejected,
        },
        heard: endpoint.heard.map(|heard| heard.to_string()),
    }
}

fn worker(report: Report) -> WorkerReport {
    let pools = report.pools.into_iter().map(|((service, release), pool)| PoolReport {
        service,
        release: ReleaseNumber(release),
        claims: pool.claims,
        endpoints: pool.endpoints.iter().map(|(address, endpoint)| told(*address, endpoint)).collect(),
    });
    WorkerReport { clients: report.clients, pools: pools.collect() }
}
