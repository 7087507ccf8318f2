//! Days, dates and times of day.

use super::code::Code;
use super::scalar::{Scalar, Word, Wrong};
use super::word::choice;
use serde_json::{Value, json};

/// A date that exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Date(pub(crate) jiff::civil::Date);

impl Scalar for Date {
    fn belongs() -> String {
        "a date, as `2026-12-24`".to_owned()
    }

    fn from_word(word: &Word) -> Result<Self, Wrong> {
        let text = word.string()?;
        let digit =
            |index: usize, byte: u8| if index == 4 || index == 7 { byte == b'-' } else { byte.is_ascii_digit() };
        if text.len() != 10 || !text.bytes().enumerate().all(|(index, byte)| digit(index, byte)) {
            return Err(Wrong::new(Code::BadDate, "write year, month and day: `2026-12-24`"));
        }
        let part = |range: std::ops::Range<usize>| text[range].parse::<i16>().unwrap_or(0);
        let small = |number: i16| i8::try_from(number).unwrap_or(0);
        let date = jiff::civil::Date::new(part(0..4), small(part(5..7)), small(part(8..10)));
        date.map(Self).map_err(|_| {
            Wrong::saying(
                Code::NoSuchDate,
                format!("there is no {text}"),
                "look at the month and the number of its days",
            )
        })
    }

    fn shape() -> Value {
        json!({"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"})
    }
}

/// Minutes after midnight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TimeOfDay(pub(crate) u16);

impl Scalar for TimeOfDay {
    fn belongs() -> String {
        "a time of day, as `09:30`".to_owned()
    }

    fn from_word(word: &Word) -> Result<Self, Wrong> {
        let text = word.string()?;
        let wrong = |help: &str| Err(Wrong::new(Code::BadTimeOfDay, help));
        let Some((hours, minutes)) = text.split_once(':') else {
            return wrong("write hours and minutes: `09:30`");
        };
        let two = |part: &str| part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
        if text == "24:00" {
            return wrong("midnight is written as `00:00`");
        }
        if !two(hours) || !two(minutes) {
            return wrong("write two digits for the hours and two for the minutes, from `00:00` to `23:59`: `09:30`");
        }
        match (hours.parse::<u16>(), minutes.parse::<u16>()) {
            (Ok(hours @ 0..24), Ok(minutes @ 0..60)) => Ok(Self(hours * 60 + minutes)),
            _ => wrong("it lies between `00:00` and `23:59`"),
        }
    }

    fn shape() -> Value {
        json!({"type": "string", "pattern": "^([01][0-9]|2[0-3]):[0-5][0-9]$"})
    }
}

/// Days of the week, 1 for Monday.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Days(pub(crate) &'static [u8]);

choice!(Days, "a day", {
    "monday" => Days(&[1]),
    "tuesday" => Days(&[2]),
    "wednesday" => Days(&[3]),
    "thursday" => Days(&[4]),
    "friday" => Days(&[5]),
    "saturday" => Days(&[6]),
    "sunday" => Days(&[7]),
    "weekdays" => Days(&[1, 2, 3, 4, 5]),
    "weekend" => Days(&[6, 7]),
    "daily" => Days(&[1, 2, 3, 4, 5, 6, 7]),
});
