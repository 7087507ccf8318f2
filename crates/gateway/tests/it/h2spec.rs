//! The conformance suite of HTTP/2, wherever Go can build it.

use crate::go;
use crate::site::*;
use std::process::Command;

/// Where Go is not, this says so and shows nothing.
#[test]
fn the_suite_of_http2_passes_in_the_clear() {
    let package = "github.com/summerwind/h2spec/cmd/h2spec";
    let Some(suite) = go::built("h2spec", package, "h2spec") else { return };
    let site = Site::new(&table(1, &[mirror()]));
    let port = site.address.port().to_string();
    let run = Command::new(suite).args(["-h", "127.0.0.1", "-p", &port, "-o", "5"]).output().expect("it runs");
    let told = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success() && told.contains("145 passed, 0 skipped, 0 failed"), "{told}");
}
