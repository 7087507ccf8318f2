//! Sockets that the service manager has opened for this process: how an unprivileged gateway comes to
//! ports below 1024.

use rustix::process::{ForeignRawFd, PidfdFlags, PidfdGetfdFlags, getpid, pidfd_getfd, pidfd_open};
use std::io;
use std::net::TcpListener;

/// Where passed descriptors begin.
const FIRST: ForeignRawFd = 3;
/// The most that are looked at.
const SOCKETS_MAX: i32 = 256;

/// The listening sockets that were passed to this process, and to no other.
pub(crate) fn sockets() -> io::Result<Vec<TcpListener>> {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<i32>().ok());
    if number("LISTEN_PID") != Some(getpid().as_raw_nonzero().get()) {
        return Ok(Vec::new());
    }
    let count = number("LISTEN_FDS").unwrap_or(0).clamp(0, SOCKETS_MAX);
    let own = pidfd_open(getpid(), PidfdFlags::empty())?;
    let mut sockets = Vec::new();
    for descriptor in FIRST..FIRST + count {
        let socket = TcpListener::from(pidfd_getfd(&own, descriptor, PidfdGetfdFlags::empty())?);
        // What is no socket of TCP that listens is somebody else's business.
        if socket.local_addr().is_ok() {
            sockets.push(socket);
        }
    }
    Ok(sockets)
}
