//! The instances of a release, as one worker sees them: who has how much to do, and which connections
//! are idle.
//!
//! Choosing and claiming are one step without anything in between, so a table that is swapped leaves no
//! request chosen and not claimed.

use crate::count::Sheet;
use crate::stream::Stream;
use model::ReleaseNumber;
use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use wire::table::Balance;

/// The most idle connections to one instance, per worker.
pub const IDLE_MAX: usize = 128;
/// Among more than so many instances the one with less to do of two by chance is taken.
pub const SCAN_MAX: usize = 8;

/// The instances of one release.
#[derive(Debug)]
pub struct Pool {
    release: ReleaseNumber,
    balance: Balance,
    /// Those that take new work.
    open: Vec<Rc<Endpoint>>,
    /// Those that only finish what they have.
    draining: Vec<Rc<Endpoint>>,
    turn: Cell<usize>,
    tally: Rc<Tally>,
    sheet: Rc<Sheet>,
}

/// What outlives a table: requests under way.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    claims: Cell<u64>,
}

/// One instance.
#[derive(Debug)]
pub struct Endpoint {
    address: SocketAddr,
    claims: Cell<u32>,
    idle: RefCell<Vec<Stream>>,
    /// Its connections are not used again.
    gone: Cell<bool>,
}

/// A request under way. It counts until it is dropped.
#[derive(Debug)]
pub struct Claim {
    endpoint: Rc<Endpoint>,
    tally: Rc<Tally>,
}

impl Pool {
    pub(crate) fn new(
        release: ReleaseNumber,
        balance: Balance,
        endpoints: Vec<(Rc<Endpoint>, bool)>,
        tally: Rc<Tally>,
        sheet: Rc<Sheet>,
    ) -> Self {
        let (draining, open): (Vec<_>, Vec<_>) = endpoints.into_iter().partition(|(_, draining)| *draining);
        let alone = |list: Vec<(Rc<Endpoint>, bool)>| list.into_iter().map(|(endpoint, _)| endpoint).collect();
        Self { release, balance, open: alone(open), draining: alone(draining), turn: Cell::new(0), tally, sheet }
    }

    /// Whose instances they are.
    pub fn release(&self) -> ReleaseNumber {
        self.release
    }

    /// How many requests are under way, under whatever table they began.
    pub fn claims(&self) -> u64 {
        self.tally.claims.get()
    }

    /// Where its requests are counted.
    pub fn sheet(&self) -> &Rc<Sheet> {
        &self.sheet
    }

    /// Has under way what it had when it was in a table before.
    pub(crate) fn take_up(&mut self, before: &Pool) {
        self.tally = before.tally();
        for endpoint in self.open.iter_mut().chain(&mut self.draining) {
            if let Some(known) = before.endpoint(endpoint.address) {
                known.gone.set(false);
                *endpoint = known;
            }
        }
    }

    pub(crate) fn tally(&self) -> Rc<Tally> {
        Rc::clone(&self.tally)
    }

    pub(crate) fn endpoint(&self, address: SocketAddr) -> Option<Rc<Endpoint>> {
        self.open.iter().chain(&self.draining).find(|endpoint| endpoint.address == address).cloned()
    }

    /// Chooses an instance and claims it.
    pub fn claim(&self) -> Option<Claim> {
        let count = self.open.len();
        let chosen = match (self.balance, count) {
            (_, 0) => return None,
            (Balance::Random, _) => fastrand::usize(..count),
            (Balance::RoundRobin | Balance::ConsistentHash, _) => self.next_turn(count),
            (Balance::LeastRequests, ..=SCAN_MAX) => self.least(count),
            (Balance::LeastRequests, _) => {
                let (one, other) = (fastrand::usize(..count), fastrand::usize(..count));
                if self.load(other) < self.load(one) { other } else { one }
            }
        };
        self.open.get(chosen).map(|endpoint| Claim::new(endpoint, &self.tally))
    }

    /// Of those with the least to do, each in its turn.
    fn least(&self, count: usize) -> usize {
        let first = self.next_turn(count);
        let order = (0..count).map(|step| (first + step) % count);
        order.min_by_key(|index| self.load(*index)).unwrap_or(first)
    }

    fn next_turn(&self, count: usize) -> usize {
        let turn = self.turn.get() % count;
        self.turn.set(turn + 1);
        turn
    }

    fn load(&self, index: usize) -> u32 {
        self.open.get(index).map_or(u32::MAX, |endpoint| endpoint.claims.get())
    }

    /// Its instances, those that drain last.
    pub fn endpoints(&self) -> impl Iterator<Item = &Rc<Endpoint>> {
        self.open.iter().chain(&self.draining)
    }
}

impl Endpoint {
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self { address, claims: Cell::new(0), idle: RefCell::default(), gone: Cell::new(false) }
    }

    /// Where it is.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many requests it has under way.
    pub fn claims(&self) -> u32 {
        self.claims.get()
    }

    /// A connection that was used before and is still good, as far as can be seen.
    pub(crate) fn take_idle(&self) -> Option<Stream> {
        let mut idle = self.idle.borrow_mut();
        while let Some(mut stream) = idle.pop() {
            if stream.is_silent() {
                return Some(stream);
            }
        }
        None
    }

    /// A connection that can be used again.
    pub(crate) fn keep_idle(&self, stream: Stream) {
        let mut idle = self.idle.borrow_mut();
        if idle.len() < IDLE_MAX && !self.gone.get() {
            idle.push(stream);
        }
    }

    /// It is in no table any more.
    pub(crate) fn retire(&self) {
        self.gone.set(true);
        self.idle.borrow_mut().clear();
    }
}

impl Claim {
    fn new(endpoint: &Rc<Endpoint>, tally: &Rc<Tally>) -> Self {
        endpoint.claims.set(endpoint.claims.get() + 1);
        tally.claims.set(tally.claims.get() + 1);
        Self { endpoint: Rc::clone(endpoint), tally: Rc::clone(tally) }
    }

    /// Who was claimed.
    pub fn endpoint(&self) -> &Rc<Endpoint> {
        &self.endpoint
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.endpoint.claims.set(self.endpoint.claims.get() - 1);
        self.tally.claims.set(self.tally.claims.get() - 1);
    }
}
