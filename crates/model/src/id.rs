//! Names and numbers by which things are told apart.

use serde::{Deserialize, Serialize};
use std::fmt;

/// The longest name: it has to fit a DNS label and a Kubernetes label.
pub const NAME_LENGTH_MAX: usize = 63;

/// A lower-case name of letters, digits and dashes, as in a DNS label.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name(Box<str>);

impl Name {
    /// The name, or why it is none.
    pub fn new(text: &str) -> Result<Self, InvalidName> {
        let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let edge = |c: char| c != '-';
        let fits = !text.is_empty() && text.len() <= NAME_LENGTH_MAX;
        if fits && text.chars().all(inner) && text.starts_with(edge) && text.ends_with(edge) {
            Ok(Self(text.into()))
        } else {
            Err(InvalidName(text.to_owned()))
        }
    }

    /// The text of the name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Name {
    type Error = InvalidName;
    fn try_from(text: String) -> Result<Self, InvalidName> {
        Self::new(&text)
    }
}

impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.0.into()
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A text that is no [`Name`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidName(pub String);

impl fmt::Display for InvalidName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "`{}` is not a name: use 1 to {NAME_LENGTH_MAX} lower-case letters, digits and dashes, with no dash at either end",
            self.0
        )
    }
}

impl std::error::Error for InvalidName {}

/// The number of a release within its service: `shop@7` is number 7.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ReleaseNumber(pub u32);

impl fmt::Display for ReleaseNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "@{}", self.0)
    }
}

/// The number of a rollout within its service's journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RolloutNumber(pub u32);

impl fmt::Display for RolloutNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

/// What one journal is about, as text: `service/shop/production/local`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Subject(std::sync::Arc<str>);

impl Subject {
    /// The subject of a service in an environment and a place.
    pub fn service(name: &Name, environment: &Name, place: &Name) -> Self {
        Self(format!("service/{name}/{environment}/{place}").into())
    }

    /// A subject read back from where it was kept.
    pub fn from_text(text: &str) -> Self {
        Self(text.into())
    }

    /// The subject as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A SHA-256 digest, as 64 hexadecimal digits when written.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Digest(Box<str>);

impl Digest {
    /// The digest of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        use sha2::Digest as _;
        use std::fmt::Write as _;
        let hash = sha2::Sha256::digest(bytes);
        let mut text = String::with_capacity(64);
        for byte in hash {
            let _ = write!(text, "{byte:02x}");
        }
        Self(text.into())
    }

    /// A digest read back from where it was kept.
    pub fn from_text(text: &str) -> Self {
        Self(text.into())
    }

    /// All hexadecimal digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first twelve digits, for people.
    pub fn short(&self) -> &str {
        &self.0[..self.0.len().min(12)]
    }
}
