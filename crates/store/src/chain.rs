//! The hashes that make a journal a chain, and the seals that make damage visible.
//!
//! Every hash is SHA-256 over fields in a fixed order, after a tag that says what is hashed. A number
//! is 8 bytes, the highest first. A text, and any bytes of a length that varies, is its length as a
//! number and then the bytes, so that no two different rows hash the same bytes. The hash of an entry
//! covers
//!
//! ```text
//! "glidepath-entry-1" · hash of the entry before (32 bytes, zeros before the first)
//! · subject · position · epoch · at · who · from · why · kind · version · body
//! ```
//!
//! so whoever changes, removes, reorders or moves an entry has to recompute every later hash of its
//! subject. The subject's row keeps where the journal ends and its last hash: a shortened journal does
//! not fit it. The cursor is not covered: it is the order between subjects in this store, not part of
//! what happened.
//!
//! A **seal** is such a hash over a row that is not part of a chain (a subject's end, a lease, a
//! checkpoint, the ledger). SQLite does not checksum its pages; with the seals, damage anywhere in a
//! page is seen by whoever reads the row, and is never read as something that was not written.

use engine::store::{Cursor, Epoch, Line, Position, Renewal};
use model::Span;
use sha2::{Digest, Sha256};

pub(crate) type Hash = [u8; 32];

/// The hash before a subject's first entry.
pub(crate) const BEFORE_FIRST: Hash = [0; 32];

/// The hash of an entry that follows the one with the hash `previous`.
pub(crate) fn entry(previous: &Hash, subject: &str, position: Position, epoch: Epoch, line: &Line) -> Hash {
    Fields::of("glidepath-entry-1")
        .fixed(previous)
        .text(subject)
        .number(position.0)
        .number(epoch.0)
        .number(line.at.0)
        .text(&line.by.who)
        .text(&line.by.from)
        .text(&line.by.why)
        .text(&line.kind)
        .number(line.version.into())
        .text(&line.body)
        .done()
}

/// The seal of a subject's row: where its journal ends.
pub(crate) fn head(id: u64, subject: &str, position: Position, hash: &Hash) -> Hash {
    Fields::of("glidepath-head-1").number(id).text(subject).number(position.0).fixed(hash).done()
}

/// The seal of a lease. Nobody holds it where there is no holder.
pub(crate) fn lease(scope: &str, epoch: Epoch, holder: Option<&str>, renewal: Renewal, length: Span) -> Hash {
    Fields::of("glidepath-lease-1")
        .text(scope)
        .number(epoch.0)
        .number(holder.is_some().into())
        .text(holder.unwrap_or_default())
        .number(renewal.0)
        .number(length.0)
        .done()
}

/// The seal of a checkpoint.
pub(crate) fn checkpoint(subject: &str, position: Position, epoch: Epoch, body: &str) -> Hash {
    Fields::of("glidepath-checkpoint-1").text(subject).number(position.0).number(epoch.0).text(body).done()
}

/// The seal of the ledger: how much there is of everything.
pub(crate) fn ledger(cursor: Cursor, subjects: u64, leases: u64, openings: u64) -> Hash {
    Fields::of("glidepath-ledger-1").number(cursor.0).number(subjects).number(leases).number(openings).done()
}

/// What an anchor is the digest of: where every journal ends, in the order of the subjects' names.
pub(crate) struct Heads(Fields);

impl Heads {
    pub(crate) fn new() -> Self {
        Self(Fields::of("glidepath-heads-1"))
    }

    pub(crate) fn add(&mut self, subject: &str, position: Position, hash: &Hash) {
        let fields = std::mem::replace(&mut self.0, Fields(Sha256::new()));
        self.0 = fields.text(subject).number(position.0).fixed(hash);
    }

    pub(crate) fn done(self) -> Hash {
        self.0.done()
    }
}

/// A hash as hexadecimal digits.
pub(crate) fn hex(hash: &Hash) -> String {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(64);
    for byte in hash {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

struct Fields(Sha256);

impl Fields {
    fn of(tag: &str) -> Self {
        Self(Sha256::new()).text(tag)
    }

    fn number(mut self, number: u64) -> Self {
        self.0.update(number.to_be_bytes());
        self
    }

    fn text(self, text: &str) -> Self {
        let mut fields = self.number(text.len() as u64);
        fields.0.update(text.as_bytes());
        fields
    }

    fn fixed(mut self, bytes: &Hash) -> Self {
        self.0.update(bytes);
        self
    }

    fn done(self) -> Hash {
        self.0.finalize().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine::store::Attribution;
    use model::Time;

    /// The bytes that are hashed, written out by hand: a change of the encoding would break every
    /// journal there is, so it needs a new tag and a new version of the schema.
    #[test]
    fn the_encoding_is_the_documented_one() {
        let line = Line {
            at: Time(1_700_000_000_000),
            by: Attribution { who: "ann".into(), from: "cli".into(), why: "é".into() },
            kind: "began".into(),
            version: 3,
            body: "{}".into(),
        };
        let mut bytes = Vec::new();
        let text = |bytes: &mut Vec<u8>, text: &str| {
            bytes.extend((text.len() as u64).to_be_bytes());
            bytes.extend(text.as_bytes());
        };
        text(&mut bytes, "glidepath-entry-1");
        bytes.extend([7; 32]);
        text(&mut bytes, "service/shop/production/local");
        bytes.extend(4_u64.to_be_bytes());
        bytes.extend(2_u64.to_be_bytes());
        bytes.extend(1_700_000_000_000_u64.to_be_bytes());
        for field in ["ann", "cli", "é", "began"] {
            text(&mut bytes, field);
        }
        bytes.extend(3_u64.to_be_bytes());
        text(&mut bytes, "{}");
        let expected: Hash = Sha256::digest(&bytes).into();
        assert_eq!(entry(&[7; 32], "service/shop/production/local", Position(4), Epoch(2), &line), expected);
    }
}
