//! Messages of other versions, between real processes: what the first version said is kept in files, and is
//! said here byte for byte.

use super::running::{PATIENCE, Running, answering, free, get, instance, ok, signal, wait_for};
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use serde::Deserialize;
use serde_json::Value;
use std::fs;
use std::io::{IoSlice, Read as _, Write as _};
use std::mem::MaybeUninit;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::Builder;
use wire::asking::Asking;
use wire::control::{Answer, Request};
use wire::passing::Line;

const CONVERSATION: &str = include_str!("../../../../wire/tests/golden/v1/control.txt");
const WATCHING: &str = include_str!("../../../../wire/tests/golden/v1/watching.txt");
const REPLACING: &str = include_str!("../../../../wire/tests/golden/v1/replacing.txt");
const TO_GATEWAY: &str = include_str!("../../../../wire/tests/golden/v1/to-gateway.txt");
const TO_KEEPER: &str = include_str!("../../../../wire/tests/golden/v1/to-keeper.txt");
const SAVED: &str = include_str!("../../../../wire/tests/golden/v1/saved.table");
const SAVED_REMOVED: &str = include_str!("../../../../wire/tests/golden/v1/saved-removed.table");

/// Says and hears a conversation as it was held once. What is heard has to have all that it had then.
fn hold(stream: &mut UnixStream, conversation: &str) {
    stream.set_read_timeout(Some(PATIENCE)).expect("a limit");
    for line in conversation.lines() {
        match line.split_at(2) {
            ("> ", said) => say(stream, said),
            ("< ", then) => {
                let (then, now) = (json(then), hear(stream).expect("an answer"));
                let exact = then.is_string() || ["version", "live", "superseded"].iter().any(|it| !then[it].is_null());
                assert!(if exact { now == then } else { has_all(&now, &then) }, "{now}\nhas not all of\n{then}");
            }
            _ => panic!("{line}"),
        }
    }
}

fn say(stream: &mut UnixStream, said: &str) {
    let length = u32::try_from(said.len()).expect("a short word").to_be_bytes();
    stream.write_all(&[&length, said.as_bytes()].concat()).expect("it is taken");
}

fn hear(stream: &mut UnixStream) -> Option<Value> {
    let mut length = [0; 4];
    stream.read_exact(&mut length).ok()?;
    let mut said = vec![0; u32::from_be_bytes(length) as usize];
    stream.read_exact(&mut said).expect("the rest of it");
    Some(serde_json::from_slice(&said).expect("JSON"))
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).expect("JSON")
}

/// Whether whoever reads it as it was then finds all that it looks for.
fn has_all(now: &Value, then: &Value) -> bool {
    match (now, then) {
        (Value::Object(now), Value::Object(then)) => {
            then.iter().all(|(key, then)| now.get(key).is_some_and(|now| has_all(now, then)))
        }
        (Value::Array(now), Value::Array(then)) => {
            then.is_empty() || now.first().is_some_and(|now| has_all(now, &then[0]))
        }
        (now, then) => std::mem::discriminant(now) == std::mem::discriminant(then),
    }
}

/// Puts a file where saved tables are, as it was written then.
fn save(running: &Running, service: &str, json: &str) {
    let folder = running.path("state/tables");
    fs::create_dir_all(&folder).expect("a folder");
    let digest = |text: &str| model::Digest::of(text.as_bytes()).as_str().to_owned();
    let name = format!("{}.table", digest(&format!("service/{service}/production/local")));
    fs::write(folder.join(name), format!("{}\n{json}\n", digest(json))).expect("it is written");
}

#[test]
fn a_controller_of_version_1_is_answered() {
    let (listen, one) = (free(), answering("one"));
    let mut running = Running::new();
    running.start("--workers 2");
    let connect = || UnixStream::connect(running.path("control")).expect("it listens");
    hold(&mut connect(), WATCHING);
    let conversation = CONVERSATION.replace("{LISTEN}", &listen.to_string()).replace("{INSTANCE}", &one.to_string());
    let (served, rest) = conversation.split_at(conversation.find("> \"adopt\"").expect("a word"));
    let mut stream = connect();
    hold(&mut stream, served);
    assert_eq!(get(listen), ok("one"));
    hold(&mut stream, rest);
    running.status_with("one worker", |status| status.workers == 1);
    hold(&mut connect(), REPLACING);
}

