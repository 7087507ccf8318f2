//! How long a body is. Every smuggled request began as two opinions about this.

use super::field::{Field, Known};
use super::refusal::Refusal;

/// How a body ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body {
    /// There is none.
    None,
    /// After so many bytes.
    Length(u64),
    /// With its last chunk.
    Chunked,
    /// With the connection; answers only.
    UntilClose,
}

/// What the fields say about a body; none where they say nothing.
pub(crate) fn declared(buffer: &[u8], fields: &[Field], minor: u8) -> Result<Option<Body>, Refusal> {
    let mut body = None;
    for field in fields {
        let found = match field.known {
            Known::ContentLength => Body::Length(length(field.value.of(buffer))?),
            Known::TransferEncoding if minor == 0 => {
                return Err(Refusal::bad("Transfer-Encoding in HTTP/1.0"));
            }
            Known::TransferEncoding if field.value.of(buffer).eq_ignore_ascii_case(b"chunked") => Body::Chunked,
            Known::TransferEncoding => {
                return Err(Refusal::of(501, "Transfer-Encoding is anything but `chunked`"));
            }
            Known::Other if is_framing_in_disguise(field.name.of(buffer)) => {
                return Err(Refusal::bad("a field that some read as the length of the body"));
            }
            _ => continue,
        };
        if body.replace(found).is_some() {
            return Err(Refusal::bad("the length of the body is given twice"));
        }
    }
    Ok(body)
}

/// Servers that hand fields on as variables make `_` of `-`, and so cannot tell these from the real ones.
pub(super) fn is_framing_in_disguise(name: &[u8]) -> bool {
    let same = |real: &[u8]| {
        let mut pairs = name.iter().zip(real);
        name.len() == real.len()
            && pairs.all(|(one, other)| one.eq_ignore_ascii_case(other) || (*one, *other) == (b'_', b'-'))
    };
    same(b"content-length") || same(b"transfer-encoding")
}

/// Digits and nothing else: a sign, a space or a list is read differently by others.
fn length(value: &[u8]) -> Result<u64, Refusal> {
    let digits = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
    let number = std::str::from_utf8(value).ok().filter(|_| digits).and_then(|text| text.parse::<u64>().ok());
    // More than a signed number holds is somebody else's negative one.
    number.filter(|number| i64::try_from(*number).is_ok()).ok_or(Refusal::bad("Content-Length is no number"))
}
