//! A gateway whose controller says what is to be served and is never heard of again.

use super::running::{Load, Running, Tally, answering, free, get, ok, signal, table, wait_for};
use wire::control::{Answer, Request};
use wire::table::Endpoint;

/// Load, and what came of it, while something is done.
fn under_load(running: &mut Running, address: std::net::SocketAddr, done: impl FnOnce(&mut Running)) -> Tally {
    let load = Load::begin(address, 4);
    load.answers(50);
    done(running);
    load.answers(50);
    load.end()
}

/// It goes on through an upgrade, the end of gateways and of their keeper, and with an instance that is not there.
#[test]
fn whoever_was_told_once_needs_nobody() {
    let (address, one, nobody) = (free(), answering("one"), free());
    let mut table = table("shop", 7, address, one);
    table.lanes[0].endpoints.push(Endpoint::new(nobody.to_string()));
    table.care.retries.per_second_min = 10_000;
    let mut running = Running::new();
    running.start("");
    // One connection, one table, and then silence.
    {
        let mut controller = wait_for("whom to ask", || running.asking());
        let live = controller.ask(&Request::Table(Box::new(table))).expect("an answer");
        assert!(matches!(live, Answer::Live(live) if live.generation == 7 && live.unsaved.is_none()));
    }
    let upgraded = under_load(&mut running, address, |running| {
        let before = running.status().member.pid;
        signal(running.keeper_pid(), "USR2");
        running.status_with("the next gateway", |status| status.member.pid != before);
    });
    assert_eq!(upgraded, Tally { answered: upgraded.answered, ..Tally::default() });
    let killed = under_load(&mut running, address, |running| {
        let before = running.status().member.pid;
        signal(before, "KILL");
        running.status_with("another gateway", |status| status.member.pid != before);
    });
    // What a killed gateway held is lost, and nothing else.
    assert!(killed.lost <= 4, "{killed:?}");
    assert_eq!(killed, Tally { answered: killed.answered, lost: killed.lost, ..Tally::default() });
    let orphaned = under_load(&mut running, address, |running| {
        running.kill_keeper();
        running.start("");
    });
    assert_eq!(orphaned, Tally { answered: orphaned.answered, ..Tally::default() });
    assert_eq!(running.stop(), Some(0));
    running.start("");
    let service = running.status().services.remove(0);
    assert_eq!((service.generation, service.unproven, get(address)), (7, false, ok("one")));
}
