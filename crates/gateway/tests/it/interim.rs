//! What instances say before they answer, between two protocols: it is told when it comes, and it does not go on for
//! ever.

use crate::frames::*;
use crate::site::*;
use crate::upstreams::Instance;
use std::io::Write as _;
use std::net::{SocketAddr, TcpStream};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, sync_channel};
use wire::Table;
use wire::table::{Action, Path, Protocol, Rule};

const GET: [(&str, &str); 4] = [(":method", "GET"), (":scheme", "http"), (":path", "/"), (":authority", "shop")];
/// What is heard of those who never come to their answer.
const HEADS_MAX: usize = 32;
const ENDLESS: &str = "the instance never came to its answer";

/// The body is sent when something was heard, and the instance answers when it has the body.
#[test]
fn clients_of_http1_hear_it_when_it_comes() {
    let instance = Instance::new();
    let site = Site::new(&instance.table());
    for (path, wanted) in [("/asks", "HTTP/1.1 100 Continue||"), ("/hints", "HTTP/1.1 103 Early Hints|link: </a>||")] {
        let mut client = site.client();
        let head =
            format!("POST {path} HTTP/1.1|Host: shop|Connection: close|Expect: 100-continue|Content-Length: 5||");
        client.write_all(head.replace('|', "\r\n").as_bytes()).expect("it is taken");
        assert_eq!(hear_until(&mut client, "||"), wanted);
        client.write_all(b"hello").expect("it is taken");
        let said = hear(&mut client);
        assert!(said.starts_with("HTTP/1.1 200 OK|") && said.contains("|hello|"), "{said}");
    }
}

/// The same the other way round.
#[test]
fn clients_of_http2_hear_it_when_it_comes() {
    for (interim, wanted) in [("HTTP/1.1 100 Continue||", "1 100"), ("HTTP/1.1 103 Early Hints|Link: </a>||", "1 103")]
    {
        let address = instance(move |mut stream| {
            hear_until(&mut stream, "||");
            stream.write_all(interim.replace('|', "\r\n").as_bytes()).expect("it is taken");
            hear_until(&mut stream, "|hello|0||");
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").expect("it is taken");
        });
        let site = Site::new(&table(1, &[address]));
        let mut client = Frames::new(site.client());
        client.headers(1, &[(":method", "POST"), GET[1], GET[2], GET[3], ("expect", "100-continue")], false);
        assert_eq!(client.next(), wanted);
        client.data(1, b"hello", true);
        assert_eq!(client.hear(1), "200: ok");
    }
}

/// An instance that does this when it was connected to, and tells whether there was an end to it.
fn flooding(flood: impl Fn(TcpStream) -> bool + Send + Sync + 'static) -> (SocketAddr, Receiver<bool>) {
    let (sender, receiver) = sync_channel(8);
    let sender = Mutex::new(sender);
    let address = instance(move |stream| {
        let ends = flood(stream);
        let _ = sender.lock().expect("nobody panicked").send(ends);
    });
    (address, receiver)
}

/// A service where some requests need no instance.
fn beside(address: SocketAddr) -> Table {
    let action = Some(Action::Answer { status: 200, headers: Vec::new(), body: "beside".into() });
    let rule = Rule { paths: vec![Path::Exact("/beside".into())], action, ..Rule::default() };
    Table { rules: vec![rule], ..table(1, &[address]) }
}

/// The instance is heard no more, others are served by the same worker, and nothing is left behind.
fn ends_well(site: &Site, ends: &Receiver<bool>) {
    let said = site.say("GET /beside HTTP/1.1|Host: shop|Connection: close||");
    assert!(said.ends_with("||beside"), "{said}");
    assert_eq!(ends.recv_timeout(PATIENCE), Ok(true), "it goes on without end");
    until(|| (site.claims() == 0).then_some(()));
}

/// Whether the client reads makes no difference to what is kept for it.
#[test]
fn clients_of_http2_are_not_flooded() {
    for (length, heads) in [(100, HEADS_MAX), (4_000, 8)] {
        let (address, ends) = flooding(move |mut stream| {
            read_request(&mut stream).expect("a request");
            let hint = format!("HTTP/1.1 103 Early Hints\r\nLink: {}\r\n\r\n", "x".repeat(length));
            jams(&mut stream, hint.as_bytes())
        });
        let site = Site::new(&beside(address));
        let mut client = Frames::new(site.client());
        client.headers(1, &GET, true);
        ends_well(&site, &ends);
        let mut heard = Vec::new();
        while !heard.last().is_some_and(|said: &String| said.starts_with("1 502")) {
            heard.push(client.next());
            assert!(heard.len() <= heads + 1, "{heard:?}");
        }
        assert_eq!(heard.len(), heads + 1);
        client.headers(3, &GET, true);
        let said = client.hear(3);
        assert!(said.contains(ENDLESS), "{said}");
    }
}

/// The same the other way round.
#[test]
fn clients_of_http1_are_not_flooded() {
    for reads in [true, false] {
        let (address, ends) = flooding(|stream| {
            let mut frames = Frames::accept(stream);
            frames.next();
            let hint = literally(&[(":status", "103"), ("link", &"x".repeat(100))]);
            frames.jams(HEADERS, END_HEADERS, 1, &hint)
        });
        let mut table = beside(address);
        table.lanes[0].protocol = Protocol::Http2;
        let site = Site::new(&table);
        let mut client = site.client();
        client.write_all(b"GET / HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n").expect("it is taken");
        if !reads {
            ends_well(&site, &ends);
        }
        let said = hear(&mut client);
        assert_eq!(said.matches("HTTP/1.1 103 Early Hints|").count(), HEADS_MAX);
        assert!(said.contains("||HTTP/1.1 502 ") && said.trim_end().ends_with(ENDLESS), "{said}");
        if reads {
            ends_well(&site, &ends);
        }
    }
}
