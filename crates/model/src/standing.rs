//! What a service is between and beneath rollouts.

use crate::{Intent, Name, ReleaseNumber, Time};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// What is wanted of a service now. Every change of it is an entry in the service's journal; what is
/// observed may lag behind it, and `uphold` closes the gap.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// The release that serves; none before the first landing.
    pub release: Option<ReleaseNumber>,
    /// How many instances each release should have. A release without an entry should have none.
    pub capacity: BTreeMap<ReleaseNumber, u32>,
    /// Instances numbered from this on get no new work: they are draining. Instances are numbered
    /// from zero, and the highest leave first.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub drained_from: BTreeMap<ReleaseNumber, u32>,
    /// What traffic should do.
    pub intent: Intent,
    /// The release that is kept warm for a quick way back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warm: Option<Warm>,
    /// What is still to be done when rollback windows end, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub closings: Vec<Closing>,
    /// Migrations whose contract has begun: nothing rolls back across them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub contracted: Vec<Contracted>,
    /// Migrations of releases that landed: no later plan brings them again, and no later way back
    /// takes them from the release that serves.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub migrated: BTreeSet<Name>,
}

impl Standing {
    /// How many instances a release should have.
    pub fn capacity(&self, release: ReleaseNumber) -> u32 {
        self.capacity.get(&release).copied().unwrap_or(0)
    }

    /// Sets how many instances a release should have.
    pub fn set_capacity(&mut self, release: ReleaseNumber, count: u32) {
        if count == 0 {
            self.capacity.remove(&release);
            self.drained_from.remove(&release);
        } else {
            self.capacity.insert(release, count);
        }
    }

    /// Forgets a drain whose instances are gone by now. Not earlier: a table without it would send
    /// work to instances that are being stopped. Says whether there was one: routers have to forget
    /// it too, before instances of those numbers start again.
    pub fn forget_drained(&mut self, release: ReleaseNumber) -> bool {
        let count = self.capacity(release);
        let gone = self.drained_from.get(&release).is_some_and(|from| *from >= count);
        gone && self.drained_from.remove(&release).is_some()
    }

    /// How many instances of a release may get new work.
    pub fn admitted(&self, release: ReleaseNumber) -> u32 {
        let capacity = self.capacity(release);
        self.drained_from.get(&release).map_or(capacity, |from| capacity.min(*from))
    }

    /// Whether a migration's contraction has begun: from then on it has no way back, whoever lands.
    pub fn has_contracted(&self, migration: &Name) -> bool {
        self.contracted.iter().any(|begun| begun.migration == *migration)
    }
}

/// A release that no longer serves, but could within one Route.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warm {
    /// The release.
    pub release: ReleaseNumber,
    /// How many instances it needs before it can take everything again.
    pub full_capacity: u32,
    /// When its rollback window ends, on the clock that deadlines count (without the wall clock's jumps).
    pub until: Time,
}

/// What follows a landing when its rollback window ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Closing {
    /// When it is due, on the clock that deadlines count (without the wall clock's jumps).
    pub due: Time,
    /// What is done then.
    pub work: ClosingWork,
}

/// The work of a closing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClosingWork {
    /// The old release is drained, then stopped.
    Retire(ReleaseNumber),
    /// A release that serves on has fewer instances: the others are drained, then stopped. It is due at
    /// once, whatever rollback window is open.
    Shrink {
        /// The release.
        release: ReleaseNumber,
        /// The instances that stay: the ones numbered below this.
        keep: u32,
    },
    /// A migration is contracted, once no instance of the old release lives.
    Contract {
        /// The migration.
        migration: Name,
        /// The newest release that still needs the old shape; none where the first release brought it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        old: Option<ReleaseNumber>,
    },
}

/// A migration past its point of no return.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contracted {
    /// The migration.
    pub migration: Name,
    /// The newest release that needs the shape that is gone, if any did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub old: Option<ReleaseNumber>,
}

impl Contracted {
    /// Whether a release cannot run any more because of it.
    pub fn bars(&self, release: ReleaseNumber) -> bool {
        self.old.is_some_and(|old| release <= old)
    }
}
