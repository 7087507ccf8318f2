//! What the keeper and the gateways it has started say to each other. Both are of one machine, but not
//! always of one version: an upgrade starts a new gateway under the keeper that is there.
//!
//! A version has its words for good, and the fields that each must have. A field may come with what stands
//! where nothing is said, and whoever does not know it passes it over. What cannot be done without another
//! word, or another field, needs another version; a word that is not known is told of, and passed over, so
//! that a slip of one costs no other its line.

use serde::{Deserialize, Serialize};
use std::net::SocketAddr;

/// The versions that are spoken, the highest last.
pub const VERSIONS: &[u32] = &[1];
/// What to do where a keeper and a gateway have no version in common.
pub const NO_COMMON_VERSION: &str =
    "upgrade by way of a release that speaks a version of both, or end the gateway and start it from the newer program";

/// What a keeper says to a gateway that it has started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ToGateway {
    /// The first word. The control socket comes with it.
    Begin {
        /// The versions that the keeper speaks.
        versions: Vec<u32>,
        /// Which of its gateways this is; the later, the higher.
        member: u32,
        /// Another one serves meanwhile: whoever cannot serve all that it does has to end.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        beside: bool,
    },
    /// All sockets of this address come with it; none where it cannot be listened at.
    Sockets {
        /// The address.
        address: SocketAddr,
        /// Why there are none. It is tried again.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<String>,
    },
    /// It is the one that answers the controller from now on: the one before takes nothing new any more.
    Lead,
    /// Another member that still has work. A connection to it comes with this.
    Sibling {
        /// Which.
        member: u32,
        /// Its process.
        pid: u32,
        /// It led until now: what it has counted goes on in the sums of the one that leads.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        led: bool,
    },
    /// Another member leads from now on and asks by the connection that comes with this.
    Follow {
        /// Which leads.
        member: u32,
    },
    /// A member has ended: its process is gone.
    Gone {
        /// Which.
        member: u32,
    },
    /// Accept no more clients; go on for those that are there, and end when the last is gone.
    Retire,
    /// Read the configuration again.
    Reload,
    /// No other gateway takes over, though it was asked for.
    NotReplaced {
        /// Why.
        why: String,
    },
    /// End: what is under way has so long.
    Stop {
        /// In milliseconds.
        within_ms: u64,
    },
}

/// What a gateway says to its keeper.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ToKeeper {
    /// The first answer.
    Begun {
        /// The version that is spoken from now on.
        version: u32,
    },
    /// To a keeper that adopts it: who it is. Its control socket comes with it.
    Adopted {
        /// Its process.
        pid: u32,
    },
    /// To a keeper that adopts it: the sockets of this address come with it.
    Held {
        /// The address.
        address: SocketAddr,
    },
    /// Where it wants to listen: all of it, every time.
    Listen {
        /// The addresses.
        addresses: Vec<SocketAddr>,
        /// How many workers want a socket of their own.
        workers: usize,
    },
    /// Every worker serves and accepts.
    Ready,
    /// It accepts no more clients.
    Retired,
    /// Somebody asks for another gateway in its place.
    Replace {
        /// With so many workers; with as many as before, where nothing is said.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        workers: Option<u16>,
    },
    /// Somebody asks for an end.
    Stop,
}
