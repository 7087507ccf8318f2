//! What may be changed in a head. What says how long a message is, or is about one connection, may not:
//! somebody else would see another message.

use super::Faults;
use crate::http1::edit::is_same;
use crate::http1::head::is_token;
use crate::http1::{Edits, Known};

/// What is changed in requests.
pub(super) fn of_requests(edits: &wire::table::Edits, place: &str, faults: &mut Faults) -> Option<Edits> {
    made(edits, place, faults, |known| match known {
        Known::Host => Some("`rewrite.host` says what host is asked for"),
        Known::Expect => Some("the client and the instance settle between them when the body comes"),
        Known::XForwardedFor | Known::XForwardedProto | Known::XForwardedHost | Known::Forwarded => {
            Some("the gateway says itself where a request came from")
        }
        _ => None,
    })
}

/// What is changed in answers.
pub(super) fn of_answers(edits: &wire::table::Edits, place: &str, faults: &mut Faults) -> Option<Edits> {
    made(edits, place, faults, |_| None)
}

fn made(
    edits: &wire::table::Edits,
    place: &str,
    faults: &mut Faults,
    refused: impl Fn(Known) -> Option<&'static str>,
) -> Option<Edits> {
    let mut check = |part: &str, number: usize, name: &str, value: &str| {
        let place = format!("{place}.{part}[{number}]");
        faults.take(&place, check_name(name));
        faults.take(&place, check_value(value));
        if let Some(why) = refused(Known::of(name.as_bytes())) {
            faults.add(&place, format!("`{name}` is not changed here: {why}"));
        }
    };
    edits.remove.iter().enumerate().for_each(|(number, name)| check("remove", number, name, ""));
    edits.set.iter().enumerate().for_each(|(number, (name, value))| check("set", number, name, value));
    edits.add.iter().enumerate().for_each(|(number, (name, value))| check("add", number, name, value));
    let pair = |(name, value): &'_ (String, String)| -> (String, String) { (name.clone(), value.clone()) };
    let put: Vec<_> = edits.set.iter().chain(&edits.add).map(pair).collect();
    let taken = edits.remove.iter().chain(edits.set.iter().map(|(name, _)| name)).map(String::as_str);
    let made = Edits::new(taken, put.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    Some(made).filter(|made| !made.is_empty())
}

/// A name of a field that may be changed.
pub(super) fn check_name(name: &str) -> Result<(), String> {
    if name.is_empty() || !name.bytes().all(is_token) {
        return Err(format!("`{}` is no name of a header: write letters, digits and `-`", name.escape_debug()));
    }
    let framing = [&b"Content-Length"[..], b"Transfer-Encoding", b"Trailer"];
    let known = Known::of(name.as_bytes());
    if framing.iter().any(|framing| is_same(framing, name.as_bytes())) {
        return Err(format!("`{name}` says where a message ends, and is nobody's to change: leave it out"));
    }
    if known.is_about_the_connection() {
        return Err(format!("`{name}` is about one connection, and never passed on: leave it out"));
    }
    Ok(())
}

/// A value that is one line.
pub(super) fn check_value(value: &str) -> Result<(), String> {
    let one_line = value.bytes().all(|byte| byte == b'\t' || (byte >= b' ' && byte != 0x7f));
    if !one_line {
        return Err("the value has a control character: a header is one line".into());
    }
    if value.trim() != value {
        return Err("the value begins or ends with space, which nobody would see: leave it out".into());
    }
    Ok(())
}
