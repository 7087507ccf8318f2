//! What a journal's keeper has to do. The crate `store` implements it; one contract suite there holds
//! every implementation to these words.

use model::{Span, Subject, Time};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::pin::Pin;

/// An answer that comes later. Object-safe, and bound to no runtime.
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The place of an entry in its subject's journal, from 1; 0 is before the first. As every command is
/// caused by an entry, it is also the command's generation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Position(pub u64);

impl Position {
    /// The next one.
    pub fn next(self) -> Position {
        Position(self.0 + 1)
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// The number of a lease's holders so far. An append under an older one is refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Epoch(pub u64);

/// The place of an entry among those of all subjects, in the order in which they were committed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Cursor(pub u64);

/// Who did something, from where, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attribution {
    /// A person's or a program's name; `glidepath` for the engine itself.
    pub who: String,
    /// `cli`, `api`, `dashboard`, an address.
    pub from: String,
    /// Why; empty where nobody said.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub why: String,
}

impl Attribution {
    /// The engine itself.
    pub fn engine() -> Self {
        Self { who: "glidepath".into(), from: "engine".into(), why: String::new() }
    }
}

/// An entry as it is handed to a store: an envelope that audit reads, and a body that only the
/// engine reads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// When.
    pub at: Time,
    /// Who, from where, why.
    pub by: Attribution,
    /// The kind of entry, in the words of the fold's table: `began`, `route-done`.
    pub kind: String,
    /// The version of the body's words.
    pub version: u16,
    /// The entry as JSON.
    pub body: String,
}

/// A line with its place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Its place in the subject's journal.
    pub position: Position,
    /// Its place among all.
    pub cursor: Cursor,
    /// The epoch it was appended under.
    pub epoch: Epoch,
    /// What was appended.
    pub line: Line,
}

/// What a controller that takes a subject over has to know, or the next part of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Journal {
    /// The entries after the position that was asked for.
    pub records: Vec<Record>,
    /// Whether the journal ends with these.
    pub whole: bool,
    /// The text of the last checkpoint; only where the journal ends with these.
    pub checkpoint: Option<String>,
}

/// A batch of entries for one subject: all or none.
#[derive(Clone, Debug)]
pub struct Append {
    /// Whose journal.
    pub subject: Subject,
    /// The position of the last entry that the writer knows.
    pub expected: Position,
    /// The scope of the writer's lease.
    pub scope: String,
    /// The epoch of the writer's lease.
    pub epoch: Epoch,
    /// What is appended.
    pub lines: Vec<Line>,
}

/// A right to write, for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    /// How many holders there were, this one included.
    pub epoch: Epoch,
    /// Until when, by its holder's own clock.
    pub until: Time,
}

/// How often a lease was taken or renewed: whoever waits for it sees by this that its holder lives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Renewal(pub u64);

/// Who wants a lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taking {
    /// Of what.
    pub scope: String,
    /// For whom: a process's own name. Two that share one also share the epoch.
    pub holder: String,
    /// How long after asking for it its holder believes that it has it.
    pub length: Span,
    /// The renewal of somebody else's lease that nothing followed for its whole length, by a steady
    /// clock of the asker's: the lease has ended.
    pub unrenewed: Option<Renewal>,
}

/// A lease that somebody else has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// Who.
    pub holder: String,
    /// The last renewal.
    pub renewal: Renewal,
    /// How long it lasts from there.
    pub length: Span,
}

/// The epoch of the lease, or whose it is.
pub type Taken = Result<Epoch, Held>;

/// Why an append did not happen, or may not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AppendError {
    /// Somebody else appended: the journal now ends here. Nothing was written.
    Conflict(Position),
    /// Another holder has the lease, under this epoch. Nothing was written.
    Fenced(Epoch),
    /// Nobody knows whether it was written: read the journal again.
    Ambiguous(String),
    /// It could not be written, and was not.
    Failed(StoreError),
}

/// What went wrong with a store: what, and what to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreError {
    /// What kind of trouble.
    pub trouble: Trouble,
    /// What happened, where, and what to do next, for people.
    pub message: String,
}

/// Kinds of trouble, where a caller does something different about each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The disk is full.
    Full,
    /// The file, or its folder, cannot be written.
    ReadOnly,
    /// The file is damaged.
    Corrupt,
    /// Another process holds the file.
    Locked,
    /// The file was written by a newer Glidepath.
    Newer,
    /// What was to be written is larger than a store takes; it will not fit later either.
    TooLarge,
    /// Anything else that the disk or the server said.
    Other,
}

