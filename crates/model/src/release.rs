//! An immutable, numbered snapshot of what is to run.

use crate::{Digest, Name, ReleaseNumber, Service};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A release: the artifact's digest, the configuration and the versions of the secrets it saw.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Release {
    /// Its number within the service.
    pub number: ReleaseNumber,
    /// What is run, byte for byte; promotion to another environment carries it unchanged.
    pub artifact: Digest,
    /// The whole configuration as it was.
    pub service: Service,
    /// The version of each secret it saw; never a value.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub secrets: BTreeMap<Name, String>,
    /// For `ab`: which release plays which variant, besides stable and this one.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub variants: BTreeMap<Name, ReleaseNumber>,
}
