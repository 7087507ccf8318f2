//! Tables as a worker serves by them: checked, and laid out to be looked up.
//!
//! A table is immutable. What outlives one, the pools with their claims and idle connections, is carried
//! to the next by address.

mod address;
mod answer;
mod check;
mod edits;
mod fault;
mod matching;
mod path;
mod place;
mod rewrite;
mod rule;

pub use address::addresses;
pub use answer::Answer;
pub use fault::{FAULTS_MAX, Fault, Faults};
pub use matching::{Asked, Matcher};
pub use path::Pattern;
pub use place::Places;
pub use rule::{Rule, Rules};

use crate::count::{Books, Class, Sheet, Way};
use crate::http1::Edits;
use crate::pool::{Endpoint, Pool};
use crate::session::Session;
use crate::split::{SLOTS, Split, hash, slot_of};
use model::{ReleaseNumber, Subject};
use std::net::{IpAddr, SocketAddr};
use std::ops::Deref;
use std::rc::Rc;
use wire::table::{Door, Hold, Key, Limits, Table, Told, Unit};

/// A table without a fault, and what of it takes time to make ready: that is done once for all workers.
#[derive(Debug)]
pub struct Checked {
    table: Table,
    /// Where it asks to be served, each once.
    pub addresses: Vec<SocketAddr>,
    split: Split,
    paths: Vec<Pattern>,
    lanes: Vec<CheckedLane>,
    rules: Rules,
    allow: Vec<Matcher>,
}

/// What of a lane was made ready.
#[derive(Debug)]
struct CheckedLane {
    matchers: Vec<Matcher>,
    addresses: Vec<SocketAddr>,
}

impl Checked {
    /// A table, or all that is wrong with it.
    pub fn new(table: Table) -> Result<Self, Faults> {
        check::check(table)
    }
}

impl Deref for Checked {
    type Target = Table;

    fn deref(&self) -> &Table {
        &self.table
    }
}

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
    pub paths: Vec<Pattern>,
    /// How long and how large.
    pub limits: Limits,
    /// Nobody is served, but for those.
    hold: Option<(Hold, Vec<Matcher>)>,
    rules: Rules,
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
    told: TellsRelease,
    pool: Rc<Pool>,
}

/// What is told of the release that a request was given to.
#[derive(Debug)]
pub struct TellsRelease {
    /// To the application.
    pub application: Option<Edits>,
    /// To the client.
    pub client: Option<Edits>,
}

/// Whose turn a request is.
#[derive(Clone, Copy, Debug)]
pub struct Turn<'a> {
    /// What is special about it.
    pub rule: Option<&'a Rule>,
    /// Whose it is.
    pub whose: Whose<'a>,
}

/// Who answers.
#[derive(Clone, Copy, Debug)]
pub enum Whose<'a> {
    /// A release.
    Release,
    /// The gateway, like this.
    Gateway(&'a Answer),
    /// Nobody is served.
    Nobody(&'a Hold),
}

impl Turn<'_> {
    /// The class that it is counted in.
    pub fn class(&self) -> Class {
        self.rule.map(|rule| rule.class).unwrap_or_default()
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
    /// What is told of the release.
    pub told: &'a TellsRelease,
    /// The line that tells the client which session it is, where it does not know.
    pub set_cookie: Option<String>,
}

impl<'a> Given<'a> {
    fn new(lane: &'a Lane, way: Way) -> Self {
        Self { pool: &lane.pool, way, unit: None, told: &lane.told, set_cookie: None }
    }
}

impl Site {
    /// A table made ready, with what the one before it has under way.
    pub fn new(table: &Checked, before: Option<&Site>) -> Self {
        let books = before.map(|site| Rc::clone(&site.books)).unwrap_or_default();
        let mut sheets = books.open(table);
        let own = sheets.pop();
        let lanes = table.table.lanes.iter().zip(&table.lanes).zip(sheets);
        let lanes = lanes.map(|((lane, checked), sheet)| Lane::new(lane, checked, &table.told, before, sheet));
        Self {
            service: table.service.clone(),
            generation: table.generation,
            addresses: table.addresses.clone(),
            hosts: table.hosts.iter().map(|host| host.to_ascii_lowercase()).collect(),
            paths: table.paths.clone(),
            limits: table.limits,
            hold: table.hold.clone().map(|hold| (hold, table.allow.clone())),
            rules: table.rules.counted_in(&books),
            unit: table.unit.clone(),
            salt: table.salt.clone().into_bytes(),
            lanes: lanes.collect(),
            split: table.split.clone(),
            books,
            own,
        }
    }

    /// Whose turn a request is. What the gateway answers itself needs no release, so it is answered
    /// while nobody is served, too.
    pub fn turn(&self, asked: &dyn Asked) -> Turn<'_> {
        let rule = self.rules.find(asked.path(), asked);
        if let Some(answer) = rule.and_then(|rule| rule.answer.as_ref()) {
            return Turn { rule, whose: Whose::Gateway(answer) };
        }
        let whose = match &self.hold {
            Some((hold, allow)) if !allow.iter().any(|matcher| matcher.takes(asked)) => Whose::Nobody(hold),
            Some(_) | None => Whose::Release,
        };
        Turn { rule, whose }
    }

    /// Who gets this request: whom a match names, whom its session is pinned to, or whose slot its unit
    /// falls into.
    pub fn give(&self, asked: &dyn Asked) -> Option<Given<'_>> {
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

    /// Behind a changing IPv6 address there is one network: that is one client.
    fn hash_of_network(&self, client: IpAddr) -> u64 {
        match client.to_canonical() {
            IpAddr::V4(address) => hash(&self.salt, &address.octets()),
            IpAddr::V6(address) => hash(&self.salt, &address.octets()[..8]),
        }
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
    fn new(
        lane: &wire::table::Lane,
        checked: &CheckedLane,
        told: &Told,
        before: Option<&Site>,
        sheet: Rc<Sheet>,
    ) -> Self {
        let old = before.and_then(|site| site.pool(lane.release));
        let endpoints = checked.addresses.iter().zip(&lane.endpoints).map(|(address, endpoint)| {
            let known = old.and_then(|pool| pool.endpoint(*address));
            (known.unwrap_or_else(|| Rc::new(Endpoint::new(*address))), endpoint.draining)
        });
        let tally = old.map(|pool| pool.tally()).unwrap_or_default();
        Self {
            door: lane.door,
            matchers: checked.matchers.clone(),
            told: TellsRelease::new(told, lane.release),
            pool: Rc::new(Pool::new(lane.release, lane.balance, endpoints.collect(), tally, sheet)),
        }
    }
}

impl TellsRelease {
    /// What others say under these names is taken out, so that nobody can pretend.
    fn new(told: &Told, release: ReleaseNumber) -> Self {
        let number = release.0.to_string();
        let tells = |name: &Option<String>| {
            name.as_ref().map(|name| Edits::new([name.as_str()], [(name.as_str(), number.as_str())]))
        };
        Self { application: tells(&told.application), client: tells(&told.client) }
    }
}
