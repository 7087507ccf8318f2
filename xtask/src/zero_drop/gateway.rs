//! The gateway under test: the program itself, with its keeper, asked as a controller asks it.

use super::now;
use gateway::planted::{Bug, VARIABLE};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};
use wire::Table;
use wire::asking::Asking;
use wire::control::{Answer, MemberReport, Request};
use wire::table::Listen;

/// How many workers it has.
const WORKERS: &str = "2";
/// How often is looked whether something has come about, and how often at the most.
const LOOK_EVERY: Duration = Duration::from_millis(10);
const LOOKS_MAX: u32 = 3_000;
/// No answer takes so long unless something hangs.
const ANSWERED_WITHIN: Duration = Duration::from_secs(60);

/// The keeper's process, and where its gateway is asked.
pub(super) struct Gateway {
    pub(super) address: SocketAddr,
    keeper: Child,
    control: PathBuf,
    folder: PathBuf,
}

impl Gateway {
    /// One that serves nobody yet.
    pub(super) fn start(program: &Path, planted: Option<Bug>) -> Result<Self, String> {
        let folder = std::env::temp_dir().join(format!("glidepath-zero-drop-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).map_err(told)?;
        let address = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).map_err(told)?;
        let (control, log) = (folder.join("control"), std::fs::File::create(folder.join("log")).map_err(told)?);
        // Ends with us, whatever becomes of us; its gateways end with it.
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "TERM", "--"]).arg(program).args(["gateway", "--workers", WORKERS]);
        command.arg("--control").arg(&control).arg("--state").arg(folder.join("state"));
        command.envs(planted.map(|bug| (VARIABLE, bug.name())));
        let keeper = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().map_err(told)?;
        let gateway = Self { address, keeper, control, folder };
        gateway.leader()?;
        Ok(gateway)
    }

    /// Serves by this table: it is live in all workers of all members when this returns.
    pub(super) fn take(&self, table: Table) -> Result<(), String> {
        let listen = vec![Listen { address: self.address.to_string(), ..Listen::default() }];
        match self.ask(&Request::Table(Box::new(Table { listen, ..table })))? {
            Answer::Live(live) if live.deaf.is_empty() => Ok(()),
            other => Err(format!("a table is not live: {other:?}")),
        }
    }

    /// How many requests a release has under way at all members; none where one of them does not answer.
    pub(super) fn claims(&self, release: u32) -> Result<Option<u64>, String> {
        let Answer::Report(members) = self.ask(&Request::Report)? else { return Err("no report came".into()) };
        let of_member = |member: &MemberReport| {
            member.workers.iter().try_fold(0, |sum, worker| {
                let pools = worker.as_ref()?.pools.iter().filter(|pool| pool.release.0 == release);
                Some(sum + pools.map(|pool| pool.claims).sum::<u64>())
            })
        };
        Ok(members.iter().try_fold(0, |sum, member| Some(sum + of_member(member)?)))
    }

    /// Another gateway takes its place: it serves before the one before it stops to accept.
    pub(super) fn replace(&self) -> Result<(), String> {
        match self.ask(&Request::Replace { workers: None })? {
            Answer::Replaced => Ok(()),
            other => Err(format!("no other gateway takes its place: {other:?}")),
        }
    }

    /// Kills the gateway that leads: between which two instants. Its keeper has another one that leads when
    /// this returns.
    pub(super) fn kill(&self) -> Result<(Instant, Instant), String> {
        let pid = self.leader()?;
        let from = now();
        let killed = Command::new("kill").args(["-KILL", &pid.to_string()]).status().map_err(told)?;
        let to = now();
        if !killed.success() {
            return Err(format!("process {pid} cannot be killed"));
        }
        wait(|| Ok((self.leader()? != pid).then_some(())), "a killed gateway has no successor")?;
        Ok((from, to))
    }

    /// The process that leads.
    fn leader(&self) -> Result<u32, String> {
        match self.ask(&Request::Status)? {
            Answer::Status(status) => Ok(status.member.pid),
            other => Err(format!("no status came: {other:?}")),
        }
    }

    /// Asks again where it could not be said what became of a question: all of them may be asked twice.
    fn ask(&self, request: &Request) -> Result<Answer, String> {
        let asked = || match Asking::connect(&self.control, ANSWERED_WITHIN).and_then(|mut asking| asking.ask(request))
        {
            Ok(Answer::Moved | Answer::Undecided(_)) => Ok(None),
            Ok(answer) => Ok(Some(answer)),
            Err(error) if is_changing(&error) => Ok(None),
            Err(error) => Err(format!("the gateway cannot be asked: {error}")),
        };
        wait(asked, "the gateway does not answer")
    }
}

/// Whether somebody else is about to answer.
fn is_changing(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionRefused, ConnectionReset, NotFound, UnexpectedEof};
    matches!(error.kind(), BrokenPipe | ConnectionRefused | ConnectionReset | NotFound | UnexpectedEof)
}

fn wait<T>(look: impl Fn() -> Result<Option<T>, String>, late: &str) -> Result<T, String> {
    for _ in 0..LOOKS_MAX {
        if let Some(found) = look()? {
            return Ok(found);
        }
        sleep(LOOK_EVERY);
    }
    Err(late.into())
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = Command::new("kill").args(["-TERM", &self.keeper.id().to_string()]).status();
        let _ = self.keeper.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn told(error: io::Error) -> String {
    error.to_string()
}
