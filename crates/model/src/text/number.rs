//! Numbers, and amounts that may be shares.

use super::code::Code;
use super::scalar::{Scalar, Word, Wrong};
use crate::Share;
use crate::strategy::Amount;
use serde_json::{Value, json};

/// The most instances that anything may ask for.
pub(crate) const INSTANCES_MAX: u32 = 10_000;

/// A whole number from `MIN` to `MAX`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Whole<const MIN: u32, const MAX: u32>(pub(crate) u32);

impl<const MIN: u32, const MAX: u32> Scalar for Whole<MIN, MAX> {
    fn belongs() -> String {
        format!("a whole number from {MIN} to {MAX}")
    }

    fn from_word(word: &Word) -> Result<Self, Wrong> {
        let Some(number) = word.number().and_then(|number| number.as_f64()) else {
            let help = match word.text.parse::<u32>() {
                Ok(number) => format!("take the quotes away: {number}"),
                Err(_) => format!("write a number, as {MIN}"),
            };
            return Err(Wrong::new(Code::WrongType, help));
        };
        if number.fract() != 0.0 {
            return Err(Wrong::new(Code::WrongType, "write a whole number"));
        }
        if number < f64::from(MIN) || number > f64::from(MAX) {
            let help = if number < f64::from(MIN) { format!("at least {MIN}") } else { format!("at most {MAX}") };
            return Err(Wrong::new(Code::NumberOutOfRange, help));
        }
        // In range and whole: the cast changes nothing.
        Ok(Self(number as u32))
    }

    fn shape() -> Value {
        json!({"type": "integer", "minimum": MIN, "maximum": MAX})
    }
}

impl Scalar for Share {
    fn belongs() -> String {
        "a share, as `5%` or `0.5%`".to_owned()
    }

    fn from_word(word: &Word) -> Result<Self, Wrong> {
        Share::parse(&word.text).map_err(|invalid| Wrong::new(Code::BadShare, invalid.hint))
    }

    fn shape() -> Value {
        json!({"type": "string", "pattern": Share::PATTERN})
    }
}

impl Scalar for Amount {
    fn belongs() -> String {
        "a number of instances, as `2`, or a share of them, as `25%`".to_owned()
    }

    fn from_word(word: &Word) -> Result<Self, Wrong> {
        if word.number().is_some() {
            return Whole::<0, INSTANCES_MAX>::from_word(word).map(|count| Amount::Count(count.0));
        }
        Share::parse(&word.text).map(Amount::Share).map_err(|invalid| {
            let help = match word.text.parse::<u32>() {
                Ok(number) => format!("take the quotes away: {number}"),
                Err(_) => invalid.hint,
            };
            Wrong::new(Code::BadAmount, help)
        })
    }

    fn shape() -> Value {
        json!({"anyOf": [
            {"type": "integer", "minimum": 0, "maximum": INSTANCES_MAX},
            {"type": "string", "pattern": Share::PATTERN},
        ]})
    }
}
