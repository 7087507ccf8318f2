//! What an instance of HTTP/1 could take for something else than whoever asked in HTTP/2 meant: written in raw
//! frames, since no library would.

use crate::frames::*;
use crate::site::*;
use expect_test::{Expect, expect};
use std::fmt::Write as _;

/// What is shown, the fields, and the body where there is one.
pub(crate) type Case<'a> = (&'a str, &'a [(&'a str, &'a str)], Option<&'a str>);

/// Requests in raw fields, each on a connection of its own, against an instance that shows what it was asked.
pub(crate) fn check(cases: &[Case<'_>], wanted: &Expect) {
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

pub(crate) const GET: [(&str, &str); 4] =
    [(":method", "GET"), (":scheme", "http"), (":path", "/"), (":authority", "shop")];

/// A request with these fields instead of, or besides, those of a plain one.
macro_rules! get {
    ($($name:literal = $value:expr),* $(,)?) => {
        &{
            let changed: &[(&str, &str)] = &[$(($name, $value)),*];
            let pseudo = |name: &&str| changed.iter().filter(|(other, _)| other == name).copied().collect::<Vec<_>>();
            let mut fields = Vec::new();
            for (name, value) in $crate::misreading::GET {
                let instead = pseudo(&name);
                if instead.is_empty() { fields.push((name, value)) } else { fields.extend(instead) }
            }
            fields.extend(changed.iter().filter(|(name, _)| !name.starts_with(':')));
            fields.retain(|(_, value)| *value != "-");
            fields
        }[..]
    };
}

pub(crate) use get;

#[test]
fn what_http1_could_misread_is_refused() {
    check(
        &[
            ("CR in a value", get!("x" = "a\rb"), None),
            ("LF in a value", get!("x" = "a\nGET /evil HTTP/1.1"), None),
            ("CRLF in a value", get!("x" = "a\r\nEvil: yes"), None),
            ("NUL in a value", get!("x" = "a\0b"), None),
            ("CRLF in a name", get!("x\r\nevil" = "yes"), None),
            ("CR in a name", get!("x\revil" = "yes"), None),
            ("LF in a name", get!("x\nevil" = "yes"), None),
            ("NUL in a name", get!("x\0" = "yes"), None),
            ("no letter of ASCII in a name", get!("ä" = "yes"), None),
            ("a colon in a name", get!("x: y" = "z"), None),
            ("a space in a name", get!("x y" = "z"), None),
            ("upper case in a name", get!("X" = "y"), None),
            ("an empty name", get!("" = "y"), None),
            ("CRLF in :path", get!(":path" = "/ HTTP/1.1\r\nEvil: yes"), None),
            ("LF in :path", get!(":path" = "/\nEvil: yes"), None),
            ("CR in :path", get!(":path" = "/\rEvil: yes"), None),
            ("NUL in :path", get!(":path" = "/a\0b"), None),
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
            ("LF in :method", get!(":method" = "GET\n"), None),
            ("NUL in :method", get!(":method" = "GET\0"), None),
            ("an empty :method", get!(":method" = ""), None),
            ("a space in :method", get!(":method" = "GET /evil"), None),
            ("CRLF in :authority", get!(":authority" = "shop\r\nEvil: yes"), None),
            ("LF in :authority", get!(":authority" = "shop\nEvil: yes"), None),
            ("NUL in :authority", get!(":authority" = "shop\0"), None),
            ("a space in :authority", get!(":authority" = "shop evil"), None),
            ("a user in :authority", get!(":authority" = "evil@shop"), None),
            ("a path in :authority", get!(":authority" = "shop/evil"), None),
            (":authority and Host differ", get!("host" = "evil"), None),
            (":authority and Host agree", get!("host" = "SHOP"), None),
            ("two Hosts", get!("host" = "shop", "host" = "shop"), None),
            ("Host alone", get!(":authority" = "-", "host" = "shop"), None),
            ("neither", get!(":authority" = "-"), None),
            ("CRLF in Host", get!(":authority" = "-", "host" = "shop\r\nEvil: yes"), None),
            ("a list in Host", get!(":authority" = "-", "host" = "shop, evil"), None),
            ("an empty :authority, and Host", get!(":authority" = "", "host" = "evil"), None),
            ("CRLF in :scheme", get!(":scheme" = "http\r\nEvil: yes"), None),
            ("NUL in :scheme", get!(":scheme" = "http\0"), None),
            ("an odd :scheme", get!(":scheme" = "http://evil/?"), None),
            ("an unknown pseudo-field", &[GET[0], GET[1], GET[2], GET[3], (":evil", "yes")], None),
            ("a pseudo-field after a field", &[GET[0], ("x", "y"), GET[1], GET[2], GET[3]], None),
            ("two :path", get!(":path" = "/a", ":path" = "/b"), None),
            ("CONNECT", &[(":method", "CONNECT"), (":authority", "shop:80")], None),
            ("CONNECT with a path", get!(":method" = "CONNECT"), None),
            (
                "CONNECT of another protocol",
                &[(":method", "CONNECT"), (":protocol", "websocket"), GET[1], GET[2], GET[3]],
                None,
            ),
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
            CR in a name
                GOAWAY PROTOCOL_ERROR closed
            LF in a name
                GOAWAY PROTOCOL_ERROR closed
            NUL in a name
                GOAWAY PROTOCOL_ERROR closed
            no letter of ASCII in a name
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
            LF in :path
                RST_STREAM PROTOCOL_ERROR
            CR in :path
                RST_STREAM PROTOCOL_ERROR
            NUL in :path
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
            LF in :method
                GOAWAY PROTOCOL_ERROR closed
            NUL in :method
                GOAWAY PROTOCOL_ERROR closed
            an empty :method
                GOAWAY PROTOCOL_ERROR closed
            a space in :method
                GOAWAY PROTOCOL_ERROR closed
            CRLF in :authority
                RST_STREAM PROTOCOL_ERROR
            LF in :authority
                RST_STREAM PROTOCOL_ERROR
            NUL in :authority
                RST_STREAM PROTOCOL_ERROR
            a space in :authority
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

            CRLF in Host
                GOAWAY PROTOCOL_ERROR closed
            a list in Host
                400: Host is no host

            an empty :authority, and Host
                RST_STREAM PROTOCOL_ERROR
            CRLF in :scheme
                RST_STREAM PROTOCOL_ERROR
            NUL in :scheme
                RST_STREAM PROTOCOL_ERROR
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
            CONNECT of another protocol
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
            ("a length, and a body of many pieces", &post("10"), Some("hello")),
            ("a length in words", &post("five"), Some("hello")),
            ("a negative length", &post("-5"), Some("hello")),
            ("an empty length", &post(""), Some("hello")),
            ("a length no number holds", &post("99999999999999999999"), Some("hello")),
            ("a length with GET and nothing else", get!("content-length" = "5"), None),
            ("a length with GET, and its body", get!("content-length" = "5"), Some("hello")),
            ("a coding with space", get!(":method" = "POST", "transfer-encoding" = " chunked"), Some(chunked)),
            (
                "a coding and a length",
                get!(":method" = "POST", "transfer-encoding" = "chunked", "content-length" = "5"),
                Some("hello"),
            ),
            ("a coding in disguise", get!(":method" = "POST", "transfer_encoding" = "chunked"), Some(chunked)),
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
            a length, and a body of many pieces
                RST_STREAM PROTOCOL_ERROR
            a length in words
                RST_STREAM PROTOCOL_ERROR
            a negative length
                RST_STREAM PROTOCOL_ERROR
            an empty length
                RST_STREAM PROTOCOL_ERROR
            a length no number holds
                RST_STREAM PROTOCOL_ERROR
            a length with GET and nothing else
                RST_STREAM PROTOCOL_ERROR
            a length with GET, and its body
                200: GET / HTTP/1.1|Host: shop|Content-Length: 5|X-Forwarded-For: 127.0.0.1|X-Forwarded-Proto: http|X-Forwarded-Host: shop|X-Request-Id: ...|traceparent: ...||hello
            a coding with space
                RST_STREAM PROTOCOL_ERROR
            a coding and a length
                RST_STREAM PROTOCOL_ERROR
            a coding in disguise
                400: a field that some read as the length of the body

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

/// What follows a body is no second head.
#[test]
fn what_follows_a_body_is_no_head() {
    let site = Site::new(&table(1, &[mirror()]));
    let mut text = String::new();
    for trailers in [
        &[("x-sum", "5")][..],
        &[("transfer-encoding", "chunked")],
        &[("content-length", "9"), ("host", "evil"), ("x-sum", "5")],
        &[(":path", "/evil")],
        &[("x", "a\r\nEvil: yes")],
        &[("x", "a\0")],
        &[("x\r\nevil", "yes")],
        &[("connection", "close")],
    ] {
        let mut client = Frames::new(site.client());
        client.headers(1, get!(":method" = "POST"), false);
        client.data(1, b"hello", false);
        client.headers(1, trailers, true);
        let heard = client.hear(1);
        let heard = heard.split_once("||").map_or(heard.as_str(), |(_, body)| body);
        writeln!(text, "{trailers:?}\n    {heard}").expect("a String takes everything");
    }
    expect![[r#"
        [("x-sum", "5")]
            5|hello|0|x-sum: 5||
        [("transfer-encoding", "chunked")]
            RST_STREAM PROTOCOL_ERROR
        [("content-length", "9"), ("host", "evil"), ("x-sum", "5")]
            5|hello|0|x-sum: 5||
        [(":path", "/evil")]
            5|hello|0||
        [("x", "a\r\nEvil: yes")]
            GOAWAY PROTOCOL_ERROR closed
        [("x", "a\0")]
            GOAWAY PROTOCOL_ERROR closed
        [("x\r\nevil", "yes")]
            GOAWAY PROTOCOL_ERROR closed
        [("connection", "close")]
            RST_STREAM PROTOCOL_ERROR
    "#]]
    .assert_eq(&text);
    until(|| (site.claims() == 0).then_some(()));
}
