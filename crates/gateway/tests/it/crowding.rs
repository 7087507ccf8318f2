//! More requests than there is room for: some wait, in their order, and the others hear at once.

use crate::frames::*;
use crate::site::*;
use expect_test::expect;
use model::Span;
use std::io::Write as _;
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use wire::table::Breaker;

/// An instance that tells whom it has before it, and answers when it is let.
struct Counter {
    address: SocketAddr,
    came: Receiver<String>,
    next: SyncSender<()>,
}

impl Counter {
    fn new() -> Self {
        let (come, came) = sync_channel(100);
        let (next, go) = sync_channel(100);
        let (come, go) = (Mutex::new(come), Arc::new(Mutex::new(go)));
        let address = instance(move |mut stream| {
            while let Some(request) = read_request(&mut stream) {
                let path = plain(&request).split(' ').nth(1).unwrap_or_default().to_owned();
                come.lock().expect("a lock").send(path).expect("it is heard");
                go.lock().expect("a lock").recv().expect("its time");
                if stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").is_err() {
                    return;
                }
            }
        });
        Self { address, came, next }
    }

    fn came(&self) -> String {
        self.came.recv().expect("somebody")
    }

    fn next(&self) {
        self.next.send(()).expect("it waits");
    }
}

fn site(counter: &Counter, breaker: Breaker) -> Site {
    let mut table = table(1, &[counter.address]);
    table.care.breaker = breaker;
    table.limits.connect = Span::minutes(1);
    Site::new(&table)
}

fn ask(site: &Site, path: &str) -> TcpStream {
    let mut client = site.client();
    write!(client, "GET {path} HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n").expect("it is taken");
    client
}

fn waiting(site: &Site) -> u64 {
    site.report().pools.values().map(|pool| pool.waiting).sum()
}

fn wait_for(site: &Site, claims: u64, waits: u64) {
    until(|| (site.claims() == claims && waiting(site) == waits).then_some(()));
}

