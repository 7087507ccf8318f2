//! A gateway as a process: what its keeper says, what is asked of it, what it keeps on disk.

mod adopted;
mod broken;
mod change;
mod config;
mod control;
mod leading;
mod problems;
mod remote;
mod saved;
mod show;
mod siblings;
mod sockets;
mod watch;

pub use config::{Unreadable, parse as parse_config, read as read_config};
pub use remote::Settings as RemoteSettings;
pub use saved::has_tables;

use crate::access::{self, AccessLog};
use crate::fleet::{Ended, Fleet, NotLive};
use crate::room;
use crate::table::{Faults, read_address};
use crate::worker::Refused;
use adopted::Keeping;
use change::{Phase, Tables};
use config::Config;
use control::Control;
use remote::Remote;
use saved::Saved;
use siblings::Siblings;
use sockets::Sockets;
use std::collections::BTreeSet;
use std::io;
use std::net::SocketAddr;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::Builder;
use std::time::Duration;
use tokio::time::Instant;
use watch::Watchers;
use wire::Table;
use wire::counts::Run;
use wire::keeping::{NO_COMMON_VERSION, ToGateway, ToKeeper, VERSIONS};
use wire::log::Log;
use wire::passing::Line;
use wire::problem::Kind;

/// The most words of the keeper that wait to be dealt with.
const WORDS_MAX: usize = 64;
/// How often one that retires looks whether its last client is gone.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// How often is tried again what was saved and cannot be served by, and what could not be saved.
const TRY_AGAIN: Duration = Duration::from_secs(5);
/// The one that leads asks each second what was counted, and in less than this on a machine that is busy.
const LAST_COUNTS_WITHIN: Duration = Duration::from_secs(5);
/// What nobody uses any more ends within this.
const LAST_WITHIN: Duration = Duration::from_secs(1);
/// How a process ends that could not go on: its keeper starts another.
const BROKEN: i32 = 70;

/// What a gateway is told when it is started.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where it keeps its tables.
    pub state: PathBuf,
    /// The file that its tables come from, where no controller gives them.
    pub config: Option<PathBuf>,
    /// Where whoever watches it may ask for `/metrics`, `/healthz` and `/readyz`.
    pub admin: Option<SocketAddr>,
    /// Where it is asked from other machines.
    pub remote: Option<RemoteSettings>,
    /// Where it writes a line for each request.
    pub access: Option<access::Settings>,
    /// How many workers.
    pub workers: usize,
    /// The program's version.
    pub version: &'static str,
    /// Where to say what happens.
    pub log: Log,
}

/// One gateway.
pub(crate) struct Gateway {
    settings: Settings,
    run: Run,
    fleet: Fleet,
    keeper: Mutex<Line>,
    keeping: Keeping,
    /// Held while one change is made, so that changes come one after the other.
    tables: Mutex<Tables>,
    saved: Saved,
    config: Mutex<Config>,
    sockets: Sockets,
    control: Control,
    remote: Remote,
    watchers: Mutex<Watchers>,
    /// Another one led when it began.
    beside: bool,
    access: Option<AccessLog>,
    siblings: Mutex<Siblings>,
    /// Who has asked for another gateway, and waits to hear what became of it.
    replacing: Mutex<Option<SyncSender<Result<(), String>>>>,
}

