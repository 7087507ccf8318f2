//! The vectors of other parsers' suites, run as data: what is sent, what the suite makes of it, and what we do.

use crate::suites::{bytes, hosted, vectors};
use gateway::http1::{Body, Chunked, Field, Limits, Refusal, Request, Response, Stretch};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::path::Path;

/// Why we refuse what a suite accepts: what we say, and the reason.
const STRICTER: &[(&str, &str)] = &[
    (
        "Host is no host",
        "a host is a name or an address, and perhaps a port: the rest is read in as many ways as there are readers",
    ),
    (
        "Transfer-Encoding is anything but `chunked`",
        "whoever does not know another coding sees another end of the message",
    ),
    ("Transfer-Encoding where there is no body", "RFC 9112 6.1: such an answer has none"),
    (
        "a field that some read as the length of the body",
        "whoever makes variables of fields cannot tell it from the real one",
    ),
    ("a line ends without CR", "a line that only some see is how requests are smuggled"),
    (
        "an upgrade with a body",
        "where the body ends and the other protocol begins is for two to agree on, and here there are three",
    ),
    ("empty lines before the answer", "nothing stands before an answer, unless it is the end of another"),
    ("empty lines before the request", "RFC 9112 2.2 asks to overlook one; more are no mistake"),
    ("the first line is none of HTTP", "HTTP/0.9, which nobody may be sent on as"),
    ("the gateway makes no tunnels", "CONNECT asks for one"),
    ("the name of a field is none", "a line that goes on in the next one is read in two ways (RFC 9112 5.2)"),
    ("the size of a chunk is no number", "space or more than fifteen digits: read otherwise by others"),
    ("the target has a fragment", "RFC 9112 3.2: no target has one"),
    ("the target is neither a path nor `http://...`", "RFC 9112 3.2: these are all that there are"),
    ("the value of a field has a control character", "RFC 9110 5.5: none may be passed on"),
    ("the version is not 1.0 or 1.1", "another version, or another protocol such as RTSP or ICE"),
];

/// What a suite refuses and we do not: which vectors, by what the suite says or by their name, and the reason.
const LAXER: &[(&str, &str, &str)] = &[
    ("llhttp", "Data after `Connection: close`", "the same: what follows is never read"),
    (
        "llhttp",
        "Invalid method for HTTP/x.x request",
        "any token is a method (RFC 9110 9.1): whoever answers knows which it has",
    ),
    (
        "llhttp",
        "Expected space after method",
        "any token is a method (RFC 9110 9.1): whoever answers knows which it has",
    ),
    ("gunicorn", "InvalidRequestMethod", "any token is a method (RFC 9110 9.1): whoever answers knows which it has"),
    ("gunicorn", "LimitRequestLine", "our bound is larger"),
    ("gunicorn", "LimitRequestHeaders", "our bound is larger"),
    ("gunicorn", "invalid/041", "Content-Type twice says nothing of where a message ends: whoever answers decides"),
    (
        "gunicorn",
        "ChunkMissingTerminator",
        "the same: the end is missing, and the client that never sends it gets no answer",
    ),
    ("h11", "Receive buffer too long", "our bound is larger"),
    ("h11", "no request line received", "an empty line is overlooked (RFC 9112 2.2), and a request may follow"),
    (
        "h11",
        "without a pending proposal",
        "the same: the exchange refuses a change of protocol that nobody asked for, not the reader",
    ),
];

/// What we understand otherwise than a suite: which vector, and the reason.
const OTHERWISE: &[(&str, &str, &str)] = &[
    ("gunicorn", "valid/099", "its body is shorter than its Content-Length says"),
    (
        "h11",
        "test_protocol_switch",
        "Upgrade is asked for by Connection, too (RFC 9110 7.8): it is not, so requests follow",
    ),
];

/// One message.
#[derive(Debug, Default, PartialEq, Eq)]
struct Message {
    method: Vec<u8>,
    target: Vec<u8>,
    status: u16,
    headers: Vec<(Vec<u8>, Vec<u8>)>,
    body: Vec<u8>,
}

/// How a stream of messages ends.
#[derive(Debug, PartialEq, Eq)]
enum End {
    /// All of it is read, or no more of it will be.
    Done,
    /// A message is not whole.
    More,
    /// Nobody reads on, for this reason.
    Refused(String),
}

/// Messages, and how they end.
type Read = (Vec<Message>, End);

