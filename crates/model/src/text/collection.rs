//! Lists, maps with free keys, and short forms.

use super::code::Code;
use super::node::{At, Content, Node};
use super::reader::{Located, Read, Reader};
use super::schemas::Schemas;
use serde_json::{Value, json};
use std::marker::PhantomData;

/// The most entries of a list or map of these.
const ENTRIES_MAX: usize = 200;

/// Values in order, at least so many.
#[derive(Clone, Debug)]
pub(crate) struct List<T, const MIN: usize = 1> {
    pub(crate) items: Vec<Located<T>>,
    /// Whether every item could be read: only then can anything be said about all of them.
    pub(crate) complete: bool,
}

impl<T, const MIN: usize> List<T, MIN> {
    fn one(item: Located<T>) -> Self {
        Self { items: vec![item], complete: true }
    }
}

impl<T: Clone, const MIN: usize> List<T, MIN> {
    /// The values alone.
    pub(crate) fn values(&self) -> Vec<T> {
        self.items.iter().map(|item| item.value.clone()).collect()
    }
}

impl<T: Read, const MIN: usize> Read for List<T, MIN> {
    fn takes(node: &Node) -> bool {
        matches!(node.content, Content::List(_))
    }

    fn what() -> String {
        format!("a list (of {})", T::what())
    }

    fn read(node: &Node, reader: &mut Reader<'_, '_>) -> Option<Self> {
        let Content::List(nodes) = &node.content else {
            reader.wrong_type(node, &Self::what());
            return None;
        };
        check_length(nodes.len(), MIN, node.at, reader)?;
        let items: Vec<_> = nodes.iter().filter_map(|node| reader.located(node, "this item")).collect();
        Some(Self { complete: items.len() == nodes.len(), items })
    }

    fn schema(schemas: &mut Schemas) -> Value {
        json!({"type": "array", "items": T::schema(schemas), "minItems": MIN, "maxItems": ENTRIES_MAX})
    }
}

fn check_length(length: usize, min: usize, at: At, reader: &mut Reader<'_, '_>) -> Option<()> {
    if length < min {
        let message = match length {
            0 => "there is nothing in this".to_owned(),
            _ => format!("there is only {length} here, but at least {min} are needed"),
        };
        reader.problem(Code::WrongLength, at, message, "add what is missing, or remove the key");
        return None;
    }
    if length > ENTRIES_MAX {
        let message = format!("{length} entries are too many");
        reader.problem(Code::WrongLength, at, message, format!("at most {ENTRIES_MAX} are taken"));
        return None;
    }
    Some(())
}

/// A list, or one item without the list around it.
#[derive(Clone, Debug)]
pub(crate) struct OneOrMany<T>(pub(crate) List<T>);

impl<T: Read> Read for OneOrMany<T> {
    fn takes(node: &Node) -> bool {
        T::takes(node) || List::<T>::takes(node)
    }

    fn what() -> String {
        format!("{}, or a list of such", T::what())
    }

    fn read(node: &Node, reader: &mut Reader<'_, '_>) -> Option<Self> {
        if List::<T>::takes(node) {
            return List::read(node, reader).map(Self);
        }
        if !T::takes(node) {
            reader.wrong_type(node, &Self::what());
            return None;
        }
        reader.located(node, "this").map(|item| Self(List::one(item)))
    }

    fn schema(schemas: &mut Schemas) -> Value {
        json!({"anyOf": [T::schema(schemas), List::<T>::schema(schemas)]})
    }
}

/// A short form, or the full one. They are told apart by the kind of node.
#[derive(Clone, Debug)]
pub(crate) enum ShortOr<S, F> {
    Short(S),
    Full(F),
}

impl<S: Read, F: Read> Read for ShortOr<S, F> {
    fn takes(node: &Node) -> bool {
        S::takes(node) || F::takes(node)
    }

    fn what() -> String {
        format!("{}, or {}", S::what(), F::what())
    }

    fn read(node: &Node, reader: &mut Reader<'_, '_>) -> Option<Self> {
        if F::takes(node) {
            F::read(node, reader).map(Self::Full)
        } else if S::takes(node) {
            S::read(node, reader).map(Self::Short)
        } else {
            reader.wrong_type(node, &Self::what());
            None
        }
    }

    fn schema(schemas: &mut Schemas) -> Value {
        json!({"anyOf": [S::schema(schemas), F::schema(schemas)]})
    }
}

/// What a free key may look like.
pub(crate) trait Key {
    /// For the schema.
    const PATTERN: &'static str;
    /// For a sentence.
    const WHAT: &'static str;
    /// What is wrong where it does not fit.
    const CODE: Code;
    /// Whether it fits.
    fn fits(text: &str) -> bool;
    /// What to write instead.
    fn hint(text: &str) -> String;
}

/// A value and its key.
#[derive(Clone, Debug)]
pub(crate) struct Named<T> {
    pub(crate) key: String,
    pub(crate) at: At,
    pub(crate) value: Located<T>,
}

/// A map with free keys.
#[derive(Clone, Debug)]
pub(crate) struct Dictionary<K, T, const MIN: usize = 0> {
    pub(crate) entries: Vec<Named<T>>,
    /// Whether every entry could be read.
    pub(crate) complete: bool,
    key: PhantomData<K>,
}

impl<K: Key, T: Read, const MIN: usize> Read for Dictionary<K, T, MIN> {
    fn takes(node: &Node) -> bool {
        matches!(node.content, Content::Map(_))
    }

    fn what() -> String {
        format!("a map of names, each with {}", T::what())
    }

    fn read(node: &Node, reader: &mut Reader<'_, '_>) -> Option<Self> {
        let Content::Map(nodes) = &node.content else {
            reader.wrong_type(node, &Self::what());
            return None;
        };
        check_length(nodes.len(), MIN, node.at, reader)?;
        let mut entries = Vec::new();
        for entry in nodes {
            let fits = check_key::<K>(&entry.key, entry.at, reader);
            let value = reader.located(&entry.value, &format!("`{}`", super::reader::short(&entry.key)));
            if let (true, Some(value)) = (fits, value) {
                entries.push(Named { key: entry.key.clone(), at: entry.at, value });
            }
        }
        Some(Self { complete: entries.len() == nodes.len(), entries, key: PhantomData })
    }

    fn schema(schemas: &mut Schemas) -> Value {
        json!({
            "type": "object",
            "propertyNames": {"pattern": K::PATTERN},
            "additionalProperties": T::schema(schemas),
            "minProperties": MIN,
            "maxProperties": ENTRIES_MAX,
        })
    }
}

fn check_key<K: Key>(key: &str, at: At, reader: &mut Reader<'_, '_>) -> bool {
    if K::fits(key) {
        return true;
    }
    if key.contains("${") {
        let message = format!("`{key}` is a variable in a key");
        reader.problem(Code::VariableInKey, at, message, "variables are only filled in in values");
    } else {
        let message = format!("`{}` is not {}", super::reader::short(key), K::WHAT);
        reader.problem(K::CODE, at, message, K::hint(key));
    }
    false
}
