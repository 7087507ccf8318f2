//! Heads of answers: any cut gives the same, and what the client gets is read as exactly one answer.

use gateway::http1::write::{After, response};
use gateway::http1::{Edited, Limits, Response};

/// Checks one input.
pub fn check(input: &[u8]) {
    let method: &[u8] = if input.len() % 5 == 0 { b"HEAD" } else { b"GET" };
    let mut whole = Response::default();
    let read = whole.read(input, method, &Limits::default());
    let mut pieced = Response::default();
    let cut = super::cut(input);
    let mut again = Ok(None);
    for end in [cut / 2, cut, (cut + input.len()) / 2, input.len()] {
        again = pieced.read(&input[..end], method, &Limits::default());
        if !matches!(again, Ok(None)) {
            break;
        }
    }
    match (&read, &again) {
        (Err(_), Err(_)) => return,
        (read, again) => assert_eq!(read, again, "in pieces it is another answer"),
    }
    let Ok(Some(length)) = read else { return };
    let head = &input[..length];
    for after in [After::Stays, After::StaysAsTold, After::Closes] {
        let mut out = Vec::new();
        response(&mut out, head, &whole, "", Edited::default(), after);
        let mut slots = [httparse::EMPTY_HEADER; 160];
        let mut stranger = httparse::Response::new(&mut slots);
        let length = stranger.parse(&out).expect("what is passed on is a head");
        assert_eq!(length, httparse::Status::Complete(out.len()), "one head and nothing else");
        assert_eq!(stranger.code, Some(whole.status));
        let mut again = Response::default();
        let length = again.read(&out, method, &Limits { head_bytes_max: out.len() + 1, ..Limits::default() });
        assert_eq!(length, Ok(Some(out.len())), "{}", String::from_utf8_lossy(&out));
        assert_eq!((again.status, again.body), (whole.status, whole.body));
    }
}
