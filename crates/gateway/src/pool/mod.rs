//! The instances of a release, as one worker sees them: who has how much to do, how they do, and which
//! connections are idle.
//!
//! Choosing and claiming are one step without anything in between, so a table that is swapped leaves no
//! request chosen and not claimed.

mod balance;
mod budget;
mod endpoint;
mod health;
mod queue;
mod reach;
mod trunk;

pub use balance::{SCAN_MAX, Wish};
pub use endpoint::{Endpoint, EndpointReport, IDLE_MAX};
pub use health::{Condition, OUTLIER_INSTANCES_MIN, OUTLIER_REQUESTS_MIN};
pub use reach::Reach;
pub(crate) use trunk::Seat;
pub use trunk::{STREAMS_MAX, TRUNKS_MAX};

use crate::count::Sheet;
use crate::planted::{Bug, is};
use crate::table::Ground;
use balance::Choice;
use budget::Budget;
use health::{Outliers, WHOLE};
use model::{ReleaseNumber, Span, Subject};
use queue::{Queue, Waits};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::rc::{Rc, Weak};
use std::task::{Context, Poll};
use wire::table::{Balance, Breaker, Care, Lane, Protocol};

/// The instances of one release.
#[derive(Debug)]
pub struct Pool {
    release: ReleaseNumber,
    balance: Balance,
    slow_start: Option<Span>,
    care: Rc<Care>,
    /// So many requests an instance has room for.
    room: u32,
    /// Those that take new work, if they do well.
    open: Vec<Rc<Endpoint>>,
    /// Those that only finish what they have.
    draining: Vec<Rc<Endpoint>>,
    /// Those that get it now.
    ready: RefCell<Vec<Rc<Endpoint>>>,
    /// How many of them are new.
    warming: Cell<usize>,
    turn: Cell<usize>,
    outliers: Outliers,
    /// The next table is served by: its pool is asked.
    superseded: Cell<bool>,
    tally: Rc<Tally>,
    sheet: Rc<Sheet>,
}

/// What outlives a table.
#[derive(Debug, Default)]
struct Tally {
    claims: Cell<u64>,
    budget: Budget,
    queue: Queue,
    /// It serves already: one of its instances has proven healthy.
    serves: Cell<bool>,
    /// The pool of the newest table.
    newest: RefCell<Weak<Pool>>,
}

/// Why no instance is claimed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unclaimed {
    /// None is given work.
    Nobody,
    /// None has room just now, or others wait already.
    Full,
    /// As much is under way as may be at all.
    Over,
}

/// A request that waits for an instance to have room. It has its place until it is dropped.
#[derive(Debug)]
pub(crate) struct Waiting<'a> {
    pool: &'a Pool,
    waits: Waits<'a>,
}

/// A request under way. It counts until it is dropped.
#[derive(Debug)]
pub struct Claim {
    endpoint: Rc<Endpoint>,
    tally: Rc<Tally>,
}

/// What a pool grows from.
pub(crate) struct Roots<'a> {
    pub(crate) service: &'a Subject,
    /// The release serves already, since before this process began.
    pub(crate) serves: bool,
    pub(crate) care: &'a Rc<Care>,
    /// The pool of the table before: what it has under way goes on, and what it knows is known.
    pub(crate) before: Option<&'a Rc<Pool>>,
    pub(crate) ground: &'a Ground,
    pub(crate) reach: Reach,
    /// Where its requests are counted.
    pub(crate) sheet: Rc<Sheet>,
}

