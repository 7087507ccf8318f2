//! Heads as they are passed on.

use expect_test::{Expect, expect};
use gateway::http1::write::{About, After, Instead, request, response};
use gateway::http1::{Edited, Limits, Request, Response};
use std::fmt::Write;

fn check_request(cases: &[&str], wanted: &Expect) {
    let about = About { client: [192, 0, 2, 7].into(), scheme: "http", id: 0xabc, believed: false };
    let mut text = String::new();
    for case in cases {
        let bytes = case.replace('|', "\r\n");
        let mut head = Request::default();
        head.read(bytes.as_bytes(), &Limits::default()).expect("a request").expect("all of it");
        let mut out = Vec::new();
        request(&mut out, bytes.as_bytes(), &head, &about, Instead::default(), Edited::default());
        let out = String::from_utf8(out).expect("text").replace("\r\n", "|");
        writeln!(text, "{case}\n    {out}").expect("a String takes everything");
    }
    wanted.assert_eq(&text);
}

#[test]
fn requests() {
    check_request(
        &[
            "GET / HTTP/1.1|Host: shop||",
            "GET /a?b HTTP/1.1|A: 1|Connection: x|X: 2|Host:  shop|B: 3||",
            "GET http://other/a HTTP/1.1|Host: shop|A: 1||",
            "GET http://other HTTP/1.1|Host: shop||",
            "OPTIONS http://other HTTP/1.1|Host: shop||",
            "GET / HTTP/1.0|Connection: keep-alive||",
            "GET / HTTP/1.1|Host: shop|X-Forwarded-For: 1.1.1.1|Forwarded: for=1.1.1.1|X-Forwarded-Proto: https||",
            "GET / HTTP/1.1|Host: shop|X-Request-Id: mine|traceparent: 00-a-b-01||",
            "GET / HTTP/1.1|Host: shop|Connection: Upgrade, x|Upgrade: websocket|X: 1||",
            "POST / HTTP/1.1|Host: shop|Expect: 100-continue|Content-Length: 5||",
        ],
        &expect![[r#"
            GET / HTTP/1.1|Host: shop||
                GET / HTTP/1.1|Host: shop|X-Forwarded-For: 192.0.2.7|X-Forwarded-Proto: http|X-Forwarded-Host: shop|X-Request-Id: 00000000000000000000000000000abc|traceparent: 00-00000000000000000000000000000abc-0000000000000001-00||
            GET /a?b HTTP/1.1|A: 1|Connection: x|X: 2|Host:  shop|B: 3||
                GET /a?b HTTP/1.1|A: 1|Host:  shop|B: 3|X-Forwarded-For: 192.0.2.7|X-Forwarded-Proto: http|X-Forwarded-Host: shop|X-Request-Id: 00000000000000000000000000000abc|traceparent: 00-00000000000000000000000000000abc-0000000000000001-00||
            GET http://other/a HTTP/1.1|Host: shop|A: 1||
                GET /a HTTP/1.1|Host: other|A: 1|X-Forwarded-For: 192.0.2.7|X-Forwarded-Proto: http|X-Forwarded-Host: other|X-Request-Id: 00000000000000000000000000000abc|traceparent: 00-00000000000000000000000000000abc-0000000000000001-00||
            GET http://other HTTP/1.1|Host: shop||
                GET / HTTP/1.1|Host: other|X-Forwarded-For: 192.0.2.7|X-Forwarded-Proto: http|X-Forwarded-Host: other|X-Request-Id: 00000000000000000000000000000abc|traceparent: 00-00000000000000000000000000000abc-0000000000000001-00||
            OPTIONS http://other HTTP/1.1|Host: shop||
                OPTIONS * HTTP/1.1|Host: other|X-Forwarded-For: 192.0.2.7|X-Forwarded-Proto: http|X-Forwarded-Host: other|X-Request-Id: 00000000000000000000000000000abc|traceparent: 00-00000000000000000000000000000abc-0000000000000001-00||
            GET / HTTP/1.0|Connection: keep-alive||
                GET / HTTP/1.0|X-Forwarded-For: 192.0.2.7|X-Forwarded-Proto: http|X-Request-Id: 00000000000000000000000000000abc|traceparent: 00-00000000000000000000000000000abc-0000000000000001-00||
            GET / HTTP/1.1|Host: shop|X-Forwarded-For: 1.1.1.1|Forwarded: for=1.1.1.1|X-Forwarded-Proto: https||
                GET / HTTP/1.1|Host: shop|X-Forwarded-For: 192.0.2.7|X-Forwarded-Proto: http|X-Forwarded-Host: shop|X-Request-Id: 00000000000000000000000000000abc|traceparent: 00-00000000000000000000000000000abc-0000000000000001-00||
            GET / HTTP/1.1|Host: shop|X-Request-Id: mine|traceparent: 00-a-b-01||
                GET / HTTP/1.1|Host: shop|X-Request-Id: mine|traceparent: 00-a-b-01|X-Forwarded-For: 192.0.2.7|X-Forwarded-Proto: http|X-Forwarded-Host: shop||
            GET / HTTP/1.1|Host: shop|Connection: Upgrade, x|Upgrade: websocket|X: 1||
                GET / HTTP/1.1|Host: shop|X-Forwarded-For: 192.0.2.7|X-Forwarded-Proto: http|X-Forwarded-Host: shop|X-Request-Id: 00000000000000000000000000000abc|traceparent: 00-00000000000000000000000000000abc-0000000000000001-00|Connection: Upgrade|Upgrade: websocket||
            POST / HTTP/1.1|Host: shop|Expect: 100-continue|Content-Length: 5||
                POST / HTTP/1.1|Host: shop|Expect: 100-continue|Content-Length: 5|X-Forwarded-For: 192.0.2.7|X-Forwarded-Proto: http|X-Forwarded-Host: shop|X-Request-Id: 00000000000000000000000000000abc|traceparent: 00-00000000000000000000000000000abc-0000000000000001-00||
        "#]],
    );
}

#[test]
fn responses() {
    let mut text = String::new();
    for (case, after) in [
        ("HTTP/1.1 200 OK|Content-Length: 5||", After::Stays),
        ("HTTP/1.0 200 Fine|Content-Length: 5|Connection: keep-alive|A: 1||", After::StaysAsTold),
        ("HTTP/1.1 404||", After::Closes),
        ("HTTP/1.1 101 Switching Protocols|Upgrade: websocket|Connection: upgrade|Sec-A: 1||", After::Changes),
        ("HTTP/1.1 200 OK|A: 1|Keep-Alive: 5|B: 2|Transfer-Encoding: chunked||", After::Stays),
    ] {
        let bytes = case.replace('|', "\r\n");
        let mut head = Response::default();
        head.read(bytes.as_bytes(), b"GET", &Limits::default()).expect("an answer").expect("all of it");
        let mut out = Vec::new();
        response(&mut out, bytes.as_bytes(), &head, "", Edited::default(), after);
        let out = String::from_utf8(out).expect("text").replace("\r\n", "|");
        writeln!(text, "{case} {after:?}\n    {out}").expect("a String takes everything");
    }
    expect![[r#"
        HTTP/1.1 200 OK|Content-Length: 5|| Stays
            HTTP/1.1 200 OK|Content-Length: 5||
        HTTP/1.0 200 Fine|Content-Length: 5|Connection: keep-alive|A: 1|| StaysAsTold
            HTTP/1.1 200 Fine|Content-Length: 5|A: 1|Connection: keep-alive||
        HTTP/1.1 404|| Closes
            HTTP/1.1 404 |Connection: close||
        HTTP/1.1 101 Switching Protocols|Upgrade: websocket|Connection: upgrade|Sec-A: 1|| Changes
            HTTP/1.1 101 Switching Protocols|Upgrade: websocket|Sec-A: 1|Connection: Upgrade||
        HTTP/1.1 200 OK|A: 1|Keep-Alive: 5|B: 2|Transfer-Encoding: chunked|| Stays
            HTTP/1.1 200 OK|A: 1|B: 2|Transfer-Encoding: chunked||
    "#]]
    .assert_eq(&text);
}
