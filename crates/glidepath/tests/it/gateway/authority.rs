//! Certificates for those who ask a gateway from other machines.

use super::running::{PATIENCE, Running};
use gateway::remote::{Papers, Secured, connect};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::ClientConnection;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use wire::asking::Asking;
use wire::table::Certificate;

/// An authority, which signs into a folder.
pub(crate) struct Authority {
    folder: PathBuf,
    name: &'static str,
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    /// One of this name, whose certificate is a file of the gateway's folder.
    pub(crate) fn new(running: &Running, name: &'static str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("parameters");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        let key = KeyPair::generate().expect("a key");
        let pem = params.self_signed(&key).expect("a certificate").pem();
        let authority = Self { folder: running.folder.clone(), name, pem, issuer: Issuer::new(params, key) };
        authority.believe(name);
        authority
    }

    /// Whoever reads this file believes it.
    pub(crate) fn believe(&self, file: &str) {
        fs::write(self.folder.join(format!("{file}.ca")), &self.pem).expect("it is written");
    }

    /// Signs for somebody who is at 127.0.0.1.
    pub(crate) fn sign(&self, who: &str) -> Papers {
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(vec!["127.0.0.1".to_owned(), "localhost".to_owned()]).expect("names");
        let signed = params.signed_by(&key, &self.issuer).expect("a signature");
        fs::write(self.folder.join(format!("{who}.pem")), signed.pem()).expect("it is written");
        fs::write(self.folder.join(format!("{who}.key")), key.serialize_pem()).expect("it is written");
        let path = |file: String| self.folder.join(file).display().to_string();
        let certificate = Certificate { chain: path(format!("{who}.pem")), key: path(format!("{who}.key")) };
        Papers { certificate, authorities: path(format!("{}.ca", self.name)) }
    }
}

/// What is typed for somebody's papers.
pub(crate) fn typed(who: &str, authority: &str) -> String {
    format!("--control-certificate {who}.pem --control-key {who}.key --control-authorities {authority}.ca")
}

/// Asks as somebody of another machine does.
pub(crate) fn asks(address: SocketAddr, papers: &Papers) -> io::Result<Asking<Secured<ClientConnection>>> {
    connect("127.0.0.1", address.port(), papers, PATIENCE)
}
