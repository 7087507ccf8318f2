//! A line between two processes of one machine on which open descriptors pass together with messages.

use rustix::io::{Errno, IoSlice, IoSliceMut, retry_on_intr};
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketFlags, SocketType, recvmsg, sendmsg, socketpair,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::io::{self, ErrorKind};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

/// The longest message: it names addresses, and nothing longer.
pub const MESSAGE_BYTES_MAX: usize = 64 << 10;
/// The most descriptors of one message. The kernel takes 253.
pub const DESCRIPTORS_MAX: usize = 128;
/// The other side has so long to make room: one that hangs holds nobody up.
const ROOM_WITHIN: Duration = Duration::from_secs(1);

/// Passes an end of a line on to whoever is at the other end of a stream.
pub fn hand_over(stream: &UnixStream, line: Line) -> io::Result<()> {
    let mut room = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = SendAncillaryBuffer::new(&mut room);
    let descriptors = [line.as_fd()];
    if !ancillary.push(SendAncillaryMessage::ScmRights(&descriptors)) {
        return Err(ErrorKind::InvalidInput.into());
    }
    // A descriptor needs a byte to come with.
    retry_on_intr(|| sendmsg(stream, &[IoSlice::new(&[0])], &mut ancillary, SendFlags::NOSIGNAL))?;
    Ok(())
}

/// Takes the end of a line that is passed on.
pub fn take_over(stream: &UnixStream) -> io::Result<Line> {
    let mut room = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut room);
    let mut byte = [0];
    retry_on_intr(|| recvmsg(stream, &mut [IoSliceMut::new(&mut byte)], &mut ancillary, RecvFlags::CMSG_CLOEXEC))?;
    let passed = ancillary.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut passed) => passed.next(),
        _ => None,
    });
    Line::of(passed.ok_or(ErrorKind::UnexpectedEof)?)
}

/// One end of a line. Messages keep their bounds, so one is heard whole or not at all.
#[derive(Debug)]
pub struct Line {
    socket: OwnedFd,
}

impl Line {
    /// The two ends of a new line.
    pub fn pair() -> io::Result<(Line, Line)> {
        let (one, other) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
        Ok((Line::of(one)?, Line::of(other)?))
    }

    /// The end that a process was started with.
    pub fn of(socket: OwnedFd) -> io::Result<Line> {
        set_socket_timeout(&socket, Timeout::Send, Some(ROOM_WITHIN))?;
        Ok(Line { socket })
    }

    /// The same end once more: one may say things while another listens.
    pub fn try_clone(&self) -> io::Result<Line> {
        Ok(Line { socket: self.socket.try_clone()? })
    }

    /// What is heard has to come within this.
    pub fn hear_within(&self, within: Duration) -> io::Result<()> {
        Ok(set_socket_timeout(&self.socket, Timeout::Recv, Some(within))?)
    }

    /// What is heard may come at any time.
    pub fn hear_at_any_time(&self) -> io::Result<()> {
        Ok(set_socket_timeout(&self.socket, Timeout::Recv, None)?)
    }

    /// Says one thing, and passes these on. They stay open here, too.
    pub fn say(&self, message: &impl Serialize, descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
        let bytes = serde_json::to_vec(message)?;
        if bytes.len() > MESSAGE_BYTES_MAX || descriptors.len() > DESCRIPTORS_MAX {
            return Err(io::Error::new(ErrorKind::InvalidInput, "the message is too long for its line"));
        }
        let mut room = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS_MAX))];
        let mut ancillary = SendAncillaryBuffer::new(&mut room);
        if !descriptors.is_empty() && !ancillary.push(SendAncillaryMessage::ScmRights(descriptors)) {
            return Err(io::Error::new(ErrorKind::InvalidInput, "these are too many descriptors"));
        }
        let parts = [IoSlice::new(&bytes)];
        retry_on_intr(|| sendmsg(&self.socket, &parts, &mut ancillary, SendFlags::NOSIGNAL))?;
        Ok(())
    }

    /// Hears one thing, and what was passed on with it; nothing where the other side is gone. Of what is no
    /// message that is known ([`ErrorKind::InvalidData`]) nothing is left, and the next can be heard.
    pub fn hear<T: DeserializeOwned>(&self) -> io::Result<Option<(T, Vec<OwnedFd>)>> {
        let mut bytes = vec![0; MESSAGE_BYTES_MAX];
        let mut room = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS_MAX))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut room);
        let heard = retry_on_intr(|| {
            let mut parts = [IoSliceMut::new(&mut bytes)];
            recvmsg(&self.socket, &mut parts, &mut ancillary, RecvFlags::CMSG_CLOEXEC)
        });
        let heard = match heard {
            Ok(heard) => heard,
            Err(Errno::CONNRESET) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let mut descriptors = Vec::new();
        for message in ancillary.drain() {
            if let RecvAncillaryMessage::ScmRights(passed) = message {
                descriptors.extend(passed);
            }
        }
        if heard.bytes == 0 {
            return Ok(None);
        }
        if heard.flags.intersects(ReturnFlags::TRUNC | ReturnFlags::CTRUNC) {
            return Err(io::Error::new(
                ErrorKind::InvalidData,
                "a message was cut off: are there no more descriptors?",
            ));
        }
        let message = serde_json::from_slice(bytes.get(..heard.bytes).unwrap_or_default());
        Ok(Some((message.map_err(|error| io::Error::new(ErrorKind::InvalidData, error))?, descriptors)))
    }
}

impl AsFd for Line {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl From<Line> for OwnedFd {
    fn from(line: Line) -> OwnedFd {
        line.socket
    }
}
