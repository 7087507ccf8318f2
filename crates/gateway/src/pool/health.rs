//! How an instance does, as one worker sees it. That it has proven healthy is found out once for all
//! workers (`probe`); what its answers to clients tell, each worker sees for itself.

use crate::probe::{Heard, Proof, Proven};
use model::{Share, Span};
use std::cell::{Cell, RefCell};
use std::sync::Arc;
use wire::table::Passive;

/// All of its part.
pub(super) const WHOLE: u16 = 10_000;
/// The part of its part that a new instance begins with.
const WEIGHT_MIN: u64 = 1_000;
/// How long answers are gathered before instances are compared.
const OUTLIER_EVERY: Span = Span::seconds(10);
/// An instance that was asked less often in that time is not compared.
pub const OUTLIER_REQUESTS_MIN: u32 = 50;
/// With fewer instances to compare, nobody stands out.
pub const OUTLIER_INSTANCES_MIN: usize = 3;

/// How an instance does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Condition {
    /// It is given work.
    Good,
    /// It was asked how it is, and has not answered well yet.
    Unproven,
    /// It answered well once, and does so no more.
    Sick,
    /// Its answers to clients were bad: it rests for a while.
    Ejected,
}

/// How an instance does, as one worker sees it.
#[derive(Debug)]
pub(super) struct Health {
    /// None where nobody asks it: it has nothing to prove.
    proof: RefCell<Option<Arc<Proof>>>,
    failures: Cell<u32>,
    ejected_until_ms: Cell<Option<u64>>,
    /// It was given a request while it rested.
    tried: Cell<bool>,
    /// How often it was ejected: each time is twice as long. One is forgotten whenever it does well for long.
    ejections: Cell<u32>,
    /// From when on one less of them counts.
    forgiven_ms: Cell<u64>,
    /// It was given work when last looked.
    given: Cell<bool>,
    /// Since when, while it is new.
    given_since_ms: Cell<Option<u64>>,
    weight: Cell<u16>,
    window: Cell<Window>,
}

/// Its answers since instances were last compared.
#[derive(Clone, Copy, Debug, Default)]
struct Window {
    good: u32,
    bad: u32,
}

impl Default for Health {
    fn default() -> Self {
        Self {
            proof: RefCell::default(),
            failures: Cell::new(0),
            ejected_until_ms: Cell::new(None),
            tried: Cell::new(false),
            ejections: Cell::new(0),
            forgiven_ms: Cell::new(0),
            given: Cell::new(false),
            given_since_ms: Cell::new(None),
            weight: Cell::new(WHOLE),
            window: Cell::default(),
        }
    }
}

impl Health {
    /// From now on this tells whether it is well.
    pub(super) fn is_told_by(&self, proof: Option<Arc<Proof>>) {
        *self.proof.borrow_mut() = proof;
    }

    /// How it does.
    pub(super) fn condition(&self) -> Condition {
        match self.proof.borrow().as_ref().map_or(Proven::Good, |proof| proof.get()) {
            Proven::Not => Condition::Unproven,
            Proven::Sick => Condition::Sick,
            Proven::Good if self.is_ejected() => Condition::Ejected,
            Proven::Good => Condition::Good,
        }
    }

    /// What it said when it was asked last; none where nobody asks it.
    pub(super) fn heard(&self) -> Option<Heard> {
        self.proof.borrow().as_ref().map(|proof| proof.heard())
    }

    pub(super) fn is_ejected(&self) -> bool {
        self.ejected_until_ms.get().is_some()
    }

    /// It is given a request although it rests.
    pub(super) fn is_tried(&self) {
        self.tried.set(self.is_ejected());
    }

    /// It did well: whether it rested until now, and was tried.
    pub(super) fn is_back(&self) -> bool {
        let back = self.tried.take() && self.is_ejected();
        if back {
            self.ejected_until_ms.set(None);
        }
        back
    }

    /// Failures in a row.
    pub(super) fn failures(&self) -> u32 {
        self.failures.get()
    }

    /// How much of its part it gets.
    pub(super) fn weight(&self) -> u16 {
        self.weight.get()
    }

