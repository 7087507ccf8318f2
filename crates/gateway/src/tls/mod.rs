//! TLS: what is shown to clients and asked of them, and how instances are spoken to. Files are read when a
//! table names them, once for all workers, and read again when they change.

mod authorities;
mod control;
mod files;
mod identity;
mod kept;
mod pem;
mod upstream;

pub use authorities::Authorities;
pub(crate) use control::Asked;
pub use control::Papers;
pub use files::{Files, Reread};
pub use identity::{Certificates, Identity};
pub use kept::Outdated;
pub use upstream::Upstream;

use crate::table::Faults;
use rustls::crypto::CryptoProvider;
use rustls::server::ProducesTickets;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, OnceLock};
use wire::Table;

/// What a table needs of files: an entry for each place it listens at, and for each of its lanes.
#[derive(Clone, Debug, Default)]
pub struct Opened {
    pub(crate) listens: Vec<Option<Shown>>,
    pub(crate) lanes: Vec<Option<Arc<Upstream>>>,
    /// Grows with every file that is read again.
    pub(crate) version: Arc<AtomicU64>,
}

/// What clients are shown at an address, and what they have to show.
#[derive(Clone, Debug)]
pub struct Shown {
    /// The service's certificates.
    pub identities: Vec<Arc<Identity>>,
    /// Those whose word is taken for who a client is, where clients show certificates.
    pub authorities: Option<Arc<Authorities>>,
    /// Sessions are taken up again with these: the same in all workers, and for nobody who asks clients for
    /// other certificates.
    pub(crate) tickets: Arc<dyn ProducesTickets>,
}

impl Opened {
    /// Reads all that a table names.
    pub fn new(table: &Table, files: &Files) -> Result<Self, Faults> {
        let mut faults = Faults::default();
        let mut opened = Self { version: files.version(), ..Self::default() };
        for (number, listen) in table.listen.iter().enumerate() {
            let place = format!("listen[{number}].tls");
            opened.listens.push(listen.tls.as_ref().and_then(|tls| {
                let identities = tls.certificates.iter().enumerate().map(|(number, certificate)| {
                    faults.take(&format!("{place}.certificates[{number}]"), files.identity(certificate))
                });
                let identities = identities.collect::<Vec<_>>().into_iter().flatten().collect();
                let authorities = match &tls.clients {
                    Some(clients) => Some(faults.take(&format!("{place}.clients"), files.authorities(clients))?),
                    None => None,
                };
                let tickets = authorities.as_ref().map_or_else(|| files.tickets(), |those| those.tickets());
                Some(Shown { identities, authorities, tickets })
            }));
        }
        for (number, lane) in table.lanes.iter().enumerate() {
            let upstream = lane.tls.as_ref().map(|tls| files.upstream(tls, lane.protocol));
            let upstream = upstream.and_then(|upstream| faults.take(&format!("lanes[{number}].tls"), upstream));
            opened.lanes.push(upstream);
        }
        if faults.is_empty() { Ok(opened) } else { Err(faults) }
    }
}

/// The arithmetic.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: OnceLock<Arc<CryptoProvider>> = OnceLock::new();
    Arc::clone(PROVIDER.get_or_init(|| Arc::new(rustls::crypto::ring::default_provider())))
}
