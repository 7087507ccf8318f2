//! How clients come in at an address, made ready for those who do.

use crate::table::{Entrance, Network, Site};
use crate::tls::{Authorities, Certificates, Identity, Shown, provider};
use rustls::ServerConfig;
use std::cell::{Cell, RefCell};
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// How clients come in at an address.
#[derive(Debug, Default)]
pub(crate) struct Threshold {
    /// What all who are served there say of it; nothing where nobody says anything.
    said: Option<Entrance>,
    pub(crate) tls: Option<Tls>,
    /// Whose word is taken for where a request came from.
    trusted: Rc<[Network]>,
}

impl Threshold {
    /// What those who are served at an address say of it. While somebody still says what held before, that
    /// holds: nobody changes for others how they are reached.
    pub(crate) fn new<'a>(before: &Self, sites: impl Iterator<Item = &'a Rc<Site>>, address: SocketAddr) -> Self {
        let said: Vec<&Entrance> = sites.filter_map(|site| site.entrance(address)).collect();
        let as_before = said.iter().find(|said| before.said.as_ref().is_some_and(|before| before.agrees(said)));
        let Some(holds) = as_before.or(said.first()).copied() else { return Self::default() };
        let shown: Vec<&Shown> =
            said.iter().filter(|said| said.agrees(holds)).filter_map(|said| said.shown.as_ref()).collect();
        let tls = (!shown.is_empty()).then(|| Tls::new(&shown, &holds.version));
        Self { said: Some(holds.clone()), tls, trusted: holds.terms.trusted.as_slice().into() }
    }

    /// Whether a service can be reached here as it says: one that asks for TLS is not served without.
    pub(crate) fn admits(&self, site: &Site, address: SocketAddr) -> bool {
        match (&self.said, site.entrance(address)) {
            (Some(said), Some(entrance)) => said.agrees(entrance),
            (Some(_) | None, None) | (None, Some(_)) => true,
        }
    }

    /// Whose word is taken for where a request came from, where this is one of them.
    pub(crate) fn believes(&self, peer: IpAddr) -> Option<Rc<[Network]>> {
        let is_one = self.trusted.iter().any(|network| network.has(peer));
        is_one.then(|| Rc::clone(&self.trusted))
    }

    /// Whether connections can be read as they are.
    pub(crate) fn is_open(&self) -> bool {
        self.tls.is_none() && !self.proxy_protocol()
    }

    pub(crate) fn proxy_protocol(&self) -> bool {
        self.said.as_ref().is_some_and(|said| said.terms.proxy_protocol)
    }
}

/// How TLS is spoken at an address.
#[derive(Debug)]
pub(crate) struct Tls {
    identities: Vec<Arc<Identity>>,
    /// One for each way to ask clients for certificates.
    configs: RefCell<Vec<Config>>,
    version: Arc<AtomicU64>,
    built: Cell<u64>,
}

/// What is asked of clients, and how they are spoken to.
type Config = (Option<Arc<Authorities>>, Arc<ServerConfig>);

impl Tls {
    fn new(shown: &[&Shown], version: &Arc<AtomicU64>) -> Self {
        let identities: Vec<_> = shown.iter().flat_map(|shown| shown.identities.iter().cloned()).collect();
        let built = Cell::new(version.load(Ordering::Acquire));
        let certificates = Arc::new(Certificates::new(identities.iter().cloned()));
        let mut configs: Vec<Config> = Vec::new();
        for shown in shown {
            if configs.iter().all(|(known, _)| !same(known.as_ref(), shown.authorities.as_ref()))
                && let Ok(config) = config(shown, &certificates)
            {
                configs.push((shown.authorities.clone(), Arc::new(config)));
            }
        }
        Self { identities, configs: RefCell::new(configs), version: Arc::clone(version), built }
    }

    /// How a client is spoken to who asks for a service that demands this of clients.
    pub(crate) fn config(&self, demanded: Option<&Arc<Authorities>>) -> Option<Arc<ServerConfig>> {
        self.renew();
        let configs = self.configs.borrow();
        configs.iter().find(|(known, _)| same(known.as_ref(), demanded)).map(|(_, config)| Arc::clone(config))
    }

    /// What a client that names nobody who is here has to show: nothing, where somebody asks for nothing.
    pub(crate) fn demanded_of_strangers(&self) -> Option<Arc<Authorities>> {
        let configs = self.configs.borrow();
        if configs.iter().any(|(known, _)| known.is_none()) {
            return None;
        }
        configs.first().and_then(|(known, _)| known.clone())
    }

    /// A certificate that was read again may have other names.
    fn renew(&self) {
        let version = self.version.load(Ordering::Acquire);
        if self.built.replace(version) != version {
            let certificates = Arc::new(Certificates::new(self.identities.iter().cloned()));
            for (_, config) in self.configs.borrow_mut().iter_mut() {
                Arc::make_mut(config).cert_resolver = Arc::clone(&certificates) as _;
            }
        }
    }
}

/// Whether the same is asked of clients.
pub(crate) fn same(one: Option<&Arc<Authorities>>, other: Option<&Arc<Authorities>>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => Arc::ptr_eq(one, other),
        (None, None) => true,
        (Some(_), None) | (None, Some(_)) => false,
    }
}

fn config(shown: &Shown, certificates: &Arc<Certificates>) -> Result<ServerConfig, rustls::Error> {
    let builder = ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions()?;
    let builder = match &shown.authorities {
        Some(authorities) => builder.with_client_cert_verifier(Arc::clone(authorities) as _),
        None => builder.with_no_client_auth(),
    };
    let mut config = builder.with_cert_resolver(Arc::clone(certificates) as _);
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    config.ticketer = Arc::clone(&shown.tickets);
    Ok(config)
}
