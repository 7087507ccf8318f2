//! That copies reach who gets them, and that nobody else ever notices.

use crate::frames::Frames;
use crate::site::*;
use expect_test::{Expect, expect};
use gateway::mirror::{Answer, Missing, PAIRS_MAX, Pair};
use model::{ReleaseNumber, Share, Span};
use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use wire::Table;
use wire::table::Mirror;

/// Nothing here takes so long unless it is broken.
const PATIENCE: Duration = Duration::from_secs(20);

/// Release 1 answers clients, release 2 gets copies of all that is safe.
pub(crate) fn mirrored(stable: &[SocketAddr], candidate: SocketAddr) -> Table {
    let mut table = table_of(1, &[(1, 100, stable), (2, 0, &[candidate])]);
    table.mirrors = vec![Mirror {
        of: ReleaseNumber(1),
        to: ReleaseNumber(2),
        share: Share::ALL,
        noise: false,
        methods: Vec::new(),
        body_bytes_max: 32,
        in_flight_max: 8,
        within: Span::seconds(10),
        headers: vec!["Content-Type".into(), "X-Two".into()],
        answer_bytes_max: 1_000,
    }];
    table
}

pub(crate) fn compared(table: &Table) -> (Site, Receiver<Pair>) {
    let site = Site::new(table);
    let (sender, pairs) = sync_channel(PAIRS_MAX);
    assert!(site.fleet().compare(Some(&sender)));
    (site, pairs)
}

pub(crate) fn next(pairs: &Receiver<Pair>) -> Pair {
    pairs.recv_timeout(PATIENCE).expect("a pair")
}

/// What became of copies.
pub(crate) fn told(site: &Site) -> String {
    let mirror = site.counts().workers[0].services[0].mirrors[0];
    let wire::counts::Mirror { sent, answered, failed, too_large, too_many, unpaired, uncompared, .. } = mirror;
    let names = ["sent", "answered", "failed", "too large", "too many", "unpaired", "uncompared"];
    let sums = [sent, answered, failed, too_large, too_many, unpaired, uncompared];
    let some = names.iter().zip(sums).filter(|(_, sum)| *sum > 0);
    some.map(|(name, sum)| format!("{name} {sum}")).collect::<Vec<_>>().join(", ")
}

fn shown(answer: &Answer) -> String {
    let body = plain(&answer.body);
    format!("{} {:?} {} {body}", answer.status, answer.headers, if answer.is_whole { "whole" } else { "cut" })
}

const GET: &str = "GET /a?b HTTP/1.1|Host: shop|Connection: close||";
const OK: &str = "HTTP/1.1 200 OK|Content-Length: 2||ok";

/// Each of these is answered and copied, and the pair is as is wanted.
fn check(stable: SocketAddr, candidate: SocketAddr, cases: &[&str], wanted: &Expect) {
    let mut table = mirrored(&[stable], candidate);
    table.mirrors[0].methods = ["GET", "HEAD", "POST"].map(ToOwned::to_owned).to_vec();
    table.told.application = Some("X-Release".into());
    let (site, pairs) = compared(&table);
    let mut text = String::new();
    for case in cases {
        let heard = site.say(case);
        let pair = next(&pairs);
        assert_eq!((pair.of.0, pair.to.0, pair.generation), (1, 2, 1));
        let (answer, shadow) = (shown(&pair.answer), pair.shadow.as_ref().map(shown));
        let line = format!("{case}\n  {heard}\n  {} {}\n  {answer}\n  {shadow:?}\n", pair.method, pair.path);
        text.write_str(&line).expect("a String takes everything");
    }
    wanted.assert_eq(&text);
}

