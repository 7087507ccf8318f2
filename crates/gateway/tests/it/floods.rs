//! Clients of HTTP/2 that say much and mean little: what they may send before they are sent away, or are heard no
//! more until they have heard something.

use crate::frames::*;
use crate::multiplexed::Http2;
use crate::site::*;
use crate::upstreams::Instance;
use model::Span;
use std::io::{Read as _, Write as _};
use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, sync_channel};
use wire::Table;
use wire::table::{Hold, Parking};

const GET: [(&str, &str); 4] = [(":method", "GET"), (":scheme", "http"), (":path", "/"), (":authority", "shop")];

/// Whoever floods does so alone: others are served by the same worker meanwhile, and nothing is left behind.
fn others_are_served(site: &Site, client: Frames) {
    let said = site.say("GET / HTTP/1.1|Host: shop|Connection: close||");
    assert!(said.starts_with("HTTP/1.1 200 OK|"), "{said}");
    drop(client);
    until(|| (site.claims() == 0 && site.report().clients == 0).then_some(()));
}

/// A client that resets what it asks for, again and again, is sent away (CVE-2023-44487).
#[test]
fn resets_are_bounded() {
    let site = Site::new(&table(1, &[mirror()]));
    let mut client = Frames::new(site.client());
    for stream in 0..2_000 {
        client.headers(1 + 2 * stream, &GET, false);
        client.reset(1 + 2 * stream);
    }
    assert!(client.hear(u32::MAX).contains("GOAWAY ENHANCE_YOUR_CALM"));
    others_are_served(&site, client);
}

/// An instance that answers HEAD and nothing else. It tells when it was asked, and when it was hung up on.
fn answers_head() -> (SocketAddr, Receiver<()>) {
    let (sender, receiver) = sync_channel(8);
    let sender = Mutex::new(sender);
    let address = instance(move |mut stream| {
        while let Some(request) = read_request(&mut stream) {
            if plain(&request).starts_with("HEAD") {
                stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").expect("it is taken");
                continue;
            }
            let sender = sender.lock().expect("nobody panicked");
            let _ = sender.send(());
            let _ = stream.read(&mut [0]);
            let _ = sender.send(());
        }
    });
    (address, receiver)
}

/// Asks, and thinks better of it once the instance is at work.
fn take_back(client: &mut Frames, stream: u32, told: &Receiver<()>) {
    client.headers(stream, &GET, true);
    told.recv_timeout(PATIENCE).expect("it was asked");
    client.reset(stream);
    told.recv_timeout(PATIENCE).expect("it was hung up on");
}

/// The same at leisure: each is under way before it is taken back, and there is never more than one.
#[test]
fn resets_are_bounded_one_by_one_too() {
    let (address, told) = answers_head();
    let site = Site::new(&table(1, &[address]));
    let mut client = Frames::new(site.client());
    for number in 0..500 {
        take_back(&mut client, 1 + 2 * number, &told);
    }
    let heard = client.hear(u32::MAX);
    assert!(heard.contains("GOAWAY ENHANCE_YOUR_CALM"), "{heard}");
    until(|| (site.report().clients == 0).then_some(()));
}

/// Whoever changes its mind now and then stays: what it asks for again is answered.
#[test]
fn whoever_waits_for_most_of_its_answers_stays() {
    let (address, told) = answers_head();
    let site = Site::new(&table(1, &[address]));
    let mut client = Frames::new(site.client());
    for stream in (1..1_501).step_by(6) {
        take_back(&mut client, stream, &told);
        for stream in [stream + 2, stream + 4] {
            client.headers(stream, &[(":method", "HEAD"), GET[1], GET[2], GET[3]], true);
            assert_eq!(client.hear(stream), "200:");
        }
    }
}

/// A head that never ends is not kept.
#[test]
fn heads_are_bounded() {
    let site = Site::new(&table(1, &[mirror()]));
    let mut client = Frames::new(site.client());
    client.endless_head(1, 4_000);
    let heard = client.hear(u32::MAX);
    assert!(heard.contains("GOAWAY ENHANCE_YOUR_CALM") || heard.contains("closed"), "{heard}");
    others_are_served(&site, client);
}

/// Whoever is asked for answers and hears none is heard no more.
#[test]
fn what_has_to_be_answered_jams() {
    for (what, kind, payload) in [("pings", PING, &b"12345678"[..]), ("settings", SETTINGS, b"\0\x04\0\0\xff\xff")] {
        let site = Site::new(&table(1, &[mirror()]));
        let mut client = Frames::new(site.client());
        assert!(client.jams(kind, 0, 0, payload), "{what} without end");
        others_are_served(&site, client);
    }
}

