//! Tables as a worker serves by them: checked, and laid out to be looked up.
//!
//! A table is immutable. What outlives one, the pools with their claims and idle connections, is carried
//! to the next by address.

mod address;
mod answer;
mod check;
mod edits;
mod entrance;
mod fault;
mod matching;
mod neighbour;
mod path;
mod place;
mod rewrite;
mod rule;
mod tidy;

pub use address::addresses;
pub(crate) use address::read as read_address;
pub use answer::Answer;
pub use entrance::Entrance;
pub use fault::{FAULTS_MAX, Fault, Faults};
pub use matching::{Asked, Matcher, Network};
pub(crate) use neighbour::Newcomer;
pub use path::Pattern;
pub use place::Places;
pub use rule::{Rule, Rules};
pub use tidy::{Tidied, tidied};

use crate::count::{Books, Class, Sheet, Way};
use crate::http1::Edits;
use crate::mirror::{Mirror, Side};
use crate::parking::Lot;
use crate::pool::{Pool, Reach, Roots};
use crate::rate::{Gate, Refused};
use crate::session::Session;
use crate::split::{SLOTS, Split, hash, slot_of};
use crate::tls::{Files, Opened};
use crate::worker::Commons;
use model::{ReleaseNumber, Subject};
use std::net::{IpAddr, SocketAddr};
use std::ops::Deref;
use std::rc::Rc;
use wire::table::{Door, Hold, Key, Limits, Table, Told, Unit};

/// A table without a fault, and what of it takes time to make ready: that is done once for all workers.
#[derive(Debug)]
pub struct Checked {
    table: Table,
    /// Its releases served before this process began.
    pub serves: bool,
    /// Where it asks to be served, each once.
    pub addresses: Vec<SocketAddr>,
    split: Split,
    paths: Vec<Pattern>,
    lanes: Vec<CheckedLane>,
    rules: Rules,
    allow: Vec<Matcher>,
    opened: Opened,
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

    /// How the instances of each lane are reached.
    pub(crate) fn reaches(&self) -> impl Iterator<Item = Reach> {
        let reach = |(number, lane): (usize, &wire::table::Lane)| Reach {
            tls: self.opened.lanes.get(number).cloned().flatten(),
            protocol: lane.protocol,
        };
        self.table.lanes.iter().enumerate().map(reach)
    }

