//! What became of requests, as a gateway tells it: sums that only grow, so that whatever a reader missed
//! is in what it reads next. A sum is told apart by process, worker, service, table, release, class and
//! way; a reader keeps the newest of each and adds them up, and so counts nothing twice.
//!
//! What one side does not know yet is passed over here: a further sum makes no other one wrong.

use crate::is_default;
use model::{ReleaseNumber, Share, Span, Subject};
use serde::{Deserialize, Serialize};

/// All that one process of a gateway has counted since it began.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Counts {
    /// Which process.
    pub run: Run,
    /// How long it had run.
    pub at: Span,
    /// The workers that did not answer: what they counted is not known.
    #[serde(skip_serializing_if = "is_default")]
    pub silent: Vec<u32>,
    /// What each of the others counted.
    pub workers: Vec<Worker>,
}

/// One process, told apart from all others of the same machine.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(default)]
pub struct Run {
    /// Which start of the machine.
    pub boot: String,
    /// Its number.
    pub pid: u32,
    /// When it began, in the kernel's ticks since the machine did: numbers are used again.
    pub started: u64,
}

impl Run {
    /// None: what it has counted is the sum of all that have ended, and are not told one by one any more.
    pub fn past() -> Self {
        Self::default()
    }

    /// Whether it is none.
    pub fn is_past(&self) -> bool {
        self.pid == 0
    }
}

/// What one worker counted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Worker {
    /// Which one.
    pub number: u32,
    /// The connections that clients have open.
    pub clients: u64,
    /// The connections that it accepted.
    pub accepted: u64,
    /// Requests that were none, and answered with an error.
    #[serde(skip_serializing_if = "is_default")]
    pub refused: u64,
    /// Requests for which there is no service.
    #[serde(skip_serializing_if = "is_default")]
    pub unserved: u64,
    /// Requests that were sent away, because there was more to do than got done.
    #[serde(skip_serializing_if = "is_default")]
    pub shed: u64,
    /// Its services.
    pub services: Vec<Service>,
}

/// What became of the requests of one service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Service {
    /// Which.
    pub service: Subject,
    /// The table that is served by.
    pub generation: u64,
    /// What was given away under each table, the newest last.
    #[serde(default)]
    pub tables: Vec<Table>,
    /// What was given away under tables before those: all of them together, up to this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub older: Option<Table>,
    /// Requests of releases that are gone for so long that they are told no more.
    #[serde(default, skip_serializing_if = "is_default")]
    pub forgotten: u64,
    /// The first bad event of each unit that sticks. Several workers and several gateways may tell of one
    /// unit: the first counts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub units: Vec<UnitEvent>,
    /// Bad events of units that there was no room to remember: they may be first ones.
    #[serde(default, skip_serializing_if = "is_default")]
    pub units_lost: u64,
    /// What became of copies.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mirrors: Vec<Mirror>,
}

/// What was given away under one table.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Table {
    /// Its generation.
    pub generation: u64,
    /// A request that took longer was slow.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slow_micros: Option<u64>,
    /// What each release got.
    pub releases: Vec<Release>,
}

/// What one release got.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Release {
    /// Which; none for what the gateway answered without giving it to anybody.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub release: Option<ReleaseNumber>,
    /// Its share of the units that no match claims.
    #[serde(skip_serializing_if = "is_default")]
    pub share: Share,
    /// Connections that its instances did not take.
    #[serde(skip_serializing_if = "is_default")]
    pub connects_failed: u64,
    /// How often one of its instances was ejected.
    #[serde(skip_serializing_if = "is_default")]
    pub ejections: u64,
    /// What became of its requests.
    pub outcomes: Vec<Outcomes>,
}

/// How a request came to its release.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Way {
    /// By the shares: only these are ever compared.
    #[default]
    Split,
    /// A match sent it there.
    Matched,
    /// Its session was there before, or asked for it.
    Pinned,
    /// It is a copy, and nobody hears its answer.
    Copied,
}

/// What became of requests that came the same way.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Outcomes {
    /// The name of the rule that took them.
    #[serde(skip_serializing_if = "is_default")]
    pub class: String,
    /// The way they came.
    #[serde(skip_serializing_if = "is_default")]
    pub way: Way,
    /// Those under way: the only number here that falls, too.
    #[serde(skip_serializing_if = "is_default")]
    pub open: u64,
    /// Answers by the first digit of their status, from 1 to 5.
    pub statuses: [u64; 5],
    /// Those among them that the gateway gave because no instance did.
    #[serde(skip_serializing_if = "is_default")]
    pub unanswered: u64,
    /// Answers that their instance broke off.
    #[serde(skip_serializing_if = "is_default")]
    pub broken: u64,
    /// Requests whose client went away, or was sent away because the instance does.
    #[serde(skip_serializing_if = "is_default")]
    pub left: u64,
    /// Further tries.
    #[serde(skip_serializing_if = "is_default")]
    pub retries: u64,
    /// Those that took longer than the table's bound, open ones from the moment they do.
    #[serde(skip_serializing_if = "is_default")]
    pub slow: u64,
    /// Bytes of their bodies.
    #[serde(skip_serializing_if = "is_default")]
    pub received: u64,
    /// Bytes of their answers' bodies.
    #[serde(skip_serializing_if = "is_default")]
    pub sent: u64,
    /// How many answers took how many microseconds, to one percent.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub times: Vec<(u64, u64)>,
}

/// The first time that something bad happened to a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnitEvent {
    /// Which unit: its hash under the table's salt, the same in every worker and every gateway.
    pub unit: u64,
    /// What it was.
    pub bad: Bad,
    /// When, since the process began.
    pub at: Span,
    /// Under which table.
    pub generation: u64,
    /// Whose request it was.
    pub release: ReleaseNumber,
}

/// What can happen to a request that is bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Bad {
    /// A status from 500 on, no answer, or half of one.
    Error,
    /// It took longer than the table's bound.
    Slow,
}

/// What became of the copies for one release.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mirror {
    /// Whose requests are copied.
    pub of: ReleaseNumber,
    /// Who gets the copies.
    pub to: ReleaseNumber,
    /// Copies that were sent.
    #[serde(default)]
    pub sent: u64,
    /// Copies that were answered in time.
    #[serde(default)]
    pub answered: u64,
    /// Copies that were not, or by half an answer.
    #[serde(default)]
    pub failed: u64,
    /// Requests whose body is too large to be copied.
    #[serde(default, skip_serializing_if = "is_default")]
    pub too_large: u64,
    /// Requests that would have been one copy too many under way.
    #[serde(default, skip_serializing_if = "is_default")]
    pub too_many: u64,
    /// Requests whose release broke off, or whose client left: there is nothing to compare a copy with.
    #[serde(default, skip_serializing_if = "is_default")]
    pub unpaired: u64,
    /// Pairs of answers that whoever compares was too slow to take.
    #[serde(default, skip_serializing_if = "is_default")]
    pub uncompared: u64,
}
