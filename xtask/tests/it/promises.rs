//! `docs/promises.md` names for each promise what proves it, and what it names exists.

use crate::{read, root};
use std::process::Command;

const PAGE: &str = "docs/promises.md";
/// The promises of the design; the last says what is not promised.
const PROMISES: usize = 9;

#[test]
fn every_promise_names_what_proves_it() {
    let page = read(PAGE);
    let promises: Vec<&str> = page.split("\n## ").skip(1).collect();
    assert_eq!(promises.len(), PROMISES, "{PAGE} has one section per promise");
    let tasks = tasks();
    let mut broken = Vec::new();
    for (index, promise) in promises.iter().enumerate() {
        let number = index + 1;
        if !promise.starts_with(&format!("{number}. ")) {
            broken.push(format!("section {number} is not promise {number}"));
        }
        let proofs: Vec<&str> = promise.lines().filter_map(|line| line.strip_prefix("- ")).collect();
        if proofs.is_empty() {
            broken.push(format!("promise {number} names nothing"));
        }
        let said = |why: String| format!("promise {number}: {why}");
        broken.extend(proofs.iter().filter_map(|proof| missing(proof, &tasks).map(said)));
    }
    assert!(broken.is_empty(), "{PAGE}\n{}", broken.join("\n"));
}

/// What a proof names and the tree does not have. A proof is a test (`file` `function`), a task
/// (`cargo xtask name`), or says that it is still to come.
fn missing(proof: &str, tasks: &str) -> Option<String> {
    if proof.starts_with("Not yet: ") || proof.starts_with("Not promised: ") {
        return None;
    }
    let mut quoted = proof.split('`').skip(1).step_by(2);
    let first = quoted.next()?;
    if let Some(task) = first.strip_prefix("cargo xtask ") {
        let name = task.split(' ').next().unwrap_or_default();
        let known = tasks.lines().any(|line| line.trim_start().split(' ').next() == Some(name));
        return (!known).then(|| format!("there is no task {name}"));
    }
    let Some(function) = quoted.next() else { return Some(format!("{first} is neither a test nor a task")) };
    let Ok(text) = std::fs::read_to_string(root().join(first)) else { return Some(format!("there is no {first}")) };
    let test = text.split("#[test]").skip(1).any(|after| {
        let line = after.lines().find(|line| line.trim_start().starts_with("fn "));
        line.is_some_and(|line| line.trim_start().starts_with(&format!("fn {function}(")))
    });
    (!test).then(|| format!("{first} has no test {function}"))
}

fn tasks() -> String {
    let help = Command::new(env!("CARGO_BIN_EXE_xtask")).arg("--help").output().expect("it can be started");
    String::from_utf8(help.stdout).expect("it is text")
}

#[test]
fn proofs_that_do_not_exist_are_caught() {
    let tasks = "Commands:\n  sim   Land\n  demo  Show\n";
    let here = "xtask/tests/it/promises.rs";
    let of = |proof: &str| missing(proof, tasks);
    assert_eq!(of("`cargo xtask sim --check`: all"), None);
    assert_eq!(of(&format!("`{here}` `every_promise_names_what_proves_it`")), None);
    assert_eq!(of("Not yet: comes with the gateway"), None);
    assert_eq!(of("`cargo xtask si`"), Some("there is no task si".into()));
    assert_eq!(of("`gone.rs` `a_test`"), Some("there is no gone.rs".into()));
    assert_eq!(of(&format!("`{here}` `missing`")), Some(format!("{here} has no test missing")));
    assert_eq!(of("`words`"), Some("words is neither a test nor a task".into()));
}
