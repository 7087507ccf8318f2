//! Bugs on demand, for the checkers to prove themselves on. Without the feature `planted` every question is
//! answered with a constant no, and nothing of this is left in the build.

macro_rules! bugs {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, $text:literal,)*) => {
        /// A bug that can be planted.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum Bug { $($(#[$doc])* $variant,)* }

        impl Bug {
            /// All of them.
            pub const ALL: &'static [Bug] = &[$(Bug::$variant,)*];

            /// A word for it.
            pub fn name(self) -> &'static str {
                match self { $(Bug::$variant => $name,)* }
            }

            /// What it is, in a few words.
            pub fn as_str(self) -> &'static str {
                match self { $(Bug::$variant => $text,)* }
            }
        }
    };
}

bugs! {
    /// Shares are rounded to whole parts of a hundred.
    SharesRounded = "shares-rounded", "shares are rounded to whole parts of a hundred",
    /// Neighbouring slots are one.
    SlotsCoarse = "slots-coarse", "only every 64th slot falls to anybody",
    /// Which units a release has depends on the shares.
    UnitsDealtAnew = "units-dealt-anew", "units are dealt anew whenever a share changes",
    /// Not a unit but a request sticks.
    UnitForgotten = "unit-forgotten", "a request's slot is not that of its unit",
    /// A further try is on nobody's account.
    RetryUncharged = "retry-uncharged", "a request that was tried again is charged to nobody",
    /// What is under way is not counted, so a drain is over before it has ended.
    NotClaimed = "not-claimed", "requests are chosen for and not claimed",
    /// Only the gateway that leads is asked what is under way.
    RetiringForgotten = "retiring-forgotten", "a gateway that retires is not asked what it still has",
    /// A gateway that retires hangs up.
    ClosedBeforeDrain = "closed-before-drain", "connections are closed before what is under way on them has ended",
    /// What may have been done is asked for again.
    PostRepeated = "post-repeated", "a request that is not repeatable is sent again",
    /// A worker panics where it can be told to: when a service called `break` is removed.
    WorkerBreaks = "worker-breaks", "a worker breaks down",
}

/// The bug of a process that is started with its name in here, if it can have any.
pub const VARIABLE: &str = "GLIDEPATH_PLANTED";
/// Whether this build can have bugs.
pub const CAN_BE: bool = cfg!(feature = "planted");

#[cfg(feature = "planted")]
mod active {
    use super::{Bug, VARIABLE};
    use std::sync::atomic::{AtomicU8, Ordering};

    /// No bug has these numbers.
    const NONE: u8 = u8::MAX;
    const NOT_READ: u8 = u8::MAX - 1;
    /// Workers are threads that all have the same bug.
    static ACTIVE: AtomicU8 = AtomicU8::new(NOT_READ);

    /// From now on this process's gateway has this bug, or none.
    pub fn plant(bug: Option<Bug>) {
        ACTIVE.store(bug.map_or(NONE, |bug| bug as u8), Ordering::Relaxed);
    }

    pub(crate) fn is(bug: Bug) -> bool {
        let active = match ACTIVE.load(Ordering::Relaxed) {
            NOT_READ => read(),
            active => active,
        };
        active == bug as u8
    }

    fn read() -> u8 {
        let name = std::env::var(VARIABLE).unwrap_or_default();
        plant(Bug::ALL.iter().copied().find(|bug| bug.name() == name));
        ACTIVE.load(Ordering::Relaxed)
    }
}

#[cfg(feature = "planted")]
pub(crate) use active::is;
#[cfg(feature = "planted")]
pub use active::plant;

/// Whether this process's gateway has this bug.
#[cfg(not(feature = "planted"))]
pub(crate) const fn is(_: Bug) -> bool {
    false
}
