//! One line. Of the headers it has those that are named here and no others, so that no cookie and no
//! credentials ever stand in a log.

use std::borrow::Cow;
use std::io::Write as _;
use std::net::{IpAddr, SocketAddr};

/// How lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// One JSON object a line.
    #[default]
    Json,
    /// As Apache and nginx write them: `combined`.
    Combined,
}

/// How much of a query is told: people put secrets into them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Query {
    /// Nothing.
    None,
    /// The names of its parameters.
    #[default]
    Names,
    /// All of it.
    Whole,
}

/// What is told of one request. What is not known is empty.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// When it was answered, as `2026-03-27T15:00:00.123Z`.
    pub time: &'a str,
    /// The same, as `27/Mar/2026:15:00:00 +0000`.
    pub common_time: &'a str,
    /// Where it came from.
    pub client: IpAddr,
    /// The method.
    pub method: &'a [u8],
    /// The host it is for.
    pub host: &'a [u8],
    /// The path, with the query.
    pub target: &'a [u8],
    /// Which HTTP: `HTTP/1.1`.
    pub protocol: &'a str,
    /// The status; 0 where the client left before there was one.
    pub status: u16,
    /// How it ended: `answered`, `unanswered` by any instance, `broken` off, or the client `left`.
    pub end: &'a str,
    /// Bytes of its body.
    pub received: u64,
    /// Bytes of its answer's body.
    pub sent: u64,
    /// How long it took.
    pub micros: u64,
    /// The service.
    pub service: &'a str,
    /// The rule that took it.
    pub route: &'a str,
    /// The release that it was given to.
    pub release: Option<u32>,
    /// The instance that was asked last.
    pub instance: Option<SocketAddr>,
    /// Further tries.
    pub retries: u64,
    /// The id that the application sees, too.
    pub request_id: &'a [u8],
    /// The trace that it belongs to.
    pub trace_id: &'a [u8],
    /// The program that asks, as it calls itself.
    pub user_agent: &'a [u8],
    /// Where it found the link.
    pub referer: &'a [u8],
}

impl Entry<'_> {
    /// Appends the line, with its end.
    pub fn write(&self, out: &mut Vec<u8>, form: Form, query: Query) {
        match form {
            Form::Json => self.json(out, query),
            Form::Combined => self.combined(out, query),
        }
    }

    fn json(&self, out: &mut Vec<u8>, query: Query) {
        put(out, &[b"{\"time\":\"", self.time.as_bytes(), b"\",\"client\":\""]);
        address(out, self.client);
        out.push(b'"');
        text(out, "method", self.method);
        text(out, "host", self.host);
        text(out, "path", &shown(self.target, query));
        text(out, "protocol", self.protocol.as_bytes());
        out.extend_from_slice(b",\"status\":");
        number(out, self.status.into());
        put(out, &[b",\"end\":\"", self.end.as_bytes(), b"\",\"received\":"]);
        number(out, self.received);
        out.extend_from_slice(b",\"sent\":");
        number(out, self.sent);
        out.extend_from_slice(b",\"duration\":");
        number(out, self.micros / 1_000_000);
        out.push(b'.');
        digits::<6>(out, self.micros % 1_000_000);
        text(out, "service", self.service.as_bytes());
        text(out, "route", self.route.as_bytes());
        if let Some(release) = self.release {
            out.extend_from_slice(b",\"release\":");
            number(out, release.into());
        }
        if let Some(instance) = self.instance {
            out.extend_from_slice(b",\"instance\":\"");
            endpoint(out, instance);
            out.push(b'"');
        }
        out.extend_from_slice(b",\"retries\":");
        number(out, self.retries);
        text(out, "request_id", self.request_id);
        text(out, "trace_id", self.trace_id);
        text(out, "user_agent", self.user_agent);
        text(out, "referer", &shown(&without_user(self.referer), query));
        out.extend_from_slice(b"}\n");
    }

    fn combined(&self, out: &mut Vec<u8>, query: Query) {
        address(out, self.client);
        put(out, &[b" - - [", self.common_time.as_bytes(), b"] \""]);
        quoted(out, self.method);
        out.push(b' ');
        quoted(out, &shown(self.target, query));
        put(out, &[b" ", self.protocol.as_bytes(), b"\" "]);
        number(out, self.status.into());
        out.push(b' ');
        number(out, self.sent);
        out.extend_from_slice(b" \"");
        quoted(out, or_dash(&shown(&without_user(self.referer), query)));
        out.extend_from_slice(b"\" \"");
        quoted(out, or_dash(self.user_agent));
        out.extend_from_slice(b"\"\n");
    }
}