/// Whoever speaks no version that the other does hears which are spoken, and what to do.
#[test]
fn who_has_no_version_in_common_hears_of_both() {
    let mut running = Running::new();
    running.start("");
    for theirs in ["[2,3]", "[0]"] {
        let mut stream = UnixStream::connect(running.path("control")).expect("it listens");
        hold(&mut stream, &format!("> {{\"versions\":{theirs}}}\n< {{\"versions\":[1]}}"));
        assert_eq!(hear(&mut stream), None);
    }
    wait_for("the log", || running.log().contains("theirs=\"[2, 3]\" ours=[1]").then_some(()));
    // And the other way round: the one that answers is of another version.
    let other = Running::new();
    let socket = UnixListener::bind(other.path("control")).expect("a socket");
    Builder::new()
        .spawn(move || {
            for stream in socket.incoming() {
                hold(&mut stream.expect("somebody"), "< {\"versions\":[1]}\n> {\"versions\":[7]}");
            }
        })
        .expect("a thread");
    for (words, help) in [("status", "use the program that the gateway is from"), ("", "upgrade by way of a release")] {
        let (code, said) = other.say(words);
        let both = "the gateway speaks versions [7], and this program [1]";
        assert!(code == Some(3) && said.contains(both) && said.contains(help), "{code:?} {said}");
    }
}

#[test]
fn tables_that_version_1_saved_are_served_by() {
    let (listen, one) = (free(), answering("one"));
    let mut running = Running::new();
    let saved = SAVED.trim_end().replace("{LISTEN}", &listen.to_string()).replace("{INSTANCE}", &one.to_string());
    save(&running, "shop", &saved);
    save(&running, "cart", SAVED_REMOVED.trim_end());
    // One of a later version has what nobody knows here, and concerns its own service alone.
    let later = saved.replacen('{', "{\"version\":9,\"weather\":1,", 1).replace("service/shop", "service/later");
    save(&running, "later", &later);
    running.start("");
    assert_eq!(get(listen), ok("one"));
    let status = running.status();
    assert_eq!((status.services.len(), status.services[0].generation), (1, 41));
    let why = &status.problems[0].why;
    assert!(why.contains("it is of version 9, and this program reads [1]: start the program that wrote it"), "{why}");
    let cart = super::running::table("cart", 4, listen, one);
    assert_eq!(running.ask(&Request::Table(Box::new(cart))), Answer::Superseded(5));
    // The next table of its service makes it whole.
    let later = wire::Table { hosts: vec!["later".into()], ..super::running::table("later", 1, listen, one) };
    assert!(matches!(running.ask(&Request::Table(Box::new(later))), Answer::Live(_)));
    assert_eq!(running.status().problems, []);
}

/// A keeper of version 1: it says what that said, and knows nothing else.
struct OldKeeper<'a> {
    running: &'a Running,
    control: UnixListener,
    listen: SocketAddr,
    sockets: Vec<TcpListener>,
}

/// A gateway that it has started.
struct Kept {
    process: Child,
    line: Line,
}

