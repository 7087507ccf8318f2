//! What a gateway does for one service: all of it, every time. It stands alone, so that what is wrong
//! in one table concerns no other service.

mod care;
mod hold;
mod lane;
mod limits;
mod listen;
mod mirror;
mod rule;

pub use care::{Active, Breaker, Care, Passive, Rate, RatePer, Retries};
pub use hold::{Hold, Parking};
pub use lane::{Balance, Door, Endpoint, Lane, Match, Protocol, UpstreamTls};
pub use limits::Limits;
pub use listen::{Certificate, ClientCertificates, Listen, Tls};
pub use mirror::Mirror;
pub use rule::{Action, Edits, Path, Rewrite, Rule, Told};

use crate::is_default;
use model::Subject;
use serde::{Deserialize, Serialize};

/// The table of one service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Table {
    /// Whose.
    pub service: Subject,
    /// The position in the service's journal that it follows from: an older one is refused.
    pub generation: u64,
    /// Where the gateway listens for it.
    pub listen: Vec<Listen>,
    /// The hosts that are its: `shop.example`, `*.shop.example`; every host where empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<String>,
    /// The paths that are its; every path where empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub paths: Vec<Path>,
    /// What a unit is, where it sticks; a request otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<Unit>,
    /// Mixed into every unit, so that not the same users are always first.
    pub salt: String,
    /// What each release gets. The shares sum to everything.
    pub lanes: Vec<Lane>,
    /// What is special about some of its requests: the first rule that takes one has it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<Rule>,
    /// Copies of requests, for releases that answer nobody.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mirrors: Vec<Mirror>,
    /// Nobody is served, but by whoever answers like this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold: Option<Hold>,
    /// Which header tells whom what release a request was given to.
    #[serde(default, skip_serializing_if = "is_default")]
    pub told: Told,
    /// How instances are watched, spared and asked again.
    #[serde(default, skip_serializing_if = "is_default")]
    pub care: Care,
    /// How long each part of a request may take, and how large it may be.
    #[serde(default)]
    pub limits: Limits,
    /// A request that takes more microseconds is slow: it is counted as such from the moment it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slow_micros: Option<u64>,
}

impl Table {
    /// A table in which nothing but this is said.
    pub fn new(service: Subject, generation: u64, lanes: Vec<Lane>) -> Self {
        Self {
            service,
            generation,
            listen: Vec::new(),
            hosts: Vec::new(),
            paths: Vec::new(),
            unit: None,
            salt: String::new(),
            lanes,
            rules: Vec::new(),
            mirrors: Vec::new(),
            hold: None,
            told: Told::default(),
            care: Care::default(),
            limits: Limits::default(),
            slow_micros: None,
        }
    }
}

/// What a unit is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Unit {
    /// A session: a cookie of this name, signed with this key, tells which.
    Cookie {
        /// Its name.
        name: String,
        /// The key: the same in every gateway of the service.
        key: Key,
    },
    /// The value of this header.
    Header(String),
    /// The client's network: an IPv4 address, or the first 64 bits of an IPv6 address.
    ClientNetwork,
}

/// A key, in hexadecimal. It is shown to nobody.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Key(pub [u8; 16]);

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key(..)")
    }
}

impl TryFrom<String> for Key {
    type Error = &'static str;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        // What is wrong with it is told without telling it.
        let number = u128::from_str_radix(&text, 16).ok().filter(|_| text.len() == 32 && !text.starts_with('+'));
        number.map(|number| Self(number.to_be_bytes())).ok_or("a key has 32 hexadecimal digits")
    }
}

impl From<Key> for String {
    fn from(key: Key) -> Self {
        format!("{:032x}", u128::from_be_bytes(key.0))
    }
}
