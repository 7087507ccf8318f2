//! Points in time and spans between them, in whole milliseconds.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::ops::{Add, Mul, Sub};

/// A point in time: milliseconds since the Unix epoch. Handed in, never read from a clock here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Time(pub u64);

impl Time {
    /// How long after `earlier` this is; nothing where it is not after it.
    pub fn since(self, earlier: Time) -> Span {
        Span(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Span> for Time {
    type Output = Time;
    fn add(self, span: Span) -> Time {
        Time(self.0.saturating_add(span.0))
    }
}

/// A length of time in milliseconds. Stored as a number; known to whoever reads it by its name, so that
/// people can be let write `30s`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Span(pub u64);

impl Span {
    /// No time at all.
    pub const ZERO: Span = Span(0);

    /// So many seconds.
    pub const fn seconds(seconds: u64) -> Span {
        Span(seconds * 1_000)
    }

    /// So many minutes.
    pub const fn minutes(minutes: u64) -> Span {
        Span(minutes * 60_000)
    }

    /// So many hours.
    pub const fn hours(hours: u64) -> Span {
        Span(hours * 3_600_000)
    }
}

/// The units of a span as people write them, the largest first, with their length in milliseconds.
const UNITS: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// The most digits of one part of a written span: nine of them, in days, still fit comfortably.
const SPAN_DIGITS_MAX: usize = 9;

impl Span {
    /// The pattern of what [`Span::parse`] reads, for a JSON Schema; the empty text has to be refused besides.
    pub const PATTERN: &'static str = "^([0-9]{1,9}d)?([0-9]{1,9}h)?([0-9]{1,9}m)?([0-9]{1,9}s)?([0-9]{1,9}ms)?$";

    /// A span as a person writes it: `10s`, `1h30m`, `250ms`. Each unit once, the largest first.
    pub fn parse(text: &str) -> Result<Span, InvalidSpan> {
        let wrong = |hint: String| Err(InvalidSpan { text: text.to_owned(), hint });
        if text.is_empty() {
            return wrong("write a number and a unit: `10s`".to_owned());
        }
        let (mut rest, mut units, mut sum) = (text, UNITS.as_slice(), 0);
        while !rest.is_empty() {
            let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
            let (number, after) = rest.split_at(digits);
            let letters = after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len());
            let (unit, next) = after.split_at(letters);
            if digits == 0 || digits > SPAN_DIGITS_MAX || unit.is_empty() {
                return wrong(span_hint(number, unit, next));
            }
            let Some(index) = units.iter().position(|(known, _)| *known == unit) else {
                return wrong(span_hint(number, unit, next));
            };
            sum += number.parse::<u64>().unwrap_or(0) * units[index].1;
            (units, rest) = (&units[index + 1..], next);
        }
        Ok(Span(sum))
    }
}

/// What somebody probably meant by a part of a span that cannot be read.
fn span_hint(number: &str, unit: &str, next: &str) -> String {
    let guess = match unit.to_ascii_lowercase().as_str() {
        "sec" | "secs" | "second" | "seconds" => "s",
        "min" | "mins" | "minute" | "minutes" => "m",
        "hr" | "hrs" | "hour" | "hours" => "h",
        "day" | "days" => "d",
        "msec" | "millis" | "milliseconds" => "ms",
        "" if next.is_empty() && !number.is_empty() => "s",
        _ => "",
    };
    if !guess.is_empty() && !number.is_empty() && number.len() <= SPAN_DIGITS_MAX {
        format!("did you mean `{number}{guess}`?")
    } else if next.starts_with('.') {
        "use whole numbers: `1h30m` rather than `1.5h`".to_owned()
    } else {
        "write whole numbers with the units d, h, m, s and ms, the largest first: `1h30m`, `10s`, `250ms`".to_owned()
    }
}

/// A text that is no [`Span`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidSpan {
    /// The text.
    pub text: String,
    /// What to write instead.
    pub hint: String,
}

impl fmt::Display for InvalidSpan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is not a duration: {}", self.text, self.hint)
    }
}

impl std::error::Error for InvalidSpan {}

impl Add for Span {
    type Output = Span;
    fn add(self, other: Span) -> Span {
        Span(self.0.saturating_add(other.0))
    }
}

impl Sub for Span {
    type Output = Span;
    fn sub(self, other: Span) -> Span {
        Span(self.0.saturating_sub(other.0))
    }
}

impl Mul<u64> for Span {
    type Output = Span;
    fn mul(self, times: u64) -> Span {
        Span(self.0.saturating_mul(times))
    }
}

impl fmt::Display for Span {
    /// As a person writes it in `glidepath.yaml`: `1h30m`, `10s`, `250ms`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return f.write_str("0s");
        }
        let units = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1_000, "s"), (1, "ms")];
        let mut rest = self.0;
        for (size, unit) in units {
            if rest >= size {
                write!(f, "{}{unit}", rest / size)?;
                rest %= size;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_as_they_are_shown() {
        for (text, millis) in [("10s", 10_000), ("1h30m", 5_400_000), ("250ms", 250), ("0s", 0), ("1d1ms", 86_400_001)]
        {
            assert_eq!(Span::parse(text), Ok(Span(millis)));
            assert_eq!(Span(millis).to_string(), text);
        }
    }

    #[test]
    fn what_is_no_span_is_refused_with_a_hint() {
        for (text, hint) in [
            ("10", "did you mean `10s`?"),
            ("5min", "did you mean `5m`?"),
            ("1.5h", "use whole numbers: `1h30m` rather than `1.5h`"),
        ] {
            assert_eq!(Span::parse(text).unwrap_err().hint, hint, "{text}");
        }
        for text in ["", "s", "-5s", "30m1h", "5m5m", "10 s", "1234567890s", "٣s"] {
            assert!(Span::parse(text).is_err(), "{text}");
        }
    }
}
