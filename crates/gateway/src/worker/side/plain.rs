//! A side that speaks HTTP/1.

use super::{Lost, Piece};
use crate::http1::{Body, Chunked, Run};
use crate::stream::Stream;
use crate::worker::flow::poll_read;
use crate::worker::http2::head;
use bytes::{Bytes, BytesMut};
use std::io::Write as _;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::AsyncWrite as _;

const GONE: Lost = Lost { reason: None };

/// A side that speaks HTTP/1.
pub(crate) struct Plain<'a> {
    pub(crate) stream: &'a mut Stream,
    /// Read, and not looked at yet.
    pub(crate) ahead: Vec<u8>,
    reading: Left,
    trailers: Vec<u8>,
    /// To be written, from `sent` on.
    pending: Vec<u8>,
    sent: usize,
    writing: Body,
}

/// What is still to be read.
enum Left {
    Length(u64),
    Chunked(Chunked),
    UntilClose,
    Trailers,
    Nothing,
}

impl<'a> Plain<'a> {
    /// Whoever is at the other end, who has sent these bytes already.
    pub(crate) fn new(stream: &'a mut Stream, ahead: Vec<u8>) -> Self {
        let (trailers, pending) = (Vec::new(), Vec::new());
        Self { stream, ahead, reading: Left::Nothing, trailers, pending, sent: 0, writing: Body::None }
    }

    /// A body like this follows what was read.
    pub(crate) fn reads(&mut self, body: Body) {
        self.reading = match body {
            Body::None | Body::Length(0) => Left::Nothing,
            Body::Length(length) => Left::Length(length),
            Body::Chunked => Left::Chunked(Chunked::default()),
            Body::UntilClose => Left::UntilClose,
        };
    }

    /// Whether all was read.
    pub(crate) fn has_read_all(&self) -> bool {
        matches!(self.reading, Left::Nothing)
    }

    /// Writes a head, and a body like this after it.
    pub(crate) fn writes(&mut self, head: &[u8], body: Body) {
        self.pending.extend_from_slice(head);
        self.writing = body;
    }

    /// Reads more of a head; whether anything came.
    pub(crate) fn poll_more(&mut self, context: &mut Context<'_>, scratch: &mut [u8]) -> Poll<bool> {
        let read = ready!(poll_read(context, self.stream, scratch)).unwrap_or_default();
        self.ahead.extend_from_slice(scratch.get(..read).unwrap_or_default());
        Poll::Ready(read > 0)
    }

    pub(super) fn poll_piece(&mut self, context: &mut Context<'_>, scratch: &mut [u8]) -> Poll<Result<Piece, Lost>> {
        loop {
            if let Some(piece) = self.end()? {
                return Poll::Ready(Ok(piece));
            }
            let ahead = std::mem::take(&mut self.ahead);
            let data = if ahead.is_empty() {
                let read = ready!(poll_read(context, self.stream, scratch)).map_err(|_| GONE)?;
                if read == 0 && !matches!(self.reading, Left::UntilClose) {
                    return Poll::Ready(Err(GONE));
                }
                if read == 0 {
                    self.reading = Left::Nothing;
                }
                self.take(scratch.get(..read).unwrap_or_default())?
            } else {
                self.take(&ahead)?
            };
            if !data.is_empty() {
                return Poll::Ready(Ok(Piece::Data(data, matches!(self.reading, Left::Nothing))));
            }
        }
    }

    /// What is left where no more bytes of the body are.
    fn end(&mut self) -> Result<Option<Piece>, Lost> {
        match self.reading {
            Left::Nothing => Ok(Some(Piece::End)),
            Left::Trailers => {
                self.reading = Left::Nothing;
                let trailers = head::trailer_map(&std::mem::take(&mut self.trailers)).map_err(|_| GONE)?;
                Ok(Some(if trailers.is_empty() { Piece::End } else { Piece::Trailers(trailers) }))
            }
            Left::Length(_) | Left::Chunked(_) | Left::UntilClose => Ok(None),
        }
    }

