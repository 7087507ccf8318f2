//! The schema and the parser agree: on every good example, and on every broken file.

use crate::{env, files};
use model::text::{Class, Source, documents_as_json, parse, schema};
use serde_json::Value;
use std::collections::BTreeSet;

#[test]
fn schema_and_parser_agree_on_every_good_example() {
    let schema = jsonschema::draft202012::new(&schema()).expect("the schema is one");
    for (name, _, text) in files("good") {
        for document in documents_as_json(Source { name: &name, text: &text }).expect("it is YAML") {
            if let Err(error) = schema.validate(&document) {
                panic!("{name}: the schema refuses it at {}: {error}", error.instance_path());
            }
        }
    }
}

#[test]
fn schema_and_parser_agree_on_every_broken_file() {
    let schema = jsonschema::draft202012::new(&schema()).expect("the schema is one");
    let mut structural = 0;
    for (name, _, text) in files("broken") {
        let source = Source { name: &name, text: &text };
        let report = parse(source, &env).expect_err("it is broken");
        let is = |class| report.problems.iter().any(|problem| problem.code.class() == class);
        if is(Class::Syntax) {
            assert!(documents_as_json(source).is_err() || text.trim().is_empty() || text.starts_with('#'), "{name}");
            continue;
        }
        let documents = documents_as_json(source).expect("it is YAML");
        let refused = documents.iter().any(|document| !schema.is_valid(document));
        assert_eq!(refused, is(Class::Structure), "{name}: does the schema refuse it?\n{report}");
        structural += u32::from(refused);
    }
    assert!(structural >= 25, "only {structural} files are refused by the schema");
}

#[test]
fn the_schema_is_a_schema() {
    let schema = schema();
    jsonschema::meta::validate(&schema).expect("it follows its own rules");
    expect_test::expect_file!["../schema.json"]
        .assert_eq(&(serde_json::to_string_pretty(&schema).expect("it can be written") + "\n"));
}

#[test]
fn every_key_of_the_schema_is_used_in_a_good_example() {
    let mut used = BTreeSet::new();
    for (name, _, text) in files("good") {
        for document in documents_as_json(Source { name: &name, text: &text }).expect("it is YAML") {
            keys(&document, &mut used);
        }
    }
    let schema = schema();
    let definitions = schema["$defs"].as_object().expect("definitions");
    for (name, definition) in definitions {
        for (key, property) in definition["properties"].as_object().into_iter().flatten() {
            assert!(used.contains(key), "no good example has `{key}` of the {name}");
            let described = property["description"].as_str().is_some_and(|text| text.len() > 5);
            assert!(described, "`{key}` of the {name} has no description");
        }
        if definition["type"] == "object" {
            assert_eq!(definition["additionalProperties"], false, "{name}");
        }
    }
}

fn keys(value: &Value, used: &mut BTreeSet<String>) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                used.insert(key.clone());
                keys(value, used);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| keys(item, used)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
