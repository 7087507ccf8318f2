//! A YAML document as a small tree with positions.

use serde_json::{Number, Value};

/// Where something is written. Counted from one, in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct At {
    pub(crate) line: u32,
    pub(crate) column: u32,
    pub(crate) width: u32,
}

impl At {
    /// The first character of a text.
    pub(crate) const START: At = At { line: 1, column: 1, width: 1 };
}

/// A value.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) at: At,
    pub(crate) content: Content,
}

/// What a value consists of.
#[derive(Clone, Debug)]
pub(crate) enum Content {
    /// A text as written, without its quotes; `plain` where it had none.
    Scalar { text: String, plain: bool },
    /// Values in order.
    List(Vec<Node>),
    /// Values by key, in the order written, each key once.
    Map(Vec<Entry>),
}

/// A key and its value.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) at: At,
    pub(crate) value: Node,
}

/// What a scalar is to YAML (1.2, the core schema), and so to an editor.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Kind {
    Null,
    Bool(bool),
    Number(Number),
    Text,
}

impl Node {
    /// A default, as if it had been written.
    pub(crate) fn from_default(value: &Value, at: At) -> Node {
        let content = match value {
            Value::String(text) => Content::Scalar { text: text.clone(), plain: false },
            Value::Array(items) => Content::List(items.iter().map(|item| Node::from_default(item, at)).collect()),
            Value::Object(map) => Content::Map(
                map.iter()
                    .map(|(key, value)| Entry { key: key.clone(), at, value: Node::from_default(value, at) })
                    .collect(),
            ),
            plain => Content::Scalar { text: plain.to_string(), plain: true },
        };
        Node { at, content }
    }

    /// Whether there is nothing.
    pub(crate) fn is_null(&self) -> bool {
        matches!(&self.content, Content::Scalar { text, plain: true } if kind(text) == Kind::Null)
    }

    /// What it is, for a sentence.
    pub(crate) fn what(&self) -> &'static str {
        match &self.content {
            Content::List(_) => "a list",
            Content::Map(_) => "a map",
            Content::Scalar { text, plain: true } => match kind(text) {
                Kind::Null => "nothing",
                Kind::Bool(_) => "true or false",
                Kind::Number(_) => "a number",
                Kind::Text => "a text",
            },
            Content::Scalar { .. } => "a text",
        }
    }

    /// The tree as JSON, as an editor sees it: variables as written.
    pub(crate) fn to_json(&self) -> Value {
        match &self.content {
            Content::Scalar { text, plain: true } => match kind(text) {
                Kind::Null => Value::Null,
                Kind::Bool(value) => Value::Bool(value),
                Kind::Number(number) => Value::Number(number),
                Kind::Text => Value::String(text.clone()),
            },
            Content::Scalar { text, .. } => Value::String(text.clone()),
            Content::List(items) => Value::Array(items.iter().map(Node::to_json).collect()),
            Content::Map(entries) => {
                Value::Object(entries.iter().map(|entry| (entry.key.clone(), entry.value.to_json())).collect())
            }
        }
    }
}

/// What an unquoted text is to YAML. Infinity and "not a number" stay texts: JSON knows neither.
pub(crate) fn kind(text: &str) -> Kind {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Kind::Null,
        "true" | "True" | "TRUE" => Kind::Bool(true),
        "false" | "False" | "FALSE" => Kind::Bool(false),
        _ => number(text).map_or(Kind::Text, Kind::Number),
    }
}

fn number(text: &str) -> Option<Number> {
    for (prefix, radix) in [("0x", 16), ("0o", 8)] {
        if let Some(digits) = text.strip_prefix(prefix) {
            let plain = digits.bytes().all(|byte| byte.is_ascii_alphanumeric());
            return u64::from_str_radix(digits, radix).ok().filter(|_| plain).map(Number::from);
        }
    }
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let digit_or_point = unsigned.bytes().next().is_some_and(|byte| byte.is_ascii_digit() || byte == b'.');
    let numeric =
        unsigned.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'e' | b'E' | b'+' | b'-'));
    if !digit_or_point || !numeric || !unsigned.bytes().any(|byte| byte.is_ascii_digit()) {
        return None;
    }
    if unsigned.bytes().all(|byte| byte.is_ascii_digit())
        && let Ok(whole) = text.parse::<i64>()
    {
        return Some(Number::from(whole));
    }
    text.parse::<f64>().ok().and_then(Number::from_f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_texts_are_what_yaml_says() {
        for (text, json) in [
            ("1", "1"),
            ("+5", "5"),
            ("-3", "-3"),
            ("010", "10"),
            ("0x1F", "31"),
            ("0o17", "15"),
            ("1.5", "1.5"),
            (".5", "0.5"),
            ("1e2", "100.0"),
            ("true", "true"),
            ("~", "null"),
            ("on", "\"on\""),
            ("1.2.3", "\"1.2.3\""),
            (".inf", "\".inf\""),
            ("12e", "\"12e\""),
            ("-", "\"-\""),
            ("0x-1", "\"0x-1\""),
            ("1_000", "\"1_000\""),
        ] {
            let content = Content::Scalar { text: text.to_owned(), plain: true };
            assert_eq!(Node { at: At::START, content }.to_json().to_string(), json, "{text}");
        }
    }
}
