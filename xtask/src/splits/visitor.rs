//! Somebody who asks, and says nothing but who it is.

use gateway::table::Asked;
use std::net::{IpAddr, Ipv4Addr};

/// The cookie that a session is told by.
pub(super) const COOKIE: &str = "session";
/// The header that tells a user.
pub(super) const HEADER: &str = "x-user";

/// A client with a number.
pub(super) struct Visitor {
    header: [u8; 8],
    pub(super) cookie: Option<String>,
    client: IpAddr,
}

impl Visitor {
    /// One that has no cookie yet.
    pub(super) fn new(number: u64) -> Self {
        let client = IpAddr::V4(Ipv4Addr::from_bits(number as u32));
        Self { header: number.to_be_bytes(), cookie: None, client }
    }
}

impl Asked for Visitor {
    fn method(&self) -> &[u8] {
        b"GET"
    }

    fn scheme(&self) -> &str {
        "http"
    }

    fn host(&self) -> &[u8] {
        b"shop"
    }

    fn path(&self) -> &[u8] {
        b"/"
    }

    fn query(&self) -> &[u8] {
        b""
    }

    fn header(&self, name: &[u8]) -> Option<&[u8]> {
        (name == HEADER.as_bytes()).then_some(&self.header[..])
    }

    fn cookie(&self, name: &[u8]) -> Option<&[u8]> {
        self.cookie.as_deref().filter(|_| name == COOKIE.as_bytes()).map(str::as_bytes)
    }

    fn client(&self) -> IpAddr {
        self.client
    }
}