/// Serves until its keeper says that it should not, on the line that it was started with.
pub fn serve(settings: Settings, line: Line) -> io::Result<()> {
    let log = settings.log;
    std::panic::set_hook(Box::new(move |panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        let said = panic.payload();
        let why = said.downcast_ref::<&str>().copied().or_else(|| said.downcast_ref::<String>().map(String::as_str));
        let why = why.unwrap_or("it did not say why");
        log.error("a part has panicked", &[("at", &place), ("why", &why)]);
    }));
    if let Err(error) = room::make() {
        log.warning("there is no room for more clients than is usual", &[("why", &error)]);
    }
    let Some((ToGateway::Begin { versions, member, beside }, mut passed)) = line.hear()? else {
        return Err(io::Error::other("no keeper is at the other end: a gateway is started by `glidepath gateway`"));
    };
    let version = wire::control::common(&versions, VERSIONS);
    let version = version.ok_or_else(|| {
        let why =
            format!("the keeper speaks versions {versions:?}, and this gateway {VERSIONS:?}: {NO_COMMON_VERSION}");
        io::Error::new(io::ErrorKind::Unsupported, why)
    })?;
    line.say(&ToKeeper::Begun { version }, &[])?;
    let control = passed.pop().map(UnixListener::from);
    let (told, ended) = sync_channel::<Ended>(settings.workers.max(1));
    let gateway = Arc::new(Gateway {
        run: crate::count::run::this(),
        fleet: Fleet::start(settings.workers, move |ended| _ = told.try_send(ended))?,
        keeper: Mutex::new(line.try_clone()?),
        keeping: Keeping::default(),
        tables: Mutex::default(),
        saved: Saved::new(&settings.state),
        config: Mutex::new(Config::new(settings.config.clone())),
        sockets: Sockets::default(),
        control: Control::default(),
        remote: Remote::default(),
        watchers: Mutex::new(Watchers::new(!beside)),
        beside,
        access: settings.access.clone().map(|access| AccessLog::start(access, log)).transpose()?,
        siblings: Mutex::default(),
        replacing: Mutex::default(),
        settings,
    });
    gateway.access.iter().for_each(|access| _ = gateway.fleet.log(access));
    gateway.look_after_workers(ended)?;
    let words = gateway.listen_to_keeper(line)?;
    gateway.tell_of_files()?;
    gateway.begin()?;
    if beside && gateway.locked_tables().problems.has(Kind::TableUnserved) {
        // Better one that goes on as it was than one that leaves a service without an answer.
        return Err(io::Error::other("a saved table cannot be served by: its service would be left without an answer"));
    }
    if let (true, Some(deaf)) = (beside, gateway.remote_problem()) {
        // So is one that can be asked better than one that cannot.
        return Err(io::Error::other(format!("nobody could ask from other machines: {}", deaf.why)));
    }
    gateway.tell_keeper(&ToKeeper::Ready)?;
    log.info("ready", &[("member", &member), ("workers", &gateway.settings.workers)]);
    gateway.follow(words, control)
}

/// What has to be told before the end.
struct LastCounts {
    /// How often it was asked before there was nothing more to count.
    asked: usize,
    due: Instant,
}

/// What the keeper said, and what came with it.
type Word = (ToGateway, Option<UnixStream>);

