//! From nodes to values: what everything that can be read has in common.

use super::Environment;
use super::code::Code;
use super::node::{At, Content, Node};
use super::problem::Problems;
use super::schemas::Schemas;
use super::variable::{self, Expanded, Fault};
use serde_json::Value;

/// The longest text that is repeated in a message.
const SHOWN_CHARS_MAX: usize = 60;

/// Something that can be read from a node. The reading and the schema stand side by side, so that
/// they say the same.
pub(crate) trait Read: Sized {
    /// The value, or nothing where a problem has been taken down. Never called for nothing at all.
    fn read(node: &Node, reader: &mut Reader<'_, '_>) -> Option<Self>;
    /// Whether this is the kind of node it is read from.
    fn takes(node: &Node) -> bool;
    /// What belongs here, for a sentence: "a duration, as `10s`".
    fn what() -> String;
    /// Its JSON Schema.
    fn schema(schemas: &mut Schemas) -> Value;
}

/// A value and where it was written.
#[derive(Clone, Debug)]
pub(crate) struct Located<T> {
    pub(crate) value: T,
    pub(crate) at: At,
    /// As written: with `${VAR}` in it rather than what that stands for, which may be a secret.
    pub(crate) shown: String,
    /// Not a default.
    pub(crate) written: bool,
}

/// The value of a key.
#[derive(Clone, Debug)]
pub(crate) enum Field<T> {
    /// The key is not there.
    Absent,
    /// There is something wrong with it, which has been taken down: nothing follows from it.
    Bad,
    /// It can be used.
    Good(Located<T>),
}

impl<T> Field<T> {
    /// The value and where it is.
    pub(crate) fn get(&self) -> Option<&Located<T>> {
        match self {
            Field::Good(located) => Some(located),
            Field::Absent | Field::Bad => None,
        }
    }

    /// The value and where it is, where a person wrote it.
    pub(crate) fn written(&self) -> Option<&Located<T>> {
        self.get().filter(|located| located.written)
    }

    /// The value.
    pub(crate) fn value(&self) -> Option<&T> {
        self.get().map(|located| &located.value)
    }

    /// Whether the key is not there.
    pub(crate) fn is_absent(&self) -> bool {
        matches!(self, Field::Absent)
    }

    /// Whether there is something wrong with it.
    pub(crate) fn is_bad(&self) -> bool {
        matches!(self, Field::Bad)
    }
}

impl<T: Clone> Field<T> {
    /// The value, or this where the key is not there; nothing where the value is bad.
    pub(crate) fn or(&self, default: T) -> Option<T> {
        match self {
            Field::Good(located) => Some(located.value.clone()),
            Field::Absent => Some(default),
            Field::Bad => None,
        }
    }

    /// The value if the key is there; the outer nothing where the value is bad.
    pub(crate) fn optional(&self) -> Option<Option<T>> {
        match self {
            Field::Good(located) => Some(Some(located.value.clone())),
            Field::Absent => Some(None),
            Field::Bad => None,
        }
    }
}

/// What is at hand while reading.
pub(crate) struct Reader<'p, 's> {
    pub(crate) problems: &'p mut Problems<'s>,
    pub(crate) env: Environment<'p>,
}

impl Reader<'_, '_> {
    /// Takes down a problem.
    pub(crate) fn problem(&mut self, code: Code, at: At, message: impl Into<String>, help: impl Into<String>) {
        self.problems.add(code, at, message, help);
    }

    /// Reads a node that belongs to something at `at` (a key, mostly).
    pub(crate) fn located<T: Read>(&mut self, node: &Node, what: &str) -> Option<Located<T>> {
        if node.is_null() {
            let help = format!("give it a value: {}; or remove it", T::what());
            self.problem(Code::NoValue, node.at, format!("{what} has no value"), help);
            return None;
        }
        let value = T::read(node, self)?;
        Some(Located { value, at: node.at, shown: shown(node), written: true })
    }

