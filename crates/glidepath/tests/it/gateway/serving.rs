//! Serving by a file, restarting, replacing.

use super::running::{Got, Load, Running, answering, free, get, ok, page, signal, table, wait_for};
use std::net::TcpListener;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use wire::control::{Answer, Live, Request};
use wire::problem::Kind;

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

/// Also when the next one has more workers or fewer, and so more sockets or several for each.
#[test]
fn one_gateway_takes_over_from_another_and_nobody_notices() {
    let (address, one) = (free(), answering("one"));
    let mut running = Running::new();
    running.config(&format!("listen: \"{address}\"\nendpoints: \"{one}\"\n"));
    running.start("--config gateway.yaml --workers 2");
    let load = Load::begin(address, 6);
    for (words, workers) in [("--workers 4", 4), ("", 4), ("--workers 1", 1), ("", 1), ("--workers 3", 3)] {
        load.answers(50);
        let before = running.status();
        if words.is_empty() {
            signal(running.keeper_pid(), "USR2");
        } else {
            let (code, said) = running.say(&format!("replace {words}"));
            assert_eq!(code, Some(0), "{said}");
        }
        let now = running.status_with("another gateway", |status| status.member.pid != before.member.pid);
        assert_eq!(now.workers, workers);
    }
    load.answers(50);
    let tally = load.end();
    assert_eq!((tally.refused, tally.lost, tally.wrong), (0, 0, Vec::new()));
}

/// Whoever serves goes on to serve, whatever becomes of the one that should come after it.
#[test]
fn a_next_gateway_that_never_serves_changes_nothing() {
    let (address, one) = (free(), answering("one"));
    let mut running = Running::new();
    running.config(&format!("listen: \"{address}\"\nendpoints: \"{one}\"\n"));
    running.start("--config gateway.yaml --workers 2 --ready-within 500ms");
    let load = Load::begin(address, 4);
    let before = running.status().member.pid;
    let stuck = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/gateway/stuck.sh");
    for (program, why) in [(stuck, "it was not ready in time"), ("/bin/false", "it ended before it was ready")] {
        running.upgrade(Path::new(program));
        // It wants more sockets than there were: those that are opened for it are read all the same.
        let answer = running.ask(&Request::Replace { workers: Some(4) });
        assert_eq!(answer, Answer::Refused(why.into()));
        load.answers(50);
    }
    running.upgrade(Path::new(env!("CARGO_BIN_EXE_glidepath")));
    assert_eq!(running.status().member.pid, before);
    assert_eq!(running.ask(&Request::Replace { workers: None }), Answer::Replaced);
    // What was asked for in vain is not kept.
    let status = running.status();
    assert_ne!(status.member.pid, before);
    assert_eq!(status.workers, 2);
    let tally = load.end();
    assert_eq!((tally.refused, tally.lost, tally.wrong), (0, 0, Vec::new()));
}

/// What was served is served after a restart, by nobody's order; a damaged table concerns its own service.
#[test]
fn a_restart_serves_what_was_saved() {
    let (shop, cart, one) = (free(), free(), answering("one"));
    let mut running = Running::new();
    running.start("");
    for (name, address) in [("shop", shop), ("cart", cart)] {
        let answer = running.ask(&Request::Table(Box::new(table(name, 3, address, one))));
        assert_eq!(answer, Answer::Live(Live { generation: 3, ..Live::default() }));
    }
    assert_eq!(running.stop(), Some(0));
    assert_eq!(get(shop), Got::Refused);
    running.start("");
    assert_eq!((get(shop), get(cart)), (ok("one"), ok("one")));
    assert_eq!(running.stop(), Some(0));
    // Half of a table is none.
    let files =
        std::fs::read_dir(running.folder.join("state/tables")).expect("tables").map(|file| file.expect("one").path());
    let file = files.into_iter().find(|file| std::fs::read_to_string(file).expect("a table").contains("cart"));
    let file = file.expect("the table of `cart`");
    let text = std::fs::read(&file).expect("it can be read");
    std::fs::write(&file, &text[..text.len() / 2]).expect("it is written");
    running.start("");
    assert_eq!((get(shop), get(cart)), (ok("one"), Got::Refused));
    running.problems_are(&[Kind::TableUnreadable]);
    let (code, said) = running.say("status");
    assert!(code == Some(1) && said.contains(".table cannot be read since 2"), "{said}");
    // It is whole again as soon as somebody says what it should be.
    let answer = running.ask(&Request::Table(Box::new(table("cart", 3, cart, one))));
    assert_eq!(answer, Answer::Live(Live { generation: 3, ..Live::default() }));
    running.problems_are(&[]);
    assert_eq!(get(cart), ok("one"));
}