#[test]
fn requests_wait_in_their_order_and_no_more_than_so_many() {
    for breaker in [
        Breaker { requests_max: 1, pending_max: 3, ..Breaker::default() },
        Breaker { connections_max: 1, pending_max: 3, ..Breaker::default() },
    ] {
        let counter = Counter::new();
        let site = site(&counter, breaker);
        let mut clients = vec![ask(&site, "/0")];
        assert_eq!(counter.came(), "/0");
        for number in 1..=3 {
            clients.push(ask(&site, &format!("/{number}")));
            wait_for(&site, 1, number);
        }
        let said = hear(&mut ask(&site, "/over"));
        expect![[r#"
            HTTP/1.1 503 Service Unavailable|Retry-After: 1|Content-Length: 21|Connection: close||no instance has room
        "#]]
        .assert_eq(&said);
        for (number, mut client) in clients.into_iter().enumerate() {
            counter.next();
            assert!(hear(&mut client).ends_with("||ok"));
            if number < 3 {
                assert_eq!(counter.came(), format!("/{}", number + 1));
            }
        }
        wait_for(&site, 0, 0);
    }
}

/// Whoever makes room, and has the next request ready in the same moment, waits behind the others, too.
#[test]
fn nobody_overtakes_those_who_wait() {
    let counter = Counter::new();
    let site = site(&counter, Breaker { requests_max: 1, ..Breaker::default() });
    let mut first = site.client();
    let both = b"GET /0 HTTP/1.1\r\nHost: shop\r\n\r\nGET /late HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n";
    first.write_all(both).expect("it is taken");
    assert_eq!(counter.came(), "/0");
    let mut second = ask(&site, "/1");
    wait_for(&site, 1, 1);
    for next in ["/1", "/late"] {
        counter.next();
        assert_eq!(counter.came(), next);
    }
    counter.next();
    assert!(hear(&mut second).ends_with("||ok"));
    assert!(hear(&mut first).ends_with("||ok"));
}

/// Whose connection is lost while it waits leaves its place to the next, and no instance ever hears of it.
#[test]
fn whoever_hangs_up_waits_no_more() {
    let counter = Counter::new();
    let site = site(&counter, Breaker { requests_max: 1, ..Breaker::default() });
    let mut first = ask(&site, "/first");
    counter.came();
    let gone = ask(&site, "/gone");
    wait_for(&site, 1, 1);
    let mut last = ask(&site, "/last");
    wait_for(&site, 1, 2);
    reset(gone);
    wait_for(&site, 1, 1);
    counter.next();
    assert!(hear(&mut first).ends_with("||ok"));
    assert_eq!(counter.came(), "/last");
    counter.next();
    assert!(hear(&mut last).ends_with("||ok"));
}

/// Whoever has only no more to say waits for its answer as everybody does.
#[test]
fn whoever_says_no_more_keeps_its_place() {
    let counter = Counter::new();
    let site = site(&counter, Breaker { requests_max: 1, ..Breaker::default() });
    let first = ask(&site, "/first");
    counter.came();
    let half = ask(&site, "/half");
    half.shutdown(Shutdown::Write).expect("half of it");
    wait_for(&site, 1, 1);
    let last = ask(&site, "/last");
    wait_for(&site, 1, 2);
    for (mut client, next) in [(first, Some("/half")), (half, Some("/last")), (last, None)] {
        counter.next();
        assert!(hear(&mut client).ends_with("||ok"));
        assert_eq!(next.map(|_| counter.came()).as_deref(), next);
    }
}

#[test]
fn nobody_waits_for_longer_than_a_connection_may_take() {
    let counter = Counter::new();
    let mut table = table(1, &[counter.address]);
    table.care.breaker.requests_max = 1;
    table.limits.connect = Span(200);
    let site = Site::new(&table);
    let mut first = ask(&site, "/first");
    counter.came();
    let said = hear(&mut ask(&site, "/late"));
    assert!(said.starts_with("HTTP/1.1 503 Service Unavailable|Retry-After: 1|"), "{said}");
    counter.next();
    assert!(hear(&mut first).ends_with("||ok"));
}

/// What a release may have under way at all nobody waits for.
#[test]
fn a_release_has_so_much_under_way() {
    let counter = Counter::new();
    let site = site(&counter, Breaker { pool_requests_max: 2, ..Breaker::default() });
    let clients = [ask(&site, "/1"), ask(&site, "/2")];
    wait_for(&site, 2, 0);
    let said = hear(&mut ask(&site, "/over"));
    assert!(said.ends_with("||too much is under way\n"), "{said}");
    counter.next();
    counter.next();
    for mut client in clients {
        assert!(hear(&mut client).ends_with("||ok"));
    }
}

/// Whoever waits goes on under the next table, where other instances have room.
#[test]
fn another_table_has_room_for_those_who_wait() {
    let counter = Counter::new();
    let mut table = table(1, &[counter.address]);
    table.care.breaker.requests_max = 1;
    table.limits.connect = Span::minutes(1);
    let site = Site::new(&table);
    let mut first = ask(&site, "/first");
    counter.came();
    let mut clients = [ask(&site, "/1"), ask(&site, "/2")];
    wait_for(&site, 1, 2);
    let quick = answering("HTTP/1.1 200 OK|Content-Length: 5||quick");
    table.generation = 2;
    table.lanes[0].endpoints[0].draining = true;
    table.lanes[0].endpoints.push(wire::table::Endpoint::new(quick.to_string()));
    site.take(&table).expect("newer");
    for client in &mut clients {
        assert!(hear(client).ends_with("||quick"));
    }
    counter.next();
    assert!(hear(&mut first).ends_with("||ok"), "it was under way, and ends where it began");
}

/// Streams of HTTP/2 wait, leave and overflow as requests of HTTP/1 do.
#[test]
fn streams_wait_too() {
    const GET: [(&str, &str); 4] = [(":method", "GET"), (":scheme", "http"), (":path", "/"), (":authority", "shop")];
    let counter = Counter::new();
    let site = site(&counter, Breaker { requests_max: 1, pending_max: 2, ..Breaker::default() });
    let mut client = Frames::new(site.client());
    client.headers(1, &GET, true);
    counter.came();
    client.headers(3, &GET, true);
    client.headers(5, &GET, true);
    wait_for(&site, 1, 2);
    client.headers(7, &GET, true);
    assert!(client.hear(7).starts_with("503:"));
    client.reset(3);
    wait_for(&site, 1, 1);
    counter.next();
    counter.next();
    assert_eq!(client.hear(5), "200: ok 200: ok");
}
