//! From a node to whatever serde is asked for.

use super::fault::Fault;
use crate::text::code::Code;
use crate::text::node::{Content, Entry, Kind, Node, kind};
use crate::{Share, Span};
use serde::de::value::{BorrowedStrDeserializer, U16Deserializer, U64Deserializer};
use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error as _, IntoDeserializer as _, MapAccess, SeqAccess, Unexpected,
    VariantAccess, Visitor,
};

/// A node that is being read.
#[derive(Clone, Copy)]
pub(super) struct Reading<'n>(pub(super) &'n Node);

impl<'n> Reading<'n> {
    fn scalar(self) -> Option<&'n str> {
        match &self.0.content {
            Content::Scalar { text, .. } => Some(text),
            Content::List(_) | Content::Map(_) => None,
        }
    }

    /// A text stays a text, also where YAML would take it for a number: `release: 010` is nobody's octal.
    fn text<V: Visitor<'n>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.scalar() {
            Some(text) if !self.0.is_null() => visitor.visit_borrowed_str(text),
            _ => self.any(visitor),
        }
    }

    fn any<V: Visitor<'n>>(self, visitor: V) -> Result<V::Value, Fault> {
        match &self.0.content {
            Content::List(items) => visitor.visit_seq(Items(items.iter())),
            Content::Map(entries) => visitor.visit_map(Entries::new(entries)),
            Content::Scalar { text, plain: false } => visitor.visit_borrowed_str(text),
            Content::Scalar { text, plain: true } => match kind(text) {
                Kind::Null => visitor.visit_unit(),
                Kind::Bool(value) => visitor.visit_bool(value),
                Kind::Number(number) => match (number.as_u64(), number.as_i64(), number.as_f64()) {
                    (Some(number), _, _) => visitor.visit_u64(number),
                    (_, Some(number), _) => visitor.visit_i64(number),
                    (_, _, number) => visitor.visit_f64(number.unwrap_or(f64::NAN)),
                },
                Kind::Text => visitor.visit_borrowed_str(text),
            },
        }
    }

    /// `5%` and `30s`, by the names of what they are.
    fn human<V: Visitor<'n>>(self, name: &str, visitor: V) -> Result<V::Value, Fault> {
        let text = self.scalar().unwrap_or_default();
        match name {
            "Share" => {
                let share = Share::parse(text);
                let share = share.map_err(|wrong| Fault::new(Code::BadShare, wrong.to_string(), wrong.hint))?;
                let points: U16Deserializer<Fault> = share.basis_points().into_deserializer();
                visitor.visit_newtype_struct(points)
            }
            "Span" => {
                let span = Span::parse(text);
                let span = span.map_err(|wrong| Fault::new(Code::BadDuration, wrong.to_string(), wrong.hint))?;
                let span: U64Deserializer<Fault> = span.0.into_deserializer();
                visitor.visit_newtype_struct(span)
            }
            _ => visitor.visit_newtype_struct(self),
        }
    }
}

macro_rules! as_any {
    ($($method:ident)*) => {
        $(fn $method<V: Visitor<'n>>(self, visitor: V) -> Result<V::Value, Fault> {
            self.any(visitor).map_err(|fault| fault.within(self.0.at))
        })*
    };
}

