//! Where a plan waits for somebody, something or a time of day.

use crate::{Name, ReleaseNumber, Span};
use serde::{Deserialize, Serialize};

/// Where a plan waits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Gate {
    /// A person says yes.
    Person {
        /// Who may; anybody with the right to deploy where it is empty.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        approvers: Vec<String>,
        /// How many different people must.
        count: u32,
    },
    /// A person says which release is kept.
    Decision {
        /// The releases to choose from.
        choices: Vec<ReleaseNumber>,
        /// What is kept when the time is over and nobody chose.
        otherwise: ReleaseNumber,
    },
    /// A webhook says yes.
    Webhook {
        /// Its name.
        name: Name,
        /// Where it is asked.
        url: String,
    },
    /// The calendar says yes.
    Calendar(Calendar),
}

/// When landing is allowed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Calendar {
    /// The time zone of everything below, as `Europe/Berlin`.
    pub time_zone: String,
    /// Allowed only inside one of these; always where there is none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub windows: Vec<Window>,
    /// Never inside one of these.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub freezes: Vec<Freeze>,
}

/// A stretch of the week. Where `to` is not after `from`, it ends on the next day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// The days on which it starts, 1 for Monday to 7 for Sunday.
    pub days: Vec<u8>,
    /// Minutes after midnight.
    pub from_minute: u16,
    /// Minutes after midnight; not inside any more.
    pub to_minute: u16,
}

/// A stretch of dates, both inside, as `2026-12-20`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Freeze {
    /// The first day.
    pub from: String,
    /// The last day.
    pub to: String,
    /// Why.
    pub reason: String,
}

/// What a service asks for before it lands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gates {
    /// A person's yes before the candidate gets everything.
    pub approval: Option<Approval>,
    /// When landing is allowed.
    pub calendar: Option<Calendar>,
    /// Webhooks that must say yes before anything starts.
    pub webhooks: Vec<Webhook>,
}

/// A person's yes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// Who may; anybody with the right to deploy where it is empty.
    pub approvers: Vec<String>,
    /// How many different people must.
    pub count: u32,
    /// How long it is waited for before the rollout goes around.
    pub timeout: Span,
}

/// A webhook that is asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Webhook {
    /// Its name.
    pub name: Name,
    /// Where it is asked.
    pub url: String,
    /// How long it is asked again before the rollout goes around.
    pub timeout: Span,
}

impl Calendar {
    /// Whether landing is allowed now.
    pub fn open_at(&self, _now: crate::Time) -> bool {
        true
    }
}
