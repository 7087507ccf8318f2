//! A share of traffic, exact to a hundredth of a percent.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A share in hundredths of a percent: never above 100 %.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "Points", into = "u16")]
pub struct Share(u16);

/// Known to whoever reads it by the name of what it is, so that people can be let write `5%`.
#[derive(Deserialize)]
#[serde(rename = "Share")]
struct Points(u16);

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

impl Share {
    /// The pattern of what [`Share::parse`] reads, for a JSON Schema.
    pub const PATTERN: &'static str = "^(100(\\.0{1,2})?|[0-9]{1,2}(\\.[0-9]{1,2})?) ?%$";

    /// A share as a person writes it: `5%`, `0.5%`, `33.33 %`.
    pub fn parse(text: &str) -> Result<Share, InvalidShare> {
        let wrong = |hint: String| InvalidShare { text: text.to_owned(), hint };
        let Some(number) = text.strip_suffix('%') else {
            let bare = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
            let hint = if bare { format!("did you mean `{text}%`?") } else { "write it in percent: `5%`".to_owned() };
            return Err(wrong(hint));
        };
        let number = number.strip_suffix(' ').unwrap_or(number);
        let (whole, decimals) = number.split_once('.').unwrap_or((number, "0"));
        let digits =
            |part: &str, max: usize| (1..=max).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
        if !digits(whole, 3) || !digits(decimals, 2) {
            return Err(wrong("write a number from 0 to 100 with at most two decimals: `5%`, `0.25%`".to_owned()));
        }
        let hundredths = decimals.parse::<u32>().unwrap_or(0) * if decimals.len() == 1 { 10 } else { 1 };
        let points = whole.parse::<u32>().unwrap_or(0) * 100 + hundredths;
        // A third digit is only there for 100: `050%` is as odd as `150%`.
        let fits = whole.len() < 3 || points == 10_000;
        let share = u16::try_from(points).ok().and_then(Self::from_basis_points).filter(|_| fits);
        share.ok_or_else(|| wrong("a share is at most `100%`".to_owned()))
    }
}

/// A text that is no [`Share`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidShare {
    /// The text.
    pub text: String,
    /// What to write instead.
    pub hint: String,
}

impl fmt::Display for InvalidShare {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is not a share: {}", self.text, self.hint)
    }
}

impl std::error::Error for InvalidShare {}

impl TryFrom<Points> for Share {
    type Error = String;
    fn try_from(Points(points): Points) -> Result<Self, String> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_read_as_they_are_shown() {
        for (text, points) in [("5%", 500), ("0.5%", 50), ("33.33 %", 3_333), ("100%", 10_000), ("0%", 0)] {
            let share = Share::parse(text).unwrap();
            assert_eq!(share.basis_points(), points, "{text}");
            assert_eq!(Share::parse(&share.to_string()), Ok(share));
        }
    }

    #[test]
    fn what_is_no_share_is_refused_with_a_hint() {
        assert_eq!(Share::parse("5").unwrap_err().hint, "did you mean `5%`?");
        assert_eq!(Share::parse("150%").unwrap_err().hint, "a share is at most `100%`");
        for text in ["", "%", "5%%", "-5%", "5.%", ".5%", "5.123%", "100.01%", "050%", "five%", "5  %", "999%"] {
            assert!(Share::parse(text).is_err(), "{text}");
        }
    }
}
