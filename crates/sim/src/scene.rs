//! A world without faults, told what to land and moved on as slowly as somebody looks: for showing,
//! where [`crate::run`] is for proving.

use crate::host::Host;
use crate::random::Random;
use crate::scenario::Scenario;
use crate::store::SimStore;
use crate::world::{Behaviour, SharedWorld, World};
use crate::worlds::Worlds;
use engine::facts::Facts;
use engine::journal::entry::{Ask, Entry, Input};
use engine::store::{Attribution, Position, Store};
use model::{CheckName, Release, RolloutNumber, Service, Subject, Time, Verdict};
use std::collections::BTreeMap;
use std::sync::{Arc, MutexGuard};

/// How many routers there are.
const MEMBERS: u64 = 2;

/// See the module.
pub struct Scene {
    world: SharedWorld,
    worlds: Worlds,
    store: Arc<SimStore>,
    subject: Subject,
    host: Host,
    inputs: u64,
}

impl Scene {
    /// A service that has never been deployed, and a controller that starts.
    pub fn new(seed: u64, service: Service, facts: Facts) -> Self {
        let mut world = World::new(Random::new(seed), facts.clone(), Time(0), 0);
        let subject = service.subject();
        let members = if facts.router.is_some() { MEMBERS } else { 0 };
        Scenario { service, facts, members, autoscaled: false, troubled: false }.furnish(&mut world);
        let world = SharedWorld::new(world);
        let worlds = Worlds::one(&subject, &world);
        let store = Arc::new(SimStore::new(&worlds));
        let shared: Arc<dyn Store> = store.clone();
        let host = Host::new(0, &worlds, &shared);
        Self { world, worlds, store, subject, host, inputs: 0 }
    }

    /// Somebody deploys a release that will behave like this. Heard only by a controller that leads.
    pub fn deploy(&mut self, who: &str, release: Arc<Release>, behaviour: Behaviour) {
        self.world.lock().behaviours.insert(release.number, behaviour);
        self.inputs += 1;
        let by = Attribution { who: who.into(), from: "cli".into(), why: String::new() };
        let now = self.now();
        self.host.ask(
            now,
            &self.subject,
            Input { id: format!("input-{}", self.inputs), by, ask: Ask::Deploy { release }, aim: None },
        );
    }

    /// Everything happens that happens until then.
    pub fn advance_to(&mut self, until: Time) {
        loop {
            // Asked before time moves: a controller never wants to be woken at once.
            let turn = self.host.wake_at(self.now());
            let now = turn.min(self.next_happening());
            if now > until {
                self.world.lock().now = until;
                return;
            }
            self.worlds.move_to(now);
            while let Some(task) = self.worlds.pop_wake() {
                self.host.poll(now, task);
            }
            if turn <= now {
                self.host.turn(now);
            }
        }
    }

    /// When something happens that is not the controller's own doing; the end of time where nothing will.
    fn next_happening(&self) -> Time {
        self.worlds.next().unwrap_or(Time(u64::MAX)).max(self.now())
    }

    /// The true time.
    pub fn now(&self) -> Time {
        self.world.lock().now
    }

    /// The world as it is now; the journal's fold is its checker's state.
    pub fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock()
    }

    /// What the controller last heard of each check in this rollout.
    pub fn verdicts(&self, rollout: RolloutNumber) -> BTreeMap<CheckName, Verdict> {
        let Some(desk) = self.host.runner().and_then(|runner| runner.desk(&self.subject)) else {
            return BTreeMap::new();
        };
        let heard = desk.seen().readings.iter().filter(|(_, look)| look.seen.rollout == rollout);
        heard.map(|(check, look)| (check.clone(), look.seen.verdict)).collect()
    }

    /// What was written after a position, with its place and time.
    pub fn written(&self, after: Position) -> Vec<(Position, Time, Entry)> {
        let records = self.store.journal(&self.subject).into_iter().filter(|record| record.position > after);
        records
            .filter_map(|record| {
                let entry = serde_json::from_str(&record.line.body).ok()?;
                Some((record.position, record.line.at, entry))
            })
            .collect()
    }
}
