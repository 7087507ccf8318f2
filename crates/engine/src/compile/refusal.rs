//! Why no plan can be made: every reason at once, each with what to do next.

use std::fmt;

/// No plan: all the reasons.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Never empty, and nothing is said twice.
    pub reasons: Vec<Reason>,
}

impl Refusal {
    /// Whether this is among the reasons.
    pub fn has(&self, code: Code) -> bool {
        self.reasons.iter().any(|reason| reason.code == code)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, reason) in self.reasons.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{reason}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Refusal {}

/// One reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// For programs and pages: stays the same when the sentences are bettered.
    pub code: Code,
    /// What is the matter.
    pub message: String,
    /// What to do next.
    pub help: String,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}\n  help: {}", self.code.as_str(), self.message, self.help)
    }
}

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $text:literal,)*) => {
        /// The kinds of reasons.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Code { $($(#[$doc])* $variant,)* }

        impl Code {
            /// All of them.
            pub const ALL: &'static [Code] = &[$(Code::$variant,)*];

            /// As written and shown.
            pub fn as_str(self) -> &'static str {
                match self { $(Code::$variant => $text,)* }
            }
        }
    };
}

codes! {
    /// The release already serves.
    AlreadyServing = "already-serving",
    /// The release is older than the one that serves.
    OlderRelease = "older-release",
    /// Nothing serves, so there is nothing to return from.
    NothingServes = "nothing-serves",
    /// The shape of the database that the release needs is gone.
    Contracted = "contracted",
    /// Zero instances.
    NoInstances = "no-instances",
    /// Traffic, and nothing that moves it.
    NoRouter = "no-router",
    /// The strategy moves traffic, and the service has none.
    NeedsTraffic = "needs-traffic",
    /// The strategy needs sessions that stick, and the service has none.
    NeedsSticky = "needs-sticky",
    /// Sessions cannot stick there.
    RouterCannotStick = "router-cannot-stick",
    /// Chosen requests cannot be sent to a release there.
    RouterCannotMatch = "router-cannot-match",
    /// Requests cannot be copied there.
    RouterCannotMirror = "router-cannot-mirror",
    /// Requests cannot be held there.
    RouterCannotHold = "router-cannot-hold",
    /// The router splits over fewer releases.
    RouterReleases = "router-releases",
    /// The router's shares are coarser.
    WeightStep = "weight-step",
    /// The platform runs fewer releases side by side.
    PlatformReleases = "platform-releases",
    /// A release without traffic cannot be kept running there.
    PlatformCannotIdle = "platform-cannot-idle",
    /// The platform has not so many instances.
    PlatformInstances = "platform-instances",
    /// The platform does not count instances.
    InstancesNotCounted = "instances-not-counted",
    /// An autoscaler owns the number that the strategy would set.
    Autoscaled = "autoscaled",
    /// A check names a source that nobody can ask.
    UnknownSource = "unknown-source",
    /// A strategy names a check that the service has not.
    UnknownCheck = "unknown-check",
    /// A check measures traffic that is not there.
    CheckNeedsTraffic = "check-needs-traffic",
    /// Hooks cannot be called.
    NoHooks = "no-hooks",
    /// Databases cannot be changed.
    NoMigrations = "no-migrations",
    /// A change without a fence may take longer than its controller is sure to lead.
    MigrationOutlivesLease = "migration-outlives-lease",
    /// Flags cannot be set.
    NoFlags = "no-flags",
    /// A singleton cannot run beside itself.
    Singleton = "singleton",
    /// The release that serves was landed as one that never meets another.
    StableKeepsApart = "stable-keeps-apart",
    /// Neither more nor fewer instances are allowed, so none can be replaced.
    RollingStandsStill = "rolling-stands-still",
    /// Nobody would serve for a while.
    RollingLeavesNone = "rolling-leaves-none",
    /// More steps than a plan may have.
    TooManySteps = "too-many-steps",
    /// A canary without a step.
    CanaryWithoutSteps = "canary-without-steps",
    /// A canary's traffic would fall.
    WeightFalls = "weight-falls",
    /// A canary's instances would become fewer.
    InstancesFall = "instances-fall",
    /// A ramp that never gets there.
    RampStandsStill = "ramp-stands-still",
    /// An experiment without exactly one stable and one candidate among its variants.
    VariantsUnclear = "variants-unclear",
    /// A variant that nobody said which release plays.
    VariantWithoutRelease = "variant-without-release",
    /// A variant that nobody would see.
    VariantWithoutUsers = "variant-without-users",
    /// A variant that is kept in the end, and is none.
    UnknownVariant = "unknown-variant",
    /// Shares that do not make everything.
    SharesDoNotSum = "shares-do-not-sum",
}
