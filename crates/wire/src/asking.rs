//! Whoever asks a gateway: one question after the other, each with its answer.

use crate::control::{Answer, Hello, Request, VERSIONS, Welcome};
use crate::frame;
use std::io::{self, ErrorKind};
use std::os::unix::net::UnixStream;
use std::path::Path;

/// A connection to a gateway.
#[derive(Debug)]
pub struct Asking {
    stream: UnixStream,
}

impl Asking {
    /// Connects to the gateway whose control socket this is.
    pub fn connect(control: &Path) -> io::Result<Self> {
        Self::begin(UnixStream::connect(control)?)
    }

    /// Agrees on a version with whoever is at the other end.
    pub fn begin(mut stream: UnixStream) -> io::Result<Self> {
        frame::write(&mut stream, &Hello { versions: VERSIONS.into() })?;
        match frame::read(&mut stream)?.ok_or(ErrorKind::UnexpectedEof)? {
            Welcome::Version(_) => Ok(Self { stream }),
            Welcome::Versions(theirs) => {
                let message = format!("the gateway speaks versions {theirs:?}, and this program {VERSIONS:?}");
                Err(io::Error::new(ErrorKind::Unsupported, message))
            }
        }
    }

    /// The connection itself.
    pub fn into_stream(self) -> UnixStream {
        self.stream
    }

    /// The next answer, where there are several.
    pub fn next_answer(&mut self) -> io::Result<Answer> {
        frame::read(&mut self.stream)?.ok_or_else(|| ErrorKind::UnexpectedEof.into())
    }

    /// Asks, and waits for the answer.
    pub fn ask(&mut self, request: &Request) -> io::Result<Answer> {
        frame::write(&mut self.stream, request)?;
        self.next_answer()
    }
}
