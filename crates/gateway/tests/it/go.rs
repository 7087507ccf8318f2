//! Programs of others that Go builds, by the versions that a module of ours names.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

/// A program of a module under `tests`; none where there is no Go, which is said. It is built once: nobody writes a
/// program that somebody runs.
pub(crate) fn built(module: &str, package: &str, name: &'static str) -> Option<PathBuf> {
    static BUILT: Mutex<BTreeMap<&str, Option<PathBuf>>> = Mutex::new(BTreeMap::new());
    let mut built = BUILT.lock().expect("nobody panicked");
    built.entry(name).or_insert_with(|| build(module, package, name)).clone()
}

fn build(module: &str, package: &str, name: &str) -> Option<PathBuf> {
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
