//! Instances are asked how they are, once for all workers of a process: one thread asks, and workers read
//! what it found without waiting for anybody.
//!
//! Before a table with new instances is served by, they are asked for the first time, so that a release
//! that is well has somebody to give its first request to.

mod proof;
mod question;

pub use proof::{Heard, Proof, Proofs, Proven, Row};

use crate::table::Checked;
use model::{ReleaseNumber, Subject};
use question::Question;
use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;
use tokio::runtime::LocalOptions;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::{AbortHandle, JoinSet};

/// The most instances that are asked at once.
pub const QUESTIONS_MAX: usize = 64;
/// The most orders that may wait for the prober.
const ORDERS_MAX: usize = 64;
/// No table waits longer than this for its instances' first answers.
const FIRST_ANSWERS_WITHIN: Duration = Duration::from_secs(3);

/// Whose instance, and where it is.
type Place = (Subject, ReleaseNumber, SocketAddr);

/// Asks instances how they are, on a thread of its own.
#[derive(Debug)]
pub struct Prober {
    proofs: Arc<Proofs>,
    orders: Option<mpsc::Sender<Order>>,
    thread: Option<JoinHandle<io::Result<()>>>,
}

/// What the prober is told.
enum Order {
    /// Ask for the first time those that were never asked.
    Prove(Arc<Checked>, SyncSender<()>),
    /// Ask those of this table from now on, and no others of its service.
    Keep(Arc<Checked>),
    /// Ask nobody of this service any more.
    Forget(Subject),
}

impl Prober {
    /// Starts the thread. It asks nobody yet.
    pub fn start() -> io::Result<Self> {
        let proofs = Arc::new(Proofs::default());
        let (orders, receiver) = mpsc::channel(ORDERS_MAX);
        let known = Arc::clone(&proofs);
        let thread = Builder::new().name("prober".into()).spawn(move || run(known, receiver))?;
        Ok(Self { proofs, orders: Some(orders), thread: Some(thread) })
    }

    /// What it finds.
    pub fn proofs(&self) -> &Arc<Proofs> {
        &self.proofs
    }

    /// Returns when each release of the table has an instance that answered well, or all of its new ones
    /// had their time to.
    pub fn prove(&self, table: &Arc<Checked>) {
        if table.care.active.is_none() {
            return;
        }
        let (answer, answered) = sync_channel(1);
        if self.tell(Order::Prove(Arc::clone(table), answer)) {
            // Whoever has not answered by then is unproven, and says so.
            let _ = answered.recv_timeout(FIRST_ANSWERS_WITHIN);
        }
    }

    /// From now on the instances of this table are asked, and no others of its service.
    pub fn keep(&self, table: &Arc<Checked>) {
        self.tell(Order::Keep(Arc::clone(table)));
    }

    /// Nobody of this service is asked any more.
    pub fn forget(&self, service: &Subject) {
        self.tell(Order::Forget(service.clone()));
    }

    fn tell(&self, order: Order) -> bool {
        self.orders.as_ref().is_some_and(|orders| orders.blocking_send(order).is_ok())
    }
}

