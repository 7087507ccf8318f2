//! What requests get while nobody is served.

use super::Match;
use model::Span;
use serde::{Deserialize, Serialize};

/// What requests get while nobody is served.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hold {
    /// When clients may come again.
    pub retry_after: Span,
    /// The page that they see.
    pub page: String,
    /// Who is served all the same: any of these.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allow: Vec<Match>,
    /// Requests wait for the end of the hold, instead of being sent away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parking: Option<Parking>,
}

impl Hold {
    /// A hold for everybody.
    pub fn new(retry_after: Span, page: impl Into<String>) -> Self {
        Self { retry_after, page: page.into(), allow: Vec::new(), parking: None }
    }
}

/// How requests wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parking {
    /// The most that wait, for each worker; further ones see the page.
    pub requests_max: u32,
    /// How long one waits before it sees the page.
    pub within: Span,
}
