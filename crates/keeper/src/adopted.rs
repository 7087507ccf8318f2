//! A gateway whose keeper has died goes on to serve. The next keeper takes over all that the one before
//! held, so that nobody notices either.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::Duration;
use wire::asking::Asking;
use wire::control::{Answer, Request};
use wire::keeping::{ToKeeper, VERSIONS};
use wire::passing::{Line, take_over};
use wire::timed::Bounded;

/// A gateway that does not hand over what it has within this cannot be adopted.
pub(crate) const HANDED_OVER_WITHIN: Duration = Duration::from_secs(5);

/// What a gateway without a keeper handed over.
#[derive(Debug)]
pub struct Adopted {
    pub(crate) line: Line,
    pub(crate) pid: u32,
    /// The socket that it is asked by.
    pub control: UnixListener,
    pub(crate) sockets: BTreeMap<SocketAddr, Vec<TcpListener>>,
    pub(crate) wanted: (BTreeSet<SocketAddr>, usize),
}

/// The gateway that answers on this connection, if nobody keeps it.
pub(crate) fn adopt(answers: Bounded<UnixStream>) -> io::Result<Option<Adopted>> {
    let mut asking = Asking::begin(answers, Some(HANDED_OVER_WITHIN))?;
    match asking.ask(&Request::Adopt)? {
        Answer::Begun => {}
        _ => return Ok(None),
    }
    let line = take_over(asking.stream().stream())?;
    line.hear_within(HANDED_OVER_WITHIN)?;
    let (mut who, mut sockets, mut wanted) = (None, BTreeMap::new(), (BTreeSet::new(), 1));
    loop {
        let (word, passed) = line.hear::<ToKeeper>()?.ok_or(ErrorKind::UnexpectedEof)?;
        match word {
            ToKeeper::Adopted { pid } => who = passed.into_iter().next().map(|control| (pid, control)),
            ToKeeper::Held { address } => {
                sockets.insert(address, passed.into_iter().map(TcpListener::from).collect());
            }
            ToKeeper::Listen { addresses, workers } => wanted = (addresses.into_iter().collect(), workers),
            ToKeeper::Ready => break,
            ToKeeper::Begun { version } if !VERSIONS.contains(&version) => {
                let why = format!("the gateway speaks version {version}, and this keeper {VERSIONS:?}");
                return Err(io::Error::new(ErrorKind::Unsupported, why));
            }
            ToKeeper::Begun { .. } | ToKeeper::Retired | ToKeeper::Replace { .. } | ToKeeper::Stop => {}
        }
    }
    line.hear_at_any_time()?;
    let (pid, control) = who.ok_or(ErrorKind::InvalidData)?;
    Ok(Some(Adopted { line, pid, control: control.into(), sockets, wanted }))
}
