//! From HTTP/2 to HTTP/1: a head that came in HTTP/2 is refused, or is exactly one head of HTTP/1 that says
//! the same and nothing more.

use gateway::http1::{Body, Limits, Request};
use gateway::worker::request_text;

/// Checks one input: a method, a target and fields, each on a line.
pub fn check(input: &[u8]) {
    let mut lines = input.split(|byte| *byte == b'\n');
    let (Some(method), Some(target)) = (lines.next(), lines.next()) else { return };
    let mut builder = http::Request::builder().method(method).uri(target);
    for line in lines {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
        builder = builder.header(&line[..colon], &line[colon + 1..]);
    }
    // What no such message can hold does not come out of HTTP/2 either.
    let Ok(message) = builder.body(()) else { return };
    let (parts, ()) = message.into_parts();
    for ended in [true, false] {
        let mut text = Vec::new();
        if request_text(&mut text, &parts, ended).is_err() {
            continue;
        }
        let shown = String::from_utf8_lossy(&text).into_owned();
        let ends = text.windows(4).position(|window| window == b"\r\n\r\n").map(|end| end + 4);
        assert_eq!(ends, Some(text.len()), "one head: {shown}");
        let mut request = Request::default();
        // All that is decided is decided from what the strict reader sees; it may refuse it.
        let Ok(read) = request.read(&text, &Limits::default()) else { continue };
        assert_eq!(read, Some(text.len()), "{shown}");
        assert_eq!(request.method.of(&text), parts.method.as_str().as_bytes());
        let path = parts.uri.path_and_query().map_or("", |path| path.as_str());
        assert_eq!(request.target.path_and_query.of(&text), path.as_bytes());
        let host = request.host.of(&text);
        if let Some(authority) = parts.uri.authority() {
            assert_eq!(host, authority.as_str().as_bytes());
        }
        for named in parts.headers.get_all("host") {
            assert!(host.eq_ignore_ascii_case(named.as_bytes().trim_ascii()), "two hosts: {shown}");
        }
        if ended {
            assert!(request.body != Body::Chunked, "nothing follows: {shown}");
        }
        assert!(request.upgrade.is_none(), "HTTP/2 upgrades to nothing: {shown}");
    }
}
