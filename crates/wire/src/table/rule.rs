//! What is special about some requests.

use super::{Limits, Match, is_default};
use serde::{Deserialize, Serialize};

/// Which paths. They are compared with the tidied path: `..` followed, several slashes one, letters not encoded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Path {
    /// This one alone.
    Exact(String),
    /// This one and all below it: `/shop` has `/shop/cart`, and not `/shopping`.
    Prefix(String),
    /// Those that match this expression from their beginning to their end.
    Regex(String),
}

/// What is special about some of a service's requests.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rule {
    /// The class that its requests are counted in.
    pub name: String,
    /// Requests for any of these paths; for every path where empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub paths: Vec<Path>,
    /// And with any of these conditions; with any where empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub matches: Vec<Match>,
    /// The gateway answers itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action: Option<Action>,
    /// What the instance is asked for instead.
    #[serde(skip_serializing_if = "is_default")]
    pub rewrite: Rewrite,
    /// What is changed in requests.
    #[serde(skip_serializing_if = "is_default")]
    pub request: Edits,
    /// What is changed in answers.
    #[serde(skip_serializing_if = "is_default")]
    pub answer: Edits,
    /// Limits of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limits: Option<Limits>,
}

/// An answer of the gateway's own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Action {
    /// The client is sent elsewhere. `{scheme}`, `{host}` (without a port), `{path}` and `{query}` (with its
    /// `?`) stand for the request's.
    Redirect {
        /// 301, 302, 303, 307 or 308.
        status: u16,
        /// Where to.
        to: String,
    },
    /// Always the same answer.
    Answer {
        /// Its status.
        status: u16,
        /// Its fields.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        headers: Vec<(String, String)>,
        /// Its body.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        body: String,
    },
}

/// What the instance is asked for instead.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rewrite {
    /// Another host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// This in the place of the prefix, or of the whole path where the rule has an exact one. Of an
    /// expression's groups, `$1` is the first; `$$` is a dollar.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
}

/// What is changed in a head. What says how long a message is, or is about one connection, is not.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Edits {
    /// Fields that are there no more.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub remove: Vec<String>,
    /// Fields that are there once, with this value.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub set: Vec<(String, String)>,
    /// Fields that are there, besides any others of the name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub add: Vec<(String, String)>,
}

/// Which header tells whom what release a request was given to: its value is the release's number.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Told {
    /// Tells the application.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub application: Option<String>,
    /// Tells the client; also where the gateway answers in the release's place, because no instance did. What
    /// was given to no release (a redirect, a hold) tells of none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
}
