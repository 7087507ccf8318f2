//! Where a service is.

use crate::http1::target::check_host;
use crate::table::Faults;
use crate::table::address::read;
use crate::table::matching::Network;
use wire::table::Listen;

/// The longest name of a host.
const HOST_BYTES_MAX: usize = 253;
/// The longest part of one between two dots.
const LABEL_BYTES_MAX: usize = 63;

pub(super) fn listen(listen: &Listen, number: usize, faults: &mut Faults) {
    let place = format!("listen[{number}]");
    faults.take(&format!("{place}.address"), read(&listen.address));
    if listen.tls.as_ref().is_some_and(|tls| tls.certificates.is_empty()) {
        faults
            .add(format!("{place}.tls.certificates"), "there is none: name a `chain` and a `key`, or leave `tls` out");
    }
    for (number, network) in listen.trusted.iter().enumerate() {
        faults.take(&format!("{place}.trusted[{number}]"), Network::parse(network));
    }
}

/// A host that is a service's: `shop.example`, `*.shop.example`, `[::1]`.
pub(super) fn host(host: &str) -> Result<(), String> {
    let shown = host.escape_debug();
    if !host.is_ascii() {
        return Err(format!(
            "`{shown}` is not written as it is asked for: write it in ASCII, `xn--...` for each such part"
        ));
    }
    let name = host.strip_prefix("*.").unwrap_or(host);
    if name.contains('*') {
        return Err(format!("`{shown}` has a `*` that is not its first part: write it like *.shop.example"));
    }
    if name.starts_with('[') {
        return check_host(name.as_bytes()).map_err(|_| format!("`{shown}` is no host")).and_then(|()| no_port(host));
    }
    no_port(host)?;
    let is_label = |label: &str| {
        (1..=LABEL_BYTES_MAX).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    if name.len() > HOST_BYTES_MAX || !name.strip_suffix('.').unwrap_or(name).split('.').all(is_label) {
        return Err(format!("`{shown}` is no host: write it like shop.example or *.shop.example"));
    }
    if name.ends_with('.') {
        return Err(format!("`{shown}` ends with a dot: hosts are the same with and without, so leave it out"));
    }
    Ok(())
}

fn no_port(host: &str) -> Result<(), String> {
    let after = host.rsplit(']').next().unwrap_or(host);
    if after.contains(':') {
        return Err(format!("`{}` has a port: `listen` says that, so leave it out", host.escape_debug()));
    }
    Ok(())
}
