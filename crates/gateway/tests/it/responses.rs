//! Heads of answers: where their bodies end, and what is no answer.

use expect_test::{Expect, expect};
use gateway::http1::{Limits, Response};
use std::fmt::Write;

/// Cases of a method and an answer, with `|` for the end of a line.
fn check(cases: &[(&str, &str)], wanted: &Expect) {
    let mut text = String::new();
    for (method, case) in cases {
        let bytes = case.replace('|', "\r\n").replace("\\n", "\n").into_bytes();
        let mut response = Response::default();
        let told = match response.read(&bytes, method.as_bytes(), &Limits::default()) {
            Ok(None) => "more is to come".into(),
            Err(refusal) => refusal.to_string(),
            Ok(Some(_)) => {
                let stays = if response.keep_alive { "stays open" } else { "then closes" };
                format!("{} {:?}, {stays}", response.status, response.body)
            }
        };
        writeln!(text, "{method:4} {case}\n    {told}").expect("a String takes everything");
    }
    wanted.assert_eq(&text);
}

#[test]
fn bodies() {
    check(
        &[
            ("GET", "HTTP/1.1 200 OK|Content-Length: 5||"),
            ("GET", "HTTP/1.1 200|Content-Length: 5||"),
            ("GET", "HTTP/1.1 200 |Content-Length: 5||"),
            ("GET", "HTTP/1.1 200 OK|Transfer-Encoding: chunked||"),
            ("GET", "HTTP/1.1 200 OK||"),
            ("HEAD", "HTTP/1.1 200 OK|Content-Length: 5||"),
            ("HEAD", "HTTP/1.1 200 OK|Transfer-Encoding: chunked||"),
            ("HEAD", "HTTP/1.1 200 OK||"),
            ("GET", "HTTP/1.1 204 No Content||"),
            ("GET", "HTTP/1.1 204 No Content|Content-Length: 5||"),
            ("GET", "HTTP/1.1 204 No Content|Transfer-Encoding: chunked||"),
            ("GET", "HTTP/1.1 304 Not Modified|Content-Length: 5||"),
            ("POST", "HTTP/1.1 100 Continue||"),
            ("GET", "HTTP/1.1 101 Switching Protocols|Upgrade: websocket|Connection: Upgrade||"),
            ("GET", "HTTP/1.0 200 OK|Content-Length: 5||"),
            ("GET", "HTTP/1.0 200 OK|Content-Length: 5|Connection: keep-alive||"),
            ("GET", "HTTP/1.1 200 OK|Content-Length: 5|Connection: close||"),
        ],
        &expect![[r#"
            GET  HTTP/1.1 200 OK|Content-Length: 5||
                200 Length(5), stays open
            GET  HTTP/1.1 200|Content-Length: 5||
                200 Length(5), stays open
            GET  HTTP/1.1 200 |Content-Length: 5||
                200 Length(5), stays open
            GET  HTTP/1.1 200 OK|Transfer-Encoding: chunked||
                200 Chunked, stays open
            GET  HTTP/1.1 200 OK||
                200 UntilClose, then closes
            HEAD HTTP/1.1 200 OK|Content-Length: 5||
                200 None, stays open
            HEAD HTTP/1.1 200 OK|Transfer-Encoding: chunked||
                200 None, stays open
            HEAD HTTP/1.1 200 OK||
                200 None, stays open
            GET  HTTP/1.1 204 No Content||
                204 None, stays open
            GET  HTTP/1.1 204 No Content|Content-Length: 5||
                204 None, stays open
            GET  HTTP/1.1 204 No Content|Transfer-Encoding: chunked||
                502: Transfer-Encoding where there is no body
            GET  HTTP/1.1 304 Not Modified|Content-Length: 5||
                304 None, stays open
            POST HTTP/1.1 100 Continue||
                100 None, stays open
            GET  HTTP/1.1 101 Switching Protocols|Upgrade: websocket|Connection: Upgrade||
                101 None, stays open
            GET  HTTP/1.0 200 OK|Content-Length: 5||
                200 Length(5), then closes
            GET  HTTP/1.0 200 OK|Content-Length: 5|Connection: keep-alive||
                200 Length(5), stays open
            GET  HTTP/1.1 200 OK|Content-Length: 5|Connection: close||
                200 Length(5), then closes
        "#]],
    );
}

#[test]
fn no_answers() {
    check(
        &[
            ("GET", "HTTP/1.1 200 OK|Content-Length: 5|Content-Length: 5||"),
            ("GET", "HTTP/1.1 200 OK|Content-Length: 5|Transfer-Encoding: chunked||"),
            ("GET", "HTTP/1.1 200 OK|Content-Length: five||"),
            ("GET", "HTTP/1.1 200 OK|Transfer-Encoding: gzip||"),
            ("GET", "HTTP/1.0 200 OK|Transfer-Encoding: chunked||"),
            ("GET", "HTTP/1.1 20 OK||"),
            ("GET", "HTTP/1.1 099 OK||"),
            ("GET", "HTTP/1.1 600 OK||"),
            ("GET", "HTTP/2 200 OK||"),
            ("GET", "|HTTP/1.1 200 OK||"),
            ("GET", "HTTP/1.1 200 OK|X: y| z||"),
            ("GET", "HTTP/1.1 200 OK\\nX: y||"),
            ("GET", "HTTP/1.1 200 OK|X y||"),
            ("GET", "SSH-2.0-OpenSSH|"),
        ],
        &expect![[r#"
            GET  HTTP/1.1 200 OK|Content-Length: 5|Content-Length: 5||
                502: the length of the body is given twice
            GET  HTTP/1.1 200 OK|Content-Length: 5|Transfer-Encoding: chunked||
                502: the length of the body is given twice
            GET  HTTP/1.1 200 OK|Content-Length: five||
                502: Content-Length is no number
            GET  HTTP/1.1 200 OK|Transfer-Encoding: gzip||
                502: Transfer-Encoding is anything but `chunked`
            GET  HTTP/1.0 200 OK|Transfer-Encoding: chunked||
                502: Transfer-Encoding in HTTP/1.0
            GET  HTTP/1.1 20 OK||
                502: the status is none
            GET  HTTP/1.1 099 OK||
                502: the status is none
            GET  HTTP/1.1 600 OK||
                502: the status is none
            GET  HTTP/2 200 OK||
                502: the version is not 1.0 or 1.1
            GET  |HTTP/1.1 200 OK||
                502: empty lines before the answer
            GET  HTTP/1.1 200 OK|X: y| z||
                502: the name of a field is none
            GET  HTTP/1.1 200 OK\nX: y||
                502: a line ends without CR
            GET  HTTP/1.1 200 OK|X y||
                502: the name of a field is none
            GET  SSH-2.0-OpenSSH|
                more is to come
        "#]],
    );
}