impl Pool {
    /// The pool of a lane, whose instances have these addresses.
    pub(crate) fn new(lane: &Lane, addresses: &[SocketAddr], roots: Roots<'_>) -> Rc<Self> {
        let Roots { service, serves, care, before, ground, reach, sheet } = roots;
        let (mut open, mut draining) = (Vec::new(), Vec::new());
        for (address, endpoint) in addresses.iter().zip(&lane.endpoints) {
            let known = before.and_then(|pool| pool.endpoint(*address)).filter(|known| *known.reach() == reach);
            let known = known.unwrap_or_else(|| Rc::new(Endpoint::new(*address, reach.clone())));
            let is_asked = care.active.is_some() && !endpoint.draining;
            // That it drains is told when the tables are changed: whoever it answers is woken then.
            if !endpoint.draining {
                known.drain(false);
            }
            known.is_told_by(is_asked.then(|| ground.commons.proofs.proof(service, lane.release, *address)));
            let list = if endpoint.draining { &mut draining } else { &mut open };
            list.push(known);
        }
        let pool = Rc::new(Self {
            release: lane.release,
            balance: lane.balance,
            slow_start: lane.slow_start,
            care: Rc::clone(care),
            room: room(&care.breaker, lane.protocol),
            open,
            draining,
            ready: RefCell::default(),
            warming: Cell::new(0),
            turn: Cell::new(0),
            outliers: Outliers::default(),
            superseded: Cell::new(false),
            tally: before.map(|pool| Rc::clone(&pool.tally)).unwrap_or_default(),
            sheet,
        });
        pool.tally.serves.set(pool.tally.serves.get() || serves);
        pool.sort_out(before.is_none(), ground.now_ms);
        pool
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

    /// Whether the same units go to the same instances.
    pub fn keeps_units(&self) -> bool {
        self.balance == Balance::ConsistentHash
    }

    /// An instance that takes new work or drains.
    pub fn endpoint(&self, address: SocketAddr) -> Option<Rc<Endpoint>> {
        self.endpoints().find(|endpoint| endpoint.address() == address).cloned()
    }

    /// Its instances, those that drain last.
    pub fn endpoints(&self) -> impl Iterator<Item = &Rc<Endpoint>> {
        self.open.iter().chain(&self.draining)
    }

    /// Whether the instance at this address takes new work.
    pub(crate) fn is_open(&self, address: SocketAddr) -> bool {
        self.open.iter().any(|endpoint| endpoint.address() == address)
    }

    /// Each of its instances, and how it does.
    pub fn report(&self) -> BTreeMap<SocketAddr, EndpointReport> {
        let tell = |endpoint: &Rc<Endpoint>, draining| (endpoint.address(), endpoint.report(draining));
        let open = self.open.iter().map(|endpoint| tell(endpoint, false));
        open.chain(self.draining.iter().map(|endpoint| tell(endpoint, true))).collect()
    }

    /// From now on whoever has this pool at hand asks the next one: it knows who drains.
    pub fn give_way_to(&self, next: Option<&Rc<Pool>>) {
        self.superseded.set(true);
        *self.tally.newest.borrow_mut() = next.map(Rc::downgrade).unwrap_or_default();
        self.tally.queue.call();
    }

    fn newest(&self) -> Option<Rc<Pool>> {
        self.tally.newest.borrow().upgrade()
    }

    /// Chooses an instance and claims it. Nobody gets in before those who wait.
    pub fn claim(&self, wish: Wish<'_>) -> Result<Claim, Unclaimed> {
        if !self.tally.queue.is_empty() {
            return Err(Unclaimed::Full);
        }
        self.claim_newest(wish)
    }

    /// A place behind those who wait; none where too many do.
    pub(crate) fn wait(&self) -> Option<Waiting<'_>> {
        let waits = self.tally.queue.enter(self.care.breaker.pending_max)?;
        Some(Waiting { pool: self, waits })
    }

    /// How many wait.
    pub fn waiting(&self) -> usize {
        self.tally.queue.len()
    }

    fn claim_newest(&self, wish: Wish<'_>) -> Result<Claim, Unclaimed> {
        if self.superseded.get() {
            return self.newest().ok_or(Unclaimed::Nobody)?.claim_here(wish);
        }
        self.claim_here(wish)
    }

    fn claim_here(&self, wish: Wish<'_>) -> Result<Claim, Unclaimed> {
        let ready = self.ready.borrow();
        let breaker = &self.care.breaker;
        if ready.is_empty() {
            return Err(Unclaimed::Nobody);
        }
        if self.tally.claims.get() >= u64::from(breaker.pool_requests_max) {
            return Err(Unclaimed::Over);
        }
        let choice = Choice {
            balance: self.balance,
            of: &ready,
            warming: self.warming.get(),
            room: self.room,
            turn: &self.turn,
            wish,
        };
        let resting = || self.resting(&choice);
        let chosen = choice.take().or_else(resting).or_else(|| choice.any());
        chosen.map(|endpoint| Claim::new(endpoint, &self.tally)).ok_or(Unclaimed::Full)
    }

    /// For a request that one has failed, and for which no other is given work: rather one that rests than the
    /// same again. If it does well, it rests no more.
    fn resting(&self, choice: &Choice<'_>) -> Option<&Rc<Endpoint>> {
        choice.wish.not?;
        let rests = |endpoint: &&Rc<Endpoint>| match endpoint.health.condition() {
            Condition::Sick | Condition::Ejected => choice.suits(endpoint),
            Condition::Good | Condition::Unproven => false,
        };
        let endpoint = self.open.iter().find(rests)?;
        endpoint.health.is_tried();
        Some(endpoint)
    }

    /// An instance answered a client well, or it did not.
    pub fn answered(&self, endpoint: &Endpoint, good: bool, now_ms: u64) {
        if good && endpoint.health.is_back() {
            self.sort_out(false, now_ms);
        }
        if !endpoint.health.answered(good, &self.care.passive) {
            return;
        }
        // Only the newest pool knows how many of its instances may rest.
        if self.superseded.get() {
            self.newest().iter().for_each(|pool| pool.eject(endpoint, now_ms));
        } else {
            self.eject(endpoint, now_ms);
        }
    }

