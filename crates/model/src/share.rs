//! A share of traffic, exact to a hundredth of a percent.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A share in hundredths of a percent: never above 100 %.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u16", into = "u16")]
pub struct Share(u16);

impl Share {
    /// Nothing.
    pub const NONE: Share = Share(0);
    /// Everything.
    pub const ALL: Share = Share(10_000);

    /// A share from hundredths of a percent; none where it is more than everything.
    pub const fn from_basis_points(points: u16) -> Option<Share> {
        if points <= 10_000 { Some(Share(points)) } else { None }
    }

    /// A share from whole percent, cut off at everything.
    pub const fn percent(percent: u16) -> Share {
        if percent >= 100 { Share::ALL } else { Share(percent * 100) }
    }

    /// `part` of `whole`, rounded down, so that parts never sum to more than everything.
    pub fn of(part: u32, whole: u32) -> Share {
        if whole == 0 || part >= whole {
            return Share::ALL;
        }
        // `part < whole`, so the quotient is below 10 000 and fits.
        Share((u64::from(part) * 10_000 / u64::from(whole)) as u16)
    }

    /// In hundredths of a percent.
    pub const fn basis_points(self) -> u16 {
        self.0
    }

    /// What is left for the others.
    pub const fn rest(self) -> Share {
        Share(10_000 - self.0)
    }

    /// The sum, cut off at everything.
    pub fn plus(self, other: Share) -> Share {
        Share((self.0 + other.0).min(10_000))
    }

    /// Whether it is nothing.
    pub const fn is_none(self) -> bool {
        self.0 == 0
    }
}

impl TryFrom<u16> for Share {
    type Error = String;
    fn try_from(points: u16) -> Result<Self, String> {
        Self::from_basis_points(points).ok_or_else(|| format!("{points} basis points are more than everything"))
    }
}

impl From<Share> for u16 {
    fn from(share: Share) -> u16 {
        share.0
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, hundredths) = (self.0 / 100, self.0 % 100);
        if hundredths == 0 {
            write!(f, "{whole} %")
        } else if hundredths % 10 == 0 {
            write!(f, "{whole}.{} %", hundredths / 10)
        } else {
            write!(f, "{whole}.{hundredths:02} %")
        }
    }
}
