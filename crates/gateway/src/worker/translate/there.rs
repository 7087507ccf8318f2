//! The way there: the request's body, and how quickly it has to come.

use super::{LARGE, TOO_SLOW, There, Translation};
use crate::worker::answer::Failed;
use crate::worker::pace::Pace;
use crate::worker::side::{Lost, Piece, Side};
use h2::Reason;
use std::task::{Context, Poll};

impl Translation<'_, '_, '_> {
    /// The request's body. That the instance takes no more of it is no failure while it answers.
    pub(super) fn poll_there(&mut self, context: &mut Context<'_>) -> Result<(), Failed> {
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
    pub(super) fn begin_pace(&mut self) {
        let limits = self.asking.limits;
        self.pace.begin(self.bytes, self.call.shared.watches.now_ms());
        if self.informed || !self.call.request.expects_continue {
            self.call.watch.allow(Pace::within(limits.idle, limits.body_bytes_per_second_min));
        }
    }

    /// Whether the client is to send more of the body: not while it waits to be told that it may.
    pub(super) fn waits_for_client(&mut self, context: &mut Context<'_>) -> bool {
        let is_asked = self.informed || !self.call.request.expects_continue;
        is_asked && self.there == There::Flows && self.instance.poll_room(context).is_ready()
    }

    pub(super) fn is_too_slow(&mut self) -> bool {
        let now_ms = self.call.shared.watches.now_ms();
        self.pace.is_too_slow(self.bytes, now_ms, self.asking.limits.body_bytes_per_second_min)
    }
}
