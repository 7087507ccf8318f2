//! `glidepath.yaml`: from text to a validated [`Service`], and the JSON Schema for editors.
//!
//! The way is: YAML events become a small tree with positions ([`tree`], [`node`]); declarations
//! ([`object`]) read the tree, each of them once for the reader and for the schema; then the values are
//! resolved against each other into a [`Service`]. Nothing stops at the first problem: a person sees
//! all of a file at once, each with its place, its line and what to do.

mod address;
mod canary;
mod check;
mod code;
mod collection;
mod command;
mod database;
mod date;
mod duration;
mod experiment;
mod folder;
mod gate;
mod health;
mod hook;
mod name;
mod nearest;
mod node;
mod number;
mod object;
mod problem;
mod reader;
mod run;
mod scalar;
mod scanner;
mod schemas;
mod service;
mod size;
mod source;
mod strategy;
mod synonym;
mod traffic;
mod tree;
mod variable;
mod word;
mod yaml;

pub use code::{Class, Code};
pub use problem::{Problem, Report};
pub use source::{SOURCE_BYTES_MAX, Source};
pub use yaml::{Fault, Hidden, Yaml};

use crate::Service;
use folder::Folder;
use node::{At, Node};
use problem::Problems;
use reader::Reader;
use service::Described;
use std::env::VarError;

/// Looks an environment variable up, as [`std::env::var`] does.
pub type Environment<'a> = &'a dyn Fn(&str) -> Result<String, VarError>;

/// The services that a text describes, one per document.
pub fn parse(source: Source<'_>, env: Environment<'_>) -> Result<Vec<Service>, Report> {
    parse_all(&[source], env)
}

/// The services that several texts describe, as the files of a folder. A service may be described
/// only once in all of them.
pub fn parse_all(sources: &[Source<'_>], env: Environment<'_>) -> Result<Vec<Service>, Report> {
    let mut report = Report { problems: Vec::new() };
    let mut folder = Folder::default();
    for source in sources {
        let mut problems = Problems::new(*source);
        for described in read(*source, &mut problems, env) {
            folder.add(described, &mut problems);
        }
        report.problems.extend(problems.finish());
    }
    if report.problems.is_empty() { Ok(folder.services) } else { Err(report) }
}

/// The one service that a text describes, without any environment variables: for tests and examples.
pub fn parse_one(text: &str) -> Result<Service, Report> {
    let source = Source { name: "glidepath.yaml", text };
    let mut services = parse(source, &|_| Err(VarError::NotPresent))?;
    if services.len() > 1 {
        let mut problems = Problems::new(source);
        let message = format!("there are {} services here, but one is wanted", services.len());
        problems.add(Code::TooMuch, At::START, message, "keep one document");
        return Err(Report { problems: problems.finish() });
    }
    // `parse` refuses a text without any.
    Ok(services.remove(0))
}

/// The JSON Schema (2020-12) of one document, generated from the declarations that also read it.
pub fn schema() -> serde_json::Value {
    service::schema()
}

/// The documents of a text as JSON, as an editor sees them: nothing is filled in or checked.
pub fn documents_as_json(source: Source<'_>) -> Result<Vec<serde_json::Value>, Report> {
    let mut problems = Problems::new(source);
    let documents = tree::documents(source.unmarked(), &mut problems);
    if problems.count() > 0 {
        return Err(Report { problems: problems.finish() });
    }
    Ok(documents.iter().map(Node::to_json).collect())
}

fn read(source: Source<'_>, problems: &mut Problems<'_>, env: Environment<'_>) -> Vec<Described> {
    let documents = tree::documents(source.unmarked(), problems);
    if documents.is_empty() && problems.count() == 0 {
        let help = "the least that is needed:\nservice: shop\nrun: ./shop --port $PORT\nlisten: \":8080\"";
        problems.add(Code::Empty, At::START, "there is no service in this file", help);
    }
    let mut reader = Reader { problems, env };
    documents.iter().filter_map(|document| service::read(document, &mut reader)).collect()
}
