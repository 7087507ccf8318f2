//! What a worker has under way, and what it knows of instances.

use crate::pool::{EndpointReport, Pool};
use model::Subject;
use std::collections::BTreeMap;
use std::net::SocketAddr;

/// What a release has under way.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PoolReport {
    /// Requests under way.
    pub claims: u64,
    /// Requests that wait for an instance to have room.
    pub waiting: u64,
    /// Its instances, and how they do.
    pub endpoints: BTreeMap<SocketAddr, EndpointReport>,
}

impl PoolReport {
    pub(super) fn of(pool: &Pool) -> Self {
        Self { claims: pool.claims(), waiting: pool.waiting() as u64, endpoints: pool.report() }
    }

    fn add(&mut self, other: Self) {
        self.claims += other.claims;
        self.waiting += other.waiting;
        for (address, endpoint) in other.endpoints {
            self.endpoints.entry(address).and_modify(|sum| sum.add(&endpoint)).or_insert(endpoint);
        }
    }
}

/// What a worker has under way.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// By service and release.
    pub pools: BTreeMap<(Subject, u32), PoolReport>,
    /// The connections of clients.
    pub clients: usize,
    /// Requests that wait for the end of a hold.
    pub parked: u64,
}

impl Report {
    /// Together with another worker's.
    pub fn add(&mut self, other: Self) {
        for (key, pool) in other.pools {
            self.pools.entry(key).or_default().add(pool);
        }
        self.clients += other.clients;
        self.parked += other.parked;
    }
}
