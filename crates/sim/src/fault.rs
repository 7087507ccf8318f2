//! What goes wrong, counted by kind.

use std::collections::BTreeMap;

macro_rules! faults {
    ($($(#[$doc:meta])* $variant:ident = $text:literal,)*) => {
        /// A kind of fault.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Fault { $($(#[$doc])* $variant,)* }

        impl Fault {
            /// All kinds.
            pub const ALL: &'static [Fault] = &[$(Fault::$variant,)*];

            /// Its name.
            pub fn as_str(self) -> &'static str {
                match self { $(Fault::$variant => $text,)* }
            }
        }
    };
}

faults! {
    /// A command is lost: no effect, no answer.
    NotDone = "not-done",
    /// A command takes effect, and its answer is lost.
    DoneUnrecorded = "done-unrecorded",
    /// A command takes effect twice, the second time later.
    DoneTwice = "done-twice",
    /// A command takes effect long after it was sent.
    Late = "late",
    /// A command that has read its target's tag takes effect after a newer one.
    Overtaken = "overtaken",
    /// A target says no, for now.
    Refused = "refused",
    /// A look shows what was there some time ago.
    LateStatus = "late-status",
    /// A look is not answered.
    Blind = "blind",
    /// A commit happens or not, and nobody says which.
    CommitAmbiguous = "commit-ambiguous",
    /// A store says no, for now.
    StoreFailed = "store-failed",
    /// A controller ends at once.
    ControllerCrash = "controller-crash",
    /// A controller stands still, then goes on as if nothing had happened.
    ControllerHang = "controller-hang",
    /// Two controllers believe that they lead.
    TwoControllers = "two-controllers",
    /// The wall clock jumps forward.
    ClockForward = "clock-forward",
    /// The wall clock is put back.
    ClockBack = "clock-back",
    /// An instance ends by itself.
    InstanceCrash = "instance-crash",
    /// An instance stops being ready for a while.
    InstanceFlap = "instance-flap",
    /// Instances of a release never become ready.
    NeverReady = "never-ready",
    /// A router is silent for a while.
    RouterSilent = "router-silent",
    /// A router restarts with the table that it saved.
    RouterRestart = "router-restart",
    /// The evidence is bad.
    EvidenceBad = "evidence-bad",
    /// There is no evidence for a while.
    EvidenceAbsent = "evidence-absent",
    /// The evidence turns bad after a while.
    EvidenceBadLate = "evidence-bad-late",
    /// A flag is killed by a person.
    FlagKilled = "flag-killed",
    /// Somebody says something that no longer fits.
    StaleInput = "stale-input",
    /// Somebody says something twice.
    DoubleInput = "double-input",
}

/// How often each kind was injected.
#[derive(Clone, Debug, Default)]
pub struct FaultCount(BTreeMap<Fault, u64>);

impl FaultCount {
    /// One more.
    pub fn add(&mut self, fault: Fault) {
        *self.0.entry(fault).or_default() += 1;
    }

    /// How often.
    pub fn of(&self, fault: Fault) -> u64 {
        self.0.get(&fault).copied().unwrap_or(0)
    }

    /// How often in all.
    pub fn total(&self) -> u64 {
        self.0.values().sum()
    }

    /// Another count on top.
    pub fn merge(&mut self, other: &FaultCount) {
        for (fault, count) in &other.0 {
            *self.0.entry(*fault).or_default() += count;
        }
    }
}