    /// It answered a client. Whether it has now failed too often in a row.
    pub(super) fn answered(&self, good: bool, passive: &Passive) -> bool {
        if passive.outlier.is_some() {
            let Window { good: well, bad: badly } = self.window.get();
            self.window.set(Window { good: well + u32::from(good), bad: badly + u32::from(!good) });
        }
        if good {
            self.failures.set(0);
            return false;
        }
        self.failures.set(self.failures.get() + 1);
        passive.failures > 0 && self.failures.get() >= passive.failures && !self.is_ejected()
    }

    /// It rests.
    pub(super) fn eject(&self, passive: &Passive, now_ms: u64) {
        let doubled = passive.eject.0.saturating_mul(1_u64.checked_shl(self.ejections.get()).unwrap_or(u64::MAX));
        self.ejected_until_ms.set(Some(now_ms.saturating_add(doubled.min(passive.eject_max.0))));
        self.ejections.set((self.ejections.get() + 1).min(u64::BITS - 1));
        self.failures.set(0);
        self.tried.set(false);
        self.window.take();
    }

    /// Time has passed: it comes back, and what it did is forgiven step by step.
    pub(super) fn pass(&self, passive: &Passive, now_ms: u64) {
        match self.ejected_until_ms.get() {
            Some(until) if until > now_ms => {}
            Some(_) => {
                self.ejected_until_ms.set(None);
                self.forgiven_ms.set(now_ms.saturating_add(passive.eject_max.0));
            }
            None if self.ejections.get() > 0 && self.forgiven_ms.get() <= now_ms => {
                self.ejections.set(self.ejections.get() - 1);
                self.forgiven_ms.set(now_ms.saturating_add(passive.eject_max.0));
            }
            None => {}
        }
    }

    /// Whether it is given work from now on. One that is new, or was away, begins with little, unless all
    /// that serve are new.
    pub(super) fn give(&self, given: bool, new_is_whole: bool, slow_start: Option<Span>, now_ms: u64) {
        let before = self.given.replace(given);
        if given && !before && !new_is_whole && slow_start.is_some() {
            self.given_since_ms.set(Some(now_ms));
        }
        let weight = match (self.given_since_ms.get(), slow_start) {
            (Some(since), Some(span)) if given && now_ms.saturating_sub(since) < span.0 => {
                (now_ms.saturating_sub(since) * u64::from(WHOLE) / span.0).max(WEIGHT_MIN) as u16
            }
            _ => {
                self.given_since_ms.set(None);
                WHOLE
            }
        };
        self.weight.set(weight);
    }
}

/// Instances whose answers are compared with one another's.
#[derive(Debug, Default)]
pub(super) struct Outliers {
    compared_ms: Cell<u64>,
}

impl Outliers {
    /// Which of these, by their place, answer well so much less often than all the others do together.
    pub(super) fn find<'a>(&self, of: impl Iterator<Item = &'a Health> + Clone, by: Share, now_ms: u64) -> Vec<usize> {
        if now_ms.saturating_sub(self.compared_ms.get()) < OUTLIER_EVERY.0 {
            return Vec::new();
        }
        self.compared_ms.set(now_ms);
        let windows: Vec<Window> = of.map(|health| health.window.take()).collect();
        stand_out(&windows, by)
    }
}

fn stand_out(windows: &[Window], by: Share) -> Vec<usize> {
    let is_compared = |window: &&Window| window.good + window.bad >= OUTLIER_REQUESTS_MIN;
    let compared: Vec<_> = windows.iter().filter(is_compared).collect();
    if compared.len() < OUTLIER_INSTANCES_MIN {
        return Vec::new();
    }
    let (good, all) = compared.iter().fold((0, 0), |(good, all), window| {
        (good + u64::from(window.good), all + u64::from(window.good) + u64::from(window.bad))
    });
    let worse = |window: &Window| {
        let (here, asked) = (u64::from(window.good), u64::from(window.good) + u64::from(window.bad));
        let share = |good: u64, all: u64| (good * u64::from(WHOLE)).checked_div(all).unwrap_or_default();
        share(here, asked) + u64::from(by.basis_points()) < share(good - here, all - asked)
    };
    let stands_out = |window: &Window| is_compared(&window) && worse(window);
    windows.iter().enumerate().filter(|(_, window)| stands_out(window)).map(|(place, _)| place).collect()
}
