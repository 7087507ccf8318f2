//! What traffic should do, in terms of releases: never of endpoints.

use crate::{ReleaseNumber, Share};
use serde::{Deserialize, Serialize};

/// What traffic to one service should do. Lanes are sorted by release; their shares sum to
/// everything, unless there is no lane at all (nothing is deployed yet, or the service has no traffic).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Parts", into = "Parts")]
pub struct Intent {
    lanes: Vec<Lane>,
    hold: Option<Hold>,
}

/// What one release gets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lane {
    /// The release.
    pub release: ReleaseNumber,
    /// Its share of the units that no match claims.
    pub share: Share,
    /// Requests that go to it whatever its share: any of these.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub matches: Vec<Match>,
    /// The share of requests copied to it; their answers are seen by nobody.
    #[serde(default, skip_serializing_if = "mirror_is_none")]
    pub mirror: Share,
    /// The methods of the requests that are copied; the safe ones where empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mirror_methods: Vec<String>,
    /// Who may come in.
    pub door: Door,
}

fn mirror_is_none(share: &Share) -> bool {
    share.is_none()
}

impl Lane {
    /// A lane that takes this share of all new units.
    pub fn open(release: ReleaseNumber, share: Share) -> Self {
        Self { release, share, matches: Vec::new(), mirror: Share::NONE, mirror_methods: Vec::new(), door: Door::Open }
    }

    /// A lane that only serves the sessions that are already there.
    pub fn pinned(release: ReleaseNumber) -> Self {
        Self { door: Door::Pinned, ..Self::open(release, Share::NONE) }
    }

    /// A lane whose units move away once.
    pub fn closed(release: ReleaseNumber) -> Self {
        Self { door: Door::Closed, ..Self::open(release, Share::NONE) }
    }

    /// Whether a request may be answered by this release under this lane.
    pub fn exposes(&self) -> bool {
        !self.share.is_none() || !self.matches.is_empty() || self.door == Door::Pinned
    }
}

/// Who may use a release.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Door {
    /// New units.
    Open,
    /// Only the sessions that are already there (going forward).
    Pinned,
    /// Nobody: its units move once (going back).
    Closed,
}

/// What happens to requests while nobody may be served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Hold {
    /// The maintenance page, with Retry-After.
    Maintenance,
    /// Requests wait in a bounded queue.
    Parking,
}

/// One condition on a request; all that are set must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(default)]
pub struct Match {
    /// What people call those it matches: `staff`, `beta`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cohort: Option<String>,
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

/// Why lanes make no intent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InvalidIntent {
    /// The shares sum to this many hundredths of a percent.
    Sum(u32),
    /// A release has two lanes.
    Twice(ReleaseNumber),
    /// A door that lets no new unit in, with a share of new units.
    ShareBehindDoor(ReleaseNumber),
}

impl std::fmt::Display for InvalidIntent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Sum(points) => write!(f, "shares sum to {} hundredths of a percent, not 10000", points),
            Self::Twice(release) => write!(f, "release {release} has two lanes"),
            Self::ShareBehindDoor(release) => write!(f, "release {release} takes no new units but has a share of them"),
        }
    }
}

impl Intent {
    /// An intent of these lanes, or why they make none.
    pub fn new(mut lanes: Vec<Lane>, hold: Option<Hold>) -> Result<Self, InvalidIntent> {
        lanes.sort_by_key(|lane| lane.release);
        for pair in lanes.windows(2) {
            if pair[0].release == pair[1].release {
                return Err(InvalidIntent::Twice(pair[0].release));
            }
        }
        if let Some(lane) = lanes.iter().find(|lane| lane.door != Door::Open && !lane.share.is_none()) {
            return Err(InvalidIntent::ShareBehindDoor(lane.release));
        }
        let sum: u32 = lanes.iter().map(|lane| u32::from(lane.share.basis_points())).sum();
        if !lanes.is_empty() && sum != 10_000 {
            return Err(InvalidIntent::Sum(sum));
        }
        Ok(Self { lanes, hold })
    }

    /// Everything to one release.
    pub fn all_to(release: ReleaseNumber) -> Self {
        Self { lanes: vec![Lane::open(release, Share::ALL)], hold: None }
    }

    /// The same lanes with this hold, or with none.
    pub fn with_hold(mut self, hold: Option<Hold>) -> Self {
        self.hold = hold;
        self
    }

    /// An intent that cannot be: the first share is a percent short.
    #[cfg(feature = "planted")]
    pub fn with_a_share_lost(mut self) -> Self {
        let lane = self.lanes.iter_mut().find(|lane| lane.share >= Share::percent(1));
        if let Some(lane) = lane {
            lane.share = Share::of(u32::from(lane.share.basis_points()) - 100, 10_000);
        }
        self
    }

    /// The lanes, sorted by release.
    pub fn lanes(&self) -> &[Lane] {
        &self.lanes
    }

    /// The hold in force.
    pub fn hold(&self) -> Option<Hold> {
        self.hold
    }

    /// The lane of a release.
    pub fn lane(&self, release: ReleaseNumber) -> Option<&Lane> {
        self.lanes.iter().find(|lane| lane.release == release)
    }

    /// The share of a release; nothing where it has no lane.
    pub fn share(&self, release: ReleaseNumber) -> Share {
        self.lane(release).map_or(Share::NONE, |lane| lane.share)
    }

    /// Whether requests may be answered by this release.
    pub fn exposes(&self, release: ReleaseNumber) -> bool {
        self.hold.is_none() && self.lane(release).is_some_and(Lane::exposes)
    }

    /// Whether requests, or copies of them, may reach this release.
    pub fn reaches(&self, release: ReleaseNumber) -> bool {
        self.exposes(release) || self.lane(release).is_some_and(|lane| !lane.mirror.is_none())
    }
}

/// The stored shape of an [`Intent`], checked on the way in.
#[derive(Clone, Serialize, Deserialize)]
struct Parts {
    lanes: Vec<Lane>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    hold: Option<Hold>,
}

impl TryFrom<Parts> for Intent {
    type Error = String;
    fn try_from(parts: Parts) -> Result<Self, String> {
        Self::new(parts.lanes, parts.hold).map_err(|why| why.to_string())
    }
}

impl From<Intent> for Parts {
    fn from(intent: Intent) -> Self {
        Self { lanes: intent.lanes, hold: intent.hold }
    }
}
