//! A client of HTTP/2 that writes frames as it is told, and reads what comes as words.

use crate::site::plain;
use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

/// A connection of frames.
pub(crate) struct Frames {
    stream: TcpStream,
    /// Whether it says that it is there when it is asked.
    pub(crate) answers_pings: bool,
    /// What it was asked with.
    ping: Vec<u8>,
}

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const PRIORITY: u8 = 2;
const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PING: u8 = 6;
const GOAWAY: u8 = 7;
pub(crate) const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const ACK: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;
/// The setting of how much may come of a stream.
const INITIAL_WINDOW_SIZE: u16 = 4;
/// What is written at once by whoever floods, how much in all, and how long it waits to get rid of some of it.
const FLOOD_FRAMES: usize = 1_000;
const FLOOD_BYTES_MAX: usize = 64 << 20;
const FLOOD_WITHIN: Duration = Duration::from_secs(1);

/// A frame that came.
struct Frame {
    kind: u8,
    flags: u8,
    stream: u32,
    payload: Vec<u8>,
}

impl Frames {
    pub(crate) fn new(mut stream: TcpStream) -> Self {
        stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").expect("it is taken");
        let mut frames = Self { stream, answers_pings: true, ping: Vec::new() };
        frames.send(SETTINGS, 0, 0, &[]);
        frames
    }

    /// The other end: an instance that takes a connection.
    pub(crate) fn accept(mut stream: TcpStream) -> Self {
        stream.read_exact(&mut [0; 24]).expect("a preface");
        let mut frames = Self { stream, answers_pings: true, ping: Vec::new() };
        frames.send(SETTINGS, 0, 0, &[]);
        frames
    }

    /// Whoever is gone already has said why.
    pub(crate) fn send(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        let _ = self.stream.write_all(&framed(kind, flags, stream, payload));
    }

    /// Says that it is there.
    pub(crate) fn pong(&mut self) {
        let ping = std::mem::take(&mut self.ping);
        self.send(PING, ACK, 0, &ping);
    }

    /// So much may come of each stream, and of all together.
    pub(crate) fn takes(&mut self, stream: u32, all: u32) {
        self.send(SETTINGS, 0, 0, &[&INITIAL_WINDOW_SIZE.to_be_bytes()[..], &stream.to_be_bytes()].concat());
        self.send(WINDOW_UPDATE, 0, 0, &all.to_be_bytes());
    }

    /// Sends this frame again and again, and hears nothing: whether there is an end to that.
    pub(crate) fn jams(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) -> bool {
        jams(&mut self.stream, &framed(kind, flags, stream, payload))
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
            let frame = match self.read() {
                Ok(frame) => frame,
                Err(why) => return text + " " + why,
            };
            let said = match frame.kind {
                DATA => plain(&frame.payload),
                HEADERS => format!("{}:", status(&frame.payload)),
                RST_STREAM => format!("RST_STREAM {}", reason(&frame.payload)),
                GOAWAY => format!("GOAWAY {}", reason(&frame.payload[4..])),
                _ => continue,
            };
            let gap = if text.is_empty() { "" } else { " " };
            write!(text, "{gap}{said}").expect("a String takes everything");
            let ended = matches!(frame.kind, DATA | HEADERS) && frame.flags & END_STREAM != 0;
            if frame.stream == stream && (ended || frame.kind == RST_STREAM) {
                return text;
            }
        }
    }

    /// The next frame that is about more than windows, in words.
    pub(crate) fn next(&mut self) -> String {
        loop {
            let Frame { kind, flags, stream, payload } = match self.read() {
                Ok(frame) => frame,
                Err(why) => return why.into(),
            };
            let end = if matches!(kind, DATA | HEADERS) && flags & END_STREAM != 0 { " end" } else { "" };
            return match kind {
                DATA => format!("{stream} {} bytes{end}", payload.len()),
                HEADERS => format!("{stream} {}{end}", status(&payload)),
                RST_STREAM => format!("{stream} RST_STREAM {}", reason(&payload)),
                GOAWAY => format!("GOAWAY {} {}", number(&payload), reason(&payload[4..])),
                PING if flags & ACK != 0 => format!("pong {payload:?}"),
                PING => "ping".into(),
                _ => continue,
            };
        }
    }

    fn read(&mut self) -> Result<Frame, &'static str> {
        let mut head = [0; 9];
        self.stream.read_exact(&mut head).map_err(|_| "closed")?;
        let mut payload = vec![0; u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize];
        self.stream.read_exact(&mut payload).map_err(|_| "cut")?;
        let frame = Frame { kind: head[3], flags: head[4], stream: number(&head[5..]), payload };
        match frame.kind {
            SETTINGS if frame.flags & ACK == 0 => self.send(SETTINGS, ACK, 0, &[]),
            PING if frame.flags & ACK == 0 => {
                self.ping.clone_from(&frame.payload);
                if self.answers_pings {
                    self.pong();
                }
            }
            _ => {}
        }
        Ok(frame)
    }
}

/// Writes the same again and again: whether there is an end to that.
pub(crate) fn jams(stream: &mut TcpStream, bytes: &[u8]) -> bool {
    let flood = bytes.repeat(FLOOD_FRAMES);
    stream.set_write_timeout(Some(FLOOD_WITHIN)).expect("a limit");
    (0..FLOOD_BYTES_MAX / flood.len()).any(|_| stream.write_all(&flood).is_err())
}

fn framed(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u32).to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

fn number(bytes: &[u8]) -> u32 {
    u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
}

/// Fields as literals with names of their own, in no table and not packed.
pub(crate) fn literally(fields: &[(&str, &str)]) -> Vec<u8> {
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
    let bits = packed.iter().chain(&[0; 3]).take(3).fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << 8;
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
