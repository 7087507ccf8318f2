//! One worker: a thread, a runtime of its own, and everything that it serves by. Workers share nothing,
//! so nothing on the way of a request is locked.

pub(crate) mod answer;
pub(crate) mod ask;
pub(crate) mod call;
mod carry;
mod client;
mod entrance;
mod exchange;
mod flow;
mod front;
mod greeting;
pub(crate) mod http2;
mod listening;
pub mod load;
pub mod pace;
mod parking;
mod report;
pub(crate) mod side;
mod translate;
mod watch;

pub use http2::head::request_text;

use crate::access::{Inlet, Pen};
use crate::clock::Date;
use crate::count::Shelf;
use crate::mirror::Pair;
use crate::planted::{Bug, is};
use crate::pool::Pool;
use crate::probe::Proofs;
use crate::rate::Ledger;
use crate::table::{Checked, Faults, Ground, Site};
pub use report::{PoolReport, Report};

use front::Front;
use listening::Listening;
use load::Load;
use model::{Span, Subject};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::net::{SocketAddr, TcpListener};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::task::Poll;
use std::time::Duration;
use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::mpsc;
use tokio::task::spawn_local;
use tokio::time::{Instant, MissedTickBehavior, interval};
use watch::{SWEEP_EVERY, Watches};

/// The most orders that may wait for a worker.
pub const ORDERS_MAX: usize = 64;
/// The room that bodies are passed on through: those of 64 KiB, of which there are many, come with their head
/// in one read and go in one write.
const SCRATCH_BYTES: usize = 128 << 10;
/// The most buffers that are kept to be used again.
const BUFFERS_MAX: usize = 256;
/// The largest buffer that is kept.
const BUFFER_BYTES_MAX: usize = 16 << 10;

/// Takes one answer. It has room for it, so no worker ever waits for whoever asked.
pub type Answer<T> = SyncSender<T>;

/// What a worker is told.
#[derive(Debug)]
pub enum Order {
    /// Accept clients at this address from these sockets, and from no others; from none where empty.
    Listen(SocketAddr, Vec<TcpListener>, Answer<std::io::Result<()>>),
    /// Serve by this from now on.
    Table(Arc<Checked>, Answer<Result<(), Refused>>),
    /// Serve this service no more; the generation is the position that this follows from.
    Remove(Subject, u64, Answer<Result<(), Refused>>),
    /// What is under way?
    Report(Answer<Report>),
    /// What was counted?
    Counts(Answer<wire::counts::Worker>),
    /// Write the access log there.
    Log(Inlet),
    /// Hand answers and those of copies to whoever compares; to nobody where none.
    Compare(Option<SyncSender<Pair>>),
    /// Accept no more clients; those that are there are served once more. Tables and reports go on.
    Retire(Answer<()>),
    /// Take nothing new, and end when what is under way has ended.
    Stop,
}

/// Why a table is not served by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// There is a newer one: its generation.
    Superseded(u64),
    /// It cannot be.
    Faulty(Faults),
}

/// What all workers of a process share. None of it is waited for on the way of a request.
#[derive(Clone, Debug, Default)]
pub struct Commons {
    /// What is known of instances by asking them.
    pub proofs: Arc<Proofs>,
    /// Who came how often.
    pub ledger: Arc<Ledger>,
}

/// What all connections of a worker share.
#[derive(Debug)]
pub(crate) struct Shared {
    sites: RefCell<BTreeMap<Subject, Rc<Site>>>,
    /// The generations at which services were removed: an older table does not bring one back.
    removed: RefCell<BTreeMap<Subject, u64>>,
    /// Pools that no table has any more, until what they have under way has ended.
    leaving: RefCell<Vec<(Subject, Rc<Pool>)>>,
    listening: RefCell<BTreeMap<SocketAddr, Rc<Listening>>>,
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
    fn new(commons: Commons) -> Self {
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
    fn look(&self, now_ms: u64) {
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
    async fn follow(self: &Rc<Self>, order: Order) {
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

    async fn retire(&self) {
        let all: Vec<_> = self.listening.borrow().values().cloned().collect();
        for listening in all {
            listening.accept_no_more().await;
        }
        self.stopping.set(true);
        self.watches.wake_all();
    }

    fn counts(&self) -> wire::counts::Worker {
        self.front.tell(self.watches.len(), self.shelf.tell(Instant::now()))
    }
}

/// Runs a worker on this thread until it was told to stop and nothing is under way. Where it breaks down, what it
/// has counted is told.
pub fn run(
    orders: mpsc::Receiver<Order>,
    commons: Commons,
    counted: impl Fn(wire::counts::Worker),
) -> std::io::Result<()> {
    let mut last = LastCounts { shared: Rc::new(Shared::new(commons)), counted: Some(counted) };
    // It goes before what is told last: all connections have ended then, and are counted.
    let runtime = Builder::new_current_thread().enable_io().enable_time().build_local(LocalOptions::default())?;
    runtime.block_on(work(orders, Rc::clone(&last.shared)))?;
    last.counted = None;
    Ok(())
}

/// Tells what was counted where a panic is the end.
struct LastCounts<T: Fn(wire::counts::Worker)> {
    shared: Rc<Shared>,
    /// Nobody, where all is well.
    counted: Option<T>,
}

impl<T: Fn(wire::counts::Worker)> Drop for LastCounts<T> {
    fn drop(&mut self) {
        if let Some(counted) = &self.counted {
            counted(self.shared.counts());
        }
    }
}

/// A bug that only one of the workers has.
fn break_down(service: &Subject) {
    let is_first = || std::thread::current().name() == Some("worker-0");
    assert!(!(is(Bug::WorkerBreaks) && service.as_str().starts_with("service/break/") && is_first()), "as planted");
}

async fn work(mut orders: mpsc::Receiver<Order>, shared: Rc<Shared>) -> std::io::Result<()> {
    let mut sweeping = spawn_local(sweep(Rc::clone(&shared)));
    let broken = || std::io::Error::other("a part of the worker that it cannot be without has panicked");
    loop {
        let next = poll_fn(|context| match Pin::new(&mut sweeping).poll(context) {
            Poll::Ready(_) => Poll::Ready(Err(broken())),
            Poll::Pending => orders.poll_recv(context).map(Ok),
        });
        match next.await? {
            None | Some(Order::Stop) => break,
            Some(order) => shared.follow(order).await,
        }
    }
    shared.hurrying.set(true);
    shared.retire().await;
    if !is(Bug::ClosedBeforeDrain) {
        shared.watches.emptied().await;
    }
    sweeping.abort();
    Ok(())
}

/// Looks after times. Returns only when nobody accepts at an address any more though somebody should: a
/// worker that limped on would leave its share of the clients waiting.
async fn sweep(shared: Rc<Shared>) {
    let start = Instant::now();
    let mut before = start;
    let mut ticks = interval(Duration::from_millis(SWEEP_EVERY.0));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while shared.listening.borrow().values().all(|listening| listening.accepts()) {
        ticks.tick().await;
        let now = Instant::now();
        let since = Span((now - before).as_millis() as u64);
        shared.load.tick(Span(since.0.saturating_sub(SWEEP_EVERY.0)));
        before = now;
        shared.look((now - start).as_millis() as u64);
    }
}
