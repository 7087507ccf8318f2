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
mod interim;
mod listening;
pub mod load;
pub mod pace;
mod parking;
mod report;
mod shared;
pub(crate) mod side;
mod translate;
mod watch;

pub use http2::head::request_text;

use crate::access::Inlet;
use crate::mirror::Pair;
use crate::planted::{Bug, is};
use crate::probe::Proofs;
use crate::rate::Ledger;
use crate::room;
use crate::table::{Checked, Faults};
pub use report::{PoolReport, Report};
pub(crate) use shared::Shared;

use model::{Span, Subject};
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
use watch::SWEEP_EVERY;

/// The most orders that may wait for a worker.
pub const ORDERS_MAX: usize = 64;

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
#[derive(Clone, Debug)]
pub struct Commons {
    /// What is known of instances by asking them.
    pub proofs: Arc<Proofs>,
    /// Who came how often.
    pub ledger: Arc<Ledger>,
    /// How many clients each worker has room for.
    pub clients_max: usize,
}

impl Default for Commons {
    fn default() -> Self {
        Self { proofs: Arc::default(), ledger: Arc::default(), clients_max: room::for_clients(1) }
    }
}

/// Runs a worker on this thread until it was told to stop and nothing is under way. Where it breaks down, what it
/// has counted is told.
pub fn run(
    orders: mpsc::Receiver<Order>,
    commons: Commons,
    counted: impl Fn(wire::counts::Worker),
) -> std::io::Result<()> {
    let mut last = ToldAtLast { shared: Rc::new(Shared::new(commons)), counted: Some(counted) };
    // It goes before what is told last: all connections have ended then, and are counted.
    let runtime = Builder::new_current_thread().enable_io().enable_time().build_local(LocalOptions::default())?;
    runtime.block_on(work(orders, Rc::clone(&last.shared)))?;
    last.counted = None;
    Ok(())
}

/// Tells what was counted where a panic is the end.
struct ToldAtLast<T: Fn(wire::counts::Worker)> {
    shared: Rc<Shared>,
    /// Nobody, where all is well.
    counted: Option<T>,
}

impl<T: Fn(wire::counts::Worker)> Drop for ToldAtLast<T> {
    fn drop(&mut self) {
        if let Some(counted) = &self.counted {
            counted(self.shared.counts());
        }
    }
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
