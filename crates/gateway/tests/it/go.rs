//! Programs of others that Go builds, by the versions that a module of ours names.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A program of a module under `tests`; none where there is no Go, which is said.
pub(crate) fn built(module: &str, package: &str, name: &str) -> Option<PathBuf> {
    if Command::new("go").arg("version").output().is_err() {
        let line = format!("{name} did not run: there is no Go to build it\n");
        std::io::stderr().write_all(line.as_bytes()).ok()?;
        return None;
    }
    let built = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let module = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(module);
    let mut build = Command::new("go");
    build.current_dir(module).args(["build", "-mod=readonly", "-o"]).arg(&built);
    let build = build.arg(package).output().expect("Go runs");
    assert!(build.status.success(), "{}", String::from_utf8_lossy(&build.stderr));
    Some(built)
}
