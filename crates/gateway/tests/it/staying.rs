//! Staying up: instances that are sick, gone or hang up, and the clients that never hear of it.

use crate::site::*;
use gateway::pool::Condition;
use model::Span;
use std::io::Write as _;
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex};
use wire::Table;
use wire::table::{Active, Passive, Retries};

const GET: &str = "GET / HTTP/1.1|Host: shop|Connection: close||";
const POST: &str = "POST / HTTP/1.1|Host: shop|Connection: close|Content-Length: 2||hi";
const PUT: &str = "PUT / HTTP/1.1|Host: shop|Connection: close|Content-Length: 2||hi";

/// An instance that is well or not, and counts how often it was asked.
struct Patient {
    address: SocketAddr,
    well: Arc<AtomicBool>,
    asked: Arc<AtomicUsize>,
}

impl Patient {
    fn new(name: &'static str, well: bool) -> Self {
        let (well, asked) = (Arc::new(AtomicBool::new(well)), Arc::new(AtomicUsize::new(0)));
        let (is_well, count) = (Arc::clone(&well), Arc::clone(&asked));
        let address = instance(move |mut stream| {
            while let Some(request) = read_request(&mut stream) {
                let is_question = plain(&request).starts_with("GET /health ");
                count.fetch_add(usize::from(is_question), Ordering::SeqCst);
                let status = if is_well.load(Ordering::SeqCst) || !is_question { "200 OK" } else { "500 Sick" };
                let answer = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{name}", name.len());
                if stream.write_all(answer.as_bytes()).is_err() {
                    return;
                }
            }
        });
        Self { address, well, asked }
    }

