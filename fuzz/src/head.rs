//! Heads of requests: any cut gives the same, and what is passed on is read as exactly one request that
//! means the same.

use gateway::http1::write::{About, Instead, request};
use gateway::http1::{Body, Edited, FIELDS_MAX, Known, Limits, Refusal, Request};
use std::net::Ipv4Addr;

/// The gateway says no more than so many fields itself.
const OWN_FIELDS_MAX: usize = 8;

/// Checks one input.
pub fn check(input: &[u8]) {
    let mut whole = Request::default();
    let read = whole.read(input, &Limits::default());
    let mut pieced = Request::default();
    let again = read_in_pieces(&mut pieced, input);
    match (&read, &again) {
        // How much of it is there may decide which of two reasons is seen first, not whether there is one.
        (Err(_), Err(_)) => return,
        (read, again) => assert_eq!(read, again, "in pieces it is another request"),
    }
    let Ok(Some(length)) = read else { return };
    assert_eq!(format!("{whole:?}").split("method").nth(1), format!("{pieced:?}").split("method").nth(1));
    passed_on(&whole, &input[..length]);
}

fn read_in_pieces(request: &mut Request, input: &[u8]) -> Result<Option<usize>, Refusal> {
    let cut = super::cut(input);
    for end in [cut / 2, cut, (cut + input.len()) / 2, input.len()] {
        if let Some(length) = request.read(&input[..end], &Limits::default())? {
            return Ok(Some(length));
        }
    }
    Ok(None)
}

fn passed_on(read: &Request, head: &[u8]) {
    let mut out = Vec::new();
    let about = About { client: Ipv4Addr::LOCALHOST.into(), scheme: "http", id: 1, believed: false };
    request(&mut out, head, read, &about, Instead::default(), Edited::default());
    // A stranger's parser sees one head, and nothing behind it.
    let mut slots = [httparse::EMPTY_HEADER; 160];
    let mut stranger = httparse::Request::new(&mut slots);
    let length = stranger.parse(&out).expect("what is passed on is a head");
    assert_eq!(length, httparse::Status::Complete(out.len()), "one head and nothing else");
    assert_eq!(stranger.method.map(str::as_bytes), Some(read.method.of(head)));
    // Neither does a line end that others would see, nor a length that others would read.
    assert!(!out.iter().zip(out.iter().skip(1)).any(|(one, next)| *next == b'\n' && *one != b'\r'), "a bare LF");
    let named = |name: &str| stranger.headers.iter().filter(|field| field.name.eq_ignore_ascii_case(name)).count();
    let framed = named("content-length") + named("transfer-encoding");
    assert_eq!(framed, usize::from(!matches!(read.body, Body::None)).max(framed.min(1)), "how long it is, said once");
    assert!(named("host") <= 1, "for one host");
    // And we read it as what it was.
    let mut again = Request::default();
    let length = again.read(&out, &Limits { head_bytes_max: out.len() + 1, ..Limits::default() });
    if length.as_ref().is_err_and(|refusal| refusal.status == 431) {
        // With what the gateway says itself there is a field more than we would take from a client.
        assert!(read.fields.len() + OWN_FIELDS_MAX > FIELDS_MAX, "{} fields are not too many", read.fields.len());
        return;
    }
    assert_eq!(length, Ok(Some(out.len())), "{}", String::from_utf8_lossy(&out));
    assert_eq!(again.method.of(&out), read.method.of(head));
    assert_eq!(again.body, read.body);
    assert_eq!(again.old, read.old);
    assert_eq!(again.host.of(&out), read.host.of(head));
    assert_eq!(again.upgrade.map(|of| of.of(&out)), read.upgrade.map(|of| of.of(head)));
    let target = read.target.path_and_query.of(head);
    if !target.is_empty() {
        assert_eq!(again.target.path_and_query.of(&out), target);
    }
    let cookies = |request: &Request, bytes: &[u8]| {
        let fields = request.fields.iter().filter(|field| field.known == Known::Cookie && !field.hop);
        fields.map(|field| field.value.of(bytes).to_vec()).collect::<Vec<_>>()
    };
    assert_eq!(cookies(&again, &out), cookies(read, head), "cookies are passed on as they came");
}
