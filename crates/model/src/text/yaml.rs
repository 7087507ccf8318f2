//! YAML for other types than a service: whatever serde can read, with the line of everything that cannot
//! be. What people write is taken as they write it: `5%`, `30s`, one value where a list may stand, and a
//! single word for what is otherwise a map and begins with that word.

mod fault;
mod read;

pub use fault::{Fault, Hidden};

use super::code::Code;
use super::node::{Content, Entry, Node};
use super::problem::{Problems, Report};
use super::source::Source;
use super::tree;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// A part of a document, with the place where it was written.
#[derive(Clone, Debug)]
pub struct Yaml {
    node: Node,
}

impl Yaml {
    /// The documents of a text.
    pub fn documents(source: Source<'_>) -> Result<Vec<Yaml>, Report> {
        let mut problems = Problems::new(source);
        let documents = tree::documents(source.unmarked(), &mut problems);
        if problems.count() > 0 {
            return Err(Report { problems: problems.finish() });
        }
        Ok(documents.into_iter().map(|node| Yaml { node }).collect())
    }

    /// Whether it is a map with this key.
    pub fn has(&self, key: &str) -> bool {
        self.entries().iter().any(|entry| entry.key == key)
    }

    /// The value of a key, which it has no more.
    pub fn take(&mut self, key: &str) -> Option<Yaml> {
        let Content::Map(entries) = &mut self.node.content else { return None };
        let index = entries.iter().position(|entry| entry.key == key)?;
        Some(Yaml { node: entries.remove(index).value })
    }

    /// A value for a key that has none, as if it had been written.
    pub fn set(&mut self, key: &str, value: &Value) {
        let at = self.node.at;
        if let Content::Map(entries) = &mut self.node.content
            && !entries.iter().any(|entry| entry.key == key)
        {
            entries.push(Entry { key: key.to_owned(), at, value: Node::from_default(value, at) });
        }
    }

    /// With a value for a key.
    #[must_use]
    pub fn with(mut self, key: &str, value: Yaml) -> Yaml {
        self.put(key, value);
        self
    }

    /// The keys of a map.
    pub fn keys(&self) -> Vec<&str> {
        self.entries().iter().map(|entry| entry.key.as_str()).collect()
    }

    /// The items of a list; what is no list stands for one of itself.
    pub fn items(self) -> Vec<Yaml> {
        match self.node.content {
            Content::List(items) => items.into_iter().map(|node| Yaml { node }).collect(),
            Content::Scalar { .. } | Content::Map(_) => vec![self],
        }
    }

    /// These as a list.
    pub fn list(items: Vec<Yaml>, like: &Yaml) -> Yaml {
        Yaml {
            node: Node { at: like.node.at, content: Content::List(items.into_iter().map(|item| item.node).collect()) },
        }
    }

    /// A value for a key, in place of any before.
    pub fn put(&mut self, key: &str, value: Yaml) {
        self.take(key);
        if let Content::Map(entries) = &mut self.node.content {
            entries.push(Entry { key: key.to_owned(), at: value.node.at, value: value.node });
        }
    }

    /// The places of all values of a key, at whatever depth: those of one that is a secret.
    pub fn hidden(&self, key: &str) -> Vec<Hidden> {
        let mut found = Vec::new();
        let mut open = vec![&self.node];
        while let Some(node) = open.pop() {
            match &node.content {
                Content::Scalar { .. } => {}
                Content::List(items) => open.extend(items),
                Content::Map(entries) => {
                    found.extend(entries.iter().filter(|entry| entry.key == key).map(|entry| Hidden(entry.value.at)));
                    open.extend(entries.iter().map(|entry| &entry.value));
                }
            }
        }
        found
    }

    /// The value that this describes.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, Fault> {
        T::deserialize(read::Reading(&self.node)).map_err(|fault| fault.within(self.node.at))
    }

    /// Something is wrong with all of it.
    pub fn fault(&self, code: Code, message: impl Into<String>, help: impl Into<String>) -> Fault {
        Fault::new(code, message, help).within(self.node.at)
    }

    /// Something is wrong with a part of it, as `lanes[1].endpoints[0].address`; with the nearest thing around
    /// it, where that was not written.
    pub fn fault_at(&self, place: &str, code: Code, message: impl Into<String>, help: impl Into<String>) -> Fault {
        let mut at = self.node.at;
        let mut node = Some(&self.node);
        for step in place.split(['.', '[']) {
            let content = node.map(|node| &node.content);
            node = match (content, step.strip_suffix(']').and_then(|index| index.parse::<usize>().ok())) {
                (Some(Content::List(items)), Some(index)) => items.get(index),
                // One value may stand for a list of it, and one word for a map.
                (Some(_), Some(0)) => node,
                (Some(Content::Map(entries)), None) => {
                    entries.iter().find(|entry| entry.key == step).map(|entry| &entry.value)
                }
                (Some(_) | None, _) => None,
            };
            at = node.map_or(at, |node| node.at);
        }
        Fault::new(code, message, help).within(at)
    }

    fn entries(&self) -> &[Entry] {
        match &self.node.content {
            Content::Map(entries) => entries,
            Content::Scalar { .. } | Content::List(_) => &[],
        }
    }
}