    fn is(&self, well: bool) {
        self.well.store(well, Ordering::SeqCst);
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

/// A table whose instances are asked so often.
fn active(generation: u64, instances: &[&Patient], every: Span) -> Table {
    let addresses: Vec<_> = instances.iter().map(|instance| instance.address).collect();
    let mut table = table(generation, &addresses);
    table.care.active = Some(Active { path: "/health".into(), every, fall: 2, rise: 2, ..Active::default() });
    table
}

/// Asks until an answer is as it should be.
fn ask_until(site: &Site, wanted: impl Fn(&str) -> bool) {
    until(|| wanted(&site.say(GET)).then_some(()));
}

fn conditions(site: &Site) -> Vec<Condition> {
    let pools = site.report().pools;
    pools.into_values().flat_map(|pool| pool.endpoints.into_values().map(|endpoint| endpoint.condition)).collect()
}

fn wait_for(site: &Site, wanted: &[Condition]) {
    until(|| {
        let mut seen = conditions(site);
        seen.sort_unstable();
        (seen == wanted).then_some(())
    });
}

/// Further tries and ejections.
fn sums(site: &Site) -> (u64, u64) {
    let counts = site.counts();
    let tables = || counts.workers.iter().flat_map(|worker| &worker.services).flat_map(|service| &service.tables);
    let releases = || tables().flat_map(|table| &table.releases);
    let retries = releases().flat_map(|release| &release.outcomes).map(|outcomes| outcomes.retries).sum();
    (retries, releases().map(|release| release.ejections).sum())
}

/// A port at which nobody listens.
fn closed() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").and_then(|gone| gone.local_addr()).expect("a port")
}

/// However many workers there are, an instance is asked once, and before the first request is given to it.
#[test]
fn instances_are_asked_before_they_serve_and_once_for_all_workers() {
    let (good, sick) = (Patient::new("good", true), Patient::new("sick", false));
    let site = Site::of(4, &active(1, &[&good, &sick], Span::hours(1)));
    for _ in 0..40 {
        assert!(site.say(GET).ends_with("good"));
    }
    wait_for(&site, &[Condition::Good, Condition::Unproven]);
    assert_eq!(good.asked(), 1);
    // One that has not answered when the table is taken is asked anew.
    until(|| (sick.asked() > 0).then_some(()));
    assert!((1..=2).contains(&sick.asked()));
    let other = Patient::new("other", true);
    let mut next = active(2, &[&other], Span::hours(1));
    next.lanes[0].release = model::ReleaseNumber(2);
    site.take(&next).expect("newer");
    assert!(site.say(GET).ends_with("other"), "a new release has somebody to give its first request to");
}

#[test]
fn a_sick_instance_gets_nothing_until_it_is_well() {
    let (one, two) = (Patient::new("one", true), Patient::new("two", true));
    let site = Site::of(2, &active(1, &[&one, &two], Span(20)));
    wait_for(&site, &[Condition::Good, Condition::Good]);
    ask_until(&site, |said| said.ends_with("one"));
    one.is(false);
    wait_for(&site, &[Condition::Good, Condition::Sick]);
    // Each worker looks for itself, a moment later.
    for _ in 0..20 {
        ask_until(&site, |said| said.ends_with("two"));
    }
    one.is(true);
    wait_for(&site, &[Condition::Good, Condition::Good]);
    ask_until(&site, |said| said.ends_with("one"));
}

/// All are sick: somebody serves all the same, because the release serves already.
#[test]
fn when_all_are_sick_all_are_asked() {
    let (one, two) = (Patient::new("one", true), Patient::new("two", true));
    let site = Site::new(&active(1, &[&one, &two], Span(20)));
    wait_for(&site, &[Condition::Good, Condition::Good]);
    one.is(false);
    two.is(false);
    wait_for(&site, &[Condition::Sick, Condition::Sick]);
    ask_until(&site, |said| said.ends_with("one"));
    ask_until(&site, |said| said.ends_with("two"));
    for _ in 0..50 {
        assert!(site.say(GET).starts_with("HTTP/1.1 200 "));
    }
}

#[test]
fn nobody_is_given_work_who_never_was_well() {
    let sick = Patient::new("sick", false);
    let site = Site::new(&active(1, &[&sick], Span(20)));
    for _ in 0..10 {
        let said = site.say(GET);
        assert!(said.starts_with("HTTP/1.1 503 Service Unavailable|Retry-After: 1|"), "{said}");
    }
    sick.is(true);
    ask_until(&site, |said| said.ends_with("sick"));
}

/// What a gateway served by until now is served by again, also where nobody is well.
#[test]
fn a_gateway_that_begins_anew_goes_on_with_what_served() {
    let (sick, other) = (Patient::new("sick", false), Patient::new("other", false));
    let site = Site::of(2, &active(1, &[&sick], Span(20)));
    assert!(site.say(GET).starts_with("HTTP/1.1 503 "));
    let mut next = active(2, &[&other], Span(20));
    next.lanes[0].release = model::ReleaseNumber(2);
    site.fleet().take_up(next).expect("newer");
    for _ in 0..10 {
        assert!(site.say(GET).ends_with("other"));
    }
}

/// However often they fail, instances are asked, and others after them.
fn sparing(table: &mut Table) {
    table.care.passive.failures = 0;
    table.care.retries.per_second_min = 1_000;
}

/// Whatever was never sent is sent to somebody else, whatever it is.
#[test]
fn a_refused_connection_costs_nobody_an_answer() {
    let mut table = table(1, &[closed(), mirror()]);
    sparing(&mut table);
    let site = Site::new(&table);
    for request in [GET, POST].repeat(20) {
        let said = site.say(request);
        assert!(said.starts_with("HTTP/1.1 200 OK|"), "{said}");
    }
    assert_eq!(sums(&site).0, 20, "every second one");
}

#[test]
fn whoever_refuses_connections_rests() {
    let mut table = table(1, &[closed(), mirror()]);
    table.care.passive = Passive { failures: 3, eject: Span::hours(1), ..Passive::default() };
    let site = Site::new(&table);
    for _ in 0..40 {
        assert!(site.say(POST).starts_with("HTTP/1.1 200 OK|"));
    }
    wait_for(&site, &[Condition::Good, Condition::Ejected]);
    assert_eq!(sums(&site), (3, 1));
}

/// An instance that reads whole requests and hangs up, and how many it got.
fn hangs_up() -> (SocketAddr, Arc<AtomicUsize>) {
    let got = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&got);
    let address = instance(move |mut stream| {
        count.fetch_add(usize::from(read_request(&mut stream).is_some()), Ordering::SeqCst);
    });
    (address, got)
}

