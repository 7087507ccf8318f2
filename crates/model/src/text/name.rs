//! Names, and keys that are names.

use super::code::Code;
use super::collection::Key;
use super::scalar::{Scalar, Word, Wrong};
use crate::Name;
use serde_json::{Value, json};

const NAME_PATTERN: &str = "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$";
const NAME_WHAT: &str = "a name, as `shop` or `shop-worker`";
const NAME_RULE: &str = "a name has 1 to 63 lower-case letters, digits and dashes, and no dash at either end";

impl Scalar for Name {
    fn belongs() -> String {
        NAME_WHAT.to_owned()
    }

    fn from_word(word: &Word) -> Result<Self, Wrong> {
        let text = word.string()?;
        Name::new(text).map_err(|_| Wrong::new(Code::BadName, suggestion(text)))
    }

    fn shape() -> Value {
        json!({"type": "string", "pattern": NAME_PATTERN})
    }
}

/// The name that somebody probably meant.
fn suggestion(text: &str) -> String {
    let lower = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let guess: String = text.chars().map(lower).collect();
    match Name::new(guess.trim_matches('-')) {
        Ok(name) => format!("did you mean `{name}`? {}", NAME_RULE.replacen('a', "A", 1)),
        Err(_) => NAME_RULE.to_owned(),
    }
}

/// Keys that are names.
#[derive(Clone, Debug)]
pub(crate) struct NameKey;

impl Key for NameKey {
    const PATTERN: &'static str = NAME_PATTERN;
    const WHAT: &'static str = NAME_WHAT;
    const CODE: Code = Code::BadName;

    fn fits(text: &str) -> bool {
        Name::new(text).is_ok()
    }

    fn hint(text: &str) -> String {
        suggestion(text)
    }
}

/// Keys that are environment variables.
#[derive(Clone, Debug)]
pub(crate) struct VariableKey;

impl Key for VariableKey {
    const PATTERN: &'static str = "^[A-Za-z_][A-Za-z0-9_]*$";
    const WHAT: &'static str = "the name of an environment variable (letters, digits and underscores)";
    const CODE: Code = Code::BadVariableName;

    fn fits(text: &str) -> bool {
        let letter = |c: char| c.is_ascii_alphabetic() || c == '_';
        text.starts_with(letter) && text.chars().all(|c| letter(c) || c.is_ascii_digit())
    }

    fn hint(text: &str) -> String {
        let mut guess: String = text.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
        if !guess.starts_with(|c: char| !c.is_ascii_digit()) {
            guess.insert(0, '_');
        }
        if text.is_ascii() { format!("did you mean `{guess}`?") } else { "use plain letters, A to Z".to_owned() }
    }
}

/// Keys that are names of headers, cookies or query parameters.
#[derive(Clone, Debug)]
pub(crate) struct TokenKey;

impl Key for TokenKey {
    const PATTERN: &'static str = "^[A-Za-z0-9_.-]+$";
    const WHAT: &'static str = "the name of a header, cookie or parameter (letters, digits, `_`, `.` and `-`)";
    const CODE: Code = Code::BadName;

    fn hint(_: &str) -> String {
        "write only the name, as `x-session`".to_owned()
    }

    fn fits(text: &str) -> bool {
        !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c))
    }
}