#[test]
fn copies_are_what_was_asked_and_say_that_they_are() {
    check(
        mirror(),
        mirror(),
        &[
            GET,
            "GET / HTTP/1.1|Host: shop|Glidepath-Mirror: 9|X-Release: 9|Connection: close||",
            "HEAD / HTTP/1.1|Host: shop|Connection: close||",
            "POST / HTTP/1.1|Host: shop|Connection: close|Content-Length: 5||hello",
            "POST / HTTP/1.1|Host: shop|Connection: close|Transfer-Encoding: chunked||5|hello|0||",
        ],
        &expect![[r#"
            GET /a?b HTTP/1.1|Host: shop|Connection: close||
              HTTP/1.1 200 OK|Content-Length: 152|Connection: close||GET /a?b HTTP/1.1|Host: shop|X-Release: 1|X-Forwarded-For: 127.0.0.1|X-Forwarded-Proto: http|X-Forwarded-Host: shop|X-Request-Id: ...|traceparent: ...||
              GET /a
              200 [("Content-Type", []), ("X-Two", [])] whole GET /a?b HTTP/1.1|Host: shop|X-Release: 1|X-Forwarded-For: 127.0.0.1|X-Forwarded-Proto: http|X-Forwarded-Host: shop|X-Request-Id: ...|traceparent: ...||
              Ok("200 [(\"Content-Type\", []), (\"X-Two\", [])] whole GET /a?b HTTP/1.1|Host: shop|X-Release: 2|X-Forwarded-For: 127.0.0.1|X-Forwarded-Proto: http|X-Forwarded-Host: shop|X-Request-Id: ...|traceparent: ...|Glidepath-Mirror: 2||")
            GET / HTTP/1.1|Host: shop|Glidepath-Mirror: 9|X-Release: 9|Connection: close||
              HTTP/1.1 200 OK|Content-Length: 149|Connection: close||GET / HTTP/1.1|Host: shop|X-Release: 1|X-Forwarded-For: 127.0.0.1|X-Forwarded-Proto: http|X-Forwarded-Host: shop|X-Request-Id: ...|traceparent: ...||
              GET /
              200 [("Content-Type", []), ("X-Two", [])] whole GET / HTTP/1.1|Host: shop|X-Release: 1|X-Forwarded-For: 127.0.0.1|X-Forwarded-Proto: http|X-Forwarded-Host: shop|X-Request-Id: ...|traceparent: ...||
              Ok("200 [(\"Content-Type\", []), (\"X-Two\", [])] whole GET / HTTP/1.1|Host: shop|X-Release: 2|X-Forwarded-For: 127.0.0.1|X-Forwarded-Proto: http|X-Forwarded-Host: shop|X-Request-Id: ...|traceparent: ...|Glidepath-Mirror: 2||")
            HEAD / HTTP/1.1|Host: shop|Connection: close||
              HTTP/1.1 200 OK|Content-Length: 150|Connection: close||
              HEAD /
              200 [("Content-Type", []), ("X-Two", [])] whole 
              Ok("200 [(\"Content-Type\", []), (\"X-Two\", [])] whole ")
            POST / HTTP/1.1|Host: shop|Connection: close|Content-Length: 5||hello
              HTTP/1.1 200 OK|Content-Length: 173|Connection: close||POST / HTTP/1.1|Host: shop|Content-Length: 5|X-Release: 1|X-Forwarded-For: 127.0.0.1|X-Forwarded-Proto: http|X-Forwarded-Host: shop|X-Request-Id: ...|traceparent: ...||hello
              POST /
              200 [("Content-Type", []), ("X-Two", [])] whole POST / HTTP/1.1|Host: shop|Content-Length: 5|X-Release: 1|X-Forwarded-For: 127.0.0.1|X-Forwarded-Proto: http|X-Forwarded-Host: shop|X-Request-Id: ...|traceparent: ...||hello
              Ok("200 [(\"Content-Type\", []), (\"X-Two\", [])] whole POST / HTTP/1.1|Host: shop|Content-Length: 5|X-Release: 2|X-Forwarded-For: 127.0.0.1|X-Forwarded-Proto: http|X-Forwarded-Host: shop|X-Request-Id: ...|traceparent: ...|Glidepath-Mirror: 2||hello")
            POST / HTTP/1.1|Host: shop|Connection: close|Transfer-Encoding: chunked||5|hello|0||
              HTTP/1.1 200 OK|Content-Length: 188|Connection: close||POST / HTTP/1.1|Host: shop|Transfer-Encoding: chunked|X-Release: 1|X-Forwarded-For: 127.0.0.1|X-Forwarded-Proto: http|X-Forwarded-Host: shop|X-Request-Id: ...|traceparent: ...||5|hello|0||
              POST /
              200 [("Content-Type", []), ("X-Two", [])] whole POST / HTTP/1.1|Host: shop|Transfer-Encoding: chunked|X-Release: 1|X-Forwarded-For: 127.0.0.1|X-Forwarded-Proto: http|X-Forwarded-Host: shop|X-Request-Id: ...|traceparent: ...||5|hello|0||
              Ok("200 [(\"Content-Type\", []), (\"X-Two\", [])] whole POST / HTTP/1.1|Host: shop|Transfer-Encoding: chunked|X-Release: 2|X-Forwarded-For: 127.0.0.1|X-Forwarded-Proto: http|X-Forwarded-Host: shop|X-Request-Id: ...|traceparent: ...|Glidepath-Mirror: 2||5|hello|0||")
        "#]],
    );
}

#[test]
fn answers_are_compared_without_what_frames_them() {
    let chunks = "HTTP/1.1 200 OK|Content-Type: a|X-Two: 1|x-two: 2|Transfer-Encoding: chunked||2;x|ok|3|abc|0|A: b||";
    check(
        answering(OK),
        answering(chunks),
        &[GET],
        &expect![[r#"
        GET /a?b HTTP/1.1|Host: shop|Connection: close||
          HTTP/1.1 200 OK|Content-Length: 2|Connection: close||ok
          GET /a
          200 [("Content-Type", []), ("X-Two", [])] whole ok
          Ok("200 [(\"Content-Type\", [\"a\"]), (\"X-Two\", [\"1\", \"2\"])] whole okabc")
    "#]],
    );
    check(
        answering(chunks),
        answering("HTTP/1.1 103 Soon||HTTP/1.1 404 No||until the end"),
        &[GET],
        &expect![[r#"
        GET /a?b HTTP/1.1|Host: shop|Connection: close||
          HTTP/1.1 200 OK|Content-Type: a|X-Two: 1|x-two: 2|Transfer-Encoding: chunked|Connection: close||2;x|ok|3|abc|0|A: b||
          GET /a
          200 [("Content-Type", ["a"]), ("X-Two", ["1", "2"])] whole okabc
          Ok("404 [(\"Content-Type\", []), (\"X-Two\", [])] whole until the end")
    "#]],
    );
}

#[test]
fn what_came_in_http2_is_copied_too() {
    let (stable, candidate) = (mirror(), mirror());
    let mut table = mirrored(&[stable], candidate);
    table.mirrors[0].methods = vec!["POST".into()];
    let (site, pairs) = compared(&table);
    let mut client = Frames::new(site.client());
    let fields = [(":method", "POST"), (":scheme", "http"), (":path", "/"), (":authority", "shop")];
    client.headers(1, &fields, false);
    client.data(1, b"hello", true);
    client.hear(1);
    let pair = next(&pairs);
    let shadow = pair.shadow.expect("an answer");
    let (answer, shadow) = (plain(&pair.answer.body), plain(&shadow.body));
    assert_eq!(shadow, answer.replace("||5|hello", "|Glidepath-Mirror: 2||5|hello"));
}

#[test]
fn only_what_is_safe_is_copied_unless_told_otherwise() {
    let (site, pairs) = compared(&mirrored(&[mirror()], mirror()));
    for method in ["POST", "DELETE", "PUT", "PATCH", "TRACE", "BREW", "OPTIONS"] {
        site.say(&format!("{method} / HTTP/1.1|Host: shop|Connection: close||"));
    }
    assert_eq!(next(&pairs).method, "OPTIONS");
    assert_eq!(told(&site), "sent 1, answered 1");
}

/// An instance that nobody hears until it is let go.
fn blocked() -> (SocketAddr, SyncSender<()>) {
    let (go, gone) = sync_channel::<()>(16);
    let gone = Arc::new(Mutex::new(gone));
    let address = instance(move |mut stream| {
        while read_request(&mut stream).is_some() {
            if gone.lock().expect("one at a time").recv().is_err() {
                return;
            }
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").expect("it is taken");
        }
    });
    (address, go)
}

/// What a client hears without a mirror and with this one must be the same, and comes whatever the shadow does.
fn drill(candidate: SocketAddr, within: Span) -> (Site, Pair) {
    let alone = Site::new(&table(1, &[mirror()])).say(GET);
    let mut table = mirrored(&[mirror()], candidate);
    table.mirrors[0].within = within;
    let (site, pairs) = compared(&table);
    for _ in 0..3 {
        assert_eq!(site.say(GET), alone);
    }
    let first = next(&pairs);
    for _ in 0..2 {
        assert_eq!(next(&pairs).answer.body, first.answer.body);
    }
    (site, first)
}

#[test]
fn a_dead_shadow_changes_nothing() {
    let dead = TcpListener::bind("127.0.0.1:0").and_then(|gone| gone.local_addr()).expect("a port");
    let (site, pair) = drill(dead, Span::seconds(10));
    assert_eq!(pair.shadow, Err(Missing::NoConnection));
    assert_eq!(told(&site), "sent 3, failed 3");
}

#[test]
fn a_shadow_that_resets_changes_nothing() {
    let resets = instance(|mut stream| {
        read_request(&mut stream);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf");
    });
    let (site, pair) = drill(resets, Span::seconds(10));
    assert_eq!(pair.shadow, Err(Missing::BrokenOff));
    assert_eq!(told(&site), "sent 3, failed 3");
}

#[test]
fn a_shadow_that_talks_without_end_is_hung_up_on() {
    let (hung_up, heard) = sync_channel(16);
    let endless = instance(move |mut stream| {
        read_request(&mut stream);
        let mut told = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
        while told.is_ok() {
            told = stream.write_all(&[b'x'; 10_000]);
        }
        hung_up.send(()).expect("somebody waits");
    });
    let (site, pair) = drill(endless, Span::seconds(20));
    let shadow = pair.shadow.expect("an answer");
    assert!(!shadow.is_whole && shadow.body.len() == 1_000, "{}", shadow.body.len());
    (0..3).for_each(|_| heard.recv_timeout(PATIENCE).expect("it is hung up on"));
    assert_eq!(told(&site), "sent 3, answered 3");
}

#[test]
fn a_shadow_that_never_answers_is_given_up() {
    let (address, _go) = blocked();
    let (site, pair) = drill(address, Span(100));
    assert_eq!(pair.shadow, Err(Missing::TooLate));
    assert_eq!(told(&site), "sent 3, failed 3");
}

#[test]
fn clients_are_answered_while_the_shadow_is_blocked() {
    let (address, go) = blocked();
    let mut table = mirrored(&[answering(OK)], address);
    table.mirrors[0].in_flight_max = 2;
    let (site, pairs) = compared(&table);
    for _ in 0..5 {
        assert!(site.say(GET).ends_with("||ok"));
    }
    assert_eq!(told(&site), "sent 2, too many 3");
    // A drain of the candidate waits for them.
    assert_eq!(site.claims(), 2);
    let copied = |site: &Site| {
        let counts = site.counts();
        let releases = &counts.workers[0].services[0].tables[0].releases;
        (releases[1].outcomes[0].way, releases[1].outcomes[0].open)
    };
    assert_eq!(copied(&site), (wire::counts::Way::Copied, 2));
    for _ in 0..2 {
        go.send(()).expect("it waits");
    }
    next(&pairs);
    next(&pairs);
    until(|| (site.claims() == 0 && copied(&site).1 == 0).then_some(()));
    assert!(site.say(GET).ends_with("||ok"));
    assert_eq!(told(&site), "sent 3, answered 2, too many 3");
    drop(go);
}

#[test]
fn a_body_that_is_too_large_is_not_copied() {
    let mut table = mirrored(&[mirror()], mirror());
    table.mirrors[0].methods = vec!["POST".into()];
    let (site, _pairs) = compared(&table);
    let long = "x".repeat(33);
    site.say(&format!("POST / HTTP/1.1|Host: shop|Connection: close|Content-Length: 33||{long}"));
    site.say(&format!("POST / HTTP/1.1|Host: shop|Connection: close|Transfer-Encoding: chunked||21|{long}|0||"));
    assert_eq!(told(&site), "too large 2");
}

/// The second copy goes to an instance that did not answer the client.
#[test]
fn noise_is_measured_at_a_second_instance() {
    let stable = [answering("HTTP/1.1 200 OK|Content-Length: 1||a"), answering("HTTP/1.1 200 OK|Content-Length: 1||b")];
    let mut table = mirrored(&stable, mirror());
    table.mirrors[0].noise = true;
    let (site, pairs) = compared(&table);
    for _ in 0..10 {
        site.say(GET);
        let pair = next(&pairs);
        let noise = pair.noise.expect("a second copy").expect("an answer");
        assert_ne!(noise.body, pair.answer.body);
    }
    assert_eq!(told(&site), "sent 20, answered 20");
    // One instance alone has no second.
    site.take(&Table { generation: 2, lanes: mirrored(&stable[..1], mirror()).lanes, ..table }).expect("newer");
    site.say(GET);
    assert_eq!(next(&pairs).noise, Some(Err(Missing::NoInstance)));
}

#[test]
fn what_has_no_answer_has_no_pair() {
    let cut = instance(|mut stream| {
        read_request(&mut stream);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf");
    });
    let (site, pairs) = compared(&mirrored(&[cut], answering(OK)));
    site.say(GET);
    until(|| (told(&site) == "sent 1, answered 1, unpaired 1").then_some(()));
    assert!(pairs.try_recv().is_err());
}

#[test]
fn nobody_waits_for_whoever_compares() {
    let mut table = mirrored(&[answering(OK)], answering(OK));
    table.mirrors[0].in_flight_max = 1_000;
    let (site, pairs) = compared(&table);
    let mut client = site.client();
    let many = PAIRS_MAX + 10;
    client.write_all("GET / HTTP/1.1\r\nHost: shop\r\n\r\n".repeat(many).as_bytes()).expect("it is taken");
    client.write_all(GET.replace('|', "\r\n").as_bytes()).expect("it is taken");
    let heard = hear(&mut client);
    assert_eq!(heard.matches("||ok").count(), many + 1);
    let wanted = format!("sent {0}, answered {0}, uncompared 11", many + 1);
    until(|| (told(&site) == wanted).then_some(()));
    assert_eq!(pairs.try_iter().count(), PAIRS_MAX);
    // Where nobody compares, copies go on.
    assert!(site.fleet().compare(None));
    site.say(GET);
    until(|| told(&site).starts_with(&format!("sent {0}, answered {0},", many + 2)).then_some(()));
    assert!(pairs.try_recv().is_err());
    let mut nothing = [0];
    assert_eq!(client.read(&mut nothing).expect("closed"), 0);
}

/// Whichever of two releases is asked second finds caches warm: neither may always be that one. Both copies go to one
/// instance, which tells in what order they came.
#[test]
fn either_copy_is_the_first_now_and_then() {
    const REQUESTS_MAX: usize = 400;
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let (tell, told) = sync_channel(8);
    let serve = move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            let request = plain(&read_request(&mut stream).expect("a request"));
            if let Some((_, release)) = request.split_once("Glidepath-Mirror: ") {
                tell.send(release.starts_with('2')).expect("it is heard");
            }
            stream
                .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
                .expect("it is taken");
        }
    };
    std::thread::Builder::new().spawn(serve).expect("a thread");
    let mut table = mirrored(&[answering(OK), address], address);
    table.mirrors[0].noise = true;
    let (site, pairs) = compared(&table);
    let mut candidate_was_first = [false; 2];
    for _ in 0..REQUESTS_MAX {
        site.say(GET);
        next(&pairs);
        // Where this instance answered the client, too, the second copy went to the other one.
        if let [candidate, _] = told.try_iter().collect::<Vec<_>>()[..] {
            candidate_was_first[usize::from(candidate)] = true;
        }
        if candidate_was_first == [true; 2] {
            return;
        }
    }
    panic!("always in the same order");
}