/// What may have been done is done again only where that changes nothing.
#[test]
fn whatever_was_sent_is_sent_again_only_where_that_does_no_harm() {
    let (bad, got) = hangs_up();
    let mut table = table(1, &[bad, answering("HTTP/1.1 200 OK|Content-Length: 2||ok")]);
    sparing(&mut table);
    let site = Site::new(&table);
    for request in [GET, PUT].repeat(10) {
        assert!(site.say(request).ends_with("ok"), "{request}");
    }
    assert_eq!(got.swap(0, Ordering::SeqCst), 10, "every second one tried it first");
    let said: Vec<_> = (0..10).map(|_| site.say(POST)).collect();
    let failed = said.iter().filter(|said| said.starts_with("HTTP/1.1 502 ")).count();
    assert_eq!((failed, got.load(Ordering::SeqCst)), (5, 5), "each was sent once");
}

/// A body that came with its head is sent again whole; one that was read on is not.
#[test]
fn a_body_is_sent_again_whole_or_not_at_all() {
    let (bad, _) = hangs_up();
    let mut table = table(1, &[bad, mirror()]);
    sparing(&mut table);
    let site = Site::new(&table);
    for _ in 0..6 {
        let said = site.say(PUT);
        assert!(said.starts_with("HTTP/1.1 200 OK|") && said.ends_with("||hi"), "{said}");
    }
    let mut heard = Vec::new();
    for _ in 0..6 {
        let mut client = site.client();
        client
            .write_all(b"PUT / HTTP/1.1\r\nHost: shop\r\nConnection: close\r\nContent-Length: 4\r\n\r\nab")
            .expect("taken");
        while site.claims() == 0 {
            std::thread::yield_now();
        }
        client.write_all(b"cd").expect("it is taken");
        heard.push(hear(&mut client));
    }
    let whole = heard.iter().filter(|said| said.ends_with("||abcd")).count();
    let failed = heard.iter().filter(|said| said.starts_with("HTTP/1.1 502 ")).count();
    assert_eq!((whole, failed), (3, 3), "{heard:?}");
}

#[test]
fn further_tries_have_a_budget() {
    let mut table = table(1, &[closed(), closed(), closed()]);
    table.care.passive.failures = 0;
    let tries = |retries: Retries, requests: usize| {
        let mut table = table.clone();
        table.care.retries = retries;
        let site = Site::new(&table);
        for _ in 0..requests {
            assert!(site.say(POST).starts_with("HTTP/1.1 502 "));
        }
        sums(&site).0
    };
    let none = Retries { tries_max: 0, ..Retries::default() };
    assert_eq!(tries(none, 10), 0);
    let earned = Retries { tries_max: 5, budget: model::Share::percent(10), per_second_min: 0 };
    let used = tries(earned, 100);
    assert!((8..=10).contains(&used), "{used} of a tenth of a hundred");
    let free = Retries { tries_max: 5, budget: model::Share::NONE, per_second_min: 1_000 };
    assert_eq!(tries(free, 10), 50);
}

/// An instance that closes whatever rests: once that can be seen, not even a POST is lost.
#[test]
fn a_kept_connection_that_was_closed_costs_no_post() {
    let (close, closed) = sync_channel(0);
    let close = Mutex::new(close);
    let address = instance(move |mut stream| {
        if read_request(&mut stream).is_some() {
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").expect("it is taken");
            // The client has its answer before the connection ends.
            let close = close.lock().expect("a lock");
            let _ = close.send(());
            drop(stream);
            let _ = close.send(());
        }
    });
    let site = Site::new(&table(1, &[address]));
    let mut client = site.client();
    for _ in 0..50 {
        client.write_all(b"POST / HTTP/1.1\r\nHost: shop\r\nContent-Length: 2\r\n\r\nhi").expect("it is taken");
        hear_until(&mut client, "ok");
        closed.recv().expect("it answered");
        closed.recv().expect("it closed");
    }
}
