//! How instances are watched, spared and asked again, and how often clients may come.

use super::is_default;
use model::{Share, Span};
use serde::{Deserialize, Serialize};

/// How instances are watched, spared and asked again, and how often clients may come.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Care {
    /// Instances are asked how they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub active: Option<Active>,
    /// Their answers to clients tell, too.
    #[serde(skip_serializing_if = "is_default")]
    pub passive: Passive,
    /// How much they are asked at once.
    #[serde(skip_serializing_if = "is_default")]
    pub breaker: Breaker,
    /// How often requests are asked again.
    #[serde(skip_serializing_if = "is_default")]
    pub retries: Retries,
    /// How often clients may come: each of these has to let a request in.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rates: Vec<Rate>,
}

/// Instances are asked how they are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Active {
    /// With a GET for this path.
    pub path: String,
    /// As this host; as their own address where empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub host: String,
    /// How often.
    pub every: Span,
    /// How long an answer may take.
    pub within: Span,
    /// So many good answers in a row make an instance healthy.
    pub rise: u32,
    /// So many bad ones make it sick.
    pub fall: u32,
}

impl Default for Active {
    fn default() -> Self {
        Self {
            path: "/".into(),
            host: String::new(),
            every: Span::seconds(5),
            within: Span::seconds(2),
            rise: 2,
            fall: 3,
        }
    }
}

/// What an instance's answers to clients tell of it. One that is ejected gets no work for a while, twice as
/// long each time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Passive {
    /// So many failures in a row (5xx, no answer, no connection) eject it; none do where it is 0.
    pub failures: u32,
    /// An instance that answers well this much less often than the others do is ejected; none is where unset.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outlier: Option<Share>,
    /// For so long, the first time.
    pub eject: Span,
    /// And never longer than this.
    pub eject_max: Span,
    /// At most so much of a release is ejected. One instance can always be, where there are others.
    pub ejected_max: Share,
    /// Where less than this is left of a release, health is not looked at any more: all are asked.
    pub panic: Share,
}

impl Default for Passive {
    fn default() -> Self {
        Self {
            failures: 5,
            outlier: None,
            eject: Span::seconds(10),
            eject_max: Span::minutes(5),
            ejected_max: Share::percent(50),
            panic: Share::percent(50),
        }
    }
}

/// How much is asked at once, for each worker. What is over it is answered at once with a 503.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Breaker {
    /// Connections to one instance.
    pub connections_max: u32,
    /// Requests under way at one instance.
    pub requests_max: u32,
    /// Requests under way at all instances of a release.
    pub pool_requests_max: u32,
    /// Requests that wait for an instance to have room.
    pub pending_max: u32,
}

impl Default for Breaker {
    fn default() -> Self {
        Self { connections_max: 4_096, requests_max: 4_096, pool_requests_max: 65_536, pending_max: 1_024 }
    }
}

/// How often requests are asked again. Only what an instance never got, or what does the same when done
/// twice, is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Retries {
    /// At most so many times.
    pub tries_max: u32,
    /// At most so many further tries, as a share of the requests.
    pub budget: Share,
    /// But always so many in a second.
    pub per_second_min: u32,
}

impl Default for Retries {
    fn default() -> Self {
        Self { tries_max: 2, budget: Share::percent(20), per_second_min: 10 }
    }
}

/// How often clients may come. What is over it is answered with a 429.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// Whose requests are counted together.
    pub per: RatePer,
    /// Only requests of the rule with this name; all where empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub rule: String,
    /// So many requests.
    pub requests: u32,
    /// In so long.
    pub every: Span,
    /// So many at once, after a rest.
    pub burst: u32,
}

/// Whose requests are counted together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RatePer {
    /// Those of one client network.
    Client,
    /// Those with the same value of this header.
    Header(String),
    /// All.
    All,
}
