//! What whoever watches this gateway gets to see.

use super::Gateway;
use super::change::Phase;
use crate::admin::Watched;
use crate::count::Feed;
use std::fmt;
use std::sync::Weak;
use wire::Counts;

/// A gateway, as whoever watches it sees it, and as long as it is there.
pub(super) struct Watch {
    pub(super) gateway: Weak<Gateway>,
    pub(super) feed: Feed,
}

impl Watched for Watch {
    fn own(&self) -> Counts {
        self.feed.counts()
    }

    fn ready(&self) -> Result<(), String> {
        match self.gateway.upgrade().map(|gateway| gateway.locked_tables().phase) {
            Some(Phase::Leading) => Ok(()),
            Some(Phase::Starting) => Err("it is being started".to_owned()),
            Some(Phase::Following) | None => Err("another gateway has taken over".to_owned()),
        }
    }

    fn wrong(&self) -> Vec<(&'static str, usize)> {
        self.gateway.upgrade().map(|gateway| gateway.status().wrong()).unwrap_or_default()
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch").finish_non_exhaustive()
    }
}
