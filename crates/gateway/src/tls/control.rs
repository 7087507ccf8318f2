//! How a gateway and whoever asks it from another machine show each other who they are.

use super::files::Files;
use super::identity::Certificates;
use super::{Authorities, pem, provider};
use rustls::client::WebPkiServerVerifier;
use rustls::sign::SingleCertAndKey;
use rustls::version::TLS13;
use rustls::{ClientConfig, ServerConfig};
use std::sync::Arc;
use wire::table::{Certificate, ClientCertificates};

/// What is spoken within TLS: no server of anything else is taken for a gateway, and the other way round.
const PROTOCOL: &[u8] = b"glidepath-control";

/// Who one is, and whose word is taken for who the other is.
#[derive(Clone, Debug)]
pub struct Papers {
    /// Who one is.
    pub certificate: Certificate,
    /// The file of the authorities whose word is taken.
    pub authorities: String,
}

/// How a gateway answers whoever asks from elsewhere, as its files say now.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) config: Arc<ServerConfig>,
    /// Whose word is taken for who asks.
    pub(crate) authorities: Arc<Authorities>,
}

impl Papers {
    /// What is wrong with the files, if anything is.
    pub fn check(&self) -> Result<(), String> {
        self.asking().map(drop)
    }

    /// Nobody is answered who shows no certificate, and no session is taken up again: an authority that is
    /// believed no more would go on to vouch for it.
    pub(crate) fn asked(&self, files: &Files) -> Result<Asked, String> {
        let identity = files.identity(&self.certificate)?;
        let demanded = ClientCertificates { authorities: self.authorities.clone(), optional: false };
        let authorities = files.authorities(&demanded)?;
        let builder = ServerConfig::builder_with_provider(provider()).with_protocol_versions(&[&TLS13]);
        let builder = builder.map_err(|error| error.to_string())?;
        let mut config = builder
            .with_client_cert_verifier(Arc::clone(&authorities) as _)
            .with_cert_resolver(Arc::new(Certificates::new([identity])));
        config.alpn_protocols = vec![PROTOCOL.to_vec()];
        config.send_tls13_tickets = 0;
        Ok(Asked { config: Arc::new(config), authorities })
    }

    pub(crate) fn asking(&self) -> Result<Arc<ClientConfig>, String> {
        let store = Arc::new(pem::authorities(&self.authorities)?);
        let verifier = WebPkiServerVerifier::builder_with_provider(store, provider()).build();
        let verifier = verifier.map_err(|error| format!("`{}` cannot be used: {error}", self.authorities))?;
        let builder = ClientConfig::builder_with_provider(provider()).with_protocol_versions(&[&TLS13]);
        let builder = builder.map_err(|error| error.to_string())?.with_webpki_verifier(verifier);
        let own = SingleCertAndKey::from(pem::certified(&self.certificate)?);
        let mut config = builder.with_client_cert_resolver(Arc::new(own));
        config.alpn_protocols = vec![PROTOCOL.to_vec()];
        Ok(Arc::new(config))
    }
}
