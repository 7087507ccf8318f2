//! The keeper of a gateway: does what follows from what happens.

use crate::adopted::Adopted;
use crate::child::Child;
use crate::inherited;
use crate::members::{Action, Bounds, Event, Members, Role};
use crate::place::Control;
use crate::sockets::Sockets;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR2};
use signal_hook::iterator::Signals;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::io;
use std::net::SocketAddr;
use std::os::fd::AsFd as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::Builder;
use std::time::{Duration, Instant};
use wire::keeping::{NO_COMMON_VERSION, ToGateway, ToKeeper, VERSIONS};
use wire::log::Log;

/// The most happenings that wait to be dealt with.
const HAPPENINGS_MAX: usize = 256;
/// How often is tried again what could not be listened at.
const LISTEN_AGAIN: Duration = Duration::from_secs(1);

/// What a keeper keeps.
#[derive(Debug)]
pub struct Settings {
    /// The program of the gateway. It is started anew each time, so its file may be another by then.
    pub program: PathBuf,
    /// Its arguments, but for the number of workers.
    pub arguments: Vec<OsString>,
    /// How many workers it has; as many as it thinks best, where nothing is said.
    pub workers: Option<u16>,
    /// How long things may take.
    pub bounds: Bounds,
    /// Where to say what happens.
    pub log: Log,
}

/// Something has happened.
#[derive(Debug)]
pub(crate) enum Happening {
    Signal(i32),
    Said(u32, ToKeeper),
    /// It said something that is not known here: why.
    Unknown(u32, String),
    Died(u32, String),
}

/// Keeps a gateway until it is told to end. It is asked by this socket.
pub fn keep(settings: Settings, control: Control) -> io::Result<()> {
    let (sender, happenings) = sync_channel(HAPPENINGS_MAX);
    let mut signals = Signals::new([SIGTERM, SIGINT, SIGHUP, SIGUSR2])?;
    let signalled = sender.clone();
    Builder::new().name("signals".into()).spawn(move || {
        for signal in signals.forever() {
            if signalled.send(Happening::Signal(signal)).is_err() {
                return;
            }
        }
    })?;
    let inherited = inherited::sockets()?;
    let (control, adopted) = match control {
        Control::Fresh(control) => (control, None),
        Control::Adopted(adopted) => (adopted.control.try_clone()?, Some(*adopted)),
    };
    let mut keeper = Keeper {
        members: Members::new(settings.bounds),
        settings,
        control,
        sender,
        children: BTreeMap::new(),
        asked: None,
        started_with: BTreeMap::new(),
        wanted: BTreeMap::new(),
        sockets: Sockets::new(inherited),
        begun: now(),
    };
    if let Some(adopted) = adopted {
        keeper.adopt(adopted)?;
    }
    keeper.run(&happenings)
}

struct Keeper {
    settings: Settings,
    control: UnixListener,
    sender: SyncSender<Happening>,
    members: Members,
    children: BTreeMap<u32, Child>,
    /// How many workers the next one was asked for with, and each that was; it is kept with the one that leads.
    asked: Option<u16>,
    started_with: BTreeMap<u32, u16>,
    /// Where each of them wants to listen, and with how many workers.
    wanted: BTreeMap<u32, (BTreeSet<SocketAddr>, usize)>,
    sockets: Sockets,
    begun: Instant,
}

