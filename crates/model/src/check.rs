//! Questions about evidence.

use crate::{Name, Share, Span};
use serde::{Deserialize, Serialize};

/// The name by which a check is known in a plan, a verdict and a page.
pub type CheckName = Name;

/// A question about evidence, answered by a verdict.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Check {
    /// Its name.
    pub name: CheckName,
    /// Where the numbers come from: `gateway`, `platform`, or the name of a source.
    pub source: Name,
    /// How the numbers become a verdict.
    pub rule: Rule,
    /// Counted from the candidate's first exposure; nothing is judged before.
    pub warm_up: Span,
    /// Only reported, never acted on.
    pub dry_run: bool,
}

/// How numbers become a verdict.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// A number against a bound, looked at every so often.
    Threshold {
        /// What is measured.
        measure: Measure,
        /// The value from which on it is bad.
        bound: Bound,
        /// How often it is looked at.
        every: Span,
        /// It fails when more looks than this were bad.
        failures: u32,
    },
    /// The candidate compared with stable (or the baseline) by an e-process.
    Comparison {
        /// What is compared.
        measure: Measure,
        /// The rate of false alarms that is accepted, as a share of rollouts.
        alpha: Share,
        /// A difference up to this many hundredths of a percent is no harm.
        margin: Option<Share>,
    },
    /// The platform's own word: crash loops, restarts, instances that are not ready.
    Health {
        /// More restarts than this, over all instances, fail.
        restarts: u32,
    },
}

/// What is measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Measure {
    /// The share of answers that are errors.
    ErrorRate,
    /// The share of answers that are no errors.
    SuccessRate,
    /// A quantile of the latency in milliseconds; the quantile in hundredths of a percent.
    Latency(Share),
    /// A query in the source's own language.
    Query(String),
}

/// A bound on a number: rates are fractions of one, latencies milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Bound {
    /// Bad above this.
    Above(f64),
    /// Bad below this.
    Below(f64),
}

/// A check that runs from the candidate's first exposure until the landing ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watch {
    /// The check it asks.
    pub check: CheckName,
    /// The source it needs: while that is not fresh, holding time does not count.
    pub source: Name,
}
