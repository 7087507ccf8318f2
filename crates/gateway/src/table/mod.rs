//! Tables as a worker serves by them: checked, and laid out to be looked up.
//!
//! A table is immutable. What outlives one, the pools with their claims and idle connections, is carried
//! to the next by address.

mod address;
mod matching;
mod place;

pub use address::addresses;
pub use matching::{Asked, Matcher};
pub use place::Places;

use crate::pool::{Endpoint, Pool};
use crate::session::Session;
use crate::split::{SLOTS, Split, slot};
use model::{ReleaseNumber, Subject};
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use wire::table::{Door, Hold, Key, Limits, Path, Table, Unit};

/// One service as it is served.
#[derive(Debug)]
pub struct Site {
    /// Whose.
    pub service: Subject,
    /// Which of its tables this is.
    pub generation: u64,
    /// Where it is served; wherever the gateway listens, where empty.
    pub addresses: Vec<SocketAddr>,
    /// The hosts, in lower case.
    pub hosts: Vec<String>,
    /// The paths.
    pub paths: Vec<Path>,
    /// Nobody is served.
    pub hold: Option<Hold>,
    /// How long and how large.
    pub limits: Limits,
    unit: Option<Unit>,
    salt: Vec<u8>,
    lanes: Vec<Lane>,
    split: Split,
}

/// One release.
#[derive(Debug)]
struct Lane {
    door: Door,
    matchers: Vec<Matcher>,
    pool: Rc<Pool>,
}

/// Why a table cannot be served by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What is wrong.
    pub what: String,
}

impl Fault {
    fn new(what: impl Into<String>) -> Self {
        Self { what: what.into() }
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.what)
    }
}

/// The release that a request was given to.
#[derive(Debug)]
pub struct Given<'a> {
    /// Its instances.
    pub pool: &'a Rc<Pool>,
    /// A match sent it there, whatever the shares: it is counted apart.
    pub matched: bool,
    /// The line that tells the client which session it is, where it does not know.
    pub set_cookie: Option<String>,
}

impl Site {
    /// A table made ready, with what the one before it has under way.
    pub fn new(table: &Table, before: Option<&Site>) -> Result<Self, Fault> {
        if let Some(lane) = table.lanes.iter().find(|lane| lane.door != Door::Open && !lane.share.is_none()) {
            return Err(Fault::new(format!("release {} takes no new units but has a share of them", lane.release)));
        }
        if table.paths.iter().any(|path| matches!(path, Path::Regex(_))) {
            return Err(Fault::new("a service has no paths by expression: its rules have"));
        }
        let split = Split::new(table.lanes.iter().map(|lane| lane.share))
            .ok_or_else(|| Fault::new("the shares do not sum to 100 %"))?;
        let lanes = table.lanes.iter().map(|lane| Lane::new(lane, before)).collect::<Result<Vec<_>, _>>()?;
        Ok(Self {
            service: table.service.clone(),
            generation: table.generation,
            addresses: addresses(table)?,
            hosts: table.hosts.iter().map(|host| host.to_ascii_lowercase()).collect(),
            paths: table.paths.clone(),
            hold: table.hold.clone(),
            limits: table.limits,
            unit: table.unit.clone(),
            salt: table.salt.clone().into_bytes(),
            lanes,
            split,
        })
    }

    /// Who gets this request: whom a match names, whom its session is pinned to, or whose slot its unit
    /// falls into.
    pub fn give(&self, asked: &dyn Asked) -> Option<Given<'_>> {
        let matched = |lane: &&Lane| lane.matchers.iter().any(|matcher| matcher.takes(asked));
        if let Some(lane) = self.lanes.iter().find(matched) {
            return Some(Given { pool: &lane.pool, matched: true, set_cookie: None });
        }
        match &self.unit {
            Some(Unit::Cookie { name, key }) => self.give_session(asked, name, key),
            Some(Unit::Header(name)) => match asked.header(name.as_bytes()) {
                Some(value) => self.give_slot(slot(&self.salt, value)),
                None => self.give_slot(fastrand::u16(..SLOTS)),
            },
            Some(Unit::ClientNetwork) => self.give_slot(self.slot_of_network(asked.client())),
            None => self.give_slot(fastrand::u16(..SLOTS)),
        }
    }

    /// Behind a changing IPv6 address there is one network: that is one client.
    fn slot_of_network(&self, client: IpAddr) -> u16 {
        match client.to_canonical() {
            IpAddr::V4(address) => slot(&self.salt, &address.octets()),
            IpAddr::V6(address) => slot(&self.salt, &address.octets()[..8]),
        }
    }

    fn give_slot(&self, slot: u16) -> Option<Given<'_>> {
        self.lanes.get(self.split.owner(slot)).map(|lane| Given { pool: &lane.pool, matched: false, set_cookie: None })
    }

    fn give_session(&self, asked: &dyn Asked, name: &str, key: &Key) -> Option<Given<'_>> {
        let known = asked.cookie(name.as_bytes()).and_then(|value| Session::read(value, key));
        let is_pinned = |lane: &&Lane| {
            lane.door == Door::Pinned && known.is_some_and(|known| known.release == lane.pool.release().0)
        };
        if let Some(lane) = self.lanes.iter().find(is_pinned) {
            return Some(Given { pool: &lane.pool, matched: false, set_cookie: None });
        }
        let unit = known.map_or_else(|| fastrand::u128(..), |known| known.unit);
        let given = self.give_slot(slot(&self.salt, &unit.to_be_bytes()))?;
        let session = Session { unit, release: given.pool.release().0 };
        let set_cookie = (known != Some(session)).then(|| session.line(name, key));
        Some(Given { set_cookie, ..given })
    }

    /// Whether it is served at this address.
    pub fn listens_at(&self, address: SocketAddr) -> bool {
        self.addresses.is_empty() || self.addresses.contains(&address)
    }

    /// What a release has under way since it was in a table before; whether it is in this one.
    pub(crate) fn take_up(&mut self, before: &Pool) -> bool {
        let lane = self.lanes.iter_mut().find(|lane| lane.pool.release() == before.release());
        lane.and_then(|lane| Rc::get_mut(&mut lane.pool)).is_some_and(|pool| {
            pool.take_up(before);
            true
        })
    }

    /// The instances of a release.
    pub fn pool(&self, release: ReleaseNumber) -> Option<&Rc<Pool>> {
        self.lanes.iter().map(|lane| &lane.pool).find(|pool| pool.release() == release)
    }

    /// All pools.
    pub fn pools(&self) -> impl Iterator<Item = &Rc<Pool>> {
        self.lanes.iter().map(|lane| &lane.pool)
    }
}

impl Lane {
    fn new(lane: &wire::table::Lane, before: Option<&Site>) -> Result<Self, Fault> {
        let matchers = lane.matches.iter().map(Matcher::new).collect::<Result<Vec<_>, _>>()?;
        let old = before.and_then(|site| site.pool(lane.release));
        let endpoints = lane
            .endpoints
            .iter()
            .map(|endpoint| {
                let address: SocketAddr = endpoint
                    .address
                    .parse()
                    .map_err(|_| Fault::new(format!("`{}` is no address with a port", endpoint.address)))?;
                let known = old.and_then(|pool| pool.endpoint(address));
                Ok((known.unwrap_or_else(|| Rc::new(Endpoint::new(address))), endpoint.draining))
            })
            .collect::<Result<Vec<_>, _>>()?;
        let tally = old.map(|pool| pool.tally()).unwrap_or_default();
        Ok(Self { door: lane.door, matchers, pool: Rc::new(Pool::new(lane.release, lane.balance, endpoints, tally)) })
    }
}
