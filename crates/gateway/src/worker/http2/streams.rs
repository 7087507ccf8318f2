//! What the streams of one connection have in common, and whether they are meant to be answered at all.

use model::Span;
use std::cell::Cell;
use std::rc::Rc;

/// How long a connection without a stream goes on, whatever the service says: its last one set it.
const IDLE_FIRST: Span = Span::seconds(75);
/// So many streams are looked at together. Where a client took back most of them at once, it is an attack: whoever
/// answers was made to work, and never for more than a few at a time.
const WINDOW: u32 = 500;
/// A stream that its client took back before that was never meant to be answered.
const AT_ONCE: Span = Span::seconds(1);

/// What a connection and its streams have in common.
pub(crate) struct Streams {
    open: Cell<usize>,
    /// How long the connection may have none.
    keep_alive: Cell<Span>,
    /// Those that have ended since the last look.
    ended: Cell<u32>,
    /// Those of them that the client took back at once.
    taken_back: Cell<u32>,
    flood: Cell<bool>,
}

impl Streams {
    pub(super) fn new() -> Rc<Self> {
        let (open, ended, taken_back) = (Cell::default(), Cell::default(), Cell::default());
        let (keep_alive, flood) = (Cell::new(IDLE_FIRST), Cell::default());
        Rc::new(Self { open, keep_alive, ended, taken_back, flood })
    }

    /// How many there are.
    pub(super) fn open(&self) -> usize {
        self.open.get()
    }

    /// How long the connection may have none.
    pub(super) fn keep_alive(&self) -> Span {
        self.keep_alive.get()
    }

    /// Whether they are an attack. It is told once.
    pub(super) fn are_a_flood(&self) -> bool {
        self.flood.take()
    }

    fn end(&self, taken_back: bool) {
        self.open.set(self.open.get() - 1);
        self.ended.set(self.ended.get() + 1);
        self.taken_back.set(self.taken_back.get() + u32::from(taken_back));
        if self.ended.get() >= WINDOW {
            self.flood.set(self.taken_back.get() > WINDOW / 2);
            self.ended.set(0);
            self.taken_back.set(0);
        }
    }
}

/// A stream that is open until this is dropped.
pub(crate) struct Open {
    streams: Rc<Streams>,
    begun_ms: u64,
    taken_back: bool,
}

impl Open {
    pub(super) fn new(streams: &Rc<Streams>, now_ms: u64) -> Self {
        streams.open.set(streams.open.get() + 1);
        Self { streams: Rc::clone(streams), begun_ms: now_ms, taken_back: false }
    }

    /// How long its connection may have no stream after it.
    pub(crate) fn keep_alive(&self, span: Span) {
        self.streams.keep_alive.set(span);
    }

    /// Its client wants no answer any more.
    pub(super) fn taken_back(&mut self, now_ms: u64) {
        self.taken_back = now_ms - self.begun_ms < AT_ONCE.0;
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.streams.end(self.taken_back);
    }
}
