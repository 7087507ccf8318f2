//! A consistent copy of the journals while they are being written.
//!
//! The copy is of one snapshot: what was acknowledged before it began is in it, nothing is half in it.
//! It is made under another name, verified like any journal, synced, and only then given its name, so
//! under that name there is never half a copy. While it is made the log cannot be shortened, so the
//! log grows by what is written meanwhile.

use crate::audit;
use crate::error::{explain, explain_io};
use crate::sqlite::{Holder, Place, beside, for_reading, sync_folder};
use engine::store::{StoreError, Trouble};
use rusqlite::Connection;
use rusqlite::backup::{Backup, StepResult};
use std::fs::{self, File};
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
    let partial = Partial::beside(&to);
    let failed = |error: rusqlite::Error| explain(&partial.0, "copying the journals", &error);
    let source = for_reading(from)?;
    // One snapshot for all steps: without it every write of the controller would begin the copy anew.
    let snapshot = source.unchecked_transaction().map_err(failed)?;
    snapshot.query_row("SELECT count(*) FROM ledger", [], |_| Ok(())).map_err(failed)?;
    let mut copy = Connection::open(&partial.0).map_err(failed)?;
    copy_pages(&source, &mut copy, progress).map_err(failed)?;
    drop(snapshot);
    // One file, without a log beside it.
    copy.pragma_update_and_check(None, "journal_mode", "DELETE", |_| Ok(())).map_err(failed)?;
    verify(from, &partial.0, &copy)?;
    copy.close().map_err(|(_, error)| failed(error))?;
    partial.become_durably(&to, existing)
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
fn verify(from: &Place, partial: &Path, copy: &Connection) -> Result<(), StoreError> {
    let verified = audit::verify_in(copy).map_err(|problem| problem.explain(partial, "verifying the copy"))?;
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

/// A copy that is not finished; dropped, it is removed.
struct Partial(PathBuf);

impl Partial {
    fn beside(to: &Path) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let (pid, number) = (std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        Self(beside(to, &format!(".partial-{pid}-{number}")))
    }

    fn become_durably(self, to: &Path, existing: Existing) -> Result<(), StoreError> {
        let failed = |error| explain_io(to, "giving the copy its name", &error);
        File::open(&self.0).and_then(|file| file.sync_all()).map_err(failed)?;
        match existing {
            // A link, unlike a rename, fails where somebody made the file meanwhile.
            Existing::Refuse => fs::hard_link(&self.0, to).map_err(failed)?,
            Existing::Replace => {
                refuse_what_is_no_file(to)?;
                fs::rename(&self.0, to).map_err(failed)?;
            }
        }
        sync_folder(to)
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        for suffix in ["", "-journal", "-wal", "-shm"] {
            let _ = fs::remove_file(beside(&self.0, suffix));
        }
    }
}
