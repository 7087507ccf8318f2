//! The processes that are measured: started on their core, ended with us, and what the system says of them.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

/// How long a process may take to end when it is asked to.
const END_WITHIN: Duration = Duration::from_secs(5);
/// How often is looked whether something has come about.
pub(super) const LOOK_EVERY: Duration = Duration::from_millis(20);
/// The files that the bench has open at the most.
const FILES: u64 = 20_000;

/// A process and those that it has started.
pub(super) struct Process {
    pub(super) child: Child,
}

/// A command that runs on this core alone, where there is one, and that ends when we do: a bench that is
/// interrupted must not leave its servers behind.
pub(super) fn on_core(core: Option<usize>, program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "TERM", "--"]);
    if let Some(core) = core {
        command.args(["taskset", "--cpu-list", &core.to_string()]);
    }
    command.arg(program).stdin(Stdio::null());
    command
}

impl Process {
    /// Starts it; what it says goes to this file.
    pub(super) fn start(command: &mut Command, log: &Path) -> Result<Self, String> {
        let file = fs::File::create(log).map_err(|error| format!("{}: {error}", log.display()))?;
        let again = file.try_clone().map_err(|error| error.to_string())?;
        let child = command.stdout(file).stderr(again).spawn();
        child.map(|child| Self { child }).map_err(|error| format!("{command:?} did not start: {error}"))
    }

    /// The time that all of it has run, in nanoseconds.
    pub(super) fn cpu_nanoseconds(&self) -> u64 {
        self.all().into_iter().map(cpu_nanoseconds).sum()
    }

    /// The memory that is its, in bytes; what is shared with others is divided among them.
    pub(super) fn memory(&self) -> u64 {
        self.all().into_iter().map(memory).sum()
    }

    /// It and all that come from it.
    fn all(&self) -> BTreeSet<u32> {
        let parents: Vec<(u32, u32)> = fs::read_dir("/proc")
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
            .filter_map(|pid| Some((pid, parent(pid)?)))
            .collect();
        let mut all = BTreeSet::from([self.child.id()]);
        loop {
            let known = all.len();
            all.extend(
                parents.iter().filter(|(_, parent)| all.contains(parent)).map(|(pid, _)| *pid).collect::<Vec<_>>(),
            );
            if all.len() == known {
                return all;
            }
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // A master that is killed leaves its workers behind, so it is asked first.
        let _ = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
        for _ in 0..END_WITHIN.as_millis() / LOOK_EVERY.as_millis() {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            sleep(LOOK_EVERY);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Gives this process and all threads that it starts later one core, and as many open files as it may have.
pub(super) fn stay_on(core: Option<usize>) -> io::Result<()> {
    let own = std::process::id().to_string();
    let quiet = |command: &mut Command| command.stdout(Stdio::null()).stderr(Stdio::null()).status();
    if let Some(core) = core {
        quiet(Command::new("taskset").args(["--cpu-list", "--pid", &core.to_string(), &own]))?;
    }
    // Ten thousand idle connections are as many files; who may not have them is told when they are opened.
    quiet(Command::new("prlimit").args(["--pid", &own, &format!("--nofile={FILES}:")])).map(drop)
}

fn parent(pid: u32) -> Option<u32> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name before it is in parentheses, and may have spaces.
    text.rsplit_once(") ")?.1.split(' ').nth(1)?.parse().ok()
}

/// The scheduler's own count, by the nanosecond; threads that have ended are not in it, and none end here.
fn cpu_nanoseconds(pid: u32) -> u64 {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let times = threads.filter_map(|thread| {
        let text = fs::read_to_string(thread.path().join("schedstat")).ok()?;
        text.split_whitespace().next()?.parse::<u64>().ok()
    });
    times.sum()
}

fn memory(pid: u32) -> u64 {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:"));
    line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0) * 1_024
}
