//! How a service lands, as its owner wrote it. `engine` compiles these to plans.

use crate::intent::{Hold, Match};
use crate::{CheckName, Name, Share, Span};
use serde::{Deserialize, Serialize};

/// How a service lands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Strategy {
    /// Stop the old, start the new; down in between.
    Recreate(Recreate),
    /// Replace instances a few at a time.
    Rolling(Rolling),
    /// A whole second set, then one switch.
    BlueGreen(BlueGreen),
    /// A little traffic, then more.
    Canary(Canary),
    /// Two or more variants side by side until a decision.
    Ab(Ab),
    /// Copies of requests, answers seen by nobody.
    Shadow(Shadow),
}

impl Strategy {
    /// Its name, as written in `glidepath.yaml`.
    pub fn name(&self) -> StrategyName {
        match self {
            Self::Recreate(_) => StrategyName::Recreate,
            Self::Rolling(_) => StrategyName::Rolling,
            Self::BlueGreen(_) => StrategyName::BlueGreen,
            Self::Canary(_) => StrategyName::Canary,
            Self::Ab(_) => StrategyName::Ab,
            Self::Shadow(_) => StrategyName::Shadow,
        }
    }
}

/// The name of a strategy, the way back after a landing included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StrategyName {
    /// See [`Strategy::Recreate`].
    Recreate,
    /// See [`Strategy::Rolling`].
    Rolling,
    /// See [`Strategy::BlueGreen`].
    BlueGreen,
    /// See [`Strategy::Canary`].
    Canary,
    /// See [`Strategy::Ab`].
    Ab,
    /// See [`Strategy::Shadow`].
    Shadow,
    /// Back to a release that was landed before.
    Return,
}

impl StrategyName {
    /// As written in `glidepath.yaml` and shown to people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Recreate => "recreate",
            Self::Rolling => "rolling",
            Self::BlueGreen => "blue-green",
            Self::Canary => "canary",
            Self::Ab => "ab",
            Self::Shadow => "shadow",
            Self::Return => "return",
        }
    }
}

/// A number of instances, or a share of the full number (rounded up, at least one).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Amount {
    /// So many.
    Count(u32),
    /// Such a share of the full number.
    Share(Share),
}

impl Amount {
    /// The number of instances, of so many.
    pub fn of(self, full: u32) -> u32 {
        match self {
            Self::Count(count) => count,
            Self::Share(share) => {
                let points = u64::from(full) * u64::from(share.basis_points());
                // At most `full`, which is a u32.
                u32::try_from(points.div_ceil(10_000)).unwrap_or(full)
            }
        }
    }
}

/// See [`Strategy::Recreate`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Recreate {
    /// What callers see in between.
    pub hold: Hold,
}

/// See [`Strategy::Rolling`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rolling {
    /// How many more than the full number may run.
    pub surge: Amount,
    /// How many fewer than the full number may be ready.
    pub unavailable: Amount,
    /// How many are replaced at a time.
    pub batch: Amount,
    /// How long a batch is watched before the next.
    pub min_ready: Span,
    /// Checks asked after each batch.
    pub checks: Vec<CheckName>,
}

/// See [`Strategy::BlueGreen`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BlueGreen {
    /// Requests that see the new side before the switch.
    pub preview: Vec<Match>,
    /// Whether a person says yes before the switch.
    pub approve: bool,
    /// How long the new side is watched before the switch.
    pub settle: Span,
    /// How long traffic is watched after the switch, before the landing ends.
    pub watch: Span,
    /// How many of the old side stay for the rollback window; all where not set.
    pub idle: Option<Amount>,
    /// Checks asked before and after the switch.
    pub checks: Vec<CheckName>,
}

/// See [`Strategy::Canary`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Canary {
    /// How traffic grows.
    pub growth: Growth,
    /// How many fresh instances of stable are started to compare with, if any.
    pub baseline: Option<Amount>,
}

/// How a canary's traffic grows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Growth {
    /// Step by step, as written.
    Steps(Vec<CanaryStep>),
    /// Evenly.
    Ramp {
        /// The first share.
        from: Share,
        /// The last share before everything.
        to: Share,
        /// How much more each time.
        by: Share,
        /// How long each share is held.
        every: Span,
        /// Checks asked at each share.
        checks: Vec<CheckName>,
    },
}

/// One step of a canary.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CanaryStep {
    /// Its share of traffic; unchanged where not set.
    pub weight: Option<Share>,
    /// How many instances it has; enough for its share where not set.
    pub instances: Option<Amount>,
    /// Requests that see the candidate whatever its share.
    pub cohort: Vec<Match>,
    /// How long it is held.
    pub hold: Span,
    /// Whether a person says yes before the next step.
    pub approve: bool,
    /// Checks asked at its end.
    pub checks: Vec<CheckName>,
}

/// See [`Strategy::Ab`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ab {
    /// Stable's share; the candidate is the variant that names no other release.
    pub variants: Vec<Variant>,
    /// How long at the longest, before `otherwise` is kept.
    pub until: Span,
    /// What is kept when nobody decides: the name of a variant.
    pub otherwise: Name,
    /// Checks that guard the experiment.
    pub checks: Vec<CheckName>,
}

/// One variant of an experiment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Variant {
    /// Its name.
    pub name: Name,
    /// Which release plays it.
    pub plays: Plays,
    /// Its share of the units in the experiment.
    pub share: Share,
    /// Segments that see it whatever its share.
    pub segments: Vec<Match>,
}

/// Which release plays a variant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Plays {
    /// The release that serves now.
    Stable,
    /// The release being landed.
    Candidate,
    /// Another release, named when it is landed.
    Other,
}

/// See [`Strategy::Shadow`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Shadow {
    /// The share of requests copied.
    pub share: Share,
    /// Methods whose requests are copied; the safe ones unless told otherwise.
    pub methods: Vec<String>,
    /// How long.
    pub hold: Span,
    /// How many instances the shadow has; the full number where not set.
    pub instances: Option<Amount>,
    /// Checks asked at the end.
    pub checks: Vec<CheckName>,
}
