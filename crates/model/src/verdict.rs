//! Answers to checks, and what they rest on.

use serde::{Deserialize, Serialize};

/// The answer to a check: never a guess.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The evidence suffices to go on.
    Pass,
    /// The evidence suffices to go around.
    Fail,
    /// The evidence does not suffice for either, or there is none.
    Undecided,
}

/// What a verdict rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Basis {
    /// The split is known for every unit.
    Exact,
    /// Raw counters of another source, the split estimated.
    Approximate,
    /// A threshold or a score.
    Rule,
}

/// The numbers behind a verdict: stored with it, shown with it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// What it rests on.
    pub basis: Basis,
    /// One sentence for people: `errors 3.1 % of 1 204, stable 0.2 %`.
    pub summary: String,
    /// Named numbers for programs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub numbers: Vec<(String, f64)>,
}
