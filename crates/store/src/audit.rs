//! Who did what, read from the journals themselves, and the proof that nobody changed them since.
//!
//! [`verify`] follows the chain of hashes of every subject (the encoding is in the module `chain`) and
//! names the first place of each that does not fit: an entry that was changed, removed, inserted, put
//! elsewhere or cut off at the end.
//!
//! **What a chain cannot prove.** Whoever can write the file can compute it anew: change an entry, all
//! later hashes, the row that says where the journal ends, and every seal. Nothing inside the file can
//! show that. An [`Anchor`] kept elsewhere (in a ticket, in another system's log, on paper) can: it is
//! the digest of where all journals ended at a cursor, and as entries are only ever appended,
//! [`anchor`] gives the same digest for the same cursor for as long as nothing before it was changed.

use crate::chain::{self, BEFORE_FIRST, Hash, Heads};
use crate::error::trouble;
use crate::sqlite::Journals;
use crate::sqlite::rows::{ENTRY, Entry, Head, Ledger, Problem};
use engine::store::{Cursor, Position, Record, StoreError, Trouble};
use model::{Digest, Subject, Time};
use rusqlite::{Connection, Row, ToSql, params};
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

/// The most entries that one view returns.
pub const VIEW_MAX: usize = 1_000;

/// The most broken places that are named; a file with more is beyond naming them.
pub const BROKEN_MAX: usize = 1_000;

/// Which entries a view shows. Everything left out lets everything through.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Of this subject only.
    pub subject: Option<Subject>,
    /// By this person or program only.
    pub who: Option<String>,
    /// Of this kind only.
    pub kind: Option<String>,
    /// Not earlier than this.
    pub since: Option<Time>,
    /// Earlier than this.
    pub until: Option<Time>,
    /// Before this cursor: the last one of the page before.
    pub before: Option<Cursor>,
    /// At most so many, and at most [`VIEW_MAX`].
    pub limit: Option<usize>,
}

/// What verifying found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// How many subjects there are.
    pub subjects: u64,
    /// How many entries there are.
    pub entries: u64,
    /// The digest of where they all end, to be kept elsewhere; none where not everything can be read.
    pub anchor: Option<Anchor>,
    /// The first broken place of each subject that has one, and what is wrong with the whole.
    pub broken: Vec<Broken>,
}

/// A place that does not fit the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// The subject; none where the whole does not add up.
    pub subject: Option<Subject>,
    /// The first entry that does not fit.
    pub position: Position,
    /// What is wrong with it.
    pub what: String,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.subject {
            Some(subject) => write!(f, "{subject}, entry {}: {}", self.position, self.what),
            None => f.write_str(&self.what),
        }
    }
}

/// Where all journals ended at a cursor, as one digest; written `cursor:digest`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Anchor {
    /// The last entry that it covers.
    pub cursor: Cursor,
    /// The digest of where every journal ended then.
    pub digest: Digest,
}

impl fmt::Display for Anchor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.cursor.0, self.digest.as_str())
    }
}

impl FromStr for Anchor {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split_once(':').and_then(|(cursor, digest)| Some((cursor.parse().ok()?, digest)));
        match parts {
            Some((cursor, digest)) if digest.len() == 64 && digest.bytes().all(|c| c.is_ascii_hexdigit()) => {
                Ok(Self { cursor: Cursor(cursor), digest: Digest::from_text(&digest.to_ascii_lowercase()) })
            }
            _ => {
                Err(format!("`{text}` is not an anchor: it is `cursor:digest`, as `glidepath audit verify` prints it"))
            }
        }
    }
}

/// The entries that a filter lets through, the newest first. A subject has an index; a filter without
/// one looks at every entry from the newest on until its limit is reached.
pub fn view(journals: &Journals, filter: &Filter) -> Result<Vec<(Subject, Record)>, StoreError> {
    journals.snapshot("reading its audit", |connection| view_in(connection, filter))
}

/// Follows every chain.
pub fn verify(journals: &Journals) -> Result<Verified, StoreError> {
    journals.snapshot("verifying it", verify_in)
}

/// The digest of where all journals ended at a cursor; at the last one where none is given.
pub fn anchor(journals: &Journals, at: Option<Cursor>) -> Result<Anchor, StoreError> {
    journals.snapshot("reading its anchor", |connection| anchor_in(connection, at))
}

