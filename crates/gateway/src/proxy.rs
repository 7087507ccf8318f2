//! The header by which a proxy in front tells whose connection it passes on: versions 1 and 2, strictly.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The bytes from which the version is known.
pub const START_BYTES: usize = 12;
/// The longest header of version 1.
pub const LINE_BYTES_MAX: usize = 107;
/// The most bytes after the start of a header of version 2 and its four that say how many there are.
pub const REST_BYTES_MAX: usize = 1_024;

const SIGNATURE: &[u8; START_BYTES] = b"\r\n\r\n\0\r\nQUIT\n";

/// Which version a header is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// A line of text.
    One,
    /// Numbers.
    Two,
}

/// What is no such header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wrong;

impl Version {
    /// What begins like this.
    pub fn of(start: &[u8; START_BYTES]) -> Result<Self, Wrong> {
        match start {
            SIGNATURE => Ok(Self::Two),
            [b'P', b'R', b'O', b'X', b'Y', b' ', ..] => Ok(Self::One),
            _ => Err(Wrong),
        }
    }
}

/// Whose connection a line says that it is, with its CR and LF; nobody's where it is the proxy's own.
pub fn read_line(line: &[u8]) -> Result<Option<IpAddr>, Wrong> {
    let line = line.strip_suffix(b"\r\n").filter(|line| line.len() + 2 <= LINE_BYTES_MAX).ok_or(Wrong)?;
    let text = std::str::from_utf8(line).map_err(|_| Wrong)?;
    let mut words = text.split(' ');
    if words.next() != Some("PROXY") {
        return Err(Wrong);
    }
    let family = words.next();
    if family == Some("UNKNOWN") {
        return Ok(None);
    }
    let (Some(source), Some(target), Some(from), Some(to), None) =
        (words.next(), words.next(), words.next(), words.next(), words.next())
    else {
        return Err(Wrong);
    };
    port(from)?;
    port(to)?;
    match family {
        Some("TCP4") => {
            let _: Ipv4Addr = target.parse().map_err(|_| Wrong)?;
            source.parse().map(|address: Ipv4Addr| Some(address.into())).map_err(|_| Wrong)
        }
        Some("TCP6") => {
            let _: Ipv6Addr = target.parse().map_err(|_| Wrong)?;
            source.parse().map(|address: Ipv6Addr| Some(address.into())).map_err(|_| Wrong)
        }
        _ => Err(Wrong),
    }
}

fn port(text: &str) -> Result<u16, Wrong> {
    let plain = text == "0" || (!text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit()));
    text.parse().ok().filter(|_| plain).ok_or(Wrong)
}

/// How many bytes follow these four, and what they are about.
pub fn read_about(about: [u8; 4]) -> Result<(About, usize), Wrong> {
    let [command, family, high, low] = about;
    let length = usize::from(u16::from_be_bytes([high, low]));
    let about = match (command, family) {
        (0x20, _) => About::Proxy,
        (0x21, 0x11) if length >= 12 => About::V4,
        (0x21, 0x21) if length >= 36 => About::V6,
        // Whoever came over what has no address.
        (0x21, 0x00 | 0x31) => About::Proxy,
        _ => return Err(Wrong),
    };
    if length > REST_BYTES_MAX { Err(Wrong) } else { Ok((about, length)) }
}

/// Whose connection a header of version 2 is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    /// The proxy's own.
    Proxy,
    /// That of an IPv4 address.
    V4,
    /// That of an IPv6 address.
    V6,
}

/// Whose connection the rest says that it is.
pub fn read_rest(about: About, rest: &[u8]) -> Result<Option<IpAddr>, Wrong> {
    match about {
        About::Proxy => Ok(None),
        About::V4 => {
            let octets: [u8; 4] = rest.get(..4).and_then(|octets| octets.try_into().ok()).ok_or(Wrong)?;
            Ok(Some(Ipv4Addr::from(octets).into()))
        }
        About::V6 => {
            let octets: [u8; 16] = rest.get(..16).and_then(|octets| octets.try_into().ok()).ok_or(Wrong)?;
            Ok(Some(Ipv6Addr::from(octets).to_canonical()))
        }
    }
}