/// Frames that change nothing are not kept.
#[test]
fn what_changes_nothing_is_forgotten() {
    let site = Site::new(&table(1, &[mirror()]));
    let mut client = Frames::new(site.client());
    let fields = [(":method", "POST"), GET[1], GET[2], GET[3]];
    client.headers(1, &fields, false);
    for _ in 0..20_000 {
        client.send(PRIORITY, 0, 1, &[0, 0, 0, 0, 16]);
        client.send(WINDOW_UPDATE, 0, 0, &[0, 0, 0, 1]);
    }
    client.data(1, b"hello", true);
    let heard = client.hear(1);
    assert!(heard.starts_with("200: POST / ") && heard.contains("||5|hello|0||"), "{heard}");
    others_are_served(&site, client);
}

/// Messages of gRPC can be as small as that, and come faster than they are taken.
#[test]
fn small_messages_are_no_flood() {
    let ok = || answering("HTTP/1.1 200 OK|Content-Length: 2||ok");
    let parking = Some(Parking { requests_max: 1, within: Span::minutes(1) });
    let hold = Hold { parking, ..Hold::new(Span::seconds(3), "Soon") };
    let site = Site::new(&Table { hold: Some(hold), ..table(1, &[ok()]) });
    let mut client = Frames::new(site.client());
    // By then it has heard how much may come at once.
    client.send(PING, 0, 0, b"12345678");
    assert!(client.next().starts_with("pong"));
    client.headers(1, &[(":method", "POST"), GET[1], GET[2], GET[3]], false);
    until(|| (site.report().parked == 1).then_some(()));
    for _ in 0..40_000 {
        client.data(1, b"\0\0\0\0\x01x", false);
    }
    // It was all read by the time that this is answered.
    client.send(PING, 0, 0, b"12345678");
    assert!(client.next().starts_with("pong"));
    site.take(&table(2, &[ok()])).expect("newer");
    client.data(1, b"", true);
    assert_eq!(client.hear(1), "200: ok");
}

/// Who takes nothing of many small messages costs those nothing who share its instance's connection.
#[test]
fn small_messages_that_nobody_takes_are_kept() {
    let instance = Instance::new();
    let site = Site::new(&instance.table());
    let mut slow = Frames::new(site.client());
    slow.headers(1, &[GET[0], GET[1], (":path", "/ticks"), GET[3]], true);
    let mut others = Http2::new(site.address);
    for _ in 0..200 {
        assert_eq!(&others.ask("GET /|Host: shop||")[..10], "HTTP/2 200");
    }
    let mut bytes = 0;
    loop {
        slow.send(WINDOW_UPDATE, 0, 0, &[0, 1, 0, 0]);
        slow.send(WINDOW_UPDATE, 0, 1, &[0, 1, 0, 0]);
        let said = slow.next();
        let mut words = said.split(' ').skip(1);
        match (words.next(), words.next()) {
            (Some(length), Some("bytes")) => bytes += length.parse::<usize>().expect("a length"),
            (Some("200"), None) => {}
            _ => panic!("{said} after {bytes} bytes"),
        }
        if said.ends_with(" end") {
            break;
        }
    }
    assert_eq!(bytes, 40_000 * 6);
    assert_eq!(instance.connections.load(Ordering::SeqCst), 1);
}

/// Who takes nothing of large answers costs those nothing either who share its instance's connection.
#[test]
fn answers_that_nobody_takes_keep_nobody_waiting() {
    let instance = Instance::new();
    let site = Site::new(&instance.table());
    let mut slow: Vec<_> = (0..60).map(|_| Frames::new(site.client())).collect();
    for client in &mut slow {
        client.headers(1, &[GET[0], GET[1], (":path", "/endless"), GET[3]], true);
        assert_eq!(client.next(), "1 200");
    }
    let mut others = Http2::new(site.address);
    for _ in 0..300 {
        assert_eq!(&others.ask("GET /|Host: shop||")[..10], "HTTP/2 200");
    }
    assert_eq!(instance.connections.load(Ordering::SeqCst), 1);
}

/// A body of nothing, over and over.
#[test]
fn empty_pieces_are_bounded() {
    let site = Site::new(&table(1, &[mirror()]));
    let mut client = Frames::new(site.client());
    client.headers(1, &[(":method", "POST"), GET[1], GET[2], GET[3]], false);
    for _ in 0..200_000 {
        client.send(DATA, 0, 1, b"");
    }
    let heard = client.hear(u32::MAX);
    assert!(heard.contains("GOAWAY ENHANCE_YOUR_CALM"), "{heard}");
    others_are_served(&site, client);
}
