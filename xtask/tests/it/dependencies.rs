//! Everything that came from outside has a line that says why, and no line is left over.

use crate::metadata::members;
use crate::read;
use std::collections::BTreeSet;

const PAGE: &str = "docs/dependencies.md";

#[test]
fn every_dependency_has_its_line() {
    let explained = explained(&read(PAGE));
    let mut used = declared(&read("Cargo.toml"));
    let all = members();
    let outside = all.iter().flat_map(|member| &member.dependencies).filter(|dependency| !dependency.ours);
    used.extend(outside.map(|dependency| dependency.name.clone()));
    let missing: Vec<_> = used.difference(&explained).collect();
    let stale: Vec<_> = explained.difference(&used).collect();
    assert!(missing.is_empty() && stale.is_empty(), "{PAGE}: without a line {missing:?}, left over {stale:?}");
}

/// The crates in the first column of a page's tables.
fn explained(page: &str) -> BTreeSet<String> {
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `"));
    rows.filter_map(|row| row.split_once('`')).map(|(name, _)| name.to_owned()).collect()
}

/// What the workspace declares for its crates to use.
fn declared(manifest: &str) -> BTreeSet<String> {
    let lines = manifest.lines().skip_while(|line| *line != "[workspace.dependencies]").skip(1);
    let section = lines.take_while(|line| !line.starts_with('['));
    let outside = section.filter(|line| !line.starts_with('#') && !line.contains("path ="));
    outside.filter_map(|line| line.split_once('=')).map(|(name, _)| name.trim().to_owned()).collect()
}

#[test]
fn lines_are_found() {
    assert_eq!(explained("# x\n| `serde` | because |\n|---|---|\n| b | `no` |"), ["serde".to_owned()].into());
    let manifest =
        "[a]\nx = 1\n[workspace.dependencies]\n# why\nserde = \"1\"\nmodel = { path = \"m\" }\n\n[z]\ny = 2\n";
    assert_eq!(declared(manifest), ["serde".to_owned()].into());
}
