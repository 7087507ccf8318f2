//! Opening a file: is it ours, is it not newer, is it whole; then bring it forward.

use super::migrations::{self, APPLICATION_ID, STEPS};
use super::rows::{Ledger, Problem};
use crate::error::{damaged, explain, explain_io, explain_reader, trouble};
use engine::store::{StoreError, Trouble};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior, ffi};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long a statement waits for another program that has the file: a shell, a scan. Our own
/// connections never wait for each other: one writes, and readers block nobody.
const BUSY_MS_MAX: u64 = 1_000;

/// How far the WAL file may stay grown after a burst.
const WAL_BYTES_KEPT_MAX: u64 = 64 << 20;

/// The pages that each connection keeps in memory, in KiB.
const CACHE_KIB: i64 = 8 << 10;

/// The statements that each connection keeps prepared: more than there are.
const STATEMENTS_KEPT_MAX: usize = 64;

/// How much of a power cut a commit survives. Everything but `Full` is a planted fault of the tests, and
/// a program that ships cannot even say it.
#[cfg_attr(not(feature = "contract"), allow(unreachable_pub))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// Every commit is on the disk before it is acknowledged.
    Full,
    /// Commits are on the disk some time after they were acknowledged.
    #[cfg(feature = "contract")]
    Normal,
    /// The disk is never asked.
    #[cfg(feature = "contract")]
    Off,
}

/// Where a file is, and on which file layer.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) path: PathBuf,
    /// The name of one of SQLite's file layers; the operating system's without one.
    pub(crate) vfs: Option<String>,
    pub(crate) durability: Durability,
}

impl Place {
    /// A path on the operating system's file layer. Two names of one file become one path, so that the
    /// lock beside it is one too.
    pub(crate) fn of(path: &Path) -> Result<Self, StoreError> {
        let path = match path.canonicalize() {
            Ok(path) if path.is_dir() => {
                let message = format!("{} is a folder, and a file belongs there. Correct the path", path.display());
                return Err(StoreError { trouble: Trouble::Other, message });
            }
            Ok(path) => path,
            Err(_) => {
                let folder = match path.parent() {
                    Some(folder) if !folder.as_os_str().is_empty() => folder,
                    _ => Path::new("."),
                };
                let folder = folder.canonicalize().map_err(|error| no_folder(folder, path, &error))?;
                folder.join(path.file_name().unwrap_or_default())
            }
        };
        Ok(Self { path, vfs: None, durability: Durability::Full })
    }

    fn connect(&self, access: OpenFlags) -> rusqlite::Result<Connection> {
        let flags = access | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_EXRESCODE;
        let connection = match &self.vfs {
            Some(vfs) => Connection::open_with_flags_and_vfs(&self.path, flags, vfs.as_str()),
            None => Connection::open_with_flags(&self.path, flags),
        }?;
        // SQLite opens what it may not write for reading instead, and would say so at the first write.
        if access.contains(OpenFlags::SQLITE_OPEN_READ_WRITE) && connection.is_readonly("main")? {
            return Err(rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_READONLY), None));
        }
        connection.busy_timeout(Duration::from_millis(BUSY_MS_MAX))?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS_KEPT_MAX);
        // Cells are checked when a page is loaded, and the schema's text is not trusted.
        connection.pragma_update(None, "cell_size_check", true)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
        // A plan does not depend on the values that are bound: without this every other read of a journal
        // is prepared again, a third of what a controller's start costs here.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
        // No files in other folders, on other disks.
        connection.pragma_update(None, "temp_store", "MEMORY")?;
        Ok(connection)
    }

    fn explain(&self, doing: &str, error: &rusqlite::Error) -> StoreError {
        explain(&self.path, doing, error)
    }
}

/// Nothing can be in a folder that is not there.
fn no_folder(folder: &Path, path: &Path, error: &io::Error) -> StoreError {
    if error.kind() != io::ErrorKind::NotFound {
        return explain_io(folder, "looking for its folder", error);
    }
    let message = format!("the folder of {} is not there. Make the folder first, or correct the path", path.display());
    StoreError { trouble: Trouble::Other, message }
}

/// What a file says that it is.
enum Found {
    Nothing,
    Ours,
}

