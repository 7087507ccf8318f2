//! What the engine tells drivers to bring about, and what they answer.

use crate::store::Position;
use model::plan::{FlagSetting, Phase, StepNumber, Verb};
use model::service::Hook;
use model::{Intent, Name, ReleaseNumber, RolloutNumber, Span, Subject};
use std::collections::BTreeMap;
use std::fmt;

/// How long a command may take unless its work says otherwise.
pub const COMMAND_LIMIT: Span = Span::seconds(10);
/// The longest that a migration's command may take: what is not answered by then is asked again.
pub const MIGRATION_LIMIT_MAX: Span = Span::minutes(10);

/// An effect to bring about. Sending it again changes nothing.
#[derive(Clone, Debug, PartialEq)]
pub struct Command {
    /// Whose.
    pub subject: Subject,
    /// The entry that caused it. A target that has seen a newer one refuses.
    pub generation: Position,
    /// What.
    pub act: Act,
    /// How long it may take; what is not answered by then is unknown.
    pub limit: Span,
}

/// What a command is about: of two with the same target the one with the newer generation counts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Target {
    /// The instances of a release.
    Instances(ReleaseNumber),
    /// The routers.
    Routers,
    /// One call of a hook: the step's Began tells two calls apart.
    Hook(Position),
    /// A migration.
    Migration(Name),
    /// A flag.
    Flag(Name),
}

impl Target {
    /// What a step calls, and how long one call may take; none where it calls nothing that goes on by
    /// itself until it answers.
    pub fn called_by(verb: &Verb, generation: Position) -> Option<(Self, Span)> {
        match verb {
            Verb::Hook { hook, .. } => Some((Target::Hook(generation), hook.timeout)),
            Verb::Migrate { migration, .. } => Some((Target::Migration(migration.clone()), MIGRATION_LIMIT_MAX)),
            Verb::Start { .. }
            | Verb::Route { .. }
            | Verb::Observe { .. }
            | Verb::Approve { .. }
            | Verb::Flag { .. }
            | Verb::Drain { .. }
            | Verb::Stop { .. }
            | Verb::Notify { .. } => None,
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Instances(release) => write!(f, "the platform, asked for instances of {release},"),
            Self::Routers => f.write_str("a router, asked for a table,"),
            Self::Hook(began) => write!(f, "the hook called by entry {began}"),
            Self::Migration(name) => write!(f, "the migration {name}"),
            Self::Flag(name) => write!(f, "the flag {name}"),
        }
    }
}

/// What is brought about.
#[derive(Clone, Debug, PartialEq)]
pub enum Act {
    /// A release has so many instances: those numbered below.
    Scale {
        /// The release.
        release: ReleaseNumber,
        /// How many.
        count: u32,
    },
    /// Routers have this table.
    Table(Table),
    /// A hook is called.
    Call {
        /// Which.
        hook: Box<Hook>,
        /// Its undo instead.
        undo: bool,
        /// For what.
        rollout: RolloutNumber,
        /// For which step.
        step: StepNumber,
    },
    /// A migration has come through this phase.
    Migrate {
        /// Which.
        migration: Name,
        /// The phase.
        phase: Phase,
    },
    /// A flag is set.
    Flag {
        /// Which.
        flag: Name,
        /// To what.
        to: FlagSetting,
        /// Only where it still stands like this.
        only_from: Option<FlagSetting>,
    },
}

/// What routers are told: all of it, every time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    /// What traffic does.
    pub intent: Intent,
    /// Instances numbered from this on get no new work.
    pub drained_from: BTreeMap<ReleaseNumber, u32>,
}

impl Act {
    /// What it is about.
    pub fn target(&self, generation: Position) -> Target {
        match self {
            Act::Scale { release, .. } => Target::Instances(*release),
            Act::Table(_) => Target::Routers,
            Act::Call { .. } => Target::Hook(generation),
            Act::Migrate { migration, .. } => Target::Migration(migration.clone()),
            Act::Flag { flag, .. } => Target::Flag(flag.clone()),
        }
    }
}

impl Command {
    /// What it is about.
    pub fn target(&self) -> Target {
        self.act.target(self.generation)
    }
}

/// What a driver answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// It is being brought about; for calls, migrations and flags: it is done.
    Accepted,
    /// The target has seen a newer command, or a kill stands in the way.
    Superseded(Position),
    /// The target said no.
    Failed {
        /// Why.
        why: String,
        /// Whether the same command may succeed later.
        retry: bool,
    },
    /// Nobody knows.
    Unknown(String),
}
