//! What requests get while nobody is served.

use super::Match;
use model::Span;
use serde::{Deserialize, Serialize};

/// What requests get while nobody is served. What a rule lets the gateway answer itself, it answers all the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hold {
    /// When clients may come again.
    pub retry_after: Span,
    /// The page that they see.
    pub page: String,
    /// What kind of page it is.
    #[serde(default = "html", skip_serializing_if = "is_html")]
    pub content_type: String,
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
        Self { retry_after, page: page.into(), content_type: html(), allow: Vec::new(), parking: None }
    }
}

fn html() -> String {
    "text/html; charset=utf-8".into()
}

fn is_html(content_type: &str) -> bool {
    content_type == html()
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
