//! The JSON Schema that grows out of the declarations.

use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// The definitions that schemas refer to.
#[derive(Default)]
pub(crate) struct Schemas {
    definitions: BTreeMap<String, Value>,
}

/// A key of an object.
pub(crate) struct Property {
    pub(crate) key: &'static str,
    pub(crate) required: bool,
    pub(crate) schema: Value,
    pub(crate) doc: String,
    pub(crate) default: Option<Value>,
}

/// What must hold between the keys of an object.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Rule {
    /// One of these keys, and only one.
    ExactlyOne(&'static [&'static str]),
    /// Not two of these keys.
    AtMostOne(&'static [&'static str]),
    /// One of these keys, or several.
    AtLeastOne(&'static [&'static str]),
    /// The first key only beside the second.
    Needs(&'static str, &'static str),
}

impl Schemas {
    /// A text with a variable in it: what it stands for is only known when it is filled in.
    pub(crate) fn variable(&mut self) -> Value {
        self.definitions.entry("variable".to_owned()).or_insert_with(|| {
            json!({
                "type": "string",
                "pattern": "\\$\\{",
                "description": "A text with `${VARIABLE}` or `${VARIABLE:-default}` in it, filled in from the environment.",
            })
        });
        json!({"$ref": "#/$defs/variable"})
    }

    /// A reference to an object, which is defined the first time.
    pub(crate) fn object(
        &mut self,
        label: &str,
        about: &str,
        rules: &[Rule],
        properties: impl FnOnce(&mut Self) -> Vec<Property>,
    ) -> Value {
        let name = label.replace(' ', "-");
        if !self.definitions.contains_key(&name) {
            // Taken before the properties are asked, for an object may contain itself.
            self.definitions.insert(name.clone(), Value::Null);
            let schema = object(about, properties(self), rules);
            self.definitions.insert(name.clone(), schema);
        }
        json!({"$ref": format!("#/$defs/{name}")})
    }

    /// The whole schema, whose documents are described by this reference.
    pub(crate) fn finish(self, root: Value) -> Value {
        json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": "glidepath.yaml",
            "description": "One service, as Glidepath lands it.",
            "$ref": root["$ref"],
            "$defs": self.definitions,
        })
    }
}

fn object(about: &str, properties: Vec<Property>, rules: &[Rule]) -> Value {
    let required: Vec<&str> = properties.iter().filter(|property| property.required).map(|one| one.key).collect();
    let mut keys = Map::new();
    for property in properties {
        let mut schema = property.schema;
        schema["description"] = Value::String(property.doc);
        if let Some(default) = property.default {
            schema["default"] = default;
        }
        keys.insert(property.key.to_owned(), schema);
    }
    let mut schema = json!({
        "type": "object",
        "description": about,
        "additionalProperties": false,
        "properties": keys,
    });
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    let rules: Vec<Value> = rules.iter().map(|rule| rule.schema()).collect();
    if !rules.is_empty() {
        schema["allOf"] = Value::Array(rules);
    }
    schema
}

impl Rule {
    fn schema(&self) -> Value {
        let having = |keys: &[&str]| -> Vec<Value> { keys.iter().map(|key| json!({"required": [key]})).collect() };
        match *self {
            Rule::ExactlyOne(keys) => json!({"oneOf": having(keys)}),
            Rule::AtLeastOne(keys) => json!({"anyOf": having(keys)}),
            Rule::Needs(key, other) => json!({"dependentRequired": {key: [other]}}),
            Rule::AtMostOne(keys) => {
                let mut pairs = Vec::new();
                for (index, one) in keys.iter().enumerate() {
                    for other in &keys[index + 1..] {
                        pairs.push(json!({"required": [one, other]}));
                    }
                }
                json!({"not": {"anyOf": pairs}})
            }
        }
    }
}
