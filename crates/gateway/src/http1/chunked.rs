//! Bodies in chunks: where each begins and ends, so that they are passed on as they come.

use super::extension::Extension;
use super::field::Known;
use super::framing::is_framing_in_disguise;
use super::head::is_token;
use super::refusal::Refusal;

/// The most bytes of a chunk's first line: its size, and what some call extensions.
pub const SIZE_LINE_BYTES_MAX: usize = 256;
/// The most bytes of what follows the last chunk.
pub const TRAILER_BYTES_MAX: usize = 8 << 10;

/// A body in chunks while it is read. It sees each byte once and keeps none.
#[derive(Clone, Copy, Debug)]
pub struct Chunked {
    state: State,
    /// Bytes of the line or of the trailers so far.
    length: usize,
    /// The name of the trailer that is read.
    name: Name,
}

impl Default for Chunked {
    fn default() -> Self {
        Self { state: State::Size { value: 0, digits: 0 }, length: 0, name: Name::default() }
    }
}

/// The most bytes of a name that no trailer may have.
const NAME_BYTES_MAX: usize = b"x-forwarded-proto".len();

/// A name while it is read: as much of it as has to be known.
#[derive(Clone, Copy, Debug, Default)]
struct Name {
    bytes: [u8; NAME_BYTES_MAX],
    length: usize,
}

impl Name {
    fn begin(byte: u8) -> Self {
        let mut name = Self::default();
        name.push(byte);
        name
    }

    fn push(&mut self, byte: u8) {
        if let Some(place) = self.bytes.get_mut(self.length) {
            *place = byte;
        }
        self.length += 1;
    }

    /// Whether a field of this name decides what becomes of a message: behind it, it comes too late, and
    /// whoever puts trailers to the head would believe it.
    fn decides(&self) -> bool {
        let name = self.bytes.get(..self.length).unwrap_or_default();
        Known::of(name).is_for_whoever_answers() || is_framing_in_disguise(name)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Size { value: u64, digits: u8 },
    Extension { value: u64, at: Extension },
    SizeEnd { value: u64 },
    Data { left: u64 },
    DataCr,
    DataLf,
    TrailerStart,
    Trailer { named: bool },
    TrailerLf,
    LastLf,
    Done,
}

impl State {
    /// Whether it is after the last chunk.
    fn trails(self) -> bool {
        matches!(self, Self::TrailerStart | Self::Trailer { .. } | Self::TrailerLf | Self::LastLf)
    }
}

/// Bytes of one kind, and how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Run {
    /// Of the body itself.
    Data(usize),
    /// Of what is around its chunks.
    Around(usize),
    /// Of what follows the last chunk, with its empty line.
    Trailer(usize),
    /// The body is over: these are no more of it.
    Beyond,
}

/// What a stretch of bytes was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    /// How many bytes of the input belong to this body.
    pub taken: usize,
    /// How many of those are the body itself.
    pub data: u64,
    /// Whether the body is over.
    pub done: bool,
}

impl Chunked {
    /// Reads on. What is taken can be passed on as it is.
    pub fn read(&mut self, input: &[u8]) -> Result<Piece, Refusal> {
        let mut at = 0;
        let mut data = 0;
        while let Some(rest) = input.get(at..).filter(|rest| !rest.is_empty()) {
            match self.next(rest)? {
                Run::Data(length) => {
                    at += length;
                    data += length as u64;
                }
                Run::Around(length) | Run::Trailer(length) => at += length,
                Run::Beyond => break,
            }
        }
        Ok(Piece { taken: at, data, done: self.is_done() })
    }

    /// Whether all of it was read.
    pub fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// Reads on as long as it is all of one kind.
    pub fn next(&mut self, input: &[u8]) -> Result<Run, Refusal> {
        if let State::Data { left } = self.state {
            let here = usize::try_from(left).unwrap_or(usize::MAX).min(input.len());
            let left = left - here as u64;
            self.state = if left == 0 { State::DataCr } else { State::Data { left } };
            return Ok(Run::Data(here));
        }
        if self.state == State::Done {
            return Ok(Run::Beyond);
        }
        let trails = self.state.trails();
        let mut length = 0;
        for byte in input {
            if matches!(self.state, State::Data { .. } | State::Done) || self.state.trails() != trails {
                break;
            }
            length += 1;
            self.length += 1;
            self.state = self.step(*byte)?;
        }
        Ok(if trails { Run::Trailer(length) } else { Run::Around(length) })
    }

    fn step(&mut self, byte: u8) -> Result<State, Refusal> {
        const SIZE: Refusal = Refusal::bad("the size of a chunk is no number");
        const END: Refusal = Refusal::bad("a chunk does not end where it should");
        const LINE: Refusal = Refusal::bad("a line of a chunked body ends without CR");
        let limit = if self.state.trails() { TRAILER_BYTES_MAX } else { SIZE_LINE_BYTES_MAX };
        if self.length > limit {
            return Err(Refusal::bad("a line of a chunked body is too long"));
        }
        Ok(match (self.state, byte) {
            (State::Size { value, digits }, _) if byte.is_ascii_hexdigit() => {
                // Fifteen digits are more than anybody sends, and no number overflows.
                if digits >= 15 {
                    return Err(SIZE);
                }
                let digit = (byte as char).to_digit(16).unwrap_or_default();
                State::Size { value: value * 16 + u64::from(digit), digits: digits + 1 }
            }
            (State::Size { digits: 0, .. }, _) => return Err(SIZE),
            (State::Size { value, .. }, b'\r') => State::SizeEnd { value },
            (State::Size { value, .. }, b';') => State::Extension { value, at: Extension::Begun },
            (State::Size { .. }, _) => return Err(SIZE),
            (State::Extension { value, at }, b'\r') if at.is_whole() => State::SizeEnd { value },
            (State::Extension { value, at }, _) => {
                const EXTENSION: Refusal = Refusal::bad("the extension of a chunk is none");
                State::Extension { value, at: at.step(byte).ok_or(EXTENSION)? }
            }
            (State::SizeEnd { value }, b'\n') => {
                self.length = 0;
                if value == 0 { State::TrailerStart } else { State::Data { left: value } }
            }
            (State::DataCr, b'\r') => State::DataLf,
            (State::DataLf, b'\n') => {
                self.length = 0;
                State::Size { value: 0, digits: 0 }
            }
            (State::DataCr | State::DataLf, _) => return Err(END),
            (State::TrailerStart, b'\r') => State::LastLf,
            (State::TrailerStart, _) if is_token(byte) => {
                self.name = Name::begin(byte);
                State::Trailer { named: false }
            }
            (State::Trailer { named: false }, b':') if self.name.decides() => {
                return Err(Refusal::bad("a trailer comes too late to be believed"));
            }
            (State::Trailer { named: false }, b':') => State::Trailer { named: true },
            (State::Trailer { named: false }, _) if is_token(byte) => {
                self.name.push(byte);
                State::Trailer { named: false }
            }
            (State::Trailer { named: true }, b'\r') => State::TrailerLf,
            (State::Trailer { named: true }, b'\t' | b' '..=b'~' | 0x80..) => State::Trailer { named: true },
            (State::TrailerStart | State::Trailer { .. }, _) => return Err(Refusal::bad("a trailer is no field")),
            (State::TrailerLf, b'\n') => State::TrailerStart,
            (State::LastLf, b'\n') => State::Done,
            (State::SizeEnd { .. } | State::TrailerLf | State::LastLf, _) => return Err(LINE),
            (State::Data { .. } | State::Done, _) => self.state,
        })
    }
}
