//! What requests and answers have in common: where a head ends, and its fields.

use super::field::{Field, Known, Stretch};
use super::refusal::Refusal;
use memchr::memchr;
use std::mem::MaybeUninit;

/// The most fields in a head.
pub const FIELDS_MAX: usize = 128;
/// The most empty lines before a request: some clients end a body with one too many.
pub const EMPTY_LINES_MAX: usize = 1;

/// How large a head may be.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The bytes of a head.
    pub head_bytes_max: usize,
    /// The bytes of a request's target.
    pub target_bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { head_bytes_max: 32 << 10, target_bytes_max: 8 << 10 }
    }
}

/// Looks for the end of a head, line by line and each byte once, however it trickles in.
#[derive(Clone, Copy, Debug, Default)]
pub struct Scan {
    /// Where the head begins, after empty lines.
    pub(crate) start: usize,
    /// Where the current line begins.
    line: usize,
    /// Up to where there is no line's end.
    seen: usize,
    empty_lines: usize,
}

impl Scan {
    /// The length of the head with its empty line, once all of it is there.
    pub fn end(&mut self, buffer: &[u8], limits: &Limits) -> Result<Option<usize>, Refusal> {
        let end = self.find_end(buffer)?;
        let first = buffer.get(self.start).copied().unwrap_or(b'A');
        if !is_token(first) && first != b'\r' {
            return Err(Refusal::bad("this is no HTTP"));
        }
        let length = end.unwrap_or(buffer.len()) - self.start;
        if end.is_none() && self.line == self.start && length > limits.target_bytes_max + METHOD_BYTES_MAX {
            return Err(Refusal::of(414, "the target is too long"));
        }
        if length > limits.head_bytes_max {
            return Err(Refusal::of(431, "the head is too large"));
        }
        Ok(end)
    }

    fn find_end(&mut self, buffer: &[u8]) -> Result<Option<usize>, Refusal> {
        while let Some(found) = buffer.get(self.seen..).and_then(|rest| memchr(b'\n', rest)) {
            let at = self.seen + found;
            if at == self.line || buffer.get(at - 1) != Some(&b'\r') {
                return Err(Refusal::bad("a line ends without CR"));
            }
            let empty = at == self.line + 1;
            (self.line, self.seen) = (at + 1, at + 1);
            if empty && self.start + 2 == self.line {
                self.empty_lines += 1;
                if self.empty_lines > EMPTY_LINES_MAX {
                    return Err(Refusal::bad("empty lines before the request"));
                }
                self.start = self.line;
            } else if empty {
                return Ok(Some(self.line));
            }
        }
        self.seen = buffer.len();
        Ok(None)
    }
}

/// The most bytes of a method, and what is beside the target in a request's first line.
pub(crate) const METHOD_BYTES_MAX: usize = 32;

/// Room for the fields of a head while it is parsed.
pub(crate) type Slots<'b> = [MaybeUninit<httparse::Header<'b>>; FIELDS_MAX];

/// As much room as a head may need.
pub(crate) fn slots<'b>() -> Slots<'b> {
    [const { MaybeUninit::uninit() }; FIELDS_MAX]
}

/// What the parser found wrong, in words.
pub(crate) fn explain(error: httparse::Error) -> Refusal {
    match error {
        httparse::Error::HeaderName => Refusal::bad("the name of a field is none"),
        httparse::Error::HeaderValue => Refusal::bad("the value of a field has a control character"),
        httparse::Error::NewLine => Refusal::bad("a line ends in the middle"),
        httparse::Error::Status => Refusal::bad("the status is none"),
        httparse::Error::Token => Refusal::bad("the first line is none of HTTP"),
        httparse::Error::TooManyHeaders => Refusal::of(431, "too many fields"),
        httparse::Error::Version => Refusal::of(505, "the version is not 1.0 or 1.1"),
    }
}

/// The fields as stretches of the buffer.
pub(crate) fn take_fields(buffer: &[u8], headers: &[httparse::Header<'_>], fields: &mut Vec<Field>) {
    fields.clear();
    for header in headers {
        let name = Stretch::within(buffer, header.name.as_bytes());
        let value = Stretch::within(buffer, header.value);
        let known = Known::of(header.name.as_bytes());
        let rest = buffer.get(value.end as usize..).unwrap_or_default();
        let end = memchr(b'\n', rest).map_or(value.end as usize, |found| value.end as usize + found + 1);
        let line = Stretch::new(name.start as usize, end);
        fields.push(Field { known, name, value, line, hop: known.is_about_the_connection() });
    }
}

/// The parts of a list, without the space around them and without empty ones.
pub(crate) fn list(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii).filter(|part| !part.is_empty())
}

/// Whether a byte may be in a token.
pub(crate) fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// What the fields named `Connection` say.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Said {
    pub(crate) close: bool,
    pub(crate) keep_alive: bool,
    pub(crate) upgrade: bool,
}

/// Reads `Connection`, and marks what it names as not to be passed on.
pub(crate) fn read_connection(buffer: &[u8], fields: &mut [Field]) -> Result<Said, Refusal> {
    let mut said = Said::default();
    for index in 0..fields.len() {
        if fields[index].known != Known::Connection {
            continue;
        }
        for named in list(fields[index].value.of(buffer)) {
            if !named.iter().all(|byte| is_token(*byte)) {
                return Err(Refusal::bad("Connection names what is no name"));
            }
            if named.eq_ignore_ascii_case(b"close") {
                said.close = true;
            } else if named.eq_ignore_ascii_case(b"keep-alive") {
                said.keep_alive = true;
            } else if named.eq_ignore_ascii_case(b"upgrade") {
                said.upgrade = true;
            } else if Known::of(named).is_for_whoever_answers() {
                return Err(Refusal::bad("Connection names a field that is for whoever answers"));
            } else {
                for field in fields.iter_mut().filter(|field| field.name.of(buffer).eq_ignore_ascii_case(named)) {
                    field.hop = true;
                }
            }
        }
    }
    Ok(said)
}
