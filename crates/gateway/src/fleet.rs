//! All workers of a gateway: what one is told, all are told, and it is live when every one says so.

use crate::worker::{self, ORDERS_MAX, Order, Refused, Report};
use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};
use tokio::sync::{mpsc, oneshot};
use wire::Table;

/// How many connections may wait for a worker.
const BACKLOG: i32 = 4_096;

/// Workers, each on a thread of its own.
#[derive(Debug)]
pub struct Fleet {
    workers: Vec<Worker>,
}

#[derive(Debug)]
struct Worker {
    orders: mpsc::Sender<Order>,
    thread: Option<JoinHandle<io::Result<()>>>,
}

/// Why a table is not live in every worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotLive {
    /// It cannot be served by.
    Refused(Refused),
    /// A worker did not answer: it may serve by this table or by the one before.
    Unknown,
}

/// Sockets that listen at one address, one for each worker: the kernel shares connections out.
pub fn listen(address: SocketAddr, workers: usize) -> io::Result<Vec<TcpListener>> {
    let first = listen_once(address)?;
    // Port zero becomes a port with the first.
    let bound = first.local_addr()?;
    let mut listeners = vec![first];
    for _ in 1..workers {
        listeners.push(listen_once(bound)?);
    }
    Ok(listeners)
}

fn listen_once(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    if address.is_ipv6() {
        // IPv4 has listeners of its own.
        socket.set_only_v6(true)?;
    }
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

impl Fleet {
    /// One worker for each set of listeners.
    pub fn start(listeners: Vec<Vec<TcpListener>>) -> io::Result<Self> {
        let mut workers = Vec::new();
        for (number, listeners) in listeners.into_iter().enumerate() {
            let (orders, receiver) = mpsc::channel(ORDERS_MAX);
            let work = move || worker::run(listeners, receiver);
            let thread = Builder::new().name(format!("worker-{number}")).spawn(work)?;
            workers.push(Worker { orders, thread: Some(thread) });
        }
        Ok(Self { workers })
    }

    /// Serves by this table. When it returns, it is live in every worker.
    pub fn take(&self, table: Table) -> Result<(), NotLive> {
        let table = Arc::new(table);
        let asked = self.ask(|answer| Order::Table(Arc::clone(&table), answer));
        let mut result = Ok(());
        for answer in asked {
            match answer.and_then(|answer| answer.blocking_recv().ok()) {
                Some(Ok(())) => {}
                Some(Err(refused)) => result = Err(NotLive::Refused(refused)),
                None => return Err(NotLive::Unknown),
            }
        }
        result
    }

    /// What all workers have under way; none where one did not answer.
    pub fn report(&self) -> Option<Report> {
        let mut sum = Report::default();
        for answer in self.ask(Order::Report) {
            sum.add(answer?.blocking_recv().ok()?);
        }
        Some(sum)
    }

    /// Tells all, before any answer is waited for.
    fn ask<T>(&self, order: impl Fn(oneshot::Sender<T>) -> Order) -> Vec<Option<oneshot::Receiver<T>>> {
        let ask = |worker: &Worker| {
            let (answer, answered) = oneshot::channel();
            worker.orders.blocking_send(order(answer)).ok().map(|()| answered)
        };
        self.workers.iter().map(ask).collect()
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

    fn tell_to_stop(&self) {
        for worker in &self.workers {
            // One that has ended needs no telling.
            let _ = worker.orders.blocking_send(Order::Stop);
        }
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        self.tell_to_stop();
    }
}
