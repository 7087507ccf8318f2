//! The conformance suite of HTTP/2, wherever Go can build it.

use crate::certificates::{Authority, secure};
use crate::go;
use crate::site::*;
use std::process::Command;
use wire::Table;

#[test]
fn the_suite_of_http2_passes_in_the_clear() {
    run(&Site::new(&table(1, &[mirror()])), &[]);
}

/// The same, and what only TLS can do wrong.
#[test]
fn the_suite_of_http2_passes_through_tls() {
    let authority = Authority::new();
    let site = Site::new(&table(1, &[]));
    let listen = secure(site.address, &[authority.sign("shop", &["127.0.0.1"])], None);
    site.take(&Table { listen: vec![listen], ..table(2, &[mirror()]) }).expect("it is live");
    run(&site, &["-t", "-k"]);
}

/// Where Go is not, this says so and shows nothing.
fn run(site: &Site, how: &[&str]) {
    let package = "github.com/summerwind/h2spec/cmd/h2spec";
    let Some(suite) = go::built("h2spec", package, "h2spec") else { return };
    let port = site.address.port().to_string();
    let mut run = Command::new(suite);
    let run = run.args(["-h", "127.0.0.1", "-p", &port, "-o", "5"]).args(how).output().expect("it runs");
    let told = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success() && told.contains("145 passed, 0 skipped, 0 failed"), "{told}");
    until(|| (site.claims() == 0).then_some(()));
}
