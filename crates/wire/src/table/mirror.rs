//! Copies of requests, for releases that answer nobody.

use super::is_default;
use model::{ReleaseNumber, Share, Span};
use serde::{Deserialize, Serialize};

/// Copies of requests that another release answers, for another release. No client ever hears of them; the
/// application does by the header `Glidepath-Mirror`, and had better do nothing that lasts. A request is
/// copied once, by the first mirror that wants it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mirror {
    /// The release whose requests are copied.
    pub of: ReleaseNumber,
    /// The release that gets the copies. It has a lane, whatever its share.
    pub to: ReleaseNumber,
    /// How many of its requests.
    pub share: Share,
    /// A second instance of the copied release gets a copy, too: how much do two answers of the same
    /// release differ?
    #[serde(default, skip_serializing_if = "is_default")]
    pub noise: bool,
    /// Which methods; the safe ones where empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub methods: Vec<String>,
    /// Requests with a larger body are not copied.
    #[serde(default = "body_bytes_max")]
    pub body_bytes_max: u64,
    /// The most copies under way, for each worker; further ones are counted and dropped.
    #[serde(default = "in_flight_max")]
    pub in_flight_max: u32,
    /// How long a copy may take.
    #[serde(default = "within")]
    pub within: Span,
    /// The headers of both answers that are compared, with what follows their bodies: in gRPC that says how a call
    /// went.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<String>,
    /// How much of both answers' bodies is kept to be compared.
    #[serde(default = "answer_bytes_max")]
    pub answer_bytes_max: u64,
}

fn body_bytes_max() -> u64 {
    64 << 10
}

fn in_flight_max() -> u32 {
    64
}

fn within() -> Span {
    Span::seconds(10)
}

fn answer_bytes_max() -> u64 {
    64 << 10
}
