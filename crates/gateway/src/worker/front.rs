//! What comes in, before it is known whose it is.

use std::cell::Cell;
use wire::counts::{Service, Worker};

/// What came in.
#[derive(Debug, Default)]
pub(crate) struct Front {
    accepted: Cell<u64>,
    refused: Cell<u64>,
    unserved: Cell<u64>,
    shed: Cell<u64>,
}

impl Front {
    /// A connection was accepted.
    pub(crate) fn accepted(&self) {
        self.accepted.set(self.accepted.get() + 1);
    }

    /// A request was none.
    pub(crate) fn refused(&self) {
        self.refused.set(self.refused.get() + 1);
    }

    /// There is no service for a request.
    pub(crate) fn unserved(&self) {
        self.unserved.set(self.unserved.get() + 1);
    }

    /// A client was sent away, because there was more to do than got done.
    pub(crate) fn shed(&self) {
        self.shed.set(self.shed.get() + 1);
    }

    /// All that a worker counted. Which one it is, whoever asked it knows.
    pub(crate) fn tell(&self, clients: usize, services: Vec<Service>) -> Worker {
        Worker {
            number: 0,
            clients: clients as u64,
            accepted: self.accepted.get(),
            refused: self.refused.get(),
            unserved: self.unserved.get(),
            shed: self.shed.get(),
            services,
        }
    }
}