impl<'n> Deserializer<'n> for Reading<'n> {
    type Error = Fault;

    as_any! {
        deserialize_any deserialize_bool deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_u8
        deserialize_u16 deserialize_u32 deserialize_u64 deserialize_f32 deserialize_f64 deserialize_char
        deserialize_bytes deserialize_byte_buf deserialize_unit deserialize_map deserialize_identifier
        deserialize_ignored_any
    }

    fn deserialize_str<V: Visitor<'n>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.text(visitor).map_err(|fault| fault.within(self.0.at))
    }

    fn deserialize_string<V: Visitor<'n>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'n>>(self, visitor: V) -> Result<V::Value, Fault> {
        if self.0.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_unit_struct<V: Visitor<'n>>(self, _: &'static str, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'n>>(self, name: &'static str, visitor: V) -> Result<V::Value, Fault> {
        self.human(name, visitor).map_err(|fault| fault.within(self.0.at))
    }

    fn deserialize_seq<V: Visitor<'n>>(self, visitor: V) -> Result<V::Value, Fault> {
        let result = match &self.0.content {
            Content::List(items) => visitor.visit_seq(Items(items.iter())),
            Content::Map(entries) => visitor.visit_seq(OneOrPairs { node: self.0, entries, next: 0 }),
            Content::Scalar { .. } if self.0.is_null() => self.any(visitor),
            Content::Scalar { .. } => visitor.visit_seq(Items(std::slice::from_ref(self.0).iter())),
        };
        result.map_err(|fault| fault.within(self.0.at))
    }

    fn deserialize_tuple<V: Visitor<'n>>(self, _: usize, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_any(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'n>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.deserialize_any(visitor)
    }

    fn deserialize_struct<V: Visitor<'n>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        let result = match (&self.0.content, fields.first()) {
            (Content::Scalar { .. }, Some(first)) if !self.0.is_null() => {
                visitor.visit_map(OneWord::new(first, self.0))
            }
            // What serde would take for its values in their order.
            (Content::List(_), _) => Err(Fault::invalid_type(Unexpected::Seq, &visitor)),
            _ => self.any(visitor),
        };
        result.map_err(|fault| fault.within(self.0.at))
    }

    fn deserialize_enum<V: Visitor<'n>>(
        self,
        _: &'static str,
        known: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        let (word, at, value) = match &self.0.content {
            Content::Scalar { text, .. } => (text, self.0.at, None),
            Content::Map(entries) => match entries.as_slice() {
                [entry] => (&entry.key, entry.at, Some(&entry.value)),
                _ => {
                    let help = format!("write one of {}", crate::text::object::listed(known));
                    return Err(Fault::new(Code::ChooseOne, "exactly one key stands here", help).within(self.0.at));
                }
            },
            Content::List(_) => return self.deserialize_any(visitor),
        };
        visitor.visit_enum(Variant { word, value }).map_err(|fault| fault.within(at))
    }
}

/// The items of a list.
struct Items<'n>(std::slice::Iter<'n, Node>);

impl<'n> SeqAccess<'n> for Items<'n> {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'n>>(&mut self, seed: T) -> Result<Option<T::Value>, Fault> {
        self.0.next().map(|node| seed.deserialize(Reading(node)).map_err(|fault| fault.within(node.at))).transpose()
    }
}

/// A map where a list belongs: its pairs, where the list is one of pairs, and else the one item of the list.
struct OneOrPairs<'n> {
    node: &'n Node,
    entries: &'n [Entry],
    next: usize,
}

impl<'n> SeqAccess<'n> for OneOrPairs<'n> {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'n>>(&mut self, seed: T) -> Result<Option<T::Value>, Fault> {
        let Some(entry) = self.entries.get(self.next) else { return Ok(None) };
        let mut item = OneOrPair { node: self.node, entry, was_pair: false };
        let value = seed.deserialize(&mut item).map_err(|fault| fault.within(entry.at))?;
        self.next = if item.was_pair { self.next + 1 } else { self.entries.len() };
        Ok(Some(value))
    }
}

/// What is asked for tells which of the two it is.
struct OneOrPair<'n> {
    node: &'n Node,
    entry: &'n Entry,
    was_pair: bool,
}

impl<'n> Deserializer<'n> for &mut OneOrPair<'n> {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'n>>(self, visitor: V) -> Result<V::Value, Fault> {
        Reading(self.node).deserialize_any(visitor)
    }

    fn deserialize_tuple<V: Visitor<'n>>(self, _: usize, visitor: V) -> Result<V::Value, Fault> {
        self.was_pair = true;
        visitor.visit_seq(Pair { entry: self.entry, next: 0 })
    }

    fn deserialize_struct<V: Visitor<'n>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        Reading(self.node).deserialize_struct(name, fields, visitor)
    }

    fn deserialize_enum<V: Visitor<'n>>(
        self,
        name: &'static str,
        known: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        Reading(self.node).deserialize_enum(name, known, visitor)
    }

    serde::forward_to_deserialize_any! {
        <W: Visitor<'n>>
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple_struct map identifier ignored_any
    }
}

/// A key and its value as two items.
struct Pair<'n> {
    entry: &'n Entry,
    next: usize,
}

