//! One direction of an exchange: a body that is passed on as it comes. What is read is in the worker's
//! scratch buffer only while it is written; a connection keeps what the other side does not take yet.

use crate::http1::{Body, Chunked};
use crate::mirror::Tap;
use crate::websocket::Frames;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A body up to this size is copied behind its head: that costs less than a write of two parts.
const COPIED_BYTES_MAX: usize = 8 << 10;

/// Which side broke.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Broken {
    /// Whoever is read from.
    Source,
    /// Whoever is written to.
    Sink,
}

/// How much of a body is still to come.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Left {
    Length(u64),
    Chunked(Chunked),
    UntilClose,
    Nothing,
}

/// A body on its way.
#[derive(Debug)]
pub(crate) struct Flow {
    left: Left,
    /// Read and not written yet, from `sent` on.
    pending: Vec<u8>,
    sent: usize,
    /// The bytes of the body that were read.
    pub(crate) bytes: u64,
    /// Those among them that are the body itself, and not what chunks are framed by.
    pub(crate) data: u64,
    /// All that was read or written: while it grows, something moves.
    pub(crate) moved: u64,
    /// Who sees them flow by.
    pub(crate) tap: Option<Tap>,
    /// Where its frames end, if it is one direction of a WebSocket.
    pub(crate) frames: Option<Frames>,
}

impl Flow {
    /// A body, after a head that is to be written before it.
    pub(crate) fn new(body: Body, head: Vec<u8>) -> Self {
        let left = match body {
            Body::None | Body::Length(0) => Left::Nothing,
            Body::Length(length) => Left::Length(length),
            Body::Chunked => Left::Chunked(Chunked::default()),
            Body::UntilClose => Left::UntilClose,
        };
        Self { left, pending: head, sent: 0, bytes: 0, data: 0, moved: 0, tap: None, frames: None }
    }

    /// Whether all of it was read and written.
    pub(crate) fn is_over(&self) -> bool {
        matches!(self.left, Left::Nothing) && self.sent == self.pending.len()
    }

    /// Whether there is something that whoever it is for does not take.
    pub(crate) fn waits_for_its_sink(&self) -> bool {
        self.sent < self.pending.len()
    }

    /// Whether whoever is read from has more to say, and everything said so far was passed on.
    pub(crate) fn waits_for_its_source(&self) -> bool {
        !matches!(self.left, Left::Nothing) && self.sent == self.pending.len()
    }

    /// It is over where its frame is: nothing of what follows is passed on.
    pub(crate) fn end_with_its_frame(&mut self) {
        let Some(frames) = &mut self.frames else { return };
        frames.end();
        if frames.has_ended() {
            self.left = Left::Nothing;
        }
    }

    /// Adds a last frame to what is over.
    pub(crate) fn add(&mut self, frame: &[u8]) {
        self.pending.extend_from_slice(frame);
    }

    /// The buffer, to be used again.
    pub(crate) fn into_buffer(self) -> Vec<u8> {
        self.pending
    }

    /// Takes what belongs to the body from the start of these bytes.
    fn take(&mut self, bytes: &[u8]) -> Result<usize, Broken> {
        let (taken, data) = match &mut self.left {
            Left::Nothing => (0, 0),
            Left::UntilClose => {
                let taken = self.frames.as_mut().map_or(bytes.len(), |frames| frames.read(bytes));
                if self.frames.is_some_and(|frames| frames.has_ended()) {
                    self.left = Left::Nothing;
                }
                (taken, taken as u64)
            }
            Left::Length(left) => {
                let taken = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
                *left -= taken as u64;
                if *left == 0 {
                    self.left = Left::Nothing;
                }
                (taken, taken as u64)
            }
            Left::Chunked(chunked) => {
                let piece = chunked.read(bytes).map_err(|_| Broken::Source)?;
                if piece.done {
                    self.left = Left::Nothing;
                }
                (piece.taken, piece.data)
            }
        };
        self.bytes += taken as u64;
        self.data += data;
        self.moved += taken as u64;
        if let Some(tap) = &self.tap {
            tap.see(bytes.get(..taken).unwrap_or_default(), matches!(self.left, Left::Nothing));
        }
        Ok(taken)
    }

