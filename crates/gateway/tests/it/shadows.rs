//! Copies for releases that speak HTTP/2, as those of gRPC do.

use crate::mirroring::{compared, mirrored, next, told};
use crate::multiplexed::Http2;
use crate::site::*;
use crate::upstreams::Instance;
use expect_test::expect;
use gateway::mirror::{Answer, Missing, Pair};
use model::Span;
use std::fmt::Write as _;
use std::net::{SocketAddr, TcpListener};
use wire::Table;
use wire::table::Protocol;

/// Which of the two releases speak HTTP/2.
fn spoken(mut table: Table, stable: Protocol, candidate: Protocol) -> Table {
    (table.lanes[0].protocol, table.lanes[1].protocol) = (stable, candidate);
    table.mirrors[0].methods = vec!["GET".into(), "POST".into()];
    table.mirrors[0].headers = vec!["Content-Type".into(), "Grpc-Status".into()];
    table
}

fn shown(answer: &Answer) -> String {
    let body = plain(&answer.body);
    format!("{} {:?} {} {body}", answer.status, answer.headers, if answer.is_whole { "whole" } else { "cut" })
}

const POST: &str = "POST /a?b|Host: shop|TE: trailers|Content-Length: 5||hello";
const POST_IN_PIECES: &str = "POST /a?b|Host: shop|TE: trailers||hello";