/// Opens a file for reading and changes nothing in it.
pub(crate) fn for_reading(place: &Place) -> Result<Connection, StoreError> {
    let failed = |error: rusqlite::Error| explain_reader(&place.path, &error);
    let connection = place.connect(OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(failed)?;
    // Only the process that writes may move pages from the WAL into the file.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).map_err(failed)?;
    match recognise(place, &connection).map_err(failed)?? {
        Found::Ours => Ok(connection),
        Found::Nothing => Err(StoreError {
            trouble: Trouble::Other,
            message: format!("{} has no journals in it yet: start a controller on it first", place.path.display()),
        }),
    }
}

/// Opens a file for writing, makes it if it is not there, and brings it to the newest version.
///
/// What an earlier life left in the WAL is moved into the file and the WAL begins anew: if a sync had
/// failed in that life, the WAL could look whole from memory and yet not be on the disk, and whatever
/// was appended behind such a gap would be lost with it. `after_failure` insists on it, otherwise a
/// reader of another process can put it off.
pub(crate) fn for_writing(place: &Place, after_failure: bool) -> Result<Connection, StoreError> {
    look_first(place)?;
    let doing = "opening it to write";
    let failed = |error: rusqlite::Error| place.explain(doing, &error);
    let access = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
    let mut connection = place.connect(access).map_err(failed)?;
    recognise(place, &connection).map_err(failed)??;
    begin_log(&connection, place.durability).map_err(failed)?;
    empty_log(place, &connection, after_failure)?;
    migrations::migrate(&mut connection, STEPS, first_rows).map_err(failed)?;
    compare_tables(place, &connection)?;
    count_opening(&mut connection).map_err(|problem| problem.explain(&place.path, doing))?;
    if place.vfs.is_none() {
        sync_folder(&place.path)?;
    }
    Ok(connection)
}

/// Looks at a file without the right to change it: opening it to write would already move what is in
/// its WAL, also in a file that turns out to be newer, or somebody else's.
fn look_first(place: &Place) -> Result<(), StoreError> {
    let looked = (|| {
        let connection = place.connect(OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        recognise(place, &connection)
    })();
    match looked {
        Ok(found) => found.map(|_| ()),
        // There is no file, or it has to be rolled back before anybody can read it.
        Err(error) if matches!(primary(&error), ffi::SQLITE_CANTOPEN | ffi::SQLITE_READONLY) => Ok(()),
        Err(error) => Err(place.explain("looking at it", &error)),
    }
}

fn primary(error: &rusqlite::Error) -> i32 {
    error.sqlite_error().map_or(0, |failure| failure.extended_code & 0xff)
}

fn recognise(place: &Place, connection: &Connection) -> rusqlite::Result<Result<Found, StoreError>> {
    let path = place.path.display();
    let tables: u64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    let application: i32 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if tables == 0 && application == 0 && version == 0 {
        return Ok(Ok(Found::Nothing));
    }
    if application != APPLICATION_ID {
        let message = format!(
            "{path} is a database, but not of Glidepath (its application id is {application:#x}): it was not touched. \
             Correct the path"
        );
        return Ok(Err(StoreError { trouble: Trouble::Other, message }));
    }
    let newest = i64::from(migrations::newest(STEPS));
    if version > newest {
        let message = format!(
            "{path} was written by a newer Glidepath (its version is {version}, this program knows up to {newest}): \
             it was not touched. Start the newer program, or go back to a copy that `glidepath backup` made before"
        );
        return Ok(Err(StoreError { trouble: Trouble::Newer, message }));
    }
    if version < 1 {
        return Ok(Err(damaged(&place.path, "it has tables, but says that it has no version")));
    }
    Ok(Ok(Found::Ours))
}

fn begin_log(connection: &Connection, durability: Durability) -> rusqlite::Result<()> {
    let synchronous = match durability {
        Durability::Full => "FULL",
        #[cfg(feature = "contract")]
        Durability::Normal => "NORMAL",
        #[cfg(feature = "contract")]
        Durability::Off => "OFF",
    };
    connection.pragma_update(None, "synchronous", synchronous)?;
    use_log(connection)?;
    connection.pragma_update_and_check(None, "journal_size_limit", WAL_BYTES_KEPT_MAX, |_| Ok(()))?;
    // The writer moves pages itself, after it has answered.
    connection.pragma_update_and_check(None, "wal_autocheckpoint", 0, |_| Ok(()))
}

/// Changes to the log. SQLite gives its answer, `wal`, before it commits the change; when that fails the
/// answer was wrong, and the store would go on in the old mode, where a commit is the removal of a file
/// and a power cut can undo it. So the statement is run to its end, and the log itself is asked for.
fn use_log(connection: &Connection) -> rusqlite::Result<()> {
    let mut statement = connection.prepare("PRAGMA journal_mode = WAL")?;
    let mut rows = statement.query([])?;
    while rows.next()?.is_some() {}
    let pages: i64 = connection.query_row("PRAGMA wal_checkpoint(NOOP)", [], |row| row.get(1))?;
    if pages < 0 {
        let message = "it does not take a write-ahead log".to_owned();
        return Err(rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_IOERR), Some(message)));
    }
    Ok(())
}

fn empty_log(place: &Place, connection: &Connection, after_failure: bool) -> Result<(), StoreError> {
    let doing = "emptying its log";
    let busy = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, bool>(0));
    match busy {
        Ok(true) if after_failure => {
            let busy = rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_BUSY), None);
            Err(place.explain(doing, &busy))
        }
        Ok(_) => Ok(()),
        Err(error) if trouble(&error) == Trouble::Locked && !after_failure => Ok(()),
        Err(error) => Err(place.explain(doing, &error)),
    }
}

/// The rows that version 1 begins with.
fn first_rows(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    match Ledger::default().save(transaction) {
        Err(Problem::Sqlite(error)) => Err(error),
        Err(Problem::Damaged(_)) | Ok(()) => Ok(()),
    }
}

/// Tables that are not those of the newest version were changed by somebody, or by damage.
fn compare_tables(place: &Place, connection: &Connection) -> Result<(), StoreError> {
    let compared = (|| {
        let mut model = Connection::open_in_memory()?;
        migrations::migrate(&mut model, STEPS, |_| Ok(()))?;
        Ok(migrations::tables(connection)? == migrations::tables(&model)?)
    })();
    match compared {
        Ok(true) => Ok(()),
        Ok(false) => Err(damaged(&place.path, "its tables are not those of its version")),
        Err(error) => Err(place.explain("looking at its tables", &error)),
    }
}

/// Writes once before anybody relies on it: a file that cannot be written is found out now, and what
/// a failed commit may have left in the log is overwritten.
fn count_opening(connection: &mut Connection) -> Result<(), Problem> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let mut ledger = Ledger::load(&transaction)?;
    ledger.openings += 1;
    ledger.save(&transaction)?;
    Ok(transaction.commit()?)
}

/// Makes the file's name durable, as a sync of the file alone does not.
pub(crate) fn sync_folder(path: &Path) -> Result<(), StoreError> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    let synced = File::open(folder).and_then(|folder| folder.sync_all());
    synced.map_err(|error| explain_io(folder, "making the name of the journal durable", &error))
}