    /// The bytes of the body among these; what follows it is kept.
    fn take(&mut self, bytes: &[u8]) -> Result<Bytes, Lost> {
        match &mut self.reading {
            Left::UntilClose => Ok(Bytes::copy_from_slice(bytes)),
            Left::Length(left) => {
                let here = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
                *left -= here as u64;
                if *left == 0 {
                    self.reading = Left::Nothing;
                }
                let (data, rest) = bytes.split_at(here);
                self.ahead.extend_from_slice(rest);
                Ok(Bytes::copy_from_slice(data))
            }
            Left::Chunked(_) => self.take_chunks(bytes),
            Left::Trailers | Left::Nothing => Ok(Bytes::new()),
        }
    }

    fn take_chunks(&mut self, bytes: &[u8]) -> Result<Bytes, Lost> {
        let Left::Chunked(chunked) = &mut self.reading else { return Ok(Bytes::new()) };
        let mut data = BytesMut::with_capacity(bytes.len());
        let mut at = 0;
        while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
            at += match chunked.next(rest).map_err(|_| GONE)? {
                Run::Data(length) => {
                    data.extend_from_slice(rest.get(..length).unwrap_or_default());
                    length
                }
                Run::Trailer(length) => {
                    self.trailers.extend_from_slice(rest.get(..length).unwrap_or_default());
                    length
                }
                Run::Around(length) => length,
                Run::Beyond => break,
            };
        }
        if chunked.is_done() {
            self.ahead.extend_from_slice(bytes.get(at..).unwrap_or_default());
            let empty = self.trailers == b"\r\n";
            self.reading = if empty { Left::Nothing } else { Left::Trailers };
        }
        Ok(data.freeze())
    }

    pub(super) fn poll_room(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Lost>> {
        while let Some(rest) = self.pending.get(self.sent..).filter(|rest| !rest.is_empty()) {
            match ready!(Pin::new(&mut *self.stream).poll_write(context, rest)) {
                Ok(0) | Err(_) => return Poll::Ready(Err(GONE)),
                Ok(written) => self.sent += written,
            }
        }
        self.pending.clear();
        self.sent = 0;
        Pin::new(&mut *self.stream).poll_flush(context).map_err(|_| GONE)
    }

    pub(super) fn is_cut(&self) -> bool {
        self.sent > 0
    }

    pub(super) fn push(&mut self, piece: Piece) -> Result<(), Lost> {
        let last = piece.is_last();
        match (self.writing, piece) {
            (Body::Chunked, Piece::Data(data, _)) => {
                if !data.is_empty() {
                    // A Vec takes everything.
                    let _ = write!(self.pending, "{:x}\r\n", data.len());
                    self.pending.extend_from_slice(&data);
                    self.pending.extend_from_slice(b"\r\n");
                }
                if last {
                    self.pending.extend_from_slice(b"0\r\n\r\n");
                }
            }
            (Body::Chunked, Piece::Trailers(trailers)) => {
                self.pending.extend_from_slice(b"0\r\n");
                head::trailer_text(&mut self.pending, &trailers);
            }
            (Body::Chunked, Piece::End) => self.pending.extend_from_slice(b"0\r\n\r\n"),
            (Body::Length(left), Piece::Data(data, _)) => {
                // More than was said would be taken for the next message.
                let left = left.checked_sub(data.len() as u64).ok_or(GONE)?;
                self.pending.extend_from_slice(&data);
                self.writing = Body::Length(left);
            }
            (Body::UntilClose, Piece::Data(data, _)) => self.pending.extend_from_slice(&data),
            (Body::None, Piece::Data(data, _)) if !data.is_empty() => return Err(GONE),
            (Body::Length(_) | Body::UntilClose | Body::None, _) => {}
        }
        match self.writing {
            Body::Length(left) if last && left > 0 => Err(GONE),
            Body::Chunked if last => {
                self.writing = Body::None;
                Ok(())
            }
            _ => Ok(()),
        }
    }
}
