//! What is read from the file. Each read sees one snapshot, checks every row it returns, and checks
//! that no row is missing: an answer is what was written, or it is an error.

use super::rows::{Checkpoint, ENTRY, Entry, Head, Ledger, Problem};
use crate::bounds;
use engine::store::{Cursor, Journal, Position, READ_BYTES_MAX, READ_MAX, Record};
use model::Subject;
use rusqlite::{Connection, params};

/// Runs reads in one snapshot.
pub(crate) fn snapshot<T>(
    connection: &Connection,
    reads: impl FnOnce(&Connection) -> Result<T, Problem>,
) -> Result<T, Problem> {
    // A deferred transaction that only reads blocks nobody; dropped, it ends.
    let transaction = connection.unchecked_transaction()?;
    reads(&transaction)
}

/// The entries of one subject after a position.
pub(crate) fn read(
    connection: &Connection,
    subject: &Subject,
    after: Position,
    limit: usize,
) -> Result<Vec<Record>, Problem> {
    let Some(head) = Head::find(connection, subject)? else { return Ok(Vec::new()) };
    read_to(connection, subject, &head, after, limit)
}

/// The entries of one subject after a position, with its checkpoint where that is all of them.
pub(crate) fn take_over(connection: &Connection, subject: &Subject, after: Position) -> Result<Journal, Problem> {
    let checkpoint = || checkpointed(connection, subject).map(|kept| kept.map(|(_, body)| body));
    let Some(head) = Head::find(connection, subject)? else {
        return Ok(Journal { whole: true, checkpoint: checkpoint()?, ..Journal::default() });
    };
    let records = read_to(connection, subject, &head, after, READ_MAX)?;
    let whole = records.last().map_or(after, |last| last.position) >= head.position;
    let checkpoint = if whole { checkpoint()? } else { None };
    Ok(Journal { records, whole, checkpoint })
}

fn read_to(
    connection: &Connection,
    subject: &Subject,
    head: &Head,
    after: Position,
    limit: usize,
) -> Result<Vec<Record>, Problem> {
    let limit = limit.min(READ_MAX);
    let sql = format!("SELECT {ENTRY} FROM entry e WHERE subject = ?1 AND position > ?2 ORDER BY position LIMIT ?3");
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query(params![head.id, after.0, limit])?;
    let mut records = Vec::new();
    let (mut next, mut bytes) = (after.next(), 0);
    while bytes < READ_BYTES_MAX
        && let Some(row) = rows.next()?
    {
        let entry = Entry::read(row)?;
        if entry.record.position != next || next > head.position {
            return Err(lacks(subject, next));
        }
        if next == head.position && entry.hash != head.hash {
            return Err(Problem::Damaged(format!("the last entry of `{subject}` is not the one that it ended with")));
        }
        let record = entry.trusted(subject.as_str())?;
        bytes += bounds::bytes(&record.line);
        records.push(record);
        next = next.next();
    }
    if bytes < READ_BYTES_MAX && records.len() < limit && next <= head.position {
        return Err(lacks(subject, next));
    }
    Ok(records)
}

fn lacks(subject: &Subject, position: Position) -> Problem {
    Problem::Damaged(format!("entry {position} of `{subject}` is not where it should be"))
}

/// The entries of all subjects after a cursor.
pub(crate) fn follow(connection: &Connection, after: Cursor, limit: usize) -> Result<Vec<(Subject, Record)>, Problem> {
    let last = Ledger::load(connection)?.cursor;
    let limit = limit.min(READ_MAX);
    let sql = format!(
        "SELECT {ENTRY}, s.name FROM entry e CROSS JOIN subject s ON s.id = e.subject
         WHERE e.cursor > ?1 ORDER BY e.cursor LIMIT ?2"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query(params![after.0, limit])?;
    let mut records = Vec::new();
    let (mut next, mut bytes) = (Cursor(after.0 + 1), 0);
    while bytes < READ_BYTES_MAX
        && let Some(row) = rows.next()?
    {
        let entry = Entry::read(row)?;
        if entry.record.cursor != next || next > last {
            return Err(lost(next));
        }
        let subject = Subject::from_text(row.get_ref(12)?.as_str().map_err(rusqlite::Error::from)?);
        let record = entry.trusted(subject.as_str())?;
        bytes += bounds::bytes(&record.line);
        records.push((subject, record));
        next = Cursor(next.0 + 1);
    }
    if bytes < READ_BYTES_MAX && records.len() < limit && next <= last {
        return Err(lost(next));
    }
    Ok(records)
}

fn lost(cursor: Cursor) -> Problem {
    Problem::Damaged(format!("the entry with the cursor {} is not where it should be", cursor.0))
}

/// All subjects with where their journals end, sorted.
pub(crate) fn subjects(connection: &Connection) -> Result<Vec<(Subject, Position)>, Problem> {
    let heads = Head::all(connection)?;
    Ok(heads.into_iter().map(|(subject, head)| (subject, head.position)).collect())
}

/// The text kept for a subject.
pub(crate) fn checkpointed(connection: &Connection, subject: &Subject) -> Result<Option<(Position, String)>, Problem> {
    let found = Checkpoint::find(connection, subject)?;
    Ok(found.map(|checkpoint| (checkpoint.position, checkpoint.body)))
}