pub(crate) fn view_in(connection: &Connection, filter: &Filter) -> Result<Vec<(Subject, Record)>, Problem> {
    let limit = filter.limit.unwrap_or(VIEW_MAX).min(VIEW_MAX);
    let mut conditions: Vec<(&str, &dyn ToSql)> = Vec::new();
    let subject = match &filter.subject {
        None => None,
        Some(subject) => match Head::find(connection, subject)? {
            Some(head) => Some(head.id),
            None => return Ok(Vec::new()),
        },
    };
    if let Some(id) = &subject {
        conditions.push(("e.subject = ?", id));
    }
    if let Some(who) = &filter.who {
        conditions.push(("e.who = ?", who));
    }
    if let Some(kind) = &filter.kind {
        conditions.push(("e.kind = ?", kind));
    }
    if let Some(since) = &filter.since {
        conditions.push(("e.at >= ?", &since.0));
    }
    if let Some(until) = &filter.until {
        conditions.push(("e.at < ?", &until.0));
    }
    if let Some(before) = &filter.before {
        conditions.push(("e.cursor < ?", &before.0));
    }
    // Within one subject the order of positions is that of cursors, and has an index.
    let order = if subject.is_some() { "e.position" } else { "e.cursor" };
    let wanted: Vec<&str> = std::iter::once("TRUE").chain(conditions.iter().map(|(condition, _)| *condition)).collect();
    let sql = format!(
        "SELECT {ENTRY}, s.name FROM entry e CROSS JOIN subject s ON s.id = e.subject
         WHERE {} ORDER BY {order} DESC LIMIT {limit}",
        wanted.join(" AND ")
    );
    let values: Vec<&dyn ToSql> = conditions.iter().map(|(_, value)| *value).collect();
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query(values.as_slice())?;
    let mut records = Vec::new();
    while let Some(row) = rows.next()? {
        let entry = Entry::read(row)?;
        let subject = Subject::from_text(row.get_ref(12)?.as_str().map_err(rusqlite::Error::from)?);
        let record = entry.trusted(subject.as_str())?;
        records.push((subject, record));
    }
    Ok(records)
}

pub(crate) fn anchor_in(connection: &Connection, at: Option<Cursor>) -> Result<Anchor, Problem> {
    let last = Ledger::load(connection)?.cursor;
    let cursor = at.unwrap_or(last).min(last);
    // SQLite takes the other columns of a group from the row that has its maximum.
    let sql = "SELECT s.name, max(e.position), e.hash FROM entry e CROSS JOIN subject s ON s.id = e.subject
               WHERE e.cursor <= ?1 GROUP BY e.subject";
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(params![cursor.0])?;
    let mut ends: BTreeMap<String, (Position, Hash)> = BTreeMap::new();
    while let Some(row) = rows.next()? {
        ends.insert(row.get(0)?, (Position(row.get(1)?), row.get(2)?));
    }
    let mut heads = Heads::new();
    for (subject, (position, hash)) in &ends {
        heads.add(subject, *position, hash);
    }
    Ok(Anchor { cursor, digest: Digest::from_text(&chain::hex(&heads.done())) })
}

pub(crate) fn verify_in(connection: &Connection) -> Result<Verified, Problem> {
    let mut broken = Vec::new();
    let (mut subjects, mut entries) = (0, 0);
    let mut unlisted = None;
    let mut statement = connection.prepare_cached("SELECT id, name, position, hash, seal FROM subject NOT INDEXED")?;
    let mut rows = statement.query([])?;
    loop {
        let read = rows.next().and_then(|row| row.map(End::read).transpose());
        let end = match readable(read)? {
            Ok(Some(end)) => end,
            Ok(None) => break,
            // Which journals stood behind it nobody can say; those before it were followed.
            Err(why) => {
                unlisted = Some(format!("the list of journals cannot be read behind the first {subjects}: {why}"));
                break;
            }
        };
        subjects += 1;
        let (count, place) = follow_chain(connection, &end)?;
        entries += count;
        if let Some((position, what)) = place.filter(|_| broken.len() < BROKEN_MAX) {
            broken.push(Broken { subject: Some(Subject::from_text(&end.name)), position, what });
        }
    }
    broken.sort_by(|a, b| a.subject.cmp(&b.subject));
    let on_the_whole = match unlisted {
        Some(what) => vec![what],
        None => whole(connection, subjects, entries)?,
    };
    broken.extend(on_the_whole.into_iter().map(|what| Broken { subject: None, position: Position(0), what }));
    let anchor = readable_rows(anchor_in(connection, None))?.ok();
    Ok(Verified { subjects, entries, anchor, broken })
}

