//! The time that the engine goes by.

use model::{Span, Time};

/// A wall clock that is further ahead than this of what a steady clock says has jumped.
pub(crate) const JUMP_MIN: Span = Span::seconds(2);

/// Engine time: it never goes back, moves with a steady clock, and follows the wall clock's jumps
/// forward while saying so.
#[derive(Clone, Copy, Debug)]
pub struct EngineClock {
    now: Time,
    steady: Time,
}

impl EngineClock {
    /// Engine time from now on: not before what was written last.
    pub fn new(wall: Time, steady: Time, last_entry: Time) -> Self {
        Self { now: wall.max(last_entry), steady }
    }

    /// The time now, and how far the wall clock has jumped forward since last asked. A wall clock
    /// that was put back is waited for: the engine's time goes on steadily meanwhile.
    pub fn tick(&mut self, wall: Time, steady: Time) -> (Time, Option<Span>) {
        let expected = self.now + steady.since(self.steady);
        self.steady = steady.max(self.steady);
        let ahead = wall.since(expected);
        if ahead >= JUMP_MIN {
            self.now = wall;
            return (wall, Some(ahead));
        }
        self.now = expected;
        (expected, None)
    }
}
