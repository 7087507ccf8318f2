//! What all connections of a worker share, and how it changes when the worker is told to.

use super::front::Front;
use super::listening::Listening;
use super::load::Load;
use super::watch::Watches;
use super::{Commons, Order, PoolReport, Refused, Report};
use crate::access::Pen;
use crate::clock::Date;
use crate::count::Shelf;
use crate::mirror::Pair;
use crate::planted::{Bug, is};
use crate::pool::Pool;
use crate::table::{Checked, Ground, Site};
use model::Subject;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
use std::rc::Rc;
use std::sync::mpsc::SyncSender;
use tokio::time::Instant;

/// The room that bodies are passed on through: those of 64 KiB, of which there are many, come with their head
/// in one read and go in one write.
const SCRATCH_BYTES: usize = 128 << 10;
/// While all but one of so many parts of the room for clients are taken, none rests for long.
const CROWDED_PARTS: usize = 8;
/// The most buffers that are kept to be used again.
const BUFFERS_MAX: usize = 256;
/// The largest buffer that is kept.
const BUFFER_BYTES_MAX: usize = 16 << 10;

/// What all connections of a worker share.
#[derive(Debug)]
pub(crate) struct Shared {
    sites: RefCell<BTreeMap<Subject, Rc<Site>>>,
    /// The generations at which services were removed: an older table does not bring one back.
    removed: RefCell<BTreeMap<Subject, u64>>,
    /// Pools that no table has any more, until what they have under way has ended.
    leaving: RefCell<Vec<(Subject, Rc<Pool>)>>,
    pub(super) listening: RefCell<BTreeMap<SocketAddr, Rc<Listening>>>,
    pub(crate) scratch: RefCell<Box<[u8]>>,
    buffers: RefCell<Vec<Vec<u8>>>,
    pub(crate) watches: Rc<Watches>,
    /// An answer is a connection's last.
    pub(crate) stopping: Cell<bool>,
    /// Nor does an idle connection stay for another request.
    pub(crate) hurrying: Cell<bool>,
    pub(crate) front: Front,
    /// What time it is, for answers of the gateway's own.
    pub(crate) date: Date,
    /// What was counted.
    shelf: Shelf,
    /// What the access log is written with.
    pen: RefCell<Option<Rc<Pen>>>,
    /// Who compares answers with those of copies.
    pub(crate) comparer: RefCell<Option<SyncSender<Pair>>>,
    pub(crate) load: Load,
    commons: Commons,
}

impl Shared {
    pub(super) fn new(commons: Commons) -> Self {
        Self {
            sites: RefCell::default(),
            removed: RefCell::default(),
            leaving: RefCell::default(),
            listening: RefCell::default(),
            scratch: RefCell::new(vec![0; SCRATCH_BYTES].into_boxed_slice()),
            buffers: RefCell::default(),
            watches: Rc::default(),
            stopping: Cell::new(false),
            hurrying: Cell::new(false),
            front: Front::default(),
            date: Date::new(),
            shelf: Shelf::default(),
            pen: RefCell::default(),
            comparer: RefCell::default(),
            load: Load::default(),
            commons,
        }
    }

    /// Whether there is room for no more clients.
    pub(super) fn is_full(&self) -> bool {
        self.watches.len() >= self.commons.clients_max
    }

    /// Whether it is so full that nobody may rest here for long.
    pub(super) fn is_crowded(&self) -> bool {
        self.watches.len() > self.commons.clients_max - self.commons.clients_max / CROWDED_PARTS
    }

    /// What the access log is written with, if it is.
    pub(crate) fn pen(&self) -> Option<Rc<Pen>> {
        self.pen.borrow().clone()
    }

    /// An empty buffer.
    pub(crate) fn buffer(&self) -> Vec<u8> {
        self.buffers.borrow_mut().pop().unwrap_or_default()
    }

    /// A buffer that nobody needs any more.
    pub(crate) fn give_back(&self, mut buffer: Vec<u8>) {
        let mut buffers = self.buffers.borrow_mut();
        if buffers.len() < BUFFERS_MAX && buffer.capacity() <= BUFFER_BYTES_MAX {
            buffer.clear();
            buffers.push(buffer);
        }
    }

    fn take(&self, table: &Checked) -> Result<(), Refused> {
        self.refuse_older(&table.service, table.generation)?;
        let before = self.sites.borrow().get(&table.service).cloned();
        let leaving = self.leaving.borrow().clone();
        let books = self.shelf.open(&table.service);
        let ground = Ground { books, commons: self.commons.clone(), leaving, now_ms: self.watches.now_ms() };
        let site = Rc::new(Site::new(table, before.as_deref(), &ground));
        let is_back = |pool: &Pool| site.pool(pool.release()).is_some();
        self.leaving.borrow_mut().retain(|(service, pool)| *service != site.service || !is_back(pool));
        self.sites.borrow_mut().insert(table.service.clone(), Rc::clone(&site));
        self.removed.borrow_mut().remove(&table.service);
        if let Some(before) = before {
            self.leave(&before, Some(&site));
        }
        self.place();
        site.lot.change();
        Ok(())
    }

    fn remove(&self, service: &Subject, generation: u64) -> Result<(), Refused> {
        self.refuse_older(service, generation)?;
        self.removed.borrow_mut().insert(service.clone(), generation);
        let before = self.sites.borrow_mut().remove(service);
        self.shelf.close(service, self.sites.borrow().len());
        self.place();
        if let Some(before) = before {
            self.leave(&before, None);
            before.lot.change();
        }
        Ok(())
    }

