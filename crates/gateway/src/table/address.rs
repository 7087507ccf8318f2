//! Where a table asks to be served.

use super::Fault;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use wire::Table;

/// The addresses that a table names, each once. `:8080` are two: IPv4 and IPv6 have sockets of their own.
pub fn addresses(table: &Table) -> Result<Vec<SocketAddr>, Fault> {
    let mut all = Vec::new();
    for (number, listen) in table.listen.iter().enumerate() {
        let place = || format!("listen[{number}].address");
        for address in read(&listen.address).map_err(|what| Fault { place: place(), what })? {
            if !all.contains(&address) {
                all.push(address);
            }
        }
    }
    Ok(all)
}

/// Names are not looked up, but for this machine's own: a table must not wait for an answer from outside.
pub(crate) fn read(text: &str) -> Result<Vec<SocketAddr>, String> {
    if let Ok(address) = text.parse::<SocketAddr>() {
        return Ok(vec![address]);
    }
    let wrong =
        || format!("`{}` is no address to listen at: write it like :8080 or 127.0.0.1:8080", text.escape_debug());
    let (host, port) = text.rsplit_once(':').ok_or_else(wrong)?;
    let port: u16 = port.parse().map_err(|_| wrong())?;
    let both = |four: Ipv4Addr, six: Ipv6Addr| [IpAddr::V4(four), IpAddr::V6(six)].map(|ip| SocketAddr::new(ip, port));
    match host {
        "" => Ok(both(Ipv4Addr::UNSPECIFIED, Ipv6Addr::UNSPECIFIED).into()),
        "localhost" => Ok(both(Ipv4Addr::LOCALHOST, Ipv6Addr::LOCALHOST).into()),
        _ => Err(wrong()),
    }
}
