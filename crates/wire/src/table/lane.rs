//! What a release gets, and its instances.

use super::is_default;
use model::{ReleaseNumber, Share, Span};
use serde::{Deserialize, Serialize};

/// What one release gets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lane {
    /// The release.
    pub release: ReleaseNumber,
    /// Its share of the units that no match claims.
    pub share: Share,
    /// Who may come in.
    #[serde(default, skip_serializing_if = "is_default")]
    pub door: Door,
    /// Requests that go to it whatever its share: any of these.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub matches: Vec<Match>,
    /// Its instances.
    pub endpoints: Vec<Endpoint>,
    /// How one of them is chosen.
    #[serde(default)]
    pub balance: Balance,
    /// A new instance gets more and more of its part for so long.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slow_start: Option<Span>,
    /// What its instances speak.
    #[serde(default, skip_serializing_if = "is_default")]
    pub protocol: Protocol,
    /// They are spoken to through TLS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<UpstreamTls>,
}

impl Lane {
    /// A lane of which nothing but this is said.
    pub fn new(release: ReleaseNumber, share: Share, endpoints: Vec<Endpoint>) -> Self {
        Self {
            release,
            share,
            door: Door::Open,
            matches: Vec::new(),
            endpoints,
            balance: Balance::LeastRequests,
            slow_start: None,
            protocol: Protocol::Http1,
            tls: None,
        }
    }
}

/// Who may use a release.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Door {
    /// New units.
    #[default]
    Open,
    /// Only the sessions that were given to it before.
    Pinned,
    /// Nobody: its units move once.
    Closed,
}

/// One condition on a request; all that are set must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Match {
    /// Headers that must have these values; `None` means present with any value.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<(String, Option<String>)>,
    /// Cookies that must have these values.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cookies: Vec<(String, Option<String>)>,
    /// Query parameters that must have these values.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub query: Vec<(String, Option<String>)>,
    /// Any of these methods.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub methods: Vec<String>,
    /// Any of these client networks, as `10.0.0.0/8`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub networks: Vec<String>,
}

/// One instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Endpoint {
    /// Its address: `127.0.0.1:20001`.
    pub address: String,
    /// It gets no new work.
    #[serde(default, skip_serializing_if = "is_default")]
    pub draining: bool,
}

impl Endpoint {
    /// An instance that takes work.
    pub fn new(address: impl Into<String>) -> Self {
        Self { address: address.into(), draining: false }
    }
}

/// How an instance is chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Balance {
    /// The one with the least requests under way.
    #[default]
    LeastRequests,
    /// One after the other.
    RoundRobin,
    /// By chance.
    Random,
    /// The same unit to the same instance, as long as it is there; few move when one comes or goes. What
    /// has no unit goes by the client's network.
    ConsistentHash,
}

/// What instances speak.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Protocol {
    /// HTTP/1.1.
    #[default]
    Http1,
    /// HTTP/2, without an upgrade: what gRPC needs.
    Http2,
}

/// How instances are spoken to through TLS. Files hold PEM, and are read again when they change.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct UpstreamTls {
    /// The name that their certificate must have; the endpoint's address where empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// The file of the authorities that are believed; the machine's own where empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub authorities: String,
    /// The certificate that is shown to them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate: Option<super::Certificate>,
}
