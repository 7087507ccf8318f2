//! What is sent to have one server see two messages where another sees one. A request is answered with an error,
//! or reaches the instance as the one clean request that the gateway saw; an answer reaches the client as one
//! answer, or is none.

use crate::site::{Site, instance, read_request, table};
use crate::streams::{Recorder, end, escaped, shown};
use expect_test::{ExpectFile, expect_file};
use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::Shutdown;
use std::sync::{Arc, Mutex};

/// The requests, one a line; what becomes of each stands below it.
const REQUESTS: &str = include_str!("../vectors/smuggling.txt");
/// The answers, likewise.
const ANSWERS: &str = include_str!("../vectors/answers.txt");

/// The requests as bytes.
pub(crate) fn requests() -> impl Iterator<Item = Vec<u8>> {
    REQUESTS.lines().filter(|line| !line.starts_with(['#', ' '])).map(escaped)
}

#[test]
fn every_request_is_an_error_or_clean() {
    let recorder = Recorder::new();
    let site = Site::new(&table(1, &[recorder.address]));
    check(REQUESTS, &expect_file!["../vectors/smuggling.txt"], |case| {
        let heard = hear(&site, &escaped(case));
        let mut told: Vec<_> = heard.split("HTTP/1.1 ").skip(1).filter(|one| !one.starts_with("200")).collect();
        told.iter_mut().for_each(|one| *one = one.split("||").last().unwrap_or_default());
        let mut told: Vec<_> = told.into_iter().map(|why| format!("refused: {}", why.replace("\\x0a", ""))).collect();
        for stream in recorder.take() {
            assert_eq!(end(&stream), Some(stream.len()), "{case}: one request, and nothing else");
            told.push(shown(&stream));
        }
        match heard.as_str() {
            "" => told.push("closed without a word".into()),
            heard if !heard.starts_with("HTTP/1.1 ") => told.push("spoken to in HTTP/2".into()),
            _ => {}
        }
        told
    });
}

#[test]
fn every_answer_is_one_or_none() {
    let answer = Arc::new(Mutex::new(Vec::new()));
    let given = Arc::clone(&answer);
    let address = instance(move |mut stream| {
        if read_request(&mut stream).is_some() {
            let answer = given.lock().expect("nobody panicked").clone();
            stream.write_all(&answer).expect("it is taken");
        }
    });
    let site = Site::new(&table(1, &[address]));
    check(ANSWERS, &expect_file!["../vectors/answers.txt"], |case| {
        *answer.lock().expect("nobody panicked") = escaped(case);
        vec![hear(&site, b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")]
    });
}

/// Cases, and what is told of each.
fn check(cases: &str, wanted: &ExpectFile, told: impl Fn(&str) -> Vec<String>) {
    let mut text = String::new();
    for line in cases.lines().filter(|line| !line.starts_with(' ')) {
        writeln!(text, "{line}").expect("a String takes everything");
        if !line.starts_with('#') {
            told(line).iter().for_each(|told| writeln!(text, "    {told}").expect("a String takes everything"));
        }
    }
    wanted.assert_eq(&text);
}

/// What the gateway says to this. Whoever has said all still hears what becomes of it.
fn hear(site: &Site, said: &[u8]) -> String {
    let mut client = site.client();
    client.write_all(said).expect("it is taken");
    client.shutdown(Shutdown::Write).expect("half of it");
    let mut heard = Vec::new();
    client.read_to_end(&mut heard).expect("an end");
    shown(&heard)
}
