//! Answers that are none yet, like a 100 or a 103: how many an instance may give before its answer. Nothing holds them
//! back on their way in HTTP/2, so whoever gives more has failed.

use super::answer::Failed;

/// The most of them before one answer: enough for hints, and for whoever says now and then that it is still at work.
const INTERIM_MAX: usize = 32;
/// What all of them may say together, in bytes: as much as the head of one answer.
const INTERIM_BYTES_MAX: usize = 32 << 10;

/// What becomes of whoever gives more.
pub(crate) const ENDLESS: Failed = Failed::Instance(502, "the instance never came to its answer\n");

/// Those that came before one answer.
#[derive(Debug, Default)]
pub(crate) struct Interim {
    heads: usize,
    bytes: usize,
}

impl Interim {
    /// Another one of so many bytes came.
    pub(crate) fn came(&mut self, bytes: usize) -> Result<(), Failed> {
        self.heads += 1;
        self.bytes += bytes;
        let is_bounded = self.heads <= INTERIM_MAX && self.bytes <= INTERIM_BYTES_MAX;
        if is_bounded { Ok(()) } else { Err(ENDLESS) }
    }

    /// Whether the instance has said anything.
    pub(crate) fn has_come(&self) -> bool {
        self.heads > 0
    }
}
