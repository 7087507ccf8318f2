//! That what becomes of requests is written and told across gateways that take over from one another.

use super::running::{Client, Running, answering, free, get, instance, ok, page, signal, wait_for};
use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::Builder;
use wire::Counts;
use wire::control::{Answer, Request};

/// What a reader adds up: the newest of each sum, whoever told it.
#[derive(Default)]
struct Reader {
    newest: BTreeMap<(u32, u64, u32), u64>,
}

impl Reader {
    fn read(&mut self, all: Vec<Counts>) -> u64 {
        for counts in all {
            for worker in &counts.workers {
                let tables = worker.services.iter().flat_map(|service| service.tables.iter().chain(&service.older));
                let outcomes = tables.flat_map(|table| &table.releases).flat_map(|release| &release.outcomes);
                let sum = outcomes.map(|of| of.statuses.iter().sum::<u64>() + of.broken + of.left).sum();
                self.newest.insert((counts.run.pid, counts.run.started, worker.number), sum);
            }
        }
        self.newest.values().sum()
    }
}

fn counts(running: &Running) -> Vec<Counts> {
    match running.ask(&Request::Counts) {
        Answer::Counts(counts) => counts,
        other => panic!("{other:?}"),
    }
}

#[test]
fn no_request_is_lost_or_counted_twice_when_another_gateway_takes_over() {
    let (address, one) = (free(), answering("one"));
    let running = Running::with_config(&format!("listen: \"{address}\"\nendpoints: \"{one}\"\n"));
    let mut reader = Reader::default();
    let mut asked = 0;
    for _ in 0..3 {
        let mut client = Client::new(address);
        assert_eq!(client.get("shop"), ok("one"));
        reader.read(counts(&running));
        let before = running.status().member.pid;
        assert_eq!(running.say("replace").0, Some(0));
        running.status_with("another gateway", |status| status.member.pid != before);
        // The last that the one before does: it ends right after.
        assert_eq!(client.get("shop"), ok("one"));
        asked += 2;
        wait_for("all to be told of", || (reader.read(counts(&running)) == asked).then_some(()));
        running.status_with("its end", |status| status.retiring.is_empty());
    }
    assert_eq!(reader.read(counts(&running)), asked);
}

#[test]
fn the_access_log_goes_on_and_is_opened_anew() {
    let (address, one) = (free(), answering("one"));
    let mut running = Running::new();
    running.config(&format!("listen: \"{address}\"\nendpoints: \"{one}\"\n"));
    running.start("--config gateway.yaml --access-log access.log --access-log-form combined");
    let (path, old) = (running.path("access.log"), running.path("access.log.1"));
    let lines = |count: usize| {
        wait_for("the lines", || {
            let text = fs::read_to_string(&path).unwrap_or_default();
            (text.lines().count() == count).then_some(text)
        })
    };
    for number in 1..=3 {
        assert_eq!(get(address), ok("one"));
        assert!(lines(number).lines().all(|line| line.contains("\"GET / HTTP/1.1\" 200 3 ")));
        let before = running.status().member.pid;
        assert_eq!(running.say("replace").0, Some(0));
        running.status_with("another gateway", |status| status.member.pid != before);
    }
    fs::rename(&path, &old).expect("it is renamed");
    signal(running.keeper_pid(), "HUP");
    wait_for("a line in another file", || {
        assert_eq!(get(address), ok("one"));
        path.exists().then_some(())
    });
    // What was answered last is written before the end.
    assert_eq!(get(address), ok("one"));
    assert_eq!(running.stop(), Some(0));
    let written = |path| fs::read_to_string(path).expect("a file").lines().count();
    assert!(written(&old) + written(&path) >= 5 && written(&path) >= 2, "{} {}", written(&old), written(&path));
    let nowhere = Running::new();
    nowhere.config(&format!("listen: \"{address}\"\nendpoints: \"{one}\"\n"));
    let (code, said) = nowhere.say("--config gateway.yaml --access-log no/such/folder");
    assert!(code == Some(3) && said.contains("writing the access log"), "{code:?} {said}");
}

/// All requests that were answered, as whoever watches adds them up.
fn answered(admin: SocketAddr) -> u64 {
    let (_, page) = page(admin, "/metrics");
    let rows = page.lines().filter(|line| line.starts_with("http_requests_total{") && line.contains("code=\"2xx\""));
    rows.map(|line| line.rsplit(' ').next().and_then(|value| value.parse::<u64>().ok()).expect("a number")).sum()
}

/// Whoever watches sees one gateway: what ends in a process that retires is counted once, and no sum falls when one
/// process takes over from another. Where one was killed sums begin anew, and nothing of before comes again.
#[test]
fn sums_go_on_across_processes() {
    let wait = Arc::new(AtomicBool::new(true));
    let (address, other, admin) = (free(), free(), free());
    let (slow, one) = (instance("slow", Arc::clone(&wait)), answering("one"));
    let mut running = Running::new();
    let service = |name, at, to| format!("- {{service: {name}, listen: \"{at}\", endpoints: \"{to}\"}}\n");
    running.config(&format!("services:\n{}{}", service("slow", other, slow), service("quick", address, one)));
    running.start(&format!("--config gateway.yaml --workers 2 --admin {admin}"));
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = Arc::clone(&stop);
    let watching = Builder::new().spawn(move || {
        let mut last = 0;
        while !stopped.load(Ordering::SeqCst) {
            let now = answered(admin);
            assert!(now >= last, "{now} after {last}");
            last = now;
        }
    });
    let waits = Builder::new().spawn(move || Client::new(other).get("shop")).expect("a thread");
    let is_under_way =
        |line: &str| line.starts_with("http_requests_in_flight{service=\"slow\"") && line.ends_with(" 1");
    let mut asked = 0;
    let mut reader = Reader::default();
    for _ in 0..4 {
        for _ in 0..5 {
            assert_eq!(get(address), ok("one"));
            asked += 1;
        }
        wait_for("all to be counted", || (answered(admin) == asked).then_some(()));
        wait_for("what is under way", || (page(admin, "/metrics").1.lines().any(is_under_way)).then_some(()));
        let before = running.status().member.pid;
        assert_eq!(running.say("replace").0, Some(0));
        running.status_with("another gateway", |status| status.member.pid != before);
        wait_for("all to be counted", || (answered(admin) == asked).then_some(()));
    }
    // The first of them has had one under way all the time.
    assert_eq!(reader.read(counts(&running)), asked);
    wait.store(false, Ordering::SeqCst);
    assert_eq!(waits.join().expect("it ends well"), ok("slow"));
    running.status_with("the end of all others", |status| status.retiring.is_empty());
    assert_eq!(answered(admin), asked + 1);
    assert_eq!(reader.read(counts(&running)), asked + 1);
    // Whoever reads for the first time hears of those that have ended, too.
    assert_eq!(Reader::default().read(counts(&running)), asked + 1);
    stop.store(true, Ordering::SeqCst);
    watching.expect("a thread").join().expect("no sum has fallen");
    let before = running.status().member.pid;
    signal(before, "KILL");
    running.status_with("another gateway", |status| status.member.pid != before);
    assert_eq!(answered(admin), 0);
}
