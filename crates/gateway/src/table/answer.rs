//! Answers of the gateway's own that a table asks for.

use super::Faults;
use super::edits::{check_name, check_value};
use super::matching::Asked;
use super::place::bare;
use wire::table::Action;

/// The most bytes of a fixed answer's body.
const BODY_BYTES_MAX: usize = 1 << 20;

/// An answer of the gateway's own, made ready.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// Its body.
    pub body: Box<str>,
    fields: Vec<(String, String)>,
    /// Where a client is sent.
    to: Option<Vec<Part>>,
}

/// A part of where a client is sent.
#[derive(Clone, Debug)]
enum Part {
    Text(String),
    Scheme,
    Host,
    Path,
    Query,
}

impl Answer {
    pub(super) fn new(action: &Action, place: &str, faults: &mut Faults) -> Option<Self> {
        match action {
            Action::Redirect { status, to } => {
                if !matches!(status, 301 | 302 | 303 | 307 | 308) {
                    faults.add(
                        format!("{place}.redirect.status"),
                        format!("{status} sends nobody elsewhere: write 301, 302, 303, 307 or 308"),
                    );
                }
                let to = faults.take(&format!("{place}.redirect.to"), parse(to))?;
                Some(Self { status: *status, body: "".into(), fields: Vec::new(), to: Some(to) })
            }
            Action::Answer { status, headers, body } => {
                let place = format!("{place}.answer");
                check_answer(*status, body, &place, faults);
                for (number, (name, value)) in headers.iter().enumerate() {
                    let place = format!("{place}.headers[{number}]");
                    faults.take(&place, check_name(name));
                    faults.take(&place, check_value(value));
                }
                let mut fields = headers.clone();
                if !body.is_empty() && !fields.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
                    fields.push(("Content-Type".into(), "text/plain; charset=utf-8".into()));
                }
                Some(Self { status: *status, body: body.as_str().into(), fields, to: None })
            }
        }
    }

    /// The fields of the answer to this request; none where the request lacks the host that they name.
    pub fn fields(&self, asked: &dyn Asked) -> Option<Vec<(&str, String)>> {
        let names_host = self.to.iter().flatten().any(|part| matches!(part, Part::Host));
        if names_host && asked.host().is_empty() {
            return None;
        }
        let own = self.fields.iter().map(|(name, value)| (name.as_str(), value.clone()));
        let location = self.to.as_ref().map(|parts| ("Location", location(parts, asked)));
        Some(own.chain(location).collect())
    }
}

fn check_answer(status: u16, body: &str, place: &str, faults: &mut Faults) {
    if !(200..=599).contains(&status) {
        faults.add(format!("{place}.status"), format!("{status} is no answer's status: write one from 200 to 599"));
    }
    if matches!(status, 204 | 205 | 304) && !body.is_empty() {
        faults.add(format!("{place}.body"), format!("an answer with the status {status} has no body: leave it out"));
    }
    if body.len() > BODY_BYTES_MAX {
        faults.add(format!("{place}.body"), format!("it has more than {BODY_BYTES_MAX} bytes: let an instance answer"));
    }
}

/// `https://{host}/new{path}{query}`.
fn parse(to: &str) -> Result<Vec<Part>, String> {
    if to.is_empty() || !to.bytes().all(|byte| (0x21..=0x7e).contains(&byte)) {
        return Err(format!("`{}` is no address: it has letters of ASCII and no space", to.escape_debug()));
    }
    let mut parts = Vec::new();
    let mut rest = to;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, after) =
            after.split_once('}').ok_or_else(|| format!("`{to}` has a `{{` that nothing closes: add the `}}`"))?;
        if !before.is_empty() {
            parts.push(Part::Text(before.into()));
        }
        parts.push(match name {
            "scheme" => Part::Scheme,
            "host" => Part::Host,
            "path" => Part::Path,
            "query" => Part::Query,
            other => return Err(format!("nothing stands for `{{{other}}}`: write scheme, host, path or query")),
        });
        rest = after;
    }
    if !rest.is_empty() {
        parts.push(Part::Text(rest.into()));
    }
    Ok(parts)
}

fn location(parts: &[Part], asked: &dyn Asked) -> String {
    let mut out = String::new();
    for part in parts {
        match part {
            Part::Text(text) => out.push_str(text),
            Part::Scheme => out.push_str(asked.scheme()),
            Part::Host => put(&mut out, bare(asked.host())),
            // At the very beginning, two slashes would make a host of the path's first part.
            Part::Path if out.is_empty() => {
                let rest = asked.path().iter().position(|byte| !matches!(byte, b'/' | b'\\'));
                out.push('/');
                put(&mut out, rest.and_then(|rest| asked.path().get(rest..)).unwrap_or_default());
            }
            Part::Path => put(&mut out, asked.path()),
            Part::Query if asked.query().is_empty() => {}
            Part::Query => {
                out.push('?');
                put(&mut out, asked.query());
            }
        }
    }
    out
}

/// Puts in what a request brought: nothing of it ends a line, or is read as anything but a part of an address.
fn put(out: &mut String, bytes: &[u8]) {
    for byte in bytes {
        if (0x21..=0x7e).contains(byte) && !b"\"<>\\^`{|}#".contains(byte) {
            out.push(*byte as char);
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
}
