//! One side of an exchange between two protocols: bodies in pieces, whatever they came as.

mod plain;
mod streamed;

pub(crate) use plain::Plain;
pub(crate) use streamed::Streamed;

use bytes::Bytes;
use h2::Reason;
use http::HeaderMap;
use std::task::{Context, Poll};

/// A piece of a body.
#[derive(Debug)]
pub(crate) enum Piece {
    /// Bytes, and whether they are the last.
    Data(Bytes, bool),
    /// What follows the bytes, and ends it.
    Trailers(HeaderMap),
    /// Nothing is left.
    End,
}

impl Piece {
    /// Whether it ends the body.
    pub(crate) fn is_last(&self) -> bool {
        match self {
            Self::Data(_, last) => *last,
            Self::Trailers(_) | Self::End => true,
        }
    }
}

/// A side is gone, and what it said about that.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lost {
    pub(crate) reason: Option<Reason>,
}

/// Who is spoken with.
pub(crate) enum Side<'a> {
    /// In HTTP/1, over a connection.
    Plain(Plain<'a>),
    /// In HTTP/2, over a stream of one.
    Streamed(Streamed),
}

impl Side<'_> {
    /// The next piece of what it says.
    pub(crate) fn poll_piece(&mut self, context: &mut Context<'_>, scratch: &mut [u8]) -> Poll<Result<Piece, Lost>> {
        match self {
            Self::Plain(plain) => plain.poll_piece(context, scratch),
            Self::Streamed(streamed) => streamed.poll_piece(context),
        }
    }

    /// Whether it takes another piece: everything before was taken. What is read only then is never kept.
    pub(crate) fn poll_room(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Lost>> {
        match self {
            Self::Plain(plain) => plain.poll_room(context),
            Self::Streamed(streamed) => streamed.poll_room(context),
        }
    }

    /// Whether all that was said is on its way.
    pub(crate) fn poll_said(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Lost>> {
        match self {
            Self::Plain(plain) => plain.poll_room(context),
            Self::Streamed(_) => Poll::Ready(Ok(())),
        }
    }

    /// Whether it was told a part of something, and the rest is not on its way.
    pub(crate) fn is_cut(&self) -> bool {
        match self {
            Self::Plain(plain) => plain.is_cut(),
            Self::Streamed(_) => false,
        }
    }

    /// Says a piece.
    pub(crate) fn push(&mut self, piece: Piece) -> Result<(), Lost> {
        match self {
            Self::Plain(plain) => plain.push(piece),
            Self::Streamed(streamed) => streamed.push(piece),
        }
    }

    /// Ready where it wants to hear no more.
    pub(crate) fn poll_lost(&mut self, context: &mut Context<'_>) -> Poll<Lost> {
        match self {
            Self::Plain(_) => Poll::Pending,
            Self::Streamed(streamed) => streamed.poll_lost(context),
        }
    }

    /// Tells that there will be no good end.
    pub(crate) fn give_up(&mut self, lost: Lost) {
        match self {
            // The connection is closed in the middle: HTTP/1 has no other way to say it.
            Self::Plain(_) => {}
            Self::Streamed(streamed) => streamed.give_up(lost),
        }
    }
}
