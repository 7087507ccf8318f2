//! A side that speaks HTTP/2: one stream of a connection.

use super::{Lost, Piece};
use bytes::Bytes;
use h2::server::SendResponse;
use h2::{Reason, RecvStream, SendStream};
use std::task::{Context, Poll, ready};

/// A side that speaks HTTP/2.
pub(crate) struct Streamed {
    /// What it says; an instance says nothing until its answer begins.
    pub(crate) says: Option<RecvStream>,
    /// It has said all but what follows the body.
    has_said: bool,
    pub(crate) hears: Hears,
}

/// What can be said to it.
pub(crate) enum Hears {
    /// An answer.
    Answer(SendResponse<Bytes>),
    /// A body.
    Body(SendStream<Bytes>),
}

impl From<h2::Error> for Lost {
    fn from(error: h2::Error) -> Self {
        Self { reason: error.reason() }
    }
}

impl Streamed {
    pub(crate) fn new(says: Option<RecvStream>, hears: Hears) -> Self {
        Self { says, has_said: false, hears }
    }

    /// Begins the answer to a client.
    pub(crate) fn answer(&mut self, head: http::Response<()>, ended: bool) -> Result<(), Lost> {
        if let Hears::Answer(respond) = &mut self.hears {
            self.hears = Hears::Body(respond.send_response(head, ended)?);
        }
        Ok(())
    }

    /// Tells a client what is no answer yet.
    pub(crate) fn inform(&mut self, head: http::Response<()>) -> Result<(), Lost> {
        if let Hears::Answer(respond) = &mut self.hears {
            respond.send_informational(head)?;
        }
        Ok(())
    }

    pub(super) fn poll_piece(&mut self, context: &mut Context<'_>) -> Poll<Result<Piece, Lost>> {
        let Some(says) = &mut self.says else { return Poll::Pending };
        while !self.has_said {
            match ready!(says.poll_data(context)) {
                Some(data) => {
                    let data = data?;
                    // More may come, now that this is taken.
                    says.flow_control().release_capacity(data.len())?;
                    let last = says.is_end_stream();
                    if last || !data.is_empty() {
                        return Poll::Ready(Ok(Piece::Data(data, last)));
                    }
                }
                None => self.has_said = true,
            }
        }
        let trailers = ready!(says.poll_trailers(context))?;
        Poll::Ready(Ok(trailers.map_or(Piece::End, Piece::Trailers)))
    }

    pub(super) fn poll_room(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Lost>> {
        let Hears::Body(body) = &mut self.hears else { return Poll::Pending };
        body.reserve_capacity(1);
        if body.capacity() > 0 {
            return Poll::Ready(Ok(()));
        }
        match ready!(body.poll_capacity(context)) {
            Some(Ok(_)) => Poll::Ready(Ok(())),
            Some(Err(error)) => Poll::Ready(Err(error.into())),
            None => Poll::Ready(Err(Lost { reason: None })),
        }
    }

    pub(super) fn push(&mut self, piece: Piece) -> Result<(), Lost> {
        let Hears::Body(body) = &mut self.hears else { return Err(Lost { reason: None }) };
        match piece {
            Piece::Data(data, last) => body.send_data(data, last)?,
            Piece::Trailers(trailers) => body.send_trailers(trailers)?,
            Piece::End => body.send_data(Bytes::new(), true)?,
        }
        Ok(())
    }

    pub(super) fn poll_lost(&mut self, context: &mut Context<'_>) -> Poll<Lost> {
        let polled = match &mut self.hears {
            Hears::Answer(respond) => respond.poll_reset(context),
            Hears::Body(body) => body.poll_reset(context),
        };
        polled.map(|reset| match reset {
            Ok(reason) => Lost { reason: Some(reason) },
            Err(error) => error.into(),
        })
    }

    pub(super) fn give_up(&mut self, lost: Lost) {
        let reason = lost.reason.unwrap_or(Reason::INTERNAL_ERROR);
        match &mut self.hears {
            Hears::Answer(respond) => respond.send_reset(reason),
            Hears::Body(body) => body.send_reset(reason),
        }
    }
}