/// What was read, or why it cannot be where the file is damaged there: that ends nothing but this reading.
fn readable<T>(read: rusqlite::Result<T>) -> Result<Result<T, String>, Problem> {
    match read {
        Ok(read) => Ok(Ok(read)),
        Err(error) if trouble(&error) == Trouble::Corrupt => Ok(Err(error.to_string())),
        Err(error) => Err(error.into()),
    }
}

/// As [`readable`], where rows are judged as well.
fn readable_rows<T>(read: Result<T, Problem>) -> Result<Result<T, String>, Problem> {
    match read {
        Ok(read) => Ok(Ok(read)),
        Err(Problem::Damaged(what)) => Ok(Err(what)),
        Err(Problem::Sqlite(error)) => readable(Err(error)),
    }
}

/// Where a journal ends, as its row says.
struct End {
    name: String,
    head: Head,
    /// Whether the row is as it was written.
    sealed: bool,
}

impl End {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        let name = String::from_utf8_lossy(row.get_ref(1)?.as_bytes()?).into_owned();
        let head = Head { id: row.get(0)?, position: Position(row.get(2)?), hash: row.get(3)? };
        let sealed = row.get::<_, Hash>(4)? == chain::head(head.id, &name, head.position, &head.hash);
        Ok(Self { name, head, sealed })
    }
}

/// Follows one chain: how many entries there are, and the first place that does not fit.
fn follow_chain(connection: &Connection, end: &End) -> Result<(u64, Option<(Position, String)>), Problem> {
    let End { name, head, sealed } = end;
    let sql = format!("SELECT {ENTRY} FROM entry e WHERE subject = ?1 ORDER BY position");
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query(params![head.id])?;
    let (mut count, mut next, mut previous) = (0, Position(1), BEFORE_FIRST);
    let mut broken = None;
    loop {
        let read = rows.next().and_then(|row| row.map(Entry::read).transpose());
        let entry = match readable(read)? {
            Ok(Some(entry)) => entry,
            Ok(None) => break,
            Err(why) => {
                let what = format!("it cannot be read: {why}");
                return Ok((count, broken.or(Some((next, what)))));
            }
        };
        count += 1;
        if broken.is_none() {
            broken = misfit(&entry, name, next, &previous).map(|what| (next, what));
        }
        previous = entry.hash;
        next = next.next();
    }
    let ends = Position(next.0 - 1);
    let end = if ends != head.position {
        Some((
            ends.min(head.position).next(),
            format!("the journal ends at {ends}, but had ended at {}", head.position),
        ))
    } else if previous != head.hash {
        Some((ends, "it is not the entry that the journal had ended with".to_owned()))
    } else if !*sealed {
        Some((ends, "the row that says where the journal ends was changed".to_owned()))
    } else {
        None
    };
    Ok((count, broken.or(end)))
}

fn misfit(entry: &Entry, name: &str, expected: Position, previous: &Hash) -> Option<String> {
    let position = entry.record.position;
    if position != expected {
        Some(format!("it is missing: the next one there is {position}"))
    } else if entry.previous != *previous {
        Some("it does not follow the entry before it".to_owned())
    } else if !entry.is_whole(name) {
        Some("it is not what was written: it does not fit its hash".to_owned())
    } else {
        None
    }
}

/// What is wrong with the whole: subjects or entries that are gone, or belong to nobody.
fn whole(connection: &Connection, subjects: u64, entries: u64) -> Result<Vec<String>, Problem> {
    let mut broken = Vec::new();
    let sql = "SELECT count(*), coalesce(max(cursor), 0) FROM entry NOT INDEXED";
    let counted: rusqlite::Result<(u64, u64)> = connection.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?)));
    let counted = readable(counted)?;
    match &counted {
        Err(why) => broken.push(format!("the entries of all journals cannot be counted: {why}")),
        Ok((there, _)) if *there != entries => {
            broken.push(format!("{there} entries are there, but {entries} belong to the journals of its subjects"));
        }
        Ok(_) => {}
    }
    match readable_rows(Ledger::load(connection))? {
        Err(what) => broken.push(what),
        Ok(ledger) => {
            let cursor = ledger.cursor.0;
            if let Ok((there, last)) = counted
                && (there, last) != (cursor, cursor)
            {
                broken.push(format!("{there} entries up to the cursor {last} are left of {cursor}"));
            }
            if subjects != ledger.subjects {
                broken.push(format!("{subjects} subjects are left of {}", ledger.subjects));
            }
        }
    }
    Ok(broken)
}
