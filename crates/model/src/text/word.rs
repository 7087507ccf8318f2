//! Free texts, and words out of a few.

use super::code::Code;
use super::node::Kind;
use super::scalar::{Scalar, Word, Wrong};
use serde_json::{Value, json};

/// A text that is not empty. What YAML takes for a number is taken as written: `version: 1.10` stays `1.10`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Text(pub(crate) String);

impl Scalar for Text {
    fn belongs() -> String {
        "a text".to_owned()
    }

    fn from_word(word: &Word) -> Result<Self, Wrong> {
        if word.text.is_empty() {
            return Err(Wrong::saying(Code::EmptyText, "this text is empty", "write something, or remove the key"));
        }
        Ok(Self(word.text.clone()))
    }

    fn shape() -> Value {
        json!({"type": ["string", "number", "boolean"], "minLength": 1})
    }
}

/// A text that may be empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OpenText(pub(crate) String);

impl Scalar for OpenText {
    fn belongs() -> String {
        "a text".to_owned()
    }

    fn from_word(word: &Word) -> Result<Self, Wrong> {
        Ok(Self(word.text.clone()))
    }

    fn shape() -> Value {
        json!({"type": ["string", "number", "boolean"]})
    }
}

impl Scalar for bool {
    fn belongs() -> String {
        "`true` or `false`".to_owned()
    }

    fn from_word(word: &Word) -> Result<Self, Wrong> {
        match (&word.kind, word.text.as_str()) {
            (Kind::Bool(value), _) => Ok(*value),
            (_, "yes" | "on" | "y") => Err(Wrong::new(Code::WrongType, "write `true`")),
            (_, "no" | "off" | "n") => Err(Wrong::new(Code::WrongType, "write `false`")),
            _ => Err(Wrong::new(Code::WrongType, "write `true` or `false`, without quotes")),
        }
    }

    fn shape() -> Value {
        json!({"type": "boolean"})
    }
}

/// Words out of a few, each with its value.
macro_rules! choice {
    ($type:ty, $what:literal, { $($word:literal => $value:expr),+ $(,)? }) => {
        impl $crate::text::scalar::Scalar for $type {
            fn belongs() -> String {
                format!("{} ({})", $what, $crate::text::word::either(&[$($word),+]))
            }

            fn from_word(word: &$crate::text::scalar::Word) -> Result<Self, $crate::text::scalar::Wrong> {
                match word.string()? {
                    $($word => Ok($value),)+
                    other => Err($crate::text::word::unknown(other, $what, &[$($word),+])),
                }
            }

            fn shape() -> serde_json::Value {
                serde_json::json!({"enum": [$($word),+]})
            }
        }
    };
}
pub(crate) use choice;

/// Words for a sentence: `a`, `b` or `c`.
pub(crate) fn either(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    match quoted.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        Some((last, _)) => last.clone(),
        None => String::new(),
    }
}

/// Why a word is none of these.
pub(crate) fn unknown(word: &str, what: &str, words: &[&str]) -> Wrong {
    let help = match super::nearest::nearest(word, words.iter().copied()) {
        Some(near) => format!("did you mean `{near}`? It is {}", either(words)),
        None => format!("it is {}", either(words)),
    };
    Wrong::saying(Code::UnknownWord, format!("`{}` is not {what}", super::reader::short(word)), help)
}
