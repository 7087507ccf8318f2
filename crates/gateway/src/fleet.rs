//! All workers of a gateway: what one is told, all are told, and it is live when every one says so.

pub use wire::socket::listen;

use crate::access::AccessLog;
use crate::count::{Feed, LastCounts};
use crate::mirror::Pair;
use crate::number::Number;
use crate::probe::Prober;
use crate::room;
use crate::table::Checked;
use crate::tls::{Files, Outdated, Reread};
use crate::worker::{self, Answer, Commons, ORDERS_MAX, Order, Refused, Report};
use model::Subject;
use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;
use tokio::sync::mpsc;
use wire::Table;

/// A worker that does not answer for so long is not waited for.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// Workers, each on a thread of its own.
#[derive(Debug)]
pub struct Fleet {
    workers: Vec<Worker>,
    prober: Prober,
    files: Files,
    /// How many workers have not ended.
    alive: Arc<Number>,
    last: Arc<LastCounts>,
}

#[derive(Debug)]
struct Worker {
    orders: mpsc::Sender<Order>,
    thread: Option<JoinHandle<io::Result<()>>>,
}

/// A worker has ended: its number, and whether it was told to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    /// Which.
    pub worker: usize,
    /// Nobody told it to: it panicked, or could not begin.
    pub broken: bool,
}

/// Why a table is not live in every worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotLive {
    /// It cannot be served by.
    Refused(Refused),
    /// A worker did not answer: it may serve by this table or by the one before.
    Unknown,
}

impl fmt::Display for NotLive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(Refused::Superseded(newer)) => write!(f, "generation {newer} is newer"),
            Self::Refused(Refused::Faulty(faults)) => faults.fmt(f),
            Self::Unknown => f.write_str("a worker did not answer"),
        }
    }
}

impl Fleet {
    /// So many workers, which serve nobody yet. Of each that ends it is told, on that worker's thread.
    pub fn start(count: usize, told: impl Fn(Ended) + Clone + Send + 'static) -> io::Result<Self> {
        let prober = Prober::start()?;
        let clients_max = room::for_clients(count);
        let commons = Commons { proofs: Arc::clone(prober.proofs()), clients_max, ..Commons::default() };
        let (mut workers, last) = (Vec::new(), Arc::<LastCounts>::default());
        let alive = Arc::new(Number::new(count));
        for worker in 0..count {
            let (orders, receiver) = mpsc::channel(ORDERS_MAX);
            let (told, alive, commons, last) = (told.clone(), Arc::clone(&alive), commons.clone(), Arc::clone(&last));
            let work = move || {
                let mut last_words = LastWords { told, alive, ended: Ended { worker, broken: true } };
                let result = worker::run(receiver, commons, |counts| last.keep(worker, counts));
                last_words.ended.broken = result.is_err();
                result
            };
            let thread = Builder::new().name(format!("worker-{worker}")).spawn(work)?;
            workers.push(Worker { orders, thread: Some(thread) });
        }
        Ok(Self { workers, prober, files: Files::new()?, alive, last })
    }

    /// Those that have not ended: the others have broken down, and nobody waits for them.
    fn living(&self) -> impl Iterator<Item = &Worker> {
        self.workers.iter().filter(|worker| !worker.orders.is_closed())
    }

    /// How many workers have not ended.
    pub fn count_living(&self) -> usize {
        self.living().count()
    }

    /// How many workers were started.
    pub fn len(&self) -> usize {
        self.workers.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.workers.is_empty()
    }

    /// Accepts clients from these sockets, and from no others at this address. Each socket is read by a
    /// worker, and each worker reads one: nobody waits in a backlog that is nobody's. What one would read that has
    /// broken down falls to the others.
    pub fn listen(&self, address: SocketAddr, sockets: &[TcpListener]) -> io::Result<()> {
        let count = self.count_living();
        let mut shares: Vec<Vec<TcpListener>> = self.living().map(|_| Vec::new()).collect();
        for index in 0..if sockets.is_empty() || count == 0 { 0 } else { sockets.len().max(count) } {
            if let (Some(share), Some(socket)) = (shares.get_mut(index % count), sockets.get(index % sockets.len())) {
                share.push(socket.try_clone()?);
            }
        }
        let mut shares = shares.into_iter();
        for answer in self.ask(|answer| Order::Listen(address, shares.next().unwrap_or_default(), answer)) {
            answer.ok_or_else(|| io::Error::other("a worker does not answer"))??;
        }
        Ok(())
    }

    /// Serves by this table. When it returns, it is live in every worker.
    pub fn take(&self, table: Table) -> Result<(), NotLive> {
        self.take_checked(Checked::new(table).map_err(|faults| NotLive::Refused(Refused::Faulty(faults)))?)
    }

    /// Serves by a table that a gateway served by until now: its releases serve already, so where none of their
    /// instances is healthy, they are asked all the same.
    pub fn take_up(&self, table: Table) -> Result<(), NotLive> {
        let mut checked = Checked::new(table).map_err(|faults| NotLive::Refused(Refused::Faulty(faults)))?;
        checked.serves = true;
        self.take_checked(checked)
    }

