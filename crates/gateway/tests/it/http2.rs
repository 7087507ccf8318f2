//! HTTP/2 from clients that write their frames themselves.

use crate::frames::*;
use crate::misreading::{GET, check, get};
use crate::site::*;
use expect_test::expect;
use std::fmt::Write as _;
use std::io::Write as _;

#[test]
fn requests_reach_the_instance_as_one_clean_request() {
    check(
        &[
            ("plain", get!(), None),
            ("a body without a length", get!(":method" = "POST"), Some("hello")),
            ("a body with a length", get!(":method" = "POST", "content-length" = "5"), Some("hello")),
            ("an empty body", get!(":method" = "POST"), Some("")),
            ("cookies", get!("cookie" = "a=1", "x" = "y", "cookie" = "b=2"), None),
            ("trailers are welcome", get!("te" = "trailers"), None),
            ("a value with space around it", get!("x" = "  y  "), None),
            ("what nobody is believed", get!("x-forwarded-for" = "1.2.3.4", "forwarded" = "for=1.2.3.4"), None),
            ("the whole server", get!(":method" = "OPTIONS", ":path" = "*"), None),
        ],
        &expect![[r#"
            plain
                200: GET / HTTP/1.1|Host: shop|X-Forwarded-For: 127.0.0.1|X-Forwarded-Proto: http|X-Forwarded-Host: shop|X-Request-Id: ...|traceparent: ...||
            a body without a length
                200: POST / HTTP/1.1|Host: shop|Transfer-Encoding: chunked|X-Forwarded-For: 127.0.0.1|X-Forwarded-Proto: http|X-Forwarded-Host: shop|X-Request-Id: ...|traceparent: ...||5|hello|0||
            a body with a length
                200: POST / HTTP/1.1|Host: shop|Content-Length: 5|X-Forwarded-For: 127.0.0.1|X-Forwarded-Proto: http|X-Forwarded-Host: shop|X-Request-Id: ...|traceparent: ...||hello
            an empty body
                200: POST / HTTP/1.1|Host: shop|Transfer-Encoding: chunked|X-Forwarded-For: 127.0.0.1|X-Forwarded-Proto: http|X-Forwarded-Host: shop|X-Request-Id: ...|traceparent: ...||0||
            cookies
                200: GET / HTTP/1.1|Host: shop|x: y|cookie: a=1; b=2|X-Forwarded-For: 127.0.0.1|X-Forwarded-Proto: http|X-Forwarded-Host: shop|X-Request-Id: ...|traceparent: ...||
            trailers are welcome
                200: GET / HTTP/1.1|Host: shop|X-Forwarded-For: 127.0.0.1|X-Forwarded-Proto: http|X-Forwarded-Host: shop|X-Request-Id: ...|traceparent: ...||
            a value with space around it
                200: GET / HTTP/1.1|Host: shop|x:   y  |X-Forwarded-For: 127.0.0.1|X-Forwarded-Proto: http|X-Forwarded-Host: shop|X-Request-Id: ...|traceparent: ...||
            what nobody is believed
                200: GET / HTTP/1.1|Host: shop|X-Forwarded-For: 127.0.0.1|X-Forwarded-Proto: http|X-Forwarded-Host: shop|X-Request-Id: ...|traceparent: ...||
            the whole server
                200: OPTIONS * HTTP/1.1|Host: shop|X-Forwarded-For: 127.0.0.1|X-Forwarded-Proto: http|X-Forwarded-Host: shop|X-Request-Id: ...|traceparent: ...||
        "#]],
    );
}

/// What follows a body passes both ways, but for what would change how the message is read.
#[test]
fn trailers_pass() {
    let site = Site::new(&table(1, &[mirror()]));
    let mut client = Frames::new(site.client());
    client.headers(1, get!(":method" = "POST"), false);
    client.data(1, b"hello", false);
    client.headers(1, &[("x-sum", "5"), ("content-length", "9"), ("host", "evil")], true);
    expect!["200: POST / HTTP/1.1|Host: shop|Transfer-Encoding: chunked|X-Forwarded-For: 127.0.0.1|X-Forwarded-Proto: http|X-Forwarded-Host: shop|X-Request-Id: ...|traceparent: ...||5|hello|0|x-sum: 5||"].assert_eq(&client.hear(1));
}

#[test]
fn answers_reach_the_client() {
    let mut text = String::new();
    for answer in [
        "HTTP/1.1 200 OK|Content-Length: 2||ok",
        "HTTP/1.1 200 OK|Transfer-Encoding: chunked||1|o|1|k|0||",
        "HTTP/1.1 200 OK|Transfer-Encoding: chunked||2|ok|0|A: b||",
        "HTTP/1.1 200 OK|Server: me||until the end",
        "HTTP/1.1 204 No Content||",
        "HTTP/1.1 404 Not Found|Content-Length: 0||",
        "HTTP/1.1 103 Early Hints|Link: </a>||HTTP/1.1 200 OK|Content-Length: 2||ok",
        "HTTP/1.1 200 OK|Connection: x|X: y|Keep-Alive: 5|Content-Length: 2||ok",
        "HTTP/1.1 200 OK|Content-Length: 2|Content-Length: 2||ok",
        "HTTP/1.1 200 OK|Transfer-Encoding: chunked||2|ok|nonsense|",
        "HTTP/1.1 101 Switching Protocols|Upgrade: x||",
        "nonsense||",
    ] {
        let site = Site::new(&table(1, &[answering(answer)]));
        let mut client = Frames::new(site.client());
        client.headers(1, &GET, true);
        writeln!(text, "{answer}\n    {}", client.hear(1)).expect("a String takes everything");
    }
    expect![[r#"
        HTTP/1.1 200 OK|Content-Length: 2||ok
            200: ok
        HTTP/1.1 200 OK|Transfer-Encoding: chunked||1|o|1|k|0||
            200: ok
        HTTP/1.1 200 OK|Transfer-Encoding: chunked||2|ok|0|A: b||
            200: ok trailers:
        HTTP/1.1 200 OK|Server: me||until the end
            200: until the end 
        HTTP/1.1 204 No Content||
            204:
        HTTP/1.1 404 Not Found|Content-Length: 0||
            404:
        HTTP/1.1 103 Early Hints|Link: </a>||HTTP/1.1 200 OK|Content-Length: 2||ok
            103: 200: ok
        HTTP/1.1 200 OK|Connection: x|X: y|Keep-Alive: 5|Content-Length: 2||ok
            200: ok
        HTTP/1.1 200 OK|Content-Length: 2|Content-Length: 2||ok
            502: the instance gave no answer

        HTTP/1.1 200 OK|Transfer-Encoding: chunked||2|ok|nonsense|
            RST_STREAM INTERNAL_ERROR
        HTTP/1.1 101 Switching Protocols|Upgrade: x||
            502: the instance changed the protocol unasked

        nonsense||
            502: the instance gave no answer

    "#]]
    .assert_eq(&text);
}

/// Whoever asks after HTTP/1 for HTTP/2 is told that it is too late.
#[test]
fn http2_begins_with_a_connection_or_not_at_all() {
    let site = Site::new(&table(1, &[mirror()]));
    let mut client = site.client();
    client
        .write_all(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\nPRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        .expect("it is taken");
    expect![[r#"
        HTTP/1.1 200 OK|Content-Length: 102|Connection: keep-alive||GET / HTTP/1.0|X-Forwarded-For: 127.0.0.1|X-Forwarded-Proto: http|X-Request-Id: ...|traceparent: ...||HTTP/1.1 505 HTTP Version Not Supported|Content-Type: text/plain|Content-Length: 30|Connection: close||the version is not 1.0 or 1.1
    "#]].assert_eq(&hear(&mut client));
}