    /// Writes the head together with what has come of the body: one write for both. Returns how many of
    /// the bytes were the body's.
    pub(crate) fn begin<W: AsyncWrite + Unpin>(
        &mut self,
        context: &mut Context<'_>,
        sink: &mut W,
        bytes: &[u8],
    ) -> Result<usize, Broken> {
        let taken = self.take(bytes)?;
        let body = bytes.get(..taken).unwrap_or_default();
        if body.len() <= COPIED_BYTES_MAX {
            self.pending.extend_from_slice(body);
            self.sent = written(Pin::new(sink).poll_write(context, &self.pending))?;
            if self.sent == self.pending.len() {
                self.pending.clear();
                self.sent = 0;
            }
            return Ok(taken);
        }
        let parts = [IoSlice::new(&self.pending), IoSlice::new(body)];
        let written = written(Pin::new(sink).poll_write_vectored(context, &parts))?;
        if written >= self.pending.len() {
            let rest = written - self.pending.len();
            self.pending.clear();
            self.pending.extend_from_slice(body.get(rest..).unwrap_or_default());
        } else {
            self.pending.extend_from_slice(body);
            self.sent = written;
        }
        Ok(taken)
    }

    /// Passes on whatever comes. What follows the body goes to `beyond`.
    pub(crate) fn poll<R: AsyncRead + Unpin, W: AsyncWrite + Unpin>(
        &mut self,
        context: &mut Context<'_>,
        source: &mut R,
        sink: &mut W,
        scratch: &mut [u8],
        beyond: &mut Vec<u8>,
    ) -> Poll<Result<(), Broken>> {
        loop {
            ready!(self.poll_pending(context, sink))?;
            if matches!(self.left, Left::Nothing) {
                return Poll::Ready(Ok(()));
            }
            let most = match self.left {
                // A read that leaves room tells that nothing else is there, and saves asking whether it is.
                Left::Length(left) => usize::try_from(left).unwrap_or(usize::MAX).saturating_add(1).min(scratch.len()),
                Left::Chunked(_) | Left::UntilClose | Left::Nothing => scratch.len(),
            };
            let read = match ready!(poll_read(context, source, scratch.get_mut(..most).unwrap_or_default())) {
                Ok(0) if matches!(self.left, Left::UntilClose) => {
                    self.left = Left::Nothing;
                    continue;
                }
                Ok(0) | Err(_) => return Poll::Ready(Err(Broken::Source)),
                Ok(read) => read,
            };
            let bytes = scratch.get(..read).unwrap_or_default();
            let taken = self.take(bytes)?;
            beyond.extend_from_slice(bytes.get(taken..).unwrap_or_default());
            let body = bytes.get(..taken).unwrap_or_default();
            let written = written(Pin::new(&mut *sink).poll_write(context, body))?;
            self.pending.extend_from_slice(body.get(written..).unwrap_or_default());
        }
    }

    fn poll_pending<W: AsyncWrite + Unpin>(
        &mut self,
        context: &mut Context<'_>,
        sink: &mut W,
    ) -> Poll<Result<(), Broken>> {
        while let Some(rest) = self.pending.get(self.sent..).filter(|rest| !rest.is_empty()) {
            match ready!(Pin::new(&mut *sink).poll_write(context, rest)) {
                Ok(0) | Err(_) => return Poll::Ready(Err(Broken::Sink)),
                Ok(written) => {
                    self.sent += written;
                    self.moved += written as u64;
                }
            }
        }
        self.pending.clear();
        self.sent = 0;
        Pin::new(sink).poll_flush(context).map_err(|_| Broken::Sink)
    }
}

/// How much was written at once.
fn written(polled: Poll<io::Result<usize>>) -> Result<usize, Broken> {
    match polled {
        Poll::Ready(Ok(written)) => Ok(written),
        Poll::Ready(Err(_)) => Err(Broken::Sink),
        Poll::Pending => Ok(0),
    }
}

/// Reads once: how many bytes came.
pub(crate) fn poll_read<R: AsyncRead + Unpin>(
    context: &mut Context<'_>,
    source: &mut R,
    room: &mut [u8],
) -> Poll<io::Result<usize>> {
    let mut read = ReadBuf::new(room);
    ready!(Pin::new(source).poll_read(context, &mut read))?;
    Poll::Ready(Ok(read.filled().len()))
}