/// A slip in the file is no reason to serve nobody: not after everything was killed, and not while the keeper is.
#[test]
fn a_file_that_is_wrong_from_the_start_leaves_what_was_served_before() {
    let (address, one, two) = (free(), answering("one"), answering("two"));
    let good = |instance| format!("listen: \"{address}\"\nendpoints: \"{instance}\"\n");
    let wrong = format!("listen: \"{address}\"\nendpoint: \"{one}\"\n");
    let mut running = Running::with_config(&good(one));
    let killed = running.status().member.pid;
    running.kill_keeper();
    signal(killed, "KILL");
    wait_for("its end", || (get(address) == Got::Refused).then_some(()));
    running.config(&wrong);
    running.start("--config gateway.yaml");
    let status = running.status();
    assert_eq!(status.config_problem.as_deref(), Some("gateway.yaml:2:1: `endpoint` is no key that can stand here"));
    assert!(running.log().contains("the configuration is not in order; what was served before still is"));
    assert_eq!((get(address), running.say("status").0), (ok("one"), Some(1)));
    // The gateway that goes on alone is adopted all the same.
    running.kill_keeper();
    running.status_with("one that is alone", |status| status.alone);
    running.spawn("--config gateway.yaml");
    let adopted = running.status_with("one that is kept", |now| now.member.pid != status.member.pid && !now.alone);
    assert!(adopted.config_problem.is_some());
    assert_eq!(get(address), ok("one"));
    running.config(&good(two));
    running.status_with("no problem", |status| status.config_problem.is_none());
    wait_for("the other instance", || (get(address) == ok("two")).then_some(()));
    // So it is with a file that is not there.
    assert_eq!(running.stop(), Some(0));
    std::fs::remove_file(running.path("gateway.yaml")).expect("it was there");
    running.start("--config gateway.yaml");
    assert_eq!(get(address), ok("two"));
    assert!(running.status().config_problem.is_some_and(|problem| problem.contains("No such file")));
}

/// Where there is nothing to serve by, whoever starts it hears what is wrong, and nothing is left behind.
#[test]
fn a_file_that_is_wrong_with_nothing_saved_is_told_to_whoever_starts_it() {
    let running = Running::new();
    running.config("listen: \":8080\"\nendpoint: \"127.0.0.1:9001\"\n");
    let (code, said) = running.say("--config gateway.yaml");
    assert!(code == Some(1) && said.contains("`endpoint` is no key that can stand here"), "{said}");
    assert!(!running.path("control").exists());
    let (code, said) = running.say("--config nowhere.yaml");
    assert!(code == Some(3) && said.contains("nowhere.yaml"), "{said}");
}

/// A socket's path has room for little; whoever names a longer one hears for how much.
#[test]
fn a_control_socket_has_a_short_path() {
    let running = Running::new();
    running.config("endpoint: \"127.0.0.1:9001\"\n");
    let ways = |bytes: usize| {
        let control = "c".repeat(bytes);
        ["--config gateway.yaml --state state", "status"]
            .map(|words| running.say_from_afar(&format!("{words} --control {control}")))
    };
    for (code, said) in ways(100) {
        assert!(code == Some(2) && said.contains("`--control PATH`: 99 bytes at the most"), "{said}");
    }
    let [started, asked] = ways(99);
    assert!(started.0 == Some(1) && started.1.contains("`endpoint` is no key"), "{started:?}");
    assert!(asked.0 == Some(3) && asked.1.contains("no gateway runs here"), "{asked:?}");
}

/// Nobody knows after a restart of the machine whether what was saved is still true.
#[test]
fn tables_of_before_the_machine_was_started_are_unproven() {
    let (shop, one) = (free(), answering("one"));
    let mut running = Running::new();
    running.start("");
    running.ask(&Request::Table(Box::new(table("shop", 3, shop, one))));
    assert!(!running.status().services[0].unproven);
    assert_eq!(running.stop(), Some(0));
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").expect("this start");
    let file = std::fs::read_dir(running.folder.join("state/tables"))
        .expect("tables")
        .next()
        .expect("one")
        .expect("one")
        .path();
    let text = std::fs::read_to_string(&file).expect("a table").replace(boot.trim(), "another start");
    let json = text.trim_end().split_once('\n').expect("a digest before it").1;
    std::fs::write(&file, format!("{}\n{json}\n", model::Digest::of(json.as_bytes()).as_str())).expect("it is written");
    running.start("");
    assert!(running.status().services[0].unproven);
    assert_eq!(get(shop), ok("one"));
    running.ask(&Request::Table(Box::new(table("shop", 4, shop, one))));
    assert!(!running.status().services[0].unproven);
}

