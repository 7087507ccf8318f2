//! What the gateway passes on, read by others: every request that it sends an instance is one request to each of
//! them, and the same one.

use crate::servers::{Server, seen};
use crate::site::{Site, table};
use crate::streams::{Recorder, end, shown};
use crate::{smuggling, suites};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::net::Shutdown;
use std::path::Path;
use std::sync::OnceLock;

/// Why some refuse a method.
const METHODS: &str = "it knows its own list of methods";

/// What others refuse of what is passed on, or answer themselves: who, what of it, and why. A request that is
/// refused is seen by nobody, so that is no harm.
const REFUSED: &[(&str, &str, &str)] = &[
    ("envoy", "-BLARGH ", METHODS),
    ("envoy", "-bl", METHODS),
    ("envoy", "ANNOUNCE ", METHODS),
    ("envoy", "MKCOLA ", METHODS),
    ("envoy", "get ", METHODS),
    ("envoy", "|Connection: Upgrade|", "it changes no protocol unless it is told which"),
    ("envoy", "OPTIONS * ", "none of its routes is for the whole server"),
    ("haproxy", " HTTP/1.0|Content-Length: ", "it takes no body with GET in HTTP/1.0"),
    ("haproxy", "|Upgrade: ", "it takes no WebSocket without its key"),
    ("nginx", "-bl", "its methods are written in capital letters"),
    ("nginx", "get ", "its methods are written in capital letters"),
    ("nginx", "|Host:||", "it takes no empty host"),
    ("nginx", "/%00", "it takes no NUL in a path"),
    ("nginx", "/../", "it takes no path that leads above the root"),
    ("nginx", "|If-Match: ", "it takes If-Match once"),
    ("nginx", "OPTIONS * ", "it serves no whole server"),
    ("apache", "|Host:||", "it takes no empty host"),
    ("apache", "/%00", "it takes no NUL in a path"),
    ("apache", "/../", "it takes no path that leads above the root"),
    ("apache", "OPTIONS * ", "it answers for the whole server itself"),
    ("node", "-BLARGH ", METHODS),
    ("node", "-bl", METHODS),
    ("node", "ANNOUNCE ", METHODS),
    ("node", "MKCOLA ", METHODS),
    ("node", "get ", METHODS),
    ("node", "||5; ", "it takes no space in the extension of a chunk"),
];

/// What others change in a request that they see all the same: who, what of it, and how.
const TIDIED: &[(&str, &str, &str)] =
    &[("apache", "GET //", "it drops all slashes but one at the beginning of a path")];

/// What follows each request on its connection: whoever sees it sees where the request ends.
const MARKER: &[u8] = b"GET /marker HTTP/1.1\r\nHost: marker\r\nConnection: close\r\n\r\n";

#[test]
fn nginx_sees_the_same() {
    check("nginx");
}

#[test]
fn haproxy_sees_the_same() {
    check("haproxy");
}

#[test]
fn apache_sees_the_same() {
    check("apache");
}

#[test]
fn envoy_sees_the_same() {
    check("envoy");
}

#[test]
fn node_sees_the_same() {
    check("node");
}

#[test]
fn h11_sees_the_same() {
    check("h11");
}

/// All that one server sees. Where it is not, this says so and shows nothing.
fn check(name: &'static str) {
    let Some(server) = Server::start(name) else {
        let told = format!("{name} did not read what is passed on: it is not installed\n");
        std::io::stderr().write_all(told.as_bytes()).expect("it is written");
        return;
    };
    let mut told = String::new();
    let [mut same, mut tidied, mut refused] = [0; 3];
    for stream in passed_on() {
        let case = shown(stream);
        let (wanted, marker) = (seen(stream).expect("a request").0, seen(MARKER).expect("a request").0);
        // The gateway sends nothing after these, and whoever reads them does not expect it to.
        let is_last = case.contains(" HTTP/1.0|") || case.contains("|Connection: Upgrade|");
        let heard = server.ask(&if is_last { stream.clone() } else { [stream, MARKER].concat() }, is_last);
        let after: &[String] = if is_last { &[] } else { std::slice::from_ref(&marker) };
        let is_in = |list: &[(&str, &str, &str)]| list.iter().any(|(who, what, _)| *who == name && case.contains(what));
        match heard.seen.split_first() {
            Some((first, rest)) if is_same(first, &wanted) && rest == after => same += 1,
            Some((first, rest)) if is_in(TIDIED) && is_same(first, &tidy(&wanted)) && rest == after => tidied += 1,
            // Nobody saw it, and whoever sees what follows sees it whole.
            _ if heard.status != 0 && after.ends_with(&heard.seen) && is_in(REFUSED) => refused += 1,
            _ => writeln!(told, "{case:.600}\n    {heard:?}").expect("a String takes everything"),
        }
    }
    assert!(told.is_empty(), "{name} saw {same} as we did and refused {refused}, but:\n{told}");
    // How many of each there are is in docs/conformance.md, of the versions that stand there.
    writeln!(told, "{name}: {same} the same, {tidied} tidied, {refused} refused").expect("a String takes everything");
    std::io::stderr().write_all(told.as_bytes()).expect("it is written");
    page_tells(name);
}

/// With one slash at the beginning of the path.
fn tidy(seen: &str) -> String {
    let part = |part: &str| match part.trim_start_matches('/') {
        rest if rest.len() < part.len() => format!("/{rest}"),
        rest => rest.to_owned(),
    };
    seen.split(' ').map(part).collect::<Vec<_>>().join(" ")
}

/// Whether two saw the same. A host that was never sent is made up by some.
fn is_same(one: &str, wanted: &str) -> bool {
    let parts = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
    let (one, wanted) = (parts(one), parts(wanted));
    one.len() == wanted.len() && one.iter().zip(&wanted).all(|(one, wanted)| one == wanted || wanted == "-")
}

/// Why a request is refused or tidied stands in the documentation, too.
fn page_tells(name: &str) {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/conformance.md");
    let page = std::fs::read_to_string(page).expect("the page");
    let reasons = REFUSED.iter().chain(TIDIED).filter(|(who, ..)| *who == name);
    // A bar would end a cell.
    let reasons = reasons.map(|(_, what, why)| format!("| {name}: `{}` | {why} |\n", what.replace('|', "↵")));
    let missing: String = reasons.filter(|part| !page.contains(part)).collect();
    assert!(missing.is_empty(), "docs/conformance.md does not say:\n{missing}");
}

/// What an instance gets for each request of our own list and of the suites, where it gets anything.
fn passed_on() -> &'static [Vec<u8>] {
    static ALL: OnceLock<Vec<Vec<u8>>> = OnceLock::new();
    ALL.get_or_init(|| {
        let recorder = Recorder::new();
        let site = Site::new(&table(1, &[recorder.address]));
        let mut all = BTreeMap::new();
        for input in smuggling::requests().chain(suites::requests()) {
            let mut client = site.client();
            client.write_all(&input).expect("it is taken");
            client.shutdown(Shutdown::Write).expect("half of it");
            // Whatever it hears, it is over when the gateway has said all.
            let _ = std::io::copy(&mut client, &mut std::io::sink());
            // A request whose end never came is nobody's.
            for stream in recorder.take().into_iter().filter(|stream| end(stream) == Some(stream.len())) {
                all.entry(shown(&stream)).or_insert(stream);
            }
        }
        all.into_values().collect()
    })
}
