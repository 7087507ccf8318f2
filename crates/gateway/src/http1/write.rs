//! Heads as they are passed on: whole runs of lines as they came, and what the gateway has to say itself.

use super::edit::{Edited, is_same};
use super::field::{Field, Known};
use super::framing::Body;
use super::request::Request;
use super::response::Response;
use std::io::Write as _;
use std::net::IpAddr;

/// What the gateway says about a request to whoever answers it.
#[derive(Clone, Copy, Debug)]
pub struct About {
    /// Where it came from.
    pub client: IpAddr,
    /// `http` or `https`.
    pub scheme: &'static str,
    /// A number for it, where it brought none.
    pub id: u128,
    /// What it says of where it was before is believed.
    pub believed: bool,
}

/// What an instance is asked for instead of what the client asked for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Instead<'a> {
    /// The path and query.
    pub target: Option<&'a [u8]>,
    /// The host.
    pub host: Option<&'a [u8]>,
}

/// The head of a request for an instance.
pub fn request(
    out: &mut Vec<u8>,
    buffer: &[u8],
    request: &Request,
    about: &About,
    instead: Instead<'_>,
    edited: Edited<'_>,
) {
    out.extend_from_slice(request.method.of(buffer));
    out.push(b' ');
    match request.target.path_and_query {
        _ if instead.target.is_some() => out.extend_from_slice(instead.target.unwrap_or_default()),
        path if path.is_empty() && request.method.of(buffer) == b"OPTIONS" => out.push(b'*'),
        path if path.is_empty() => out.push(b'/'),
        path => out.extend_from_slice(path.of(buffer)),
    }
    // An older client could not read an answer in chunks, so whoever answers is asked for none.
    out.extend_from_slice(if request.old { b" HTTP/1.0\r\n" } else { b" HTTP/1.1\r\n" });
    let host = instead.host.or_else(|| request.target.authority.map(|host| host.of(buffer)));
    if let Some(host) = host {
        line(out, b"Host", host);
    }
    let replaced = |field: &Field| match field.known {
        Known::Host => host.is_some(),
        // Said anew, so that nobody reads something else in `03` or in space around it.
        Known::ContentLength | Known::TransferEncoding => true,
        Known::Other => {
            let name = field.name.of(buffer);
            (!about.believed && is_a_proxys(name)) || is_said_in_disguise(name) || edited.takes(name)
        }
        known => says_it_itself(known) || edited.takes(field.name.of(buffer)),
    };
    copy(out, buffer, &request.fields, |field| !field.hop && !replaced(field));
    length(out, request.body);
    edited.put(out);
    forwarded(out, buffer, request, about);
    if let Some(protocol) = request.upgrade {
        out.extend_from_slice(b"Connection: Upgrade\r\n");
        line(out, b"Upgrade", protocol.of(buffer));
    }
    out.extend_from_slice(b"\r\n");
}

/// Where the body ends.
fn length(out: &mut Vec<u8>, body: Body) {
    match body {
        // A Vec takes everything.
        Body::Length(length) => drop(write!(out, "Content-Length: {length}\r\n")),
        Body::Chunked => out.extend_from_slice(b"Transfer-Encoding: chunked\r\n"),
        Body::None | Body::UntilClose => {}
    }
}

/// What nobody from outside is believed to say.
fn says_it_itself(known: Known) -> bool {
    matches!(
        known,
        Known::XForwardedFor
            | Known::XForwardedProto
            | Known::XForwardedHost
            | Known::Forwarded
            | Known::GlidepathMirror
    )
}

/// Whoever makes variables of fields cannot tell these from what the gateway says.
fn is_said_in_disguise(name: &[u8]) -> bool {
    let said = [&b"X-Forwarded-For"[..], b"X-Forwarded-Proto", b"X-Forwarded-Host"];
    name.contains(&b'_') && said.iter().any(|said| is_same(name, said))
}

/// What only a proxy in front would say (`X-Forwarded-Port`, `-Prefix`, `-User` …): applications believe it.
fn is_a_proxys(name: &[u8]) -> bool {
    let begins = |with: &[u8]| name.get(..with.len()).is_some_and(|start| is_same(start, with));
    matches!(name.first(), Some(b'x' | b'X')) && (begins(b"X-Forwarded-") || is_same(name, b"X-Real-IP"))
}

fn forwarded(out: &mut Vec<u8>, buffer: &[u8], request: &Request, about: &About) {
    if about.believed {
        super::forwarded::append(out, buffer, request, about);
    } else {
        out.extend_from_slice(b"X-Forwarded-For: ");
        address(out, about.client);
        out.extend_from_slice(b"\r\n");
        line(out, b"X-Forwarded-Proto", about.scheme.as_bytes());
        if !request.host.is_empty() {
            line(out, b"X-Forwarded-Host", request.host.of(buffer));
        }
    }
    let has = |known: Known| request.fields.iter().any(|field| field.known == known && !field.value.is_empty());
    if !has(Known::XRequestId) {
        out.extend_from_slice(b"X-Request-Id: ");
        hexadecimal(out, about.id);
        out.extend_from_slice(b"\r\n");
    }
    if !has(Known::Traceparent) {
        out.extend_from_slice(b"traceparent: 00-");
        hexadecimal(out, about.id);
        out.push(b'-');
        hexadecimal_half(out, (about.id >> 64) as u64 | 1);
        out.extend_from_slice(b"-00\r\n");
    }
}