impl Keeper {
    fn run(&mut self, happenings: &Receiver<Happening>) -> io::Result<()> {
        let mut ended = self.on(Event::Time);
        while !ended {
            let due = self.members.wake_at().map(|at| Duration::from_millis(at.saturating_sub(self.now_ms())));
            let again = self.sockets.is_any_deaf().then_some(LISTEN_AGAIN);
            let wait = due.into_iter().chain(again).min().unwrap_or(Duration::from_secs(3_600));
            ended = match happenings.recv_timeout(wait) {
                Ok(Happening::Signal(signal)) => self.signalled(signal),
                Ok(Happening::Said(member, message)) => self.heard(member, message),
                Ok(Happening::Unknown(member, why)) => {
                    let fields: [(&str, &dyn std::fmt::Display); 2] = [("member", &member), ("why", &why)];
                    self.settings.log.warning("a gateway said what is not known here", &fields);
                    false
                }
                Ok(Happening::Died(member, how)) => self.died(member, &how),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    self.listen();
                    self.on(Event::Time)
                }
            };
        }
        Ok(())
    }

    /// Keeps a gateway that another keeper has started, and starts one of its own in its place.
    fn adopt(&mut self, adopted: Adopted) -> io::Result<()> {
        let member = self.members.adopt(self.now_ms());
        self.settings.log.info("a gateway without a keeper is adopted", &[("member", &member), ("pid", &adopted.pid)]);
        for (address, sockets) in adopted.sockets {
            self.sockets.take_over(address, sockets);
        }
        self.wanted.insert(member, adopted.wanted);
        self.children.insert(member, Child::adopt(adopted.pid, adopted.line, member, &self.sender)?);
        self.on(Event::Replace);
        Ok(())
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(now().duration_since(self.begun).as_millis()).unwrap_or(u64::MAX)
    }

    /// Whether everything has ended.
    fn on(&mut self, event: Event) -> bool {
        let actions = self.members.on(event, self.now_ms());
        actions.iter().for_each(|action| self.act(*action));
        actions.contains(&Action::Exit)
    }

    fn signalled(&mut self, signal: i32) -> bool {
        match signal {
            SIGHUP => self.on(Event::Reload),
            SIGUSR2 => self.on(Event::Replace),
            _ => {
                self.settings.log.info("told to stop", &[]);
                self.on(Event::Stop)
            }
        }
    }

    fn heard(&mut self, member: u32, message: ToKeeper) -> bool {
        match message {
            ToKeeper::Begun { version } if !VERSIONS.contains(&version) => {
                let why = format!("it speaks version {version}, and this keeper {VERSIONS:?}: {NO_COMMON_VERSION}");
                self.settings.log.error("a gateway is of another version", &[("member", &member), ("why", &why)]);
                self.act(Action::Kill(member));
            }
            ToKeeper::Begun { .. } | ToKeeper::Adopted { .. } | ToKeeper::Held { .. } => {}
            ToKeeper::Listen { addresses, workers } => {
                let fresh: BTreeSet<SocketAddr> = addresses.into_iter().collect();
                let before =
                    self.wanted.insert(member, (fresh.clone(), workers)).map(|(all, _)| all).unwrap_or_default();
                let handed_over = self.listen();
                for address in fresh.difference(&before).filter(|address| !handed_over.contains(address)) {
                    self.hand_over(member, *address);
                }
            }
            ToKeeper::Ready => return self.on(Event::Ready(member)),
            ToKeeper::Retired => {
                self.wanted.remove(&member);
                return self.on(Event::Retired(member));
            }
            ToKeeper::Replace { workers } => {
                self.asked = workers;
                let ended = self.on(Event::Replace);
                // Whoever is being started already was asked for by somebody else.
                self.asked = None;
                return ended;
            }
            ToKeeper::Stop => {
                self.settings.log.info("asked to stop", &[]);
                return self.on(Event::Stop);
            }
        }
        false
    }

    fn died(&mut self, member: u32, how: &str) -> bool {
        let log = self.settings.log;
        match self.members.role(member) {
            Some(Role::Retiring | Role::Ending) => {
                log.info("a gateway has ended", &[("member", &member), ("how", &how)])
            }
            _ => log.error("a gateway has ended unasked", &[("member", &member), ("how", &how)]),
        }
        self.children.remove(&member);
        self.wanted.remove(&member);
        self.started_with.remove(&member);
        self.on(Event::Died(member))
    }

    /// Opens what is wanted, and hands on what has changed to everybody who wants it: a socket that nobody
    /// reads would keep its share of the clients waiting. The addresses that were handed on.
    fn listen(&mut self) -> Vec<SocketAddr> {
        // Whoever is just being restarted finds its sockets again.
        if self.wanted.is_empty() {
            return Vec::new();
        }
        let wanted: BTreeSet<SocketAddr> = self.wanted.values().flat_map(|(addresses, _)| addresses).copied().collect();
        let count = self.wanted.values().map(|(_, workers)| *workers).max().unwrap_or(1);
        let changed = self.sockets.want(&wanted, count);
        for address in changed.iter().copied() {
            if let Some(error) = self.sockets.get(address).and_then(|open| open.error.as_ref()) {
                self.settings.log.error("an address cannot be listened at", &[("address", &address), ("why", error)]);
            }
            for member in self.wanted.iter().filter(|(_, (all, _))| all.contains(&address)).map(|(member, _)| *member) {
                self.hand_over(member, address);
            }
        }
        changed
    }

    fn hand_over(&self, member: u32, address: SocketAddr) {
        let Some(open) = self.sockets.get(address) else { return };
        let descriptors: Vec<_> = open.sockets.iter().map(|socket| socket.as_fd()).collect();
        self.say(member, &ToGateway::Sockets { address, error: open.error.clone() }, &descriptors);
    }

    fn say(&self, member: u32, message: &ToGateway, descriptors: &[std::os::fd::BorrowedFd<'_>]) {
        let Some(child) = self.children.get(&member) else { return };
        if let Err(error) = child.say(message, descriptors) {
            self.settings
                .log
                .warning("a gateway does not listen to its keeper", &[("member", &member), ("why", &error)]);
        }
    }

    fn act(&mut self, action: Action) {
        let log = self.settings.log;
        match action {
            Action::Start(member) => self.start(member),
            Action::Lead(member) => {
                self.settings.workers = self.started_with.remove(&member).or(self.settings.workers);
                log.info("a gateway leads", &[("member", &member)]);
                self.say(member, &ToGateway::Lead, &[]);
                self.listen();
            }
            Action::Retire(member) => self.say(member, &ToGateway::Retire, &[]),
            Action::Introduce(leader, sibling) => self.introduce(leader, sibling, false),
            Action::HandOver(leader, before) => self.introduce(leader, before, true),
            Action::Gone(leader, member) => self.say(leader, &ToGateway::Gone { member }, &[]),
            Action::Reload(member) => self.say(member, &ToGateway::Reload, &[]),
            Action::NotReplaced(member, why) => {
                log.warning("no other gateway takes over", &[("why", &why)]);
                self.say(member, &ToGateway::NotReplaced { why: why.into() }, &[]);
            }
            Action::Stop(member) => {
                let within_ms = self.settings.bounds.drain_ms;
                self.say(member, &ToGateway::Stop { within_ms }, &[]);
            }
            Action::Kill(member) => {
                log.warning("a gateway is ended", &[("member", &member)]);
                if let Some(child) = self.children.get(&member) {
                    child.kill();
                }
            }
            Action::Exit => log.info("all have ended", &[]),
        }
    }

    fn start(&mut self, member: u32) {
        let log = self.settings.log;
        let mut arguments = self.settings.arguments.clone();
        let asked = self.asked.take();
        asked.map(|workers| self.started_with.insert(member, workers));
        if let Some(workers) = asked.or(self.settings.workers) {
            arguments.extend(["--workers".into(), workers.to_string().into()]);
        }
        match Child::start(&self.settings.program, &arguments, member, &self.sender) {
            Ok(child) => {
                log.info("a gateway starts", &[("member", &member), ("pid", &child.pid)]);
                self.children.insert(member, child);
                let begin = ToGateway::Begin { versions: VERSIONS.into(), member, beside: self.members.is_led() };
                self.say(member, &begin, &[self.control.as_fd()]);
            }
            Err(error) => {
                let told = Happening::Died(member, format!("it could not be started: {error}"));
                // As any other end: with time until it is tried again.
                if self.sender.try_send(told).is_err() {
                    log.error("a gateway could not be started", &[("why", &error)]);
                }
            }
        }
    }

    /// Gives two of them a line of their own. Nobody else has an end of it, so it ends with either.
    fn introduce(&self, leader: u32, sibling: u32, led: bool) {
        let Some(pid) = self.children.get(&sibling).map(|child| child.pid) else { return };
        match UnixStream::pair() {
            Ok((one, other)) => {
                self.say(sibling, &ToGateway::Follow { member: leader }, &[other.as_fd()]);
                self.say(leader, &ToGateway::Sibling { member: sibling, pid, led }, &[one.as_fd()]);
            }
            Err(error) => self.settings.log.error("two gateways cannot be connected", &[("why", &error)]),
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the keeper is an edge: it waits for real time")]
fn now() -> Instant {
    Instant::now()
}
