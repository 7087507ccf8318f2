//! Whoever asks a gateway: one question after the other, each with its answer.

use crate::control::{Answer, Hello, Request, VERSIONS, Welcome};
use crate::frame;
use crate::timed::{Bounded, Timed};
use std::io::{self, ErrorKind};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// A connection to a gateway.
#[derive(Debug)]
pub struct Asking<S = Bounded<UnixStream>> {
    stream: S,
    within: Option<Duration>,
}

impl Asking {
    /// Connects to the gateway whose control socket this is. Connecting may take so long, and so may each answer.
    pub fn connect(control: &Path, within: Duration) -> io::Result<Self> {
        Self::begin(Bounded::connect(control, within)?, Some(within))
    }
}

impl<S: Timed> Asking<S> {
    /// Agrees on a version with whoever is at the other end. Each answer has to be there within this time; it
    /// may come at any time where nothing is said.
    pub fn begin(mut stream: S, within: Option<Duration>) -> io::Result<Self> {
        frame::write(&mut stream, &Hello { versions: VERSIONS.into() })?;
        match frame::read(&mut stream)?.ok_or(ErrorKind::UnexpectedEof)? {
            Welcome::Version(_) => Ok(Self { stream, within }),
            Welcome::Versions(theirs) => {
                let message = format!("the gateway speaks versions {theirs:?}, and this program {VERSIONS:?}");
                Err(io::Error::new(ErrorKind::Unsupported, message))
            }
        }
    }

    /// The connection itself.
    pub fn stream(&self) -> &S {
        &self.stream
    }

    /// The next answer, where there are several.
    pub fn next_answer(&mut self) -> io::Result<Answer> {
        self.stream.done_within(self.within);
        frame::read(&mut self.stream)?.ok_or_else(|| ErrorKind::UnexpectedEof.into())
    }

    /// Asks, and waits for the answer.
    pub fn ask(&mut self, request: &Request) -> io::Result<Answer> {
        self.stream.done_within(self.within);
        frame::write(&mut self.stream, request)?;
        frame::read(&mut self.stream)?.ok_or_else(|| ErrorKind::UnexpectedEof.into())
    }
}
