//! What drivers can do. A plan is made to fit these, or refused; nothing is assumed.

use model::{Name, Share};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// What all drivers of one service can do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// What runs the instances.
    pub platform: PlatformFacts,
    /// What moves the traffic; none for services without traffic.
    pub router: Option<RouterFacts>,
    /// The sources that can be asked.
    pub sources: BTreeSet<Name>,
    /// Whether hooks can be called.
    pub hooks: bool,
    /// Whether databases can be changed.
    pub migrations: bool,
    /// Whether flags can be set.
    pub flags: bool,
}

/// What a platform can do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlatformFacts {
    /// Instances are counted: it can be told how many a release has. Otherwise a release is there or not.
    pub counted: bool,
    /// A release without traffic can be kept running.
    pub keeps_idle: bool,
    /// How many releases can run side by side.
    pub releases_max: u32,
    /// How many instances there may be in all, where it knows.
    pub instances_max: Option<u32>,
    /// How it refuses stale commands.
    pub fence: Fence,
}

/// What a router can do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouterFacts {
    /// How many releases it can split traffic over.
    pub releases_max: u32,
    /// The smallest difference between two shares that it can tell.
    pub weight_step: Share,
    /// Whether it splits by session; otherwise by request only.
    pub sticks: bool,
    /// Whether it says when a table is live; otherwise only that it was taken.
    pub confirms: bool,
    /// Whether it counts open work; otherwise drains are timed.
    pub counts_open_work: bool,
    /// Whether it can send chosen requests to a release.
    pub matches: bool,
    /// Whether it can copy requests.
    pub mirrors: bool,
    /// Whether it can hold requests.
    pub holds: bool,
    /// How it refuses stale commands.
    pub fence: Fence,
}

/// How a target refuses commands older than the newest it has seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fence {
    /// It compares, at once with the effect.
    Compare,
    /// The generation is stored beside the object and read back before and after.
    Tagged,
    /// It does not: commands are started only while the lease outlives their limit, one at a time.
    None,
}

impl Facts {
    /// What the local platform and our own gateway can do.
    pub fn one_machine() -> Self {
        Self {
            platform: PlatformFacts {
                counted: true,
                keeps_idle: true,
                releases_max: 16,
                instances_max: None,
                fence: Fence::Compare,
            },
            router: Some(RouterFacts {
                releases_max: 16,
                weight_step: Share::from_basis_points(1).unwrap_or(Share::NONE),
                sticks: true,
                confirms: true,
                counts_open_work: true,
                matches: true,
                mirrors: true,
                holds: true,
                fence: Fence::Compare,
            }),
            sources: ["gateway", "platform"].iter().filter_map(|name| Name::new(name).ok()).collect(),
            hooks: true,
            migrations: true,
            flags: true,
        }
    }
}