impl OldKeeper<'_> {
    fn start(&self) -> Kept {
        let (line, its) = Line::pair().expect("a line");
        line.hear_within(PATIENCE).expect("a limit");
        let mut command = Command::new(env!("CARGO_BIN_EXE_glidepath"));
        command.current_dir(&self.running.folder).args(["gateway-serve", "--state", "state", "--workers", "1"]);
        let log = fs::OpenOptions::new().create(true).append(true).open(self.running.path("log")).expect("a log");
        command.stdin(Stdio::from(OwnedFd::from(its))).stdout(Stdio::null()).stderr(log);
        Kept { process: command.spawn().expect("it starts"), line }
    }

    /// One that serves, beside others or not.
    fn ready(&self, begin: &str) -> Kept {
        let mut kept = self.start();
        kept.say(begin, &[self.control.as_fd()]);
        assert_eq!(kept.hear(), json(word(TO_KEEPER, "begun")));
        assert_eq!(kept.hear(), json(&self.filled(word(TO_KEEPER, "listen"))));
        let sockets: Vec<_> = self.sockets.iter().map(|socket| socket.as_fd()).collect();
        kept.say(&self.filled(word(TO_GATEWAY, "sockets")), &sockets);
        assert_eq!(kept.hear(), json(word(TO_KEEPER, "ready")));
        assert!(kept.process.try_wait().expect("it is known").is_none());
        kept
    }

    fn filled(&self, said: &str) -> String {
        said.replace("{LISTEN}", &self.listen.to_string())
    }

    fn ask(&self, request: &Request) -> Answer {
        let asked = Asking::connect(&self.running.path("control"), PATIENCE);
        asked.and_then(|mut asking| asking.ask(request)).expect("an answer")
    }
}

impl Kept {
    fn say(&self, said: &str, passed: &[BorrowedFd<'_>]) {
        let mut room = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(8))];
        let mut ancillary = SendAncillaryBuffer::new(&mut room);
        assert!(passed.is_empty() || ancillary.push(SendAncillaryMessage::ScmRights(passed)));
        sendmsg(&self.line, &[IoSlice::new(said.as_bytes())], &mut ancillary, SendFlags::NOSIGNAL)
            .expect("it is taken");
    }

    fn hear(&self) -> Value {
        self.line.hear::<Value>().expect("it is heard").expect("a word").0
    }

    /// Its exit code.
    fn ended(&mut self) -> Option<i32> {
        wait_for("its end", || self.process.try_wait().expect("it is known")).code()
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// What was said first with this in it.
fn word<'a>(said: &'a str, with: &str) -> &'a str {
    said.lines().find(|line| line.contains(with)).expect("it was said")
}