impl<'n> SeqAccess<'n> for Pair<'n> {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'n>>(&mut self, seed: T) -> Result<Option<T::Value>, Fault> {
        self.next += 1;
        match self.next {
            1 => seed.deserialize(BorrowedStrDeserializer::new(&self.entry.key)).map(Some),
            2 => seed.deserialize(Reading(&self.entry.value)).map(Some),
            _ => Ok(None),
        }
    }
}

/// The entries of a map.
struct Entries<'n> {
    rest: std::slice::Iter<'n, Entry>,
    value: Option<&'n Node>,
}

impl<'n> Entries<'n> {
    fn new(entries: &'n [Entry]) -> Self {
        Self { rest: entries.iter(), value: None }
    }
}

impl<'n> MapAccess<'n> for Entries<'n> {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'n>>(&mut self, seed: K) -> Result<Option<K::Value>, Fault> {
        let Some(entry) = self.rest.next() else { return Ok(None) };
        self.value = Some(&entry.value);
        let key: BorrowedStrDeserializer<'n, Fault> = BorrowedStrDeserializer::new(&entry.key);
        seed.deserialize(key).map(Some).map_err(|fault| fault.within(entry.at))
    }

    fn next_value_seed<T: DeserializeSeed<'n>>(&mut self, seed: T) -> Result<T::Value, Fault> {
        let value = self.value.take().ok_or_else(|| Fault::custom("a value was asked for twice"))?;
        seed.deserialize(Reading(value)).map_err(|fault| fault.within(value.at))
    }
}

/// A single word for a map: the value of its first key.
struct OneWord<'n> {
    key: Option<&'static str>,
    value: &'n Node,
}

impl<'n> OneWord<'n> {
    fn new(key: &'static str, value: &'n Node) -> Self {
        Self { key: Some(key), value }
    }
}

impl<'n> MapAccess<'n> for OneWord<'n> {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'n>>(&mut self, seed: K) -> Result<Option<K::Value>, Fault> {
        let Some(key) = self.key.take() else { return Ok(None) };
        let key: BorrowedStrDeserializer<'n, Fault> = BorrowedStrDeserializer::new(key);
        seed.deserialize(key).map(Some)
    }

    fn next_value_seed<T: DeserializeSeed<'n>>(&mut self, seed: T) -> Result<T::Value, Fault> {
        seed.deserialize(Reading(self.value))
    }
}

/// One of several kinds, by its word.
struct Variant<'n> {
    word: &'n str,
    value: Option<&'n Node>,
}

impl<'n> EnumAccess<'n> for Variant<'n> {
    type Error = Fault;
    type Variant = Self;

    fn variant_seed<T: DeserializeSeed<'n>>(self, seed: T) -> Result<(T::Value, Self), Fault> {
        let word: BorrowedStrDeserializer<'n, Fault> = BorrowedStrDeserializer::new(self.word);
        Ok((seed.deserialize(word)?, self))
    }
}

impl<'n> Variant<'n> {
    fn value(&self) -> Result<Reading<'n>, Fault> {
        let missing = || {
            let message = format!("`{}` needs a value", self.word);
            Fault::new(Code::NoValue, message, format!("write `{}: …`", self.word))
        };
        self.value.map(Reading).ok_or_else(missing)
    }
}

impl<'n> VariantAccess<'n> for Variant<'n> {
    type Error = Fault;

    fn unit_variant(self) -> Result<(), Fault> {
        match self.value {
            Some(value) if !value.is_null() => {
                let message = format!("`{}` has no value", self.word);
                Err(Fault::new(Code::NoEffect, message, "write it as a word of its own"))
            }
            Some(_) | None => Ok(()),
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'n>>(self, seed: T) -> Result<T::Value, Fault> {
        let value = self.value()?;
        seed.deserialize(value).map_err(|fault| fault.within(value.0.at))
    }

    fn tuple_variant<V: Visitor<'n>>(self, _: usize, visitor: V) -> Result<V::Value, Fault> {
        self.value()?.deserialize_any(visitor)
    }

    fn struct_variant<V: Visitor<'n>>(self, fields: &'static [&'static str], visitor: V) -> Result<V::Value, Fault> {
        self.value()?.deserialize_struct("", fields, visitor)
    }
}
