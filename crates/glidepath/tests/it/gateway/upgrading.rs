//! The program is upgraded while its keeper stays, and the other way round: what the first version said between
//! a keeper and a gateway is said here byte for byte to real processes of this one.

use super::running::{PATIENCE, Running, answering, free, get, instance, ok, signal, wait_for};
use super::versions::{SAVED, json, save};
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

const TO_GATEWAY: &str = include_str!("../../../../wire/tests/golden/v1/to-gateway.txt");
const TO_KEEPER: &str = include_str!("../../../../wire/tests/golden/v1/to-keeper.txt");

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
    let name = "gateway::upgrading::the_gateway_of_version_1";
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
