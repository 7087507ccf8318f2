//! What is written as one text: the pattern in the schema and the parser take the same texts.

use model::text::{Class, parse_one, schema};
use serde_json::{Value, json};

/// Texts that are right somewhere.
const SEEDS: &[&str] = &[
    "10s",
    "1h30m",
    "0s",
    "5%",
    "0.5 %",
    "100%",
    "100.0%",
    "256MiB",
    "2GB",
    "250m",
    "0.5",
    "3",
    ":8080",
    "[::1]:80",
    "a.example:65535",
    "shop.example",
    "*.shop.example",
    "/a/b?c",
    "https://x.example/y",
    "10.0.0.0/8",
    "2026-02-28",
    "23:59",
    "00:00",
    "shop-1",
    "p99",
    "p99.9",
    "error-rate",
    "monday",
    "true",
    "null",
    "~",
    "",
    " ",
    "-1",
    "1e3",
    "0x10",
    "5000ms",
    "1d",
    "tcp",
    "approve",
    "GET",
    "X_Y",
    "${A:-b}",
    "$${",
    "é",
];

/// Where a text is tried: one key for each kind of value.
const KEYS: &[&str] = &[
    "/health/grace",
    "/undecided/exposure",
    "/limits/memory",
    "/limits/cpu",
    "/limits/open-files",
    "/instances",
    "/listen",
    "/place",
    "/health/ready",
    "/strategy/rolling/surge",
    "/checks/a/above",
    "/checks/a/measure",
    "/version",
    "/gates/webhooks/a",
    "/gates/calendar/freezes/0/from",
    "/gates/calendar/windows/0/from",
    "/gates/calendar/windows/0/days",
    "/gates/approval",
    "/interruption",
    "/run",
    "/env/A",
    "/flags/a",
];

/// Texts around the edge of each kind of value, written into a good service at one key.
#[test]
fn patterns_and_parsers_take_the_same_texts() {
    let schema = jsonschema::draft202012::new(&schema()).expect("the schema is one");
    let mut compared = 0;
    for key in KEYS {
        for seed in SEEDS.iter().flat_map(|seed| neighbours(seed)) {
            let text = Value::String(seed.clone());
            let number = Some(plain(&seed)).filter(|plain| *plain != text);
            for value in std::iter::once(text).chain(number) {
                let document = with(key, value.clone());
                let text = serde_json::to_string(&document).expect("JSON");
                let refused = parse_one(&text).err().is_some_and(|report| {
                    report.problems.iter().any(|problem| problem.code.class() == Class::Structure)
                });
                let valid = schema.is_valid(&document);
                assert_eq!(
                    valid,
                    !refused,
                    "{key}: {value}\n{:?}",
                    parse_one(&text).err().map(|report| report.to_string())
                );
                compared += 1;
            }
        }
    }
    assert!(compared > 10_000, "{compared}");
}

/// A text, and what one slip makes of it.
fn neighbours(seed: &str) -> Vec<String> {
    let characters: Vec<char> = seed.chars().collect();
    let mut all = vec![seed.to_owned()];
    for at in 0..=characters.len() {
        for slip in ['0', '.', ' ', '%'] {
            let mut with = characters.clone();
            with.insert(at, slip);
            all.push(with.into_iter().collect());
        }
        if at < characters.len() {
            let mut without = characters.clone();
            without.remove(at);
            all.push(without.into_iter().collect());
        }
    }
    all
}

/// The JSON value that a text is, where it is one.
fn plain(text: &str) -> Value {
    let value: Option<Value> = serde_json::from_str(text).ok();
    value.filter(|value| !value.is_object() && !value.is_array()).unwrap_or_else(|| Value::String(text.to_owned()))
}

/// A service with one value replaced, or added.
fn with(key: &str, value: Value) -> Value {
    let mut document = json!({
        "service": "shop",
        "run": "./shop",
        "checks": {"a": {"measure": "p99", "above": "5s"}},
        "gates": {"calendar": {
            "time-zone": "UTC",
            "windows": [{"from": "10:00", "to": "11:00"}],
            "freezes": [{"from": "2026-01-01"}],
        }},
    });
    let mut place = &mut document;
    for part in key.split('/').skip(1) {
        place = match part.parse::<usize>() {
            Ok(index) => &mut place[index],
            Err(_) => &mut place[part],
        };
    }
    *place = value;
    document
}
