//! What the code that touches outside things has to offer. Small, object-safe, bound to no runtime:
//! facts are declared, effects ensured, and the world observed or blind.

use crate::command::{Command, Reply};
use crate::facts::{Facts, Fence, PlatformFacts, RouterFacts};
use crate::observe::{PlatformLook, RouterLook};
use crate::store::{Pending, Position};
use model::gate::Gate;
use model::{CheckName, Evidence, Name, ReleaseNumber, RolloutNumber, Subject, Verdict};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Why nothing could be seen, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blind(pub String);

/// Runs instances.
pub trait Platform: Send + Sync {
    /// What it can do.
    fn facts(&self) -> PlatformFacts;
    /// Brings a [`crate::command::Act::Scale`] about.
    fn ensure(&self, command: Command) -> Pending<'static, Reply>;
    /// What there is.
    fn observe(&self, subject: Subject) -> Pending<'static, Result<PlatformLook, Blind>>;
}

/// Moves traffic.
pub trait Router: Send + Sync {
    /// What it can do.
    fn facts(&self) -> RouterFacts;
    /// Brings a [`crate::command::Act::Table`] about.
    fn ensure(&self, command: Command) -> Pending<'static, Reply>;
    /// What every member does.
    fn observe(&self, subject: Subject) -> Pending<'static, Result<RouterLook, Blind>>;
}

/// Answers checks.
pub trait Source: Send + Sync {
    /// What the numbers say.
    fn ask(&self, question: Question) -> Pending<'static, Result<Vec<Answer>, Blind>>;
}

/// Calls hooks and webhooks.
pub trait Caller: Send + Sync {
    /// How what it calls refuses stale calls.
    fn fence(&self) -> Fence;
    /// Brings a [`crate::command::Act::Call`] about. It answers when the call has ended.
    fn ensure(&self, command: Command) -> Pending<'static, Reply>;
    /// Whether a gate says yes now.
    fn ask(&self, subject: Subject, gate: Gate) -> Pending<'static, Result<bool, Blind>>;
}

/// Changes databases.
pub trait Migrator: Send + Sync {
    /// How its databases refuse stale changes.
    fn fence(&self) -> Fence;
    /// Brings a [`crate::command::Act::Migrate`] about. It answers when the phase is over.
    fn ensure(&self, command: Command) -> Pending<'static, Reply>;
}

/// Sets flags.
pub trait FlagSetter: Send + Sync {
    /// How its flags refuse stale settings.
    fn fence(&self) -> Fence;
    /// Brings a [`crate::command::Act::Flag`] about.
    fn ensure(&self, command: Command) -> Pending<'static, Reply>;
}

/// What a source is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// Whose.
    pub subject: Subject,
    /// For which rollout.
    pub rollout: RolloutNumber,
    /// What is landed.
    pub candidate: ReleaseNumber,
    /// What it is compared with.
    pub stable: Option<ReleaseNumber>,
    /// The attempt that goes on: evidence may be kept by it.
    pub generation: Position,
    /// The checks.
    pub checks: Vec<CheckName>,
}

/// A source's answer to one check.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The check.
    pub check: CheckName,
    /// The verdict.
    pub verdict: Verdict,
    /// What it rests on.
    pub evidence: Evidence,
}

/// The drivers of one service.
#[derive(Clone)]
pub struct Drivers {
    /// Runs its instances.
    pub platform: Arc<dyn Platform>,
    /// Moves its traffic, if it has any.
    pub router: Option<Arc<dyn Router>>,
    /// Answer its checks, by name.
    pub sources: BTreeMap<Name, Arc<dyn Source>>,
    /// Calls its hooks.
    pub caller: Option<Arc<dyn Caller>>,
    /// Changes its database.
    pub migrator: Option<Arc<dyn Migrator>>,
    /// Sets its flags.
    pub flags: Option<Arc<dyn FlagSetter>>,
}

impl Drivers {
    /// What they can do together.
    pub fn facts(&self) -> Facts {
        Facts {
            platform: self.platform.facts(),
            router: self.router.as_ref().map(|router| router.facts()),
            sources: self.sources.keys().cloned().collect(),
            hooks: self.caller.as_ref().map(|caller| caller.fence()),
            migrations: self.migrator.as_ref().map(|migrator| migrator.fence()),
            flags: self.flags.as_ref().map(|flags| flags.fence()),
        }
    }
}
