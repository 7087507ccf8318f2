//! What is wrong with a value, and where.

use crate::text::code::Code;
use crate::text::nearest::nearest;
use crate::text::node::At;
use crate::text::object::listed;
use crate::text::problem::{Problems, Report};
use crate::text::source::Source;
use serde::de::{Error, Expected, Unexpected};
use std::fmt;

/// A place whose value is shown to nobody.
#[derive(Clone, Copy, Debug)]
pub struct Hidden(pub(super) At);

/// What is wrong with a value, and where.
#[derive(Clone, Debug)]
pub struct Fault {
    code: Code,
    /// Where: known to whoever reads the value, and not yet to whoever finds fault with it.
    at: Option<At>,
    message: String,
    help: String,
}

impl Fault {
    pub(super) fn new(code: Code, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { code, at: None, message: message.into(), help: help.into() }
    }

    /// Something is wrong with a text as a whole.
    pub fn of_all(code: Code, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self::new(code, message, help).within(At::START)
    }

    /// It is about this, where nothing within it is known to be meant.
    pub(super) fn within(self, at: At) -> Self {
        Self { at: self.at.or(Some(at)), ..self }
    }

    /// All that is wrong with a text. What stands at the hidden places is not shown.
    pub fn report(source: Source<'_>, faults: &[Fault], hidden: &[Hidden]) -> Report {
        let mut problems = Problems::new(source);
        hidden.iter().for_each(|hidden| problems.mask(hidden.0));
        for fault in faults {
            problems.add(fault.code, fault.at.unwrap_or(At::START), fault.message.clone(), fault.help.clone());
        }
        Report { problems: problems.finish() }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Fault {}

impl Error for Fault {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(Code::BadValue, message.to_string(), "correct the value")
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let message = format!("this is {}, but what belongs here is {}", told(&found), wanted(expected));
        Self::new(Code::WrongType, message, "see docs/gateway.md for every key and an example")
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let message = format!("this is {}, but what belongs here is {}", told(&found), wanted(expected));
        Self::new(Code::NumberOutOfRange, message, "correct the value")
    }

    fn unknown_variant(word: &str, known: &'static [&'static str]) -> Self {
        Self::unknown(Code::UnknownWord, format!("`{word}` cannot stand here"), word, known)
    }

    fn unknown_field(key: &str, known: &'static [&'static str]) -> Self {
        Self::unknown(Code::UnknownKey, format!("`{key}` is no key that can stand here"), key, known)
    }

    fn missing_field(key: &'static str) -> Self {
        Self::new(Code::MissingKey, format!("the key `{key}` is missing"), format!("add `{key}:`"))
    }
}

impl Fault {
    fn unknown(code: Code, message: String, word: &str, known: &[&str]) -> Self {
        let help = match nearest(word, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("write one of {}", listed(known)),
        };
        Self::new(code, message, help)
    }
}

/// What belongs there, in our words rather than in those of the language.
fn wanted(expected: &dyn Expected) -> String {
    let expected = expected.to_string();
    match expected.as_str() {
        "u8" => "a whole number from 0 to 255".into(),
        "u16" => "a whole number from 0 to 65535".into(),
        "u32" | "u64" | "usize" => "a whole number, 0 or more".into(),
        "a string" | "a borrowed string" => "a text".into(),
        "a boolean" => "`true` or `false`".into(),
        "a sequence" => "a list".into(),
        other if other.starts_with("struct ") => "a map with keys and values".into(),
        _ => expected,
    }
}

/// What was found, in our words.
fn told(found: &Unexpected<'_>) -> String {
    match found {
        Unexpected::Bool(value) => format!("`{value}`"),
        Unexpected::Unsigned(value) => format!("the number {value}"),
        Unexpected::Signed(value) => format!("the number {value}"),
        Unexpected::Float(value) => format!("the number {value}"),
        Unexpected::Str(_) => "a text".into(),
        Unexpected::Unit => "nothing".into(),
        Unexpected::Seq => "a list".into(),
        Unexpected::Map => "a map".into(),
        other => other.to_string(),
    }
}
