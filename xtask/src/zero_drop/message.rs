//! HTTP/1.1 and WebSocket as the clients and the instances here speak it: little of it, and all in plain sight.

use std::io;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// The longest head that is read.
const HEAD_BYTES_MAX: usize = 64 << 10;
/// So much is read at once.
const ROOM_BYTES: usize = 64 << 10;

/// A connection, and what was read from it and not used yet.
pub(super) struct Connection {
    pub(super) stream: TcpStream,
    held: Vec<u8>,
}

/// What a head says.
pub(super) struct Head {
    /// The first line.
    pub(super) first: String,
    fields: Vec<(String, String)>,
}

/// A body, as far as it has to be compared: how long it is, and its hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Digest {
    pub(super) bytes: u64,
    pub(super) hash: u64,
}

impl Default for Digest {
    /// That of nothing.
    fn default() -> Self {
        Summing::default().digest()
    }
}

/// A body while it comes or goes.
pub(super) struct Summing {
    sum: Digest,
}

impl Default for Summing {
    fn default() -> Self {
        // Where FNV-1a begins.
        Self { sum: Digest { bytes: 0, hash: 0xcbf2_9ce4_8422_2325 } }
    }
}

impl Summing {
    /// FNV-1a: one byte after the other, so that it does not matter in which pieces they come, and fast
    /// enough for large bodies. Nobody here means harm.
    pub(super) fn add(&mut self, bytes: &[u8]) {
        self.sum.bytes += bytes.len() as u64;
        let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
        self.sum.hash = bytes.iter().fold(self.sum.hash, step);
    }

    pub(super) fn digest(&self) -> Digest {
        self.sum
    }
}

impl Head {
    /// A field's value.
    pub(super) fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The status of an answer.
    pub(super) fn status(&self) -> Option<u16> {
        self.first.split(' ').nth(1)?.parse().ok()
    }

    /// Whether the connection goes on.
    pub(super) fn stays(&self) -> bool {
        !self.field("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"))
    }
}

impl Connection {
    pub(super) fn new(stream: TcpStream) -> Self {
        let _ = stream.set_nodelay(true);
        Self { stream, held: Vec::new() }
    }

    /// Whether nothing has come since it was last used: not even its end.
    pub(super) fn is_calm(&self) -> bool {
        let nothing = |error: &io::Error| error.kind() == io::ErrorKind::WouldBlock;
        self.held.is_empty() && self.stream.try_read(&mut [0]).is_err_and(|error| nothing(&error))
    }

    pub(super) async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await
    }

    /// The next head; none where the other side has ended before it.
    pub(super) async fn head(&mut self) -> io::Result<Option<Head>> {
        loop {
            if let Some(end) = self.held.windows(4).position(|window| window == b"\r\n\r\n") {
                let text = String::from_utf8_lossy(&self.held[..end]).into_owned();
                self.held.drain(..end + 4);
                let mut lines = text.split("\r\n");
                let first = lines.next().unwrap_or_default().to_owned();
                let fields = lines.filter_map(|line| line.split_once(':'));
                let fields = fields.map(|(name, value)| (name.to_owned(), value.trim().to_owned())).collect();
                return Ok(Some(Head { first, fields }));
            }
            if self.held.len() > HEAD_BYTES_MAX {
                return Err(io::Error::other("the head has no end"));
            }
            if self.read().await? == 0 {
                let ended = self.held.is_empty();
                return if ended { Ok(None) } else { Err(io::ErrorKind::UnexpectedEof.into()) };
            }
        }
    }

    /// The body that belongs to a head, to its very end.
    pub(super) async fn body(&mut self, head: &Head) -> io::Result<Digest> {
        let mut sum = Summing::default();
        if head.field("transfer-encoding").is_some() {
            while self.chunk(&mut sum).await? {}
            return Ok(sum.digest());
        }
        let length = head.field("content-length").map_or(Some(0), |text| text.parse().ok());
        self.take(length.ok_or_else(|| io::Error::other("a length that is none"))?, &mut sum).await?;
        Ok(sum.digest())
    }

    /// One chunk of a body; whether another one follows.
    pub(super) async fn chunk(&mut self, sum: &mut Summing) -> io::Result<bool> {
        let line = self.line().await?;
        let size = line.split(';').next().and_then(|size| u64::from_str_radix(size.trim(), 16).ok());
        let size = size.ok_or_else(|| io::Error::other(format!("`{line}` is no chunk")))?;
        self.take(size, sum).await?;
        self.line().await?;
        Ok(size > 0)
    }

    async fn line(&mut self) -> io::Result<String> {
        loop {
            if let Some(end) = self.held.windows(2).position(|window| window == b"\r\n") {
                let line = String::from_utf8_lossy(&self.held[..end]).into_owned();
                self.held.drain(..end + 2);
                return Ok(line);
            }
            self.more().await?;
        }
    }

    async fn take(&mut self, mut left: u64, sum: &mut Summing) -> io::Result<()> {
        while left > 0 {
            if self.held.is_empty() {
                self.more().await?;
            }
            let here = usize::try_from(left).unwrap_or(usize::MAX).min(self.held.len());
            sum.add(&self.held[..here]);
            self.held.drain(..here);
            left -= here as u64;
        }
        Ok(())
    }

    /// One message of a WebSocket: its opcode and what it carries.
    pub(super) async fn message(&mut self) -> io::Result<(u8, Vec<u8>)> {
        let [first, second] = [self.byte().await?, self.byte().await?];
        let mut length = usize::from(second & 0x7f);
        if length == 126 {
            length = usize::from(u16::from_be_bytes([self.byte().await?, self.byte().await?]));
        }
        let mut mask = [0; 4];
        if second & 0x80 != 0 {
            for byte in &mut mask {
                *byte = self.byte().await?;
            }
        }
        let mut carried = Vec::new();
        for index in 0..length {
            carried.push(self.byte().await? ^ mask[index % 4]);
        }
        Ok((first & 0x0f, carried))
    }

    async fn byte(&mut self) -> io::Result<u8> {
        while self.held.is_empty() {
            self.more().await?;
        }
        Ok(self.held.remove(0))
    }

    async fn more(&mut self) -> io::Result<()> {
        if self.read().await? == 0 { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(()) }
    }

    async fn read(&mut self) -> io::Result<usize> {
        self.held.reserve(ROOM_BYTES);
        self.stream.read_buf(&mut self.held).await
    }
}

/// A WebSocket's text, and what it says when it ends.
pub(super) const TEXT: u8 = 1;
pub(super) const CLOSE: u8 = 8;

/// One message of a WebSocket, masked as clients must.
pub(super) fn frame(opcode: u8, carried: &[u8], masked: bool) -> Vec<u8> {
    // Short ones only: what is said here is short.
    let mut bytes = vec![0x80 | opcode, carried.len() as u8 | if masked { 0x80 } else { 0 }];
    let mask = if masked { [7, 42, 99, 3] } else { [0; 4] };
    if masked {
        bytes.extend_from_slice(&mask);
    }
    bytes.extend(carried.iter().enumerate().map(|(index, byte)| byte ^ mask[index % 4]));
    bytes
}

/// The bytes that belong to an id: whoever mixes two answers up is seen.
pub(super) fn bytes_of(id: u64, length: usize) -> Vec<u8> {
    let mut state = id.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    std::iter::repeat_with(next).take(length).collect()
}
