//! What `cargo metadata` says of the workspace, as far as the rules need it.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

/// One crate of the workspace.
#[derive(Clone, Debug, Default)]
pub(crate) struct Member {
    pub(crate) name: String,
    /// What its Cargo.toml names.
    pub(crate) dependencies: Vec<Dependency>,
    /// Every crate from outside that is built into it, however far down.
    pub(crate) reaches: BTreeSet<String>,
}

/// A line of a Cargo.toml.
#[derive(Clone, Debug)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    /// Only for its tests.
    pub(crate) dev: bool,
    /// A crate of this workspace.
    pub(crate) ours: bool,
    pub(crate) features: Vec<String>,
}

/// The crates of the workspace.
pub(crate) fn members() -> Vec<Member> {
    let metadata = cargo_metadata();
    let packages: BTreeMap<&str, &Value> =
        list(&metadata["packages"]).map(|package| (text(&package["id"]), package)).collect();
    let nodes: BTreeMap<&str, &Value> =
        list(&metadata["resolve"]["nodes"]).map(|node| (text(&node["id"]), node)).collect();
    let ids: BTreeSet<&str> = list(&metadata["workspace_members"]).map(text).collect();
    ids.iter().map(|id| member(id, &packages, &nodes)).collect()
}

fn member(id: &str, packages: &BTreeMap<&str, &Value>, nodes: &BTreeMap<&str, &Value>) -> Member {
    let dependencies = list(&packages[id]["dependencies"]).map(|dependency| Dependency {
        name: text(&dependency["name"]).to_owned(),
        dev: dependency["kind"] == "dev",
        ours: dependency["path"].is_string(),
        features: list(&dependency["features"]).map(|feature| text(feature).to_owned()).collect(),
    });
    let mut reaches = BTreeSet::new();
    let mut seen = BTreeSet::new();
    let mut open = vec![id];
    while let Some(id) = open.pop() {
        if !seen.insert(id) {
            continue;
        }
        if packages[id]["source"].is_string() {
            reaches.insert(text(&packages[id]["name"]).to_owned());
        }
        let built_in = |edge: &&Value| list(&edge["dep_kinds"]).any(|kind| kind["kind"].is_null());
        open.extend(list(&nodes[id]["deps"]).filter(built_in).map(|edge| text(&edge["pkg"])));
    }
    Member { name: text(&packages[id]["name"]).to_owned(), dependencies: dependencies.collect(), reaches }
}

/// Of this machine's platform: the crates of others may never have been fetched.
fn cargo_metadata() -> Value {
    let host = String::from_utf8(run(Command::new("rustc").arg("-vV"))).expect("it is text");
    let host = host.lines().find_map(|line| line.strip_prefix("host: ")).expect("rustc names its host");
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["metadata", "--format-version", "1", "--locked", "--offline", "--filter-platform", host]);
    serde_json::from_slice(&run(command.current_dir(crate::root()))).expect("it is JSON")
}

fn run(command: &mut Command) -> Vec<u8> {
    let output = command.output().expect("it can be started");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
