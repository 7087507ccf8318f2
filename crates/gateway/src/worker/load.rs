//! Whether a worker has more to do than it gets done: then it tells some clients so at once, before any work
//! for them is done, so that the others are served in time.

use model::Span;
use std::cell::Cell;

/// A worker that comes to look at its times so much too late is late.
pub const LATE: Span = Span(250);
/// Being late so often in a row is no hiccup.
pub const LATE_TICKS: u32 = 4;
/// How many more of a hundred clients are sent away with each further time, and how many fewer when it is in time.
const STEP_PERCENT: u8 = 10;
/// The most of a hundred that are sent away: the others tell whether it is over.
const SHED_PERCENT_MAX: u8 = 90;

/// How much a worker has to do.
#[derive(Debug, Default)]
pub struct Load {
    late_ticks: Cell<u32>,
    shed_percent: Cell<u8>,
}

impl Load {
    /// It looked at its times, so much too late.
    pub fn tick(&self, late: Span) {
        if late < LATE {
            self.late_ticks.set(0);
            self.shed_percent.set(self.shed_percent.get().saturating_sub(STEP_PERCENT));
            return;
        }
        self.late_ticks.set(self.late_ticks.get().saturating_add(1));
        if self.late_ticks.get() >= LATE_TICKS {
            self.shed_percent.set((self.shed_percent.get() + STEP_PERCENT).min(SHED_PERCENT_MAX));
        }
    }

    /// How many of a hundred clients are sent away.
    pub fn shed_percent(&self) -> u8 {
        self.shed_percent.get()
    }

    /// Whether this one is.
    pub fn sheds(&self) -> bool {
        let percent = self.shed_percent.get();
        percent > 0 && fastrand::u8(..100) < percent
    }
}
