//! The conformance suite of HTTP/2, wherever Go can build it.

use crate::site::*;
use std::path::Path;
use std::process::Command;

/// Where Go is not, this says so and shows nothing.
#[test]
fn the_suite_of_http2_passes_in_the_clear() {
    let Some(suite) = suite() else { return };
    let site = Site::new(&table(1, &[mirror()]));
    let port = site.address.port().to_string();
    let run = Command::new(suite).args(["-h", "127.0.0.1", "-p", &port, "-o", "5"]).output().expect("it runs");
    let told = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success() && told.contains("145 passed, 0 skipped, 0 failed"), "{told}");
}

/// The suite, built by the versions that `tests/h2spec/go.mod` names.
fn suite() -> Option<std::path::PathBuf> {
    if Command::new("go").arg("version").output().is_err() {
        std::io::Write::write_all(&mut std::io::stderr(), b"h2spec did not run: there is no Go to build it\n").ok()?;
        return None;
    }
    let built = Path::new(env!("CARGO_TARGET_TMPDIR")).join("h2spec");
    let module = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/h2spec");
    let mut build = Command::new("go");
    build.current_dir(module).args(["build", "-mod=readonly", "-o"]).arg(&built);
    let build = build.arg("github.com/summerwind/h2spec/cmd/h2spec").output().expect("Go runs");
    assert!(build.status.success(), "{}", String::from_utf8_lossy(&build.stderr));
    Some(built)
}
