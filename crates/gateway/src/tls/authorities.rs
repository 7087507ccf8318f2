//! Whose word is taken for who a client is.

use super::kept::Kept;
use super::pem;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::ring::Ticketer;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{ProducesTickets, WebPkiClientVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};
use std::sync::Arc;
use wire::table::ClientCertificates;

/// Whose word is taken for who a client is, as their file says now.
#[derive(Debug)]
pub struct Authorities {
    pub(super) kept: Kept<Arc<dyn ClientCertVerifier>>,
    optional: bool,
    tickets: Arc<dyn ProducesTickets>,
}

impl Authorities {
    pub(super) fn new(of: &ClientCertificates) -> Result<Self, String> {
        let (file, optional) = (of.authorities.clone(), of.optional);
        let make = move || {
            let store = Arc::new(pem::authorities(&file)?);
            let builder = WebPkiClientVerifier::builder_with_provider(store, super::provider());
            let builder = if optional { builder.allow_unauthenticated() } else { builder };
            builder.build().map_err(|error| format!("`{file}` cannot be used: {error}"))
        };
        let tickets = Ticketer::new().map_err(|error| format!("there is no chance to be had: {error}"))?;
        Ok(Self { kept: Kept::new(vec![of.authorities.clone()], make)?, optional, tickets })
    }

    /// Sessions of clients that they have vouched for.
    pub(super) fn tickets(&self) -> Arc<dyn ProducesTickets> {
        Arc::clone(&self.tickets)
    }
}

impl ClientCertVerifier for Authorities {
    fn client_auth_mandatory(&self) -> bool {
        !self.optional
    }

    /// None: they may change, and a client that has a certificate shows it all the same.
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.kept.now().verify_client_cert(end_entity, intermediates, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.kept.now().verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.kept.now().verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.kept.now().supported_verify_schemes()
    }
}
