//! How long a step, or a plan, takes at the shortest and at the longest.

use model::Span;
use model::plan::{DrainEnd, Step, Verb};
use std::fmt;
use std::ops::Add;

/// From the shortest to the longest. What nobody can decide may take longer: then a person is called.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Duration {
    /// Where everything is ready at once.
    pub shortest: Span,
    /// Where everything takes as long, and is tried as often, as it may.
    pub longest: Span,
    /// On top of that, at the longest: waiting for people, webhooks and the calendar.
    pub waiting: Span,
}

impl Duration {
    /// How long a step takes.
    pub fn of(step: &Step) -> Self {
        let limit = step.timeout * u64::from(step.attempts);
        match &step.verb {
            Verb::Observe { hold, .. } => Self { shortest: *hold, longest: *hold + limit, waiting: Span::ZERO },
            Verb::Approve { .. } => Self { shortest: Span::ZERO, longest: Span::ZERO, waiting: limit },
            Verb::Drain { end: DrainEnd::Timed { after }, .. } => {
                Self { shortest: *after, longest: *after + limit, waiting: Span::ZERO }
            }
            Verb::Drain { end: DrainEnd::Counted { deadline }, .. } => {
                Self { shortest: Span::ZERO, longest: *deadline + limit, waiting: Span::ZERO }
            }
            Verb::Notify { .. } => Self::default(),
            Verb::Start { .. }
            | Verb::Route { .. }
            | Verb::Hook { .. }
            | Verb::Migrate { .. }
            | Verb::Flag { .. }
            | Verb::Stop { .. } => Self { shortest: Span::ZERO, longest: limit, waiting: Span::ZERO },
        }
    }

    /// Whichever of two ways is taken.
    pub fn or(self, other: Self) -> Self {
        Self {
            shortest: self.shortest.min(other.shortest),
            longest: self.longest.max(other.longest),
            waiting: self.waiting.max(other.waiting),
        }
    }
}

impl Add for Duration {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self {
            shortest: self.shortest + other.shortest,
            longest: self.longest + other.longest,
            waiting: self.waiting + other.waiting,
        }
    }
}

impl fmt::Display for Duration {
    /// As it stands in a table: `5m – 15m`, `≤ 3m`, `waits ≤ 1d`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (none, waits) = (Span::ZERO, self.waiting > Span::ZERO);
        match (self.shortest, self.longest) {
            (_, longest) if longest == none && !waits => f.write_str("at once")?,
            (_, longest) if longest == none => return write!(f, "waits ≤ {}", self.waiting),
            (shortest, longest) if shortest == none => write!(f, "≤ {longest}")?,
            (shortest, longest) => write!(f, "{shortest} – {longest}")?,
        }
        if waits { write!(f, ", waits ≤ {}", self.waiting) } else { Ok(()) }
    }
}
