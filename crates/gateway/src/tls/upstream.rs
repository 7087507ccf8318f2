//! How instances are spoken to through TLS.

use super::kept::Kept;
use super::pem;
use crate::stream::Stream;
use rustls::client::WebPkiServerVerifier;
use rustls::pki_types::ServerName;
use rustls::sign::SingleCertAndKey;
use rustls::{ClientConfig, RootCertStore};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, TlsStream};
use wire::table::{Protocol, UpstreamTls};

/// How instances are spoken to through TLS, as its files say now.
#[derive(Debug)]
pub struct Upstream {
    pub(super) kept: Kept<ClientConfig>,
    /// The name that their certificate must have.
    name: Option<ServerName<'static>>,
}

impl Upstream {
    pub(super) fn new(tls: &UpstreamTls, protocol: Protocol) -> Result<Self, String> {
        let name =
            match tls.name.as_str() {
                "" => None,
                name => Some(ServerName::try_from(name.to_owned()).map_err(|_| {
                    format!("`{}` is no name of a host: write it like shop.internal", name.escape_debug())
                })?),
            };
        let certificate = tls.certificate.iter().flat_map(|of| [of.chain.clone(), of.key.clone()]);
        let authorities = Some(tls.authorities.clone()).filter(|file| !file.is_empty());
        let files = authorities.into_iter().chain(certificate).collect();
        let tls = tls.clone();
        Ok(Self { kept: Kept::new(files, move || config(&tls, protocol))?, name })
    }

    /// Speaks TLS with the instance at this address.
    pub(crate) async fn connect(&self, stream: TcpStream, address: SocketAddr) -> std::io::Result<Stream> {
        let name = self.name.clone().unwrap_or_else(|| ServerName::from(address.ip()));
        let stream = TlsConnector::from(self.kept.now()).connect(name, stream).await?;
        Ok(Stream::Tls(Box::new(TlsStream::Client(stream))))
    }
}

fn config(tls: &UpstreamTls, protocol: Protocol) -> Result<ClientConfig, String> {
    let store = if tls.authorities.is_empty() { own_authorities()? } else { pem::authorities(&tls.authorities)? };
    let wrong = |error: &dyn std::fmt::Display| format!("`{}` cannot be used: {error}", tls.authorities);
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(store), super::provider());
    let verifier = verifier.build().map_err(|error| wrong(&error))?;
    let builder = ClientConfig::builder_with_provider(super::provider()).with_safe_default_protocol_versions();
    let builder = builder.map_err(|error| wrong(&error))?.with_webpki_verifier(verifier);
    let mut config = match &tls.certificate {
        Some(certificate) => {
            let resolver = SingleCertAndKey::from(pem::certified(certificate)?);
            builder.with_client_cert_resolver(Arc::new(resolver))
        }
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = match protocol {
        Protocol::Http1 => vec![b"http/1.1".to_vec()],
        Protocol::Http2 => vec![b"h2".to_vec()],
    };
    Ok(config)
}

/// The authorities that this machine believes.
fn own_authorities() -> Result<RootCertStore, String> {
    let mut store = RootCertStore::empty();
    store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if store.is_empty() {
        return Err("this machine knows no authorities: name a file of them in `authorities`".into());
    }
    Ok(store)
}
