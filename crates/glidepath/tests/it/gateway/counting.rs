//! That what becomes of requests is written and told across gateways that take over from one another.

use super::running::{Client, Running, answering, free, get, ok, signal, wait_for};
use std::collections::BTreeMap;
use std::fs;
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
