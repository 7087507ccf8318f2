//! Certificates for tests, in files of their own.

use crate::site::PATIENCE;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection, StreamOwned};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use wire::table::{Certificate, ClientCertificates, Listen, Tls};

/// An authority, and a folder for what it signs.
pub(crate) struct Authority {
    folder: PathBuf,
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

/// A client's end of a connection through TLS.
pub(crate) type Secure = StreamOwned<ClientConnection, TcpStream>;

impl Authority {
    pub(crate) fn new() -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::SeqCst);
        let folder = std::env::temp_dir().join(format!("gateway-tls-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        let mut params = CertificateParams::new(Vec::new()).expect("parameters");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, format!("authority {number}"));
        let key = KeyPair::generate().expect("a key");
        let pem = params.self_signed(&key).expect("a certificate").pem();
        std::fs::write(folder.join("authority.pem"), &pem).expect("it is written");
        Self { folder, pem, issuer: Issuer::new(params, key) }
    }

    /// Its own certificate.
    pub(crate) fn file(&self) -> String {
        self.path("authority.pem")
    }

    pub(crate) fn path(&self, file: &str) -> String {
        self.folder.join(file).display().to_string()
    }

    /// A certificate with these names, in files of this name.
    pub(crate) fn sign(&self, file: &str, names: &[&str]) -> Certificate {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let key = KeyPair::generate().expect("a key");
        let signed = CertificateParams::new(names).expect("names").signed_by(&key, &self.issuer).expect("a signature");
        let certificate =
            Certificate { chain: self.path(&format!("{file}.pem")), key: self.path(&format!("{file}.key")) };
        // Both at once, as far as anybody can see who looks each second.
        std::fs::write(&certificate.key, key.serialize_pem()).expect("it is written");
        std::fs::write(&certificate.chain, signed.pem()).expect("it is written");
        certificate
    }

    pub(crate) fn demand(&self, optional: bool) -> ClientCertificates {
        ClientCertificates { authorities: self.file(), optional }
    }

    /// A client that believes it, and shows this certificate.
    pub(crate) fn client(&self, shown: Option<&Certificate>, alpn: &[&str]) -> Arc<ClientConfig> {
        let mut store = RootCertStore::empty();
        store.add(CertificateDer::from_pem_slice(self.pem.as_bytes()).expect("PEM")).expect("an authority");
        let builder = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
        let builder = builder.expect("versions").with_root_certificates(store);
        let mut config = match shown {
            Some(shown) => {
                let (chain, key) = read(shown);
                builder.with_client_auth_cert(chain, key).expect("a certificate")
            }
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
        Arc::new(config)
    }

    /// An instance's end: it shows this certificate, and asks for those that this authority signed.
    pub(crate) fn server(&self, shown: &Certificate, asks: bool) -> Arc<ServerConfig> {
        let mut store = RootCertStore::empty();
        store.add(CertificateDer::from_pem_slice(self.pem.as_bytes()).expect("PEM")).expect("an authority");
        let verifier = rustls::server::WebPkiClientVerifier::builder_with_provider(Arc::new(store), provider());
        let builder = ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
        let builder = builder.expect("versions");
        let builder = if asks {
            builder.with_client_cert_verifier(verifier.build().expect("a verifier"))
        } else {
            builder.with_no_client_auth()
        };
        let (chain, key) = read(shown);
        Arc::new(builder.with_single_cert(chain, key).expect("a certificate"))
    }
}

impl Drop for Authority {
    fn drop(&mut self) {
        // What is left behind is in a folder for what is.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

fn read(certificate: &Certificate) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
    let chain = CertificateDer::from_pem_file(&certificate.chain).expect("PEM");
    (vec![chain], PrivateKeyDer::from_pem_file(&certificate.key).expect("PEM"))
}

/// An address where TLS is spoken.
pub(crate) fn secure(address: SocketAddr, certificates: &[Certificate], clients: Option<ClientCertificates>) -> Listen {
    let tls = Tls { certificates: certificates.to_vec(), clients };
    Listen { address: address.to_string(), tls: Some(tls), ..Listen::default() }
}

/// A client that asks for this name. Nothing is said before something is written.
pub(crate) fn connect(address: SocketAddr, name: &str, config: &Arc<ClientConfig>) -> Secure {
    let stream = TcpStream::connect(address).expect("it accepts");
    stream.set_read_timeout(Some(PATIENCE)).expect("a limit");
    let name = ServerName::try_from(name.to_owned()).expect("a name");
    StreamOwned::new(ClientConnection::new(Arc::clone(config), name).expect("a client"), stream)
}

/// An instance's end of a connection.
pub(crate) fn accept(stream: TcpStream, config: &Arc<ServerConfig>) -> StreamOwned<ServerConnection, TcpStream> {
    StreamOwned::new(ServerConnection::new(Arc::clone(config)).expect("a server"), stream)
}
