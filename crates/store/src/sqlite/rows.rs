//! The rows of the file: read and checked against their seals, written with them.

use crate::chain::{self, Hash};
use crate::error;
use engine::store::{Attribution, Cursor, Epoch, Line, Position, Record, Renewal, StoreError};
use model::{Span, Subject, Time};
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use std::collections::BTreeMap;
use std::path::Path;

/// Why reading or writing rows failed.
#[derive(Debug)]
pub(crate) enum Problem {
    /// SQLite said so.
    Sqlite(rusqlite::Error),
    /// A row is not as it was written.
    Damaged(String),
}

impl From<rusqlite::Error> for Problem {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl Problem {
    pub(crate) fn explain(&self, path: &Path, doing: &str) -> StoreError {
        match self {
            Self::Sqlite(error) => error::explain(path, doing, error),
            Self::Damaged(what) => error::damaged(path, what),
        }
    }
}

/// Where a subject's journal ends.
#[derive(Clone, Debug)]
pub(crate) struct Head {
    pub(crate) id: u64,
    pub(crate) position: Position,
    pub(crate) hash: Hash,
}

/// The columns of [`Head`], in the order in which it is read.
const HEAD: &str = "id, name, position, hash, seal";

impl Head {
    fn read(row: &Row<'_>) -> Result<(Subject, Self), Problem> {
        let name = row.get_ref(1)?.as_str().map_err(rusqlite::Error::from)?;
        let head = Self { id: row.get(0)?, position: Position(row.get(2)?), hash: row.get(3)? };
        let seal: Hash = row.get(4)?;
        if seal != chain::head(head.id, name, head.position, &head.hash) {
            return Err(Problem::Damaged(format!("the row of the subject `{name}` does not fit its seal")));
        }
        Ok((Subject::from_text(name), head))
    }

    /// The end of this subject's journal, if it has one.
    pub(crate) fn find(connection: &Connection, subject: &Subject) -> Result<Option<Self>, Problem> {
        let sql = format!("SELECT {HEAD} FROM subject WHERE name = ?1");
        let mut statement = connection.prepare_cached(&sql)?;
        let mut rows = statement.query([subject.as_str()])?;
        if let Some(row) = rows.next()? {
            let (found, head) = Self::read(row)?;
            if found != *subject {
                return Err(Problem::Damaged(format!("the index leads from the subject `{subject}` to `{found}`")));
            }
            return Ok(Some(head));
        }
        // Absence is an answer too, and a damaged index would give it wrongly: ask the table itself.
        let sql = "SELECT count(*), coalesce(sum(name = ?1), 0) FROM subject NOT INDEXED";
        let (count, named): (u64, u64) =
            connection.prepare_cached(sql)?.query_row([subject.as_str()], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let expected = Ledger::load(connection)?.subjects;
        if named != 0 || count != expected {
            return Err(Problem::Damaged(format!(
                "the index of subjects lacks `{subject}`, or the table has lost some ({count} of {expected} are left)"
            )));
        }
        Ok(None)
    }

    /// The ends of all journals.
    pub(crate) fn all(connection: &Connection) -> Result<BTreeMap<Subject, Self>, Problem> {
        let sql = format!("SELECT {HEAD} FROM subject NOT INDEXED");
        let mut statement = connection.prepare_cached(&sql)?;
        let mut rows = statement.query([])?;
        let mut heads = BTreeMap::new();
        while let Some(row) = rows.next()? {
            let (subject, head) = Self::read(row)?;
            heads.insert(subject, head);
        }
        let expected = Ledger::load(connection)?.subjects;
        if heads.len() as u64 != expected {
            let found = heads.len();
            return Err(Problem::Damaged(format!("{found} subjects are left of {expected}")));
        }
        Ok(heads)
    }

    pub(crate) fn save(&self, connection: &Connection, subject: &Subject) -> Result<(), Problem> {
        let sql = "INSERT INTO subject (id, name, position, hash, seal) VALUES (?1, ?2, ?3, ?4, ?5)
                   ON CONFLICT (id) DO UPDATE SET position = ?3, hash = ?4, seal = ?5";
        let seal = chain::head(self.id, subject.as_str(), self.position, &self.hash);
        let row = params![self.id, subject.as_str(), self.position.0, self.hash, seal];
        connection.prepare_cached(sql)?.execute(row)?;
        Ok(())
    }
}

/// The columns of an entry, in the order in which [`entry`] reads them.
pub(crate) const ENTRY: &str = "e.cursor, e.position, e.epoch, e.at, e.who, e.origin, e.why, e.kind, e.version, e.body, \
                                e.previous, e.hash";

/// An entry as it stands in the file, with the two hashes that hold it in its chain.
pub(crate) struct Entry {
    pub(crate) record: Record,
    pub(crate) previous: Hash,
    pub(crate) hash: Hash,
}

impl Entry {
    /// Reads an entry and does not yet believe it.
    pub(crate) fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        let by = Attribution { who: row.get(4)?, from: row.get(5)?, why: row.get(6)? };
        let line = Line { at: Time(row.get(3)?), by, kind: row.get(7)?, version: row.get(8)?, body: row.get(9)? };
        let record =
            Record { cursor: Cursor(row.get(0)?), position: Position(row.get(1)?), epoch: Epoch(row.get(2)?), line };
        Ok(Self { record, previous: row.get(10)?, hash: row.get(11)? })
    }

    /// Whether it is what was written.
    pub(crate) fn is_whole(&self, subject: &str) -> bool {
        let Record { position, epoch, line, .. } = &self.record;
        self.hash == chain::entry(&self.previous, subject, *position, *epoch, line)
    }

