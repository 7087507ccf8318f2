//! Which of a release's instances gets a request.

use super::endpoint::Endpoint;
use super::health::WHOLE;
use std::cell::Cell;
use std::rc::Rc;
use wire::table::Balance;

/// Among more than so many instances the one with less to do of two by chance is taken.
pub const SCAN_MAX: usize = 8;

/// What a request asks of the instance that gets it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wish<'a> {
    /// What keeps it at one instance, where its release is balanced so.
    pub key: u64,
    /// An instance that has failed it: another one is taken, where there is one.
    pub not: Option<&'a Rc<Endpoint>>,
}

/// A choice among instances.
pub(super) struct Choice<'a> {
    pub(super) balance: Balance,
    pub(super) of: &'a [Rc<Endpoint>],
    /// How many of them are new, and get only some of their part.
    pub(super) warming: usize,
    /// One with so many requests has no room for another.
    pub(super) room: u32,
    pub(super) turn: &'a Cell<usize>,
    pub(super) wish: Wish<'a>,
}

impl<'a> Choice<'a> {
    /// Who gets it; nobody where nobody has room, or only whoever has failed it.
    pub(super) fn take(&self) -> Option<&'a Rc<Endpoint>> {
        if self.of.is_empty() {
            return None;
        }
        let chosen = match self.balance {
            Balance::ConsistentHash => self.highest(|endpoint| self.suits(endpoint) && self.is_grown_for(endpoint)),
            Balance::LeastRequests | Balance::RoundRobin | Balance::Random => {
                self.newcomer().or_else(|| self.in_turn(self.first(), |endpoint| self.is_grown(endpoint)))
            }
        };
        // Rather one that is new than none.
        chosen.or_else(|| self.in_turn(self.turn.get(), |endpoint| self.suits(endpoint)))
    }

    /// Anybody who has room.
    pub(super) fn any(&self) -> Option<&'a Rc<Endpoint>> {
        self.in_turn(self.turn.get(), |endpoint| self.has_room(endpoint))
    }

    pub(super) fn has_room(&self, endpoint: &Endpoint) -> bool {
        endpoint.claims.get() < self.room
    }

    pub(super) fn suits(&self, endpoint: &Rc<Endpoint>) -> bool {
        self.has_room(endpoint) && !self.wish.not.is_some_and(|not| Rc::ptr_eq(not, endpoint))
    }

    /// Whether it suits and has all of its part. Where all are new, all are alike.
    fn is_grown(&self, endpoint: &Rc<Endpoint>) -> bool {
        let alike = self.warming == 0 || self.warming == self.of.len();
        self.suits(endpoint) && (alike || endpoint.health.weight() == WHOLE)
    }

    /// Each instance is asked with the same chance whether it is new and takes this request: so it has its
    /// weight's share of its part, however little the others have to do.
    fn newcomer(&self) -> Option<&'a Rc<Endpoint>> {
        if self.warming == 0 || self.warming == self.of.len() {
            return None;
        }
        let endpoint = self.of.get(fastrand::usize(..self.of.len()))?;
        let weight = endpoint.health.weight();
        let takes = weight < WHOLE && fastrand::u16(..WHOLE) < weight && self.suits(endpoint);
        // One that is slow as long as it is new must not be buried.
        let claims: u64 = self.of.iter().map(|other| u64::from(other.claims.get())).sum();
        let spared =
            self.balance == Balance::LeastRequests && u64::from(endpoint.claims.get()) * self.of.len() as u64 > claims;
        (takes && !spared).then_some(endpoint)
    }

    /// Whose turn it would be, without a look at who can.
    fn first(&self) -> usize {
        let count = self.of.len();
        match self.balance {
            Balance::Random => fastrand::usize(..count),
            Balance::LeastRequests if count <= SCAN_MAX => self.least(count),
            Balance::LeastRequests => {
                let (one, other) = (fastrand::usize(..count), fastrand::usize(..count));
                if self.load(other) < self.load(one) { other } else { one }
            }
            Balance::RoundRobin | Balance::ConsistentHash => self.next_turn(count),
        }
    }

    /// Of those with the least to do, each in its turn.
    fn least(&self, count: usize) -> usize {
        let first = self.next_turn(count);
        let order = (0..count).map(|step| (first + step) % count);
        order.min_by_key(|index| self.load(*index)).unwrap_or(first)
    }

    fn next_turn(&self, count: usize) -> usize {
        let turn = self.turn.get() % count;
        // A further try takes nobody's turn: else whoever fails would be first again and again.
        if self.wish.not.is_none() {
            self.turn.set(turn + 1);
        }
        turn
    }

    fn load(&self, index: usize) -> u32 {
        let endpoint = self.of.get(index).filter(|endpoint| self.is_grown(endpoint));
        endpoint.map_or(u32::MAX, |endpoint| endpoint.claims.get())
    }

    /// The first of these from there on, and around.
    fn in_turn(&self, start: usize, wanted: impl Fn(&Rc<Endpoint>) -> bool) -> Option<&'a Rc<Endpoint>> {
        let count = self.of.len();
        let order = (0..count).map(|step| (start + step) % count);
        order.filter_map(|index| self.of.get(index)).find(|endpoint| wanted(endpoint))
    }

    /// Of these the one that scores highest for the key. Whoever comes takes what it scores highest for, and
    /// what whoever goes had falls to the next: nothing else moves, and no ring has to be kept.
    fn highest(&self, wanted: impl Fn(&Rc<Endpoint>) -> bool) -> Option<&'a Rc<Endpoint>> {
        let candidates = self.of.iter().filter(|endpoint| wanted(endpoint));
        candidates.max_by_key(|endpoint| score(self.wish.key, endpoint.seed))
    }

    /// Whether an instance has grown enough to have this key: more and more of them, and none twice.
    fn is_grown_for(&self, endpoint: &Endpoint) -> bool {
        let weight = endpoint.health.weight();
        weight == WHOLE || score(endpoint.seed, self.wish.key) % u64::from(WHOLE) < u64::from(weight)
    }
}

/// How well a key and an instance go together: a number by chance that is always the same.
fn score(one: u64, other: u64) -> u64 {
    // Odd numbers without any meaning; they keep one from undoing the other.
    let product = u128::from(one ^ 0x9e37_79b9_7f4a_7c15) * u128::from(other.rotate_left(32) ^ 0xd1b5_4a32_d192_ed03);
    (product as u64) ^ (product >> 64) as u64
}
