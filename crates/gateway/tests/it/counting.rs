//! That times are told to one percent, and every request is counted once, for the release it was given to.

use crate::site::*;
use expect_test::expect;
use gateway::count::{
    Books, CLASSES_MAX, CLOSED_MAX, Class, GENERATIONS_MAX, Histogram, Pace, RELEASES_MAX, UNITS_MAX,
};
use model::Span;
use std::collections::BTreeMap;
use std::io::Write as _;
use std::net::{SocketAddr, TcpListener};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use wire::Counts;
use wire::counts::{Bad, Table, UnitEvent};
use wire::table::{Hold, Unit};

#[test]
fn times_are_told_to_one_percent() {
    for micros in (0..2_000).chain((11..32).flat_map(|power| [(1 << power) - 1, 1 << power, (1 << power) * 3 / 2 + 1]))
    {
        let mut times = Histogram::default();
        times.add(micros);
        let told = times.quantile(0.5).expect("one");
        assert!(told.abs_diff(micros) * 100 <= micros, "{micros} is told as {told}");
    }
}

#[test]
fn quantiles_are_those_of_all() {
    let mut times = [Histogram::default(), Histogram::default()];
    for micros in 1..=10_000 {
        times[micros as usize % 2].add(micros * 10);
    }
    let [mut one, other] = times;
    one.merge(&other);
    assert_eq!(one.len(), 10_000);
    for (share, wanted) in [(0.0, 10), (0.5, 50_000), (0.99, 99_000), (1.0, 100_000)] {
        let told: u64 = one.quantile(share).expect("some");
        assert!(told.abs_diff(wanted) * 100 <= wanted, "{share}: {told}");
    }
    assert_eq!(Histogram::default().quantile(0.5), None);
    let mut longest = Histogram::default();
    longest.add(u64::MAX);
    assert!(longest.quantile(1.0) >= Some(3_600_000_000), "an hour and more is one bucket");
}

/// All sums in words: those of the workers together, without what is nothing and without times.
fn told(counts: &Counts) -> String {
    let mut lines: BTreeMap<String, [u64; 13]> = BTreeMap::new();
    let services = || counts.workers.iter().flat_map(|worker| &worker.services);
    let named =
        |table: &Table, older: bool| format!("table {}{}", table.generation, if older { " and older" } else { "" });
    let tables = services().flat_map(|service| service.tables.iter().map(|table| (named(table, false), table)));
    let older = services().flat_map(|service| service.older.iter().map(|table| (named(table, true), table)));
    for (name, table) in tables.chain(older) {
        for release in &table.releases {
            for of in &release.outcomes {
                let whose = release.release.map_or("the gateway".to_owned(), |release| release.to_string());
                let line = lines.entry(format!("{name}, {whose}, {:?}", of.way)).or_default();
                let [one, two, three, four, five] = of.statuses;
                let times = of.times.iter().map(|(_, count)| count).sum();
                let sums =
                    [of.open, one, two, three, four, five, of.unanswered, of.broken, of.left, of.retries, of.slow];
                for (sum, more) in line.iter_mut().zip(sums.into_iter().chain([times, release.connects_failed])) {
                    *sum += more;
                }
            }
        }
    }
    let names = ["open", "1xx", "2xx", "3xx", "4xx", "5xx", "unanswered", "broken", "left", "retries", "slow", "times"];
    let names = names.into_iter().chain(["not connected"]);
    let words = |sums: &[u64; 13]| {
        let some = sums.iter().zip(names.clone()).filter(|(sum, _)| **sum > 0);
        some.map(|(sum, name)| format!(" {name} {sum}")).collect::<String>()
    };
    lines
        .iter()
        .filter(|(_, sums)| sums.iter().any(|sum| *sum > 0))
        .map(|(name, sums)| format!("{name}:{}\n", words(sums)))
        .collect()
}

/// A table whose releases can be asked for by a header.
fn table_with_matches(generation: u64, lanes: &[(u32, u16, &[SocketAddr])]) -> wire::Table {
    let mut table = table_of(generation, lanes);
    for lane in &mut table.lanes {
        let name = format!("to-{}", lane.release.0);
        lane.matches = vec![wire::table::Match { headers: vec![(name, None)], ..Default::default() }];
    }
    table
}