    /// The record, if it is what was written.
    pub(crate) fn trusted(self, subject: &str) -> Result<Record, Problem> {
        if self.is_whole(subject) {
            return Ok(self.record);
        }
        let position = self.record.position;
        Err(Problem::Damaged(format!("entry {position} of `{subject}` does not fit its hash")))
    }
}

/// How much there is of everything.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ledger {
    /// The last entry's.
    pub(crate) cursor: Cursor,
    pub(crate) subjects: u64,
    pub(crate) leases: u64,
    /// How many times the file was opened for writing.
    pub(crate) openings: u64,
}

impl Ledger {
    pub(crate) fn load(connection: &Connection) -> Result<Self, Problem> {
        let sql = "SELECT cursor, subjects, leases, openings, seal FROM ledger WHERE id = 1";
        let read = |row: &Row<'_>| {
            let ledger =
                Self { cursor: Cursor(row.get(0)?), subjects: row.get(1)?, leases: row.get(2)?, openings: row.get(3)? };
            Ok((ledger, row.get::<_, Hash>(4)?))
        };
        let found = connection.prepare_cached(sql)?.query_row([], read).optional()?;
        match found {
            Some((ledger, seal)) if seal == ledger.seal() => Ok(ledger),
            Some(_) => Err(Problem::Damaged("the ledger does not fit its seal".into())),
            None => Err(Problem::Damaged("the ledger is gone".into())),
        }
    }

    pub(crate) fn save(&self, connection: &Connection) -> Result<(), Problem> {
        let sql = "INSERT OR REPLACE INTO ledger (id, cursor, subjects, leases, openings, seal)
                   VALUES (1, ?1, ?2, ?3, ?4, ?5)";
        let row = params![self.cursor.0, self.subjects, self.leases, self.openings, self.seal()];
        connection.prepare_cached(sql)?.execute(row)?;
        Ok(())
    }

    fn seal(&self) -> Hash {
        chain::ledger(self.cursor, self.subjects, self.leases, self.openings)
    }
}

/// A scope's lease.
#[derive(Clone, Debug)]
pub(crate) struct LeaseRow {
    pub(crate) epoch: Epoch,
    /// Nobody, once it was given up.
    pub(crate) holder: Option<String>,
    pub(crate) renewal: Renewal,
    pub(crate) length: Span,
}

impl LeaseRow {
    pub(crate) fn all(connection: &Connection) -> Result<BTreeMap<String, Self>, Problem> {
        let mut statement =
            connection.prepare_cached("SELECT scope, epoch, holder, renewal, length, seal FROM lease NOT INDEXED")?;
        let mut rows = statement.query([])?;
        let mut leases = BTreeMap::new();
        while let Some(row) = rows.next()? {
            let scope: String = row.get(0)?;
            let (renewal, length) = (Renewal(row.get(3)?), Span(row.get(4)?));
            let lease = Self { epoch: Epoch(row.get(1)?), holder: row.get(2)?, renewal, length };
            if row.get::<_, Hash>(5)? != lease.seal(&scope) {
                return Err(Problem::Damaged(format!("the lease of the scope `{scope}` does not fit its seal")));
            }
            leases.insert(scope, lease);
        }
        let expected = Ledger::load(connection)?.leases;
        if leases.len() as u64 != expected {
            let found = leases.len();
            return Err(Problem::Damaged(format!("{found} leases are left of {expected}")));
        }
        Ok(leases)
    }

    pub(crate) fn save(&self, connection: &Connection, scope: &str) -> Result<(), Problem> {
        let sql = "INSERT OR REPLACE INTO lease (scope, epoch, holder, renewal, length, seal)
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
        let row = params![scope, self.epoch.0, self.holder, self.renewal.0, self.length.0, self.seal(scope)];
        connection.prepare_cached(sql)?.execute(row)?;
        Ok(())
    }

    fn seal(&self, scope: &str) -> Hash {
        chain::lease(scope, self.epoch, self.holder.as_deref(), self.renewal, self.length)
    }
}

/// The text kept for a subject.
pub(crate) struct Checkpoint {
    pub(crate) position: Position,
    pub(crate) epoch: Epoch,
    pub(crate) body: String,
}

impl Checkpoint {
    pub(crate) fn find(connection: &Connection, subject: &Subject) -> Result<Option<Self>, Problem> {
        let sql = "SELECT position, epoch, body, seal, subject FROM checkpoint WHERE subject = ?1";
        let read = |row: &Row<'_>| {
            let found = Self { position: Position(row.get(0)?), epoch: Epoch(row.get(1)?), body: row.get(2)? };
            Ok((found, row.get::<_, Hash>(3)?, row.get::<_, String>(4)?))
        };
        let found = connection.prepare_cached(sql)?.query_row([subject.as_str()], read).optional()?;
        let Some((found, seal, name)) = found else { return Ok(None) };
        if name != subject.as_str() || seal != found.seal(subject) {
            return Err(Problem::Damaged(format!("the checkpoint of `{subject}` does not fit its seal")));
        }
        Ok(Some(found))
    }

    pub(crate) fn save(&self, connection: &Connection, subject: &Subject) -> Result<(), Problem> {
        let sql =
            "INSERT OR REPLACE INTO checkpoint (subject, position, epoch, seal, body) VALUES (?1, ?2, ?3, ?4, ?5)";
        let row = params![subject.as_str(), self.position.0, self.epoch.0, self.seal(subject), self.body];
        connection.prepare_cached(sql)?.execute(row)?;
        Ok(())
    }

    fn seal(&self, subject: &Subject) -> Hash {
        chain::checkpoint(subject.as_str(), self.position, self.epoch, &self.body)
    }
}
