//! What was found out about an instance: written by one thread, read by all workers.

use super::Place;
use model::{ReleaseNumber, Subject};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use wire::table::Active;

/// What is known of an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proven {
    /// It has not answered well yet.
    Not,
    /// It is well.
    Good,
    /// It was well once.
    Sick,
}

/// What an instance answered when it was asked how it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// It was not asked yet.
    Nothing,
    /// This status.
    Status(u16),
    /// It takes no connection.
    NoConnection,
    /// It did not answer in time.
    NoAnswer,
    /// Its answer is none of HTTP.
    NoHttp,
}

impl Heard {
    /// Whether it is well.
    pub fn is_good(self) -> bool {
        matches!(self, Self::Status(200..=399))
    }
}

impl std::fmt::Display for Heard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Nothing => f.write_str("was not asked yet"),
            Self::Status(status) => write!(f, "answered {status}"),
            Self::NoConnection => f.write_str("takes no connection"),
            Self::NoAnswer => f.write_str("did not answer in time"),
            Self::NoHttp => f.write_str("answers no HTTP"),
        }
    }
}

/// What is known of one instance, and what it said last: one number, so that nobody sees half of it.
#[derive(Debug, Default)]
pub struct Proof(AtomicU32);

impl Proof {
    /// What is known.
    pub fn get(&self) -> Proven {
        match self.0.load(Ordering::Relaxed) >> 16 {
            0 => Proven::Not,
            1 => Proven::Good,
            _ => Proven::Sick,
        }
    }

    /// What it said last.
    pub fn heard(&self) -> Heard {
        match (self.0.load(Ordering::Relaxed) & 0xffff) as u16 {
            0 => Heard::Nothing,
            1 => Heard::NoConnection,
            2 => Heard::NoAnswer,
            3 => Heard::NoHttp,
            status => Heard::Status(status),
        }
    }

    /// What is known from now on.
    pub fn set(&self, proven: Proven, heard: Heard) {
        let known = match proven {
            Proven::Not => 0,
            Proven::Good => 1,
            Proven::Sick => 2,
        };
        let said = match heard {
            Heard::Nothing => 0,
            Heard::NoConnection => 1,
            Heard::NoAnswer => 2,
            Heard::NoHttp => 3,
            Heard::Status(status) => status,
        };
        self.0.store(known << 16 | u32::from(said), Ordering::Relaxed);
    }
}

/// Good or bad answers in a row, and what follows from them.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    proven: Proven,
    /// Answers that speak against what is known.
    against: u32,
}

impl Row {
    /// From what is known.
    pub fn new(proof: &Proof) -> Self {
        Self { proven: proof.get(), against: 0 }
    }

    /// One more answer: what is known now. The first good one proves an instance; later ones have to come
    /// in a row.
    pub fn hear(&mut self, good: bool, active: &Active) -> Proven {
        let needed = match (self.proven, good) {
            (Proven::Not, true) => 1,
            (Proven::Good, false) => active.fall.max(1),
            (Proven::Sick, true) => active.rise.max(1),
            (Proven::Not | Proven::Sick, false) | (Proven::Good, true) => {
                self.against = 0;
                return self.proven;
            }
        };
        self.against += 1;
        if self.against >= needed {
            self.against = 0;
            self.proven = if good { Proven::Good } else { Proven::Sick };
        }
        self.proven
    }
}

/// What is known of all instances. It is locked when a table is taken, never on the way of a request.
#[derive(Debug, Default)]
pub struct Proofs {
    all: Mutex<BTreeMap<Place, Arc<Proof>>>,
}

impl Proofs {
    /// What is known of this one, from now on.
    pub fn proof(&self, service: &Subject, release: ReleaseNumber, address: SocketAddr) -> Arc<Proof> {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(all.entry((service.clone(), release, address)).or_default())
    }

    pub(super) fn retain(&self, stays: impl Fn(&Place) -> bool) {
        self.all.lock().unwrap_or_else(PoisonError::into_inner).retain(|place, _| stays(place));
    }
}
