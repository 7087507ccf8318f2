//! How often a release's requests may be asked again: when much fails, asking everything again would
//! bury what is left.

use std::cell::Cell;
use wire::table::Retries;

/// Requests earn further tries for later, but no more than so many.
const EARNED_TRIES_MAX: u32 = 100;
/// What a try costs: a request earns its budget of this.
const TRY: u32 = 10_000;

/// What is left of the budget.
#[derive(Debug, Default)]
pub(super) struct Budget {
    earned: Cell<u32>,
    /// Tries of the current second that need not be earned.
    free_used: Cell<u32>,
    second: Cell<u64>,
}

impl Budget {
    /// One more request.
    pub(super) fn earn(&self, retries: &Retries) {
        let earned = self.earned.get() + u32::from(retries.budget.basis_points());
        self.earned.set(earned.min(EARNED_TRIES_MAX * TRY));
    }

    /// One more try, if there is enough left for it.
    pub(super) fn spend(&self, retries: &Retries, now_ms: u64) -> bool {
        if self.second.replace(now_ms / 1_000) != now_ms / 1_000 {
            self.free_used.set(0);
        }
        if self.free_used.get() < retries.per_second_min {
            self.free_used.set(self.free_used.get() + 1);
            return true;
        }
        let left = self.earned.get().checked_sub(TRY);
        self.earned.set(left.unwrap_or(self.earned.get()));
        left.is_some()
    }
}