    /// Reads the files that it names. A table that is not asked to speak TLS needs none.
    pub fn open(&mut self, files: &Files) -> Result<(), Faults> {
        self.opened = Opened::new(&self.table, files)?;
        Ok(())
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
    /// How clients come in there.
    entrances: Vec<(SocketAddr, Entrance)>,
    /// The hosts, in lower case.
    pub hosts: Vec<String>,
    /// The paths.
    pub paths: Vec<Pattern>,
    /// How long and how large.
    pub limits: Limits,
    /// Where requests wait for the end of the hold, under this table and those that follow.
    pub lot: Rc<Lot>,
    /// Nobody is served, but for those.
    hold: Option<(Hold, Vec<Matcher>)>,
    rules: Rules,
    gates: Vec<Gate>,
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
    /// Who gets copies of its requests.
    mirrors: Vec<Rc<Mirror>>,
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

/// What is there already when a table is made ready.
#[derive(Debug, Default)]
pub struct Ground {
    /// What was counted of it before.
    pub books: Rc<Books>,
    /// What all workers share.
    pub commons: Commons,
    /// Pools that no table has any more, and that have something under way.
    pub leaving: Vec<(Subject, Rc<Pool>)>,
    /// The worker's time.
    pub now_ms: u64,
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
    /// A table made ready, with what the one before it has under way.
    pub fn new(table: &Checked, before: Option<&Site>, ground: &Ground) -> Self {
        let books = Rc::clone(&ground.books);
        let mut sheets = books.open(table);
        let own = sheets.pop();
        let care = Rc::new(table.care.clone());
        let gates = care.rates.iter().map(|rate| Gate::new(&table.service, rate, &ground.commons.ledger));
        let lanes = table.table.lanes.iter().zip(&table.lanes).zip(sheets);
        let lanes = lanes.zip(table.reaches()).map(|(((lane, checked), sheet), reach)| {
            let left = || ground.left(&table.service, lane.release);
            let before = before.and_then(|site| site.pool(lane.release)).or_else(left);
            let (service, serves) = (&table.service, table.serves);
            let roots = Roots { service, serves, care: &care, before, ground, reach, sheet };
            Lane::new(lane, checked, &table.told, roots)
        });
        let mut lanes: Vec<Lane> = lanes.collect();
        set_up_mirrors(table, &mut lanes, &books);
        Self {
            service: table.service.clone(),
            generation: table.generation,
            addresses: table.addresses.clone(),
            entrances: entrance::all(table, &table.opened),
            hosts: table.hosts.iter().map(|host| host.to_ascii_lowercase()).collect(),
            paths: table.paths.clone(),
            limits: table.limits,
            lot: before.map(|site| Rc::clone(&site.lot)).unwrap_or_default(),
            hold: table.hold.clone().map(|hold| (hold, table.allow.clone())),
            rules: table.rules.counted_in(&books),
            gates: gates.collect(),
            unit: table.unit.clone(),
            salt: table.salt.clone().into_bytes(),
            lanes,
            split: table.split.clone(),
            books,
            own,
        }
    }

    /// Whose turn a request is. What the gateway answers itself needs no release, so it is answered
    /// while nobody is served, too.
    pub fn turn(&self, asked: &dyn Asked) -> Turn<'_> {
        let rule = self.rules.find(asked.place(), asked);
        if let Some(answer) = rule.and_then(|rule| rule.answer.as_ref()) {
            return Turn { rule, whose: Whose::Gateway(answer) };
        }
        let whose = match &self.hold {
            Some((hold, allow)) if !allow.iter().any(|matcher| matcher.takes(asked)) => Whose::Nobody(hold),
            Some(_) | None => Whose::Release,
        };
        Turn { rule, whose }
    }

    /// Whether its turn would be the same if its path were this one.
    pub(crate) fn has_same_turn(&self, asked: &dyn Asked, path: &[u8], turn: &Turn<'_>) -> bool {
        match (self.rules.find(path, asked), turn.rule) {
            (Some(one), Some(other)) => std::ptr::eq(one, other),
            (one, other) => one.is_none() && other.is_none(),
        }
    }

    /// One more request: each of its rates has to let it in.
    pub fn let_in(&self, asked: &dyn Asked, turn: &Turn<'_>) -> Result<(), Refused> {
        self.gates.iter().try_for_each(|gate| gate.let_in(asked, turn.rule.map(|rule| &*rule.name)))
    }

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

    /// How clients come in at this address, where it says so.
    pub fn entrance(&self, address: SocketAddr) -> Option<&Entrance> {
        self.entrances.iter().find(|(at, _)| *at == address).map(|(_, entrance)| entrance)
    }

    /// Whether it is served at this address.
    pub fn listens_at(&self, address: SocketAddr) -> bool {
        self.addresses.is_empty() || self.addresses.contains(&address)
    }

    /// From now on whoever has a pool of this table asks the next table's: it knows who drains.
    pub fn give_way_to(&self, next: Option<&Site>) {
        self.pools().for_each(|pool| pool.give_way_to(next.and_then(|next| next.pool(pool.release()))));
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

    /// Whether an instance of a release takes new work.
    pub(crate) fn is_open(&self, release: ReleaseNumber, address: SocketAddr) -> bool {
        let mut lanes = self.lanes.iter().filter(|lane| lane.door != Door::Closed);
        lanes.any(|lane| lane.pool.release() == release && lane.pool.is_open(address))
    }

    /// All pools.
    pub fn pools(&self) -> impl Iterator<Item = &Rc<Pool>> {
        self.lanes.iter().map(|lane| &lane.pool)
    }
}

/// Behind a changing IPv6 address there is one network: that is one client.
pub(crate) fn of_network<T>(client: IpAddr, then: impl FnOnce(&[u8]) -> T) -> T {
    match client.to_canonical() {
        IpAddr::V4(address) => then(&address.octets()),
        IpAddr::V6(address) => then(&address.octets()[..8]),
    }
}

impl Ground {
    /// A release that comes back.
    fn left(&self, service: &Subject, release: ReleaseNumber) -> Option<&Rc<Pool>> {
        let mut leaving = self.leaving.iter().filter(|(of, _)| of == service).map(|(_, pool)| pool);
        leaving.find(|pool| pool.release() == release)
    }
}

fn set_up_mirrors(table: &Table, lanes: &mut [Lane], books: &Books) {
    for plan in &table.mirrors {
        let side = |release: ReleaseNumber| {
            let lane = lanes.iter().find(|lane| lane.pool.release() == release)?;
            Some(Side { pool: Rc::clone(&lane.pool), told: lane.told.application.clone() })
        };
        // A table that names a release without a lane is not served by.
        let (Some(of), Some(to)) = (side(plan.of), side(plan.to)) else { continue };
        let mirror = Rc::new(Mirror::new(table, plan, of, to, books.mirror(plan.of, plan.to)));
        if let Some(lane) = lanes.iter_mut().find(|lane| lane.pool.release() == plan.of) {
            lane.mirrors.push(mirror);
        }
    }
}

impl Lane {
    fn new(lane: &wire::table::Lane, checked: &CheckedLane, told: &Told, roots: Roots<'_>) -> Self {
        Self {
            door: lane.door,
            matchers: checked.matchers.clone(),
            told: TellsRelease::new(told, lane.release),
            pool: Pool::new(lane, &checked.addresses, roots),
            mirrors: Vec::new(),
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
