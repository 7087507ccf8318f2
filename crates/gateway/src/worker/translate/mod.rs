//! One request between two sides of which at least one speaks HTTP/2. As in `exchange`, both directions
//! flow at once (`there` and `back`); each piece is read only when the other side has room for it.

mod back;
mod there;

use super::answer::{Asking, Failed};
use super::call::Call;
use super::http2::head;
use super::interim::Interim;
use super::pace::Pace;
use super::side::{Lost, Side};
use crate::http1::write::After;
use h2::Reason;
use std::future::poll_fn;
use std::task::{Context, Poll, ready};

/// A request under way.
pub(crate) struct Translation<'a, 'c, 'i> {
    call: &'a mut Call,
    client: &'a mut Side<'c>,
    instance: &'a mut Side<'i>,
    asking: &'a Asking<'a>,
    there: There,
    /// The bytes of the request's body that were read.
    bytes: u64,
    /// The answer's body is on its way.
    answers: bool,
    pace: Pace,
    /// The client was told that it may send the body, or something else that is no answer yet.
    informed: bool,
    interim: Interim,
    /// The answer has ended by itself, and said nothing of its length.
    made_up: bool,
    /// The answer's body has ended.
    answered: bool,
    /// What becomes of the client's connection.
    pub(crate) after: After,
    /// The instance takes no more for now.
    stalls: bool,
}

/// How far the request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum There {
    Flows,
    /// All was read, and not all is written.
    Drains,
    Over,
}

const HUNG_UP: Failed = Failed::Instance(502, "the instance hung up\n");
const LARGE: Failed = Failed::Client(413, "the body is too large\n");
const TOO_SLOW: Failed = Failed::Client(408, "the body took too long\n");
const NO_ANSWER: Failed = Failed::Instance(502, "the instance gave no answer\n");

impl<'a, 'c, 'i> Translation<'a, 'c, 'i> {
    pub(crate) fn new(
        call: &'a mut Call,
        client: &'a mut Side<'c>,
        instance: &'a mut Side<'i>,
        asking: &'a Asking<'a>,
    ) -> Self {
        let there = match (&*instance, head::has_body(call.request.body)) {
            (_, true) => There::Flows,
            (Side::Plain(_), false) => There::Drains,
            (Side::Streamed(_), false) => There::Over,
        };
        let pace = Pace::default();
        Self {
            call,
            client,
            instance,
            asking,
            there,
            bytes: 0,
            answers: false,
            pace,
            informed: false,
            interim: Interim::default(),
            made_up: false,
            answered: false,
            after: After::Stays,
            stalls: false,
        }
    }

    /// To its end; the head of the request was said already.
    pub(crate) async fn run(&mut self) -> Result<(), Failed> {
        self.call.watch.allow(self.asking.limits.head);
        if self.there == There::Flows {
            self.begin_pace();
        }
        let ran = poll_fn(|context| self.poll(context)).await;
        self.call.end_drain();
        ran
    }

    /// Whether all of the request was passed on.
    pub(crate) fn has_sent_all(&self) -> bool {
        self.there == There::Over
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Failed>> {
        let (answers, there) = (self.answers, self.there);
        let waits = there == There::Over && self.call.is_idempotent();
        self.call.keep_drain(self.asking, |call| if answers { call.is_stream } else { waits });
        while self.call.watch.is_over(context) {
            if let Some(failed) = self.late(context) {
                return Poll::Ready(Err(failed));
            }
        }
        if let Poll::Ready(lost) = self.client.poll_lost(context) {
            return Poll::Ready(Err(self.left(lost)));
        }
        if self.there != There::Over {
            self.poll_there(context)?;
        }
        while !self.answers {
            let polled = self.poll_head(context)?;
            // What is no answer yet is told when it comes: there are clients that wait for it.
            if !self.answers
                && let Poll::Ready(Err(lost)) = self.client.poll_said(context)
            {
                return Poll::Ready(Err(self.left(lost)));
            }
            ready!(polled);
        }
        self.poll_back(context)
    }

    /// Time is over: whose fault it is. A client that has sent enough in its window has another one.
    fn late(&mut self, context: &mut Context<'_>) -> Option<Failed> {
        // An answer that nobody takes is not the instance's fault.
        let taken = if self.answers { self.client.poll_room(context) } else { self.client.poll_said(context) };
        let full = taken.is_pending();
        // Nor is it that what never ends by itself has ended as it should.
        if full || (self.answers && self.call.is_stream) {
            self.client.give_up(Lost { reason: Some(Reason::CANCEL) });
            return Some(self.left(Lost { reason: Some(Reason::CANCEL) }));
        }
        if self.answers {
            return Some(self.broken(Lost { reason: None }));
        }
        if self.call.watch.has_drained() {
            return Some(Failed::Drained);
        }
        if !self.waits_for_client(context) {
            return Some(Failed::Instance(504, "the instance did not answer in time\n"));
        }
        let limits = self.asking.limits;
        let within = Pace::within(limits.idle, limits.body_bytes_per_second_min);
        if within == limits.idle || self.call.watch.has_ended() || self.is_too_slow() {
            self.instance.give_up(Lost { reason: None });
            return Some(TOO_SLOW);
        }
        self.call.watch.allow(within);
        None
    }

    /// The client is gone: the instance need not go on.
    fn left(&mut self, lost: Lost) -> Failed {
        self.instance.give_up(lost);
        Failed::Left
    }

    /// The client cannot be told any more but by an end that is none.
    fn broken(&mut self, lost: Lost) -> Failed {
        self.client.give_up(lost);
        Failed::Broken
    }
}
