//! What one worker counts of one service: a page for each of the last tables, with a sheet for each
//! release, and all pages before those as one sum. It goes from table to table.

use super::row::{Ended, Row};
use super::run;
use super::units::Units;
use super::{End, Way};
use crate::mirror;
use model::{ReleaseNumber, Share, Subject};
use slab::Slab;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use tokio::time::Instant;
use wire::counts::{Bad, Outcomes, Release, Service, Table};

/// So many tables have a page of their own; what was given away under older ones is one sum.
pub const GENERATIONS_MAX: usize = 8;
/// So many releases are told of in that sum, the newest ones and those that have requests under way.
pub const RELEASES_MAX: usize = 16;
/// So many pairs of a release and the one that gets copies of its requests are told of, the newest ones.
const MIRRORS_MAX: usize = 32;
/// So many classes are told apart in one service. Further ones are counted together.
pub const CLASSES_MAX: usize = 64;
/// What they are called then.
const FURTHER_CLASSES: &str = "...";

/// The order of rows.
const WAYS: [Way; 4] = [Way::Split, Way::Matched, Way::Pinned, Way::Copied];

/// What one worker counts of one service.
#[derive(Debug)]
pub struct Books {
    classes: RefCell<Vec<Rc<str>>>,
    pages: RefCell<VecDeque<Page>>,
    older: RefCell<Vec<Rc<Sheet>>>,
    older_generation: Cell<u64>,
    forgotten: Cell<u64>,
    mirrors: RefCell<VecDeque<Rc<mirror::Tally>>>,
    desk: Rc<Desk>,
}

#[derive(Debug)]
struct Page {
    generation: u64,
    slow_micros: Option<u64>,
    sheets: Vec<Rc<Sheet>>,
}

/// What all sheets share.
#[derive(Debug, Default)]
struct Desk {
    units: Units,
    /// Requests under way that become slow if they go on.
    open: RefCell<Slab<Open>>,
}

#[derive(Debug)]
struct Open {
    begun: Instant,
    sheet: Rc<Sheet>,
    row: usize,
    unit: Option<u64>,
    is_slow: bool,
}

/// What one release got under one table.
#[derive(Debug)]
pub struct Sheet {
    generation: u64,
    slow_micros: Option<u64>,
    /// None for what the gateway answers itself.
    release: Option<ReleaseNumber>,
    share: Cell<Share>,
    /// By class, and within a class by way: what never comes has no row.
    rows: RefCell<Vec<Option<Box<Row>>>>,
    connects_failed: Cell<u64>,
    ejections: Cell<u64>,
    desk: Rc<Desk>,
    /// Its page is none of the last any more: what ends now goes there.
    folded: RefCell<Option<Rc<Sheet>>>,
}

/// What kind of request it is: the name of the rule that took it, as a number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Class(u16);

/// A request under way. It is counted when it is dropped: as one whose client left, unless it ended
/// otherwise.
#[derive(Debug)]
pub(crate) struct Entry {
    sheet: Rc<Sheet>,
    row: usize,
    unit: Option<u64>,
    begun: Instant,
    watched: Option<usize>,
    ended: Ended,
}

impl Default for Books {
    fn default() -> Self {
        Self {
            classes: RefCell::new(vec!["".into()]),
            pages: RefCell::default(),
            older: RefCell::default(),
            older_generation: Cell::default(),
            forgotten: Cell::default(),
            mirrors: RefCell::default(),
            desk: Rc::default(),
        }
    }
}

impl Books {
    /// A page for this table: a sheet for each of its lanes, and the last for the gateway's own answers.
    pub(crate) fn open(&self, table: &wire::Table) -> Vec<Rc<Sheet>> {
        self.desk.units.under(table.salt.as_bytes());
        let mut pages = self.pages.borrow_mut();
        if pages.back().is_none_or(|page| page.generation != table.generation) {
            let (generation, slow_micros) = (table.generation, table.slow_micros);
            pages.push_back(Page { generation, slow_micros, sheets: Vec::new() });
        }
        let lanes = table.lanes.iter().map(|lane| (Some(lane.release), lane.share));
        let sheets = match pages.back_mut() {
            Some(page) => {
                lanes.chain([(None, Share::NONE)]).map(|(of, share)| page.sheet(of, share, &self.desk)).collect()
            }
            None => Vec::new(),
        };
        while pages.len() > GENERATIONS_MAX {
            self.fold(pages.pop_front());
        }
        self.forget(&pages);
        sheets
    }

    /// A class of requests.
    pub fn class(&self, name: &str) -> Class {
        let mut classes = self.classes.borrow_mut();
        let known = classes.iter().position(|known| **known == *name);
        let place = known.unwrap_or_else(|| {
            if classes.len() <= CLASSES_MAX {
                let is_last = classes.len() == CLASSES_MAX;
                classes.push(if is_last { FURTHER_CLASSES.into() } else { name.into() });
            }
            classes.len() - 1
        });
        Class(u16::try_from(place).unwrap_or_default())
    }

