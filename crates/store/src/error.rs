//! What SQLite and the file system say, as what happened, where, and what to do next.

use engine::store::{StoreError, Trouble};
use rusqlite::ffi;
use std::fs::File;
use std::io;
use std::path::Path;

/// What to do about a damaged file; the same words wherever damage is found.
const DAMAGED: &str = "Stop the controller, keep the file for whoever looks into it, and put the newest copy that \
                       `glidepath backup` made in its place; `glidepath audit verify` says which journals are whole";

/// An error of SQLite while `doing` something.
pub(crate) fn explain(path: &Path, doing: &str, error: &rusqlite::Error) -> StoreError {
    match primary(error) {
        Some(ffi::SQLITE_CANTOPEN) => return cannot_open(path, doing, error),
        Some(ffi::SQLITE_NOTADB) => return no_journal(path),
        _ => {}
    }
    let path = path.display();
    let trouble = trouble(error);
    let message = match trouble {
        Trouble::Full => format!(
            "the disk is full: {path} could not grow while {doing}, and nothing of this was written. \
             What was acknowledged is safe. Free some space and try again"
        ),
        Trouble::ReadOnly => format!(
            "{path} cannot be written while {doing}: {error}. Give the user of the controller the right to write \
             the file and its folder, or mount its disk for writing"
        ),
        Trouble::Corrupt => return damaged_file(&path, &format!("{error} while {doing}")),
        Trouble::Locked => format!(
            "{path} is held by another program while {doing}: {error}. Close whatever else has the file open \
             (a `sqlite3` shell, a copy or a scan of the folder) and try again"
        ),
        Trouble::Newer | Trouble::TooLarge | Trouble::Other => format!(
            "{path} failed while {doing}: {error}{}. Look at the disk and at the system's log; \
             the store reads its state again before it goes on",
            code(error).map(|code| format!(" (SQLite's code {code})")).unwrap_or_default()
        ),
    };
    StoreError { trouble, message }
}

/// SQLite only says that it could not; the system says why.
fn cannot_open(path: &Path, doing: &str, error: &rusqlite::Error) -> StoreError {
    match File::open(path) {
        Err(why) => explain_io(path, doing, &why),
        Ok(_) => no_log(path, error),
    }
}

/// An error of SQLite while opening a file to read.
pub(crate) fn explain_reader(path: &Path, error: &rusqlite::Error) -> StoreError {
    match trouble(error) {
        Trouble::ReadOnly => no_log(path, error),
        _ => explain(path, "opening it to read", error),
    }
}

/// Whoever reads shares memory with whoever writes, in a file beside the log, also where nobody writes.
fn no_log(path: &Path, error: &rusqlite::Error) -> StoreError {
    let message = format!(
        "{0} is there, but this user may not use the log beside it ({0}-wal and {0}-shm), which readers share with the \
         controller: {error}. Run as the user of the controller, or as root",
        path.display()
    );
    StoreError { trouble: Trouble::ReadOnly, message }
}

/// What begins with something else than a database, or with a damaged one's remains.
fn no_journal(path: &Path) -> StoreError {
    let message = format!(
        "{} is no journal, or its beginning is damaged: it does not begin as a database does. Correct the path; if it \
         was one, stop the controller, keep the file for whoever looks into it, and put the newest copy that \
         `glidepath backup` made in its place",
        path.display()
    );
    StoreError { trouble: Trouble::Corrupt, message }
}

/// Damage that SQLite did not see: a row that does not fit its hash, or is missing.
pub(crate) fn damaged(path: &Path, what: &str) -> StoreError {
    damaged_file(&path.display(), what)
}

fn damaged_file(path: &dyn std::fmt::Display, what: &str) -> StoreError {
    StoreError { trouble: Trouble::Corrupt, message: format!("{path} is damaged: {what}. {DAMAGED}") }
}

/// An error of the file system while `doing` something.
pub(crate) fn explain_io(path: &Path, doing: &str, error: &io::Error) -> StoreError {
    use io::ErrorKind::{IsADirectory, NotADirectory, NotFound, PermissionDenied};
    use io::ErrorKind::{QuotaExceeded, ReadOnlyFilesystem, StorageFull};
    let (trouble, next) = match error.kind() {
        StorageFull | QuotaExceeded => (Trouble::Full, "Free some space and try again"),
        PermissionDenied | ReadOnlyFilesystem => (
            Trouble::ReadOnly,
            "Run as the user of the controller, give this one the right to it, or choose another place",
        ),
        NotFound => (Trouble::Other, "Make the folder first, or correct the path"),
        IsADirectory => (Trouble::Other, "A file belongs there: correct the path"),
        NotADirectory => (Trouble::Other, "A part of the path is a file, and no folder: correct the path"),
        _ => (Trouble::Other, "Look at the disk and at the system's log"),
    };
    StoreError { trouble, message: format!("{} failed while {doing}: {error}. {next}", path.display()) }
}

/// The kind of trouble that an error of SQLite is.
pub(crate) fn trouble(error: &rusqlite::Error) -> Trouble {
    use rusqlite::Error as E;
    match error {
        E::SqliteFailure(failure, _) => match failure.extended_code & 0xff {
            ffi::SQLITE_FULL => Trouble::Full,
            ffi::SQLITE_READONLY | ffi::SQLITE_PERM => Trouble::ReadOnly,
            ffi::SQLITE_BUSY | ffi::SQLITE_LOCKED => Trouble::Locked,
            // Our statements are fixed: an unknown table or a broken constraint is the file's fault.
            ffi::SQLITE_CORRUPT
            | ffi::SQLITE_NOTADB
            | ffi::SQLITE_FORMAT
            | ffi::SQLITE_ERROR
            | ffi::SQLITE_SCHEMA
            | ffi::SQLITE_CONSTRAINT
            | ffi::SQLITE_MISMATCH => Trouble::Corrupt,
            _ if failure.extended_code == ffi::SQLITE_IOERR_CORRUPTFS => Trouble::Corrupt,
            _ => Trouble::Other,
        },
        // A statement that does not compile any more, or a value of another type than was written.
        E::SqlInputError { .. } | E::FromSqlConversionFailure(..) | E::IntegralValueOutOfRange(..) => Trouble::Corrupt,
        E::InvalidColumnType(..) | E::QueryReturnedNoRows | E::Utf8Error(..) => Trouble::Corrupt,
        _ => Trouble::Other,
    }
}

/// The code of an error of SQLite, without what is particular about it.
fn primary(error: &rusqlite::Error) -> Option<i32> {
    code(error).map(|code| code & 0xff)
}

/// The extended code of an error of SQLite.
pub(crate) fn code(error: &rusqlite::Error) -> Option<i32> {
    error.sqlite_error().map(|failure| failure.extended_code)
}
