//! Waiting for whoever comes to a socket that other processes accept from, too: none may sleep within
//! accepting, or it would take a client that is not its own any more.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::time::Duration;

/// Why waiting is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Came {
    /// Somebody may be there.
    Somebody,
    /// Nobody should wait any more: the other end is closed.
    Closed,
    /// The time is over.
    Nobody,
}

/// Waits for somebody to come, for no longer than this. Where nobody may come in just now, it only waits for
/// the end.
pub(crate) fn wait<'a, S: AsFd + 'a>(
    sockets: impl IntoIterator<Item = &'a S>,
    closed: &UnixStream,
    within: Option<Duration>,
) -> Came {
    let mut waits = vec![PollFd::new(closed, PollFlags::IN)];
    waits.extend(sockets.into_iter().map(|socket| PollFd::new(socket, PollFlags::IN)));
    let timeout = within.and_then(|within| Timespec::try_from(within).ok());
    // A signal in between is as if the time were over.
    let came = poll(&mut waits, timeout.as_ref()).unwrap_or(0);
    match waits.first().is_some_and(|closed| !closed.revents().is_empty()) {
        true => Came::Closed,
        false if came > 0 => Came::Somebody,
        false => Came::Nobody,
    }
}