/// Whatever the two releases speak, and the client: they are asked for the same, and what follows a body is kept.
#[test]
fn copies_are_what_was_asked() {
    let mut text = String::new();
    for (stable, candidate) in
        [(Protocol::Http2, Protocol::Http2), (Protocol::Http1, Protocol::Http2), (Protocol::Http2, Protocol::Http1)]
    {
        let address = |protocol| if protocol == Protocol::Http2 { Instance::new().address } else { mirror() };
        let table = spoken(mirrored(&[address(stable)], address(candidate)), stable, candidate);
        let (site, pairs) = compared(&table);
        let mut client = Http2::new(site.address);
        let chunked =
            "POST /a?b HTTP/1.1|Host: shop|TE: trailers|Connection: TE, close|Transfer-Encoding: chunked||5|hello|0||";
        for request in ["GET /a?b|Host: shop||", POST, POST_IN_PIECES, chunked] {
            let said = if request.contains("HTTP/1.1") { site.say(request) } else { client.ask(request) };
            assert!(said.contains(" 200"), "{said}");
            let Pair { answer, shadow, .. } = next(&pairs);
            let shadow = shadow.as_ref().map(shown);
            let line = format!("{stable:?} to {candidate:?}: {request}\n  {}\n  {shadow:?}\n", shown(&answer));
            text.write_str(&line).expect("a String takes everything");
        }
        until(|| (site.claims() == 0).then_some(()));
    }
    expect![[r#"
        Http2 to Http2: GET /a?b|Host: shop||
          200 [("Content-Type", []), ("Grpc-Status", ["0"])] whole GET http://shop/a?b|x-forwarded-for: 127.0.0.1|x-forwarded-proto: http|x-forwarded-host: shop|x-request-id: ...|traceparent: ...
          Ok("200 [(\"Content-Type\", []), (\"Grpc-Status\", [\"0\"])] whole GET http://shop/a?b|x-forwarded-for: 127.0.0.1|x-forwarded-proto: http|x-forwarded-host: shop|x-request-id: ...|traceparent: ...|glidepath-mirror: 2")
        Http2 to Http2: POST /a?b|Host: shop|TE: trailers|Content-Length: 5||hello
          200 [("Content-Type", []), ("Grpc-Status", ["0"])] whole POST http://shop/a?b|content-length: 5|x-forwarded-for: 127.0.0.1|x-forwarded-proto: http|x-forwarded-host: shop|x-request-id: ...|traceparent: ...|te: trailers|hello
          Ok("200 [(\"Content-Type\", []), (\"Grpc-Status\", [\"0\"])] whole POST http://shop/a?b|content-length: 5|x-forwarded-for: 127.0.0.1|x-forwarded-proto: http|x-forwarded-host: shop|x-request-id: ...|traceparent: ...|glidepath-mirror: 2|te: trailers|hello")
        Http2 to Http2: POST /a?b|Host: shop|TE: trailers||hello
          200 [("Content-Type", []), ("Grpc-Status", ["0"])] whole POST http://shop/a?b|x-forwarded-for: 127.0.0.1|x-forwarded-proto: http|x-forwarded-host: shop|x-request-id: ...|traceparent: ...|te: trailers|hello
          Ok("200 [(\"Content-Type\", []), (\"Grpc-Status\", [\"0\"])] whole POST http://shop/a?b|x-forwarded-for: 127.0.0.1|x-forwarded-proto: http|x-forwarded-host: shop|x-request-id: ...|traceparent: ...|glidepath-mirror: 2|te: trailers|hello")
        Http2 to Http2: POST /a?b HTTP/1.1|Host: shop|TE: trailers|Connection: TE, close|Transfer-Encoding: chunked||5|hello|0||
          200 [("Content-Type", []), ("Grpc-Status", ["0"])] whole POST http://shop/a?b|x-forwarded-for: 127.0.0.1|x-forwarded-proto: http|x-forwarded-host: shop|x-request-id: ...|traceparent: ...|te: trailers|hello
          Ok("200 [(\"Content-Type\", []), (\"Grpc-Status\", [\"0\"])] whole POST http://shop/a?b|x-forwarded-for: 127.0.0.1|x-forwarded-proto: http|x-forwarded-host: shop|x-request-id: ...|traceparent: ...|glidepath-mirror: 2|te: trailers|hello")
        Http1 to Http2: GET /a?b|Host: shop||
          200 [("Content-Type", []), ("Grpc-Status", [])] whole GET /a?b HTTP/1.1|Host: shop|X-Forwarded-For: 127.0.0.1|X-Forwarded-Proto: http|X-Forwarded-Host: shop|X-Request-Id: ...|traceparent: ...||
          Ok("200 [(\"Content-Type\", []), (\"Grpc-Status\", [\"0\"])] whole GET http://shop/a?b|x-forwarded-for: 127.0.0.1|x-forwarded-proto: http|x-forwarded-host: shop|x-request-id: ...|traceparent: ...|glidepath-mirror: 2")
        Http1 to Http2: POST /a?b|Host: shop|TE: trailers|Content-Length: 5||hello
          200 [("Content-Type", []), ("Grpc-Status", [])] whole POST /a?b HTTP/1.1|Host: shop|Content-Length: 5|X-Forwarded-For: 127.0.0.1|X-Forwarded-Proto: http|X-Forwarded-Host: shop|X-Request-Id: ...|traceparent: ...||hello
          Ok("200 [(\"Content-Type\", []), (\"Grpc-Status\", [\"0\"])] whole POST http://shop/a?b|content-length: 5|x-forwarded-for: 127.0.0.1|x-forwarded-proto: http|x-forwarded-host: shop|x-request-id: ...|traceparent: ...|glidepath-mirror: 2|te: trailers|hello")
        Http1 to Http2: POST /a?b|Host: shop|TE: trailers||hello
          200 [("Content-Type", []), ("Grpc-Status", [])] whole POST /a?b HTTP/1.1|Host: shop|Transfer-Encoding: chunked|X-Forwarded-For: 127.0.0.1|X-Forwarded-Proto: http|X-Forwarded-Host: shop|X-Request-Id: ...|traceparent: ...||5|hello|0||
          Ok("200 [(\"Content-Type\", []), (\"Grpc-Status\", [\"0\"])] whole POST http://shop/a?b|x-forwarded-for: 127.0.0.1|x-forwarded-proto: http|x-forwarded-host: shop|x-request-id: ...|traceparent: ...|glidepath-mirror: 2|te: trailers|hello")
        Http1 to Http2: POST /a?b HTTP/1.1|Host: shop|TE: trailers|Connection: TE, close|Transfer-Encoding: chunked||5|hello|0||
          200 [("Content-Type", []), ("Grpc-Status", [])] whole POST /a?b HTTP/1.1|Host: shop|Transfer-Encoding: chunked|X-Forwarded-For: 127.0.0.1|X-Forwarded-Proto: http|X-Forwarded-Host: shop|X-Request-Id: ...|traceparent: ...||5|hello|0||
          Ok("200 [(\"Content-Type\", []), (\"Grpc-Status\", [\"0\"])] whole POST http://shop/a?b|x-forwarded-for: 127.0.0.1|x-forwarded-proto: http|x-forwarded-host: shop|x-request-id: ...|traceparent: ...|glidepath-mirror: 2|te: trailers|hello")
        Http2 to Http1: GET /a?b|Host: shop||
          200 [("Content-Type", []), ("Grpc-Status", ["0"])] whole GET http://shop/a?b|x-forwarded-for: 127.0.0.1|x-forwarded-proto: http|x-forwarded-host: shop|x-request-id: ...|traceparent: ...
          Ok("200 [(\"Content-Type\", []), (\"Grpc-Status\", [])] whole GET /a?b HTTP/1.1|Host: shop|X-Forwarded-For: 127.0.0.1|X-Forwarded-Proto: http|X-Forwarded-Host: shop|X-Request-Id: ...|traceparent: ...|Glidepath-Mirror: 2||")
        Http2 to Http1: POST /a?b|Host: shop|TE: trailers|Content-Length: 5||hello
          200 [("Content-Type", []), ("Grpc-Status", ["0"])] whole POST http://shop/a?b|content-length: 5|x-forwarded-for: 127.0.0.1|x-forwarded-proto: http|x-forwarded-host: shop|x-request-id: ...|traceparent: ...|te: trailers|hello
          Ok("200 [(\"Content-Type\", []), (\"Grpc-Status\", [])] whole POST /a?b HTTP/1.1|Host: shop|Content-Length: 5|X-Forwarded-For: 127.0.0.1|X-Forwarded-Proto: http|X-Forwarded-Host: shop|X-Request-Id: ...|traceparent: ...|Glidepath-Mirror: 2||hello")
        Http2 to Http1: POST /a?b|Host: shop|TE: trailers||hello
          200 [("Content-Type", []), ("Grpc-Status", ["0"])] whole POST http://shop/a?b|x-forwarded-for: 127.0.0.1|x-forwarded-proto: http|x-forwarded-host: shop|x-request-id: ...|traceparent: ...|te: trailers|hello
          Ok("200 [(\"Content-Type\", []), (\"Grpc-Status\", [])] whole POST /a?b HTTP/1.1|Host: shop|Transfer-Encoding: chunked|X-Forwarded-For: 127.0.0.1|X-Forwarded-Proto: http|X-Forwarded-Host: shop|X-Request-Id: ...|traceparent: ...|Glidepath-Mirror: 2||5|hello|0||")
        Http2 to Http1: POST /a?b HTTP/1.1|Host: shop|TE: trailers|Connection: TE, close|Transfer-Encoding: chunked||5|hello|0||
          200 [("Content-Type", []), ("Grpc-Status", ["0"])] whole POST http://shop/a?b|x-forwarded-for: 127.0.0.1|x-forwarded-proto: http|x-forwarded-host: shop|x-request-id: ...|traceparent: ...|te: trailers|hello
          Ok("200 [(\"Content-Type\", []), (\"Grpc-Status\", [])] whole POST /a?b HTTP/1.1|Host: shop|Transfer-Encoding: chunked|X-Forwarded-For: 127.0.0.1|X-Forwarded-Proto: http|X-Forwarded-Host: shop|X-Request-Id: ...|traceparent: ...|Glidepath-Mirror: 2||5|hello|0||")
    "#]].assert_eq(&text);
}

/// What a client hears without a mirror and with this one must be the same, and comes whatever the shadow does.
fn drill(candidate: SocketAddr, within: Span) -> (Site, Pair) {
    let stable = Instance::new();
    let mut table = spoken(mirrored(&[stable.address], candidate), Protocol::Http2, Protocol::Http2);
    table.mirrors[0].within = within;
    let (site, pairs) = compared(&table);
    let mut client = Http2::new(site.address);
    let first = client.ask("GET /|Host: shop||");
    for _ in 0..2 {
        assert_eq!(client.ask("GET /|Host: shop||"), first);
    }
    assert_eq!(&first[..10], "HTTP/2 200");
    let pair = next(&pairs);
    for _ in 0..2 {
        assert_eq!(next(&pairs).answer.body, pair.answer.body);
    }
    until(|| (site.claims() == 0).then_some(()));
    (site, pair)
}

#[test]
fn a_dead_shadow_changes_nothing() {
    let dead = TcpListener::bind("127.0.0.1:0").and_then(|gone| gone.local_addr()).expect("a port");
    let (site, pair) = drill(dead, Span::seconds(10));
    assert_eq!(pair.shadow, Err(Missing::NoConnection));
    assert_eq!(told(&site), "sent 3, failed 3");
}

#[test]
fn a_shadow_that_crashes_changes_nothing() {
    let crashes = instance(|mut stream| {
        let _ = read_request(&mut stream);
    });
    let (site, pair) = drill(crashes, Span::seconds(10));
    assert_eq!(pair.shadow, Err(Missing::BrokenOff));
    assert_eq!(told(&site), "sent 3, failed 3");
}

/// It takes connections, and nobody there ever speaks. Others do not wait on one that is dead.
#[test]
fn a_shadow_that_never_answers_is_given_up() {
    let silent = instance(|_| std::thread::park());
    let (site, pair) = drill(silent, Span(100));
    assert_eq!(pair.shadow, Err(Missing::TooLate));
    assert_eq!(told(&site), "sent 3, failed 3");
}

/// Its stream is reset, and no more of it is kept than is compared.
#[test]
fn a_shadow_that_talks_without_end_is_hung_up_on() {
    let (stable, candidate) = (Instance::new(), Instance::new());
    let mut table = spoken(mirrored(&[stable.address], candidate.address), Protocol::Http2, Protocol::Http2);
    table.mirrors[0].within = Span::seconds(20);
    let (site, pairs) = compared(&table);
    // The client takes its own back; what was copied goes on to its bound.
    let mut client = crate::frames::Frames::new(site.client());
    let get = [(":method", "GET"), (":scheme", "http"), (":path", "/endless"), (":authority", "shop")];
    client.headers(1, &get, true);
    until(|| told(&site).contains("answered 1").then_some(()));
    client.reset(1);
    until(|| (site.claims() == 0).then_some(()));
    assert_eq!(told(&site), "sent 1, answered 1, unpaired 1");
    assert!(pairs.try_recv().is_err());
    // Its connection is as good as before.
    let mut client = Http2::new(site.address);
    client.ask("GET /|Host: shop||");
    let pair = next(&pairs);
    assert!(shown(&pair.shadow.expect("an answer")).starts_with("200 "));
}

/// Copies that wait are bounded, and clients wait for none.
#[test]
fn clients_are_answered_while_the_shadow_is_silent() {
    let silent = instance(|_| std::thread::park());
    let stable = Instance::new();
    let mut table = spoken(mirrored(&[stable.address], silent), Protocol::Http2, Protocol::Http2);
    (table.mirrors[0].in_flight_max, table.mirrors[0].within) = (2, Span::seconds(60));
    let (site, _pairs) = compared(&table);
    let mut client = Http2::new(site.address);
    for _ in 0..5 {
        assert_eq!(&client.ask(POST)[..10], "HTTP/2 200");
    }
    assert_eq!(told(&site), "sent 2, too many 3");
    assert_eq!(site.claims(), 2);
}

/// The second copy goes to an instance that did not answer the client, on a connection that its clients share.
#[test]
fn noise_is_measured_at_a_second_instance() {
    let stable = [Instance::new(), Instance::new()];
    let candidate = Instance::new();
    let both = [stable[0].address, stable[1].address];
    let mut table = spoken(mirrored(&both, candidate.address), Protocol::Http2, Protocol::Http2);
    table.mirrors[0].noise = true;
    let (site, pairs) = compared(&table);
    let mut client = Http2::new(site.address);
    for _ in 0..10 {
        client.ask(POST);
        let pair = next(&pairs);
        let noise = pair.noise.expect("a second copy").expect("an answer");
        assert_eq!((noise.status, &noise.headers), (pair.answer.status, &pair.answer.headers));
    }
    assert_eq!(told(&site), "sent 20, answered 20");
}
