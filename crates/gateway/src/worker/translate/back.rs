//! The way back: the answer's head, interim ones first, and its body.

use super::{HUNG_UP, NO_ANSWER, There, Translation};
use crate::http1::write::{self, After};
use crate::http1::{Body, Limits};
use crate::worker::answer::Failed;
use crate::worker::call::Call;
use crate::worker::http2::head::{self, Said};
use crate::worker::side::{Piece, Side};
use h2::Reason;
use std::task::{Context, Poll, ready};

impl Translation<'_, '_, '_> {
    /// The answer's head, interim ones first.
    pub(super) fn poll_head(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Failed>> {
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
        let untouched = self.bytes == 0 && !self.interim.has_come();
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
        if interim {
            self.interim.came(text.len())?;
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
    pub(super) fn poll_back(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Failed>> {
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
