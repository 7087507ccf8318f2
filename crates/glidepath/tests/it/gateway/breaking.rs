//! A worker that panics in a process that serves.

use super::running::{Client, Got, Load, Running, answering, free, get, instance, ok, page, said, table, wait_for};
use gateway::planted::{Bug, CAN_BE};
use model::Subject;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::Builder;
use wire::control::{Answer, Live, Request};
use wire::problem::Kind;

/// So many clients are with two workers: that all are with one is as likely as a coin that falls the same way
/// thirty times.
const SLOW: usize = 31;
const CLIENTS: usize = 6;

/// What the worker held is lost, and nothing else: the others serve on, also whoever came for it, and take tables,
/// until another process takes over as a whole. Whoever asks hears of it.
#[test]
fn a_worker_that_panics_takes_nobody_else_down() {
    if !CAN_BE {
        let line = b"no worker was made to panic: build with the feature `gateway/planted`, as `make test` does\n";
        return std::io::stderr().write_all(line).expect("it is said");
    }
    let wait = Arc::new(AtomicBool::new(true));
    let (address, other, admin) = (free(), free(), free());
    let (slow, one, two) = (instance("slow", Arc::clone(&wait)), answering("one"), answering("two"));
    let mut running = Running::new();
    running.plant(Bug::WorkerBreaks);
    running.start(&format!("--workers 2 --admin {admin}"));
    let live = |generation| Answer::Live(Live { generation, ..Live::default() });
    let push = |table| running.ask(&Request::Table(Box::new(table)));
    assert_eq!(push(table("slow", 1, other, slow)), live(1));
    assert_eq!(push(table("shop", 1, address, one)), live(1));
    let ask = |_| Builder::new().spawn(move || Client::new(other).get("slow")).expect("a thread");
    let waiting: Vec<_> = (0..SLOW).map(ask).collect();
    let load = Load::begin(address, CLIENTS);
    let under_way = |count: usize| {
        let row = format!(" {count}");
        let is = |line: &str| line.starts_with("http_requests_in_flight{service=\"slow\"") && line.ends_with(&row);
        page(admin, "/metrics").1.lines().any(is)
    };
    wait_for("all to be under way", || under_way(SLOW).then_some(()));
    load.answers(50);

    // Nothing takes over before it has been looked at what is left.
    running.upgrade(Path::new("/bin/false"));
    let before = running.status().member.pid;
    let service = Subject::from_text("service/break/production/local");
    // Nobody knows of a worker that has just broken down whether it did as it was told.
    assert!(matches!(running.ask(&Request::Remove { service, generation: 1 }), Answer::Undecided(_)));
    let status = running.problems_are(&[Kind::WorkerBroken]);
    assert_eq!((status.member.pid, status.workers, &*status.problems[0].of), (before, 1, "worker 0"));
    load.answers(50);
    assert_eq!(push(table("shop", 2, address, two)), live(2));
    assert_eq!(get(address), ok("two"));
    // The program in its folder is no gateway just now.
    let mut asks = Command::new(env!("CARGO_BIN_EXE_glidepath"));
    let asks = asks.current_dir(&running.folder).args(["gateway", "status", "--control", "control"]);
    let (code, said) = said(asks);
    assert!(code == Some(1) && said.contains("worker 0 has broken down since 2"), "{said}");
    assert!(page(admin, "/metrics").1.contains("glidepath_problems{kind=\"worker-broken\"} 1"));
    assert!(running.log().contains("a worker has broken down"));

    running.upgrade(Path::new(env!("CARGO_BIN_EXE_glidepath")));
    running.status_with("another process", |status| status.member.pid != before);
    let status = running.problems_are(&[]);
    assert_eq!((status.workers, status.retiring), (2, vec![before]));
    load.answers(50);
    assert_eq!(push(table("shop", 3, address, one)), live(3));
    assert_eq!(get(address), ok("one"));
    wait.store(false, Ordering::SeqCst);
    let heard: Vec<Got> = waiting.into_iter().map(|waits| waits.join().expect("it ends well")).collect();
    let count = |got: &Got| heard.iter().filter(|heard| *heard == got).count();
    assert_eq!(count(&ok("slow")) + count(&Got::Lost), SLOW);
    assert!(count(&ok("slow")) > 0 && count(&Got::Lost) > 0, "{heard:?}");
    let tally = load.end();
    assert_eq!((tally.refused, tally.wrong), (0, Vec::new()));
    assert!(tally.lost <= CLIENTS as u64, "only what it held: {}", tally.lost);
}
