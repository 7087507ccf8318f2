//! How clients come in at an address.

use super::Network;
use super::address::read;
use crate::tls::{Opened, Shown};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use wire::Table;

/// How clients come in at an address, as one table says.
#[derive(Clone, Debug)]
pub struct Entrance {
    /// TLS is spoken there.
    pub shown: Option<Shown>,
    /// Each connection begins with a PROXY header.
    pub proxy_protocol: bool,
    /// Whose word is taken for where a request came from.
    pub trusted: Vec<Network>,
    /// Grows with every file that is read again.
    pub version: Arc<AtomicU64>,
}

impl Entrance {
    /// Whether another table says the same, but for the certificates.
    pub fn agrees(&self, other: &Self) -> bool {
        self.shown.is_some() == other.shown.is_some()
            && self.proxy_protocol == other.proxy_protocol
            && self.trusted == other.trusted
    }
}

/// How clients come in at each address of a table that was checked. What is said of an address first holds.
pub(super) fn all(table: &Table, opened: &Opened) -> Vec<(SocketAddr, Entrance)> {
    let mut all: Vec<(SocketAddr, Entrance)> = Vec::new();
    for (number, listen) in table.listen.iter().enumerate() {
        let entrance = Entrance {
            shown: opened.listens.get(number).cloned().flatten(),
            proxy_protocol: listen.proxy_protocol,
            trusted: listen.trusted.iter().flat_map(|network| Network::parse(network)).collect(),
            version: Arc::clone(&opened.version),
        };
        for address in read(&listen.address).unwrap_or_default() {
            if all.iter().all(|(known, _)| *known != address) {
                all.push((address, entrance.clone()));
            }
        }
    }
    all
}
