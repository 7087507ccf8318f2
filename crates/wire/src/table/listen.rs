//! Where it is listened, and how.

use super::is_default;
use serde::{Deserialize, Serialize};

/// Where it is listened. Services share an address, so all that name one must say the same of it but for
/// the certificates.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listen {
    /// `host:port`, or `:port` for every address.
    pub address: String,
    /// TLS is spoken there, with these certificates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<Tls>,
    /// Each connection begins with a PROXY header, version 1 or 2, that names the client.
    #[serde(default, skip_serializing_if = "is_default")]
    pub proxy_protocol: bool,
    /// The networks whose word is taken for where a request came from (`X-Forwarded-*`, `Forwarded`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub trusted: Vec<String>,
}

/// How TLS is spoken with clients.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// The service's certificates: which one a client sees follows from the name it asks for.
    pub certificates: Vec<Certificate>,
    /// Clients show certificates, too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clients: Option<ClientCertificates>,
}

/// A certificate and its key. The files hold PEM, and are read again when they change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Certificate {
    /// The file of the certificate and those between it and its authority.
    pub chain: String,
    /// The file of its key.
    pub key: String,
}

/// Which certificates of clients are believed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientCertificates {
    /// The file of the authorities.
    pub authorities: String,
    /// Whoever has none is served, too.
    #[serde(default, skip_serializing_if = "is_default")]
    pub optional: bool,
}