impl Gateway {
    /// Sockets are taken at once, whoever waits for them; everything else in its turn.
    fn listen_to_keeper(self: &Arc<Self>, line: Line) -> io::Result<Receiver<Word>> {
        let (sender, words) = sync_channel(WORDS_MAX);
        let gateway = Arc::clone(self);
        Builder::new().name("keeper".into()).spawn(move || {
            loop {
                let (word, mut passed) = match line.hear::<ToGateway>() {
                    Ok(Some(heard)) => heard,
                    // One of another version may say what nobody here knows: all else that it says counts.
                    Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                        gateway.settings.log.warning("the keeper said what is not known here", &[("why", &error)]);
                        continue;
                    }
                    Ok(None) | Err(_) => return,
                };
                if let ToGateway::Sockets { address, error } = word {
                    gateway.sockets.take(&gateway, address, passed, error);
                } else if sender.send((word, passed.pop().map(UnixStream::from))).is_err() {
                    return;
                }
            }
        })?;
        Ok(words)
    }

    /// Writes down which certificates were read again, and which could not be.
    fn tell_of_files(&self) -> io::Result<()> {
        let (log, news) = (self.settings.log, self.fleet.news_of_files());
        Builder::new().name("news".into()).spawn(move || {
            for reread in news.into_iter().flatten() {
                let files = reread.files.join(", ");
                match reread.problem {
                    None => log.info("files were read again", &[("files", &files)]),
                    Some(why) => log.error("files are used as they were", &[("files", &files), ("why", &why)]),
                }
            }
        })?;
        Ok(())
    }

    /// Serves by what was saved, and by the configuration.
    fn begin(self: &Arc<Self>) -> io::Result<()> {
        self.load();
        self.read_config();
        let wanted = self.wanted(&self.locked_tables());
        self.sockets.want(self, wanted)
    }

    fn follow(self: &Arc<Self>, mut words: Receiver<Word>, mut control: Option<UnixListener>) -> io::Result<()> {
        let log = self.settings.log;
        let mut retired = false;
        let mut last_counts = None;
        loop {
            let word = words.recv_timeout(if retired { LOOK_EVERY } else { TRY_AGAIN });
            match word {
                Ok((ToGateway::Lead, _)) => self.lead(control.take())?,
                Ok((ToGateway::Retire, _)) => {
                    self.retire()?;
                    retired = true;
                }
                Ok((ToGateway::Sibling { member, pid, led }, Some(line))) => self.meet(member, pid, led, line),
                Ok((ToGateway::Follow { .. }, Some(line))) => self.answer_leader(line)?,
                Ok((ToGateway::Gone { member }, _)) => self.locked_siblings().gone(member),
                Ok((ToGateway::Reload, _)) => {
                    self.access.iter().for_each(AccessLog::reopen);
                    self.read_config();
                }
                Ok((ToGateway::NotReplaced { why }, _)) => self.replaced(Err(why)),
                Ok((ToGateway::Stop { within_ms }, _)) => {
                    log.info("stops", &[]);
                    return self.stop(Duration::from_millis(within_ms));
                }
                Ok((ToGateway::Begin { .. } | ToGateway::Sockets { .. }, _)) => {}
                Ok((ToGateway::Sibling { .. } | ToGateway::Follow { .. }, None)) => {}
                Err(RecvTimeoutError::Timeout) if retired => {}
                Err(RecvTimeoutError::Timeout) => self.try_again()?,
                Err(RecvTimeoutError::Disconnected) => {
                    if let Some(keeper) = self.go_on_alone()? {
                        words = self.listen_to_keeper(keeper)?;
                    }
                }
            }
            if retired && self.is_done() && self.has_told(last_counts.get_or_insert_with(|| self.last_counts())) {
                log.info("its last client has gone", &[]);
                return self.stop(LAST_WITHIN);
            }
        }
    }

    /// What was missing may be there by now: a certificate that was mended, room on a disk, another process.
    fn try_again(self: &Arc<Self>) -> io::Result<()> {
        let mut tables = self.locked_tables();
        self.save_again(&mut tables);
        let unserved = tables.problems.has(Kind::TableUnserved);
        drop(tables);
        self.give_way();
        if unserved { self.begin() } else { Ok(()) }
    }

    /// Where it has to listen.
    fn wanted(&self, tables: &Tables) -> BTreeSet<SocketAddr> {
        let mut wanted = tables.addresses();
        wanted.extend(self.own_addresses());
        wanted
    }

    /// Where it is asked and watched itself.
    fn own_addresses(&self) -> impl Iterator<Item = SocketAddr> {
        self.settings.admin.into_iter().chain(self.settings.remote.as_ref().map(|remote| remote.address))
    }

    /// Whether nobody is to be served where it is asked and watched itself: no client would ever get there.
    fn keeps_apart(&self, table: &Table) -> Result<(), NotLive> {
        let mut faults = Faults::default();
        for (number, listen) in table.listen.iter().enumerate() {
            let named = read_address(&listen.address).unwrap_or_default();
            if let Some(own) = self.own_addresses().find(|own| named.contains(own)) {
                let what = format!("the gateway itself is asked at {own}: name another port");
                faults.add(format!("listen[{number}].address"), what);
            }
        }
        if faults.is_empty() { Ok(()) } else { Err(NotLive::Refused(Refused::Faulty(faults))) }
    }

    /// Ends within a time, whatever is under way.
    fn stop(&self, within: Duration) -> io::Result<()> {
        self.control.close();
        self.close_remote();
        self.control.finish();
        self.fleet.tell_to_stop();
        if !self.fleet.ended_within(within) {
            self.settings.log.warning("what was under way has been cut off", &[]);
        }
        if !self.access.iter().all(AccessLog::finish) {
            self.settings.log.warning("the end of the access log could not be written", &[]);
        }
        Ok(())
    }

    /// The next question what it has counted is the last that it has to answer.
    fn last_counts(&self) -> LastCounts {
        LastCounts { asked: self.control.asked.get(), due: Instant::now() + LAST_COUNTS_WITHIN }
    }

    /// Whether the one that leads has heard of the last requests, too: nobody can tell of them later. One that asks
    /// no more is not waited for.
    fn has_told(&self, last: &LastCounts) -> bool {
        self.control.told.get() > last.asked || Instant::now() >= last.due
    }

    /// Whether nobody needs this one any more, which takes no new clients.
    fn is_done(&self) -> bool {
        let done = self.fleet.report().is_some_and(|report| report.clients == 0);
        done && (!self.is_adopted() || self.locked_siblings().are_gone())
    }

    fn locked_tables(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn locked_watchers(&self) -> MutexGuard<'_, Watchers> {
        self.watchers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn locked_siblings(&self) -> MutexGuard<'_, Siblings> {
        self.siblings.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
