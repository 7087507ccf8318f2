//! Where requests wait for the end of a hold: each service has a lot, which outlives its tables.

use std::cell::Cell;
use std::rc::Rc;
use tokio::sync::Notify;
use tokio::sync::futures::Notified;

/// The requests of one service that wait, as one worker sees them.
#[derive(Debug, Default)]
pub struct Lot {
    parked: Cell<u32>,
    changed: Notify,
}

/// A request that waits. It counts until it is dropped.
#[derive(Debug)]
pub struct Parked {
    lot: Rc<Lot>,
}

impl Lot {
    /// A place in it, where fewer than so many are taken.
    pub fn enter(self: &Rc<Self>, most: u32) -> Option<Parked> {
        let parked = self.parked.get();
        (parked < most).then(|| {
            self.parked.set(parked + 1);
            Parked { lot: Rc::clone(self) }
        })
    }

    /// How many wait.
    pub fn parked(&self) -> u32 {
        self.parked.get()
    }

    /// There is another table: all that wait look again, in the order in which they came.
    pub fn change(&self) {
        self.changed.notify_waiters();
    }
}

impl Parked {
    /// Returns when there is another table.
    pub fn changed(&self) -> Notified<'_> {
        self.lot.changed.notified()
    }
}

impl Drop for Parked {
    fn drop(&mut self) {
        self.lot.parked.set(self.lot.parked.get() - 1);
    }
}
