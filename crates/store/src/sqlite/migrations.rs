//! The versions of the file, and the way from each to the next. Forward only.
//!
//! The version is SQLite's `user_version`. A step runs in one transaction with the new version, so a
//! crash in the middle leaves the version before. A step that was released is never edited: its file
//! is out there. Add the next one at the end.

use rusqlite::{Connection, Transaction, TransactionBehavior};

/// Marks the file as ours (`Glid`), so that nobody's other database is written to by mistake.
pub(crate) const APPLICATION_ID: i32 = 0x476c_6964;

/// The way to each version: the first makes version 1 out of an empty file.
pub(crate) const STEPS: &[&str] = &[VERSION_1];

/// `subject` keeps where each journal ends, `entry` what is in it, and its rowid is the cursor. The
/// columns that are small stand before the body, so that they are read without its overflow pages.
/// `ledger` is one row: how much there is of everything, so that a row that vanished is noticed. What
/// `hash` and `seal` cover is said in `chain`.
const VERSION_1: &str = "
CREATE TABLE subject (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    position INTEGER NOT NULL,
    hash BLOB NOT NULL,
    seal BLOB NOT NULL
) STRICT;
CREATE TABLE entry (
    cursor INTEGER PRIMARY KEY,
    subject INTEGER NOT NULL,
    position INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    at INTEGER NOT NULL,
    version INTEGER NOT NULL,
    kind TEXT NOT NULL,
    who TEXT NOT NULL,
    origin TEXT NOT NULL,
    previous BLOB NOT NULL,
    hash BLOB NOT NULL,
    why TEXT NOT NULL,
    body TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX entry_of_subject ON entry (subject, position);
CREATE TABLE checkpoint (
    subject TEXT PRIMARY KEY,
    position INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    seal BLOB NOT NULL,
    body TEXT NOT NULL
) STRICT;
CREATE TABLE lease (
    scope TEXT PRIMARY KEY,
    epoch INTEGER NOT NULL,
    holder TEXT,
    renewal INTEGER NOT NULL,
    length INTEGER NOT NULL,
    seal BLOB NOT NULL
) STRICT;
CREATE TABLE ledger (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    cursor INTEGER NOT NULL,
    subjects INTEGER NOT NULL,
    leases INTEGER NOT NULL,
    openings INTEGER NOT NULL,
    seal BLOB NOT NULL
) STRICT;
";

/// The version that the last of these steps makes.
pub(crate) fn newest(steps: &[&str]) -> u32 {
    u32::try_from(steps.len()).unwrap_or(u32::MAX)
}

/// Brings a file forward to the newest version, one step after the other.
pub(crate) fn migrate(
    connection: &mut Connection,
    steps: &[&str],
    first: impl Fn(&Transaction<'_>) -> rusqlite::Result<()>,
) -> rusqlite::Result<()> {
    let found: u32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    for (version, step) in (1..).zip(steps).skip(found as usize) {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute_batch(step)?;
        if version == 1 {
            transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
            first(&transaction)?;
        }
        transaction.pragma_update(None, "user_version", version)?;
        transaction.commit()?;
    }
    Ok(())
}

/// All that the file says about its tables, to be compared with what the steps make.
pub(crate) fn tables(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let sql = "SELECT type || ' ' || name || ' ' || tbl_name || ' ' || coalesce(sql, '') FROM sqlite_schema ORDER BY 1";
    connection.prepare(sql)?.query_map([], |row| row.get(0))?.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two versions that do not exist, so that the mechanism is proven before the first needs it.
    const LATER: &[&str] = &[
        VERSION_1,
        "ALTER TABLE lease ADD COLUMN since INTEGER NOT NULL DEFAULT 0;",
        "CREATE TABLE series (name TEXT PRIMARY KEY) STRICT; UPDATE ledger SET openings = openings + 100;",
    ];

    fn nothing(_: &Transaction<'_>) -> rusqlite::Result<()> {
        Ok(())
    }

    fn version(connection: &Connection) -> u32 {
        connection.pragma_query_value(None, "user_version", |row| row.get(0)).expect("a version")
    }

    #[test]
    fn a_file_of_each_older_version_comes_forward_with_what_is_in_it() {
        let mut newest_file = Connection::open_in_memory().expect("a file");
        migrate(&mut newest_file, LATER, nothing).expect("all steps");
        for older in 1..=LATER.len() {
            let mut file = Connection::open_in_memory().expect("a file");
            migrate(&mut file, &LATER[..older], nothing).expect("the older version");
            assert_eq!(version(&file) as usize, older);
            file.execute("INSERT INTO lease (scope, epoch, renewal, length, seal) VALUES ('all', 7, 1, 0, x'00')", [])
                .expect("a row");
            file.execute("INSERT INTO ledger VALUES (1, 0, 0, 0, 1, x'00')", []).expect("a row");
            migrate(&mut file, LATER, nothing).expect("the way forward");
            assert_eq!(version(&file) as usize, LATER.len());
            assert_eq!(tables(&file), tables(&newest_file));
            let epoch: u32 = file.query_row("SELECT epoch FROM lease", [], |row| row.get(0)).expect("the row");
            assert_eq!(epoch, 7);
            migrate(&mut file, LATER, nothing).expect("nothing left to do");
            let openings: u32 = file.query_row("SELECT openings FROM ledger", [], |row| row.get(0)).expect("the row");
            assert_eq!(openings, if older < 3 { 101 } else { 1 }, "each step runs once");
        }
    }

    #[test]
    fn a_step_that_fails_leaves_the_version_before_it() {
        let steps = &[VERSION_1, "CREATE TABLE half (a) STRICT; CREATE TABLE subject (b)"];
        let mut file = Connection::open_in_memory().expect("a file");
        migrate(&mut file, &steps[..1], nothing).expect("version 1");
        let before = tables(&file);
        assert!(migrate(&mut file, steps, nothing).is_err());
        assert_eq!(version(&file), 1);
        assert_eq!(tables(&file), before);
    }
}
