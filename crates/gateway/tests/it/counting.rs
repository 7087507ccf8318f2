//! That times are told to one percent, and every request is counted once, for the release it was given to.

use crate::site::*;
use gateway::count::Counts;
use gateway::histogram::Histogram;
use std::io::Write as _;

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

fn counts(site: &Site, release: u32) -> Counts {
    let pools = site.report().pools;
    pools.into_iter().find(|((_, of), _)| *of == release).map(|(_, pool)| pool.counts).unwrap_or_default()
}

#[test]
fn every_request_is_counted_once_for_its_release() {
    let good = answering("HTTP/1.1 200 OK|Content-Length: 2||ok");
    let bad = answering("HTTP/1.1 503 Busy|Content-Length: 2||no");
    let cut = instance(|mut stream| {
        if read_request(&mut stream).is_some() {
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\ncut").expect("it is taken");
        }
    });
    let closed = std::net::TcpListener::bind("127.0.0.1:0").and_then(|gone| gone.local_addr()).expect("a port");
    let mut table = table_of(1, &[(1, 100, &[good]), (2, 0, &[bad]), (3, 0, &[cut]), (4, 0, &[closed])]);
    for lane in &mut table.lanes {
        let name = format!("to-{}", lane.release.0);
        lane.matches = vec![wire::table::Match { headers: vec![(name, None)], ..Default::default() }];
    }
    let site = Site::of(2, &table);
    let ask = |field: &str| site.say(&format!("GET / HTTP/1.1|Host: shop|{field}Connection: close||"));
    for field in ["", "", "", "to-1: x|", "to-2: x|", "to-2: x|", "to-3: x|", "to-4: x|"] {
        ask(field);
    }
    let told = |release: u32| {
        let counts = counts(&site, release);
        let both = [&counts.split, &counts.matched];
        both.map(|of| (of.requests(), of.classes[1], of.classes[4], of.unanswered, of.broken, of.times.len()))
    };
    assert_eq!(told(1), [(3, 3, 0, 0, 0, 3), (1, 1, 0, 0, 0, 1)]);
    assert_eq!(told(2), [(0, 0, 0, 0, 0, 0), (2, 0, 2, 0, 0, 2)]);
    assert_eq!(told(3)[1], (1, 0, 0, 0, 1, 0));
    assert_eq!(told(4)[1], (1, 0, 1, 1, 0, 1));
    assert_eq!(counts(&site, 4).matched.retries, 2);
    // A new table goes on counting.
    table.generation = 2;
    site.take(&table).expect("newer");
    ask("");
    assert_eq!(told(1)[0].0, 4);
}