    /// What becomes of copies for one release.
    pub(crate) fn mirror(&self, of: ReleaseNumber, to: ReleaseNumber) -> Rc<mirror::Tally> {
        let mut mirrors = self.mirrors.borrow_mut();
        if let Some(known) = mirrors.iter().find(|known| known.is_between(of, to)) {
            return Rc::clone(known);
        }
        if mirrors.len() >= MIRRORS_MAX {
            mirrors.pop_front();
        }
        let new = Rc::new(mirror::Tally::new(of, to));
        mirrors.push_back(Rc::clone(&new));
        new
    }

    /// What a class is called.
    pub(crate) fn class_name(&self, class: Class) -> Rc<str> {
        self.classes.borrow().get(usize::from(class.0)).cloned().unwrap_or_default()
    }

    fn fold(&self, page: Option<Page>) {
        let Some(page) = page else { return };
        self.older_generation.set(page.generation);
        let mut older = self.older.borrow_mut();
        for sheet in page.sheets {
            let known = older.iter().find(|known| known.release == sheet.release);
            let target = known.map(Rc::clone).unwrap_or_else(|| {
                let empty = Rc::new(Sheet::new(page.generation, None, sheet.release, &self.desk));
                older.push(Rc::clone(&empty));
                empty
            });
            sheet.fold(target);
        }
    }

    /// Releases come and go for years: those that are gone for long leave nothing but a number.
    fn forget(&self, pages: &VecDeque<Page>) {
        let mut older = self.older.borrow_mut();
        let has = |page: &Page, release| page.sheets.iter().any(|sheet| sheet.release == release);
        let is_gone = |sheet: &Rc<Sheet>| {
            sheet.release.is_some() && sheet.open() == 0 && !pages.iter().any(|page| has(page, sheet.release))
        };
        while older.len() > RELEASES_MAX {
            let gone = older.iter().enumerate().filter(|(_, sheet)| is_gone(sheet));
            let Some((place, _)) = gone.min_by_key(|(_, sheet)| sheet.release) else { return };
            let sheet = older.swap_remove(place);
            self.forgotten.set(self.forgotten.get() + sheet.ended());
        }
    }

    /// All that was counted, those that are slow by now included.
    pub(crate) fn tell(&self, service: Subject, now: Instant) -> Service {
        self.desk.find_slow(now);
        let classes = self.classes.borrow();
        let tell = |generation: u64, slow_micros: Option<u64>, sheets: &[Rc<Sheet>]| {
            let releases = sheets.iter().map(|sheet| sheet.tell(&classes)).collect();
            Table { generation, slow_micros, releases }
        };
        let pages = self.pages.borrow();
        let generation = pages.back().map_or(0, |page| page.generation);
        let tables = pages.iter().map(|page| tell(page.generation, page.slow_micros, &page.sheets)).collect();
        let older = self.older.borrow();
        let older = (!older.is_empty()).then(|| tell(self.older_generation.get(), None, &older));
        let (units, units_lost) = self.desk.units.tell();
        let forgotten = self.forgotten.get();
        let mirrors = self.mirrors.borrow().iter().map(|tally| tally.tell()).collect();
        Service { service, generation, tables, older, forgotten, units, units_lost, mirrors }
    }
}

impl Page {
    fn sheet(&mut self, release: Option<ReleaseNumber>, share: Share, desk: &Rc<Desk>) -> Rc<Sheet> {
        let known = self.sheets.iter().find(|sheet| sheet.release == release).map(Rc::clone);
        let sheet = known.unwrap_or_else(|| {
            let empty = Rc::new(Sheet::new(self.generation, self.slow_micros, release, desk));
            self.sheets.push(Rc::clone(&empty));
            empty
        });
        sheet.share.set(share);
        sheet
    }
}

impl Desk {
    /// Counts those under way that have become slow since it was looked.
    fn find_slow(&self, now: Instant) {
        for (_, open) in self.open.borrow_mut().iter_mut().filter(|(_, open)| !open.is_slow) {
            let micros = now.saturating_duration_since(open.begun).as_micros() as u64;
            if open.sheet.slow_micros.is_some_and(|bound| micros > bound) {
                open.is_slow = true;
                open.sheet.count_slow(open.row, open.unit);
            }
        }
    }
}

impl Sheet {
    fn new(generation: u64, slow_micros: Option<u64>, release: Option<ReleaseNumber>, desk: &Rc<Desk>) -> Self {
        Self {
            generation,
            slow_micros,
            release,
            share: Cell::default(),
            rows: RefCell::default(),
            connects_failed: Cell::default(),
            ejections: Cell::default(),
            desk: Rc::clone(desk),
            folded: RefCell::default(),
        }
    }

