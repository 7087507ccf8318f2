//! A consistent copy of the journals while they are being written.
//!
//! The copy is of one snapshot: what was acknowledged before it began is in it, nothing is half in it.
//! It is made under another name, verified like any journal, synced, and only then given its name, so
//! under that name there is never half a copy. While it is made the log cannot be shortened, so the
//! log grows by what is written meanwhile. What an interrupted copy left under its other name is removed
//! by the next one.

use crate::audit;
use crate::error::{explain, explain_io, trouble};
use crate::sqlite::{Holder, Place, beside, for_reading, sync_folder};
use engine::store::{StoreError, Trouble};
use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, ffi};
use std::fs::{self, File};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// The pages copied between two reports of progress: a few milliseconds' worth.
const STEP_PAGES: i32 = 256;

/// What to do with a file that is already there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Existing {
    /// Leave it, and make no copy.
    Refuse,
    /// Put the copy in its place.
    Replace,
}

/// How far a copy is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The pages copied.
    pub done: u64,
    /// The pages there are.
    pub all: u64,
}

pub(crate) fn copy(
    from: &Place,
    to: &Path,
    existing: Existing,
    progress: &mut dyn FnMut(Progress),
) -> Result<(), StoreError> {
    let to = Place::of(to)?.path;
    let _holder = may_write(from, &to, existing)?;
    let source = for_reading(from)?;
    // One snapshot for all steps: without it every write of the controller would begin the copy anew.
    let unread = |error: rusqlite::Error| explain(&from.path, "copying the journals", &error);
    let snapshot = source.unchecked_transaction().map_err(unread)?;
    snapshot.query_row("SELECT count(*) FROM ledger", [], |_| Ok(())).map_err(unread)?;
    remove_interrupted(&to);
    let partial = Partial::beside(&to)?;
    let failed = |error: rusqlite::Error| at_fault(&error, from, &partial.path);
    let mut copy = Connection::open(&partial.path).map_err(failed)?;
    copy_pages(&source, &mut copy, progress).map_err(failed)?;
    drop(snapshot);
    // One file, without a log beside it.
    copy.pragma_update_and_check(None, "journal_mode", "DELETE", |_| Ok(())).map_err(failed)?;
    verify(from, &copy)?;
    copy.close().map_err(|(_, error)| failed(error))?;
    partial.become_durably(&to, existing)
}

/// The copy is new, and has page for page what the source has: damage is the source's, whatever SQLite
/// was reading when it saw it.
fn at_fault(error: &rusqlite::Error, from: &Place, partial: &Path) -> StoreError {
    let read = error.sqlite_error().is_some_and(|failure| failure.extended_code == ffi::SQLITE_IOERR_READ);
    let path = if read || trouble(error) == Trouble::Corrupt { &from.path } else { partial };
    explain(path, "copying the journals", error)
}

fn may_write(from: &Place, to: &Path, existing: Existing) -> Result<Option<Holder>, StoreError> {
    let refuse = |what: &str| {
        let message = format!("no copy was made: {} {what}", to.display());
        Err(StoreError { trouble: Trouble::Other, message })
    };
    if *to == from.path {
        return refuse("is the file that is to be copied. Give the copy another name");
    }
    if existing == Existing::Refuse && to.exists() {
        return refuse("is already there. Give the copy another name, or say that it may be replaced");
    }
    // A log that belongs to the file before would be applied to the copy.
    if ["-wal", "-journal"].iter().any(|suffix| beside(to, suffix).exists()) {
        return refuse("has a log beside it: it is in use, or was left by a crash. Give the copy another name");
    }
    if beside(to, ".lock").exists() {
        return Holder::take(to).map(Some);
    }
    Ok(None)
}

fn copy_pages(source: &Connection, copy: &mut Connection, progress: &mut dyn FnMut(Progress)) -> rusqlite::Result<()> {
    let backup = Backup::new(source, copy)?;
    loop {
        // Bounded by the pages of the snapshot; nobody else has the copy, so it is never busy for long.
        let result = backup.step(STEP_PAGES)?;
        let at = backup.progress();
        let count = |pages: i32| u64::from(pages.unsigned_abs());
        progress(Progress { done: count(at.pagecount - at.remaining), all: count(at.pagecount) });
        if result == StepResult::Done {
            return Ok(());
        }
    }
}

