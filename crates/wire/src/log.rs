//! What processes write about themselves: one line for each thing that happened, for people or for
//! programs.

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use std::fmt::Write as _;
use std::io::Write as _;

/// How lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// `2026-03-27T15:00:00Z error gateway cannot listen address=127.0.0.1:80`.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// How much it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// As it should be.
    Info,
    /// Not as it should be, but everybody is served.
    Warning,
    /// Somebody is not served, or may not be.
    Error,
}

/// Writes what one process does.
#[derive(Clone, Copy, Debug)]
pub struct Log {
    form: Form,
    process: &'static str,
}

impl Log {
    /// The log of a process of this kind.
    pub fn new(form: Form, process: &'static str) -> Self {
        Self { form, process }
    }

    /// As it should be.
    pub fn info(&self, what: &str, fields: &[(&str, &dyn std::fmt::Display)]) {
        self.write(Level::Info, what, fields);
    }

    /// Not as it should be, but everybody is served.
    pub fn warning(&self, what: &str, fields: &[(&str, &dyn std::fmt::Display)]) {
        self.write(Level::Warning, what, fields);
    }

    /// Somebody is not served, or may not be.
    pub fn error(&self, what: &str, fields: &[(&str, &dyn std::fmt::Display)]) {
        self.write(Level::Error, what, fields);
    }

    fn write(&self, level: Level, what: &str, fields: &[(&str, &dyn std::fmt::Display)]) {
        let line = line(self.form, Timestamp::now(), level, self.process, what, fields);
        // Where nobody takes the lines there is nobody to tell; one write, so that lines stay whole.
        let _ = std::io::stderr().lock().write_all(line.as_bytes());
    }
}

/// One line, with its end.
pub fn line(
    form: Form,
    at: Timestamp,
    level: Level,
    process: &str,
    what: &str,
    fields: &[(&str, &dyn std::fmt::Display)],
) -> String {
    let at = at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ");
    let level = match level {
        Level::Info => "info",
        Level::Warning => "warning",
        Level::Error => "error",
    };
    match form {
        Form::Json => {
            let mut map = Map::new();
            let fields = fields.iter().map(|(name, value)| (*name, value.to_string()));
            let about =
                [("at", at.to_string()), ("level", level.into()), ("process", process.into()), ("what", what.into())];
            for (name, value) in about.into_iter().chain(fields) {
                map.insert(name.to_owned(), json!(value));
            }
            format!("{}\n", Value::Object(map))
        }
        Form::Text => {
            let mut text = format!("{at} {level} {process}: {what}");
            for (name, value) in fields {
                let value = value.to_string();
                let plain = !value.is_empty() && value.chars().all(|c| c.is_ascii_graphic() && c != '"');
                let _ = if plain { write!(text, " {name}={value}") } else { write!(text, " {name}={value:?}") };
            }
            text + "\n"
        }
    }
}
