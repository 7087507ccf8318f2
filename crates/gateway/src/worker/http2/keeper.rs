//! A connection's time: how long it may rest, whether its client is there, and how it ends.

use super::rewound::{Line, Rewound};
use super::streams::Streams;
use crate::worker::Shared;
use crate::worker::watch::Watch;
use bytes::Bytes;
use h2::server::Connection;
use h2::{Ping, PingPong, Reason};
use model::Span;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll};

/// How often a client with open streams is asked whether it is there.
const PING_EVERY: Span = Span::seconds(30);
/// How long it may take to say so, and to go once it was told to, while nothing moves.
const PONG_WITHIN: Span = Span::seconds(15);
/// How long nothing may come of a client that was told all, until it closes its end.
const LAST_WORDS_WITHIN: Span = Span::seconds(5);
/// And how long that may go on.
const LINGER_WITHIN: Span = Span::seconds(30);
/// Reads at most so much of it meanwhile.
const DISCARDED_BYTES_MAX: usize = 256 << 10;
/// More than this is written in no farewell: it is some of an answer.
const FAREWELL_BYTES_MAX: u64 = 128;

/// Keeps a connection's time.
pub(super) struct Keeper {
    watch: Watch,
    ping_pong: Option<PingPong>,
    state: State,
    line: Rc<Line>,
    streams: Rc<Streams>,
    /// What had moved on the connection when that was looked at last.
    moved: u64,
    /// What was written of it when its client was told to go.
    written: Option<u64>,
    /// A client that was told to go, and did not, gets no new streams.
    refuses: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// No stream is open.
    Idle,
    /// Some are.
    Busy,
    /// The client was asked whether it is there.
    Asked,
    /// The client was told to go.
    Leaving,
}

impl Keeper {
    pub(super) fn new(watch: Watch, line: Rc<Line>, streams: Rc<Streams>, ping_pong: Option<PingPong>) -> Self {
        Self { watch, ping_pong, state: State::Idle, line, streams, moved: 0, written: None, refuses: false }
    }

    /// Ready when the connection has to be closed at once.
    pub(super) fn poll(
        &mut self,
        context: &mut Context<'_>,
        connection: &mut Connection<Rewound, Bytes>,
        shared: &Shared,
    ) -> Poll<()> {
        if shared.stopping.get() && self.state != State::Leaving {
            self.leave(connection);
        }
        if self.streams.are_a_flood() {
            connection.abrupt_shutdown(Reason::ENHANCE_YOUR_CALM);
        }
        let busy = self.streams.open() > 0;
        let is_there = self.state == State::Asked && self.answered(context);
        match self.state {
            State::Idle if busy => self.enter(State::Busy, PING_EVERY),
            State::Busy | State::Asked if !busy => self.enter(State::Idle, self.streams.keep_alive()),
            State::Asked if is_there => self.enter(State::Busy, PING_EVERY),
            State::Idle | State::Busy | State::Asked | State::Leaving => {}
        }
        while self.watch.is_over(context) {
            let has_moved = self.has_moved();
            match self.state {
                State::Idle => self.leave(connection),
                State::Busy => self.ask(),
                // Whoever still takes something is there, however much lies before what it was told.
                State::Asked if has_moved => self.watch.allow(PONG_WITHIN),
                // Its streams have times of their own; what is over is over when they are.
                State::Leaving if busy || has_moved => self.refuse(),
                State::Asked | State::Leaving => return Poll::Ready(()),
            }
        }
        Poll::Pending
    }

    /// Whether a new stream comes too late. Its client hears that nothing of it was done.
    pub(super) fn refuses(&self) -> bool {
        self.refuses
    }

    fn enter(&mut self, state: State, span: Span) {
        self.state = state;
        self.moved = self.line.moved();
        self.watch.allow(span);
    }

    /// No new streams from now on; the client hears of it before it is too late for those on their way.
    fn leave(&mut self, connection: &mut Connection<Rewound, Bytes>) {
        connection.graceful_shutdown();
        self.written = Some(self.line.written());
        self.enter(State::Leaving, PONG_WITHIN);
    }

    /// The client was told to go, and could have known it for long.
    fn refuse(&mut self) {
        self.refuses = true;
        self.watch.allow(PONG_WITHIN);
    }

    fn ask(&mut self) {
        if let Some(ping_pong) = &mut self.ping_pong {
            // One that is under way is answered, too.
            let _ = ping_pong.send_ping(Ping::opaque());
        }
        self.enter(State::Asked, PONG_WITHIN);
    }

    fn answered(&mut self, context: &mut Context<'_>) -> bool {
        self.ping_pong.as_mut().is_some_and(|ping_pong| ping_pong.poll_pong(context).is_ready())
    }

    fn has_moved(&mut self) -> bool {
        let moved = self.line.moved();
        std::mem::replace(&mut self.moved, moved) < moved
    }

    /// All was said to the client. A connection that is closed while something of it comes is reset, and the client
    /// may never see the end of its answer: it goes on telling that it has room for more until it has read all.
    pub(super) async fn linger(self) {
        // Whoever had no stream open has read all: it said so when it was told to go.
        let is_farewell = self.written.is_some_and(|before| self.line.written() - before <= FAREWELL_BYTES_MAX);
        if self.line.is_hung_up() || is_farewell {
            return;
        }
        self.watch.ends_in(Some(LINGER_WITHIN));
        self.watch.allow(LAST_WORDS_WITHIN);
        let mut left = DISCARDED_BYTES_MAX;
        poll_fn(|context| {
            loop {
                match self.line.poll_discard(context) {
                    Poll::Ready(read) if read > 0 && read <= left => {
                        left -= read;
                        self.watch.allow(LAST_WORDS_WITHIN);
                    }
                    Poll::Ready(_) => return Poll::Ready(()),
                    Poll::Pending if self.watch.is_over(context) => return Poll::Ready(()),
                    Poll::Pending => return Poll::Pending,
                }
            }
        })
        .await;
    }
}
