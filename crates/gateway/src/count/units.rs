//! The first time that something bad happened to a unit that sticks: one broken session that comes again
//! and again must not look like a hundred.

use model::{ReleaseNumber, Span};
use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use wire::counts::{Bad, UnitEvent};

/// The most first bad events that a worker remembers of one service.
pub const UNITS_MAX: usize = 4_096;

/// First bad events under one salt: another one makes other units of the same people.
#[derive(Debug, Default)]
pub(crate) struct Units {
    salt: RefCell<Vec<u8>>,
    known: RefCell<BTreeSet<(u64, Bad)>>,
    events: RefCell<Vec<UnitEvent>>,
    lost: Cell<u64>,
}

impl Units {
    /// From now on units are those of this salt.
    pub(crate) fn under(&self, salt: &[u8]) {
        if *self.salt.borrow() != salt {
            self.salt.replace(salt.to_vec());
            self.known.borrow_mut().clear();
            self.events.borrow_mut().clear();
        }
    }

    /// Something bad happened to this unit.
    pub(crate) fn note(&self, unit: u64, bad: Bad, generation: u64, release: ReleaseNumber, at: Span) {
        let mut known = self.known.borrow_mut();
        if known.contains(&(unit, bad)) {
            return;
        }
        if known.len() >= UNITS_MAX {
            self.lost.set(self.lost.get() + 1);
            return;
        }
        known.insert((unit, bad));
        self.events.borrow_mut().push(UnitEvent { unit, bad, at, generation, release });
    }

    /// All first bad events, in their order, and how many there was no room for.
    pub(crate) fn tell(&self) -> (Vec<UnitEvent>, u64) {
        (self.events.borrow().clone(), self.lost.get())
    }
}
