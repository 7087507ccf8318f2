//! A gateway that was started: its process, and the line to it.

use crate::gateway::Happening;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use std::ffi::OsString;
use std::io::{self, ErrorKind};
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::SyncSender;
use std::thread::Builder;
use wire::keeping::{ToGateway, ToKeeper};
use wire::passing::Line;

/// A gateway that was started.
#[derive(Debug)]
pub(crate) struct Child {
    pub(crate) pid: u32,
    /// The process itself, and never another one that got its number.
    process: OwnedFd,
    line: Line,
}

impl Child {
    /// Starts the program, which has its end of the line as standard input. What it says, and its end, are
    /// told to `happenings`.
    pub(crate) fn start(
        program: &Path,
        arguments: &[OsString],
        member: u32,
        happenings: &SyncSender<Happening>,
    ) -> io::Result<Self> {
        let (line, its) = Line::pair()?;
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::from(OwnedFd::from(its))).stdout(Stdio::null());
        // Sockets of the service manager are the keeper's, and a Ctrl-C is for the keeper alone.
        command.env_remove("LISTEN_PID").env_remove("LISTEN_FDS").env_remove("LISTEN_FDNAMES").process_group(0);
        let mut child = command.spawn()?;
        // The child's end is the child's alone now: only so its death is heard.
        drop(command);
        let process = i32::try_from(child.id()).ok().and_then(Pid::from_raw).ok_or(ErrorKind::InvalidData)?;
        let process = pidfd_open(process, PidfdFlags::empty())?;
        hear(line.try_clone()?, member, happenings)?;
        let (pid, ended) = (child.id(), happenings.clone());
        Builder::new().name(format!("waits-{member}")).spawn(move || {
            let how = child.wait().map_or_else(|error| error.to_string(), |status| status.to_string());
            let _ = ended.send(Happening::Died(member, how));
        })?;
        Ok(Self { pid, process, line })
    }

    /// One that another keeper has started.
    pub(crate) fn adopt(pid: u32, line: Line, member: u32, happenings: &SyncSender<Happening>) -> io::Result<Self> {
        let process = i32::try_from(pid).ok().and_then(Pid::from_raw).ok_or(ErrorKind::InvalidData)?;
        let process = pidfd_open(process, PidfdFlags::empty())?;
        hear(line.try_clone()?, member, happenings)?;
        let (waiting, ended) = (process.try_clone()?, happenings.clone());
        Builder::new().name(format!("waits-{member}")).spawn(move || {
            // The process of another's child is not waited for, but its end can be seen.
            while poll(&mut [PollFd::new(&waiting, PollFlags::IN)], None).is_err() {}
            let _ = ended.send(Happening::Died(member, "it was started by another keeper".into()));
        })?;
        Ok(Self { pid, process, line })
    }

    /// Says something to it. One that hangs, or is gone, hears nothing: its end is told elsewhere.
    pub(crate) fn say(&self, message: &ToGateway, descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
        self.line.say(message, descriptors)
    }

    /// Ends it at once.
    pub(crate) fn kill(&self) {
        // It may have ended by itself.
        let _ = pidfd_send_signal(&self.process, Signal::KILL);
    }
}

/// What it says is told to whoever keeps it.
fn hear(line: Line, member: u32, happenings: &SyncSender<Happening>) -> io::Result<()> {
    let said = happenings.clone();
    Builder::new().name(format!("hears-{member}")).spawn(move || {
        loop {
            let happening = match line.hear::<ToKeeper>() {
                Ok(Some((message, _))) => Happening::Said(member, message),
                // One of another version may say what nobody here knows: all else that it says counts.
                Err(error) if error.kind() == ErrorKind::InvalidData => Happening::Unknown(member, error.to_string()),
                Ok(None) | Err(_) => return,
            };
            if said.send(happening).is_err() {
                return;
            }
        }
    })?;
    Ok(())
}
