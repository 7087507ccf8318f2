//! Streams on which everything has its time: whoever hangs at the other end holds nobody up.

use socket2::{Domain, SockAddr, Socket, Type};
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

/// What may be waited for, but not for ever.
pub trait Timed: Read + Write {
    /// What is read and written from now on has to be done within this; at any time, where nothing is said.
    fn done_within(&mut self, within: Option<Duration>);
}

/// A stream of the system, whose time is counted over all that is read and written: one that comes byte by
/// byte, each in time, is not waited for either.
#[derive(Debug)]
pub struct Bounded<S> {
    stream: S,
    due: Option<Instant>,
}

/// What the system can wait at for a time.
pub trait Waits: Read + Write {
    /// The next read ends within this.
    fn read_within(&self, within: Option<Duration>) -> io::Result<()>;

    /// The next write ends within this.
    fn write_within(&self, within: Option<Duration>) -> io::Result<()>;
}

impl Bounded<UnixStream> {
    /// Connects to whoever listens at this path. The system lets a connection wait where others wait already,
    /// but for no longer than this.
    pub fn connect(path: &Path, within: Duration) -> io::Result<Self> {
        let due = now() + within;
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
        socket.set_write_timeout(Some(within.max(SHORTEST)))?;
        socket.connect(&SockAddr::unix(path)?).map_err(in_time)?;
        Ok(Self { stream: OwnedFd::from(socket).into(), due: Some(due) })
    }
}

impl<S> Bounded<S> {
    /// What is read and written has to be done within this.
    pub fn new(stream: S, within: Option<Duration>) -> Self {
        Self { stream, due: within.map(|within| now() + within) }
    }

    /// The stream itself.
    pub fn stream(&self) -> &S {
        &self.stream
    }

    fn left(&self) -> io::Result<Option<Duration>> {
        let Some(due) = self.due else { return Ok(None) };
        match due.saturating_duration_since(now()) {
            left if left < SHORTEST => Err(late()),
            left => Ok(Some(left)),
        }
    }
}

impl<S: Waits> Timed for Bounded<S> {
    fn done_within(&mut self, within: Option<Duration>) {
        self.due = within.map(|within| now() + within);
    }
}

impl<S: Waits> Read for Bounded<S> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        self.stream.read_within(self.left()?)?;
        self.stream.read(to).map_err(in_time)
    }
}

impl<S: Waits> Write for Bounded<S> {
    fn write(&mut self, from: &[u8]) -> io::Result<usize> {
        self.stream.write_within(self.left()?)?;
        self.stream.write(from).map_err(in_time)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

impl Waits for UnixStream {
    fn read_within(&self, within: Option<Duration>) -> io::Result<()> {
        self.set_read_timeout(within)
    }

    fn write_within(&self, within: Option<Duration>) -> io::Result<()> {
        self.set_write_timeout(within)
    }
}

impl Waits for TcpStream {
    fn read_within(&self, within: Option<Duration>) -> io::Result<()> {
        self.set_read_timeout(within)
    }

    fn write_within(&self, within: Option<Duration>) -> io::Result<()> {
        self.set_write_timeout(within)
    }
}

/// The system takes no time at all for any time.
const SHORTEST: Duration = Duration::from_millis(1);

/// The system says that it would have to wait where the time is over.
fn in_time(error: io::Error) -> io::Error {
    if error.kind() == ErrorKind::WouldBlock { late() } else { error }
}

fn late() -> io::Error {
    io::Error::new(ErrorKind::TimedOut, "it was not done in time")
}

#[expect(clippy::disallowed_methods, reason = "what carries messages is an edge: it waits for real time")]
fn now() -> Instant {
    Instant::now()
}
