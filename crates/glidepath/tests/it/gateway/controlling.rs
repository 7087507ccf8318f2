//! Tables from a controller, while one gateway serves, and while one takes over from another.

use super::running::{Client, Got, Running, answering, free, get, instance, ok, signal, table, wait_for};
use model::Subject;
use std::io::Write as _;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::Builder;
use wire::control::{Answer, Drain, Hello, Live, MemberReport, Request, VERSIONS, Welcome};
use wire::frame;

fn live(generation: u64) -> Answer {
    Answer::Live(Live { generation, ..Live::default() })
}

fn push(table: wire::Table) -> Request {
    Request::Table(Box::new(table))
}

#[test]
fn tables_come_and_go_and_an_older_one_is_refused() {
    let (address, one) = (free(), answering("one"));
    let mut running = Running::new();
    running.start("");
    let service = Subject::from_text("service/shop/production/local");
    let remove = |generation| Request::Remove { service: service.clone(), generation };
    assert_eq!(running.ask(&push(table("shop", 5, address, one))), live(5));
    assert_eq!(get(address), ok("one"));
    assert_eq!(running.ask(&push(table("shop", 4, address, one))), Answer::Superseded(5));
    assert_eq!(running.ask(&remove(4)), Answer::Superseded(5));
    assert_eq!(running.ask(&remove(6)), live(6));
    wait_for("nobody", || (get(address) == Got::Refused).then_some(()));
    assert_eq!(running.ask(&push(table("shop", 5, address, one))), Answer::Superseded(6));
    // Also by the one that comes after.
    assert_eq!(running.ask(&Request::Replace { workers: None }), Answer::Replaced);
    assert_eq!(running.ask(&push(table("shop", 5, address, one))), Answer::Superseded(6));
    assert_eq!(running.ask(&push(table("shop", 7, address, one))), live(7));
    assert_eq!(get(address), ok("one"));
    let faulty = wire::Table { lanes: Vec::new(), ..table("shop", 8, address, one) };
    assert!(matches!(running.ask(&push(faulty)), Answer::Faulty(_)));
    assert_eq!(running.status().services[0].generation, 7);
}

/// One that retires has the work that it has: it takes tables and tells of its work until it has ended,
/// and what it does not say is not known.
#[test]
fn whoever_retires_stays_a_member_until_its_last_client_is_gone() {
    let wait = Arc::new(AtomicBool::new(true));
    let (address, slow, two) = (free(), instance("slow", Arc::clone(&wait)), answering("two"));
    let mut running = Running::new();
    running.start("--workers 2");
    assert_eq!(running.ask(&push(table("shop", 1, address, slow))), live(1));
    let waits = Builder::new().spawn(move || Client::new(address).get("shop")).expect("a thread");
    wait_for("the claim", || (claims(&running) == [(false, 1)]).then_some(()));
    let old = running.status().member.pid;
    assert_eq!(running.ask(&Request::Replace { workers: None }), Answer::Replaced);
    running.status_with("the one that retires", |status| status.retiring == [old]);
    assert_eq!(claims(&running), [(false, 0), (true, 1)]);
    assert_eq!(running.ask(&push(table("shop", 2, address, two))), live(2));
    assert_eq!(get(address), ok("two"));
    assert_eq!(claims(&running), [(false, 0), (true, 1)], "it has begun under another table");
    // One that hangs may do anything.
    signal(old, "STOP");
    let undecided =
        |answer: Answer| matches!(answer, Answer::Undecided(members) if members.iter().all(|run| run.pid == old));
    assert!(undecided(running.ask(&push(table("shop", 3, address, two)))));
    signal(old, "CONT");
    wait_for("an answer of all", || (running.ask(&push(table("shop", 3, address, two))) == live(3)).then_some(()));
    wait.store(false, Ordering::SeqCst);
    assert_eq!(waits.join().expect("it ends well"), ok("slow"));
    running.status_with("nobody who retires", |status| status.retiring.is_empty());
    assert_eq!(claims(&running), [(false, 0)]);
}