/// What a vector shows.
enum Shown {
    Same,
    /// We refuse what the suite takes.
    Stricter(String),
    /// We take what the suite refuses.
    Laxer(String),
    Otherwise(String),
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Same => f.write_str("the same"),
            Self::Stricter(why) => write!(f, "we refuse it: {why}"),
            Self::Laxer(why) => write!(f, "the suite refuses it: {why}"),
            Self::Otherwise(how) => write!(f, "we read {how}"),
        }
    }
}

#[test]
fn the_suites_of_others() {
    let Some(vectors) = vectors() else { return };
    let mut counts = Counts::new();
    let mut unexplained = String::new();
    for line in vectors.lines() {
        let vector: Value = serde_json::from_str(line).expect("JSON");
        let text = |key: &str| vector[key].as_str().expect("a text");
        let shown = if text("left_out").is_empty() { Some(compare(&vector)) } else { None };
        let (column, why) = match &shown {
            None => (5, Some("")),
            Some(Shown::Same) => (1, Some("")),
            Some(Shown::Stricter(what)) => (2, find(STRICTER.iter().map(|(what, why)| (*what, *why)), &[what])),
            Some(Shown::Laxer(what)) => (3, find(of(LAXER, text("suite")), &[what, text("name")])),
            Some(Shown::Otherwise(_)) => (4, find(of(OTHERWISE, text("suite")), &[text("name")])),
        };
        let row = counts.entry(format!("{}, {}s", text("suite"), text("kind"))).or_default();
        row[0] += 1;
        row[column] += 1;
        if let (Some(shown), None) = (shown, why) {
            let input = String::from_utf8_lossy(&bytes(text("input"))).into_owned();
            let told = format!("{} {}: {shown}\n    {input:?}", text("suite"), text("name"));
            writeln!(unexplained, "{told}").expect("a String takes everything");
        }
    }
    assert!(unexplained.is_empty(), "{unexplained}");
    page_tells(&counts);
}

/// By suite: all vectors, and what they show.
type Counts = BTreeMap<String, [usize; 6]>;

/// What is shown stands in the documentation, too.
fn page_tells(counts: &Counts) {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/conformance.md");
    let page = std::fs::read_to_string(page).expect("the page");
    let row = |(suite, row): (&String, &[usize; 6])| {
        let row = row.map(|count| count.to_string()).join(" | ");
        format!("| {suite} | {row} |\n")
    };
    let counts: String = counts.iter().map(row).collect();
    let lists =
        [LAXER, OTHERWISE].into_iter().flatten().map(|(suite, what, why)| format!("| {suite}: {what} | {why} |\n"));
    let reasons = STRICTER.iter().map(|(what, why)| format!("| {what} | {why} |\n")).chain(lists);
    let missing: String = [counts].into_iter().chain(reasons).filter(|part| !page.contains(part)).collect();
    assert!(missing.is_empty(), "docs/conformance.md does not say:\n{missing}");
}

