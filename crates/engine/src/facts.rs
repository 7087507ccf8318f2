//! What drivers can do. A plan is made to fit these, or refused; nothing is assumed.

use crate::command::Act;
use model::{Name, Share};
use serde::{Deserialize, Deserializer, Serialize};
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
    /// How what is called by hooks refuses stale calls; none where nobody can call them.
    #[serde(deserialize_with = "fence_or_whether")]
    pub hooks: Option<Fence>,
    /// How databases refuse stale changes; none where nobody can change them.
    #[serde(deserialize_with = "fence_or_whether")]
    pub migrations: Option<Fence>,
    /// How flags refuse stale settings; none where nobody can set them.
    #[serde(deserialize_with = "fence_or_whether")]
    pub flags: Option<Fence>,
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
    /// The generation is stored beside the object, with what was set, and read back before and after.
    /// What is older than the tag it reads first is refused. In the gap until its effect a newer command
    /// may overtake it: then the tag it reads back is not its own, and it is told so; and because what
    /// the tag says was set is not what stands, no look vouches for that generation until it is set again.
    Tagged,
    /// It does not: commands are started only while the lease outlives their limit, one at a time. Of a
    /// hook only the start has to lie within the lease: whether it may be called twice, it says itself.
    None,
}

/// These facts were once only whether there is such a driver. What there was, was tagged.
fn fence_or_whether<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Fence>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Declared {
        Whether(bool),
        Fence(Option<Fence>),
    }
    Ok(match Declared::deserialize(from)? {
        Declared::Whether(there) => there.then_some(Fence::Tagged),
        Declared::Fence(fence) => fence,
    })
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
            hooks: Some(Fence::Compare),
            migrations: Some(Fence::Compare),
            flags: Some(Fence::Compare),
        }
    }

    /// How the target of this act refuses stale commands. Where no driver is, nothing is reached that
    /// could be stale.
    pub fn fence(&self, act: &Act) -> Fence {
        let declared = match act {
            Act::Scale { .. } => Some(self.platform.fence),
            Act::Table(_) => self.router.as_ref().map(|router| router.fence),
            Act::Call { .. } => self.hooks,
            Act::Migrate { .. } => self.migrations,
            Act::Flag { .. } => self.flags,
        };
        declared.unwrap_or(Fence::Compare)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Journals of old are continued under the facts that they were written under.
    #[test]
    fn facts_of_old_said_only_whether() {
        let now = Facts { hooks: Some(Fence::Tagged), migrations: None, ..Facts::one_machine() };
        let text = serde_json::to_string(&now).expect("JSON");
        assert_eq!(serde_json::from_str::<Facts>(&text).expect("facts"), now);
        let old = text.replace(
            r#""hooks":"tagged","migrations":null,"flags":"compare""#,
            r#""hooks":true,"migrations":false,"flags":true"#,
        );
        assert_ne!(old, text);
        let read = serde_json::from_str::<Facts>(&old).expect("facts of old");
        assert_eq!(read, Facts { flags: Some(Fence::Tagged), ..now });
    }
}