/// Whoever watches hears of every request, also of those that the one that retired answered last.
#[test]
fn no_request_is_left_out_of_the_counts() {
    let wait = Arc::new(AtomicBool::new(true));
    let (address, slow) = (free(), instance("slow", Arc::clone(&wait)));
    let mut running = Running::new();
    running.start("");
    running.ask(&push(table("shop", 1, address, slow)));
    let waits = Builder::new().spawn(move || Client::new(address).get("shop")).expect("a thread");
    wait_for("the claim", || (claims(&running) == [(false, 1)]).then_some(()));
    let old = running.status().member.pid;
    assert_eq!(running.ask(&Request::Replace { workers: None }), Answer::Replaced);
    running.status_with("the one that retires", |status| status.retiring == [old]);
    let mut watching = running.asking().expect("it answers");
    let mut next = watching.ask(&Request::Watch { comparing: true }).expect("counts");
    let mut ended: u64 = 0;
    wait.store(false, Ordering::SeqCst);
    loop {
        let Answer::Counts(all) = next else { panic!("no counts: {next:?}") };
        let Some(of_old) = all.iter().find(|counts| counts.run.pid == old) else { break };
        let services = of_old.workers.iter().flat_map(|worker| &worker.services);
        let releases = services.flat_map(|service| &service.tables).flat_map(|table| &table.releases);
        ended = releases.flat_map(|release| &release.outcomes).map(|outcomes| outcomes.statuses[1]).sum();
        next = watching.next_answer().expect("counts");
    }
    assert_eq!(waits.join().expect("it ends well"), ok("slow"));
    assert_eq!(ended, 1);
}

/// A member that was killed is known to be dead: its work is nobody's.
#[test]
fn a_member_that_was_killed_is_known_to_be_gone() {
    let wait = Arc::new(AtomicBool::new(true));
    let (address, slow) = (free(), instance("slow", Arc::clone(&wait)));
    let mut running = Running::new();
    running.start("");
    running.ask(&push(table("shop", 1, address, slow)));
    let waits = Builder::new().spawn(move || Client::new(address).get("shop")).expect("a thread");
    wait_for("the claim", || (claims(&running) == [(false, 1)]).then_some(()));
    let old = running.status().member.pid;
    running.ask(&Request::Replace { workers: None });
    running.status_with("the one that retires", |status| status.retiring == [old]);
    signal(old, "KILL");
    running.status_with("nobody who retires", |status| status.retiring.is_empty());
    assert_eq!(claims(&running), [(false, 0)]);
    assert_eq!(running.ask(&push(table("shop", 2, address, slow))), live(2));
    assert_eq!(waits.join().expect("it ends well"), Got::Lost);
}

/// Whether each member retires, and what it has under way.
fn claims(running: &Running) -> Vec<(bool, u64)> {
    let Answer::Report(members) = running.ask(&Request::Report) else { panic!("no report") };
    let claims = |member: &MemberReport| {
        let workers = member.workers.iter().map(|worker| worker.as_ref().expect("all answer"));
        workers.flat_map(|worker| &worker.pools).map(|pool| pool.claims).sum()
    };
    members.iter().map(|member| (member.retiring, claims(member))).collect()
}

#[test]
fn an_instance_and_a_release_are_drained_until_the_next_table() {
    let (address, one, two) = (free(), answering("one"), answering("two"));
    let mut running = Running::new();
    running.start("");
    let both = |generation| {
        let mut both = table("shop", generation, address, one);
        both.lanes[0].endpoints.push(wire::table::Endpoint::new(two.to_string()));
        both
    };
    assert_eq!(running.ask(&push(both(1))), live(1));
    let (code, said) = running.say(&format!("drain --endpoint {one}"));
    assert_eq!(code, Some(0), "{said}");
    for _ in 0..8 {
        assert_eq!(get(address), ok("two"));
    }
    let (_, said) = running.say("endpoints");
    assert!(said.lines().any(|line| line.contains(&one.to_string()) && line.contains("draining")), "{said}");
    assert_eq!(running.ask(&push(both(1))), live(1));
    wait_for("the other one", || (get(address) == ok("one")).then_some(()));
    // The only release has all requests: nobody would have them.
    let (code, said) = running.say("drain --release shop@1");
    assert!(code == Some(1) && said.contains("who would get its requests?"), "{said}");
    assert_eq!(running.say("drain --release cart@1").0, Some(1));
    let mut split = both(2);
    split.lanes.push(wire::table::Lane { release: model::ReleaseNumber(2), ..split.lanes[0].clone() });
    split.lanes[0].endpoints.truncate(1);
    split.lanes[0].share = model::Share::percent(90);
    split.lanes[1].endpoints.remove(0);
    split.lanes[1].share = model::Share::percent(10);
    assert_eq!(running.ask(&push(split)), live(2));
    let (code, said) = running.say("drain --release shop@1");
    assert_eq!(code, Some(0), "{said}");
    for _ in 0..8 {
        assert_eq!(get(address), ok("two"));
    }
    let (_, said) = running.say("routes");
    assert!(said.contains("@1 0 % closed (1), @2 100 % (1)"), "{said}");
    // All of it.
    assert_eq!(running.ask(&Request::Drain(Drain::Gateway)), Answer::Begun);
    wait_for("the end", || running.asking().is_none().then_some(()));
}

