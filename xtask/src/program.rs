//! The program itself, built to be started by tasks.

use std::path::{Path, PathBuf};
use std::process::Command;

/// How it is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Build {
    /// As it ships: speed is that of what ships.
    Ships,
    /// Quicker to build, and with bugs that can be switched on.
    Checked,
}

impl Build {
    /// Builds it; where it is.
    pub(crate) fn program(self) -> Result<PathBuf, String> {
        let (profile, features): (_, &[&str]) = match self {
            Self::Ships => ("release", &[]),
            Self::Checked => ("proof", &["--features", "gateway/planted"]),
        };
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = Command::new(cargo);
        command.args(["build", "--quiet", "--locked", "--package", "glidepath", "--profile", profile]).args(features);
        match command.current_dir(root()).status() {
            Ok(status) if status.success() => Ok(root().join("target").join(profile).join("glidepath")),
            other => Err(format!("the program was not built: {other:?}")),
        }
    }
}

/// The workspace.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}
