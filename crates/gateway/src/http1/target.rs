//! The target of a request, and the host it is for.

use super::field::Stretch;
use super::refusal::Refusal;
use memchr::{memchr, memchr2};

/// What a request's first line asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Target {
    /// Path and query, beginning with `/`; `*` for OPTIONS of the whole server; empty for `http://host`.
    pub path_and_query: Stretch,
    /// The host, where the target names it: it goes before the field `Host`.
    pub authority: Option<Stretch>,
}

impl Target {
    /// The target of this method.
    pub(crate) fn read(buffer: &[u8], target: Stretch, method: &[u8]) -> Result<Self, Refusal> {
        let bytes = target.of(buffer);
        if method == b"CONNECT" {
            return Err(Refusal::of(405, "the gateway makes no tunnels"));
        }
        if let Some(wrong) = bytes.iter().find(|byte| !(0x21..=0x7e).contains(*byte) || **byte == b'#') {
            let fragment = *wrong == b'#';
            return Err(Refusal::bad(if fragment { "the target has a fragment" } else { "the target is not ASCII" }));
        }
        match bytes {
            [b'/', ..] => Ok(Self { path_and_query: target, authority: None }),
            b"*" if method == b"OPTIONS" => Ok(Self { path_and_query: target, authority: None }),
            _ => Self::absolute(target, bytes),
        }
    }

    /// `http://host/path`: proxies are asked like this, and so may servers be.
    fn absolute(target: Stretch, bytes: &[u8]) -> Result<Self, Refusal> {
        const WRONG: Refusal = Refusal::bad("the target is neither a path nor `http://...`");
        let scheme = [&b"http://"[..], b"https://"]
            .into_iter()
            .find(|scheme| bytes.len() >= scheme.len() && bytes[..scheme.len()].eq_ignore_ascii_case(scheme))
            .ok_or(WRONG)?
            .len();
        let rest = bytes.get(scheme..).unwrap_or_default();
        let host = memchr2(b'/', b'?', rest).unwrap_or(rest.len());
        let start = target.start as usize + scheme;
        let authority = Stretch::new(start, start + host);
        check_host(rest.get(..host).unwrap_or_default())?;
        if host == 0 || rest.get(host) == Some(&b'?') {
            return Err(WRONG);
        }
        Ok(Self { path_and_query: Stretch::new(start + host, target.end as usize), authority: Some(authority) })
    }
}

/// A host and perhaps a port: no user, no space, nothing that a log or a cache would read differently.
pub(crate) fn check_host(host: &[u8]) -> Result<(), Refusal> {
    const WRONG: Refusal = Refusal::bad("Host is no host");
    let (name, port) = match host {
        [b'[', rest @ ..] => {
            let end = memchr(b']', rest).ok_or(WRONG)?;
            let inside = rest.get(..end).unwrap_or_default();
            let address = inside.iter().all(|byte| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.'));
            if inside.is_empty() || !address {
                return Err(WRONG);
            }
            (&b"x"[..], rest.get(end + 1..).unwrap_or_default())
        }
        _ => {
            let end = memchr(b':', host).unwrap_or(host.len());
            (host.get(..end).unwrap_or_default(), host.get(end..).unwrap_or_default())
        }
    };
    let named = name.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~'));
    let numbered = match port {
        [] => true,
        [b':', digits @ ..] => digits.len() <= 5 && digits.iter().all(u8::is_ascii_digit),
        _ => false,
    };
    if named && numbered { Ok(()) } else { Err(WRONG) }
}
