//! Heads of requests: what is understood, and what is refused and why.

use expect_test::{Expect, expect};
use gateway::http1::head::FIELDS_MAX;
use gateway::http1::{Field, Limits, Request};
use std::fmt::Write;

/// A request in one line: what was made of it, or why it was refused.
fn read(bytes: &[u8]) -> String {
    let mut whole = Request::default();
    let told = tell(&mut whole, bytes, bytes);
    // However it trickles in, it says the same.
    let mut trickled = Request::default();
    for end in 0..bytes.len() {
        match trickled.read(&bytes[..end], &Limits::default()) {
            Ok(None) => {}
            Ok(Some(length)) => {
                assert!(length <= end, "{told}");
                return told;
            }
            Err(refusal) => {
                assert_eq!(refusal.to_string(), told, "after {end} bytes");
                return told;
            }
        }
    }
    assert_eq!(tell(&mut trickled, bytes, bytes), told);
    told
}

fn tell(request: &mut Request, bytes: &[u8], buffer: &[u8]) -> String {
    let length = match request.read(bytes, &Limits::default()) {
        Ok(Some(length)) => length,
        Ok(None) => return "more is to come".into(),
        Err(refusal) => return refusal.to_string(),
    };
    let text = |stretch: gateway::http1::Stretch| String::from_utf8_lossy(stretch.of(buffer)).into_owned();
    let mut told = format!("{} {}", text(request.method), text(request.target.path_and_query));
    write!(told, " for {}, body {:?}", text(request.host), request.body).expect("a String takes everything");
    told.push_str(if request.keep_alive { "" } else { ", then close" });
    if request.expects_continue {
        told.push_str(", expects to go on");
    }
    if let Some(upgrade) = request.upgrade {
        write!(told, ", upgrade to {}", text(upgrade)).expect("a String takes everything");
    }
    let kept: Vec<_> = request.fields.iter().filter(|field| !field.hop).map(|field| text(field.name)).collect();
    let dropped: Vec<_> = request.fields.iter().filter(|field| field.hop).map(|field| text(field.name)).collect();
    if !dropped.is_empty() {
        write!(told, ", passes on {} and not {}", kept.join(" "), dropped.join(" "))
            .expect("a String takes everything");
    }
    if length < bytes.len() {
        write!(told, ", {} bytes follow", bytes.len() - length).expect("a String takes everything");
    }
    assert!(request.fields.iter().all(|field| line_is_whole(field, buffer)));
    told
}

/// Lines are passed on as they are, so they have to be lines.
fn line_is_whole(field: &Field, buffer: &[u8]) -> bool {
    let line = field.line.of(buffer);
    line.starts_with(field.name.of(buffer)) && line.ends_with(b"\r\n")
}

/// Cases of a first line and fields, with `|` for the end of a line.
fn check(cases: &[&str], wanted: &Expect) {
    let mut text = String::new();
    for case in cases {
        let bytes = case.replace("\\0", "\0").replace('|', "\r\n").replace("\\r", "\r").replace("\\n", "\n");
        writeln!(text, "{case}\n    {}", read(bytes.as_bytes())).expect("a String takes everything");
    }
    wanted.assert_eq(&text);
}

