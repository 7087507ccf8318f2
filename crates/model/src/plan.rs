//! The ordered steps a rollout will take, and the watches over them, known before it starts.

use crate::gate::Gate;
use crate::service::{Hook, Interruption, UndecidedPolicy, UnwindingPolicy};
use crate::standing::Standing;
use crate::strategy::StrategyName;
use crate::{CheckName, Digest, Intent, Name, ReleaseNumber, Share, Span, Watch};
use serde::{Deserialize, Serialize};

/// The version of the plan's words and of the table that says what may follow what. A plan is
/// finished, and unwound, under the version it was accepted with.
pub const PLAN_VERSION: u16 = 1;

/// The most steps a plan may have.
pub const STEPS_MAX: usize = 500;

/// How a service moves from its stable release to a candidate. The same type describes a way back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// See [`PLAN_VERSION`].
    pub version: u16,
    /// What it was compiled by.
    pub strategy: StrategyName,
    /// The release being landed.
    pub candidate: ReleaseNumber,
    /// What stood when the plan was made; the way back leads here.
    pub before: Standing,
    /// What is done, in order.
    pub steps: Vec<Step>,
    /// What is asked all the while.
    pub watches: Vec<Watch>,
    /// The release that serves when the plan has been completed; a step's `only_if` may say otherwise.
    pub kept: ReleaseNumber,
    /// Whether old and new must never run side by side: then the way back stops before it starts.
    pub exclusive: bool,
    /// What happens when something other than success comes along.
    pub policy: Policy,
    /// What follows the landing, in order, when the rollback window has passed.
    pub closings: Vec<crate::standing::ClosingWork>,
}

impl Plan {
    /// The release that served when the plan was made.
    pub fn stable(&self) -> Option<ReleaseNumber> {
        self.before.release
    }

    /// A step by its number.
    pub fn step(&self, number: StepNumber) -> Option<&Step> {
        self.steps.get(usize::from(number.0))
    }

    /// What an approval binds: the whole plan, byte for byte.
    pub fn digest(&self) -> Digest {
        Digest::of(&serde_json::to_vec(self).unwrap_or_default())
    }
}

/// The number of a step within its plan, from zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StepNumber(pub u16);

/// One verb with an idempotent effect.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// What is done.
    pub verb: Verb,
    /// How long it may take, holding time not included, before it has failed (where the target
    /// said no) or is undecided (where nobody said anything).
    pub timeout: Span,
    /// How often it may be tried.
    pub attempts: u32,
    /// Done only where a decision kept this release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub only_if: Option<ReleaseNumber>,
}

/// What a step does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verb {
    /// A release has this capacity and is ready.
    Start {
        /// The release.
        release: ReleaseNumber,
        /// How many instances it has then.
        capacity: Capacity,
        /// How many times in a row readiness must be observed.
        rise: u32,
    },
    /// Traffic follows this intent, and every router has confirmed it.
    Route {
        /// What traffic does then.
        intent: Intent,
    },
    /// A time and a set of checks.
    Observe {
        /// How long; only time in which every required source was fresh counts.
        hold: Span,
        /// What must pass at its end.
        checks: Vec<CheckName>,
        /// The sources that must be fresh.
        sources: Vec<Name>,
    },
    /// Somebody or something says yes.
    Approve {
        /// Who or what.
        gate: Gate,
    },
    /// A command or an HTTP call.
    Hook {
        /// What is called.
        hook: Hook,
        /// Whether its declared undo is called instead.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        undo: bool,
    },
    /// One phase of a database change.
    Migrate {
        /// The migration.
        migration: Name,
        /// The phase.
        phase: Phase,
        /// Whether it can be taken back without loss once the candidate got traffic.
        reversible: bool,
    },
    /// A flag or its share is set.
    Flag {
        /// The flag.
        flag: Name,
        /// What it is set to.
        to: FlagSetting,
        /// Only where the flag still stands like this: somebody's later change is not undone.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        only_from: Option<FlagSetting>,
    },
    /// Instances of a release get no new work, and their open work has ended or the deadline passed.
    Drain {
        /// The release.
        release: ReleaseNumber,
        /// The instances that stay: the ones numbered below this.
        keep: u32,
        /// How its end is known.
        end: DrainEnd,
    },
    /// Instances are gone.
    Stop {
        /// The release.
        release: ReleaseNumber,
        /// The instances that stay: the ones numbered below this.
        keep: u32,
    },
    /// People are told. The entry itself is what notifiers follow.
    Notify {
        /// What they are told.
        message: String,
    },
}

/// How many instances a release has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Capacity {
    /// So many.
    Count(u32),
    /// Such a share of stable's live count, where an autoscaler owns that: resolved when the step begins.
    OfStable(Share),
}

/// How the end of a drain is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DrainEnd {
    /// Open work is counted; at the deadline what is left is cut.
    Counted {
        /// The deadline.
        deadline: Span,
    },
    /// Nobody can count: so much time passes.
    Timed {
        /// The time.
        after: Span,
    },
}

/// A phase of a database change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// The new shape stands beside the old.
    Expand,
    /// Old rows get the new shape.
    Backfill,
    /// Both shapes say the same.
    Verify,
    /// The new shape is taken away again.
    Abort,
    /// The old shape is taken away.
    Contract,
}

/// What a flag is set to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlagSetting {
    /// The variant that those get who are inside the share.
    pub variant: Name,
    /// The share of units that get it.
    pub share: Share,
}

/// What happens when something other than success comes along.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Policy {
    /// What undecided means in the end.
    pub undecided: UndecidedPolicy,
    /// What a newer release does to this rollout.
    pub interruption: Interruption,
    /// How traffic goes back.
    pub unwinding: UnwindingPolicy,
    /// How long the old release stays warm after the landing.
    pub rollback_window: Span,
    /// How many instances of the old release stay warm; `None` for all that ran at the end.
    pub warm_capacity: Option<u32>,
    /// How a drain's end is known on the way back.
    pub drain: DrainEnd,
    /// How many times in a row readiness must be observed on the way back.
    pub rise: u32,
    /// How long a Start may take on the way back.
    pub start_timeout: Span,
    /// How long a Stop may take on the way back.
    pub stop_timeout: Span,
    /// How long a Route may take on the way back.
    pub route_timeout: Span,
    /// Whether there are routers at all.
    pub routed: bool,
    /// What is called on the way back.
    pub on_rollback: Vec<Hook>,
}
