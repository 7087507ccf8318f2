//! Certificates and keys as files hold them.

use rustls::RootCertStore;
use rustls::pki_types::pem::{Error, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use std::path::Path;
use wire::table::Certificate;

/// The largest file that is read.
const FILE_BYTES_MAX: usize = 4 << 20;

/// A certificate with its key.
pub(super) fn certified(certificate: &Certificate) -> Result<CertifiedKey, String> {
    let Certificate { chain, key: key_file } = certificate;
    let certificates = certificates(chain)?;
    let key = PrivateKeyDer::from_pem_slice(&read(key_file)?).map_err(|error| match error {
        Error::NoItemsFound => {
            format!("`{key_file}` holds no key: write a private key in PEM there, without a password")
        }
        _ => format!("`{key_file}` is damaged: write a private key in PEM there"),
    })?;
    CertifiedKey::from_der(certificates, key, &super::provider()).map_err(|error| match error {
        rustls::Error::InconsistentKeys(_) => {
            format!("`{key_file}` is not the key of `{chain}`: name two that were made together")
        }
        error => format!("`{chain}` and `{key_file}` cannot be used: {error}"),
    })
}

/// Those whose word is taken.
pub(super) fn authorities(file: &str) -> Result<RootCertStore, String> {
    let mut store = RootCertStore::empty();
    for certificate in certificates(file)? {
        store
            .add(certificate)
            .map_err(|error| format!("`{file}` holds what is no authority's certificate: {error}"))?;
    }
    Ok(store)
}

fn certificates(file: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let found = CertificateDer::pem_slice_iter(&read(file)?).collect::<Result<Vec<_>, _>>();
    let found = found.map_err(|_| format!("`{file}` is damaged: write certificates in PEM there"))?;
    if found.is_empty() {
        return Err(format!("`{file}` holds no certificate: write one in PEM there, that of its owner first"));
    }
    Ok(found)
}

fn read(file: &str) -> Result<Vec<u8>, String> {
    let bytes = crate::file::read(Path::new(file), FILE_BYTES_MAX)
        .map_err(|error| format!("`{file}` cannot be read ({error}): name a file that the gateway may read"))?;
    if bytes.len() > FILE_BYTES_MAX {
        return Err(format!("`{file}` has more than {FILE_BYTES_MAX} bytes: that is none of PEM"));
    }
    Ok(bytes)
}