fn of<'a>(list: &'a [(&'a str, &'a str, &'a str)], suite: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
    list.iter().filter(move |(of, ..)| *of == suite).map(|(_, what, why)| (*what, *why))
}

fn find<'a>(list: impl Iterator<Item = (&'a str, &'a str)>, wanted: &[&str]) -> Option<&'a str> {
    let mut list = list;
    list.find(|(what, _)| wanted.iter().any(|wanted| wanted.contains(what))).map(|(_, why)| why)
}

fn compare(vector: &Value) -> Shown {
    let input = bytes(vector["input"].as_str().expect("a text"));
    let (wanted, wanted_end) = wanted(vector);
    let read = |input| if vector["kind"] == "request" { read_requests(input) } else { read_responses(input) };
    let (ours, mut our_end) = read(input.clone());
    // Who reads a head byte by byte refuses it before its end; we do at its end.
    if matches!((&our_end, &wanted_end), (End::More, End::Refused(_))) {
        our_end = read([&input[..], b"\r\n\r\n"].concat()).1;
    }
    for (one, other) in ours.iter().zip(&wanted) {
        if one != other {
            return Shown::Otherwise(format!("{one:?} and not {other:?}"));
        }
    }
    match (our_end, wanted_end) {
        (End::Refused(_), End::Refused(_)) => Shown::Same,
        (End::Refused(why), _) => Shown::Stricter(why),
        (_, End::Refused(why)) => Shown::Laxer(why),
        (one, other) if one == other && ours.len() == wanted.len() => Shown::Same,
        (one, other) => Shown::Otherwise(format!("{} {one:?} and not {} {other:?}", ours.len(), wanted.len())),
    }
}

fn wanted(vector: &Value) -> Read {
    let text = |value: &Value| value.as_str().expect("a text").chars().map(|char| char as u8).collect::<Vec<u8>>();
    let header = |pair: &Value| (text(&pair[0]), text(&pair[1]));
    let message = |message: &Value| Message {
        method: text(&message["method"]),
        target: text(&message["target"]),
        status: message["status"].as_u64().expect("a status") as u16,
        headers: message["headers"].as_array().expect("headers").iter().map(header).collect(),
        body: bytes(message["body"].as_str().expect("a body")),
    };
    let messages = vector["messages"].as_array().expect("messages").iter().map(message).collect();
    let end = match vector["end"].as_str().expect("an end") {
        "done" => End::Done,
        "more" => End::More,
        _ => End::Refused(vector["why"].as_str().expect("a reason").to_owned()),
    };
    (messages, end)
}

/// Reads one request after the other.
fn read_requests(mut rest: Vec<u8>) -> Read {
    let mut messages = Vec::new();
    while !rest.iter().all(|byte| b"\r\n".contains(byte)) {
        rest = hosted(rest);
        let mut request = Request::default();
        let head = match request.read(&rest, &Limits::default()) {
            Ok(Some(head)) => head,
            Ok(None) => return (messages, End::More),
            Err(refusal) => return (messages, End::Refused(refusal.why.into())),
        };
        let (body, length) = match read_body(&rest[head..], request.body) {
            Ok(Some(body)) => body,
            Ok(None) => return (messages, End::More),
            Err(refusal) => return (messages, End::Refused(refusal.why.into())),
        };
        let of = |stretch: Stretch| stretch.of(&rest).to_vec();
        let line = &rest[request.method.end as usize + 1..];
        let target = line[..line.iter().position(|byte| *byte == b' ').expect("a version")].to_vec();
        let mut headers = headers(&request.fields, &rest);
        headers.retain(|(_, value)| value != b"given");
        messages.push(Message { method: of(request.method), target, status: 0, headers, body });
        rest.drain(..head + length);
        // What follows is another protocol, or nobody's.
        if request.upgrade.is_some() || !request.keep_alive {
            return (messages, End::Done);
        }
    }
    let end = if messages.is_empty() { End::More } else { End::Done };
    (messages, end)
}

/// Reads one answer after the other, all to GET.
fn read_responses(input: Vec<u8>) -> Read {
    let mut rest = &input[..];
    let mut messages = Vec::new();
    while !rest.is_empty() {
        let mut response = Response::default();
        let head = match response.read(rest, b"GET", &Limits::default()) {
            Ok(Some(head)) => head,
            Ok(None) => return (messages, End::More),
            Err(refusal) => return (messages, End::Refused(refusal.why.into())),
        };
        let (body, length) = match read_body(&rest[head..], response.body) {
            Ok(Some(body)) => body,
            Ok(None) => return (messages, End::More),
            Err(refusal) => return (messages, End::Refused(refusal.why.into())),
        };
        let (status, headers) = (response.status, headers(&response.fields, rest));
        messages.push(Message { status, headers, body, ..Message::default() });
        rest = &rest[head + length..];
        if status == 101 || !(response.keep_alive || (100..200).contains(&status)) {
            return (messages, End::Done);
        }
    }
    let end = if messages.is_empty() { End::More } else { End::Done };
    (messages, end)
}

/// A body and how many bytes it took; none where some of it is missing.
fn read_body(rest: &[u8], body: Body) -> Result<Option<(Vec<u8>, usize)>, Refusal> {
    match body {
        Body::None => Ok(Some((Vec::new(), 0))),
        Body::UntilClose => Ok(None),
        Body::Length(length) => {
            let length = usize::try_from(length).unwrap_or(usize::MAX);
            Ok(rest.get(..length).map(|body| (body.to_vec(), length)))
        }
        Body::Chunked => {
            let (mut chunked, mut data) = (Chunked::default(), Vec::new());
            for (at, byte) in rest.iter().enumerate() {
                let piece = chunked.read(std::slice::from_ref(byte))?;
                if piece.data == 1 {
                    data.push(*byte);
                }
                if piece.done {
                    return Ok(Some((data, at + 1)));
                }
            }
            Ok(None)
        }
    }
}

fn headers(fields: &[Field], buffer: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let of = |field: &Field| (field.name.of(buffer).to_ascii_lowercase(), field.value.of(buffer).to_vec());
    fields.iter().map(of).collect()
}
