//! Messages on a stream: each is JSON, after its length in four bytes.

use serde::Serialize;
use serde::de::DeserializeOwned;
use std::io::{self, ErrorKind, Read, Write};

/// The longest message. A table of a thousand routes and a thousand instances takes a tenth of it.
pub const FRAME_BYTES_MAX: usize = 16 << 20;

/// Says one thing.
pub fn write(to: &mut impl Write, message: &impl Serialize) -> io::Result<()> {
    let mut bytes = vec![0; 4];
    serde_json::to_writer(&mut bytes, message)?;
    let length = bytes.len() - 4;
    if length > FRAME_BYTES_MAX {
        return Err(io::Error::new(ErrorKind::InvalidInput, format!("a message of {length} bytes is too long")));
    }
    let length = u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes();
    bytes.splice(..4, length);
    to.write_all(&bytes)?;
    to.flush()
}

/// Hears one thing; nothing where the other side has said all it had to say.
pub fn read<T: DeserializeOwned>(from: &mut impl Read) -> io::Result<Option<T>> {
    let mut length = [0; 4];
    match from.read(&mut length)? {
        0 => return Ok(None),
        begun => from.read_exact(length.get_mut(begun..).unwrap_or_default())?,
    }
    let length = u32::from_be_bytes(length) as usize;
    if length > FRAME_BYTES_MAX {
        return Err(io::Error::new(ErrorKind::InvalidData, format!("a message of {length} bytes is too long")));
    }
    // Room is only made for what comes: a length alone costs nothing.
    let mut bytes = Vec::new();
    from.take(length as u64).read_to_end(&mut bytes)?;
    if bytes.len() < length {
        return Err(ErrorKind::UnexpectedEof.into());
    }
    Ok(Some(serde_json::from_slice(&bytes)?))
}
