//! How often clients may come, whichever worker they come to.

use crate::site::*;
use expect_test::expect;
use gateway::rate::{KEYS_MAX, Ledger, Pass, WAYS};
use gateway::worker::load::{LATE, LATE_TICKS, Load};
use model::Span;
use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::Arc;
use std::thread::Builder;
use std::time::Duration;
use tokio::time::Instant;
use wire::Table;
use wire::table::{Path, Rate, RatePer, Rule};

const SECOND: u64 = 1_000_000;

fn rate(per: RatePer, requests: u32, every: Span, burst: u32) -> Rate {
    Rate { per, rule: String::new(), requests, every, burst }
}

fn limited(rates: Vec<Rate>) -> Table {
    let mut table = table(1, &[answering("HTTP/1.1 200 OK|Content-Length: 2||ok")]);
    table.care.rates = rates;
    table
}

fn statuses(site: &Site, requests: usize, field: &str) -> String {
    let ask = |_| site.say(&format!("GET / HTTP/1.1|Host: shop|{field}Connection: close||"));
    let said: Vec<_> = (0..requests).map(ask).collect();
    said.iter().map(|said| &said[9..12]).collect::<Vec<_>>().join(" ")
}

/// A burst at once, and then no more than the rate: to the microsecond.
#[test]
fn a_key_has_its_burst_and_then_its_rate() {
    let ledger = Ledger::default();
    let pass = Pass { micros: SECOND / 10, burst: 3 };
    let mut text = String::new();
    for (now, times) in [(5, 5), (50_000, 1), (100_004, 1), (100_005, 2), (250_005, 2), (2_000_000, 5)] {
        for _ in 0..times {
            writeln!(text, "{now:>7} {:?}", ledger.pass(7, pass, now)).expect("a String takes everything");
        }
    }
    expect![[r#"
              5 Ok(())
              5 Ok(())
              5 Ok(())
              5 Err(100000)
              5 Err(100000)
          50000 Err(50005)
         100004 Err(1)
         100005 Ok(())
         100005 Err(100000)
         250005 Ok(())
         250005 Err(50000)
        2000000 Ok(())
        2000000 Ok(())
        2000000 Ok(())
        2000000 Err(100000)
        2000000 Err(100000)
    "#]]
    .assert_eq(&text);
}

/// Threads that count together let no more pass than one does, and no less.
#[test]
fn threads_count_together() {
    let ledger = Arc::new(Ledger::default());
    let pass = Pass { micros: SECOND, burst: 1_000 };
    let count = || {
        let ledger = Arc::clone(&ledger);
        let count = move || (0..1_000).filter(|_| ledger.pass(7, pass, 1).is_ok()).count();
        Builder::new().spawn(count).expect("a thread")
    };
    let threads: Vec<_> = (0..8).map(|_| count()).collect();
    let passed: usize = threads.into_iter().map(|thread| thread.join().expect("a count")).sum();
    assert_eq!(passed, 1_000);
}

/// There is room for so many keys: a new one takes the place of the one that is nearest to its rest, and whoever
/// comes all the time is remembered.
#[test]
fn the_ledger_is_bounded() {
    let ledger = Ledger::default();
    let pass = Pass { micros: SECOND, burst: 10 };
    let busy = 7;
    while ledger.pass(busy, pass, 1).is_ok() {}
    // Others of its set, again and again.
    let sets = (KEYS_MAX / WAYS) as u64;
    for other in 1..1_000 {
        assert_eq!(ledger.pass(busy + (other << 48) + sets * other, pass, 1), Ok(()));
    }
    assert!(ledger.pass(busy, pass, 1).is_err(), "it is remembered");
}

#[test]
fn too_many_requests_are_told_when_to_come_again() {
    let site = Site::of(4, &limited(vec![rate(RatePer::Client, 2, Span::hours(1), 3)]));
    assert_eq!(statuses(&site, 5, ""), "200 200 200 429 429", "whichever workers they come to");
    expect![[r#"
        HTTP/1.1 429 Too Many Requests|Retry-After: 1800|RateLimit-Policy: "client";q=2;w=3600|RateLimit: "client";r=0;t=1800|Content-Length: 18|Connection: close||too many requests
    "#]]
    .assert_eq(&site.say("GET / HTTP/1.1|Host: shop|Connection: close||"));
}

/// A rate counts on under the next table; another one begins anew.
#[test]
fn a_rate_outlives_its_table() {
    let mut table = limited(vec![rate(RatePer::All, 1, Span::hours(1), 2)]);
    let site = Site::of(2, &table);
    assert_eq!(statuses(&site, 3, ""), "200 200 429");
    table.generation = 2;
    site.take(&table).expect("newer");
    assert_eq!(statuses(&site, 1, ""), "429");
    table.generation = 3;
    table.care.rates[0].burst = 1;
    site.take(&table).expect("newer");
    assert_eq!(statuses(&site, 2, ""), "200 429");
}

#[test]
fn headers_and_rules_have_rates_of_their_own() {
    let per_key = rate(RatePer::Header("X-Key".into()), 1, Span::hours(1), 1);
    let site = Site::of(2, &limited(vec![per_key]));
    for (field, wanted) in [("X-Key: a|", "200 429"), ("X-Key: b|", "200 429"), ("", "200 429"), ("x-key: a|", "429")] {
        assert_eq!(statuses(&site, wanted.split(' ').count(), field), wanted, "{field}");
    }
    let mut table = limited(vec![Rate { rule: "login".into(), ..rate(RatePer::Client, 1, Span::hours(1), 1) }]);
    let paths = vec![Path::Exact("/login".into())];
    table.rules = vec![Rule { name: "login".into(), paths, ..Rule::default() }];
    let site = Site::new(&table);
    assert_eq!(statuses(&site, 3, ""), "200 200 200");
    let login = || site.say("GET /login HTTP/1.1|Host: shop|Connection: close||")[9..12].to_owned();
    assert_eq!([login(), login()], ["200", "429"]);
}

/// A refused request costs its client no connection, and its instance nothing.
#[test]
fn a_connection_outlives_a_refusal() {
    let site = Site::new(&limited(vec![rate(RatePer::All, 1, Span::hours(1), 1)]));
    let mut client = site.client();
    for wanted in ["200", "429", "429"] {
        client.write_all(b"GET / HTTP/1.1\r\nHost: shop\r\n\r\n").expect("it is taken");
        let head = hear_until(&mut client, "||");
        assert_eq!(&head[9..12], wanted);
        hear_until(&mut client, if wanted == "200" { "ok" } else { "requests\n" });
    }
    assert_eq!(site.claims(), 0);
}

/// A hiccup sends nobody away; what lasts sends away more and more, never all, and nobody once it is over.
#[test]
fn a_worker_that_is_late_sends_clients_away() {
    let load = Load::default();
    let shed = |late: Span, times: u32| {
        (0..times).for_each(|_| load.tick(late));
        load.shed_percent()
    };
    assert_eq!(shed(LATE, LATE_TICKS - 1), 0, "a hiccup");
    assert_eq!(shed(Span(0), 1), 0);
    assert_eq!(shed(LATE, LATE_TICKS), 10);
    assert_eq!(shed(LATE, 3), 40);
    assert_eq!(shed(LATE, 100), 90);
    let sent_away = (0..10_000).filter(|_| load.sheds()).count();
    assert!((8_500..9_500).contains(&sent_away), "{sent_away} of 10000");
    assert_eq!(shed(Span(0), 9), 0);
    assert!(!load.sheds());
}

/// Requests of which each keeps the only worker busy for long make it late, and then it says so before it begins with
/// another one.
#[test]
fn a_real_worker_that_is_late_says_so() {
    const ASKED_MAX: usize = 60;
    let mut table = limited(Vec::new());
    // Whether an `a` is so far from the end nobody knows before it: whoever looks has to keep all of them in mind.
    let hard = |number: usize| Path::Regex(format!("/.*a.{{{}}}", 2_000 + number));
    let path = || (0..5_500).map(|_| if fastrand::bool() { 'a' } else { 'c' }).collect::<String>() + &"c".repeat(2_200);
    let ask = |site: &Site| site.say(&format!("GET /{} HTTP/1.1|Host: shop|Connection: close||", path()));
    let site = Site::new(&table);
    let busy = |site: &Site| {
        let begun = Instant::now();
        ask(site);
        begun.elapsed() >= 3 * Duration::from_millis(LATE.0)
    };
    while !busy(&site) {
        table.generation += 1;
        let known = table.rules.len();
        let more = (known..2 * known + 1).map(|number| Rule {
            name: format!("rule-{number}"),
            paths: vec![hard(number)],
            ..Rule::default()
        });
        table.rules.extend(more);
        site.take(&table).expect("newer");
    }
    for _ in 0..ASKED_MAX {
        let said = ask(&site);
        if said.starts_with("HTTP/1.1 503 Service Unavailable|") {
            assert!(said.contains("|Retry-After: 1|") && said.ends_with("||too much is under way\n"), "{said}");
            assert!(site.counts().workers[0].shed > 0);
            return;
        }
        assert!(said.ends_with("||ok"), "{said}");
    }
    panic!("nobody was sent away");
}
