//! What a gateway does for one service: all of it, every time. It stands alone, so that what is wrong
//! in one table concerns no other service.

use model::{ReleaseNumber, Share, Span, Subject};
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
    /// Nobody is served, but by whoever answers like this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold: Option<Hold>,
    /// How long each part of a request may take, and how large it may be.
    #[serde(default)]
    pub limits: Limits,
}

/// Where it is listened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listen {
    /// `host:port`, or `:port` for every address.
    pub address: String,
}

/// Which paths.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Path {
    /// This one alone.
    Exact(String),
    /// This one and all below it: `/shop` has `/shop/cart`, and not `/shopping`.
    Prefix(String),
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

/// What one release gets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lane {
    /// The release.
    pub release: ReleaseNumber,
    /// Its share of the units that no match claims.
    pub share: Share,
    /// Who may come in.
    #[serde(default, skip_serializing_if = "Door::is_open")]
    pub door: Door,
    /// Requests that go to it whatever its share: any of these.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub matches: Vec<Match>,
    /// Its instances.
    pub endpoints: Vec<Endpoint>,
    /// How one of them is chosen.
    #[serde(default)]
    pub balance: Balance,
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

impl Door {
    fn is_open(&self) -> bool {
        *self == Self::Open
    }
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
    #[serde(default, skip_serializing_if = "is_false")]
    pub draining: bool,
}

fn is_false(flag: &bool) -> bool {
    !*flag
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
}

/// What requests get while nobody is served.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hold {
    /// When clients may come again.
    pub retry_after: Span,
    /// The page that they see.
    pub page: String,
}

/// How long each part of a request may take, and how large it may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Until an instance takes a connection.
    pub connect: Span,
    /// Until a head is there, from its first byte; and until an instance begins to answer.
    pub head: Span,
    /// While nothing moves in either direction.
    pub idle: Span,
    /// Between two requests on one connection.
    pub keep_alive: Span,
    /// The most bytes of a request's body.
    pub body_bytes_max: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Span::seconds(2),
            head: Span::seconds(30),
            idle: Span::seconds(60),
            keep_alive: Span::seconds(75),
            body_bytes_max: 1 << 30,
        }
    }
}
