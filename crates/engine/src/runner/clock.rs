//! The time that the engine goes by.

use model::{Span, Time};

/// A wall clock that differs by this much from what a steady clock says has jumped.
pub(crate) const JUMP_MIN: Span = Span::seconds(2);

/// Engine time: it never goes back, moves with a steady clock, and follows the wall clock's jumps
/// forward while saying so.
#[derive(Clone, Copy, Debug)]
pub struct EngineClock {
    now: Time,
    steady: Time,
    /// How far the wall clock was behind when that was last told.
    behind: Span,
}

/// The wall clock has jumped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Jump {
    /// How far engine time followed it forward.
    pub by: Span,
    /// How far it is behind engine time now, because it was put back.
    pub behind: Span,
}

/// Engine time at one moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Now {
    pub(super) at: Time,
    /// How far the wall clock is behind it.
    pub(super) behind: Span,
}

impl EngineClock {
    /// Engine time from now on.
    pub fn new(wall: Time, steady: Time) -> Self {
        Self { now: wall, steady, behind: Span::ZERO }
    }

    /// The time now, without moving on.
    pub fn peek(&self, wall: Time, steady: Time) -> Time {
        let expected = self.now + steady.since(self.steady);
        if wall.since(expected) >= JUMP_MIN { wall } else { expected }
    }

    /// The time now, and the wall clock's jump since last asked. One that was put back is waited for:
    /// engine time goes on steadily meanwhile.
    pub fn tick(&mut self, wall: Time, steady: Time) -> (Time, Option<Jump>) {
        let expected = self.now + steady.since(self.steady);
        self.now = self.peek(wall, steady);
        self.steady = steady.max(self.steady);
        let jump = Jump { by: self.now.since(expected), behind: self.now.since(wall) };
        if jump.by == Span::ZERO && !differ(jump.behind, self.behind) {
            return (self.now, None);
        }
        self.behind = jump.behind;
        (self.now, Some(jump))
    }
}

/// Whether two distances between clocks differ by more than drift.
pub(super) fn differ(one: Span, other: Span) -> bool {
    one.0.abs_diff(other.0) >= JUMP_MIN.0
}
