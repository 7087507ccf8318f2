//! One row: what became of requests of one class that came the same way to one release.

use super::Histogram;
use wire::counts::{Outcomes, Way};

/// What became of requests.
#[derive(Clone, Debug, Default)]
pub(crate) struct Row {
    /// Those under way.
    pub(crate) open: u64,
    statuses: [u64; 5],
    unanswered: u64,
    broken: u64,
    left: u64,
    retries: u64,
    pub(crate) slow: u64,
    received: u64,
    sent: u64,
    times: Histogram,
}

/// How one request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// An instance answered with this status.
    Answered(u16),
    /// The gateway did, because no instance would.
    Unanswered(u16),
    /// The instance broke its answer off.
    Broken,
    /// The client went away, or was sent away because the instance does: nobody's fault.
    Left,
}

impl End {
    /// Whether this is the release's fault.
    pub(crate) fn is_bad(self) -> bool {
        match self {
            Self::Answered(status) | Self::Unanswered(status) => status >= 500,
            Self::Broken => true,
            Self::Left => false,
        }
    }
}

/// What became of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    /// How it ended.
    pub end: End,
    /// After so many further tries.
    pub retries: u64,
    /// Bytes of its body.
    pub received: u64,
    /// Bytes of its answer's body.
    pub sent: u64,
}

impl Row {
    /// One has ended, after so long.
    pub(crate) fn add(&mut self, ended: &Ended, micros: u64) {
        self.retries += ended.retries;
        self.received += ended.received;
        self.sent += ended.sent;
        let status = match ended.end {
            End::Answered(status) => status,
            End::Unanswered(status) => {
                self.unanswered += 1;
                status
            }
            End::Broken => {
                self.broken += 1;
                return;
            }
            End::Left => {
                self.left += 1;
                return;
            }
        };
        if let Some(count) = self.statuses.get_mut(usize::from((status / 100).saturating_sub(1))) {
            *count += 1;
        }
        self.times.add(micros);
    }

    /// How many have ended.
    pub(crate) fn ended(&self) -> u64 {
        self.statuses.iter().sum::<u64>() + self.broken + self.left
    }

    /// Together with another's.
    pub(crate) fn merge(&mut self, other: &Self) {
        let Self { open, statuses, unanswered, broken, left, retries, slow, received, sent, times } = other;
        self.statuses.iter_mut().zip(statuses).for_each(|(count, more)| *count += more);
        self.open += open;
        self.unanswered += unanswered;
        self.broken += broken;
        self.left += left;
        self.retries += retries;
        self.slow += slow;
        self.received += received;
        self.sent += sent;
        self.times.merge(times);
    }

    pub(crate) fn tell(&self, class: &str, way: Way) -> Outcomes {
        Outcomes {
            class: class.to_owned(),
            way,
            open: self.open,
            statuses: self.statuses,
            unanswered: self.unanswered,
            broken: self.broken,
            left: self.left,
            retries: self.retries,
            slow: self.slow,
            received: self.received,
            sent: self.sent,
            times: self.times.iter().collect(),
        }
    }
}