    fn take_checked(&self, mut checked: Checked) -> Result<(), NotLive> {
        checked.open(&self.files).map_err(|faults| NotLive::Refused(Refused::Faulty(faults)))?;
        let table = Arc::new(checked);
        self.prober.prove(&table);
        let result = live(self.ask(|answer| Order::Table(Arc::clone(&table), answer)));
        // Where a worker did not answer, others may serve by it.
        if !matches!(result, Err(NotLive::Refused(_))) {
            self.prober.keep(&table);
        }
        result
    }

    /// All files that are read again when they change.
    pub(crate) fn files(&self) -> &Files {
        &self.files
    }

    /// Tells of each file that tables name and that was read again. To be had once.
    pub fn news_of_files(&self) -> Option<std::sync::mpsc::Receiver<Reread>> {
        self.files.news()
    }

    /// Files that tables name, that have changed and that could not be read again.
    pub fn outdated_files(&self) -> Vec<Outdated> {
        self.files.outdated()
    }

    /// Serves this service no more.
    pub fn remove(&self, service: &Subject, generation: u64) -> Result<(), NotLive> {
        live(self.ask(|answer| Order::Remove(service.clone(), generation, answer)))?;
        self.prober.forget(service);
        Ok(())
    }

    /// What all workers have under way; none where one did not answer.
    pub fn report(&self) -> Option<Report> {
        let mut sum = Report::default();
        for report in self.reports() {
            sum.add(report?);
        }
        Some(sum)
    }

    /// What each worker has under way; none for one that did not answer.
    pub fn reports(&self) -> Vec<Option<Report>> {
        self.ask(Order::Report)
    }

    /// Accepts no more clients; when it returns, whoever else reads the sockets gets all who come. Those
    /// that are there are served once more. Whether every worker said so.
    pub fn retire(&self) -> bool {
        self.ask(Order::Retire).iter().all(Option::is_some)
    }

    /// Writes a line for each request. Whether every worker heard of it.
    pub fn log(&self, log: &AccessLog) -> bool {
        let tell = |worker: &Worker| worker.orders.blocking_send(Order::Log(log.inlet())).is_ok();
        self.living().all(tell)
    }

    /// Answers and those of copies go to this queue from now on, or to none. Whether every worker heard.
    pub fn compare(&self, comparer: Option<&SyncSender<Pair>>) -> bool {
        let tell = |worker: &Worker| worker.orders.blocking_send(Order::Compare(comparer.cloned())).is_ok();
        self.living().all(tell)
    }

    /// Asks what was counted, from whatever thread.
    pub fn feed(&self) -> Feed {
        Feed::new(self.workers.iter().map(|worker| worker.orders.clone()).collect(), Arc::clone(&self.last))
    }

    /// Tells all, before any answer is waited for.
    fn ask<T>(&self, mut order: impl FnMut(Answer<T>) -> Order) -> Vec<Option<T>> {
        let asked: Vec<_> = self
            .living()
            .map(|worker| {
                let (answer, answered) = sync_channel(1);
                // One that has no room for an order has not answered for very long.
                worker.orders.try_send(order(answer)).ok().map(|()| answered)
            })
            .collect();
        asked.into_iter().map(|answered| answered?.recv_timeout(ANSWER_WITHIN).ok()).collect()
    }

    /// Takes nothing new; returns when what is under way has ended.
    pub fn stop(mut self) -> io::Result<()> {
        self.tell_to_stop();
        for worker in &mut self.workers {
            if let Some(thread) = worker.thread.take() {
                thread.join().map_err(|_| io::Error::other("a worker has panicked"))??;
            }
        }
        Ok(())
    }

    /// Whether all workers have ended, waiting so long for it.
    pub fn ended_within(&self, within: Duration) -> bool {
        self.alive.wait(within, |count| count == 0)
    }

    /// Takes nothing new, and lets go of connections that wait for another request.
    pub fn tell_to_stop(&self) {
        for worker in &self.workers {
            // One that has ended needs no telling.
            let _ = worker.orders.try_send(Order::Stop);
        }
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        self.tell_to_stop();
    }
}

fn live(answers: Vec<Option<Result<(), Refused>>>) -> Result<(), NotLive> {
    let mut result = Ok(());
    for answer in answers {
        match answer {
            Some(Ok(())) => {}
            Some(Err(refused)) => result = Err(NotLive::Refused(refused)),
            None => return Err(NotLive::Unknown),
        }
    }
    result
}

/// Tells that a worker has ended, however it did: a panic runs this, too.
struct LastWords<T: Fn(Ended)> {
    told: T,
    alive: Arc<Number>,
    ended: Ended,
}

impl<T: Fn(Ended)> Drop for LastWords<T> {
    fn drop(&mut self) {
        (self.told)(self.ended);
        self.alive.lower();
    }
}
