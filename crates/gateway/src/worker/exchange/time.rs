//! How long an exchange may take, and whose fault it is when that is over.

use super::Exchange;
use crate::worker::answer::Failed;
use crate::worker::pace::Pace;
use model::Span;

impl Exchange<'_> {
    /// Looks whether the instance goes away: what it would never end has an end then. Nobody is sent away who
    /// would do something a second time by coming again.
    pub(super) fn keep_drain(&mut self) {
        let (answers, waits) = (self.back.is_some(), self.there.is_over());
        self.client
            .call
            .keep_drain(self.asking, |call| if answers { call.is_stream } else { waits && call.is_idempotent() });
    }

    /// It is the client's turn, from now on.
    pub(super) fn begin_pace(&mut self) {
        self.client.call.watch.allow(self.within_there());
        self.pace.begin(self.there.bytes, self.client.call.shared.watches.now_ms());
    }

    /// Whether the client is to send more of the body: not while it waits to be told that it may.
    fn waits_for_client(&self) -> bool {
        let is_asked = self.spoken || !self.client.call.request.expects_continue;
        self.back.is_none() && is_asked && self.there.waits_for_its_source()
    }

    /// How long nothing of the request may move.
    pub(super) fn within_there(&self) -> Span {
        let limits = self.asking.limits;
        if self.waits_for_client() { Pace::within(limits.idle, limits.body_bytes_per_second_min) } else { limits.idle }
    }

    /// Whether the client sends so slowly that it is waited for no more. While the instance is waited for,
    /// nobody knows how quick it could be.
    pub(super) fn is_too_slow(&mut self) -> bool {
        let now_ms = self.client.call.shared.watches.now_ms();
        if !self.waits_for_client() {
            self.pace.begin(self.there.bytes, now_ms);
            return false;
        }
        self.pace.is_too_slow(self.there.bytes, now_ms, self.asking.limits.body_bytes_per_second_min)
    }

    /// Time is over; a client that has sent enough in its window has another one.
    pub(super) fn is_late(&mut self) -> bool {
        let is_window = self.within_there() < self.asking.limits.idle;
        !is_window || self.client.call.watch.has_ended() || self.is_too_slow()
    }

    /// Time is over: whose fault it is. An answer that nobody takes is not the instance's.
    pub(super) fn late(&self) -> Failed {
        match &self.back {
            None if self.client.call.watch.has_drained() => Failed::Drained,
            None if self.waits_for_client() => Failed::Client(408, "the body took too long\n"),
            None => Failed::Instance(504, "the instance did not answer in time\n"),
            // What never ends by itself has ended as it should.
            Some(_) if self.client.call.is_stream => Failed::Left,
            Some(back) if back.waits_for_its_sink() => Failed::Left,
            Some(_) => Failed::Broken,
        }
    }

    /// Something of the request has moved.
    pub(super) fn keep_time_there(&mut self) -> Result<(), Failed> {
        self.check_size()?;
        let limits = self.asking.limits;
        let answers = self.back.is_some();
        if self.is_too_slow() {
            return Err(Failed::Client(408, "the body took too long\n"));
        }
        let within = match (answers, self.there.is_over()) {
            (true, _) => limits.idle,
            (false, false) => self.within_there(),
            // All was sent: now the instance has its time.
            (false, true) => limits.head,
        };
        self.client.call.watch.allow(within);
        Ok(())
    }
}
