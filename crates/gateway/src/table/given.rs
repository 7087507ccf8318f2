//! Who gets a request: a release, by a match, by its session, or by its share.

use super::matching::of_network;
use super::{Asked, Lane, Site, TellsRelease};
use crate::count::Way;
use crate::mirror::Mirror;
use crate::pool::Pool;
use crate::session::Session;
use crate::split::{SLOTS, hash, slot_of};
use std::net::IpAddr;
use std::rc::Rc;
use wire::table::{Door, Key, Unit};

/// The release that a request was given to.
#[derive(Debug)]
pub struct Given<'a> {
    /// Its instances.
    pub pool: &'a Rc<Pool>,
    /// How it came there: what no share sent there is counted apart.
    pub way: Way,
    /// Its unit, where it sticks.
    pub unit: Option<u64>,
    /// What is told of the release.
    pub told: &'a TellsRelease,
    /// The `Set-Cookie` that tells the client which session it is, where it does not know.
    pub set_cookie: Option<String>,
    /// What keeps it at one instance, where its release is balanced so.
    pub key: u64,
    /// Who gets a copy of it.
    pub(crate) mirrors: &'a [Rc<Mirror>],
}

impl<'a> Given<'a> {
    fn new(lane: &'a Lane, way: Way) -> Self {
        Self { pool: &lane.pool, way, unit: None, told: &lane.told, set_cookie: None, key: 0, mirrors: &lane.mirrors }
    }
}

impl Site {
    /// Who gets this request: whom a match names, whom its session is pinned to, or whose slot its unit
    /// falls into.
    pub fn give(&self, asked: &dyn Asked) -> Option<Given<'_>> {
        let mut given = self.give_lane(asked)?;
        if given.pool.keeps_units() {
            given.key = given.unit.unwrap_or_else(|| self.key(asked));
        }
        Some(given)
    }

    /// What keeps a request at one instance that came to its release by no unit.
    fn key(&self, asked: &dyn Asked) -> u64 {
        let unit = match &self.unit {
            Some(Unit::Cookie { name, key }) => {
                let known = asked.cookie(name.as_bytes()).and_then(|value| Session::read(value, key));
                known.map(|known| hash(&self.salt, &known.unit.to_be_bytes()))
            }
            Some(Unit::Header(name)) => asked.header(name.as_bytes()).map(|value| hash(&self.salt, value)),
            Some(Unit::ClientNetwork) | None => None,
        };
        unit.unwrap_or_else(|| self.hash_of_network(asked.client()))
    }

    fn give_lane(&self, asked: &dyn Asked) -> Option<Given<'_>> {
        let matched = |lane: &&Lane| lane.matchers.iter().any(|matcher| matcher.takes(asked));
        if let Some(lane) = self.lanes.iter().find(matched) {
            return Some(Given::new(lane, Way::Matched));
        }
        match &self.unit {
            Some(Unit::Cookie { name, key }) => self.give_session(asked, name, key),
            Some(Unit::Header(name)) => match asked.header(name.as_bytes()) {
                Some(value) => self.give_unit(hash(&self.salt, value)),
                None => self.give_slot(fastrand::u16(..SLOTS)),
            },
            Some(Unit::ClientNetwork) => self.give_unit(self.hash_of_network(asked.client())),
            None => self.give_slot(fastrand::u16(..SLOTS)),
        }
    }

    fn hash_of_network(&self, client: IpAddr) -> u64 {
        of_network(client, |network| hash(&self.salt, network))
    }

    fn give_slot(&self, slot: u16) -> Option<Given<'_>> {
        Some(Given::new(self.lanes.get(self.split.owner(slot))?, Way::Split))
    }

    fn give_unit(&self, unit: u64) -> Option<Given<'_>> {
        self.give_slot(slot_of(unit)).map(|given| Given { unit: Some(unit), ..given })
    }

    fn give_session(&self, asked: &dyn Asked, name: &str, key: &Key) -> Option<Given<'_>> {
        let known = asked.cookie(name.as_bytes()).and_then(|value| Session::read(value, key));
        let is_pinned = |lane: &&Lane| {
            lane.door == Door::Pinned && known.is_some_and(|known| known.release == lane.pool.release().0)
        };
        if let Some(lane) = self.lanes.iter().find(is_pinned) {
            return Some(Given::new(lane, Way::Pinned));
        }
        let unit = known.map_or_else(|| fastrand::u128(..), |known| known.unit);
        let given = self.give_unit(hash(&self.salt, &unit.to_be_bytes()))?;
        let session = Session { unit, release: given.pool.release().0 };
        let set_cookie = (known != Some(session)).then(|| session.cookie(name, key, asked.scheme() == "https"));
        Some(Given { set_cookie, ..given })
    }
}
