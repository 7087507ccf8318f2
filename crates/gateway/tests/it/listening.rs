//! Addresses come and go while there are clients, and each serves those whose tables name it.

use crate::site::{Site, answering, hear, hear_until, instance, read_request, table, table_of};
use gateway::fleet::{Fleet, NotLive, listen};
use gateway::table::addresses;
use gateway::worker::Refused;
use model::Subject;
use std::io::Write as _;
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc::SyncSender;
use std::sync::{Mutex, mpsc};
use wire::Table;
use wire::table::Listen;

const GET: &str = "GET / HTTP/1.1|Host: shop|Connection: close||";

/// A table that is served at these addresses only.
fn at(addresses: &[SocketAddr], table: Table) -> Table {
    let listen = addresses.iter().map(|address| Listen { address: address.to_string(), ..Listen::default() });
    Table { listen: listen.collect(), ..table }
}

fn named(name: &str, table: Table) -> Table {
    Table { service: Subject::from_text(&format!("service/{name}/production/local")), ..table }
}

/// A second address of a site.
fn another(site: &Site) -> SocketAddr {
    let sockets = listen("127.0.0.1:0".parse().expect("an address"), 3).expect("a port");
    let address = sockets[0].local_addr().expect("an address");
    site.fleet().listen(address, &sockets).expect("they accept");
    address
}

/// An instance that answers when it is told to.
fn waiting() -> (SyncSender<()>, SocketAddr) {
    let (release, released) = mpsc::sync_channel(1);
    let released = Mutex::new(released);
    let address = instance(move |mut stream| {
        while read_request(&mut stream).is_some() {
            released.lock().expect("one at a time").recv().expect("it is released");
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone");
        }
    });
    (release, address)
}

fn ask(client: &mut TcpStream) {
    client.write_all(b"GET / HTTP/1.1\r\nHost: shop\r\n\r\n").expect("it is taken");
}

#[test]
fn each_address_serves_those_whose_tables_name_it() {
    let shop = answering("HTTP/1.1 200 OK|Content-Length: 4||shop");
    let cart = answering("HTTP/1.1 200 OK|Content-Length: 4||cart");
    let site = Site::of(2, &named("unused", table(1, &[])));
    let (first, second) = (site.address, another(&site));
    site.fleet().remove(&Subject::from_text("service/unused/production/local"), 1).expect("it goes");
    site.take(&at(&[first], named("shop", table(1, &[shop])))).expect("it is taken");
    assert!(site.say_at(first, GET).ends_with("shop"));
    assert!(site.say_at(second, GET).starts_with("HTTP/1.1 404"));
    // Both want the same host: each address has its own.
    site.take(&at(&[second], named("cart", table(1, &[cart])))).expect("it is taken");
    assert!(site.say_at(first, GET).ends_with("shop"));
    assert!(site.say_at(second, GET).ends_with("cart"));
    site.take(&at(&[second], named("shop", table(2, &[shop])))).expect("it is taken");
    assert!(site.say_at(first, GET).starts_with("HTTP/1.1 404"));
}

/// More sockets than workers, and fewer: whoever comes is served, whichever backlog the kernel chose.
#[test]
fn every_socket_is_read_by_somebody() {
    let shop = answering("HTTP/1.1 200 OK|Content-Length: 4||shop");
    for (workers, sockets) in [(1, 4), (3, 1), (3, 4)] {
        let site = Site::of(workers, &table(1, &[shop]));
        let sockets = listen("127.0.0.1:0".parse().expect("an address"), sockets).expect("a port");
        let address = sockets[0].local_addr().expect("an address");
        for _ in 0..2 {
            // The second time they are taken over from whoever read them before.
            site.fleet().listen(address, &sockets).expect("they accept");
            for _ in 0..32 {
                assert!(site.say_at(address, GET).ends_with("shop"));
            }
        }
        site.fleet().listen(address, &[]).expect("they accept no more");
        drop(sockets);
        TcpStream::connect(address).expect_err("nobody listens");
    }
}

#[test]
fn what_was_removed_is_not_brought_back_by_an_older_table() {
    let shop = answering("HTTP/1.1 200 OK|Content-Length: 4||shop");
    let site = Site::new(&table(5, &[shop]));
    let service = table(5, &[]).service;
    let superseded = |newer| Err(NotLive::Refused(Refused::Superseded(newer)));
    assert_eq!(site.fleet().remove(&service, 4), superseded(5));
    assert_eq!(site.fleet().remove(&service, 7), Ok(()));
    assert!(site.say(GET).starts_with("HTTP/1.1 404"));
    assert_eq!(site.take(&table(6, &[shop])), superseded(7));
    assert_eq!(site.take(&table(8, &[shop])), Ok(()));
    assert!(site.say(GET).ends_with("shop"));
}