/// The line that says how many are missing.
pub(super) fn left_out(out: &mut Vec<u8>, form: Form, time: &str, count: u64) {
    let line = match form {
        Form::Json => format!("{{\"time\":\"{time}\",\"left_out\":{count}}}\n"),
        Form::Combined => format!("# {time} {count} requests are left out: the log is not taken fast enough\n"),
    };
    out.extend_from_slice(line.as_bytes());
}

fn put(out: &mut Vec<u8>, parts: &[&[u8]]) {
    parts.iter().for_each(|part| out.extend_from_slice(part));
}

/// A number. Whatever can format everything takes five times as long, and there are many in a line.
fn number(out: &mut Vec<u8>, mut number: u64) {
    let mut text = [0; 20];
    let mut at = text.len();
    loop {
        at -= 1;
        text[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(&text[at..]);
}

/// A number with so many digits.
fn digits<const COUNT: usize>(out: &mut Vec<u8>, mut number: u64) {
    let mut text = [b'0'; COUNT];
    for digit in text.iter_mut().rev() {
        *digit += (number % 10) as u8;
        number /= 10;
    }
    out.extend_from_slice(&text);
}

fn address(out: &mut Vec<u8>, address: IpAddr) {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            for (place, octet) in address.octets().into_iter().enumerate() {
                if place > 0 {
                    out.push(b'.');
                }
                number(out, octet.into());
            }
        }
        // A Vec takes everything.
        IpAddr::V6(address) => _ = write!(out, "{address}"),
    }
}

fn endpoint(out: &mut Vec<u8>, endpoint: SocketAddr) {
    match endpoint {
        SocketAddr::V4(_) => {
            address(out, endpoint.ip());
            out.push(b':');
            number(out, endpoint.port().into());
        }
        SocketAddr::V6(endpoint) => _ = write!(out, "{endpoint}"),
    }
}

/// A field of JSON, where there is something in it.
fn text(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    if value.is_empty() {
        return;
    }
    put(out, &[b",\"", name.as_bytes(), b"\":\""]);
    if value.iter().all(|byte| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\')) {
        out.extend_from_slice(value);
    } else {
        escaped(out, value);
    }
    out.push(b'"');
}

/// What is no UTF-8 is shown as what it looks like.
fn escaped(out: &mut Vec<u8>, value: &[u8]) {
    for character in String::from_utf8_lossy(value).chars() {
        let written = match character {
            '"' | '\\' => write!(out, "\\{character}"),
            character if character.is_control() => write!(out, "\\u{:04x}", u32::from(character)),
            character => write!(out, "{character}"),
        };
        // A Vec takes everything.
        let _ = written;
    }
}

/// As nginx escapes: nobody begins a line, or ends a field, by what they send.
fn quoted(out: &mut Vec<u8>, value: &[u8]) {
    for byte in value {
        match byte {
            b' '..=b'~' if !matches!(byte, b'"' | b'\\') => out.push(*byte),
            // A Vec takes everything.
            _ => _ = write!(out, "\\x{byte:02X}"),
        }
    }
}

fn or_dash(value: &[u8]) -> &[u8] {
    if value.is_empty() { b"-" } else { value }
}

/// A link without the name and the password that may stand before its host.
fn without_user(link: &[u8]) -> Cow<'_, [u8]> {
    let begin = memchr::memmem::find(link, b"//").map_or(link.len(), |at| at + 2);
    let (scheme, rest) = link.split_at(begin);
    let host_and_user = memchr::memchr3(b'/', b'?', b'#', rest).unwrap_or(rest.len());
    match memchr::memrchr(b'@', rest.get(..host_and_user).unwrap_or_default()) {
        Some(at) => [scheme, rest.get(at + 1..).unwrap_or_default()].concat().into(),
        None => link.into(),
    }
}

/// A target, or a link, with as much of its query as may be told.
fn shown(target: &[u8], query: Query) -> Cow<'_, [u8]> {
    let Some(mark) = memchr::memchr(b'?', target).filter(|_| query != Query::Whole) else { return target.into() };
    let (path, rest) = target.split_at(mark);
    if query == Query::None {
        return path.into();
    }
    let names = rest.get(1..).unwrap_or_default().split(|byte| *byte == b'&').map(|pair| {
        // What has no value may be one.
        let (name, value) = pair.split_at(memchr::memchr(b'=', pair).unwrap_or_default());
        if value.is_empty() || name.is_empty() { b"*".to_vec() } else { [name, b"=*"].concat() }
    });
    [path, b"?", &names.collect::<Vec<_>>().join(&b'&')].concat().into()
}
