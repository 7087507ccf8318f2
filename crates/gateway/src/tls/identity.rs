//! Who the gateway is to its clients: which certificate is shown follows from the name that is asked for.

use super::kept::Kept;
use super::pem;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use std::collections::BTreeMap;
use std::sync::Arc;
use webpki::EndEntityCert;
use wire::table::Certificate;

/// A certificate with its key, as its files say now.
#[derive(Debug)]
pub struct Identity {
    pub(super) kept: Kept<Named>,
}

/// A certificate and the names in it.
#[derive(Debug)]
pub(super) struct Named {
    key: Arc<CertifiedKey>,
    /// In lower case; `*.shop.example` is among them as it stands.
    names: Vec<String>,
}

impl Identity {
    pub(super) fn new(certificate: &Certificate) -> Result<Self, String> {
        let files = vec![certificate.chain.clone(), certificate.key.clone()];
        let certificate = certificate.clone();
        Ok(Self { kept: Kept::new(files, move || Named::new(&certificate))? })
    }
}

impl Named {
    fn new(certificate: &Certificate) -> Result<Self, String> {
        let key = pem::certified(certificate)?;
        let of = key.end_entity_cert().ok().and_then(|der| EndEntityCert::try_from(der).ok());
        let names = of.map(|of| of.valid_dns_names().map(str::to_ascii_lowercase).collect()).unwrap_or_default();
        Ok(Self { key: Arc::new(key), names })
    }
}

/// All certificates of one address, to be found by name.
#[derive(Debug, Default)]
pub struct Certificates {
    by_name: BTreeMap<String, Arc<Identity>>,
    /// For whoever names nobody, or somebody unknown.
    first: Option<Arc<Identity>>,
}

impl Certificates {
    /// These. Where two have the same name, the first is shown.
    pub fn new(identities: impl IntoIterator<Item = Arc<Identity>>) -> Self {
        let mut all = Self::default();
        for identity in identities {
            for name in &identity.kept.now().names {
                all.by_name.entry(name.clone()).or_insert_with(|| Arc::clone(&identity));
            }
            all.first.get_or_insert(identity);
        }
        all
    }

    /// The one for this name: the name itself before a wildcard.
    fn find(&self, name: Option<&str>) -> Option<&Arc<Identity>> {
        let exact = name.and_then(|name| self.by_name.get(&name.to_ascii_lowercase()));
        let wildcard = || {
            let (_, rest) = name?.split_once('.')?;
            self.by_name.get(&format!("*.{}", rest.to_ascii_lowercase()))
        };
        exact.or_else(wildcard).or(self.first.as_ref())
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.find(hello.server_name()).map(|identity| Arc::clone(&identity.kept.now().key))
    }
}
