//! Messages of other versions, between real processes: what the first version said is kept in files, and is
//! said here byte for byte.

use super::running::{PATIENCE, Running, answering, free, get, ok, table, wait_for};
use serde_json::Value;
use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::thread::Builder;
use wire::control::{Answer, Request};

const CONVERSATION: &str = include_str!("../../../../wire/tests/golden/v1/control.txt");
const WATCHING: &str = include_str!("../../../../wire/tests/golden/v1/watching.txt");
const REPLACING: &str = include_str!("../../../../wire/tests/golden/v1/replacing.txt");
pub(super) const SAVED: &str = include_str!("../../../../wire/tests/golden/v1/saved.table");
const SAVED_REMOVED: &str = include_str!("../../../../wire/tests/golden/v1/saved-removed.table");

/// Says and hears a conversation as it was held once. What is heard has to have all that it had then.
fn hold(stream: &mut UnixStream, conversation: &str) {
    stream.set_read_timeout(Some(PATIENCE)).expect("a limit");
    for line in conversation.lines() {
        match line.split_at(2) {
            ("> ", said) => say(stream, said),
            ("< ", then) => {
                let (then, now) = (json(then), hear(stream).expect("an answer"));
                let exact = then.is_string() || ["version", "live", "superseded"].iter().any(|it| !then[it].is_null());
                assert!(if exact { now == then } else { has_all(&now, &then) }, "{now}\nhas not all of\n{then}");
            }
            _ => panic!("{line}"),
        }
    }
}

fn say(stream: &mut UnixStream, said: &str) {
    let length = u32::try_from(said.len()).expect("a short word").to_be_bytes();
    stream.write_all(&[&length, said.as_bytes()].concat()).expect("it is taken");
}

fn hear(stream: &mut UnixStream) -> Option<Value> {
    let mut length = [0; 4];
    stream.read_exact(&mut length).ok()?;
    let mut said = vec![0; u32::from_be_bytes(length) as usize];
    stream.read_exact(&mut said).expect("the rest of it");
    Some(serde_json::from_slice(&said).expect("JSON"))
}

pub(super) fn json(text: &str) -> Value {
    serde_json::from_str(text).expect("JSON")
}

/// Whether whoever reads it as it was then finds all that it looks for.
fn has_all(now: &Value, then: &Value) -> bool {
    match (now, then) {
        (Value::Object(now), Value::Object(then)) => {
            then.iter().all(|(key, then)| now.get(key).is_some_and(|now| has_all(now, then)))
        }
        (Value::Array(now), Value::Array(then)) => {
            then.is_empty() || now.first().is_some_and(|now| has_all(now, &then[0]))
        }
        (now, then) => std::mem::discriminant(now) == std::mem::discriminant(then),
    }
}

/// Puts a file where saved tables are, as it was written then.
pub(super) fn save(running: &Running, service: &str, json: &str) {
    let folder = running.path("state/tables");
    fs::create_dir_all(&folder).expect("a folder");
    let digest = |text: &str| model::Digest::of(text.as_bytes()).as_str().to_owned();
    let name = format!("{}.table", digest(&format!("service/{service}/production/local")));
    fs::write(folder.join(name), format!("{}\n{json}\n", digest(json))).expect("it is written");
}

#[test]
fn a_controller_of_version_1_is_answered() {
    let (listen, one) = (free(), answering("one"));
    let mut running = Running::new();
    running.start("--workers 2");
    let connect = || UnixStream::connect(running.path("control")).expect("it listens");
    hold(&mut connect(), WATCHING);
    let conversation = CONVERSATION.replace("{LISTEN}", &listen.to_string()).replace("{INSTANCE}", &one.to_string());
    let (served, rest) = conversation.split_at(conversation.find("> \"adopt\"").expect("a word"));
    let mut stream = connect();
    hold(&mut stream, served);
    assert_eq!(get(listen), ok("one"));
    hold(&mut stream, rest);
    running.status_with("one worker", |status| status.workers == 1);
    hold(&mut connect(), REPLACING);
}

/// Whoever speaks no version that the other does hears which are spoken, and what to do.
#[test]
fn who_has_no_version_in_common_hears_of_both() {
    let mut running = Running::new();
    running.start("");
    for theirs in ["[2,3]", "[0]"] {
        let mut stream = UnixStream::connect(running.path("control")).expect("it listens");
        hold(&mut stream, &format!("> {{\"versions\":{theirs}}}\n< {{\"versions\":[1]}}"));
        assert_eq!(hear(&mut stream), None);
    }
    wait_for("the log", || running.log().contains("theirs=\"[2, 3]\" ours=[1]").then_some(()));
    // And the other way round: the one that answers is of another version.
    let other = Running::new();
    let socket = UnixListener::bind(other.path("control")).expect("a socket");
    Builder::new()
        .spawn(move || {
            for stream in socket.incoming() {
                hold(&mut stream.expect("somebody"), "< {\"versions\":[1]}\n> {\"versions\":[7]}");
            }
        })
        .expect("a thread");
    for (words, help) in [("status", "use the program that the gateway is from"), ("", "upgrade by way of a release")] {
        let (code, said) = other.say(words);
        let both = "the gateway speaks versions [7], and this program [1]";
        assert!(code == Some(3) && said.contains(both) && said.contains(help), "{code:?} {said}");
    }
}

#[test]
fn tables_that_version_1_saved_are_served_by() {
    let (listen, one) = (free(), answering("one"));
    let mut running = Running::new();
    let saved = SAVED.trim_end().replace("{LISTEN}", &listen.to_string()).replace("{INSTANCE}", &one.to_string());
    save(&running, "shop", &saved);
    save(&running, "cart", SAVED_REMOVED.trim_end());
    // One of a later version has what nobody knows here, and concerns its own service alone.
    let later = saved.replacen('{', "{\"version\":9,\"weather\":1,", 1).replace("service/shop", "service/later");
    save(&running, "later", &later);
    running.start("");
    assert_eq!(get(listen), ok("one"));
    let status = running.status();
    assert_eq!((status.services.len(), status.services[0].generation), (1, 41));
    let why = &status.problems[0].why;
    assert!(why.contains("it is of version 9, and this program reads [1]: start the program that wrote it"), "{why}");
    let cart = table("cart", 4, listen, one);
    assert_eq!(running.ask(&Request::Table(Box::new(cart))), Answer::Superseded(5));
    // The next table of its service makes it whole.
    let later = wire::Table { hosts: vec!["later".into()], ..table("later", 1, listen, one) };
    assert!(matches!(running.ask(&Request::Table(Box::new(later))), Answer::Live(_)));
    assert_eq!(running.status().problems, []);
}