    /// A request of this class was given away in this way; its unit, where it sticks.
    pub(crate) fn begin(self: &Rc<Self>, class: Class, way: Way, unit: Option<u64>) -> Entry {
        let (sheet, begun) = (Rc::clone(self), Instant::now());
        let row = usize::from(class.0) * WAYS.len() + place(way);
        self.change(row, |row| row.open += 1);
        let unit = unit.filter(|_| way == Way::Split);
        let watched = self.slow_micros.map(|_| {
            let sheet = Rc::clone(self);
            self.desk.open.borrow_mut().insert(Open { begun, sheet, row, unit, is_slow: false })
        });
        let ended = Ended { end: End::Left, retries: 0, received: 0, sent: 0 };
        Entry { sheet, row, unit, begun, watched, ended }
    }

    /// The gateway answered itself, at once.
    pub(crate) fn answered(&self, class: Class, status: u16) {
        let row = usize::from(class.0) * WAYS.len() + place(Way::Split);
        let ended = Ended { end: End::Answered(status), retries: 0, received: 0, sent: 0 };
        self.change(row, |row| row.add(&ended, 0));
    }

    /// One of its instances did not take a connection.
    pub(crate) fn connect_failed(&self) {
        self.current(|sheet| sheet.connects_failed.set(sheet.connects_failed.get() + 1));
    }

    /// One of its instances was ejected.
    pub fn ejected(&self) {
        self.current(|sheet| sheet.ejections.set(sheet.ejections.get() + 1));
    }

    /// Where is counted now.
    fn current<T>(&self, work: impl FnOnce(&Self) -> T) -> T {
        match &*self.folded.borrow() {
            None => work(self),
            Some(older) => work(older),
        }
    }

    fn change<T>(&self, row: usize, change: impl FnOnce(&mut Row) -> T) -> T {
        self.current(|sheet| {
            let mut rows = sheet.rows.borrow_mut();
            if rows.len() <= row {
                rows.resize(row + 1, None);
            }
            change(rows[row].get_or_insert_default())
        })
    }

    fn count_slow(&self, row: usize, unit: Option<u64>) {
        self.change(row, |row| row.slow += 1);
        self.note(unit, Bad::Slow);
    }

    fn note(&self, unit: Option<u64>, bad: Bad) {
        if let (Some(unit), Some(release)) = (unit, self.release) {
            self.desk.units.note(unit, bad, self.generation, release, run::elapsed());
        }
    }

    /// All that is on it goes to another one, and so does all that still comes.
    fn fold(&self, to: Rc<Self>) {
        for (place, row) in self.rows.take().into_iter().enumerate() {
            if let Some(row) = row {
                to.change(place, |sum| sum.merge(&row));
            }
        }
        to.connects_failed.set(to.connects_failed.get() + self.connects_failed.take());
        to.ejections.set(to.ejections.get() + self.ejections.take());
        self.folded.replace(Some(to));
    }

    fn sum(&self, of: impl Fn(&Row) -> u64) -> u64 {
        self.rows.borrow().iter().flatten().map(|row| of(row)).sum()
    }

    fn open(&self) -> u64 {
        self.sum(|row| row.open)
    }

    fn ended(&self) -> u64 {
        self.sum(Row::ended)
    }

    fn tell(&self, classes: &[Rc<str>]) -> Release {
        let rows = self.rows.borrow();
        let outcomes = rows.iter().enumerate().filter_map(|(place, row)| {
            let class = classes.get(place / WAYS.len())?;
            Some(row.as_ref()?.tell(class, WAYS[place % WAYS.len()]))
        });
        let outcomes: Vec<Outcomes> = outcomes.collect();
        Release {
            release: self.release,
            share: self.share.get(),
            connects_failed: self.connects_failed.get(),
            ejections: self.ejections.get(),
            outcomes,
        }
    }
}

fn place(way: Way) -> usize {
    match way {
        Way::Split => 0,
        Way::Matched => 1,
        Way::Pinned => 2,
        Way::Copied => 3,
    }
}

impl Entry {
    /// It has ended like this.
    pub(crate) fn end(mut self, ended: Ended) {
        self.ended = ended;
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let Self { sheet, row, unit, ended, .. } = self;
        let micros = self.begun.elapsed().as_micros() as u64;
        sheet.change(*row, |row| {
            row.open -= 1;
            row.add(ended, micros);
        });
        if ended.end.is_bad() {
            sheet.note(*unit, Bad::Error);
        }
        if let Some(key) = self.watched {
            let known = sheet.desk.open.borrow_mut().try_remove(key).is_some_and(|open| open.is_slow);
            if !known && sheet.slow_micros.is_some_and(|bound| micros > bound) {
                sheet.count_slow(*row, *unit);
            }
        }
    }
}
