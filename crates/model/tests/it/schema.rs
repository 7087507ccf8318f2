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
    let schema = schema();
    let mut used = BTreeSet::new();
    for (name, _, text) in files("good") {
        for document in documents_as_json(Source { name: &name, text: &text }).expect("it is YAML") {
            walk(&schema, &schema, &document, &mut used);
        }
    }
    for (name, definition) in schema["$defs"].as_object().expect("definitions") {
        for (key, property) in definition["properties"].as_object().into_iter().flatten() {
            assert!(used.contains(&(name.clone(), key.clone())), "no good example has `{key}` of the {name}");
            let described = property["description"].as_str().is_some_and(|text| text.len() > 5);
            assert!(described, "`{key}` of the {name} has no description");
        }
        if definition["type"] == "object" {
            assert_eq!(definition["additionalProperties"], false, "{name}");
        }
    }
}

/// Goes through a value along its schema, and takes down every key of every definition that it meets.
fn walk(root: &Value, schema: &Value, value: &Value, used: &mut BTreeSet<(String, String)>) {
    if let Some(name) = schema["$ref"].as_str().and_then(|path| path.strip_prefix("#/$defs/")) {
        let definition = &root["$defs"][name];
        for (key, inner) in value.as_object().into_iter().flatten() {
            if let Some(property) = definition["properties"].get(key) {
                used.insert((name.to_owned(), key.clone()));
                walk(root, property, inner, used);
            }
        }
    }
    for branch in schema["anyOf"].as_array().into_iter().flatten() {
        walk(root, branch, value, used);
    }
    for item in value.as_array().into_iter().flatten().filter(|_| schema["items"].is_object()) {
        walk(root, &schema["items"], item, used);
    }
    if schema["additionalProperties"].is_object() {
        for inner in value.as_object().into_iter().flat_map(|map| map.values()) {
            walk(root, &schema["additionalProperties"], inner, used);
        }
    }
}
