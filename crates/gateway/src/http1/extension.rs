//! What may follow the size of a chunk: `;name`, `;name=value`, `;name="value"`, as often as there is room.
//! Nobody needs it, but whoever reads a quote otherwise than we do sees another end of the line.

use super::head::is_token;

/// Where in an extension a byte is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extension {
    /// After the `;`.
    Begun,
    Name,
    /// After the `=`.
    Equals,
    Value,
    Quoted,
    /// After a backslash.
    Escaped,
    /// After the last quote.
    Unquoted,
}

impl Extension {
    /// Where the next byte is; nowhere where it is none of an extension.
    pub(super) fn step(self, byte: u8) -> Option<Self> {
        match (self, byte) {
            (Self::Begun, b' ' | b'\t') => Some(Self::Begun),
            (Self::Begun | Self::Name, _) if is_token(byte) => Some(Self::Name),
            (Self::Name, b'=') => Some(Self::Equals),
            (Self::Equals, b'"') => Some(Self::Quoted),
            (Self::Equals | Self::Value, _) if is_token(byte) => Some(Self::Value),
            (Self::Name | Self::Value | Self::Unquoted, b';') => Some(Self::Begun),
            (Self::Quoted, b'"') => Some(Self::Unquoted),
            (Self::Quoted, b'\\') => Some(Self::Escaped),
            (Self::Quoted | Self::Escaped, b'\t' | b' '..=b'~') => Some(Self::Quoted),
            _ => None,
        }
    }

    /// Whether it may end here.
    pub(super) fn is_whole(self) -> bool {
        matches!(self, Self::Name | Self::Value | Self::Unquoted)
    }
}
