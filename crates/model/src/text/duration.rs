//! Durations within bounds.

use super::code::Code;
use super::scalar::{Scalar, Word, Wrong};
use crate::Span;
use serde_json::{Value, json};

/// A duration from `MIN` to `MAX` milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lasting<const MIN: u64, const MAX: u64>(pub(crate) Span);

const SECOND: u64 = 1_000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// How often something is asked.
pub(crate) type Every = Lasting<100, HOUR>;
/// How long one answer may take.
pub(crate) type Answer = Lasting<10, { 10 * MINUTE }>;
/// A pause that may be none.
pub(crate) type Pause = Lasting<0, { 30 * DAY }>;
/// A short pause that may be none.
pub(crate) type ShortPause = Lasting<0, HOUR>;
/// How long a piece of work may take.
pub(crate) type Work = Lasting<SECOND, { 7 * DAY }>;
/// How long a person or an experiment may take.
pub(crate) type Long = Lasting<SECOND, { 90 * DAY }>;

impl<const MIN: u64, const MAX: u64> Scalar for Lasting<MIN, MAX> {
    fn belongs() -> String {
        "a duration, as `10s` or `1h30m`".to_owned()
    }

    fn from_word(word: &Word) -> Result<Self, Wrong> {
        let span = Span::parse(&word.text).map_err(|invalid| Wrong::new(Code::BadDuration, invalid.hint))?;
        let (min, max) = (Span(MIN), Span(MAX));
        let refuse = |how: &str, help: String| {
            Err(Wrong::saying(Code::OutOfRange, format!("`{}` is too {how} here", word.text), help))
        };
        if span < min {
            return refuse("short", format!("write at least `{min}`"));
        }
        if span > max {
            return refuse("long", format!("write at most `{max}`"));
        }
        Ok(Self(span))
    }

    fn shape() -> Value {
        json!({"type": "string", "minLength": 1, "pattern": Span::PATTERN})
    }
}
