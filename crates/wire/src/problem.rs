//! What is not as it should be at a gateway, though it serves on as well as it can.

use crate::control::Status;
use model::Time;
use serde::{Deserialize, Serialize};

/// Something that is not as it should be. It concerns what it names, and nothing else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// What it is.
    pub kind: Kind,
    /// The service or the files.
    pub of: String,
    /// Why, and what to do.
    pub why: String,
    /// Since when.
    pub since: Time,
}

/// What is not as it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A saved table cannot be read: its service is not served after a restart.
    TableUnreadable,
    /// A saved table was read, and cannot be served by: a certificate is gone, say. It is tried again.
    TableUnserved,
    /// A table is live and could not be saved, so that the one before it, or none, would be served after a
    /// restart. It is tried again.
    TableUnsaved,
    /// Files have changed and could not be read again: they are used as they were.
    FilesOutdated,
    /// A worker has broken down, and what it held is lost. The others have what came for it; another process takes
    /// over as soon as one can.
    WorkerBroken,
    /// What only a later version knows: it is told in its own words, and is as wrong as all others.
    #[serde(other)]
    Other,
}

impl Kind {
    /// All that this version tells of.
    pub const ALL: [Self; 5] =
        [Self::TableUnreadable, Self::TableUnserved, Self::TableUnsaved, Self::FilesOutdated, Self::WorkerBroken];

    /// A word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::TableUnreadable => "table-unreadable",
            Self::TableUnserved => "table-unserved",
            Self::TableUnsaved => "table-unsaved",
            Self::FilesOutdated => "files-outdated",
            Self::WorkerBroken => "worker-broken",
            Self::Other => "other",
        }
    }
}

impl Status {
    /// How much of each kind is not in order; each kind is told, so that whoever watches sees it come and go.
    pub fn wrong(&self) -> Vec<(&'static str, usize)> {
        let own = [
            ("configuration", usize::from(self.config_problem.is_some())),
            ("address-deaf", self.deaf.len()),
            ("keeper-dead", usize::from(self.alone)),
        ];
        let count = |kind: Kind| self.problems.iter().filter(|problem| problem.kind == kind).count();
        own.into_iter().chain(Kind::ALL.map(|kind| (kind.name(), count(kind)))).collect()
    }

    /// Whether all is as it should be.
    pub fn is_in_order(&self) -> bool {
        self.problems.is_empty() && self.wrong().iter().all(|(_, count)| *count == 0)
    }
}
