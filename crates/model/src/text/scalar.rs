//! Values that are written as one text: numbers, names, durations.

use super::code::Code;
use super::node::{Content, Kind, Node, kind};
use super::reader::{Read, Reader, shown};
use super::schemas::Schemas;
use serde_json::{Number, Value, json};

/// A text with its variables filled in, and what it is to YAML.
pub(crate) struct Word {
    pub(crate) text: String,
    pub(crate) kind: Kind,
    /// Part of it comes from the environment: it may be a secret, and was not seen by an editor.
    pub(crate) variable: bool,
}

/// Why a word is not what belongs there.
#[derive(Debug)]
pub(crate) struct Wrong {
    pub(crate) code: Code,
    pub(crate) help: String,
    /// Instead of "… is not …", where there is more to say.
    pub(crate) message: Option<String>,
}

impl Wrong {
    pub(crate) fn new(code: Code, help: impl Into<String>) -> Self {
        Self { code, help: help.into(), message: None }
    }

    pub(crate) fn saying(code: Code, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { code, help: help.into(), message: Some(message.into()) }
    }
}

impl Word {
    /// The text, where YAML takes it for a text too. What comes from a variable always is one.
    pub(crate) fn string(&self) -> Result<&str, Wrong> {
        if self.variable || self.kind == Kind::Text {
            return Ok(&self.text);
        }
        let what = if matches!(self.kind, Kind::Number(_)) { "a number" } else { "true or false" };
        Err(Wrong::saying(
            Code::WrongType,
            format!("YAML reads `{}` as {what}, but a text belongs here", self.text),
            format!("put it in quotes: \"{}\"", self.text),
        ))
    }

    /// The number, where it is one.
    pub(crate) fn number(&self) -> Option<Number> {
        match &self.kind {
            Kind::Number(number) => Some(number.clone()),
            _ => None,
        }
    }
}

/// Something written as one text.
pub(crate) trait Scalar: Sized {
    /// What belongs here, for a sentence.
    fn belongs() -> String;
    /// The value, or why it is none.
    fn from_word(word: &Word) -> Result<Self, Wrong>;
    /// The schema of what is written without variables.
    fn shape() -> Value;
}

impl<T: Scalar> Read for T {
    fn takes(node: &Node) -> bool {
        matches!(node.content, Content::Scalar { .. })
    }

    fn what() -> String {
        T::belongs()
    }

    fn read(node: &Node, reader: &mut Reader<'_, '_>) -> Option<Self> {
        let Content::Scalar { text, plain } = &node.content else {
            reader.wrong_type(node, &T::belongs());
            return None;
        };
        let expanded = reader.expand(text, node.at)?;
        let looks_at = if *plain || expanded.variable { kind(&expanded.text) } else { Kind::Text };
        let word = Word { text: expanded.text, kind: looks_at, variable: expanded.variable };
        match T::from_word(&word) {
            Ok(value) => Some(value),
            Err(wrong) => {
                refuse(node, &T::belongs(), &word, wrong, reader);
                None
            }
        }
    }

    fn schema(schemas: &mut Schemas) -> Value {
        json!({"anyOf": [T::shape(), schemas.variable()]})
    }
}

/// Takes down a wrong word. What a variable stands for is never shown.
fn refuse(node: &Node, what: &str, word: &Word, wrong: Wrong, reader: &mut Reader<'_, '_>) {
    if word.variable {
        let message = format!("what `{}` stands for is not {what}", shown(node));
        let help = format!("set the variable to {what}; its value is not shown, because it could be a secret");
        reader.problem(Code::VariableValue, node.at, message, help);
        return;
    }
    let message = wrong.message.unwrap_or_else(|| format!("`{}` is not {what}", shown(node)));
    reader.problem(wrong.code, node.at, message, wrong.help);
}
