//! The one table that says which entry may follow where. Fold obeys it, recovery checks against it,
//! and the simulator counts that every edge of it is taken.

use super::entry::{Ask, Entry};
use serde::{Deserialize, Serialize};

macro_rules! closed_list {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum $name { $($(#[$variant_doc])* $variant,)* }

        impl $name {
            /// All of them.
            pub const ALL: &'static [$name] = &[$($name::$variant,)*];

            /// As written and shown.
            pub fn as_str(self) -> &'static str {
                match self { $($name::$variant => $text,)* }
            }
        }
    };
}

closed_list! {
    /// Where a service's journal stands.
    Phase {
        /// No rollout runs.
        Standing = "standing",
        /// Landing, before the next step has begun.
        Between = "between",
        /// Landing, a step has begun.
        Doing = "doing",
        /// Landing, nobody can say whether the step's effect is there.
        Undecided = "undecided",
        /// Landing, paused before the next step.
        Paused = "paused",
        /// Landing, paused while a step goes on.
        PausedDoing = "paused-doing",
        /// Going around, before the next step has begun.
        BackBetween = "back-between",
        /// Going around, a step has begun.
        BackDoing = "back-doing",
        /// Going around, nobody can say whether the step's effect is there.
        BackUndecided = "back-undecided",
        /// Nothing more is done until a person says what.
        Halted = "halted",
    }
}

closed_list! {
    /// The kinds of entry, what people ask for told apart.
    Kind {
        /// [`Ask::Deploy`].
        Deploy = "asked-deploy",
        /// [`Ask::Rollback`].
        Rollback = "asked-rollback",
        /// [`Ask::Scale`].
        Scale = "asked-scale",
        /// [`Ask::Pause`].
        Pause = "asked-pause",
        /// [`Ask::Resume`].
        Resume = "asked-resume",
        /// [`Ask::Promote`].
        Promote = "asked-promote",
        /// [`Ask::Skip`].
        Skip = "asked-skip",
        /// [`Ask::Abort`].
        Abort = "asked-abort",
        /// [`Ask::Retry`].
        Retry = "asked-retry",
        /// [`Ask::Unwind`].
        Unwind = "asked-unwind",
        /// [`Ask::Accept`].
        Accept = "asked-accept",
        /// [`Ask::Approve`].
        Approve = "asked-approve",
        /// [`Ask::Refuse`].
        Refuse = "asked-refuse",
        /// [`Ask::Decide`].
        Decide = "asked-decide",
        /// [`Entry::Accepted`].
        Accepted = "accepted",
        /// [`Entry::Refused`].
        Refused = "refused",
        /// [`Entry::Began`].
        Began = "began",
        /// [`Entry::Done`].
        Done = "done",
        /// [`Entry::Failed`].
        Failed = "failed",
        /// [`Entry::Undecided`].
        Undecided = "undecided",
        /// [`Entry::Unwinding`].
        Unwinding = "unwinding",
        /// [`Entry::Halted`].
        Halted = "halted",
        /// [`Entry::Ended`].
        Ended = "ended",
        /// [`Entry::Restored`].
        Restored = "restored",
        /// [`Entry::ClosingBegan`].
        ClosingBegan = "closing-began",
        /// [`Entry::ClosingStopped`].
        ClosingStopped = "closing-stopped",
        /// [`Entry::ClosingDone`].
        ClosingDone = "closing-done",
        /// [`Entry::ClosingFailed`].
        ClosingFailed = "closing-failed",
        /// [`Entry::ClockJumped`].
        ClockJumped = "clock-jumped",
    }
}

impl Entry {
    /// Its kind.
    pub fn kind(&self) -> Kind {
        match self {
            Entry::Asked { input } => input.ask.kind(),
            Entry::Accepted { .. } => Kind::Accepted,
            Entry::Refused { .. } => Kind::Refused,
            Entry::Began { .. } => Kind::Began,
            Entry::Done { .. } => Kind::Done,
            Entry::Failed { .. } => Kind::Failed,
            Entry::Undecided { .. } => Kind::Undecided,
            Entry::Unwinding { .. } => Kind::Unwinding,
            Entry::Halted { .. } => Kind::Halted,
            Entry::Ended { .. } => Kind::Ended,
            Entry::Restored { .. } => Kind::Restored,
            Entry::ClosingBegan { .. } => Kind::ClosingBegan,
            Entry::ClosingStopped { .. } => Kind::ClosingStopped,
            Entry::ClosingDone { .. } => Kind::ClosingDone,
            Entry::ClosingFailed { .. } => Kind::ClosingFailed,
            Entry::ClockJumped { .. } => Kind::ClockJumped,
        }
    }
}

impl Ask {
    /// Its kind.
    pub fn kind(&self) -> Kind {
        match self {
            Ask::Deploy { .. } => Kind::Deploy,
            Ask::Rollback { .. } => Kind::Rollback,
            Ask::Scale { .. } => Kind::Scale,
            Ask::Pause => Kind::Pause,
            Ask::Resume => Kind::Resume,
            Ask::Promote => Kind::Promote,
            Ask::Skip => Kind::Skip,
            Ask::Abort => Kind::Abort,
            Ask::Retry => Kind::Retry,
            Ask::Unwind => Kind::Unwind,
            Ask::Accept { .. } => Kind::Accept,
            Ask::Approve => Kind::Approve,
            Ask::Refuse => Kind::Refuse,
            Ask::Decide { .. } => Kind::Decide,
        }
    }
}

/// Whether an entry of this kind may follow in this phase. Finer conditions (the right step, the
/// right attempt) are fold's.
pub fn may_follow(phase: Phase, kind: Kind) -> bool {
    use Phase::{
        BackBetween, BackDoing, BackUndecided, Between, Doing, Halted, Paused, PausedDoing, Standing, Undecided,
    };
    match kind {
        Kind::Deploy => phase != Halted,
        Kind::Rollback | Kind::Scale => phase == Standing,
        Kind::Pause => matches!(phase, Between | Doing),
        Kind::Resume => matches!(phase, Paused | PausedDoing),
        Kind::Promote => matches!(phase, Between | Doing | Paused | PausedDoing),
        Kind::Skip => matches!(phase, Doing | PausedDoing | Undecided),
        Kind::Abort => matches!(phase, Between | Doing | Undecided | Paused | PausedDoing),
        Kind::Retry => matches!(phase, Undecided | BackUndecided | Halted),
        Kind::Unwind | Kind::Accept => phase == Halted,
        Kind::Approve | Kind::Refuse | Kind::Decide => matches!(phase, Doing | PausedDoing),
        Kind::Accepted | Kind::Refused => phase == Standing,
        Kind::Began => matches!(phase, Between | BackBetween),
        Kind::Done => matches!(phase, Doing | PausedDoing | Undecided | BackDoing | BackUndecided),
        Kind::Failed => matches!(phase, Doing | PausedDoing | Undecided | BackDoing | BackUndecided),
        // Never while paused: the wait for a person would end by itself.
        Kind::Undecided => matches!(phase, Doing | BackDoing),
        Kind::Unwinding => matches!(phase, Between | Doing | Undecided | Paused | PausedDoing | Halted),
        Kind::Halted => {
            matches!(phase, Between | Doing | Undecided | Paused | PausedDoing | BackBetween | BackUndecided | Halted)
        }
        Kind::Ended => matches!(phase, Between | BackBetween | Halted),
        Kind::Restored => phase != Halted,
        Kind::ClosingBegan | Kind::ClosingStopped | Kind::ClosingDone | Kind::ClosingFailed => phase == Standing,
        Kind::ClockJumped => true,
    }
}

/// All edges of the table.
pub fn edges() -> impl Iterator<Item = (Phase, Kind)> {
    Phase::ALL
        .iter()
        .flat_map(|phase| Kind::ALL.iter().map(|kind| (*phase, *kind)))
        .filter(|(phase, kind)| may_follow(*phase, *kind))
}
