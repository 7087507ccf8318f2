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

use crate::count::{Books, Class, Sheet, Way};
use crate::pool::{Endpoint, Pool};
use crate::session::Session;
use crate::split::{SLOTS, Split, hash, slot_of};
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
    /// What is counted of it, from table to table.
    pub(crate) books: Rc<Books>,
    /// Where answers of the gateway's own are counted.
    own: Option<Rc<Sheet>>,
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
    /// How it came there: what no share sent there is counted apart.
    pub way: Way,
    /// Its unit, where it sticks.
    pub unit: Option<u64>,
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
        let lanes = table.lanes.iter().map(|lane| Lane::prepare(lane, before)).collect::<Result<Vec<_>, _>>()?;
        // Nothing can be wrong from here on: a table that is not served by has no page.
        let books = before.map(|site| Rc::clone(&site.books)).unwrap_or_default();
        let mut sheets = books.open(table);
        let own = sheets.pop();
        let lanes = lanes.into_iter().zip(sheets).map(|(lane, sheet)| lane(sheet)).collect();
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
            books,
            own,
        })
    }

    /// Who gets this request: whom a match names, whom its session is pinned to, or whose slot its unit
    /// falls into.
    pub fn give(&self, asked: &dyn Asked) -> Option<Given<'_>> {
        let matched = |lane: &&Lane| lane.matchers.iter().any(|matcher| matcher.takes(asked));
        if let Some(lane) = self.lanes.iter().find(matched) {
            return Some(Given { pool: &lane.pool, way: Way::Matched, unit: None, set_cookie: None });
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

    /// Behind a changing IPv6 address there is one network: that is one client.
    fn hash_of_network(&self, client: IpAddr) -> u64 {
        match client.to_canonical() {
            IpAddr::V4(address) => hash(&self.salt, &address.octets()),
            IpAddr::V6(address) => hash(&self.salt, &address.octets()[..8]),
        }
    }

    fn give_slot(&self, slot: u16) -> Option<Given<'_>> {
        let lane = self.lanes.get(self.split.owner(slot))?;
        Some(Given { pool: &lane.pool, way: Way::Split, unit: None, set_cookie: None })
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
            return Some(Given { pool: &lane.pool, way: Way::Pinned, unit: None, set_cookie: None });
        }
        let unit = known.map_or_else(|| fastrand::u128(..), |known| known.unit);
        let given = self.give_unit(hash(&self.salt, &unit.to_be_bytes()))?;
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

    /// The gateway answered a request itself.
    pub(crate) fn answered(&self, class: Class, status: u16) {
        if let Some(own) = &self.own {
            own.answered(class, status);
        }
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
    /// All of it but where it is counted.
    fn prepare(lane: &wire::table::Lane, before: Option<&Site>) -> Result<impl FnOnce(Rc<Sheet>) -> Self, Fault> {
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
        let (release, door, balance) = (lane.release, lane.door, lane.balance);
        Ok(move |sheet| Self { door, matchers, pool: Rc::new(Pool::new(release, balance, endpoints, tally, sheet)) })
    }
}
