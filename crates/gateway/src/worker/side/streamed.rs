//! A side that speaks HTTP/2: one stream of a connection.

use super::{Lost, Piece};
use bytes::Bytes;
use h2::client::ResponseFuture;
use h2::server::SendResponse;
use h2::{Reason, RecvStream, SendStream};
use http::response::Parts;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// A side that speaks HTTP/2.
pub(crate) struct Streamed {
    /// What it says; an instance says nothing until its answer begins.
    pub(crate) says: Option<RecvStream>,
    /// It has said all but what follows the body.
    has_said: bool,
    pub(crate) hears: Hears,
    /// The answer of an instance, until it is there.
    answer: Option<ResponseFuture>,
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
    /// A client that asks.
    pub(crate) fn client(says: RecvStream, respond: SendResponse<Bytes>) -> Self {
        Self { says: Some(says), has_said: false, hears: Hears::Answer(respond), answer: None }
    }

    /// An instance that was asked.
    pub(crate) fn instance(answer: ResponseFuture, body: SendStream<Bytes>) -> Self {
        Self { says: None, has_said: false, hears: Hears::Body(body), answer: Some(answer) }
    }

    /// The head of an instance's answer, and whether that is all; interim ones first.
    pub(crate) fn poll_answer(&mut self, context: &mut Context<'_>) -> Poll<Result<(Parts, bool), h2::Error>> {
        let Some(answer) = &mut self.answer else { return Poll::Pending };
        if let Poll::Ready(Some(interim)) = answer.poll_informational(context) {
            return Poll::Ready(interim.map(|interim| (interim.into_parts().0, true)));
        }
        let (parts, body) = ready!(Pin::new(answer).poll(context))?.into_parts();
        let ended = body.is_end_stream();
        (self.answer, self.says) = (None, Some(body));
        Poll::Ready(Ok((parts, ended)))
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
