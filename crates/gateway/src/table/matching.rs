//! Whether a request is one of those that a match names.

use super::Faults;
use super::check::check_methods;
use crate::http1::head::is_token;
use std::borrow::Cow;
use std::net::IpAddr;
use wire::table::Match;

/// What can be asked of a request, whatever protocol it came in.
pub trait Asked {
    /// Its method.
    fn method(&self) -> &[u8];
    /// `http` or `https`.
    fn scheme(&self) -> &str;
    /// The host it is for, with a port where it names one; empty where it names none.
    fn host(&self) -> &[u8];
    /// Its path, before the `?`; `/` where it is for the whole server.
    fn path(&self) -> &[u8];
    /// The same as it is compared: see `tidy`.
    fn place(&self) -> &[u8] {
        self.path()
    }
    /// What follows the `?` of its target.
    fn query(&self) -> &[u8];
    /// The first value of a header.
    fn header(&self, name: &[u8]) -> Option<&[u8]>;
    /// The value of a cookie.
    fn cookie(&self, name: &[u8]) -> Option<&[u8]>;
    /// Where it came from.
    fn client(&self) -> IpAddr;
}

/// A match, made ready.
#[derive(Clone, Debug)]
pub struct Matcher {
    of: Match,
    networks: Vec<Network>,
}

impl Matcher {
    /// A match made ready.
    pub fn new(of: &Match, place: &str, faults: &mut Faults) -> Self {
        let named = [("headers", &of.headers), ("cookies", &of.cookies)];
        for (part, list) in named {
            for (number, (name, _)) in list.iter().enumerate() {
                if name.is_empty() || !name.bytes().all(is_token) {
                    let what = format!("`{}` is no name: write letters, digits and `-`", name.escape_debug());
                    faults.add(format!("{place}.{part}[{number}]"), what);
                }
            }
        }
        check_methods(&of.methods, &format!("{place}.methods"), faults);
        let networks = of.networks.iter().enumerate();
        let network = |(number, text): (usize, &String)| {
            faults.take(&format!("{place}.networks[{number}]"), Network::parse(text))
        };
        Self { of: of.clone(), networks: networks.filter_map(network).collect() }
    }

    /// A list of matches, any of which takes a request.
    pub(super) fn all(list: &[Match], place: &str, faults: &mut Faults) -> Vec<Self> {
        list.iter().enumerate().map(|(number, of)| Self::new(of, &format!("{place}[{number}]"), faults)).collect()
    }

    /// Whether all of its conditions hold.
    pub fn takes(&self, asked: &dyn Asked) -> bool {
        let of = &self.of;
        (of.methods.is_empty() || of.methods.iter().any(|method| method.as_bytes() == asked.method()))
            && (self.networks.is_empty() || self.networks.iter().any(|network| network.has(asked.client())))
            && has_all(&of.headers, |name| asked.header(name).map(Cow::Borrowed))
            && has_all(&of.cookies, |name| asked.cookie(name).map(Cow::Borrowed))
            && has_all(&of.query, |name| parameter(asked.query(), name).map(Cow::Owned))
    }
}

/// Whether everything wanted is found, with its value where one is wanted.
fn has_all<'a>(wanted: &[(String, Option<String>)], find: impl Fn(&[u8]) -> Option<Cow<'a, [u8]>>) -> bool {
    wanted.iter().all(|(name, value)| {
        let found = find(name.as_bytes());
        found.is_some_and(|found| value.as_ref().is_none_or(|value| value.as_bytes() == &*found))
    })
}

/// The value of a parameter, with `%41` and `+` undone.
fn parameter(query: &[u8], name: &[u8]) -> Option<Vec<u8>> {
    query.split(|byte| *byte == b'&').find_map(|pair| {
        let mut parts = pair.splitn(2, |byte| *byte == b'=');
        let (key, value) = (parts.next()?, parts.next().unwrap_or_default());
        (decoded(key) == name).then(|| decoded(value))
    })
}

fn decoded(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        let digits = text.get(at + 1..at + 3).and_then(|digits| std::str::from_utf8(digits).ok());
        let coded = digits.filter(|digits| *byte == b'%' && digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
        match coded.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(coded) => {
                out.push(coded);
                at += 3;
            }
            None => {
                out.push(if *byte == b'+' { b' ' } else { *byte });
                at += 1;
            }
        }
    }
    out
}

/// Addresses that begin alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    bits: u32,
}

impl Network {
    /// As it is written.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{}` is no network: write it like 10.0.0.0/8", text.escape_debug());
        let (address, bits) = text.split_once('/').ok_or_else(wrong)?;
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits: u32 = bits.parse().ok().filter(|bits| *bits <= most).ok_or_else(wrong)?;
        Ok(Self { address, bits })
    }

    /// Whether an address is in it.
    pub(crate) fn has(&self, client: IpAddr) -> bool {
        match (self.address, client.to_canonical()) {
            (IpAddr::V4(network), IpAddr::V4(client)) => {
                (network.to_bits() ^ client.to_bits()).leading_zeros() >= self.bits
            }
            (IpAddr::V6(network), IpAddr::V6(client)) => {
                (network.to_bits() ^ client.to_bits()).leading_zeros() >= self.bits
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }
}

/// Behind a changing IPv6 address there is one network: that is one client.
pub(crate) fn of_network<T>(client: IpAddr, then: impl FnOnce(&[u8]) -> T) -> T {
    match client.to_canonical() {
        IpAddr::V4(address) => then(&address.octets()),
        IpAddr::V6(address) => then(&address.octets()[..8]),
    }
}
