//! Who a request came from, where proxies in front are believed; and what is said of that to whoever answers.

use super::field::{Field, Known};
use super::head::list;
use super::request::Request;
use super::target::check_host;
use super::write::{About, line};
use std::io::Write as _;
use std::net::{IpAddr, SocketAddr};

/// The most proxies that are looked behind.
pub const HOPS_MAX: usize = 32;

/// The client of a request that somebody who is believed passed on: of all who are named the last one that
/// is not believed itself, because what stands before it is its own word.
pub fn client(buffer: &[u8], fields: &[Field], peer: IpAddr, is_believed: impl Fn(IpAddr) -> bool) -> IpAddr {
    let named = |known: Known| fields.iter().rev().filter(move |field| field.known == known);
    let by_x = named(Known::XForwardedFor).flat_map(|field| reversed(field.value.of(buffer)).map(address));
    let by_standard = named(Known::Forwarded).flat_map(|field| reversed(field.value.of(buffer)).map(standard_address));
    let has_x = named(Known::XForwardedFor).next().is_some();
    let mut found = peer;
    let hops: &mut dyn Iterator<Item = Option<IpAddr>> =
        if has_x { &mut by_x.into_iter() } else { &mut by_standard.into_iter() };
    for hop in hops.take(HOPS_MAX) {
        let Some(hop) = hop else { return found };
        found = hop;
        if !is_believed(hop) {
            return found;
        }
    }
    found
}

/// The scheme that a client used before proxies that are believed.
pub fn scheme(buffer: &[u8], fields: &[Field], own: &'static str) -> &'static str {
    let said = fields.iter().find(|field| field.known == Known::XForwardedProto);
    match said.map(|field| field.value.of(buffer)) {
        Some(value) if value.eq_ignore_ascii_case(b"https") => "https",
        Some(value) if value.eq_ignore_ascii_case(b"http") => "http",
        Some(_) | None => own,
    }
}

/// What a proxy that is believed said, and what it did not see: itself.
pub(super) fn append(out: &mut Vec<u8>, buffer: &[u8], request: &Request, about: &About) {
    let said =
        |known: Known| request.fields.iter().filter(move |field| field.known == known && !field.value.is_empty());
    out.extend_from_slice(b"X-Forwarded-For: ");
    for field in said(Known::XForwardedFor) {
        out.extend_from_slice(field.value.of(buffer));
        out.extend_from_slice(b", ");
    }
    // A Vec takes everything.
    let _ = write!(out, "{}\r\n", about.client.to_canonical());
    line(out, b"X-Forwarded-Proto", scheme(buffer, &request.fields, about.scheme).as_bytes());
    let host = said(Known::XForwardedHost).map(|field| field.value.of(buffer)).find(|host| check_host(host).is_ok());
    let host = host.unwrap_or_else(|| request.host.of(buffer));
    if !host.is_empty() {
        line(out, b"X-Forwarded-Host", host);
    }
    if said(Known::Forwarded).next().is_none() {
        return;
    }
    out.extend_from_slice(b"Forwarded: ");
    for field in said(Known::Forwarded) {
        out.extend_from_slice(field.value.of(buffer));
        out.extend_from_slice(b", ");
    }
    let _ = match about.client.to_canonical() {
        IpAddr::V4(address) => write!(out, "for={address};proto={}\r\n", about.scheme),
        IpAddr::V6(address) => write!(out, "for=\"[{address}]\";proto={}\r\n", about.scheme),
    };
}

fn reversed(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    let parts: Vec<&[u8]> = list(value).collect();
    parts.into_iter().rev()
}

/// `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]:80`; none where somebody hides.
fn address(text: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(text).ok()?;
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let with_port = || text.parse::<SocketAddr>().map(|address| address.ip());
    bare.parse::<IpAddr>().or_else(|_| with_port()).ok().map(|address| address.to_canonical())
}

/// `for=192.0.2.1;proto=https`, `for="[2001:db8::1]:80"`.
fn standard_address(element: &[u8]) -> Option<IpAddr> {
    let mut pairs = element.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
    let value = pairs.find_map(|pair| {
        let (name, value) = pair.split_at_checked(4)?;
        name.eq_ignore_ascii_case(b"for=").then_some(value)
    })?;
    let bare = value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\"")).unwrap_or(value);
    address(bare)
}
