//! The project keeps its own rules: which crate may know which, what came from outside and why, what
//! is promised and what proves it, and that the pages show what the programs do.

mod arrows;
mod dependencies;
mod metadata;
mod pages;
mod promises;

use std::path::{Path, PathBuf};

/// The workspace's folder.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// A file of the project.
fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|why| panic!("{path}: {why}"))
}