/// The program is upgraded, and the keeper stays: it starts the newer gateway, lets it take over from another, and
/// ends it, with the words of its own version alone.
#[test]
fn a_keeper_of_version_1_starts_replaces_and_retires_gateways() {
    let wait = Arc::new(AtomicBool::new(false));
    let (listen, slow) = (free(), instance("slow", Arc::clone(&wait)));
    let running = Running::new();
    save(
        &running,
        "shop",
        &SAVED.trim_end().replace("{LISTEN}", &listen.to_string()).replace("{INSTANCE}", &slow.to_string()),
    );
    let control = UnixListener::bind(running.path("control")).expect("a socket");
    let sockets = wire::socket::listen(listen, 1).expect("a port");
    let keeper = OldKeeper { running: &running, control, listen, sockets };
    let mut first = keeper.ready(word(TO_GATEWAY, "\"member\":3"));
    first.say(word(TO_GATEWAY, "lead"), &[]);
    assert_eq!(get(listen), ok("slow"));
    // What only a later keeper could say is passed over.
    first.say("{\"dance\":{\"wildly\":true}}", &[]);
    first.say(&word(TO_GATEWAY, "gone").replace("}}", ",\"why\":\"killed\"}}"), &[]);
    wait_for("the log", || running.log().contains("the keeper said what is not known here").then_some(()));
    let status = wait_for("a status", || match keeper.ask(&Request::Status) {
        Answer::Status(status) => Some(status),
        _ => None,
    });
    assert!(!status.alone);

    wait.store(true, Ordering::SeqCst);
    let waits = Builder::new().spawn(move || get(listen)).expect("a thread");
    let claims = |answer: Answer| match answer {
        Answer::Report(members) => members
            .iter()
            .map(|member| {
                let pools = member.workers.iter().flatten().flat_map(|worker| &worker.pools);
                (member.retiring, pools.map(|pool| pool.claims).sum::<u64>())
            })
            .collect::<Vec<_>>(),
        other => panic!("{other:?}"),
    };
    wait_for("the claim", || (claims(keeper.ask(&Request::Report)) == [(false, 1)]).then_some(()));
    let mut second = keeper.ready(word(TO_GATEWAY, "\"member\":4"));
    first.say(word(TO_GATEWAY, "retire"), &[]);
    assert_eq!(first.hear(), json(word(TO_KEEPER, "retired")));
    second.say(word(TO_GATEWAY, "lead"), &[]);
    let (one, other) = UnixStream::pair().expect("a pair");
    first.say(word(TO_GATEWAY, "follow"), &[one.as_fd()]);
    let pid = first.process.id().to_string();
    second.say(&word(TO_GATEWAY, "sibling").replace("{PID}", &pid), &[other.as_fd()]);
    drop((one, other));
    wait_for("both members", || (claims(keeper.ask(&Request::Report)) == [(false, 0), (true, 1)]).then_some(()));
    wait.store(false, Ordering::SeqCst);
    assert_eq!(waits.join().expect("it ends well"), ok("slow"));
    assert_eq!(first.ended(), Some(0));
    second.say(word(TO_GATEWAY, "gone"), &[]);
    wait_for("one member", || (claims(keeper.ask(&Request::Report)) == [(false, 0)]).then_some(()));

    let path = running.path("control");
    let replace = Request::Replace { workers: None };
    let asks =
        Builder::new().spawn(move || Asking::connect(&path, PATIENCE).and_then(|mut asking| asking.ask(&replace)));
    assert_eq!(second.hear(), json(word(TO_KEEPER, "replace")));
    second.say(word(TO_GATEWAY, "not-replaced"), &[]);
    let answer = asks.expect("a thread").join().expect("it ends").expect("an answer");
    assert_eq!(answer, Answer::Refused("late".into()));
    second.say(word(TO_GATEWAY, "reload"), &[]);
    assert_eq!(get(listen), ok("slow"));
    second.say(word(TO_GATEWAY, "stop"), &[]);
    assert_eq!(second.ended(), Some(0));
}

#[test]
fn a_gateway_does_not_serve_under_a_keeper_of_another_version() {
    let running = Running::new();
    let control = UnixListener::bind(running.path("control")).expect("a socket");
    let keeper = OldKeeper { running: &running, control, listen: free(), sockets: Vec::new() };
    for versions in ["[7,8,9]", "[0]"] {
        let mut kept = keeper.start();
        kept.say(&word(TO_GATEWAY, "begin").replace("[1]", versions), &[keeper.control.as_fd()]);
        assert_eq!(kept.ended(), Some(3));
        let told = format!("the keeper speaks versions {}, and this gateway [1]: upgrade", versions.replace(',', ", "));
        assert!(running.log().contains(&told), "{}", running.log());
    }
}

/// What a keeper could say to a gateway of version 1: no field more, and no word.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Word {
    Begin { versions: Vec<u32> },
    Sockets {},
    Lead,
    Sibling {},
    Follow {},
    Gone {},
    Retire,
    Reload,
    NotReplaced {},
    Stop {},
}

