//! One instance, as one worker sees it: what it has to do, how it does, and which connections to it rest.

use super::Reach;
use super::health::{Condition, Health};
use super::trunk::{Seat, Trunks};
use crate::probe::{Heard, Proof};
use crate::stream::Stream;
use model::Span;
use siphasher::sip::SipHasher13;
use std::cell::{Cell, RefCell};
use std::hash::{Hash as _, Hasher as _};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// The most idle connections to one instance, per worker.
pub const IDLE_MAX: usize = 128;
/// A connection that rests for longer is closed.
const IDLE_MS_MAX: u64 = 60_000;
/// Servers close connections that have rested for seconds, and never one that was used just now. What
/// could not be asked twice only goes on a connection that rests no longer than this.
const FRESH_MS_MAX: u64 = 1_000;

/// One instance.
#[derive(Debug)]
pub struct Endpoint {
    address: SocketAddr,
    reach: Reach,
    /// Its place among others, the same in every worker of every gateway.
    pub(super) seed: u64,
    pub(super) claims: Cell<u32>,
    pub(super) health: Health,
    idle: RefCell<Vec<Idle>>,
    trunks: Trunks,
    /// Its connections are not used again.
    gone: Cell<bool>,
    /// It gets no new work, and is to get rid of what it has.
    drains: Cell<bool>,
}

/// What workers know of an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EndpointReport {
    /// It gets no new work.
    pub draining: bool,
    /// How it does: the worst that a worker sees.
    pub condition: Condition,
    /// What it said when it was asked last; none where nobody asks it.
    pub heard: Option<Heard>,
    /// Requests under way.
    pub claims: u64,
    /// Connections that rest.
    pub idle: usize,
    /// Failures in a row, the most that a worker saw.
    pub failures: u32,
    /// How many workers let it rest.
    pub ejected: usize,
}

impl EndpointReport {
    /// Together with another worker's.
    pub fn add(&mut self, other: &Self) {
        self.draining |= other.draining;
        self.condition = self.condition.max(other.condition);
        self.heard = self.heard.or(other.heard);
        self.claims += other.claims;
        self.idle += other.idle;
        self.failures = self.failures.max(other.failures);
        self.ejected += other.ejected;
    }
}

/// A connection that rests.
#[derive(Debug)]
struct Idle {
    stream: Stream,
    since_ms: u64,
}

impl Endpoint {
    pub(super) fn new(address: SocketAddr, reach: Reach) -> Self {
        let mut hasher = SipHasher13::new();
        address.hash(&mut hasher);
        Self {
            address,
            reach,
            seed: hasher.finish(),
            claims: Cell::new(0),
            health: Health::default(),
            idle: RefCell::default(),
            trunks: Trunks::default(),
            gone: Cell::new(false),
            drains: Cell::new(false),
        }
    }

    /// It is in a table, and this tells whether it is well.
    pub(super) fn is_told_by(&self, proof: Option<Arc<Proof>>) {
        self.gone.set(false);
        self.health.is_told_by(proof);
    }

    /// Where it is.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How it is reached.
    pub fn reach(&self) -> &Reach {
        &self.reach
    }

    /// Whether it is to get rid of the work that it has.
    pub fn drains(&self) -> bool {
        self.drains.get()
    }

    /// It is to get rid of the work that it has, or not: whether that is news to those it answers.
    pub(crate) fn drain(&self, drains: bool) -> bool {
        !self.drains.replace(drains) && drains
    }

    /// How many requests it has under way.
    pub fn claims(&self) -> u32 {
        self.claims.get()
    }

    pub(super) fn report(&self, draining: bool) -> EndpointReport {
        let condition = self.health.condition();
        EndpointReport {
            draining,
            condition,
            heard: self.health.heard(),
            claims: u64::from(self.claims()),
            idle: self.idle.borrow().len(),
            failures: self.health.failures(),
            ejected: usize::from(self.health.is_ejected()),
        }
    }

    /// A connection that was used before and is still good, as far as can be seen.
    pub(crate) fn take_idle(&self, now_ms: u64, repeatable: bool) -> Option<Stream> {
        let mut idle = self.idle.borrow_mut();
        while let Some(Idle { mut stream, since_ms }) = idle.pop() {
            if !repeatable && now_ms.saturating_sub(since_ms) > FRESH_MS_MAX {
                // Those below it rest for longer still.
                idle.push(Idle { stream, since_ms });
                return None;
            }
            if stream.is_silent() {
                return Some(stream);
            }
        }
        None
    }

    /// A connection that can be used again.
    pub(crate) fn keep_idle(&self, stream: Stream, now_ms: u64) {
        let mut idle = self.idle.borrow_mut();
        if idle.len() < IDLE_MAX && !self.gone.get() {
            idle.push(Idle { stream, since_ms: now_ms });
        }
    }

    /// A place on a connection that requests share. Waiting for another one to make it takes its time, too.
    pub(crate) async fn seat(&self, now_ms: u64, within: Span) -> Option<Seat> {
        let seat = self.trunks.seat(now_ms, || self.reach.connect(self.address, within));
        timeout(Duration::from_millis(within.0), seat).await.ok()?
    }

    /// Connections that rest for too long are closed.
    pub(super) fn close_idle(&self, now_ms: u64) {
        let mut idle = self.idle.borrow_mut();
        let old = idle.iter().take_while(|idle| now_ms.saturating_sub(idle.since_ms) > IDLE_MS_MAX).count();
        idle.drain(..old);
        self.trunks.close_idle(now_ms.saturating_sub(IDLE_MS_MAX));
    }

    /// It is in no table any more.
    pub(crate) fn retire(&self) {
        self.gone.set(true);
        self.idle.borrow_mut().clear();
        self.trunks.clear();
    }
}
