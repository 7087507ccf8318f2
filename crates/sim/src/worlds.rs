//! The services of one run, each in a world of its own: what they share is the time, the controllers
//! that look after them, and the store.

use crate::story::{Teller, Told};
use crate::world::SharedWorld;
use model::{Subject, Time};
use std::collections::BTreeMap;
use std::sync::Arc;

/// See the module. Never empty.
#[derive(Clone)]
pub struct Worlds(Arc<BTreeMap<Subject, SharedWorld>>);

impl Worlds {
    /// These.
    pub fn new(worlds: impl IntoIterator<Item = (Subject, SharedWorld)>) -> Self {
        let worlds: BTreeMap<_, _> = worlds.into_iter().collect();
        assert!(!worlds.is_empty(), "a run is about at least one service");
        Self(Arc::new(worlds))
    }

    /// Only this one.
    pub fn one(subject: &Subject, world: &SharedWorld) -> Self {
        Self::new([(subject.clone(), world.clone())])
    }

    /// The world of a service; of what is about none, the first.
    pub fn of(&self, subject: Option<&Subject>) -> &SharedWorld {
        let first = || self.0.values().next().unwrap_or_else(|| unreachable!("it is never empty"));
        subject.and_then(|subject| self.0.get(subject)).unwrap_or_else(first)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (&Subject, &SharedWorld)> {
        self.0.iter()
    }

    /// The true time.
    pub fn now(&self) -> Time {
        self.of(None).lock().now
    }

    /// When something happens next by itself, or is answered.
    pub fn next(&self) -> Option<Time> {
        let next = |world: &SharedWorld| {
            let world = world.lock();
            let happens = world.under_way.keys().next().map(|(at, _)| *at);
            happens.into_iter().chain(world.next_wake()).min()
        };
        self.0.values().filter_map(next).min()
    }

    /// It is now that late, and everything that is due has happened.
    pub fn move_to(&self, now: Time) {
        for world in self.0.values() {
            let mut world = world.lock();
            world.now = now;
            world.happen();
        }
    }

    /// A task that wants to be polled by now.
    pub fn pop_wake(&self) -> Option<u64> {
        self.0.values().find_map(|world| world.lock().pop_wake())
    }

    /// A line of the story that is about no service.
    pub fn tell(&self, by: Teller, words: impl FnOnce() -> String) {
        let world = self.of(None).lock();
        world.story.tell(|| Told { at: world.now, service: String::new(), by, words: words() });
    }

    /// Whether something is broken somewhere.
    pub fn are_broken(&self) -> bool {
        self.0.values().any(|world| !world.lock().checker.broken.is_empty())
    }
}
