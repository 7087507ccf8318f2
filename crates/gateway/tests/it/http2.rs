//! HTTP/2 from clients that write their frames themselves.

use crate::frames::*;
use crate::site::*;
use expect_test::{Expect, expect};
use std::fmt::Write as _;
use std::io::Write as _;

/// What is shown, the fields, and the body where there is one.
type Case<'a> = (&'a str, &'a [(&'a str, &'a str)], Option<&'a str>);

/// Requests in raw fields, each on a connection of its own, against an instance that shows what it was asked.
fn check(cases: &[Case<'_>], wanted: &Expect) {
    let site = Site::new(&table(1, &[mirror()]));
    let mut text = String::new();
    for (what, fields, body) in cases {
        let mut client = Frames::new(site.client());
        client.headers(1, fields, body.is_none());
        if let Some(body) = body {
            client.data(1, body.as_bytes(), true);
        }
        writeln!(text, "{what}\n    {}", client.hear(1)).expect("a String takes everything");
    }
    wanted.assert_eq(&text);
    while site.claims() > 0 {
        std::thread::yield_now();
    }
}

const GET: [(&str, &str); 4] = [(":method", "GET"), (":scheme", "http"), (":path", "/"), (":authority", "shop")];

/// A request with these fields instead of, or besides, those of a plain one.
macro_rules! get {
    ($($name:literal = $value:expr),* $(,)?) => {
        &{
            let changed: &[(&str, &str)] = &[$(($name, $value)),*];
            let pseudo = |name: &&str| changed.iter().filter(|(other, _)| other == name).copied().collect::<Vec<_>>();
            let mut fields = Vec::new();
            for (name, value) in GET {
                let instead = pseudo(&name);
                if instead.is_empty() { fields.push((name, value)) } else { fields.extend(instead) }
            }
            fields.extend(changed.iter().filter(|(name, _)| !name.starts_with(':')));
            fields.retain(|(_, value)| *value != "-");
            fields
        }[..]
    };
}

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

#[test]
fn what_http1_could_misread_is_refused() {
    check(
        &[
            ("CR in a value", get!("x" = "a\rb"), None),
            ("LF in a value", get!("x" = "a\nGET /evil HTTP/1.1"), None),
            ("CRLF in a value", get!("x" = "a\r\nEvil: yes"), None),
            ("NUL in a value", get!("x" = "a\0b"), None),
            ("CRLF in a name", get!("x\r\nevil" = "yes"), None),
            ("a colon in a name", get!("x: y" = "z"), None),
            ("a space in a name", get!("x y" = "z"), None),
            ("upper case in a name", get!("X" = "y"), None),
            ("an empty name", get!("" = "y"), None),
            ("CRLF in :path", get!(":path" = "/ HTTP/1.1\r\nEvil: yes"), None),
            ("a space in :path", get!(":path" = "/a b"), None),
            ("a tab in :path", get!(":path" = "/a\tb"), None),
            ("no letter of ASCII in :path", get!(":path" = "/ä"), None),
            ("a fragment in :path", get!(":path" = "/a#b"), None),
            (":path in absolute form", get!(":path" = "http://evil/"), None),
            (":path without a slash", get!(":path" = "evil"), None),
            (":path of a query", get!(":path" = "?evil"), None),
            (":path of the whole server, with GET", get!(":path" = "*"), None),
            ("an empty :path", get!(":path" = ""), None),
            ("no :path", get!(":path" = "-"), None),
            ("CRLF in :method", get!(":method" = "GET / HTTP/1.1\r\nEvil:"), None),
            ("a space in :method", get!(":method" = "GET /evil"), None),
            ("CRLF in :authority", get!(":authority" = "shop\r\nEvil: yes"), None),
            ("a user in :authority", get!(":authority" = "evil@shop"), None),
            ("a path in :authority", get!(":authority" = "shop/evil"), None),
            (":authority and Host differ", get!("host" = "evil"), None),
            (":authority and Host agree", get!("host" = "SHOP"), None),
            ("two Hosts", get!("host" = "shop", "host" = "shop"), None),
            ("Host alone", get!(":authority" = "-", "host" = "shop"), None),
            ("neither", get!(":authority" = "-"), None),
            ("an odd :scheme", get!(":scheme" = "http://evil/?"), None),
            ("an unknown pseudo-field", &[GET[0], GET[1], GET[2], GET[3], (":evil", "yes")], None),
            ("a pseudo-field after a field", &[GET[0], ("x", "y"), GET[1], GET[2], GET[3]], None),
            ("two :path", get!(":path" = "/a", ":path" = "/b"), None),
            ("CONNECT", &[(":method", "CONNECT"), (":authority", "shop:80")], None),
            ("CONNECT with a path", get!(":method" = "CONNECT"), None),
            ("Connection", get!("connection" = "x"), None),
            ("Keep-Alive", get!("keep-alive" = "1"), None),
            ("Proxy-Connection", get!("proxy-connection" = "close"), None),
            ("Upgrade", get!("upgrade" = "h2c"), None),
            ("HTTP2-Settings", get!("http2-settings" = "x"), None),
            ("TE of anything", get!("te" = "gzip"), None),
        ],
        &expect![[r#"
            CR in a value
                GOAWAY PROTOCOL_ERROR closed
            LF in a value
                GOAWAY PROTOCOL_ERROR closed
            CRLF in a value
                GOAWAY PROTOCOL_ERROR closed
            NUL in a value
                GOAWAY PROTOCOL_ERROR closed
            CRLF in a name
                GOAWAY PROTOCOL_ERROR closed
            a colon in a name
                GOAWAY PROTOCOL_ERROR closed
            a space in a name
                GOAWAY PROTOCOL_ERROR closed
            upper case in a name
                GOAWAY PROTOCOL_ERROR closed
            an empty name
                GOAWAY PROTOCOL_ERROR closed
            CRLF in :path
                RST_STREAM PROTOCOL_ERROR
            a space in :path
                RST_STREAM PROTOCOL_ERROR
            a tab in :path
                RST_STREAM PROTOCOL_ERROR
            no letter of ASCII in :path
                400: the target is not ASCII

            a fragment in :path
                200: GET /a HTTP/1.1|Host: shop|X-Forwarded-For: 127.0.0.1|X-Forwarded-Proto: http|X-Forwarded-Host: shop|X-Request-Id: ...|traceparent: ...||
            :path in absolute form
                RST_STREAM PROTOCOL_ERROR
            :path without a slash
                RST_STREAM PROTOCOL_ERROR
            :path of a query
                400: :path is no path

            :path of the whole server, with GET
                400: :path is no path

            an empty :path
                RST_STREAM PROTOCOL_ERROR
            no :path
                RST_STREAM PROTOCOL_ERROR
            CRLF in :method
                GOAWAY PROTOCOL_ERROR closed
            a space in :method
                GOAWAY PROTOCOL_ERROR closed
            CRLF in :authority
                RST_STREAM PROTOCOL_ERROR
            a user in :authority
                400: Host is no host

            a path in :authority
                RST_STREAM PROTOCOL_ERROR
            :authority and Host differ
                400: :authority and Host differ

            :authority and Host agree
                200: GET / HTTP/1.1|Host: shop|X-Forwarded-For: 127.0.0.1|X-Forwarded-Proto: http|X-Forwarded-Host: shop|X-Request-Id: ...|traceparent: ...||
            two Hosts
                400: Host is given twice

            Host alone
                200: GET / HTTP/1.1|Host: shop|X-Forwarded-For: 127.0.0.1|X-Forwarded-Proto: http|X-Forwarded-Host: shop|X-Request-Id: ...|traceparent: ...||
            neither
                400: Host is missing

            an odd :scheme
                RST_STREAM PROTOCOL_ERROR
            an unknown pseudo-field
                GOAWAY PROTOCOL_ERROR closed
            a pseudo-field after a field
                RST_STREAM PROTOCOL_ERROR
            two :path
                RST_STREAM PROTOCOL_ERROR
            CONNECT
                405: the gateway makes no tunnels

            CONNECT with a path
                RST_STREAM PROTOCOL_ERROR
            Connection
                RST_STREAM PROTOCOL_ERROR
            Keep-Alive
                RST_STREAM PROTOCOL_ERROR
            Proxy-Connection
                RST_STREAM PROTOCOL_ERROR
            Upgrade
                RST_STREAM PROTOCOL_ERROR
            HTTP2-Settings
                400: a field about the connection in HTTP/2

            TE of anything
                RST_STREAM PROTOCOL_ERROR
        "#]],
    );
}

#[test]
fn bodies_are_as_long_as_they_say() {
    let post = |length: &'static str| get!(":method" = "POST", "content-length" = length).to_vec();
    let chunked = "0\r\n\r\nGET /evil HTTP/1.1\r\nHost: evil\r\n\r\n";
    check(
        &[
            ("chunked", get!(":method" = "POST", "transfer-encoding" = "chunked"), Some(chunked)),
            ("a length that is exceeded", &post("3"), Some("hello")),
            ("a length that is not reached", &post("9"), Some("hello")),
            ("a length and no body", &post("5"), None),
            ("two lengths", get!(":method" = "POST", "content-length" = "5", "content-length" = "5"), Some("hello")),
            (
                "two different lengths",
                get!(":method" = "POST", "content-length" = "5", "content-length" = "6"),
                Some("hello"),
            ),
            ("a list of lengths", &post("5, 5"), Some("hello")),
            ("a signed length", &post("+5"), Some("hello")),
            ("a length in disguise", get!(":method" = "POST", "content_length" = "3"), Some("hello")),
            ("what looks like chunks", get!(":method" = "POST"), Some(chunked)),
        ],
        &expect![[r#"
            chunked
                RST_STREAM PROTOCOL_ERROR
            a length that is exceeded
                RST_STREAM PROTOCOL_ERROR
            a length that is not reached
                RST_STREAM PROTOCOL_ERROR
            a length and no body
                RST_STREAM PROTOCOL_ERROR
            two lengths
                400: the length of the body is given twice

            two different lengths
                RST_STREAM PROTOCOL_ERROR
            a list of lengths
                RST_STREAM PROTOCOL_ERROR
            a signed length
                RST_STREAM PROTOCOL_ERROR
            a length in disguise
                400: a field that some read as the length of the body

            what looks like chunks
                200: POST / HTTP/1.1|Host: shop|Transfer-Encoding: chunked|X-Forwarded-For: 127.0.0.1|X-Forwarded-Proto: http|X-Forwarded-Host: shop|X-Request-Id: ...|traceparent: ...||27|0||GET /evil HTTP/1.1|Host: evil|||0||
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
