//! Requests that wait for the end of a hold.

use crate::site::*;
use model::Span;
use std::io::Write as _;
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::thread::{Builder, sleep};
use std::time::Duration;
use wire::Table;
use wire::table::{Balance, Hold, Match, Parking, Told};

/// A service whose requests wait.
fn held(generation: u64, instance: SocketAddr, requests_max: u32, within: Span) -> Table {
    let hold = Hold { parking: Some(Parking { requests_max, within }), ..Hold::new(Span::seconds(3), "Soon") };
    Table { hold: Some(hold), ..table(generation, &[instance]) }
}

/// A client whose request waits.
fn park(site: &Site, request: &str) -> TcpStream {
    let before = site.report().parked;
    let mut client = site.client();
    client.write_all(request.replace('|', "\r\n").as_bytes()).expect("it is taken");
    until_parked(site, before + 1);
    client
}

fn until_parked(site: &Site, count: u64) {
    until(|| (site.report().parked == count).then_some(()));
}

const PAGE: &str = "HTTP/1.1 503 Service Unavailable|Retry-After: 3|Content-Type: text/html; charset=utf-8|\
                    Content-Length: 4|Connection: close||Soon";

#[test]
fn they_are_served_in_their_order_when_it_ends() {
    let numbered = |number: u32| {
        instance(move |mut stream| {
            let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n{number}");
            while read_request(&mut stream).is_some() {
                stream.write_all(answer.as_bytes()).expect("it is taken");
            }
        })
    };
    let instances: Vec<_> = (0..5).map(numbered).collect();
    let site = Site::new(&held(1, instances[0], 10, Span::minutes(1)));
    let park = |_| park(&site, "GET / HTTP/1.1|Host: shop|Connection: close||");
    let mut clients: Vec<_> = (0..5).map(park).collect();
    assert_eq!(site.claims(), 0);
    // A hold that goes on keeps them where they are.
    site.take(&held(2, instances[0], 1, Span::minutes(1))).expect("newer");
    until_parked(&site, 5);
    // Each in its turn: the first to claim gets the first instance.
    let mut open = table(3, &instances);
    open.lanes[0].balance = Balance::RoundRobin;
    site.take(&open).expect("newer");
    for (number, client) in clients.iter_mut().enumerate() {
        assert_eq!(hear(client), format!("HTTP/1.1 200 OK|Content-Length: 1|Connection: close||{number}"));
    }
    assert_eq!(site.report().parked, 0);
}

#[test]
fn who_finds_no_room_sees_the_page() {
    let site = Site::new(&held(1, mirror(), 1, Span::minutes(1)));
    let mut first = park(&site, "GET /1 HTTP/1.1|Host: shop|Connection: close||");
    assert_eq!(site.say("GET /2 HTTP/1.1|Host: shop|Connection: close||"), PAGE);
    let page = site.say("HEAD /2 HTTP/1.1|Host: shop|Connection: close||");
    assert_eq!(page, PAGE.trim_end_matches("Soon"));
    site.take(&table(2, &[mirror()])).expect("newer");
    assert!(hear(&mut first).starts_with("HTTP/1.1 200 OK|"));
}

#[test]
fn who_waited_long_enough_sees_the_page() {
    let site = Site::new(&held(1, mirror(), 1, Span(1)));
    assert_eq!(site.say("GET / HTTP/1.1|Host: shop|Connection: close||"), PAGE);
    assert_eq!(site.report().parked, 0);
}

/// Whose connection is lost leaves the queue; whoever only has no more to say waits for its answer.
#[test]
fn who_hangs_up_does_not_wait() {
    let address = mirror();
    let site = Site::new(&held(1, address, 2, Span::minutes(1)));
    reset(park(&site, "GET / HTTP/1.1|Host: shop||"));
    until_parked(&site, 0);
    let mut half = park(&site, "GET /half HTTP/1.1|Host: shop||");
    half.shutdown(Shutdown::Write).expect("half of it");
    // The worker has seen the end of this one before it hears of the next.
    let mut last = park(&site, "GET / HTTP/1.1|Host: shop|Connection: close||");
    site.take(&table(2, &[address])).expect("newer");
    assert!(hear(&mut half).starts_with("HTTP/1.1 200 OK|"));
    assert!(hear(&mut last).starts_with("HTTP/1.1 200 OK|"));
}

/// What a client sends ahead while it waits is neither lost nor taken for something else.
#[test]
fn what_is_sent_meanwhile_is_kept() {
    let address = mirror();
    let site = Site::new(&held(1, address, 1, Span::minutes(1)));
    let mut client = park(&site, "POST /1 HTTP/1.1|Host: shop|Content-Length: 200000||");
    let body = vec![b'x'; 200_000];
    let mut rest = client.try_clone().expect("a descriptor");
    let sending = Builder::new().spawn(move || {
        rest.write_all(&body).expect("it is taken");
        rest.write_all(b"GET /2 HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n").expect("it is taken");
    });
    sleep(Duration::from_millis(20));
    assert_eq!(site.report().parked, 1);
    site.take(&table(2, &[address])).expect("newer");
    let heard = hear(&mut client);
    sending.expect("a thread").join().expect("it ends well");
    assert_eq!((heard.matches("HTTP/1.1 200 OK|").count(), heard.matches('x').count()), (2, 200_000), "{heard:.300}");
    assert!(heard.contains("GET /2 HTTP/1.1|"), "{heard:.300}");
}

#[test]
fn each_is_decided_anew() {
    let address = mirror();
    let site = Site::new(&held(1, address, 3, Span::minutes(1)));
    let mut staff = park(&site, "GET / HTTP/1.1|Host: shop|X-Team: staff|Connection: close||");
    let mut other = park(&site, "GET / HTTP/1.1|Host: shop|Connection: close||");
    let mut open = held(2, address, 3, Span::minutes(1));
    let hold = open.hold.as_mut().expect("it is held");
    hold.allow = vec![Match { headers: vec![("X-Team".into(), None)], ..Match::default() }];
    site.take(&open).expect("newer");
    assert!(hear(&mut staff).starts_with("HTTP/1.1 200 OK|"));
    until_parked(&site, 1);
    let mut elsewhere = table(3, &[address]);
    elsewhere.hosts = vec!["other".into()];
    site.take(&elsewhere).expect("newer");
    assert!(hear(&mut other).starts_with("HTTP/1.1 404 "));
}

#[test]
fn a_worker_that_ends_lets_nobody_wait() {
    let site = Site::new(&held(1, mirror(), 3, Span::minutes(1)));
    let mut client = park(&site, "GET / HTTP/1.1|Host: shop||");
    let hearing = Builder::new().spawn(move || hear(&mut client)).expect("a thread");
    site.stop();
    assert_eq!(hearing.join().expect("it ends well"), PAGE);
}

/// Which release did not answer is told, too; and who hears it stays who it was.
#[test]
fn an_answer_in_the_place_of_a_release_tells_of_it() {
    let told = Told { application: None, client: Some("X-Variant".into()) };
    let site = Site::new(&Table { told, ..table(1, &[]) });
    let wanted = "HTTP/1.1 503 Service Unavailable|X-Variant: 1|Retry-After: 1|Content-Length: 21|Connection: close||\
                  no instance is there\n";
    assert_eq!(site.say("GET / HTTP/1.1|Host: shop|Connection: close||"), wanted);
}
