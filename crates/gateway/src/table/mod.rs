//! Tables as a worker serves by them: checked, and laid out to be looked up.
//!
//! A table is immutable. What outlives one, the pools with their claims and idle connections, is carried
//! to the next by address.

mod address;
mod answer;
mod check;
mod checked;
mod edits;
mod entrance;
mod fault;
mod given;
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
pub use checked::Checked;
use checked::CheckedLane;
pub use entrance::Entrance;
pub use fault::{FAULTS_MAX, Fault, Faults};
pub use given::Given;
pub(crate) use matching::of_network;
pub use matching::{Asked, Matcher, Network};
pub(crate) use neighbour::Newcomer;
pub use path::Pattern;
pub use place::Places;
pub use rule::{Rule, Rules};
pub use tidy::{Tidied, tidied};

use crate::count::{Books, Class, Sheet};
use crate::http1::Edits;
use crate::mirror::{Mirror, Side};
use crate::parking::Lot;
use crate::pool::{Pool, Roots};
use crate::rate::{Gate, Refused};
use crate::split::Split;
use crate::worker::Commons;
use model::{ReleaseNumber, Subject};
use std::net::SocketAddr;
use std::rc::Rc;
use wire::table::{Door, Hold, Limits, Table, Told, Unit};

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
