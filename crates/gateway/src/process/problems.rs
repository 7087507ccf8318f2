//! What is not as it should be with tables, for whoever asks how the gateway is.

use crate::clock::now;
use std::collections::BTreeMap;
use wire::problem::{Kind, Problem};

/// What is not as it should be with tables: as many at the most as there are tables, live and saved.
#[derive(Debug, Default)]
pub(crate) struct Problems {
    all: BTreeMap<(Kind, String), Problem>,
}

impl Problems {
    /// It is so. One that is known has been there since it was seen first.
    pub(crate) fn add(&mut self, kind: Kind, of: String, why: String) {
        let since = self.all.get(&(kind, of.clone())).map_or_else(now, |known| known.since);
        self.all.insert((kind, of.clone()), Problem { kind, of, why, since });
    }

    /// It is not so any more.
    pub(crate) fn remove(&mut self, kind: Kind, of: &str) {
        self.all.remove(&(kind, of.to_owned()));
    }

    /// Of this kind there are these, each with its why, and no others.
    pub(crate) fn set(&mut self, kind: Kind, found: BTreeMap<String, String>) {
        self.all.retain(|(known, of), _| *known != kind || found.contains_key(of));
        found.into_iter().for_each(|(of, why)| self.add(kind, of, why));
    }

    pub(crate) fn has(&self, kind: Kind) -> bool {
        self.all.keys().any(|(known, _)| *known == kind)
    }

    /// Whose it is with this kind.
    pub(crate) fn of(&self, kind: Kind) -> impl Iterator<Item = &str> {
        self.all.keys().filter(move |(known, _)| *known == kind).map(|(_, of)| &**of)
    }

    pub(crate) fn told(&self) -> Vec<Problem> {
        self.all.values().cloned().collect()
    }
}