#[test]
fn every_request_is_counted_once_for_its_release_and_its_table() {
    let good = answering("HTTP/1.1 200 OK|Content-Length: 2||ok");
    let bad = answering("HTTP/1.1 503 Busy|Content-Length: 2||no");
    let cut = instance(|mut stream| {
        if read_request(&mut stream).is_some() {
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\ncut").expect("it is taken");
        }
    });
    let closed = TcpListener::bind("127.0.0.1:0").and_then(|gone| gone.local_addr()).expect("a port");
    let mut table = table_with_matches(1, &[(1, 100, &[good]), (2, 0, &[bad]), (3, 0, &[cut]), (4, 0, &[closed])]);
    let site = Site::of(2, &table);
    let ask = |field: &str| site.say(&format!("GET / HTTP/1.1|Host: shop|{field}Connection: close||"));
    for field in ["", "", "", "to-1: x|", "to-2: x|", "to-2: x|", "to-3: x|", "to-4: x|"] {
        ask(field);
    }
    site.say("nonsense||");
    table.generation = 2;
    site.take(&table).expect("newer");
    ask("");
    table.generation = 3;
    table.hold = Some(Hold::new(Span::seconds(30), "soon"));
    site.take(&table).expect("newer");
    ask("");
    let counts = site.counts();
    expect![[r#"
        table 1, @1, Matched: 2xx 1 times 1
        table 1, @1, Split: 2xx 3 times 3
        table 1, @2, Matched: 5xx 2 times 2
        table 1, @3, Matched: broken 1
        table 1, @4, Matched: 5xx 1 unanswered 1 retries 2 times 1 not connected 3
        table 2, @1, Split: 2xx 1 times 1
        table 3, the gateway, Split: 5xx 1 times 1
    "#]]
    .assert_eq(&told(&counts));
    let sum = |of: fn(&wire::counts::Worker) -> u64| counts.workers.iter().map(of).sum::<u64>();
    assert_eq!((sum(|worker| worker.accepted), sum(|worker| worker.refused)), (11, 1));
    assert!(
        counts.run.pid == std::process::id() && counts.run.started > 0 && counts.run.boot.len() == 36,
        "{counts:?}"
    );
}

#[test]
fn bodies_are_counted_both_ways() {
    let site = Site::new(&table(1, &[answering("HTTP/1.1 200 OK|Content-Length: 7||goodbye")]));
    site.say("POST / HTTP/1.1|Host: shop|Content-Length: 5||helloGET / HTTP/1.1|Host: shop|Connection: close||");
    let counts = site.counts();
    let outcomes = &counts.workers[0].services[0].tables[0].releases[0].outcomes;
    assert_eq!((outcomes[0].received, outcomes[0].sent), (5, 14));
}

/// Instances that answer when they are told to.
fn held_back() -> (SocketAddr, SyncSender<()>) {
    let (go, gone) = sync_channel(16);
    let gone = Arc::new(Mutex::new(gone));
    let address = instance(move |mut stream| {
        while read_request(&mut stream).is_some() {
            if gone.lock().expect("one at a time").recv().is_err() {
                return;
            }
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").expect("it is taken");
        }
    });
    (address, go)
}

#[test]
fn an_open_request_is_slow_from_the_moment_it_is() {
    let (address, go) = held_back();
    let table = wire::Table { slow_micros: Some(1_000), ..table(1, &[address]) };
    let site = Site::new(&table);
    let mut client = site.client();
    client.write_all(b"GET / HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n").expect("it is taken");
    let slow = "table 1, @1, Split: open 1 slow 1\n";
    until(|| (told(&site.counts()) == slow).then_some(()));
    // Another look does not make it another one, and neither does its end.
    assert_eq!(told(&site.counts()), slow);
    go.send(()).expect("it waits");
    hear(&mut client);
    until(|| (told(&site.counts()) == "table 1, @1, Split: 2xx 1 slow 1 times 1\n").then_some(()));
}

#[test]
fn requests_are_counted_under_the_table_that_gave_them_away() {
    let (address, go) = held_back();
    let mut table = table(1, &[address]);
    let site = Site::new(&table);
    let mut client = site.client();
    client.write_all(b"GET / HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n").expect("it is taken");
    until(|| (site.claims() == 1).then_some(()));
    // So many tables later its page is part of the sum, and it is still under way there.
    for generation in 2..=GENERATIONS_MAX as u64 + 1 {
        assert_eq!(told(&site.counts()), "table 1, @1, Split: open 1\n");
        table.generation = generation;
        site.take(&table).expect("newer");
    }
    assert_eq!(told(&site.counts()), "table 1 and older, @1, Split: open 1\n");
    go.send(()).expect("it waits");
    hear(&mut client);
    until(|| (told(&site.counts()) == "table 1 and older, @1, Split: 2xx 1 times 1\n").then_some(()));
}

#[test]
fn releases_of_long_ago_are_a_number() {
    let address = answering("HTTP/1.1 200 OK|Content-Length: 0||");
    let last = (GENERATIONS_MAX + RELEASES_MAX + 3) as u32;
    let site = Site::new(&table_of(1, &[(1, 100, &[address])]));
    for release in 1..=last {
        site.take(&table_of(u64::from(release), &[(release, 100, &[address])])).expect("newer");
        site.say("GET / HTTP/1.1|Host: shop|Connection: close||");
    }
    let counts = site.counts();
    let service = &counts.workers[0].services[0];
    // One place is the gateway's own.
    assert_eq!(service.older.as_ref().expect("some").releases.len(), RELEASES_MAX);
    assert_eq!((service.tables.len(), service.forgotten), (GENERATIONS_MAX, 4));
}

#[test]
fn whoever_goes_away_is_told_from_whoever_breaks_off() {
    let (address, go) = held_back();
    let site = Site::new(&table(1, &[address]));
    let mut client = site.client();
    client.write_all(b"POST / HTTP/1.1\r\nHost: shop\r\nContent-Length: 9\r\n\r\nhalf").expect("it is taken");
    until(|| (site.claims() == 1).then_some(()));
    drop(client);
    until(|| (told(&site.counts()) == "table 1, @1, Split: left 1\n").then_some(()));
    drop(go);
}

#[test]
fn a_unit_is_told_of_once() {
    let bad = answering("HTTP/1.1 500 Bad|Content-Length: 0||");
    let mut table = table(1, &[bad]);
    table.unit = Some(Unit::Header("X-User".into()));
    let site = Site::of(2, &table);
    let say = |users: &mut dyn Iterator<Item = usize>| {
        let ask = |user: usize| format!("GET / HTTP/1.1|Host: shop|X-User: {user}||");
        site.say(&(users.map(ask).collect::<String>() + "GET / HTTP/1.1|Host: shop|Connection: close||"));
    };
    let mut reader = site.feed().subscribe(Pace::Comparing);
    let units = |counts: Counts| -> Vec<UnitEvent> {
        let services = counts.workers.into_iter().flat_map(|worker| worker.services);
        services.flat_map(|service| service.units).collect()
    };
    say(&mut [1, 2, 1, 1, 2].into_iter());
    let first = units(reader.next_message());
    assert!(first.len() == 2 && first[0].unit != first[1].unit && first[0].bad == Bad::Error, "{first:?}");
    // Whoever heard of it does not hear of it for ever.
    reader.next_message();
    assert_eq!(units(reader.next_message()), []);
    // There is an end to what is remembered.
    say(&mut (0..UNITS_MAX + 10));
    say(&mut (0..UNITS_MAX + 10));
    let counts = site.counts();
    let sum = |of: fn(&wire::counts::Service) -> u64| {
        counts.workers.iter().flat_map(|worker| &worker.services).map(of).sum::<u64>()
    };
    assert!(sum(|service| service.units.len() as u64) >= UNITS_MAX as u64);
    assert!(sum(|service| service.units_lost) > 0, "{counts:?}");
    // Another rollout makes other units.
    site.take(&wire::Table { generation: 2, salt: "other".into(), ..table }).expect("newer");
    let counts = site.counts();
    assert!(counts.workers.iter().all(|worker| worker.services[0].units.is_empty()));
}

#[test]
fn a_worker_that_is_gone_is_said_to_be_silent() {
    let site = Site::of(2, &table(1, &[mirror()]));
    let feed = site.feed();
    site.stop();
    let counts = feed.counts();
    assert_eq!((counts.silent, counts.workers), (vec![0, 1], vec![]));
}

#[test]
fn classes_are_bounded() {
    let books = Books::default();
    assert_eq!(books.class(""), Class::default());
    let classes: Vec<Class> = (0..CLASSES_MAX + 9).map(|number| books.class(&number.to_string())).collect();
    assert_eq!(books.class("3"), classes[3]);
    assert_ne!(classes[3], classes[4]);
    assert_eq!(classes[CLASSES_MAX], classes[CLASSES_MAX + 8]);
}

#[test]
fn the_books_of_a_service_outlive_it() {
    let (address, go) = held_back();
    let mut table = table(1, &[address]);
    let site = Site::new(&table);
    let mut client = site.client();
    client.write_all(b"GET / HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n").expect("it is taken");
    until(|| (site.claims() == 1).then_some(()));
    site.fleet().remove(&table.service, 2).expect("newer");
    go.send(()).expect("it waits");
    hear(&mut client);
    let ended = "table 1, @1, Split: 2xx 1 times 1\n";
    until(|| (told(&site.counts()) == ended).then_some(()));
    // It comes back, and others come and go.
    table.generation = 3;
    site.take(&table).expect("newer");
    assert_eq!(told(&site.counts()), ended);
    for number in 0..CLOSED_MAX + 5 {
        let service = model::Subject::from_text(&format!("service/s{number}/production/local"));
        site.take(&wire::Table { service: service.clone(), hosts: vec!["s".into()], ..table.clone() }).expect("new");
        site.fleet().remove(&service, 4).expect("newer");
    }
    let counts = site.counts();
    assert_eq!(counts.workers[0].services.len(), CLOSED_MAX + 1);
    assert_eq!(told(&counts), ended);
}
