//! One request between two sides of which at least one speaks HTTP/2. As in `exchange`, both directions
//! flow at once; each piece is read only when the other side has room for it.

use super::answer::{Asking, Failed};
use super::call::Call;
use super::http2::head::{self, Said};
use super::pace::Pace;
use super::side::{Lost, Piece, Side};
use crate::http1::write::{self, After};
use crate::http1::{Body, Limits};
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
            ready!(self.poll_head(context))?;
        }
        self.poll_back(context)
    }

    /// Time is over: whose fault it is. A client that has sent enough in its window has another one.
    fn late(&mut self, context: &mut Context<'_>) -> Option<Failed> {
        // An answer that nobody takes is not the instance's fault.
        let full = self.answers && self.client.poll_room(context).is_pending();
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

    /// Whether the client is to send more of the body: not while it waits to be told that it may.
    fn waits_for_client(&mut self, context: &mut Context<'_>) -> bool {
        let is_asked = self.informed || !self.call.request.expects_continue;
        is_asked && self.there == There::Flows && self.instance.poll_room(context).is_ready()
    }

    fn is_too_slow(&mut self) -> bool {
        let now_ms = self.call.shared.watches.now_ms();
        self.pace.is_too_slow(self.bytes, now_ms, self.asking.limits.body_bytes_per_second_min)
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

    /// The request's body. That the instance takes no more of it is no failure while it answers.
    fn poll_there(&mut self, context: &mut Context<'_>) -> Result<(), Failed> {
        loop {
            match self.instance.poll_room(context) {
                Poll::Pending => {
                    if !std::mem::replace(&mut self.stalls, true) {
                        self.call.watch.allow(self.asking.limits.idle);
                    }
                    return Ok(());
                }
                Poll::Ready(Ok(())) if self.there == There::Flows => {}
                Poll::Ready(_) => {
                    self.there = if self.there == There::Drains { There::Over } else { self.there };
                    return Ok(());
                }
            }
            let mut scratch = self.call.shared.scratch.borrow_mut();
            let piece = match self.client.poll_piece(context, &mut scratch) {
                Poll::Pending => return Ok(()),
                Poll::Ready(Err(lost)) => {
                    drop(scratch);
                    return Err(self.left(lost));
                }
                Poll::Ready(Ok(piece)) => piece,
            };
            drop(scratch);
            if let Piece::Data(data, _) = &piece {
                self.bytes += data.len() as u64;
                self.call.moved.add(data.len() as u64, 0);
                if self.bytes > self.asking.limits.body_bytes_max {
                    self.instance.give_up(Lost { reason: None });
                    return Err(if self.answers { self.broken(Lost { reason: None }) } else { LARGE });
                }
            }
            if let Some(copying) = self.call.copying() {
                copying.gather_piece(&piece);
            }
            if piece.is_last() {
                // What a stream was told needs nobody to carry it on.
                self.there = if matches!(self.instance, Side::Plain(_)) { There::Drains } else { There::Over };
            }
            self.keep_time_there()?;
            if self.instance.push(piece).is_err() {
                // It is not as long as it said.
                let lost = Lost { reason: Some(Reason::PROTOCOL_ERROR) };
                self.client.give_up(lost);
                return Err(self.left(lost));
            }
            if self.there == There::Over {
                return Ok(());
            }
        }
    }

    /// A piece of the request came.
    fn keep_time_there(&mut self) -> Result<(), Failed> {
        let limits = self.asking.limits;
        if self.answers {
            self.call.watch.allow(limits.idle);
        } else if self.there != There::Flows {
            // All was sent: now the instance has its time.
            self.call.watch.allow(limits.head);
        } else if std::mem::take(&mut self.stalls) {
            // While the instance was waited for, nobody knows how quick the client could have been.
            self.begin_pace();
        } else if self.is_too_slow() {
            self.instance.give_up(Lost { reason: None });
            return Err(TOO_SLOW);
        } else {
            self.call.watch.allow(Pace::within(limits.idle, limits.body_bytes_per_second_min));
        }
        Ok(())
    }

    /// It is the client's turn, from now on: unless it waits to be told that it may send.
    fn begin_pace(&mut self) {
        let limits = self.asking.limits;
        self.pace.begin(self.bytes, self.call.shared.watches.now_ms());
        if self.informed || !self.call.request.expects_continue {
            self.call.watch.allow(Pace::within(limits.idle, limits.body_bytes_per_second_min));
        }
    }

    /// The answer's head, interim ones first.
    fn poll_head(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Failed>> {
        let mut text = self.call.shared.buffer();
        let polled = self.poll_text(context, &mut text);
        let passed = match polled {
            Poll::Ready(Ok(true)) => Poll::Ready(self.pass_on_head(&text)),
            Poll::Ready(Ok(false)) => Poll::Ready(Ok(())),
            Poll::Ready(Err(failed)) => Poll::Ready(Err(failed)),
            Poll::Pending => Poll::Pending,
        };
        self.call.shared.give_back(text);
        passed
    }

    /// The head as HTTP/1 says it; false where some of it is missing.
    fn poll_text(&mut self, context: &mut Context<'_>, text: &mut Vec<u8>) -> Poll<Result<bool, Failed>> {
        let untouched = self.bytes == 0;
        match &mut *self.instance {
            Side::Plain(plain) => {
                if let Some(head) = self.call.read_answer(&plain.ahead)? {
                    text.extend(plain.ahead.drain(..head));
                    return Poll::Ready(Ok(true));
                }
                let mut scratch = self.call.shared.scratch.borrow_mut();
                let more = ready!(plain.poll_more(context, &mut scratch));
                Poll::Ready(match (more, untouched && plain.ahead.is_empty()) {
                    (true, _) => Ok(false),
                    (false, true) => Err(Failed::Untouched),
                    (false, false) => Err(HUNG_UP),
                })
            }
            Side::Streamed(streamed) => {
                let (parts, ended) = ready!(streamed.poll_answer(context)).map_err(|error| reset(&error, untouched))?;
                let old = self.call.request.old && matches!(self.client, Side::Plain(_));
                let said = match (ended, old) {
                    (true, _) => Said::All,
                    (false, true) => Said::UntilClose,
                    (false, false) => Said::InChunks,
                };
                self.made_up = ended && !parts.headers.contains_key(http::header::CONTENT_LENGTH);
                head::response_text(text, &parts, said).map_err(|_| NO_ANSWER)?;
                let read = self.call.read_answer(text)?;
                Poll::Ready(if read == Some(text.len()) { Ok(true) } else { Err(NO_ANSWER) })
            }
        }
    }

    fn pass_on_head(&mut self, text: &[u8]) -> Result<(), Failed> {
        let interim = self.call.response.status < 200;
        if self.call.response.status == 101 {
            return Err(Failed::Instance(502, "the instance changed the protocol unasked\n"));
        }
        self.tell_head(text, interim)?;
        if interim {
            self.call.response.clear();
            self.informed = true;
            if self.there == There::Flows {
                self.begin_pace();
            }
            return Ok(());
        }
        let body = self.call.response.body;
        if let Side::Plain(plain) = &mut *self.instance {
            plain.reads(body);
        }
        if let Some(copying) = self.call.copying() {
            copying.answer_begins(&self.call.response, text, false);
        }
        self.answers = true;
        self.answered = !head::has_body(body);
        self.call.answer_begins(text, self.asking.limits);
        Ok(())
    }

    fn tell_head(&mut self, text: &[u8], interim: bool) -> Result<(), Failed> {
        if interim && self.call.request.old {
            return Ok(());
        }
        if !interim {
            self.after = self.after_answer();
        }
        let mut out = self.call.shared.buffer();
        let (set_cookie, edits) = (self.asking.set_cookie, self.asking.response_edits());
        let set_cookie = if interim { "" } else { set_cookie };
        write::response(&mut out, text, &self.call.response, set_cookie, edits, self.after);
        let body = self.call.response.body;
        match &mut *self.client {
            Side::Streamed(streamed) => {
                let parts = head::response_parts(&out, self.made_up).map_err(|_| NO_ANSWER)?;
                let told = if interim { streamed.inform(parts) } else { streamed.answer(parts, !head::has_body(body)) };
                told.map_err(|_| Failed::Left)?;
            }
            Side::Plain(plain) => plain.writes(&out, if interim { Body::None } else { body }),
        }
        self.call.shared.give_back(out);
        Ok(())
    }

    /// What becomes of a connection of HTTP/1. One of HTTP/2 goes on, whatever becomes of a stream.
    fn after_answer(&self) -> After {
        let request = &self.call.request;
        let ends_by_itself = self.call.response.body != Body::UntilClose;
        let stays = request.keep_alive && ends_by_itself && !self.call.shared.stopping.get();
        match (&*self.client, stays && self.there == There::Over, request.old) {
            (Side::Streamed(_), ..) => After::Stays,
            (Side::Plain(_), false, _) => After::Closes,
            (Side::Plain(_), true, true) => After::StaysAsTold,
            (Side::Plain(_), true, false) => After::Stays,
        }
    }

    /// The answer's body.
    fn poll_back(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Failed>> {
        while !self.answered {
            ready!(self.client.poll_room(context)).map_err(|lost| self.left(lost))?;
            let mut scratch = self.call.shared.scratch.borrow_mut();
            let polled = self.instance.poll_piece(context, &mut scratch);
            drop(scratch);
            let piece = ready!(polled).map_err(|lost| self.broken(lost))?;
            self.call.watch.allow(self.asking.limits.idle);
            if let Piece::Data(data, _) = &piece {
                self.call.moved.add(0, data.len() as u64);
            }
            if let Some(copying) = self.call.copying() {
                copying.keep_piece(&piece);
            }
            self.answered = piece.is_last();
            self.client.push(piece).map_err(|lost| self.broken(lost))?;
        }
        ready!(self.client.poll_said(context)).map_err(|lost| self.left(lost))?;
        Poll::Ready(Ok(()))
    }
}

/// What a stream that was reset before its answer began means.
fn reset(error: &h2::Error, untouched: bool) -> Failed {
    let refused = error.reason() == Some(Reason::REFUSED_STREAM) || error.is_go_away();
    match (untouched, refused) {
        // The instance says that it has done nothing.
        (true, true) => Failed::Unsent,
        (true, false) if error.is_io() => Failed::Untouched,
        _ => HUNG_UP,
    }
}

impl Call {
    /// Reads the head of an answer: its length, once all of it is there.
    fn read_answer(&mut self, bytes: &[u8]) -> Result<Option<usize>, Failed> {
        if bytes.is_empty() {
            return Ok(None);
        }
        let method = self.request.method.of(&self.held);
        self.response.read(bytes, method, &Limits::default()).map_err(|_| NO_ANSWER)
    }
}
