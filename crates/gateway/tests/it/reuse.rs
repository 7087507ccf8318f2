//! Which connections to an instance are used again, and for what.

use crate::frames::Frames;
use crate::site::*;
use expect_test::expect;
use std::fmt::Write as _;
use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// Longer than a connection may rest on which something goes out that happens once, and than a look after times takes.
const RESTED: Duration = Duration::from_secs(2);

/// An instance that answers every request with these bytes and never hangs up, and how often it was connected to.
fn counted(answer: &'static str) -> (SocketAddr, Arc<AtomicUsize>) {
    let connections = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&connections);
    let address = instance(move |mut stream| {
        counter.fetch_add(1, Ordering::SeqCst);
        while read_request(&mut stream).is_some() {
            if stream.write_all(answer.replace('|', "\r\n").as_bytes()).is_err() {
                return;
            }
        }
    });
    (address, connections)
}

/// An answer that says that it is the last one is believed, whatever its connection does; and what comes after an
/// answer would be taken for the answer to somebody else. How many connections three requests take, of a client of
/// HTTP/1 and of one of HTTP/2:
#[test]
fn what_cannot_be_trusted_is_not_used_again() {
    let mut text = String::new();
    for answer in [
        "HTTP/1.1 200 OK|Content-Length: 2||ok",
        "HTTP/1.1 200 OK|Transfer-Encoding: chunked||2|ok|0||",
        "HTTP/1.1 200 OK|Content-Length: 2|Connection: close||ok",
        "HTTP/1.1 200 OK|Transfer-Encoding: chunked|Connection: close||2|ok|0||",
        "HTTP/1.0 200 OK|Content-Length: 2||ok",
        "HTTP/1.1 200 OK|Content-Length: 2||okHTTP/1.1 200 OK|",
        "HTTP/1.1 200 OK|Transfer-Encoding: chunked||2|ok|0||HTTP/1.1 200 OK|",
    ] {
        let (address, connections) = counted(answer);
        let site = Site::new(&table(1, &[address]));
        for _ in 0..3 {
            let said = site.say("GET / HTTP/1.1|Host: shop|Connection: close||");
            assert!(said.contains("ok"), "{answer}: {said}");
        }
        let (address, translated) = counted(answer);
        let site = Site::new(&table(1, &[address]));
        let mut client = Frames::new(site.client());
        for stream in [1, 3, 5] {
            let fields = [(":method", "GET"), (":scheme", "http"), (":path", "/"), (":authority", "shop")];
            client.headers(stream, &fields, true);
            let said = client.hear(stream);
            assert!(said.starts_with("200: ok"), "{answer}: {said}");
        }
        let [own, translated] = [connections, translated].map(|connections| connections.load(Ordering::SeqCst));
        writeln!(text, "{own} {translated}  {answer}").expect("a String takes everything");
    }
    expect![[r#"
        1 1  HTTP/1.1 200 OK|Content-Length: 2||ok
        1 1  HTTP/1.1 200 OK|Transfer-Encoding: chunked||2|ok|0||
        3 3  HTTP/1.1 200 OK|Content-Length: 2|Connection: close||ok
        3 3  HTTP/1.1 200 OK|Transfer-Encoding: chunked|Connection: close||2|ok|0||
        3 3  HTTP/1.0 200 OK|Content-Length: 2||ok
        3 3  HTTP/1.1 200 OK|Content-Length: 2||okHTTP/1.1 200 OK|
        3 3  HTTP/1.1 200 OK|Transfer-Encoding: chunked||2|ok|0||HTTP/1.1 200 OK|
    "#]]
    .assert_eq(&text);
}

/// Its instance may be about to close it, and nobody could know whether what was asked for was done.
#[test]
fn what_happens_once_goes_on_no_connection_that_rested() {
    let (address, connections) = counted("HTTP/1.1 200 OK|Content-Length: 2||ok");
    let site = Site::new(&table(1, &[address]));
    let mut client = site.client();
    for (method, wanted) in [("GET", 1), ("GET", 1), ("POST", 2)] {
        write!(client, "{method} / HTTP/1.1\r\nHost: shop\r\nContent-Length: 0\r\n\r\n").expect("it is taken");
        hear_until(&mut client, "||ok");
        assert_eq!(connections.load(Ordering::SeqCst), wanted, "{method}");
        std::thread::sleep(RESTED);
    }
}
