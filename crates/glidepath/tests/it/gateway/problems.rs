//! What is not in order is said as it is, and for as long as it is so.

use super::running::{Running, answering, free, get, ok, page, signal, table, wait_for};
use std::fs;
use std::process::Command;
use wire::control::{Answer, Request};
use wire::problem::Kind;

/// A certificate with its key, made for this test.
fn certificate(running: &Running) -> (String, String) {
    let (chain, key) = (running.path("chain.pem"), running.path("key.pem"));
    let mut openssl = Command::new("openssl");
    openssl.args("req -x509 -newkey rsa:2048 -nodes -subj /CN=shop -days 2 -keyout".split(' ')).arg(&key);
    assert!(openssl.arg("-out").arg(&chain).output().expect("openssl").status.success());
    (chain.display().to_string(), key.display().to_string())
}

/// A certificate that is spoiled while it is in use takes nobody down: it is used as it was, no next gateway takes
/// over that could not serve by it, and one that had to begin anew serves as soon as it is mended.
#[test]
fn a_spoiled_certificate_ends_nothing_and_is_told_of() {
    let (address, secret, admin, one) = (free(), free(), free(), answering("one"));
    let mut running = Running::new();
    let (chain, key) = certificate(&running);
    let tls = format!("{{certificates: {{chain: {chain}, key: {key}}}}}");
    running.config(&format!("listen: [\"{address}\", {{address: \"{secret}\", tls: {tls}}}]\nendpoints: \"{one}\"\n"));
    running.start(&format!("--config gateway.yaml --admin {admin}"));
    assert_eq!(get(address), ok("one"));
    let outdated = |count| format!("\nglidepath_problems{{kind=\"files-outdated\"}} {count}\n");
    assert!(page(admin, "/metrics").1.contains(&outdated(0)));

    let good = fs::read(&chain).expect("it was written");
    fs::write(&chain, "garbage").expect("it is written");
    let status = running.problems_are(&[Kind::FilesOutdated]);
    assert_eq!(status.problems[0].of, format!("{chain}, {key}"));
    assert!(status.problems[0].why.contains("holds no certificate"), "{status:?}");
    let (code, said) = running.say("status");
    assert!(
        code == Some(1) && said.contains("not in order") && said.contains("cannot be read again since 2"),
        "{said}"
    );
    assert!(!said.contains("saved table"), "{said}");
    assert!(page(admin, "/metrics").1.contains(&outdated(1)));
    let (code, said) = running.say("replace");
    assert_ne!(code, Some(0), "{said}");
    assert_eq!(get(address), ok("one"));

    let before = running.status().member.pid;
    signal(before, "KILL");
    running.status_with("another gateway", |status| status.member.pid != before);
    let status = running.problems_are(&[Kind::TableUnserved]);
    assert!(status.problems[0].why.contains("holds no certificate"), "{status:?}");
    let (_, said) = running.say("status");
    assert!(said.contains("gateway cannot be served by its saved table since 2"), "{said}");
    fs::write(&chain, good).expect("it is written");
    running.problems_are(&[]);
    // The table is taken before its sockets are asked for.
    running.status_with("the address", |status| status.listening.contains(&address.to_string()));
    assert_eq!((get(address), running.say("status").0), (ok("one"), Some(0)));
}

/// Whoever takes over begins with what is saved.
#[test]
fn what_could_not_be_saved_is_told_of_and_saved_when_it_can_be() {
    let (address, one, two) = (free(), answering("one"), answering("two"));
    let mut running = Running::new();
    running.start("");
    let push =
        |generation, instance| running.ask(&Request::Table(Box::new(table("shop", generation, address, instance))));
    assert!(matches!(push(1, one), Answer::Live(live) if live.unsaved.is_none()));
    // There is no folder to save it in.
    let (tables, away) = (running.path("state/tables"), running.path("state/away"));
    fs::rename(&tables, &away).expect("it is renamed");
    fs::write(&tables, "").expect("a file in its place");
    assert!(matches!(push(2, two), Answer::Live(live) if live.unsaved.is_some()));
    let since = running.problems_are(&[Kind::TableUnsaved]).problems[0].since;
    assert_eq!(get(address), ok("two"));
    let (code, said) = running.say("status");
    assert!(code == Some(1) && said.contains("shop is not saved since 2"), "{said}");
    assert!(matches!(push(3, two), Answer::Live(live) if live.unsaved.is_some()));
    assert_eq!(running.problems_are(&[Kind::TableUnsaved]).problems[0].since, since);
    fs::remove_file(&tables).expect("it is removed");
    fs::rename(&away, &tables).expect("it is renamed");
    running.problems_are(&[]);
    assert_eq!(running.stop(), Some(0));
    running.start("");
    wait_for("what was saved", || (get(address) == ok("two")).then_some(()));
    assert_eq!(running.status().services[0].generation, 3);
}
