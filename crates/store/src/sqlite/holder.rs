//! One process at a time writes a file.
//!
//! The lock is on a file beside the journal, because closing any descriptor of the journal itself
//! would drop the locks that SQLite holds on it. The operating system gives the lock back when the
//! process ends, however it ends; the file stays, since deleting it would race with the next holder.

use crate::error::explain_io;
use engine::store::{StoreError, Trouble};
use std::ffi::OsString;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

/// The right to write a journal, until dropped.
pub(crate) struct Holder(File);

/// The most digits that are read of a holder's process number.
const PID_LENGTH_MAX: u64 = 20;

impl Holder {
    /// Takes the right to write the journal at this path, or says which process has it.
    pub(crate) fn take(journal: &Path) -> Result<Self, StoreError> {
        let path = beside(journal, ".lock");
        let doing = "taking the right to write the journal";
        let failed = |error| explain_io(&path, doing, &error);
        let mut file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(held(journal, &mut file)),
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        let written = file.set_len(0).and_then(|()| write!(file, "{}", std::process::id()));
        written.map_err(failed)?;
        Ok(Self(file))
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        // So that nobody reads the number of a process that let go.
        let _ = self.0.set_len(0);
        // Closing is not enough: a process being started at this moment shares the descriptor, and with it
        // the lock, until it has become its own program.
        let _ = self.0.unlock();
    }
}

fn held(journal: &Path, file: &mut File) -> StoreError {
    let mut pid = String::new();
    let _ = file.take(PID_LENGTH_MAX).read_to_string(&mut pid);
    let who = if pid.is_empty() { "another process".to_owned() } else { format!("the process {pid}") };
    StoreError {
        trouble: Trouble::Locked,
        message: format!(
            "{} is being written by {who}: one controller at a time can have it. Stop that one, or give this one \
             a state directory of its own",
            journal.display()
        ),
    }
}

/// The path of a file that stands beside this one and belongs to it.
pub(crate) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    PathBuf::from(name)
}
