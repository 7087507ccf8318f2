//! Objects: one declaration gives the reader and the schema.

use super::code::Code;
use super::nearest::nearest;
use super::node::{At, Content, Entry, Node};
use super::reader::{Field, Read, Reader};
use super::schemas::Rule;
use super::synonym::synonym;
use super::tree::keys;
use serde_json::Value;

/// Declares an object: its label (as people call it), its keys with their documentation, whether
/// they are required, their type and default, and the rules between them.
macro_rules! object {
    (
        $(#[doc = $about:literal])+
        struct $name:ident = $label:literal {
            $( $(#[doc = $doc:literal])+ $key:literal $need:ident $field:ident : $type:ty $(= $default:expr)? ; )+
        }
        $( rules [ $($rule:expr),+ $(,)? ] )?
    ) => {
        $(#[doc = $about])+
        #[derive(Clone, Debug)]
        pub(crate) struct $name { $( $(#[doc = $doc])+ pub(crate) $field: $crate::text::reader::Field<$type>, )+ }

        impl $name {
            const KEYS: &'static [&'static str] = &[$($key),+];
            const RULES: &'static [$crate::text::schemas::Rule] = &[$($($rule),+)?];
        }

        impl $crate::text::reader::Read for $name {
            fn takes(node: &$crate::text::node::Node) -> bool {
                matches!(node.content, $crate::text::node::Content::Map(_))
            }

            fn what() -> String {
                concat!("a map that describes the ", $label).to_owned()
            }

            fn read(
                node: &$crate::text::node::Node,
                reader: &mut $crate::text::reader::Reader<'_, '_>,
            ) -> Option<Self> {
                let Some(mut object) = $crate::text::object::Object::open(node, $label) else {
                    reader.wants_map(node, &<Self as $crate::text::reader::Read>::what(), Self::KEYS);
                    return None;
                };
                object.check(Self::KEYS, Self::RULES, reader);
                Some(Self { $(
                    $field: {
                        #[allow(unused_mut, unused_assignments)]
                        let mut default: Option<serde_json::Value> = None;
                        $(default = Some(serde_json::json!($default));)?
                        object.field($key, $crate::text::object::need!($need), default, reader)
                    },
                )+ })
            }

            fn schema(schemas: &mut $crate::text::schemas::Schemas) -> serde_json::Value {
                let about = $crate::text::object::doc(&[$($about),+]);
                schemas.object($label, &about, Self::RULES, |schemas| vec![$(
                    $crate::text::schemas::Property {
                        key: $key,
                        required: $crate::text::object::need!($need),
                        schema: <$type as $crate::text::reader::Read>::schema(schemas),
                        doc: $crate::text::object::doc(&[$($doc),+]),
                        default: {
                            #[allow(unused_mut, unused_assignments)]
                            let mut default: Option<serde_json::Value> = None;
                            $(default = Some(serde_json::json!($default));)?
                            default
                        },
                    },
                )+])
            }
        }
    };
}
pub(crate) use object;

/// Whether a key of an object must be there.
macro_rules! need {
    (required) => {
        true
    };
    (optional) => {
        false
    };
}
pub(crate) use need;

/// The lines of a documentation as one text.
pub(crate) fn doc(lines: &[&str]) -> String {
    lines.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ")
}

/// What an object would be if nothing of it had been written: all its defaults.
pub(crate) fn defaults<T: Read>(at: At, reader: &mut Reader<'_, '_>) -> Option<T> {
    T::read(&Node { at, content: Content::Map(Vec::new()) }, reader)
}

/// A map that is read as an object.
pub(crate) struct Object<'n> {
    label: &'static str,
    at: At,
    entries: &'n [Entry],
    /// Keys that are not there, but that an unknown one was meant to be: one slip is one problem.
    meant: Vec<&'static str>,
}

impl<'n> Object<'n> {
    /// The node as an object, if it is a map.
    pub(crate) fn open(node: &'n Node, label: &'static str) -> Option<Self> {
        match &node.content {
            Content::Map(entries) => Some(Self { label, at: node.at, entries, meant: Vec::new() }),
            Content::Scalar { .. } | Content::List(_) => None,
        }
    }

    /// Takes down unknown keys, and what does not hold between the known ones.
    pub(crate) fn check(&mut self, known: &[&'static str], rules: &[Rule], reader: &mut Reader<'_, '_>) {
        let entries = self.entries;
        for entry in entries.iter().filter(|entry| !known.contains(&entry.key.as_str())) {
            // Looking for what was meant costs more than a hostile text should be able to ask for.
            if reader.problems.is_full() {
                break;
            }
            self.unknown(entry, known, reader);
        }
        for rule in rules {
            self.rule(rule, reader);
        }
    }

    fn unknown(&mut self, entry: &Entry, known: &[&'static str], reader: &mut Reader<'_, '_>) {
        if entry.key.contains("${") {
            let message = format!("`{}` is a variable in a key", entry.key);
            reader.problem(Code::VariableInKey, entry.at, message, "variables are only filled in in values");
            return;
        }
        let near = nearest(&entry.key, known.iter().copied());
        let help = match (synonym(self.label, &entry.key), near) {
            (Some(synonym), _) => {
                let named = |key: &str| synonym.contains(&format!("`{key}:"));
                self.meant.extend(known.iter().filter(|key| named(key)));
                synonym.to_owned()
            }
            (None, Some(near)) => {
                self.meant.extend(known.iter().filter(|key| **key == near));
                format!("did you mean `{near}`?")
            }
            (None, None) => format!("the keys here are {}", listed(known)),
        };
        let message = format!("`{}` is not a key of the {}", entry.key, self.label);
        reader.problem(Code::UnknownKey, entry.at, message, help);
    }

    fn rule(&self, rule: &Rule, reader: &mut Reader<'_, '_>) {
        let present = keys(self.entries);
        let there = |group: &[&'static str]| -> Vec<&Entry> {
            self.entries.iter().filter(|entry| group.contains(&entry.key.as_str())).collect()
        };
        match *rule {
            Rule::ExactlyOne(group) | Rule::AtLeastOne(group)
                if there(group).is_empty() && !group.iter().any(|key| self.meant.contains(key)) =>
            {
                let message = format!("the {} needs one of the keys {}", self.label, super::word::either(group));
                reader.problem(Code::MissingKey, self.at, message, "add one of them");
            }
            Rule::ExactlyOne(group) | Rule::AtMostOne(group) if there(group).len() > 1 => {
                let both = there(group);
                let message = format!("`{}` and `{}` exclude each other", both[0].key, both[1].key);
                let help = format!("keep one of {}", listed(group));
                reader.problem(Code::ChooseOne, both[1].at, message, help);
            }
            Rule::Needs(key, other)
                if present.contains(key) && !present.contains(other) && !self.meant.contains(&other) =>
            {
                let at = there(&[key]).first().map_or(self.at, |entry| entry.at);
                let message = format!("`{key}` needs `{other}` beside it");
                reader.problem(Code::MissingKey, at, message, format!("add `{other}`"));
            }
            Rule::ExactlyOne(_) | Rule::AtLeastOne(_) | Rule::AtMostOne(_) | Rule::Needs(..) => {}
        }
    }

    /// The value of a key.
    pub(crate) fn field<T: Read>(
        &self,
        key: &'static str,
        required: bool,
        default: Option<Value>,
        reader: &mut Reader<'_, '_>,
    ) -> Field<T> {
        if let Some(entry) = self.entries.iter().find(|entry| entry.key == key) {
            return reader.located(&entry.value, &format!("`{key}`")).map_or(Field::Bad, Field::Good);
        }
        if self.meant.contains(&key) {
            return Field::Bad;
        }
        if required {
            let message = format!("the {} lacks the key `{key}`", self.label);
            reader.problem(Code::MissingKey, self.at, message, format!("add `{key}:` with {}", T::what()));
            return Field::Bad;
        }
        let Some(default) = default else { return Field::Absent };
        match reader.located(&Node::from_default(&default, self.at), key) {
            Some(located) => Field::Good(super::reader::Located { written: false, ..located }),
            None => Field::Bad,
        }
    }
}

/// Words for a sentence: `a`, `b` and `c`.
pub(crate) fn listed(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    match quoted.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        Some((last, _)) => last.clone(),
        None => String::new(),
    }
}