#[test]
fn whoever_speaks_another_version_hears_which_are_spoken() {
    let mut running = Running::new();
    running.start("");
    let connect = || UnixStream::connect(running.folder.join("control")).expect("it listens");
    let hello = |versions: &[u32]| {
        let mut stream = connect();
        frame::write(&mut stream, &Hello { versions: versions.into() }).expect("it is taken");
        frame::read::<Welcome>(&mut stream).expect("an answer").expect("an answer")
    };
    assert_eq!(hello(&[1, 7, 9]), Welcome::Version(1));
    assert_eq!(hello(&[7, 9]), Welcome::Versions(VERSIONS.into()));
    // Nonsense ends a connection, and nothing else.
    for nonsense in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0xff; 64], &[0, 0, 0, 2, b'{', b'}'], &[0, 0, 0, 9, b'{']] {
        let mut stream = connect();
        stream.write_all(nonsense).expect("it is taken");
        stream.shutdown(std::net::Shutdown::Write).expect("half of it");
        assert!(!matches!(frame::read::<Welcome>(&mut stream), Ok(Some(_))));
    }
    // A question that this version does not know gets an answer, and the connection goes on.
    let mut stream = connect();
    frame::write(&mut stream, &Hello { versions: vec![1] }).expect("it is taken");
    frame::read::<Welcome>(&mut stream).expect("an answer");
    frame::write(&mut stream, &"weather").expect("it is taken");
    assert!(matches!(frame::read::<Answer>(&mut stream), Ok(Some(Answer::Faulty(_)))));
    frame::write(&mut stream, &Request::Status).expect("it is taken");
    assert!(matches!(frame::read::<Answer>(&mut stream), Ok(Some(Answer::Status(_)))));
}

/// Only one gateway has a place, and a file's tables are the file's.
#[test]
fn what_is_refused() {
    let (address, one) = (free(), answering("one"));
    let running = Running::with_config(&format!("listen: \"{address}\"\nendpoints: \"{one}\"\n"));
    let (code, said) = running.say("--config gateway.yaml");
    assert!(code == Some(3) && said.contains("another gateway runs here already"), "{said}");
    assert!(matches!(running.ask(&push(table("shop", 1, address, one))), Answer::Refused(_)));
    assert_eq!(get(address), ok("one"));
    running.config("listen: \":x\"\nendpoints: nowhere\n");
    let (code, said) = running.say("--config gateway.yaml");
    assert!(code == Some(1) && said.contains("gateway.yaml:1:9") && said.contains("gateway.yaml:2:12"), "{said}");
}

/// Only the table that comes later is refused, and what is live stays as it is.
#[test]
fn a_table_takes_no_place_of_another_service() {
    let (address, one, two) = (free(), answering("one"), answering("two"));
    let mut running = Running::new();
    running.start("");
    let at = |name: &str, generation, host: &str, instance| {
        let mut table = table(name, generation, address, instance);
        table.hosts = vec![host.into()];
        table
    };
    assert_eq!(running.ask(&push(at("shop", 1, "shop", one))), live(1));
    // It would come first by its name.
    let refused = |table: wire::Table| match running.ask(&push(table)) {
        Answer::Faulty(why) => why.replace(&address.to_string(), "ADDRESS"),
        other => panic!("{other:?}"),
    };
    let mut several = at("cart", 1, "SHOP", two);
    several.hosts.insert(0, "cart".into());
    assert_eq!(
        refused(several),
        "hosts[1]: `shop` at `ADDRESS` is `service/shop/production/local`'s already: give each a host, a path or an \
         address of its own"
    );
    let mut trusting = at("cart", 1, "cart", two);
    trusting.listen[0].trusted = vec!["10.0.0.0/8".into()];
    trusting.listen[0].proxy_protocol = true;
    assert_eq!(
        refused(trusting),
        "listen[0]: `ADDRESS` is shared with `service/shop/production/local`, which says something else of its \
         `proxy_protocol` and `trusted`: an address is one for all who share it, so say the same of it in each"
    );
    assert_eq!(get(address), ok("one"));
    assert_eq!(running.status().services.len(), 1);
    // In a place of its own it is served; nor does it take another's place later, and it stays as it was.
    assert_eq!(running.ask(&push(at("cart", 1, "cart", two))), live(1));
    assert!(refused(at("cart", 2, "shop", two)).starts_with("hosts[0]: "));
    assert_eq!(running.ask(&push(at("cart", 0, "shop", two))), Answer::Superseded(1));
    assert_eq!((get(address), Client::new(address).get("cart")), (ok("one"), ok("two")));
    // Nobody has it any more.
    let service = Subject::from_text("service/shop/production/local");
    assert_eq!(running.ask(&Request::Remove { service, generation: 2 }), live(2));
    assert_eq!(running.ask(&push(at("cart", 2, "shop", two))), live(2));
    assert_eq!(get(address), ok("two"));
}
