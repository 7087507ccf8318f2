//! How clients come in at an address.

use super::Network;
use super::address::read;
use crate::tls::{Opened, Shown};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use wire::Table;
use wire::table::Listen;

/// How clients come in at an address, as one table says.
#[derive(Clone, Debug)]
pub struct Entrance {
    /// What all who are served there have to agree on.
    pub terms: Terms,
    /// What clients are shown, where TLS is spoken.
    pub shown: Option<Shown>,
    /// Grows with every file that is read again.
    pub version: Arc<AtomicU64>,
}

/// What is said of an address, and is one for all who are served there: nobody knows yet whose a client is when
/// its connection begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// TLS is spoken there.
    pub tls: bool,
    /// Each connection begins with a PROXY header.
    pub proxy_protocol: bool,
    /// Whose word is taken for where a request came from.
    pub trusted: Vec<Network>,
}

impl Entrance {
    /// Whether another table says the same, but for the certificates.
    pub fn agrees(&self, other: &Self) -> bool {
        self.terms == other.terms
    }
}

impl Terms {
    pub(super) fn of(listen: &Listen) -> Self {
        Self {
            tls: listen.tls.is_some(),
            proxy_protocol: listen.proxy_protocol,
            trusted: listen.trusted.iter().flat_map(|network| Network::parse(network)).collect(),
        }
    }

    /// What others say something else of; nothing where they agree.
    pub(super) fn differ(&self, other: &Self) -> Option<String> {
        let parts = [
            ("`tls`", self.tls != other.tls),
            ("`proxy_protocol`", self.proxy_protocol != other.proxy_protocol),
            ("`trusted`", self.trusted != other.trusted),
        ];
        let differ: Vec<&str> = parts.iter().filter(|(_, differs)| *differs).map(|(name, _)| *name).collect();
        (!differ.is_empty()).then(|| differ.join(" and "))
    }
}

/// How clients come in at each address of a table that was checked. What is said of an address first holds.
pub(super) fn all(table: &Table, opened: &Opened) -> Vec<(SocketAddr, Entrance)> {
    let mut all: Vec<(SocketAddr, Entrance)> = Vec::new();
    for (number, listen) in table.listen.iter().enumerate() {
        let entrance = Entrance {
            terms: Terms::of(listen),
            shown: opened.listens.get(number).cloned().flatten(),
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
