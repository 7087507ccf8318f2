//! What one worker writes with: lines are gathered here, and handed over in batches.

use super::line::{self, Entry};
use super::writer::{Batch, Inlet};
use crate::http1::Known;
use crate::table::Asked as _;
use crate::worker::call::Call;
use jiff::Timestamp;
use std::cell::{Cell, RefCell};
use std::net::IpAddr;
use tokio::time::Instant;

/// A batch of so many bytes is handed over at once; a smaller one with the next sweep.
const BATCH_BYTES: usize = 32 << 10;

/// What one worker writes with.
#[derive(Debug)]
pub(crate) struct Pen {
    inlet: Inlet,
    batch: RefCell<Batch>,
    clock: RefCell<Clock>,
    /// Requests since it was begun to write only some.
    turn: Cell<u64>,
    left_out: Cell<u64>,
}

/// The second that lines were written in last: most are written in the same.
#[derive(Debug, Default)]
struct Clock {
    second: i64,
    time: String,
    /// So much of it are whole seconds.
    whole: usize,
    common_time: String,
}

impl Pen {
    pub(crate) fn new(inlet: Inlet) -> Self {
        let (batch, clock) = (RefCell::default(), RefCell::default());
        Self { inlet, batch, clock, turn: Cell::new(0), left_out: Cell::new(0) }
    }

    /// One more request has been answered, or was to be.
    pub(crate) fn write(&self, call: &Call, begun: Instant) {
        let facts = &call.facts;
        let whose = facts.whose();
        // Under pressure one of so many is written.
        let turn = self.turn.replace(self.turn.get().wrapping_add(1));
        if self.inlet.one_in().is_none_or(|one_in| !turn.is_multiple_of(one_in)) {
            self.left_out.set(self.left_out.get() + 1);
            return;
        }
        let mut batch = self.batch.borrow_mut();
        let mut clock = self.clock.borrow_mut();
        clock.look();
        self.tell_left_out(&mut batch, &clock);
        let known = |known: Known| call.known(known).unwrap_or_default();
        let own = facts.id.get().map(hexadecimal);
        let own = own.as_ref().map(|id| &id[..]).unwrap_or_default();
        let or_own = |told| if <[u8]>::is_empty(told) { own } else { told };
        let trace = known(Known::Traceparent).split(|byte| *byte == b'-').nth(1).unwrap_or_default();
        let entry = Entry {
            time: &clock.time,
            common_time: &clock.common_time,
            client: call.client(),
            method: call.method(),
            host: call.host(),
            target: call.path_and_query(),
            protocol: facts.protocol(call.request.old),
            status: facts.status.get(),
            end: facts.end.get(),
            received: facts.received.get(),
            sent: facts.sent.get(),
            micros: begun.elapsed().as_micros() as u64,
            service: whose.as_ref().map_or("", |(site, _)| site.service.as_str()),
            route: whose.as_ref().map_or("", |(_, route)| route),
            release: facts.release.get(),
            instance: facts.instance.get(),
            retries: facts.retries.get(),
            request_id: or_own(known(Known::XRequestId)),
            trace_id: or_own(trace),
            user_agent: call.header(b"user-agent").unwrap_or_default(),
            referer: call.header(b"referer").unwrap_or_default(),
        };
        self.add(&mut batch, &entry);
    }

    /// What came was no request.
    pub(crate) fn write_refused(&self, client: IpAddr, status: u16) {
        let mut clock = self.clock.borrow_mut();
        clock.look();
        let entry = Entry {
            time: &clock.time,
            common_time: &clock.common_time,
            client,
            method: b"",
            host: b"",
            target: b"",
            protocol: "",
            status,
            end: "refused",
            received: 0,
            sent: 0,
            micros: 0,
            service: "",
            route: "",
            release: None,
            instance: None,
            retries: 0,
            request_id: b"",
            trace_id: b"",
            user_agent: b"",
            referer: b"",
        };
        if self.inlet.one_in() == Some(1) {
            self.add(&mut self.batch.borrow_mut(), &entry);
        } else {
            self.left_out.set(self.left_out.get() + 1);
        }
    }

    fn add(&self, batch: &mut Batch, entry: &Entry<'_>) {
        entry.write(&mut batch.bytes, self.inlet.form, self.inlet.query);
        batch.lines += 1;
        if batch.bytes.len() >= BATCH_BYTES {
            self.hand_over(batch);
        }
    }

    fn tell_left_out(&self, batch: &mut Batch, clock: &Clock) {
        // Once for each batch is enough.
        let count = if batch.bytes.is_empty() { self.left_out.take() } else { 0 };
        if count > 0 {
            line::left_out(&mut batch.bytes, self.inlet.form, &clock.time, count);
            batch.left_out += count;
        }
    }

    fn hand_over(&self, batch: &mut Batch) {
        let full = std::mem::take(batch);
        if let Err(full) = self.inlet.hand_over(full) {
            self.left_out.set(self.left_out.get() + full.lines + full.left_out);
        }
    }

    /// Hands over what was gathered: a line does not wait for others for long.
    pub(crate) fn flush(&self) {
        let mut batch = self.batch.borrow_mut();
        if self.left_out.get() > 0 && self.inlet.one_in() == Some(1) {
            let mut clock = self.clock.borrow_mut();
            clock.look();
            self.tell_left_out(&mut batch, &clock);
        }
        if !batch.bytes.is_empty() {
            self.hand_over(&mut batch);
        }
    }
}

impl Drop for Pen {
    fn drop(&mut self) {
        self.flush();
    }
}

impl Clock {
    /// Looks what time it is. Most lines are written in the same second as the one before.
    fn look(&mut self) {
        let now = Timestamp::now();
        if now.as_second() != self.second || self.time.is_empty() {
            self.second = now.as_second();
            self.time = now.strftime("%Y-%m-%dT%H:%M:%S.").to_string();
            self.common_time = now.strftime("%d/%b/%Y:%H:%M:%S +0000").to_string();
            self.whole = self.time.len();
        }
        let millis = now.as_millisecond().rem_euclid(1_000) as u32;
        self.time.truncate(self.whole);
        let digit = |value: u32| char::from_digit(value % 10, 10).unwrap_or('0');
        self.time.extend([digit(millis / 100), digit(millis / 10), digit(millis), 'Z']);
    }
}

fn hexadecimal(number: u128) -> [u8; 32] {
    std::array::from_fn(|place| b"0123456789abcdef"[(number >> (124 - 4 * place)) as usize & 15])
}