    /// Takes down that something else belongs here.
    pub(crate) fn wrong_type(&mut self, node: &Node, what: &str) {
        let message = format!("this is {}, but what belongs here is {what}", node.what());
        let help = match &node.content {
            Content::List(_) if what.starts_with("a map") => {
                "write `NAME: value` on lines of their own, without dashes"
            }
            Content::List(_) => "a list is only taken where several values make sense: remove the dash or the brackets",
            Content::Map(_) => "indented keys below this one make it a map: look at the indentation",
            Content::Scalar { .. } if what.starts_with("a map") => {
                "write `NAME: value` on lines of their own, indented"
            }
            Content::Scalar { .. } => {
                "see the examples in the documentation, or let an editor complete it: `glidepath schema`"
            }
        };
        self.problem(Code::WrongType, node.at, message, help);
    }

    /// Fills in the variables of a text that is written in this node.
    pub(crate) fn expand(&mut self, text: &str, at: At) -> Option<Expanded> {
        match variable::expand(text, self.env) {
            Ok(expanded) => Some(expanded),
            Err(bad) => {
                for bad in bad {
                    if self.problems.is_full() {
                        break;
                    }
                    let at = self.part_at(&bad.part, at);
                    let (code, message, help) = variable_problem(&bad.part, &bad.fault);
                    self.problem(code, at, message, help);
                }
                None
            }
        }
    }

    /// Takes down that a map with these keys belongs here.
    pub(crate) fn wants_map(&mut self, node: &Node, what: &str, keys: &[&str]) {
        let message = format!("this is {}, but what belongs here is {what}", node.what());
        let keys = super::object::listed(keys);
        let help = match &node.content {
            Content::List(_) => {
                format!("write `key: value` on lines of their own, without dashes; the keys are {keys}")
            }
            _ => format!("write `key: value` on lines of their own, indented; the keys are {keys}"),
        };
        self.problem(Code::WrongType, node.at, message, help);
    }

    /// Where a part of a text stands, if it stands in the line where the text begins.
    pub(crate) fn part_at(&self, part: &str, at: At) -> At {
        let line = self.problems.line(at.line);
        let from = line.char_indices().nth(at.column as usize - 1).map_or(0, |(index, _)| index);
        let Some(offset) = line[from..].find(part) else { return at };
        let columns = line[from..from + offset].chars().count();
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        At { line: at.line, column: at.column + count(columns), width: count(part.chars().count()) }
    }
}

fn variable_problem(part: &str, fault: &Fault) -> (Code, String, String) {
    let part = short(part);
    match fault {
        Fault::Unset(name) if name == "PORT" => (
            Code::VariableUnset,
            "`PORT` is not set in the environment".to_owned(),
            "for the port that Glidepath gives to the instance write `$PORT`, without braces".to_owned(),
        ),
        Fault::Unset(name) => (
            Code::VariableUnset,
            format!("`{name}` is not set in the environment"),
            format!("set it (`export {name}=…`), or write a default: `${{{name}:-…}}`"),
        ),
        Fault::Empty(name) => (
            Code::VariableUnset,
            format!("`{name}` is set in the environment, but to nothing"),
            format!("set it to something, or write a default: `${{{name}:-…}}`"),
        ),
        Fault::NotText(name) => (
            Code::VariableValue,
            format!("`{name}` is set in the environment, but not to a UTF-8 text"),
            "set it to a text; its value is not shown, because it could be a secret".to_owned(),
        ),
        Fault::Nested => (
            Code::VariableSyntax,
            format!("`{part}` has a `${{` in its default"),
            "a default is a plain text: decide between several variables before, and set one".to_owned(),
        ),
        Fault::Syntax => (
            Code::VariableSyntax,
            format!("`{part}` is not a variable"),
            "write `${NAME}` or `${NAME:-default}`; for a `${` that stands for itself, write `$${`".to_owned(),
        ),
        Fault::TooLarge => (
            Code::VariableValue,
            format!("what `{part}` stands for is too large"),
            "put it into a file that the service reads".to_owned(),
        ),
    }
}

/// A node as written, for a sentence.
pub(crate) fn shown(node: &Node) -> String {
    match &node.content {
        Content::Scalar { text, .. } => short(text),
        Content::List(_) | Content::Map(_) => String::new(),
    }
}

/// A text cut to what fits into a sentence.
pub(crate) fn short(text: &str) -> String {
    let line = text.lines().next().unwrap_or("");
    if line.chars().count() <= SHOWN_CHARS_MAX && line.len() == text.trim_end().len() {
        return line.to_owned();
    }
    let mut cut: String = line.chars().take(SHOWN_CHARS_MAX).collect();
    cut.push('…');
    cut
}