impl Drop for Prober {
    fn drop(&mut self) {
        self.orders.take();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn run(proofs: Arc<Proofs>, orders: mpsc::Receiver<Order>) -> io::Result<()> {
    let builder = &mut tokio::runtime::Builder::new_current_thread();
    let runtime = builder.enable_io().enable_time().build_local(LocalOptions::default())?;
    let room = Rc::new(Semaphore::new(QUESTIONS_MAX));
    let rounds = Rounds { proofs, room, asked: BTreeMap::new(), all: JoinSet::new() };
    runtime.block_on(rounds.run(orders));
    Ok(())
}

/// All that are asked again and again.
struct Rounds {
    proofs: Arc<Proofs>,
    room: Rc<Semaphore>,
    asked: BTreeMap<Place, (Question, AbortHandle)>,
    all: JoinSet<()>,
}

impl Rounds {
    async fn run(mut self, mut orders: mpsc::Receiver<Order>) {
        while let Some(order) = orders.recv().await {
            match order {
                Order::Prove(table, answer) => self.prove(&table, answer),
                Order::Keep(table) => self.keep(&table),
                Order::Forget(service) => self.retain(|(of, _, _)| *of != service),
            }
            // Those that were told to end are taken off the list.
            while self.all.try_join_next().is_some() {}
        }
    }

    /// Asks the new instances of each release that has no other.
    fn prove(&self, table: &Arc<Checked>, answer: SyncSender<()>) {
        let mut releases = JoinSet::new();
        let mut places = questions(table);
        let is_proven = |place: &Place| self.proofs.proof(&place.0, place.1, place.2).get() != Proven::Not;
        for lane in &table.lanes {
            if places.iter().any(|(place, _)| place.1 == lane.release && is_proven(place)) {
                continue;
            }
            let mut questions = JoinSet::new();
            for (place, question) in places.extract_if(.., |(place, _)| place.1 == lane.release) {
                let proof = self.proofs.proof(&place.0, place.1, place.2);
                let room = Rc::clone(&self.room);
                questions.spawn_local(async move {
                    let heard = question.ask(&room).await;
                    proof.set(Row::new(&proof).hear(heard.is_good(), &question.active), heard);
                    heard.is_good()
                });
            }
            releases.spawn_local(async move {
                while let Some(answered) = questions.join_next().await {
                    if answered.is_ok_and(|good| good) {
                        break;
                    }
                }
                // The others may still answer.
                questions.detach_all();
            });
        }
        tokio::task::spawn_local(async move {
            while releases.join_next().await.is_some() {}
            let _ = answer.try_send(());
        });
    }

    fn keep(&mut self, table: &Arc<Checked>) {
        let wanted: BTreeMap<Place, Question> = questions(table).into_iter().collect();
        let stays = |place: &Place, question: &Question| {
            place.0 != table.service || wanted.get(place).is_some_and(|wanted| wanted == question)
        };
        self.asked.retain(|place, (question, task)| {
            let stays = stays(place, question);
            if !stays {
                task.abort();
            }
            stays
        });
        for (place, question) in wanted {
            if !self.asked.contains_key(&place) {
                let proof = self.proofs.proof(&place.0, place.1, place.2);
                let task = self.all.spawn_local(question.clone().ask_on(proof, Rc::clone(&self.room)));
                self.asked.insert(place, (question, task));
            }
        }
        self.forget_proofs(&table.service);
    }

    fn retain(&mut self, stays: impl Fn(&Place) -> bool) {
        self.asked.retain(|place, (_, task)| {
            let stays = stays(place);
            if !stays {
                task.abort();
            }
            stays
        });
        self.proofs.retain(stays);
    }

    /// What nobody is asked for is not remembered.
    fn forget_proofs(&self, service: &Subject) {
        self.proofs.retain(|place| place.0 != *service || self.asked.contains_key(place));
    }
}

/// Whom a table has asked, and how. An instance that drains gets no new work, however it does.
fn questions(table: &Checked) -> Vec<(Place, Question)> {
    let Some(active) = &table.care.active else { return Vec::new() };
    let lanes = table.lanes.iter().zip(table.reaches());
    let all =
        lanes.flat_map(|(lane, reach)| lane.endpoints.iter().map(move |endpoint| (lane, endpoint, reach.clone())));
    let open = all.filter(|(_, endpoint, _)| !endpoint.draining);
    let parsed = open.filter_map(|(lane, endpoint, reach)| {
        // What is no address is refused when the table is made ready.
        let address: SocketAddr = endpoint.address.parse().ok()?;
        Some(((table.service.clone(), lane.release, address), Question { address, reach, active: active.clone() }))
    });
    parsed.collect()
}