/// What becomes of the client's connection after an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum After {
    /// It takes another request.
    Stays,
    /// The same, and an older client has to be told.
    StaysAsTold,
    /// It is closed.
    Closes,
    /// Another protocol is spoken on it.
    Changes,
}

/// The head of an answer for the client, with a cookie of the gateway's own where there is one.
pub fn response(
    out: &mut Vec<u8>,
    buffer: &[u8],
    response: &Response,
    set_cookie: &str,
    edited: Edited<'_>,
    after: After,
) {
    out.extend_from_slice(b"HTTP/1.1 ");
    number(out, response.status);
    out.push(b' ');
    out.extend_from_slice(response.reason.of(buffer));
    out.extend_from_slice(b"\r\n");
    let changes = after == After::Changes;
    // Whoever believes the length of a body that is never there reads the next answer as that body.
    let has_no_body = response.status < 200 || response.status == 204;
    let kept = |field: &Field| match field.known {
        Known::ContentLength => !has_no_body,
        Known::Upgrade => !field.hop || changes,
        _ => !field.hop,
    };
    copy(out, buffer, &response.fields, |field| kept(field) && !edited.takes(field.name.of(buffer)));
    if response.status >= 200 || changes {
        edited.put(out);
    }
    if !set_cookie.is_empty() {
        line(out, b"Set-Cookie", set_cookie.as_bytes());
    }
    match after {
        After::Stays => {}
        After::StaysAsTold => out.extend_from_slice(b"Connection: keep-alive\r\n"),
        After::Closes => out.extend_from_slice(b"Connection: close\r\n"),
        After::Changes => out.extend_from_slice(b"Connection: Upgrade\r\n"),
    }
    out.extend_from_slice(b"\r\n");
}

/// An answer of the gateway's own.
pub fn own(
    out: &mut Vec<u8>,
    status: u16,
    date: &str,
    fields: &[(&str, &str)],
    body: &str,
    head_only: bool,
    after: After,
) {
    out.extend_from_slice(b"HTTP/1.1 ");
    number(out, status);
    out.push(b' ');
    out.extend_from_slice(reason(status).as_bytes());
    out.extend_from_slice(b"\r\n");
    line(out, b"Date", date.as_bytes());
    for (name, value) in fields {
        line(out, name.as_bytes(), value.as_bytes());
    }
    // These never have a body, and one of them may not even say so.
    if !matches!(status, 204 | 304) {
        line(out, b"Content-Length", body.len().to_string().as_bytes());
    }
    match after {
        After::Closes => out.extend_from_slice(b"Connection: close\r\n"),
        After::StaysAsTold => out.extend_from_slice(b"Connection: keep-alive\r\n"),
        After::Stays | After::Changes => {}
    }
    out.extend_from_slice(b"\r\n");
    if !head_only {
        out.extend_from_slice(body.as_bytes());
    }
}

/// What a status that the gateway answers with is called.
fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        204 => "No Content",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        410 => "Gone",
        413 => "Content Too Large",
        414 => "URI Too Long",
        417 => "Expectation Failed",
        421 => "Misdirected Request",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        _ => "",
    }
}

/// The kept lines, neighbours together.
fn copy(out: &mut Vec<u8>, buffer: &[u8], fields: &[Field], kept: impl Fn(&Field) -> bool) {
    let mut run = (0, 0);
    for field in fields.iter().filter(|field| kept(field)) {
        let (start, end) = (field.line.start as usize, field.line.end as usize);
        if run.1 != start {
            out.extend_from_slice(buffer.get(run.0..run.1).unwrap_or_default());
            run.0 = start;
        }
        run.1 = end;
    }
    out.extend_from_slice(buffer.get(run.0..run.1).unwrap_or_default());
}

pub(super) fn line(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    out.extend_from_slice(name);
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

fn number(out: &mut Vec<u8>, status: u16) {
    let digit = |value: u16| b'0' + (value % 10) as u8;
    out.extend_from_slice(&[digit(status / 100), digit(status / 10), digit(status)]);
}

fn address(out: &mut Vec<u8>, address: IpAddr) {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            for (place, octet) in address.octets().into_iter().enumerate() {
                if place > 0 {
                    out.push(b'.');
                }
                octet_in_decimal(out, octet);
            }
        }
        // A Vec takes everything.
        IpAddr::V6(address) => drop(write!(out, "{address}")),
    }
}

/// Every request has four of them, and formatting costs more.
fn octet_in_decimal(out: &mut Vec<u8>, octet: u8) {
    if octet >= 100 {
        out.push(b'0' + octet / 100);
    }
    if octet >= 10 {
        out.push(b'0' + octet / 10 % 10);
    }
    out.push(b'0' + octet % 10);
}

fn hexadecimal(out: &mut Vec<u8>, number: u128) {
    out.extend_from_slice(number.to_be_bytes().map(in_hexadecimal).as_flattened());
}

fn hexadecimal_half(out: &mut Vec<u8>, number: u64) {
    out.extend_from_slice(number.to_be_bytes().map(in_hexadecimal).as_flattened());
}

fn in_hexadecimal(byte: u8) -> [u8; 2] {
    [byte >> 4, byte & 15].map(|digit| if digit < 10 { b'0' + digit } else { b'a' + digit - 10 })
}
