//! The end of a WebSocket whose instance goes away: both sides are told between two frames, and the client has a
//! moment to say that it has heard.

use super::Exchange;
use crate::websocket::{Frames, farewell, masked_farewell};
use crate::worker::answer::Failed;
use crate::worker::flow::{Broken, poll_read};
use model::Span;
use std::task::{Context, Poll, ready};

/// How long all of it may take: the frames that have begun, and the client's word.
const WITHIN: Span = Span::seconds(3);

/// How far it is.
#[derive(Debug, Default)]
pub(super) struct Goodbye {
    /// The client was told, or needs no telling.
    told_client: bool,
    /// What the client says when nothing of it is passed on any more.
    heard: Option<Frames>,
}

impl Exchange<'_> {
    /// Whether the time for what drains is over, and this can be ended politely: from now on it is.
    pub(super) fn begin_goodbye(&mut self) -> bool {
        let Some(back) = self.back.as_mut().filter(|back| back.frames.is_some()) else { return false };
        let watch = &self.client.call.watch;
        if !watch.has_drained() {
            return false;
        }
        watch.drains_in(Some(WITHIN));
        watch.allow(WITHIN);
        back.end_with_its_frame();
        self.there.end_with_its_frame();
        self.goodbye = Some(Goodbye::default());
        true
    }

    pub(super) fn poll_goodbye(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Failed>> {
        if self.client.call.watch.is_over(context) {
            return Poll::Ready(Err(Failed::Left));
        }
        let told = self.poll_tell_client(context)?;
        // A client that has hung up hears nothing any more; one that has only said that this is the end waits to
        // hear the same.
        match self.poll_hear(context) {
            Poll::Ready(Heard::Gone) => Poll::Ready(Ok(())),
            Poll::Ready(Heard::Closed) => told.map(Ok),
            Poll::Pending => Poll::Pending,
        }
    }

    /// The rest of the frame that the instance is in, and then that it goes away.
    fn poll_tell_client(&mut self, context: &mut Context<'_>) -> Result<Poll<()>, Failed> {
        loop {
            match self.poll_back(context)? {
                Poll::Pending => return Ok(Poll::Pending),
                Poll::Ready(()) => {}
            }
            let (Some(goodbye), Some(back)) = (&mut self.goodbye, &mut self.back) else { return Ok(Poll::Ready(())) };
            if std::mem::replace(&mut goodbye.told_client, true) {
                return Ok(Poll::Ready(()));
            }
            match back.frames {
                // A frame after this one would be none.
                Some(frames) if !frames.is_between() => return Err(Failed::Broken),
                Some(frames) if frames.has_closed() => {}
                Some(_) | None => back.add(&farewell()),
            }
        }
    }

    /// The rest of the frame that the client is in goes to the instance, and then that this is the end. What follows
    /// is for nobody but the gateway.
    fn poll_hear(&mut self, context: &mut Context<'_>) -> Poll<Heard> {
        if let Some(heard) = ready!(self.poll_tell_instance(context)) {
            return Poll::Ready(heard);
        }
        let mut scratch = self.client.call.shared.scratch.borrow_mut();
        let Some(heard) = self.goodbye.as_mut().and_then(|goodbye| goodbye.heard.as_mut()) else {
            return Poll::Ready(Heard::Gone);
        };
        while !heard.has_closed() {
            match ready!(poll_read(context, &mut self.client.stream, &mut scratch)) {
                Ok(read) if read > 0 => heard.read(scratch.get(..read).unwrap_or_default()),
                Ok(_) | Err(_) => return Poll::Ready(Heard::Gone),
            };
        }
        Poll::Ready(Heard::Closed)
    }

    /// Ready when the instance was told, or cannot be; with what the client said by then, if that was all.
    fn poll_tell_instance(&mut self, context: &mut Context<'_>) -> Poll<Option<Heard>> {
        while !self.ended_there {
            let client = &mut *self.client;
            let mut scratch = client.call.shared.scratch.borrow_mut();
            let polled =
                self.there.poll(context, &mut client.stream, &mut self.stream, &mut scratch, &mut client.call.held);
            drop(scratch);
            match ready!(polled) {
                Err(Broken::Source) => return Poll::Ready(Some(Heard::Gone)),
                Err(Broken::Sink) => self.ended_there = true,
                Ok(()) if self.hears() => self.ended_there = true,
                Ok(()) => {}
            }
            if !self.hears() {
                self.listen();
            }
        }
        // A client that had said all it wanted to say before is waited for no more.
        Poll::Ready(if self.hears() { None } else { Some(Heard::Closed) })
    }

    fn hears(&self) -> bool {
        self.goodbye.as_ref().is_some_and(|goodbye| goodbye.heard.is_some())
    }

    /// From now on what the client says is heard, and not passed on.
    fn listen(&mut self) {
        let (Some(goodbye), Some(mut frames)) = (&mut self.goodbye, self.there.frames) else { return };
        if frames.is_between() && !frames.has_closed() {
            self.there.add(&masked_farewell(fastrand::u32(..).to_be_bytes()));
        }
        let call = &mut self.client.call;
        let ahead = call.held.split_off(call.head.min(call.held.len()));
        frames.go_on();
        frames.read(&ahead);
        goodbye.heard = Some(frames);
    }
}

/// How a client takes it.
enum Heard {
    /// It has said that this is the end.
    Closed,
    /// It is gone.
    Gone,
}
