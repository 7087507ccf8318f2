//! A client of HTTP/2 that writes frames as it is told, and reads what comes as words.

use crate::site::plain;
use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;

/// A connection of frames.
pub(crate) struct Frames {
    stream: TcpStream,
}

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const ACK: u8 = 1;
const END_HEADERS: u8 = 4;

impl Frames {
    pub(crate) fn new(mut stream: TcpStream) -> Self {
        stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").expect("it is taken");
        let mut frames = Self { stream };
        frames.send(SETTINGS, 0, 0, &[]);
        frames
    }

    /// Whoever is gone already has said why.
    fn send(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        let length = payload.len() as u32;
        let mut frame = length.to_be_bytes()[1..].to_vec();
        frame.extend([kind, flags]);
        frame.extend(stream.to_be_bytes());
        frame.extend(payload);
        let _ = self.stream.write_all(&frame);
    }

    /// A head, every field of it literally.
    pub(crate) fn headers(&mut self, stream: u32, fields: &[(&str, &str)], ended: bool) {
        self.send(HEADERS, END_HEADERS | if ended { END_STREAM } else { 0 }, stream, &literally(fields));
    }

    pub(crate) fn data(&mut self, stream: u32, bytes: &[u8], ended: bool) {
        self.send(DATA, if ended { END_STREAM } else { 0 }, stream, bytes);
    }

    pub(crate) fn reset(&mut self, stream: u32) {
        self.send(RST_STREAM, 0, stream, &8_u32.to_be_bytes());
    }

    /// A head that goes on and on.
    pub(crate) fn endless_head(&mut self, stream: u32, continuations: usize) {
        self.send(HEADERS, 0, stream, &literally(&[(":method", "GET"), (":scheme", "http"), (":path", "/")]));
        for _ in 0..continuations {
            self.send(CONTINUATION, 0, stream, &literally(&[("x", &"y".repeat(100))]));
        }
    }

    /// What comes until this stream or the connection has ended.
    pub(crate) fn hear(&mut self, stream: u32) -> String {
        let mut text = String::new();
        loop {
            let mut head = [0; 9];
            if self.stream.read_exact(&mut head).is_err() {
                return text + " closed";
            }
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
            let of = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
            let mut payload = vec![0; length];
            if self.stream.read_exact(&mut payload).is_err() {
                return text + " cut";
            }
            let said = match head[3] {
                DATA => plain(&payload),
                HEADERS => format!("{}:", status(&payload)),
                RST_STREAM => format!("RST_STREAM {}", reason(&payload)),
                GOAWAY => format!("GOAWAY {}", reason(&payload[4..])),
                SETTINGS if head[4] & ACK == 0 => {
                    self.send(SETTINGS, ACK, 0, &[]);
                    continue;
                }
                PING if head[4] & ACK == 0 => {
                    self.send(PING, ACK, 0, &payload);
                    continue;
                }
                _ => continue,
            };
            let gap = if text.is_empty() { "" } else { " " };
            write!(text, "{gap}{said}").expect("a String takes everything");
            let ended = matches!(head[3], DATA | HEADERS) && head[4] & END_STREAM != 0;
            if of == stream && (ended || head[3] == RST_STREAM) {
                return text;
            }
        }
    }
}

/// Fields as literals with names of their own, in no table and not packed.
fn literally(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0);
        for part in [name, value] {
            assert!(part.len() < 127, "a length of one byte");
            block.push(part.len() as u8);
            block.extend(part.as_bytes());
        }
    }
    block
}

/// The status of a head that begins with it; the name of the first field of what follows a body.
fn status(block: &[u8]) -> String {
    match block {
        [0x88, ..] => "200".into(),
        [0x89, ..] => "204".into(),
        [0x8c, ..] => "400".into(),
        [0x8d, ..] => "404".into(),
        [0x8e, ..] => "500".into(),
        [0x48, _, packed @ ..] => digits(packed),
        _ => "trailers".into(),
    }
}

/// Three digits, packed: 0 to 2 in five bits each, the others in six.
fn digits(packed: &[u8]) -> String {
    let bits = packed.iter().take(3).fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << 8;
    let mut at = 0;
    let digit = |_| {
        let five = bits << at >> 27;
        let (width, digit) = if five < 3 { (5, five) } else { (6, (bits << at >> 26) - 0b01_1001 + 3) };
        at += width;
        char::from_digit(digit, 10).unwrap_or('?')
    };
    (0..3).map(digit).collect()
}

fn reason(payload: &[u8]) -> &'static str {
    match payload {
        [0, 0, 0, code] | [_, _, _, code, ..] => match code {
            0 => "NO_ERROR",
            1 => "PROTOCOL_ERROR",
            2 => "INTERNAL_ERROR",
            3 => "FLOW_CONTROL_ERROR",
            7 => "REFUSED_STREAM",
            8 => "CANCEL",
            11 => "ENHANCE_YOUR_CALM",
            _ => "another",
        },
        _ => "none",
    }
}
