//! One worker: a thread, a runtime of its own, and everything that it serves by. Workers share nothing,
//! so nothing on the way of a request is locked.

mod answer;
mod call;
mod client;
mod exchange;
mod flow;
mod watch;

use crate::count::Counts;
use crate::pool::Pool;
use crate::stream::Stream;
use crate::table::{Fault, Places, Site};
use model::Subject;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::task::{LocalSet, spawn_local};
use tokio::time::{Instant, MissedTickBehavior, interval};
use watch::{SWEEP_EVERY, Watches};
use wire::Table;

/// The most orders that may wait for a worker.
pub const ORDERS_MAX: usize = 64;
/// The room that bodies are passed on through.
const SCRATCH_BYTES: usize = 64 << 10;
/// The most buffers that are kept to be used again.
const BUFFERS_MAX: usize = 256;
/// The largest buffer that is kept.
const BUFFER_BYTES_MAX: usize = 16 << 10;
/// The most client connections of one worker.
const CLIENTS_MAX: usize = 65_536;
/// How long accepting rests when there are no more descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// What a worker is told.
#[derive(Debug)]
pub enum Order {
    /// Serve by this from now on.
    Table(Arc<Table>, oneshot::Sender<Result<(), Refused>>),
    /// What is under way?
    Report(oneshot::Sender<Report>),
    /// Take nothing new, and end when what is under way has ended.
    Stop,
}

/// Why a table is not served by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// There is a newer one: its generation.
    Superseded(u64),
    /// It cannot be.
    Faulty(Fault),
}

/// What a release has under way, and what became of the requests before.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PoolReport {
    /// Requests under way.
    pub claims: u64,
    /// What became of those before.
    pub counts: Counts,
}

/// What a worker has under way.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// By service and release.
    pub pools: BTreeMap<(Subject, u32), PoolReport>,
    /// The connections of clients.
    pub clients: usize,
}

impl Report {
    /// Together with another worker's.
    pub fn add(&mut self, other: Self) {
        for (key, pool) in other.pools {
            let sum = self.pools.entry(key).or_default();
            sum.claims += pool.claims;
            sum.counts.merge(&pool.counts);
        }
        self.clients += other.clients;
    }
}

/// What all connections of a worker share.
#[derive(Debug)]
pub(crate) struct Shared {
    sites: RefCell<BTreeMap<Subject, Rc<Site>>>,
    places: RefCell<Rc<Places>>,
    pub(crate) scratch: RefCell<Box<[u8]>>,
    buffers: RefCell<Vec<Vec<u8>>>,
    pub(crate) watches: Rc<Watches>,
    pub(crate) stopping: Cell<bool>,
}

impl Shared {
    fn new() -> Self {
        Self {
            sites: RefCell::default(),
            places: RefCell::default(),
            scratch: RefCell::new(vec![0; SCRATCH_BYTES].into_boxed_slice()),
            buffers: RefCell::default(),
            watches: Rc::default(),
            stopping: Cell::new(false),
        }
    }

    /// Whose a request is.
    pub(crate) fn find(&self, host: &[u8], path: &[u8]) -> Option<Rc<Site>> {
        self.places.borrow().find(host, path).map(Rc::clone)
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

    fn take(&self, table: &Table) -> Result<(), Refused> {
        let mut sites = self.sites.borrow_mut();
        let before = sites.get(&table.service);
        if let Some(newer) = before.map(|site| site.generation).filter(|known| *known > table.generation) {
            return Err(Refused::Superseded(newer));
        }
        let site = Rc::new(Site::new(table, before.map(|site| &**site)).map_err(Refused::Faulty)?);
        if let Some(before) = sites.insert(table.service.clone(), Rc::clone(&site)) {
            let gone = |address: SocketAddr| site.pools().all(|pool| pool.endpoint(address).is_none());
            for endpoint in before.pools().flat_map(|pool| pool.endpoints()).filter(|old| gone(old.address())) {
                endpoint.retire();
            }
        }
        *self.places.borrow_mut() = Rc::new(Places::new(sites.values()));
        Ok(())
    }

    fn report(&self) -> Report {
        let sites = self.sites.borrow();
        let pools = sites.values().flat_map(|site| site.pools().map(|pool| (site.service.clone(), pool)));
        let report = |pool: &Pool| PoolReport { claims: pool.claims(), counts: pool.counts() };
        let pools = pools.map(|(service, pool)| ((service, pool.release().0), report(pool))).collect();
        Report { pools, clients: self.watches.len() }
    }
}

/// Runs a worker on this thread until it was told to stop and nothing is under way.
pub fn run(listeners: Vec<std::net::TcpListener>, orders: mpsc::Receiver<Order>) -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build()?;
    LocalSet::new().block_on(&runtime, work(listeners, orders))
}

async fn work(listeners: Vec<std::net::TcpListener>, mut orders: mpsc::Receiver<Order>) -> std::io::Result<()> {
    let shared = Rc::new(Shared::new());
    let sweeping = spawn_local(sweep(Rc::clone(&shared)));
    let mut accepting = Vec::new();
    for listener in listeners {
        listener.set_nonblocking(true)?;
        let listener = TcpListener::from_std(listener)?;
        accepting.push(spawn_local(accept(listener, Rc::clone(&shared))));
    }
    while let Some(order) = orders.recv().await {
        match order {
            // Whoever asked may be gone: the table is served by all the same.
            Order::Table(table, answer) => drop(answer.send(shared.take(&table))),
            Order::Report(answer) => drop(answer.send(shared.report())),
            Order::Stop => break,
        }
    }
    accepting.iter().for_each(tokio::task::JoinHandle::abort);
    shared.stopping.set(true);
    shared.watches.wake_all();
    shared.watches.emptied().await;
    sweeping.abort();
    Ok(())
}

async fn sweep(shared: Rc<Shared>) {
    let start = Instant::now();
    let mut ticks = interval(Duration::from_millis(SWEEP_EVERY.0));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        shared.watches.sweep(start.elapsed().as_millis() as u64);
    }
}

async fn accept(listener: TcpListener, shared: Rc<Shared>) {
    loop {
        if shared.watches.len() >= CLIENTS_MAX {
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        }
        match listener.accept().await {
            Ok((stream, peer)) => {
                // Small answers must not wait for acknowledgements of others.
                let _ = stream.set_nodelay(true);
                spawn_local(client::serve(Stream::Plain(stream), peer.ip(), Rc::clone(&shared)));
            }
            // No descriptors are left: the backlog keeps who comes until there are.
            Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
        }
    }
}