/// The program of a gateway of version 1, for a keeper to start. It serves in one word.
#[test]
#[ignore = "a program that other tests start"]
fn the_gateway_of_version_1() {
    let Ok(listen) = std::env::var("OLD_GATEWAY_LISTENS") else { return };
    let own = std::io::stdin().as_fd().try_clone_to_owned().expect("a line");
    let line = Line::of(own.try_clone().expect("the same")).expect("a line");
    let says = |said: &str| {
        let mut room = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let parts = [IoSlice::new(said.as_bytes())];
        sendmsg(&own, &parts, &mut SendAncillaryBuffer::new(&mut room), SendFlags::NOSIGNAL).expect("it is taken");
    };
    let (mut sockets, mut control) = (Vec::new(), None);
    let retires = Arc::new(AtomicBool::new(false));
    while let Some((word, passed)) = line.hear::<Word>().expect("a word that version 1 knows") {
        match word {
            Word::Begin { versions } => {
                assert!(versions.contains(&1));
                control = passed.into_iter().next();
                for first in std::env::var("OLD_GATEWAY_BEGINS").expect("words").lines() {
                    says(first);
                }
                says(&self::word(TO_KEEPER, "listen").replace("{LISTEN}", &listen));
            }
            Word::Sockets {} => {
                sockets = passed.into_iter().map(TcpListener::from).collect();
                says(self::word(TO_KEEPER, "ready"));
            }
            Word::Lead => {
                assert!(control.is_some());
                sockets.drain(..).for_each(|socket| serve(socket, Arc::clone(&retires)));
            }
            Word::Retire => {
                retires.store(true, Ordering::SeqCst);
                says(self::word(TO_KEEPER, "retired"));
            }
            Word::Follow {} | Word::Stop {} => return,
            Word::Sibling {} | Word::Gone {} | Word::Reload | Word::NotReplaced {} => {}
        }
    }
}

fn serve(socket: TcpListener, retires: Arc<AtomicBool>) {
    socket.set_nonblocking(true).expect("it does not wait");
    let serve = move || {
        while !retires.load(Ordering::SeqCst) {
            let Ok((mut stream, _)) = socket.accept() else {
                std::thread::sleep(std::time::Duration::from_millis(1));
                continue;
            };
            stream.set_nonblocking(false).expect("it waits");
            let mut head = [0; 1_024];
            let _ = stream.read(&mut head);
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 3\r\n\r\nold");
        }
    };
    Builder::new().spawn(serve).expect("a thread");
}

/// The program of the folder is the old one from now on, which begins with these words.
fn downgrade(running: &Running, listen: SocketAddr, begins: &str) {
    let program = std::env::current_exe().expect("this program");
    let name = "gateway::versions::the_gateway_of_version_1";
    let script = format!(
        "#!/bin/sh\nOLD_GATEWAY_LISTENS='{listen}' OLD_GATEWAY_BEGINS='{begins}' exec '{}' --exact {name} --ignored --nocapture\n",
        program.display()
    );
    fs::write(running.path("old"), script).expect("it is written");
    fs::set_permissions(running.path("old"), fs::Permissions::from_mode(0o700)).expect("it can be run");
    running.upgrade(&running.path("old"));
}

/// The other way round: the keeper is the newer one.
#[test]
fn a_gateway_of_version_1_is_started_replaced_and_retired() {
    let (listen, one) = (free(), answering("one"));
    let mut running = Running::new();
    running.config(&format!("listen: \"{listen}\"\nendpoints: \"{one}\"\n"));
    running.start("--config gateway.yaml --workers 1");
    assert_eq!(get(listen), ok("one"));
    // What only a later gateway could say is passed over.
    downgrade(&running, listen, &format!("{}\n{{\"sing\":{{}}}}", word(TO_KEEPER, "begun")));
    signal(running.keeper_pid(), "USR2");
    wait_for("the old one", || (get(listen) == ok("old")).then_some(()));
    assert!(running.log().contains("a gateway said what is not known here"));
    running.upgrade(env!("CARGO_BIN_EXE_glidepath").as_ref());
    signal(running.keeper_pid(), "USR2");
    wait_for("the newer one", || (get(listen) == ok("one")).then_some(()));
    running.status_with("nobody who retires", |status| status.retiring.is_empty());
    // One that speaks no version of the keeper's is not let in.
    let before = running.status().member.pid;
    downgrade(&running, listen, &word(TO_KEEPER, "begun").replace(":1}", ":9}"));
    assert!(matches!(running.ask(&Request::Replace { workers: None }), Answer::Refused(_)));
    assert!(running.log().contains("it speaks version 9, and this keeper [1]: upgrade by way of"), "{}", running.log());
    assert_eq!((get(listen), running.status().member.pid), (ok("one"), before));
}
