//! `docs/configuration.md`, made from the schema that editors use.

use crate::documents;
use crate::session::Session;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fmt::Write as _;

const HEAD: &str = "# The configuration: `glidepath.yaml`

<!-- Generated from the schema: UPDATE_EXPECT=1 cargo test -p glidepath -->

One document describes one service; a file may have several, separated by `---`. The least that works:

```yaml
service: shop
run: ./shop --port $PORT
listen: \":8080\"
```

`${NAME}` and `${NAME:-default}` in values are filled in from the environment; a variable that is not set is an
error, and so is a default with a variable in it. `$PORT` without braces is left for the instance. Durations are written `30s`, `5m`, `1h30m`, `14d`; shares
`5%`; names are lower-case letters, digits and dashes. `glidepath validate` names every mistake with its line;
`glidepath schema` prints this as a JSON Schema for your editor.
";

#[test]
fn the_configuration_is_documented() {
    let schema = model::text::schema();
    let definitions = schema["$defs"].as_object().expect("definitions");
    let mut text = HEAD.to_owned();
    let (mut order, mut seen) = (vec!["service".to_owned()], BTreeSet::from(["service".to_owned()]));
    let mut next = 0;
    while next < order.len() {
        let name = order[next].clone();
        next += 1;
        section(&name, &definitions[&name], &mut text);
        for property in definitions[&name]["properties"].as_object().into_iter().flat_map(|map| map.values()) {
            refer(property, &mut |label| {
                if label != "variable" && seen.insert(label.to_owned()) {
                    order.push(label.to_owned());
                }
            });
        }
    }
    let all = definitions.keys().filter(|name| *name != "variable").count();
    assert_eq!(order.len(), all, "every object is reached");
    examples(&mut text);
    documents::check("configuration.md", &text);
}

fn section(name: &str, object: &Value, text: &mut String) {
    let about = object["description"].as_str().unwrap_or_default();
    let _ = writeln!(text, "\n## {name}\n\n{about}\n");
    for rule in object["allOf"].as_array().into_iter().flatten() {
        let _ = writeln!(text, "{}\n", self::rule(rule));
    }
    text.push_str("| key | takes | default | about |\n| --- | --- | --- | --- |\n");
    for (key, property) in object["properties"].as_object().expect("properties") {
        let required = object["required"].as_array().is_some_and(|keys| keys.contains(&Value::from(key.as_str())));
        let default = match property.get("default") {
            Some(Value::String(default)) => format!("`{default}`"),
            Some(default) => format!("`{default}`"),
            None if required => "required".to_owned(),
            None => String::new(),
        };
        let about = property["description"].as_str().unwrap_or_default();
        let _ = writeln!(text, "| `{key}` | {} | {default} | {about} |", takes(property));
    }
}

/// What stands between keys, in words.
fn rule(rule: &Value) -> String {
    let keys = |list: &Value| -> Vec<String> {
        let groups = list.as_array().into_iter().flatten();
        let mut keys: Vec<String> = Vec::new();
        for key in groups.flat_map(|group| group["required"].as_array().into_iter().flatten()) {
            let key = format!("`{}`", key.as_str().unwrap_or_default());
            if !keys.contains(&key) {
                keys.push(key);
            }
        }
        keys
    };
    if let Some(needs) = rule["dependentRequired"].as_object() {
        let needs = needs.iter().map(|(key, others)| {
            format!("`{key}` needs {others} beside it.").replace(['[', ']'], "").replace('"', "`")
        });
        return needs.collect::<Vec<_>>().join(" ");
    }
    let (word, list) = match (&rule["oneOf"], &rule["anyOf"]) {
        (Value::Array(_), _) => ("Exactly one of", &rule["oneOf"]),
        (_, Value::Array(_)) => ("At least one of", &rule["anyOf"]),
        _ => ("At most one of", &rule["not"]["anyOf"]),
    };
    format!("{word} {}.", keys(list).join(", "))
}

/// What can stand there, in words.
fn takes(schema: &Value) -> String {
    let mut words = Vec::new();
    collect(schema, &mut words);
    let mut unique: Vec<String> = Vec::new();
    for word in words {
        if !unique.contains(&word) {
            unique.push(word);
        }
    }
    unique.join(" or ")
}

fn collect(schema: &Value, words: &mut Vec<String>) {
    if let Some(label) = label(schema) {
        if label != "variable" {
            words.push(format!("[{label}](#{label})"));
        }
    } else if let Some(choices) = schema["anyOf"].as_array() {
        choices.iter().for_each(|choice| collect(choice, words));
    } else if let Some(choices) = schema["enum"].as_array() {
        words.push(choices.iter().map(code).collect::<Vec<_>>().join(", "));
    } else if !schema["const"].is_null() {
        words.push(code(&schema["const"]));
    } else if schema["type"] == "array" {
        words.push(format!("list of {}", grouped(&takes(&schema["items"]))));
    } else if schema["type"] == "object" {
        words.push(format!("map of {}", grouped(&takes(&schema["additionalProperties"]))));
    } else {
        words.push(scalar(schema));
    }
}

fn grouped(choices: &str) -> String {
    if choices.contains(" or ") { format!("({choices})") } else { choices.to_owned() }
}

fn scalar(schema: &Value) -> String {
    let pattern = schema["pattern"].as_str().unwrap_or_default();
    match schema["type"].as_str() {
        Some("boolean") => "`true`, `false`".to_owned(),
        Some("integer") => match (&schema["minimum"], &schema["maximum"]) {
            (Value::Number(least), Value::Number(most)) => format!("{least} to {most}"),
            _ => "number".to_owned(),
        },
        Some("number") => "number".to_owned(),
        _ if pattern.ends_with("ms)?$") => "duration".to_owned(),
        _ if pattern.ends_with(" ?%$") => "share".to_owned(),
        _ if pattern.starts_with("^[a-z0-9]([a-z0-9-]") => "name".to_owned(),
        _ => "text".to_owned(),
    }
}

fn code(value: &Value) -> String {
    format!("`{}`", value.as_str().map_or_else(|| value.to_string(), str::to_owned))
}

fn label(schema: &Value) -> Option<&str> {
    schema["$ref"].as_str()?.strip_prefix("#/$defs/")
}

/// Every object that a schema refers to.
fn refer(schema: &Value, found: &mut dyn FnMut(&str)) {
    if let Some(label) = label(schema) {
        found(label);
    }
    match schema {
        Value::Array(values) => values.iter().for_each(|value| refer(value, found)),
        Value::Object(values) => values.values().for_each(|value| refer(value, found)),
        _ => {}
    }
}

/// A whole file for each strategy, as `init` writes it.
fn examples(text: &mut String) {
    text.push_str("\n## Examples\n\nAs `glidepath init --strategy …` writes them.\n");
    for strategy in engine::starter::STRATEGIES {
        let name = strategy.as_str();
        let file = Session::new().run(&format!("init -o - -s shop --strategy {name}"), b"").out;
        let _ = writeln!(text, "\n### Example: {name}\n\n```yaml\n{file}```");
    }
}