/// Whoever watches asks at one address, whichever gateway answers.
#[test]
fn whoever_watches_asks_the_one_that_leads() {
    let (address, admin, one) = (free(), free(), answering("one"));
    let mut running = Running::new();
    running.config(&format!("listen: \"{address}\"\nendpoints: \"{one}\"\n"));
    running.start(&format!("--config gateway.yaml --workers 2 --admin {admin}"));
    for _ in 0..3 {
        assert_eq!(get(address), ok("one"));
        let (head, page) = page(admin, "/metrics");
        assert!(head.starts_with("HTTP/1.1 200") && page.contains("process_open_fds"), "{head}{page}");
        assert!(page_is(admin, "/readyz", "200"));
        let before = running.status().member.pid;
        assert_eq!(running.say("replace").0, Some(0));
        running.status_with("another gateway", |status| status.member.pid != before);
    }
    assert!(running.status().listening.contains(&admin.to_string()));
}

fn page_is(address: std::net::SocketAddr, path: &str, status: &str) -> bool {
    page(address, path).0.contains(status)
}

/// Nobody notices that the keeper dies, nor that there is another one: it adopts the gateway that is there.
#[test]
fn a_keeper_that_is_killed_costs_nobody_anything() {
    let (address, other, one) = (free(), free(), answering("one"));
    let mut running = Running::new();
    let config = |more: &str| format!("listen: [\"{address}\"{more}]\nendpoints: \"{one}\"\n");
    running.config(&config(""));
    running.start("--config gateway.yaml --workers 2");
    let load = Load::begin(address, 6);
    for workers in [3, 1] {
        load.answers(50);
        let before = running.status().member.pid;
        running.kill_keeper();
        running.status_with("one that is alone", |status| status.alone);
        assert_eq!(running.say("status").0, Some(1));
        assert!(matches!(running.ask(&Request::Replace { workers: None }), Answer::Refused(_)));
        load.answers(50);
        running.spawn(&format!("--config gateway.yaml --workers {workers}"));
        let now = running.status_with("one that is kept", |status| status.member.pid != before);
        assert_eq!((now.workers, now.alone), (workers, false));
    }
    load.answers(50);
    let tally = load.end();
    assert_eq!((tally.refused, tally.lost, tally.wrong), (0, 0, Vec::new()));
    // The new keeper keeps in earnest.
    running.config(&config(&format!(", \"{other}\"")));
    wait_for("the other address", || (get(other) == ok("one")).then_some(()));
    let before = running.status().member.pid;
    signal(before, "KILL");
    running.status_with("another gateway", |status| status.member.pid != before);
    assert_eq!((get(address), running.stop()), (ok("one"), Some(0)));
}

/// A socket that the service manager has opened is used as it is, by all workers of every gateway.
#[test]
fn sockets_of_the_service_manager_are_used() {
    let (address, other, one) = (free(), free(), answering("one"));
    let socket = TcpListener::bind(address).expect("it is free");
    let mut running = Running::new();
    running.config(&format!("listen: [\"{address}\", \"{other}\"]\nendpoints: \"{one}\"\n"));
    running.start_with("--config gateway.yaml --workers 2", socket);
    assert_eq!(running.status().deaf, []);
    let load = Load::begin(address, 4);
    load.answers(50);
    assert_eq!(running.say("replace --workers 3").0, Some(0));
    load.answers(50);
    let tally = load.end();
    assert_eq!((tally.refused, tally.lost, tally.wrong), (0, 0, Vec::new()));
    assert_eq!((get(address), get(other)), (ok("one"), ok("one")));
    // It is the service manager's: whoever does not want it for a while finds it again.
    running.config(&format!("listen: \"{other}\"\nendpoints: \"{one}\"\n"));
    running.status_with("one address", |status| status.listening.len() == 1);
    running.config(&format!("listen: \"{address}\"\nendpoints: \"{one}\"\n"));
    wait_for("it again", || (running.status().listening == [address.to_string()]).then_some(()));
    assert_eq!(get(address), ok("one"));
}

/// A port below 1024 takes no root, only the one capability; what is started next has it, too.
#[test]
fn a_port_below_1024_takes_one_capability() {
    let low = || (600..1024).find_map(|port| TcpListener::bind(("127.0.0.1", port)).ok()?.local_addr().ok());
    let Some(address) = low() else {
        println!("nothing is shown: only root can give the capability away");
        return;
    };
    let one = answering("one");
    let mut running = Running::new();
    running.config(&format!("listen: \"{address}\"\nendpoints: \"{one}\"\n"));
    running.start_as_nobody("--config gateway.yaml", "net_bind_service");
    assert_eq!((running.status().deaf, get(address)), (vec![], ok("one")));
    let user = |pid: u32| std::fs::metadata(format!("/proc/{pid}")).expect("it runs").uid();
    let before = running.status().member.pid;
    assert_eq!([user(running.keeper_pid()), user(before)], [65_534; 2]);
    signal(before, "KILL");
    running.status_with("another gateway", |status| status.member.pid != before);
    assert_eq!((running.status().deaf, get(address)), (vec![], ok("one")));
}