    fn eject(&self, endpoint: &Endpoint, now_ms: u64) {
        let resting = self.open.iter().filter(|endpoint| endpoint.health.is_ejected()).count() as u64;
        let (all, most) = (self.open.len() as u64, u64::from(self.care.passive.ejected_max.basis_points()));
        let may = all > 1 && (resting == 0 || (resting + 1) * u64::from(WHOLE) <= most * all);
        if may {
            endpoint.health.eject(&self.care.passive, now_ms);
            self.sheet.ejected();
            self.sort_out(false, now_ms);
        }
    }

    /// How often a request may be asked again.
    pub(crate) fn tries_max(&self) -> u32 {
        self.care.retries.tries_max
    }

    /// One more request earns its part of a further try.
    pub(crate) fn earn_try(&self) {
        self.tally.budget.earn(&self.care.retries);
    }

    /// Whether one more request may be asked again.
    pub(crate) fn spend_try(&self, now_ms: u64) -> bool {
        self.tally.budget.spend(&self.care.retries, now_ms)
    }

    /// Time has passed: who comes back, who has grown, and who stands out?
    pub fn look(&self, now_ms: u64) {
        for endpoint in self.endpoints() {
            endpoint.health.pass(&self.care.passive, now_ms);
            endpoint.close_idle(now_ms);
        }
        if let Some(by) = self.care.passive.outlier {
            let of = self.open.iter().map(|endpoint| &endpoint.health);
            for place in self.outliers.find(of, by, now_ms) {
                self.open.get(place).into_iter().for_each(|endpoint| self.eject(endpoint, now_ms));
            }
        }
        self.sort_out(false, now_ms);
    }

    /// Who is given work: those that do well. Where they are too few, all that ever did, lest the few are
    /// buried; and where there is none of these, nobody, unless the release serves already.
    fn sort_out(&self, is_first: bool, now_ms: u64) {
        let condition = |endpoint: &Rc<Endpoint>| endpoint.health.condition();
        let proven = self.open.iter().filter(|endpoint| condition(endpoint) != Condition::Unproven).count() as u64;
        let good = self.open.iter().filter(|endpoint| condition(endpoint) == Condition::Good).count() as u64;
        self.tally.serves.set(self.tally.serves.get() || good > 0);
        let panics = good * u64::from(WHOLE) < u64::from(self.care.passive.panic.basis_points()) * proven;
        let is_given = |endpoint: &Rc<Endpoint>| match condition(endpoint) {
            Condition::Good => true,
            Condition::Sick | Condition::Ejected => panics,
            Condition::Unproven => proven == 0 && self.tally.serves.get(),
        };
        let mut ready = self.ready.borrow_mut();
        ready.clear();
        for endpoint in &self.open {
            let given = is_given(endpoint);
            endpoint.health.give(given, is_first || panics, self.slow_start, now_ms);
            ready.extend(given.then(|| Rc::clone(endpoint)));
        }
        self.warming.set(ready.iter().filter(|endpoint| endpoint.health.weight() < WHOLE).count());
        self.tally.queue.call();
    }
}

/// A connection of HTTP/1 has one request at a time; one of HTTP/2 has many.
fn room(breaker: &Breaker, protocol: Protocol) -> u32 {
    match protocol {
        Protocol::Http1 => breaker.requests_max.min(breaker.connections_max),
        Protocol::Http2 => breaker.requests_max,
    }
}

impl Waiting<'_> {
    /// Ready when it is its turn and an instance is claimed, or when there is none at all.
    pub(crate) fn poll_claim(&self, context: &Context<'_>, wish: Wish<'_>) -> Poll<Result<Claim, Unclaimed>> {
        if !self.waits.is_first(context) {
            return Poll::Pending;
        }
        match self.pool.claim_newest(wish) {
            Err(Unclaimed::Full | Unclaimed::Over) => Poll::Pending,
            claimed => Poll::Ready(claimed),
        }
    }
}

impl Claim {
    fn new(endpoint: &Rc<Endpoint>, tally: &Rc<Tally>) -> Self {
        let one = weight();
        endpoint.claims.set(endpoint.claims.get() + one);
        tally.claims.set(tally.claims.get() + u64::from(one));
        Self { endpoint: Rc::clone(endpoint), tally: Rc::clone(tally) }
    }

    /// Who was claimed.
    pub fn endpoint(&self) -> &Rc<Endpoint> {
        &self.endpoint
    }
}

/// How much a claim counts.
fn weight() -> u32 {
    u32::from(!is(Bug::NotClaimed))
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.endpoint.claims.set(self.endpoint.claims.get() - weight());
        self.tally.claims.set(self.tally.claims.get() - u64::from(weight()));
        self.tally.queue.call();
    }
}
