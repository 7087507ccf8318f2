//! Serving by a file, restarting, replacing.

use super::running::{Load, Running, answering, free, get, ok, signal, wait_for};
use std::net::TcpListener;

#[test]
fn a_file_is_served_by_and_read_again_when_it_changes() {
    let (address, one, two) = (free(), answering("one"), answering("two"));
    let mut running = Running::with_config(&format!("listen: \"{address}\"\nendpoints: \"{one}\"\n"));
    assert_eq!(get(address), ok("one"));
    running.config(&format!("listen: \"{address}\"\nendpoints: \"{two}\"\n"));
    wait_for("the other instance", || (get(address) == ok("two")).then_some(()));
    // A slip changes nothing, and is told of.
    running.config(&format!("listen: \"{address}\"\nendpoint: \"{one}\"\n"));
    let status = running.status_with("the problem", |status| status.config_problem.is_some());
    assert_eq!(status.config_problem.as_deref(), Some("gateway.yaml:2:1: `endpoint` is no key that can stand here"));
    assert_eq!(get(address), ok("two"));
    let (code, said) = running.say("status");
    assert!(code == Some(1) && said.contains("what was served before still is"), "{said}");
    // And is mended.
    running.config(&format!("listen: \"{address}\"\nendpoints: \"{one}\"\n"));
    signal(running.keeper_pid(), "HUP");
    wait_for("the first instance", || (get(address) == ok("one")).then_some(()));
    assert_eq!(running.status_with("no problem", |status| status.config_problem.is_none()).services[0].generation, 3);
    assert_eq!(running.stop(), Some(0));
    assert_eq!(running.say("status").0, Some(3));
}

/// An address that somebody else has concerns nobody but those who want it, and them only for so long.
#[test]
fn an_address_that_is_taken_takes_no_other_down() {
    let (good, bad, one) = (free(), free(), answering("one"));
    let other = TcpListener::bind(bad).expect("it was free");
    let service = |name: &str, address| format!("- {{service: {name}, listen: \"{address}\", endpoints: \"{one}\"}}\n");
    let running = Running::with_config(&format!("services:\n{}{}", service("bad", bad), service("good", good)));
    assert_eq!(get(good), ok("one"));
    let deaf = running.status().deaf;
    assert_eq!((deaf.len(), deaf[0].address.as_str()), (1, bad.to_string().as_str()));
    assert_eq!(deaf[0].why, "another process listens there already");
    drop(other);
    running.status_with("both addresses", |status| status.deaf.is_empty());
    assert_eq!(get(bad), ok("one"));
}

/// What it held is lost; whoever comes while nobody is there waits.
#[test]
fn a_gateway_that_is_killed_is_started_again_and_nobody_is_refused() {
    let (address, one) = (free(), answering("one"));
    let running = Running::with_config(&format!("listen: \"{address}\"\nendpoints: \"{one}\"\n"));
    let load = Load::begin(address, 6);
    for _ in 0..3 {
        load.answers(50);
        let before = running.status().member.pid;
        signal(before, "KILL");
        running.status_with("another gateway", |status| status.member.pid != before);
    }
    load.answers(50);
    let tally = load.end();
    assert_eq!((tally.refused, tally.wrong), (0, Vec::new()));
    assert!(tally.lost <= 3 * 6, "only what it held: {}", tally.lost);
}

#[test]
fn one_gateway_takes_over_from_another_and_nobody_notices() {
    let (address, one) = (free(), answering("one"));
    let running = Running::with_config(&format!("listen: \"{address}\"\nendpoints: \"{one}\"\n"));
    let load = Load::begin(address, 6);
    for round in 0..4 {
        load.answers(50);
        let before = running.status().member.pid;
        if round % 2 == 0 {
            let (code, said) = running.say("replace");
            assert_eq!(code, Some(0), "{said}");
        } else {
            signal(running.keeper_pid(), "USR2");
        }
        running.status_with("another gateway", |status| status.member.pid != before);
    }
    load.answers(50);
    let tally = load.end();
    assert_eq!((tally.refused, tally.lost, tally.wrong), (0, 0, Vec::new()));
}
