//! Streams of bytes as an instance gets them, whole: what the gateway really sends.

use crate::site::{instance, is_date};
use gateway::http1::{Body, Chunked, Limits, Request};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};

/// An instance that keeps all that it is sent. Each of its connections takes one request.
pub(crate) struct Recorder {
    pub(crate) address: SocketAddr,
    streams: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Recorder {
    pub(crate) fn new() -> Self {
        let streams = Arc::<Mutex<Vec<Vec<u8>>>>::default();
        let kept = Arc::clone(&streams);
        let address = instance(move |mut stream| {
            let bytes = read_whole(&mut stream);
            if !bytes.is_empty() {
                kept.lock().expect("nobody panicked").push(bytes);
            }
            // Whoever hangs up hears no more.
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        });
        Self { address, streams }
    }

    /// What came since it was asked last.
    pub(crate) fn take(&self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.streams.lock().expect("nobody panicked"))
    }
}

/// All bytes until a request is whole, or no more come; and those beyond it that came along.
fn read_whole(stream: &mut TcpStream) -> Vec<u8> {
    let (mut bytes, mut room) = (Vec::new(), [0; 4_096]);
    while end(&bytes).is_none() {
        match stream.read(&mut room) {
            Ok(read) if read > 0 => bytes.extend_from_slice(&room[..read]),
            Ok(_) | Err(_) => break,
        }
    }
    bytes
}

/// Where the first request ends, once it is whole.
pub(crate) fn end(bytes: &[u8]) -> Option<usize> {
    let mut request = Request::default();
    let head = request.read(bytes, &Limits::default()).expect("a request")?;
    match request.body {
        Body::None | Body::UntilClose => Some(head),
        Body::Length(length) => Some(head + length as usize).filter(|end| *end <= bytes.len()),
        Body::Chunked => {
            let piece = Chunked::default().read(&bytes[head..]).expect("chunks");
            piece.done.then_some(head + piece.taken)
        }
    }
}

/// A case as bytes: `|` ends a line.
pub(crate) fn escaped(case: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut chars = case.chars();
    while let Some(char) = chars.next() {
        match char {
            '|' => bytes.extend_from_slice(b"\r\n"),
            '\\' => match chars.next() {
                Some('r') => bytes.push(b'\r'),
                Some('n') => bytes.push(b'\n'),
                Some('t') => bytes.push(b'\t'),
                Some('0') => bytes.push(0),
                Some('x') => {
                    let digits: String = chars.by_ref().take(2).collect();
                    bytes.push(u8::from_str_radix(&digits, 16).expect("two digits"));
                }
                other => panic!("\\{other:?} in {case}"),
            },
            char => bytes.extend(char.to_string().bytes()),
        }
    }
    bytes
}

/// Bytes as a case, without what every request brings along.
pub(crate) fn shown(bytes: &[u8]) -> String {
    let text: String = bytes.iter().map(|byte| *byte as char).collect();
    let own = ["X-Forwarded-For: ", "X-Forwarded-Proto: ", "X-Request-Id: ", "traceparent: "];
    let is_own = |line: &str| is_date(line) || own.iter().any(|own| line.starts_with(own));
    let lines: Vec<_> = text.split("\r\n").filter(|line| !is_own(line)).collect();
    let plain = |char: char| match char {
        '\t' => "\\t".to_owned(),
        ' '..='~' => char.to_string(),
        char => format!("\\x{:02x}", char as u32),
    };
    lines.join("|").chars().map(plain).collect()
}