/// A release that no table has any more still has work under way: nobody may take its instances away.
#[test]
fn what_left_the_table_counts_until_it_has_ended() {
    let (release, slow) = waiting();
    let fast = answering("HTTP/1.1 200 OK|Content-Length: 4||fast");
    let site = Site::new(&table_of(1, &[(1, 100, &[slow])]));
    let claims = |site: &Site| {
        site.report().pools.into_iter().map(|((_, release), pool)| (release, pool.claims)).collect::<Vec<_>>()
    };
    let mut client = site.client();
    ask(&mut client);
    while site.claims() == 0 {
        std::thread::yield_now();
    }
    site.take(&table_of(2, &[(2, 100, &[fast])])).expect("it is taken");
    assert_eq!(claims(&site), [(1, 1), (2, 0)]);
    // It comes back, and knows what it has under way.
    site.take(&table_of(3, &[(1, 100, &[slow])])).expect("it is taken");
    assert_eq!(claims(&site), [(1, 1)]);
    site.fleet().remove(&table(1, &[]).service, 4).expect("it goes");
    assert_eq!(claims(&site), [(1, 1)]);
    release.send(()).expect("it waits");
    hear_until(&mut client, "done");
    while !claims(&site).is_empty() {
        std::thread::yield_now();
    }
}

/// Whoever retires leaves new clients to others, and serves those that are there once more.
#[test]
fn whoever_retires_goes_on_for_those_who_are_there() {
    let shop = answering("HTTP/1.1 200 OK|Content-Length: 4||shop");
    let old = Site::of(2, &table(1, &[shop]));
    let sockets = listen("127.0.0.1:0".parse().expect("an address"), 2).expect("a port");
    let address = sockets[0].local_addr().expect("an address");
    old.fleet().listen(address, &sockets).expect("they accept");
    let mut idle = old.client_at(address);
    ask(&mut idle);
    hear_until(&mut idle, "shop");
    let new = Site::of(1, &table(1, &[shop]));
    new.fleet().listen(address, &sockets).expect("they accept");
    assert!(old.fleet().retire());
    let before = old.report().clients;
    for _ in 0..32 {
        assert!(new.say_at(address, GET).ends_with("shop"));
    }
    assert_eq!((before, old.report().clients), (1, 1), "none came");
    assert_eq!(old.take(&table(2, &[shop])), Ok(()), "it still takes tables");
    ask(&mut idle);
    assert_eq!(hear(&mut idle), "HTTP/1.1 200 OK|Content-Length: 4|Connection: close||shop");
}

/// Whoever was told while an answer began that the connection stays is answered once more, whether the next request
/// had come by then or comes afterwards.
#[test]
fn an_answer_that_outlasts_its_worker_is_not_a_connections_last() {
    for early in [true, false] {
        let (go_on, wait) = mpsc::sync_channel(0);
        let wait = Mutex::new(wait);
        let shop = instance(move |mut stream| {
            while let Some(request) = read_request(&mut stream) {
                let slow = request.starts_with(b"GET /slow");
                let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nshop";
                let (first, rest) = answer.split_at(if slow { answer.len() - 2 } else { answer.len() });
                stream.write_all(first).expect("it is taken");
                if slow {
                    wait.lock().expect("whole").recv().expect("it is told");
                    stream.write_all(rest).expect("it is taken");
                }
            }
        });
        let site = Site::new(&table(1, &[shop]));
        let mut client = site.client();
        client.write_all(b"GET /slow HTTP/1.1\r\nHost: shop\r\n\r\n").expect("it is taken");
        hear_until(&mut client, "sh");
        if early {
            client.write_all(GET.replace('|', "\r\n").as_bytes()).expect("it is taken");
        }
        assert!(site.fleet().retire());
        go_on.send(()).expect("it waits");
        hear_until(&mut client, "op");
        if !early {
            client.write_all(GET.replace('|', "\r\n").as_bytes()).expect("it is taken");
        }
        assert_eq!(hear(&mut client), "HTTP/1.1 200 OK|Content-Length: 4|Connection: close||shop", "{early}");
    }
}

/// A worker that ends is told of, so that nobody limps on.
#[test]
fn a_worker_that_ends_is_told_of() {
    let (ends, ended) = mpsc::sync_channel(2);
    let fleet = Fleet::start(2, move |ended| ends.send(ended).expect("there is room")).expect("workers");
    fleet.tell_to_stop();
    let mut all = [(); 2].map(|()| ended.recv().map(|ended| (ended.worker, ended.broken)).expect("it ends"));
    all.sort_unstable();
    assert_eq!(all, [(0, false), (1, false)]);
}

#[test]
fn addresses_that_a_table_names() {
    let read = |texts: &[&str]| {
        let listen = texts.iter().map(|text| Listen { address: (*text).into(), ..Listen::default() });
        let table = Table { listen: listen.collect(), ..table(1, &[]) };
        addresses(&table).map(|all| all.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "))
    };
    let good = |text: &str| Ok(text.to_owned());
    assert_eq!(read(&[":80"]), good("0.0.0.0:80 [::]:80"));
    assert_eq!(read(&["127.0.0.1:80", "[::1]:81", "127.0.0.1:80"]), good("127.0.0.1:80 [::1]:81"));
    assert_eq!(read(&["localhost:80"]), good("127.0.0.1:80 [::1]:80"));
    for wrong in ["", "80", "shop:80", ":x", ":65536", "127.0.0.1"] {
        let fault = read(&[wrong]).expect_err("no address").to_string();
        assert!(fault.contains("write it like :8080"), "{fault}");
    }
}
