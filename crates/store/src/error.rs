//! What SQLite and the file system say, as what happened, where, and what to do next.

use engine::store::{StoreError, Trouble};
use rusqlite::ffi;
use std::io;
use std::path::Path;

/// What to do about a damaged file; the same words wherever damage is found.
const DAMAGED: &str = "Stop the controller, keep the file for whoever looks into it, and put the newest copy that \
                       `glidepath backup` made in its place; `glidepath audit verify` says which journals are whole";

/// An error of SQLite while `doing` something.
pub(crate) fn explain(path: &Path, doing: &str, error: &rusqlite::Error) -> StoreError {
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

/// Damage that SQLite did not see: a row that does not fit its hash, or is missing.
pub(crate) fn damaged(path: &Path, what: &str) -> StoreError {
    damaged_file(&path.display(), what)
}

fn damaged_file(path: &dyn std::fmt::Display, what: &str) -> StoreError {
    StoreError { trouble: Trouble::Corrupt, message: format!("{path} is damaged: {what}. {DAMAGED}") }
}

/// An error of the file system while `doing` something.
pub(crate) fn explain_io(path: &Path, doing: &str, error: &io::Error) -> StoreError {
    use io::ErrorKind::{NotFound, PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull};
    let (trouble, next) = match error.kind() {
        StorageFull | QuotaExceeded => (Trouble::Full, "Free some space and try again"),
        PermissionDenied | ReadOnlyFilesystem => {
            (Trouble::ReadOnly, "Give the user of the controller the right to write there, or choose another folder")
        }
        NotFound => (Trouble::Other, "Make the folder first, or correct the path"),
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

/// The extended code of an error of SQLite.
pub(crate) fn code(error: &rusqlite::Error) -> Option<i32> {
    error.sqlite_error().map(|failure| failure.extended_code)
}