    fn refuse_older(&self, service: &Subject, generation: u64) -> Result<(), Refused> {
        let served = self.sites.borrow().get(service).map(|site| site.generation);
        let newest = served.max(self.removed.borrow().get(service).copied());
        newest.filter(|newest| *newest > generation).map_or(Ok(()), |newer| Err(Refused::Superseded(newer)))
    }

    /// What is in no table any more is not used again; what it has under way still counts.
    fn leave(&self, before: &Site, now: Option<&Site>) {
        before.give_way_to(now);
        let stays =
            |address: SocketAddr| now.is_some_and(|now| now.pools().any(|pool| pool.endpoint(address).is_some()));
        for endpoint in before.pools().flat_map(|pool| pool.endpoints()).filter(|old| !stays(old.address())) {
            endpoint.retire();
        }
        self.drain(before, now);
        let gone = before.pools().filter(|pool| now.is_none_or(|now| now.pool(pool.release()).is_none()));
        let gone = gone.filter(|pool| pool.claims() > 0).map(|pool| (before.service.clone(), Rc::clone(pool)));
        self.leaving.borrow_mut().extend(gone);
    }

    /// What an instance that takes no new work has to end is told so.
    fn drain(&self, before: &Site, now: Option<&Site>) {
        let mut is_news = false;
        for pool in before.pools() {
            for endpoint in pool.endpoints() {
                let stays = now.is_some_and(|now| now.is_open(pool.release(), endpoint.address()));
                is_news |= endpoint.drain(!stays);
            }
        }
        if is_news {
            self.watches.wake_all();
        }
    }

    /// Each listening address serves those whose tables name it.
    fn place(&self) {
        let sites = self.sites.borrow();
        self.listening.borrow().values().for_each(|listening| listening.place(sites.values()));
    }

    /// Time has passed.
    pub(super) fn look(&self, now_ms: u64) {
        self.watches.sweep(now_ms);
        self.date.look();
        if let Some(pen) = &*self.pen.borrow() {
            pen.flush();
        }
        self.sites.borrow().values().flat_map(|site| site.pools()).for_each(|pool| pool.look(now_ms));
    }

    fn report(&self) -> Report {
        if is(Bug::ClosedBeforeDrain) && self.stopping.get() {
            return Report::default();
        }
        let mut leaving = self.leaving.borrow_mut();
        leaving.retain(|(_, pool)| pool.claims() > 0);
        let sites = self.sites.borrow();
        let pools = sites.values().flat_map(|site| site.pools().map(|pool| (&site.service, pool)));
        let parked = sites.values().map(|site| u64::from(site.lot.parked())).sum();
        let mut report = Report { pools: BTreeMap::new(), clients: self.watches.len(), parked };
        for (service, pool) in pools.chain(leaving.iter().map(|(service, pool)| (service, pool))) {
            report.pools.insert((service.clone(), pool.release().0), PoolReport::of(pool));
        }
        report
    }

    async fn listen(self: &Rc<Self>, address: SocketAddr, sockets: Vec<TcpListener>) -> std::io::Result<()> {
        if sockets.is_empty() {
            let listening = self.listening.borrow_mut().remove(&address);
            if let Some(listening) = listening {
                listening.accept_no_more().await;
            }
            return Ok(());
        }
        let new = || Rc::new(Listening::new(address));
        let listening = Rc::clone(self.listening.borrow_mut().entry(address).or_insert_with(new));
        listening.place(self.sites.borrow().values());
        listening.accept_from(sockets, self).await
    }

    /// Does as ordered. Whoever asked may be gone: it is done all the same.
    pub(super) async fn follow(self: &Rc<Self>, order: Order) {
        match order {
            Order::Listen(address, sockets, answer) => drop(answer.try_send(self.listen(address, sockets).await)),
            Order::Table(table, answer) => drop(answer.try_send(self.take(&table))),
            Order::Remove(service, generation, answer) => {
                break_down(&service);
                let _ = answer.try_send(self.remove(&service, generation));
            }
            Order::Report(answer) => drop(answer.try_send(self.report())),
            Order::Log(inlet) => drop(self.pen.replace(Some(Rc::new(Pen::new(inlet))))),
            Order::Compare(comparer) => drop(self.comparer.replace(comparer)),
            Order::Counts(answer) => drop(answer.try_send(self.counts())),
            Order::Retire(answer) => {
                self.retire().await;
                let _ = answer.try_send(());
            }
            // Who works is told.
            Order::Stop => {}
        }
    }

    pub(super) async fn retire(&self) {
        let all: Vec<_> = self.listening.borrow().values().cloned().collect();
        for listening in all {
            listening.accept_no_more().await;
        }
        self.stopping.set(true);
        self.watches.wake_all();
    }

    pub(super) fn counts(&self) -> wire::counts::Worker {
        self.front.tell(self.watches.len(), self.shelf.tell(Instant::now()))
    }
}

/// A bug that only one of the workers has.
fn break_down(service: &Subject) {
    let is_first = || std::thread::current().name() == Some("worker-0");
    assert!(!(is(Bug::WorkerBreaks) && service.as_str().starts_with("service/break/") && is_first()), "as planted");
}