#[test]
fn first_lines() {
    check(
        &[
            "GET / HTTP/1.1|Host: a||",
            "|GET / HTTP/1.1|Host: a||",
            "||GET / HTTP/1.1|Host: a||",
            "GET /a?b=c&d=%20 HTTP/1.1|Host: a||",
            "PATCH-ME /a HTTP/1.1|Host: a||",
            "get / HTTP/1.1|Host: a||",
            "G\u{e4}T / HTTP/1.1|Host: a||",
            "OPTIONS * HTTP/1.1|Host: a||",
            "GET * HTTP/1.1|Host: a||",
            "CONNECT a:443 HTTP/1.1|Host: a||",
            "GET http://b/c?d HTTP/1.1|Host: a||",
            "GET HTTPS://b:8443/ HTTP/1.1|Host: a||",
            "GET http://b HTTP/1.1|Host: a||",
            "GET http://b?c HTTP/1.1|Host: a||",
            "GET http:///c HTTP/1.1|Host: a||",
            "GET http://u@b/c HTTP/1.1|Host: a||",
            "GET ftp://b/c HTTP/1.1|Host: a||",
            "GET a/b HTTP/1.1|Host: a||",
            "GET /a#b HTTP/1.1|Host: a||",
            "GET /\u{e4} HTTP/1.1|Host: a||",
            "GET /a b HTTP/1.1|Host: a||",
            "GET  / HTTP/1.1|Host: a||",
            "GET /  HTTP/1.1|Host: a||",
            " GET / HTTP/1.1|Host: a||",
            "GET\t/ HTTP/1.1|Host: a||",
            "GET / HTTP/1.1 |Host: a||",
            "GET /|Host: a||",
            "GET / HTTP/0.9|Host: a||",
            "GET / HTTP/2.0|Host: a||",
            "GET / HTTP/1.2|Host: a||",
            "GET / http/1.1|Host: a||",
            "GET / HTTP/1.10|Host: a||",
            "GET / HTTP/1.1|Host: a|",
            "\\0\\0\\0",
        ],
        &expect![[r#"
            GET / HTTP/1.1|Host: a||
                GET / for a, body None
            |GET / HTTP/1.1|Host: a||
                GET / for a, body None
            ||GET / HTTP/1.1|Host: a||
                400: empty lines before the request
            GET /a?b=c&d=%20 HTTP/1.1|Host: a||
                GET /a?b=c&d=%20 for a, body None
            PATCH-ME /a HTTP/1.1|Host: a||
                PATCH-ME /a for a, body None
            get / HTTP/1.1|Host: a||
                get / for a, body None
            GäT / HTTP/1.1|Host: a||
                400: the first line is none of HTTP
            OPTIONS * HTTP/1.1|Host: a||
                OPTIONS * for a, body None
            GET * HTTP/1.1|Host: a||
                400: the target is neither a path nor `http://...`
            CONNECT a:443 HTTP/1.1|Host: a||
                405: the gateway makes no tunnels
            GET http://b/c?d HTTP/1.1|Host: a||
                GET /c?d for b, body None
            GET HTTPS://b:8443/ HTTP/1.1|Host: a||
                GET / for b:8443, body None
            GET http://b HTTP/1.1|Host: a||
                GET  for b, body None
            GET http://b?c HTTP/1.1|Host: a||
                400: the target is neither a path nor `http://...`
            GET http:///c HTTP/1.1|Host: a||
                400: the target is neither a path nor `http://...`
            GET http://u@b/c HTTP/1.1|Host: a||
                400: Host is no host
            GET ftp://b/c HTTP/1.1|Host: a||
                400: the target is neither a path nor `http://...`
            GET a/b HTTP/1.1|Host: a||
                400: the target is neither a path nor `http://...`
            GET /a#b HTTP/1.1|Host: a||
                400: the target has a fragment
            GET /ä HTTP/1.1|Host: a||
                400: the target is not ASCII
            GET /a b HTTP/1.1|Host: a||
                505: the version is not 1.0 or 1.1
            GET  / HTTP/1.1|Host: a||
                400: the first line is none of HTTP
            GET /  HTTP/1.1|Host: a||
                505: the version is not 1.0 or 1.1
             GET / HTTP/1.1|Host: a||
                400: this is no HTTP
            GET	/ HTTP/1.1|Host: a||
                400: the first line is none of HTTP
            GET / HTTP/1.1 |Host: a||
                400: a line ends in the middle
            GET /|Host: a||
                400: the first line is none of HTTP
            GET / HTTP/0.9|Host: a||
                505: the version is not 1.0 or 1.1
            GET / HTTP/2.0|Host: a||
                505: the version is not 1.0 or 1.1
            GET / HTTP/1.2|Host: a||
                505: the version is not 1.0 or 1.1
            GET / http/1.1|Host: a||
                505: the version is not 1.0 or 1.1
            GET / HTTP/1.10|Host: a||
                400: a line ends in the middle
            GET / HTTP/1.1|Host: a|
                more is to come
            \0\0\0
                400: this is no HTTP
        "#]],
    );
}

#[test]
fn hosts() {
    check(
        &[
            "GET / HTTP/1.1||",
            "GET / HTTP/1.0||",
            "GET / HTTP/1.1|Host:||",
            "GET / HTTP/1.1|Host: a|Host: a||",
            "GET / HTTP/1.1|Host: a|hOST: b||",
            "GET / HTTP/1.1|Host: a:80||",
            "GET / HTTP/1.1|Host: a:||",
            "GET / HTTP/1.1|Host: a:80:90||",
            "GET / HTTP/1.1|Host: a:8o||",
            "GET / HTTP/1.1|Host: [::1]:80||",
            "GET / HTTP/1.1|Host: [::1||",
            "GET / HTTP/1.1|Host: []||",
            "GET / HTTP/1.1|Host: a b||",
            "GET / HTTP/1.1|Host: a/b||",
            "GET / HTTP/1.1|Host: u@a||",
            "GET / HTTP/1.1|Host: a,b||",
            "GET / HTTP/1.1|Host : a||",
            "GET / HTTP/1.1| Host: a||",
        ],
        &expect![[r#"
            GET / HTTP/1.1||
                400: Host is missing
            GET / HTTP/1.0||
                GET / for , body None, then close
            GET / HTTP/1.1|Host:||
                GET / for , body None
            GET / HTTP/1.1|Host: a|Host: a||
                400: Host is given twice
            GET / HTTP/1.1|Host: a|hOST: b||
                400: Host is given twice
            GET / HTTP/1.1|Host: a:80||
                GET / for a:80, body None
            GET / HTTP/1.1|Host: a:||
                GET / for a:, body None
            GET / HTTP/1.1|Host: a:80:90||
                400: Host is no host
            GET / HTTP/1.1|Host: a:8o||
                400: Host is no host
            GET / HTTP/1.1|Host: [::1]:80||
                GET / for [::1]:80, body None
            GET / HTTP/1.1|Host: [::1||
                400: Host is no host
            GET / HTTP/1.1|Host: []||
                400: Host is no host
            GET / HTTP/1.1|Host: a b||
                400: Host is no host
            GET / HTTP/1.1|Host: a/b||
                400: Host is no host
            GET / HTTP/1.1|Host: u@a||
                400: Host is no host
            GET / HTTP/1.1|Host: a,b||
                400: Host is no host
            GET / HTTP/1.1|Host : a||
                400: the name of a field is none
            GET / HTTP/1.1| Host: a||
                400: the name of a field is none
        "#]],
    );
}

#[test]
fn bodies() {
    check(
        &[
            "POST / HTTP/1.1|Host: a|Content-Length: 5||hello",
            "POST / HTTP/1.1|Host: a|Content-Length: 0||",
            "GET / HTTP/1.1|Host: a|Content-Length: 5||hello",
            "POST / HTTP/1.1|Host: a|Content-Length: 9223372036854775807||",
            "POST / HTTP/1.1|Host: a|Content-Length: 9223372036854775808||",
            "POST / HTTP/1.1|Host: a|Content-Length: 18446744073709551621||",
            "POST / HTTP/1.1|Host: a|Content-Length: +5||",
            "POST / HTTP/1.1|Host: a|Content-Length: -5||",
            "POST / HTTP/1.1|Host: a|Content-Length: 5 5||",
            "POST / HTTP/1.1|Host: a|Content-Length: 0x5||",
            "POST / HTTP/1.1|Host: a|Content-Length: 5_0||",
            "POST / HTTP/1.1|Host: a|Content-Length:||",
            "POST / HTTP/1.1|Host: a|Content-Length: 5, 5||",
            "POST / HTTP/1.1|Host: a|Content-Length: 5|Content-Length: 5||",
            "POST / HTTP/1.1|Host: a|Content-Length: 5|Content-Length: 6||",
            "POST / HTTP/1.1|Host: a|Transfer-Encoding: chunked||",
            "POST / HTTP/1.1|Host: a|Transfer-Encoding: Chunked||",
            "POST / HTTP/1.1|Host: a|Transfer-Encoding:\tchunked\t||",
            "POST / HTTP/1.1|Host: a|Transfer-Encoding: gzip, chunked||",
            "POST / HTTP/1.1|Host: a|Transfer-Encoding: chunked, chunked||",
            "POST / HTTP/1.1|Host: a|Transfer-Encoding: identity||",
            "POST / HTTP/1.1|Host: a|Transfer-Encoding: xchunked||",
            "POST / HTTP/1.1|Host: a|Transfer-Encoding: \"chunked\"||",
            "POST / HTTP/1.1|Host: a|Transfer-Encoding: \\nchunked||",
            "POST / HTTP/1.1|Host: a|Transfer-Encoding:||",
            "POST / HTTP/1.1|Host: a|Transfer-Encoding: chunked|Transfer-Encoding: chunked||",
            "POST / HTTP/1.1|Host: a|Transfer-Encoding: chunked|Content-Length: 5||",
            "POST / HTTP/1.1|Host: a|Content-Length: 5|Transfer-Encoding: chunked||",
            "POST / HTTP/1.1|Host: a|Content-Length: 5|Transfer-Encoding: identity||",
            "POST / HTTP/1.1|Host: a|Content_Length: 5||",
            "POST / HTTP/1.1|Host: a|Transfer-Encoding : chunked||",
            "POST / HTTP/1.1|Host: a|Transfer_Encoding: chunked||",
            "POST / HTTP/1.1|Host: a|Transfer-Encoding\\0: chunked||",
            "POST / HTTP/1.1|Host: a|X: y\\nTransfer-Encoding: chunked||",
            "POST / HTTP/1.1|Host: a|X: y\\rTransfer-Encoding: chunked||",
            "POST / HTTP/1.0|Transfer-Encoding: chunked||",
            "POST / HTTP/1.0|Content-Length: 5||",
        ],
        &expect![[r#"
            POST / HTTP/1.1|Host: a|Content-Length: 5||hello
                POST / for a, body Length(5), 5 bytes follow
            POST / HTTP/1.1|Host: a|Content-Length: 0||
                POST / for a, body Length(0)
            GET / HTTP/1.1|Host: a|Content-Length: 5||hello
                GET / for a, body Length(5), 5 bytes follow
            POST / HTTP/1.1|Host: a|Content-Length: 9223372036854775807||
                POST / for a, body Length(9223372036854775807)
            POST / HTTP/1.1|Host: a|Content-Length: 9223372036854775808||
                400: Content-Length is no number
            POST / HTTP/1.1|Host: a|Content-Length: 18446744073709551621||
                400: Content-Length is no number
            POST / HTTP/1.1|Host: a|Content-Length: +5||
                400: Content-Length is no number
            POST / HTTP/1.1|Host: a|Content-Length: -5||
                400: Content-Length is no number
            POST / HTTP/1.1|Host: a|Content-Length: 5 5||
                400: Content-Length is no number
            POST / HTTP/1.1|Host: a|Content-Length: 0x5||
                400: Content-Length is no number
            POST / HTTP/1.1|Host: a|Content-Length: 5_0||
                400: Content-Length is no number
            POST / HTTP/1.1|Host: a|Content-Length:||
                400: Content-Length is no number
            POST / HTTP/1.1|Host: a|Content-Length: 5, 5||
                400: Content-Length is no number
            POST / HTTP/1.1|Host: a|Content-Length: 5|Content-Length: 5||
                400: the length of the body is given twice
            POST / HTTP/1.1|Host: a|Content-Length: 5|Content-Length: 6||
                400: the length of the body is given twice
            POST / HTTP/1.1|Host: a|Transfer-Encoding: chunked||
                POST / for a, body Chunked
            POST / HTTP/1.1|Host: a|Transfer-Encoding: Chunked||
                POST / for a, body Chunked
            POST / HTTP/1.1|Host: a|Transfer-Encoding:	chunked	||
                POST / for a, body Chunked
            POST / HTTP/1.1|Host: a|Transfer-Encoding: gzip, chunked||
                501: Transfer-Encoding is anything but `chunked`
            POST / HTTP/1.1|Host: a|Transfer-Encoding: chunked, chunked||
                501: Transfer-Encoding is anything but `chunked`
            POST / HTTP/1.1|Host: a|Transfer-Encoding: identity||
                501: Transfer-Encoding is anything but `chunked`
            POST / HTTP/1.1|Host: a|Transfer-Encoding: xchunked||
                501: Transfer-Encoding is anything but `chunked`
            POST / HTTP/1.1|Host: a|Transfer-Encoding: "chunked"||
                501: Transfer-Encoding is anything but `chunked`
            POST / HTTP/1.1|Host: a|Transfer-Encoding: \nchunked||
                400: a line ends without CR
            POST / HTTP/1.1|Host: a|Transfer-Encoding:||
                501: Transfer-Encoding is anything but `chunked`
            POST / HTTP/1.1|Host: a|Transfer-Encoding: chunked|Transfer-Encoding: chunked||
                400: the length of the body is given twice
            POST / HTTP/1.1|Host: a|Transfer-Encoding: chunked|Content-Length: 5||
                400: the length of the body is given twice
            POST / HTTP/1.1|Host: a|Content-Length: 5|Transfer-Encoding: chunked||
                400: the length of the body is given twice
            POST / HTTP/1.1|Host: a|Content-Length: 5|Transfer-Encoding: identity||
                501: Transfer-Encoding is anything but `chunked`
            POST / HTTP/1.1|Host: a|Content_Length: 5||
                400: a field that some read as the length of the body
            POST / HTTP/1.1|Host: a|Transfer-Encoding : chunked||
                400: the name of a field is none
            POST / HTTP/1.1|Host: a|Transfer_Encoding: chunked||
                400: a field that some read as the length of the body
            POST / HTTP/1.1|Host: a|Transfer-Encoding\0: chunked||
                400: the name of a field is none
            POST / HTTP/1.1|Host: a|X: y\nTransfer-Encoding: chunked||
                400: a line ends without CR
            POST / HTTP/1.1|Host: a|X: y\rTransfer-Encoding: chunked||
                400: the value of a field has a control character
            POST / HTTP/1.0|Transfer-Encoding: chunked||
                400: Transfer-Encoding in HTTP/1.0
            POST / HTTP/1.0|Content-Length: 5||
                POST / for , body Length(5), then close
        "#]],
    );
}

#[test]
fn fields_and_lines() {
    check(
        &[
            "GET / HTTP/1.1|Host: a|X: y||",
            "GET / HTTP/1.1|Host: a|X:||",
            "GET / HTTP/1.1|Host: a|X: \u{e4}\u{fc}||",
            "GET / HTTP/1.1|Host: a|: y||",
            "GET / HTTP/1.1|Host: a|X y: z||",
            "GET / HTTP/1.1|Host: a|X y||",
            "GET / HTTP/1.1|Host: a|X\u{e4}: y||",
            "GET / HTTP/1.1|Host: a|X: y\\0z||",
            "GET / HTTP/1.1|Host: a|X: y\u{7f}||",
            "GET / HTTP/1.1|Host: a|X: y| z||",
            "GET / HTTP/1.1|Host: a|X: y|\tz||",
            "GET / HTTP/1.1\\nHost: a||",
            "GET / HTTP/1.1|Host: a\\n||",
            "GET / HTTP/1.1|Host: a|\\n",
            "GET / HTTP/1.1|Host: a\\n\\n",
            "GET / HTTP/1.1|Host: a\\r\\r\\n||",
            "GET / HTTP/1.1\\r|Host: a||",
        ],
        &expect![[r#"
            GET / HTTP/1.1|Host: a|X: y||
                GET / for a, body None
            GET / HTTP/1.1|Host: a|X:||
                GET / for a, body None
            GET / HTTP/1.1|Host: a|X: äü||
                GET / for a, body None
            GET / HTTP/1.1|Host: a|: y||
                400: the name of a field is none
            GET / HTTP/1.1|Host: a|X y: z||
                400: the name of a field is none
            GET / HTTP/1.1|Host: a|X y||
                400: the name of a field is none
            GET / HTTP/1.1|Host: a|Xä: y||
                400: the name of a field is none
            GET / HTTP/1.1|Host: a|X: y\0z||
                400: the value of a field has a control character
            GET / HTTP/1.1|Host: a|X: y||
                400: the value of a field has a control character
            GET / HTTP/1.1|Host: a|X: y| z||
                400: the name of a field is none
            GET / HTTP/1.1|Host: a|X: y|	z||
                400: the name of a field is none
            GET / HTTP/1.1\nHost: a||
                400: a line ends without CR
            GET / HTTP/1.1|Host: a\n||
                400: a line ends without CR
            GET / HTTP/1.1|Host: a|\n
                400: a line ends without CR
            GET / HTTP/1.1|Host: a\n\n
                400: a line ends without CR
            GET / HTTP/1.1|Host: a\r\r\n||
                400: the value of a field has a control character
            GET / HTTP/1.1\r|Host: a||
                400: a line ends in the middle
        "#]],
    );
}

#[test]
fn connections() {
    check(
        &[
            "GET / HTTP/1.1|Host: a|Connection: close||",
            "GET / HTTP/1.1|Host: a|Connection: keep-alive|Keep-Alive: timeout=5||",
            "GET / HTTP/1.0|Host: a||",
            "GET / HTTP/1.0|Host: a|Connection: Keep-Alive||",
            "GET / HTTP/1.1|Host: a|Connection: X-One, close,,x-two |X-One: 1|x-TWO: 2|X-Three: 3||",
            "GET / HTTP/1.1|Host: a|X-One: 1|Connection: x-one|Connection: close||",
            "GET / HTTP/1.1|Host: a|Connection: Host||",
            "GET / HTTP/1.1|Host: a|Connection: close, Content-Length|Content-Length: 5||",
            "GET / HTTP/1.1|Host: a|Connection: transfer-encoding|Transfer-Encoding: chunked||",
            "GET / HTTP/1.1|Host: a|Connection: x-forwarded-for|X-Forwarded-For: b||",
            "GET / HTTP/1.1|Host: a|Connection: authorization|Authorization: b||",
            "GET / HTTP/1.1|Host: a|Connection: clo se||",
            "GET / HTTP/1.1|Host: a|Proxy-Connection: keep-alive|TE: trailers||",
            "GET / HTTP/1.1|Host: a|Connection: Upgrade|Upgrade: websocket||",
            "GET / HTTP/1.1|Host: a|Upgrade: websocket||",
            "GET / HTTP/1.0|Host: a|Connection: Upgrade|Upgrade: websocket||",
            "GET / HTTP/1.1|Host: a|Connection: Upgrade, HTTP2-Settings|Upgrade: h2c|HTTP2-Settings: AAA||",
            "GET / HTTP/1.1|Host: a|Connection: Upgrade|Upgrade: a|Upgrade: b||",
            "POST / HTTP/1.1|Host: a|Connection: Upgrade|Upgrade: a|Content-Length: 5||",
            "POST / HTTP/1.1|Host: a|Expect: 100-continue|Content-Length: 5||",
            "POST / HTTP/1.1|Host: a|Expect: 100-Continue||",
            "POST / HTTP/1.0|Host: a|Expect: 100-continue|Content-Length: 5||",
            "POST / HTTP/1.1|Host: a|Expect: the-best||",
        ],
        &expect![[r#"
            GET / HTTP/1.1|Host: a|Connection: close||
                GET / for a, body None, then close, passes on Host and not Connection
            GET / HTTP/1.1|Host: a|Connection: keep-alive|Keep-Alive: timeout=5||
                GET / for a, body None, passes on Host and not Connection Keep-Alive
            GET / HTTP/1.0|Host: a||
                GET / for a, body None, then close
            GET / HTTP/1.0|Host: a|Connection: Keep-Alive||
                GET / for a, body None, passes on Host and not Connection
            GET / HTTP/1.1|Host: a|Connection: X-One, close,,x-two |X-One: 1|x-TWO: 2|X-Three: 3||
                GET / for a, body None, then close, passes on Host X-Three and not Connection X-One x-TWO
            GET / HTTP/1.1|Host: a|X-One: 1|Connection: x-one|Connection: close||
                GET / for a, body None, then close, passes on Host and not X-One Connection Connection
            GET / HTTP/1.1|Host: a|Connection: Host||
                400: Connection names a field that is for whoever answers
            GET / HTTP/1.1|Host: a|Connection: close, Content-Length|Content-Length: 5||
                400: Connection names a field that is for whoever answers
            GET / HTTP/1.1|Host: a|Connection: transfer-encoding|Transfer-Encoding: chunked||
                400: Connection names a field that is for whoever answers
            GET / HTTP/1.1|Host: a|Connection: x-forwarded-for|X-Forwarded-For: b||
                400: Connection names a field that is for whoever answers
            GET / HTTP/1.1|Host: a|Connection: authorization|Authorization: b||
                400: Connection names a field that is for whoever answers
            GET / HTTP/1.1|Host: a|Connection: clo se||
                400: Connection names what is no name
            GET / HTTP/1.1|Host: a|Proxy-Connection: keep-alive|TE: trailers||
                GET / for a, body None, passes on Host and not Proxy-Connection TE
            GET / HTTP/1.1|Host: a|Connection: Upgrade|Upgrade: websocket||
                GET / for a, body None, upgrade to websocket, passes on Host and not Connection Upgrade
            GET / HTTP/1.1|Host: a|Upgrade: websocket||
                GET / for a, body None, passes on Host and not Upgrade
            GET / HTTP/1.0|Host: a|Connection: Upgrade|Upgrade: websocket||
                GET / for a, body None, then close, passes on Host and not Connection Upgrade
            GET / HTTP/1.1|Host: a|Connection: Upgrade, HTTP2-Settings|Upgrade: h2c|HTTP2-Settings: AAA||
                GET / for a, body None, passes on Host and not Connection Upgrade HTTP2-Settings
            GET / HTTP/1.1|Host: a|Connection: Upgrade|Upgrade: a|Upgrade: b||
                400: Upgrade is given twice
            POST / HTTP/1.1|Host: a|Connection: Upgrade|Upgrade: a|Content-Length: 5||
                400: an upgrade with a body
            POST / HTTP/1.1|Host: a|Expect: 100-continue|Content-Length: 5||
                POST / for a, body Length(5), expects to go on
            POST / HTTP/1.1|Host: a|Expect: 100-Continue||
                POST / for a, body None
            POST / HTTP/1.0|Host: a|Expect: 100-continue|Content-Length: 5||
                POST / for a, body Length(5), then close
            POST / HTTP/1.1|Host: a|Expect: the-best||
                417: nobody knows this expectation
        "#]],
    );
}

#[test]
fn bounds() {
    let head = |fill: &str| format!("GET / HTTP/1.1\r\nHost: a\r\n{fill}\r\n").into_bytes();
    let fields = |count: usize| head(&"A: b\r\n".repeat(count));
    let large = |count: usize| head(&format!("A: {}\r\n", "b".repeat(count)));
    let target = |count: usize| format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "b".repeat(count)).into_bytes();
    let method = |count: usize| format!("{} / HTTP/1.1\r\nHost: a\r\n\r\n", "M".repeat(count)).into_bytes();
    let is = |bytes: Vec<u8>, status: Option<u16>| {
        let told = read(&bytes);
        let refused = told.split_once(':').and_then(|(status, _)| status.parse().ok());
        assert_eq!(refused, status, "{told:.200}");
    };
    let limits = Limits::default();
    is(fields(FIELDS_MAX - 1), None);
    is(fields(FIELDS_MAX), Some(431));
    let beside = large(0).len();
    is(large(limits.head_bytes_max - beside), None);
    is(large(limits.head_bytes_max - beside + 1), Some(431));
    is(target(limits.target_bytes_max - 1), None);
    is(target(limits.target_bytes_max), Some(414));
    is(method(32), None);
    is(method(33), Some(501));
}
