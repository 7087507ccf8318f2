//! The clock at the bench's edge.

use model::Time;
use std::time::{Duration, Instant, SystemTime};

/// Wall clock at the start, steady from then on.
#[derive(Clone, Copy)]
pub(super) struct Clock {
    wall: u64,
    begun: Instant,
}

impl Clock {
    /// A clock that begins now.
    #[allow(clippy::disallowed_methods)] // The bench's edge: everything else gets its time from here.
    pub(super) fn new() -> Self {
        let wall = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Self { wall: u64::try_from(wall.as_millis()).unwrap_or(0), begun: Instant::now() }
    }

    /// Since it began.
    pub(super) fn elapsed(&self) -> Duration {
        self.begun.elapsed()
    }

    /// The same in nanoseconds.
    pub(super) fn nanoseconds(&self) -> u64 {
        u64::try_from(self.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    /// The engine's time.
    pub(super) fn now(&self) -> Time {
        Time(self.wall + u64::try_from(self.elapsed().as_millis()).unwrap_or(0))
    }
}
