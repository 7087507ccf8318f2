//! Why a request is not taken, and the status that says so.

use std::fmt;

/// A request that is not taken, or an answer that is not passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The status of the answer.
    pub status: u16,
    /// What is wrong with it, for the log and the page.
    pub why: &'static str,
}

impl Refusal {
    /// 400: what it says can be read in two ways, or in none.
    pub(crate) const fn bad(why: &'static str) -> Self {
        Self { status: 400, why }
    }

    /// The same with another status.
    pub(crate) const fn of(status: u16, why: &'static str) -> Self {
        Self { status, why }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.status, self.why)
    }
}
