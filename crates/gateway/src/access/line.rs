//! One line. Of the headers it has those that are named here and no others, so that no cookie and no
//! credentials ever stand in a log.

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
        put(out, format_args!("{{\"time\":\"{}\",\"client\":\"{}\"", self.time, self.client.to_canonical()));
        text(out, "method", self.method);
        text(out, "host", self.host);
        text(out, "path", &shown(self.target, query));
        put(out, format_args!(",\"protocol\":\"{}\",\"status\":{}", self.protocol, self.status));
        put(out, format_args!(",\"end\":\"{}\",\"received\":{},\"sent\":{}", self.end, self.received, self.sent));
        put(out, format_args!(",\"duration\":{}.{:06}", self.micros / 1_000_000, self.micros % 1_000_000));
        text(out, "service", self.service.as_bytes());
        text(out, "route", self.route.as_bytes());
        if let Some(release) = self.release {
            put(out, format_args!(",\"release\":{release}"));
        }
        if let Some(instance) = self.instance {
            put(out, format_args!(",\"instance\":\"{instance}\""));
        }
        put(out, format_args!(",\"retries\":{}", self.retries));
        text(out, "request_id", self.request_id);
        text(out, "trace_id", self.trace_id);
        text(out, "user_agent", self.user_agent);
        text(out, "referer", &shown(self.referer, query));
        out.extend_from_slice(b"}\n");
    }

    fn combined(&self, out: &mut Vec<u8>, query: Query) {
        put(out, format_args!("{} - - [{}] \"", self.client.to_canonical(), self.common_time));
        quoted(out, self.method);
        out.push(b' ');
        quoted(out, &shown(self.target, query));
        put(out, format_args!(" {}\" {} {} \"", self.protocol, self.status, self.sent));
        quoted(out, or_dash(&shown(self.referer, query)));
        out.extend_from_slice(b"\" \"");
        quoted(out, or_dash(self.user_agent));
        out.extend_from_slice(b"\"\n");
    }
}

/// The line that says how many are missing.
pub(super) fn left_out(out: &mut Vec<u8>, form: Form, time: &str, count: u64) {
    match form {
        Form::Json => put(out, format_args!("{{\"time\":\"{time}\",\"left_out\":{count}}}\n")),
        Form::Combined => {
            put(out, format_args!("# {time} {count} requests are left out: the log is not taken fast enough\n"))
        }
    }
}

fn put(out: &mut Vec<u8>, what: std::fmt::Arguments<'_>) {
    // A Vec takes everything.
    let _ = out.write_fmt(what);
}

/// A field of JSON, where there is something in it. What is no UTF-8 is shown as what it looks like.
fn text(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    if value.is_empty() {
        return;
    }
    put(out, format_args!(",\"{name}\":\""));
    for character in String::from_utf8_lossy(value).chars() {
        match character {
            '"' | '\\' => put(out, format_args!("\\{character}")),
            character if character.is_control() => put(out, format_args!("\\u{:04x}", u32::from(character))),
            character => put(out, format_args!("{character}")),
        }
    }
    out.push(b'"');
}

/// As nginx escapes: nobody begins a line, or ends a field, by what they send.
fn quoted(out: &mut Vec<u8>, value: &[u8]) {
    for byte in value {
        match byte {
            b' '..=b'~' if !matches!(byte, b'"' | b'\\') => out.push(*byte),
            _ => put(out, format_args!("\\x{byte:02X}")),
        }
    }
}

fn or_dash(value: &[u8]) -> &[u8] {
    if value.is_empty() { b"-" } else { value }
}

/// A target, or a link, with as much of its query as may be told.
fn shown(target: &[u8], query: Query) -> std::borrow::Cow<'_, [u8]> {
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