impl Trouble {
    /// The stable code that people and programs see.
    pub fn code(self) -> &'static str {
        match self {
            Self::Full => "store-full",
            Self::ReadOnly => "store-read-only",
            Self::Corrupt => "store-corrupt",
            Self::Locked => "store-locked",
            Self::Newer => "store-newer",
            Self::TooLarge => "store-too-large",
            Self::Other => "store-failed",
        }
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} [{}]", self.message, self.trouble.code())
    }
}

impl std::error::Error for StoreError {}

impl fmt::Display for AppendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Conflict(position) => write!(f, "somebody else appended: the journal now ends at {position}"),
            Self::Fenced(epoch) => write!(f, "another controller holds the lease, under epoch {}", epoch.0),
            Self::Ambiguous(why) => write!(f, "nobody knows whether it was written: {why}"),
            Self::Failed(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for AppendError {}

/// The most entries that one read returns.
pub const READ_MAX: usize = 1_000;

/// The most bytes of bodies after which one read stops, so that large entries cannot fill the memory.
pub const READ_BYTES_MAX: usize = 16 << 20;

/// The most entries in one append.
pub const APPEND_LINES_MAX: usize = 1_000;

/// The most bytes in one entry, all its texts together: a plan of a few hundred steps fits many times.
pub const ENTRY_BYTES_MAX: usize = 1 << 20;

/// The most bytes of entries in one append.
pub const APPEND_BYTES_MAX: usize = 8 << 20;

/// The most bytes in one checkpoint.
pub const CHECKPOINT_BYTES_MAX: usize = 4 << 20;

/// The most bytes in a subject, a scope or the name of a lease's holder.
pub const KEY_BYTES_MAX: usize = 1_024;

/// The latest time and the largest number that a store keeps: databases count in signed integers.
pub const NUMBER_MAX: u64 = i64::MAX as u64;

/// A keeper of journals. Everything acknowledged is durable.
pub trait Store: Send + Sync {
    /// Appends all lines or none, if the journal ends at the expected position and the epoch is the
    /// lease's; returns the position of the last. The epoch of a scope whose lease nobody took yet is 0.
    /// An epoch ends when the next holder takes the lease, not when time passes: an append carries no
    /// clock. Without lines it writes nothing and answers whether it could have.
    fn append(&self, append: Append) -> Pending<'_, Result<Position, AppendError>>;

    /// The entries of one subject after a position, in order, at most `limit` (and [`READ_MAX`], and
    /// about [`READ_BYTES_MAX`]): fewer does not mean that there are no more, none does.
    fn read(&self, subject: Subject, after: Position, limit: usize) -> Pending<'_, Result<Vec<Record>, StoreError>>;

    /// The entries of all subjects after a cursor, in order of commit, at most `limit` (and
    /// [`READ_MAX`], and about [`READ_BYTES_MAX`]): fewer does not mean that there are no more, none does.
    /// A reader that keeps its last cursor misses nothing and sees nothing twice.
    fn follow(&self, after: Cursor, limit: usize) -> Pending<'_, Result<Vec<(Subject, Record)>, StoreError>>;

    /// All subjects that have a journal, with where it ends, sorted.
    fn subjects(&self) -> Pending<'_, Result<Vec<(Subject, Position)>, StoreError>>;

    /// Keeps this text for a subject in place of the one before, unless one under a later position or
    /// epoch is there already. It may be lost: it only saves work.
    fn checkpoint(
        &self,
        subject: Subject,
        position: Position,
        epoch: Epoch,
        body: String,
    ) -> Pending<'_, Result<(), StoreError>>;

    /// The text kept by the last checkpoint, and the position it was made under.
    fn checkpointed(&self, subject: Subject) -> Pending<'_, Result<Option<(Position, String)>, StoreError>>;

    /// A journal after a position together with its checkpoint, or as much of it as one read returns. A
    /// store that can answer at once what is else asked in three questions should: a controller that
    /// starts asks this of every subject there is.
    fn take_over(&self, subject: Subject, after: Position) -> Pending<'_, Result<Journal, StoreError>> {
        Box::pin(async move {
            let records = self.read(subject.clone(), after, READ_MAX).await?;
            if !records.is_empty() {
                return Ok(Journal { records, ..Journal::default() });
            }
            let checkpoint = self.checkpointed(subject).await?.map(|(_, body)| body);
            Ok(Journal { records, whole: true, checkpoint })
        })
    }

    /// Takes or renews the lease of a scope. A renewal keeps the epoch, a new holder (and one that gave
    /// it up) gets the next. No clock is asked, as no two of them agree: what somebody else holds goes
    /// only to whoever has watched it go unrenewed, and is refused if it was renewed after all.
    fn lease(&self, taking: Taking) -> Pending<'_, Result<Taken, StoreError>>;

    /// Gives a lease up, if `holder` has it.
    fn give_up(&self, scope: String, holder: String) -> Pending<'_, Result<(), StoreError>>;
}
