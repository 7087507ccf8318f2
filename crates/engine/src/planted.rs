//! Bugs on demand, for the simulator's checkers to prove themselves on. Without the feature `planted`
//! every question is answered with a constant no, and nothing of this is left in the build.

macro_rules! bugs {
    ($($(#[$doc:meta])* $variant:ident = $text:literal,)*) => {
        /// A bug that can be planted.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Bug { $($(#[$doc])* $variant,)* }

        impl Bug {
            /// All of them.
            pub const ALL: &'static [Bug] = &[$(Bug::$variant,)*];

            /// What it is, in a few words.
            pub fn as_str(self) -> &'static str {
                match self { $(Bug::$variant => $text,)* }
            }
        }
    };
}

bugs! {
    /// The way back leaves out what was begun and not done.
    StartedNotDoneSkipped = "the way back skips steps that were started but not done",
    /// The way back goes through the weights it came by.
    WeightsRevisited = "weights already passed are revisited on a sudden way back",
    /// The way back stops the candidate at once.
    StoppedWithoutDrain = "the candidate is stopped without a drain on the way back",
    /// The way back routes before stable runs again.
    RouteToStopped = "traffic is routed to a stopped stable",
    /// A drain is over as soon as it has begun.
    DrainSkipped = "a drain is taken for done before its work has ended",
    /// A route is taken before the candidate was ready.
    WeightBeforeReady = "traffic is given before readiness was observed",
    /// Routers are given shares that do not sum to everything.
    SharesDoNotSum = "shares do not sum to everything",
    /// Deadlines fire before anything was looked at.
    DeadlineBeforeLook = "deadlines fire before the first look after a recovery",
    /// A check that has not answered has passed.
    AbsentIsPass = "absent data is taken as a pass",
    /// A newer release takes over without the way back.
    SupersedeAtOnce = "a newer release supersedes without going around",
    /// Holding time counts although nothing is seen.
    BlindHold = "holding time is counted while blind",
    /// After a recovery, whatever table routers have is taken for the intended one.
    RestoredTable = "the table that routers restored is taken for the intent",
    /// The way back sets flags whoever changed them since.
    KillUndone = "a killed flag is set again on the way back",
    /// Approvals of an attempt count for the next.
    ApprovalSurvives = "an approval survives a retry",
    /// A way back that fails is taken for done.
    FailedUndoIgnored = "an undo that failed is taken for done",
    /// A contract does not wait for the old instances to go.
    ContractTooEarly = "a contract begins while an old instance lives",
    /// A hook that must not be repeated is called again after a crash.
    NeverRepeated = "a hook that must not be repeated is called again after a crash",
    /// The way back does not wait for what was called before.
    UndoBesideCall = "an undo begins while the call that it undoes may still run",
    /// A route is done when it was commanded.
    RouteUnconfirmed = "a route is taken for done before every router confirmed it",
    /// What is commanded before it is written.
    CommandBeforeEntry = "commands are sent before the intent is durable",
    /// Unfenced targets get two commands at once.
    UnfencedTwice = "two commands are under way to a target without a fence",
    /// One service's store keeps all the others waiting.
    OneForAll = "a service waits while the store has not answered about another",
}

#[cfg(feature = "planted")]
mod active {
    use super::Bug;
    use std::cell::Cell;

    thread_local! {
        static ACTIVE: Cell<Option<Bug>> = const { Cell::new(None) };
    }

    /// From now on this thread's engine has this bug, or none.
    pub fn plant(bug: Option<Bug>) {
        ACTIVE.set(bug);
    }

    pub(crate) fn is(bug: Bug) -> bool {
        ACTIVE.get() == Some(bug)
    }
}

#[cfg(feature = "planted")]
pub(crate) use active::is;
#[cfg(feature = "planted")]
pub use active::plant;

/// Whether this thread's engine has this bug.
#[cfg(not(feature = "planted"))]
pub(crate) const fn is(_: Bug) -> bool {
    false
}
