//! What whoever compares gets: the answers to one request and to its copy. It reads them from a queue of
//! [`PAIRS_MAX`]; what does not fit is counted and dropped.

use model::{ReleaseNumber, Subject};

/// How many pairs may wait to be compared.
pub const PAIRS_MAX: usize = 64;

/// A request, the answer that its client got, and those that nobody got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    /// Whose request it was.
    pub service: Subject,
    /// Under which table it was copied.
    pub generation: u64,
    /// The release that answered the client.
    pub of: ReleaseNumber,
    /// The release that got the copy.
    pub to: ReleaseNumber,
    /// The method.
    pub method: String,
    /// The path, without its query.
    pub path: String,
    /// What the client got.
    pub answer: Answer,
    /// What the copy got.
    pub shadow: Shadowed,
    /// What a second instance of the first release answered, where the table wants to know how much two of
    /// its answers differ.
    pub noise: Option<Shadowed>,
}

/// What became of a copy.
pub type Shadowed = Result<Answer, Missing>;

/// An answer, as far as it was kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// The headers that the table names, in its order, each with all its values.
    pub headers: Vec<(String, Vec<String>)>,
    /// Its body, without what frames it.
    pub body: Vec<u8>,
    /// Whether that is all of it.
    pub is_whole: bool,
    /// How long it took to its end.
    pub micros: u64,
}

/// Why a copy has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// The release has no instance for it.
    NoInstance,
    /// Its instance took no connection.
    NoConnection,
    /// Its instance took too long.
    TooLate,
    /// Its instance broke off, or said what is no answer.
    BrokenOff,
}