/// A copy of a damaged file would take the place of a good one.
fn verify(from: &Place, copy: &Connection) -> Result<(), StoreError> {
    let verified = audit::verify_in(copy).map_err(|problem| problem.explain(&from.path, "verifying a copy of it"))?;
    match verified.broken.first() {
        None => Ok(()),
        Some(broken) => Err(StoreError {
            trouble: Trouble::Corrupt,
            message: format!(
                "no copy was made: {} is damaged ({broken}). Keep the copies that you have, and see \
                 `glidepath audit verify`",
                from.path.display()
            ),
        }),
    }
}

/// A device or a pipe is never replaced: nobody means that, and root could.
fn refuse_what_is_no_file(to: &Path) -> Result<(), StoreError> {
    match fs::symlink_metadata(to) {
        Ok(there) if !there.is_file() => Err(StoreError {
            trouble: Trouble::Other,
            message: format!("no copy was made: {} is no ordinary file. Name another one", to.display()),
        }),
        Ok(_) | Err(_) => Ok(()),
    }
}

/// What stands in the name of a copy that is not finished, before its process and its number there.
const PARTIAL: &str = ".partial-";

/// Its rights, as SQLite gives them.
const PARTIAL_MODE: u32 = 0o644;

/// The most names of a folder that are looked at for copies that were interrupted.
const NAMES_MAX: usize = 10_000;

/// A copy that is not finished; dropped, it is removed.
struct Partial {
    path: PathBuf,
    /// Locked as long as somebody works on it: what nobody holds was interrupted.
    file: File,
}

impl Partial {
    fn beside(to: &Path) -> Result<Self, StoreError> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let (pid, number) = (std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = beside(to, &format!("{PARTIAL}{pid}-{number}"));
        let made = File::options().write(true).create_new(true).mode(PARTIAL_MODE).open(&path);
        let file = made.map_err(|error| explain_io(to, "beginning the copy", &error))?;
        // On a file system without locks nobody can say what was interrupted, and nothing is removed.
        let _ = file.try_lock();
        Ok(Self { path, file })
    }

    fn become_durably(self, to: &Path, existing: Existing) -> Result<(), StoreError> {
        let failed = |error| explain_io(to, "giving the copy its name", &error);
        self.file.sync_all().map_err(failed)?;
        match existing {
            // A link, unlike a rename, fails where somebody made the file meanwhile.
            Existing::Refuse => fs::hard_link(&self.path, to).map_err(failed)?,
            Existing::Replace => {
                refuse_what_is_no_file(to)?;
                fs::rename(&self.path, to).map_err(failed)?;
            }
        }
        sync_folder(to)
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        remove_with_logs(&self.path);
    }
}

fn remove_with_logs(path: &Path) {
    for suffix in ["", "-journal", "-wal", "-shm"] {
        let _ = fs::remove_file(beside(path, suffix));
    }
}

/// Removes what copies to this file left that were killed. Where that fails there is only more on the
/// disk than there need be.
fn remove_interrupted(to: &Path) {
    let (Some(folder), Some(name)) = (to.parent(), to.file_name()) else { return };
    let Ok(names) = fs::read_dir(folder) else { return };
    for found in names.flatten().take(NAMES_MAX) {
        let found = found.file_name();
        let rest = found.as_encoded_bytes().strip_prefix(name.as_encoded_bytes());
        let numbers = rest.and_then(|rest| rest.strip_prefix(PARTIAL.as_bytes()));
        // Our own are not interrupted; and SQLite's locks on a file end when its process closes the file anywhere.
        if numbers.and_then(process_of).is_none_or(|pid| pid == std::process::id()) {
            continue;
        }
        let path = folder.join(&found);
        if File::open(&path).is_ok_and(|file| file.try_lock().is_ok()) {
            remove_with_logs(&path);
        }
    }
}

/// The process in `4711-0`.
fn process_of(numbers: &[u8]) -> Option<u32> {
    let (pid, number) = std::str::from_utf8(numbers).ok()?.split_once('-')?;
    number.parse::<u64>().ok().and(pid.parse().ok())
}
