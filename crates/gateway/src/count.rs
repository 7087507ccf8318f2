//! What became of requests: counted for the release that they were given to, whoever answered.

use crate::histogram::Histogram;

/// What became of the requests that one release was given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Those that the shares sent there.
    pub split: Outcomes,
    /// Those that a match sent there: never compared with the others.
    pub matched: Outcomes,
}

/// What became of requests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcomes {
    /// Answers by the first digit of their status, from 1 to 5; those of the gateway's own, where no
    /// instance answered, are among them.
    pub classes: [u64; 5],
    /// Answers that the gateway gave because no instance did.
    pub unanswered: u64,
    /// Answers that ended in the middle, or whose client went away.
    pub broken: u64,
    /// Further tries, after the first instance took nothing.
    pub retries: u64,
    /// How long answers took, to their end.
    pub times: Histogram,
}

/// What became of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// An instance answered with this status.
    Answered(u16),
    /// The gateway did, because no instance would.
    Unanswered(u16),
    /// Nobody heard the end.
    Broken,
}

impl Outcomes {
    /// One more, after so many further tries and microseconds.
    pub fn add(&mut self, end: End, retries: u64, micros: u64) {
        self.retries += retries;
        let status = match end {
            End::Answered(status) => status,
            End::Unanswered(status) => {
                self.unanswered += 1;
                status
            }
            End::Broken => {
                self.broken += 1;
                return;
            }
        };
        if let Some(class) = self.classes.get_mut(usize::from((status / 100).saturating_sub(1))) {
            *class += 1;
        }
        self.times.add(micros);
    }

    /// How many there were.
    pub fn requests(&self) -> u64 {
        self.classes.iter().sum::<u64>() + self.broken
    }

    /// Together with another's.
    pub fn merge(&mut self, other: &Self) {
        self.classes.iter_mut().zip(other.classes).for_each(|(count, more)| *count += more);
        self.unanswered += other.unanswered;
        self.broken += other.broken;
        self.retries += other.retries;
        self.times.merge(&other.times);
    }
}

impl Counts {
    /// Together with another's.
    pub fn merge(&mut self, other: &Self) {
        self.split.merge(&other.split);
        self.matched.merge(&other.matched);
    }
}
