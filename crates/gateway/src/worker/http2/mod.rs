//! A client's connection in HTTP/2: many requests at once, each on a stream of its own.

pub(crate) mod head;
mod stream;

use super::Shared;
use super::call::Origin;
use super::watch::Watch;
use crate::stream::Stream;
use bytes::Bytes;
use h2::server::{Builder, Connection};
use h2::{Ping, PingPong};
use model::Span;
use std::cell::Cell;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::task::spawn_local;

/// How a connection in the clear says that it is HTTP/2: to a reader of HTTP/1 this is a head.
pub(crate) const PREFACE_HEAD: &[u8] = b"PRI * HTTP/2.0\r\n\r\n";
/// The most streams of one connection at once.
const STREAMS_MAX: u32 = 128;
/// What may come of one stream before some of it was passed on.
const STREAM_WINDOW_BYTES: u32 = 256 << 10;
/// And of all streams of one connection.
const CONNECTION_WINDOW_BYTES: u32 = 1 << 20;
/// The bytes of a head, unpacked.
const HEAD_BYTES_MAX: u32 = 32 << 10;
/// What is kept for one stream that its client does not take.
const SEND_BYTES_MAX: usize = 64 << 10;
/// Streams that a client reset before anybody looked at them: more of them are an attack.
const RESETS_MAX: usize = 32;
/// Streams that were reset for what a client did wrong: more of them are an attack.
const ERRORS_MAX: usize = 128;
/// How long the client may take to begin.
const BEGIN_WITHIN: Span = Span::seconds(30);
/// How long a connection without a stream goes on, whatever the service says: its last one set it.
const IDLE_FIRST: Span = Span::seconds(75);
/// How often a client with open streams is asked whether it is there.
const PING_EVERY: Span = Span::seconds(30);
/// How long it may take to say so, and to go once it was told to.
const PONG_WITHIN: Span = Span::seconds(15);

/// What a connection and its streams have in common.
pub(crate) struct Streams {
    open: Cell<usize>,
    /// How long the connection may have none.
    keep_alive: Cell<Span>,
}

/// Serves a client until it goes, or has to. These bytes of it were read already.
pub(crate) async fn serve(stream: Stream, ahead: Vec<u8>, origin: Origin) {
    let watch = origin.shared.watches.watch();
    watch.allow(BEGIN_WITHIN);
    let handshake = builder().handshake::<_, Bytes>(Rewound { ahead, at: 0, stream });
    let Some(Ok(mut connection)) = watch.within(Box::pin(handshake)).await else { return };
    let ping_pong = connection.ping_pong();
    let streams = Rc::new(Streams { open: Cell::new(0), keep_alive: Cell::new(IDLE_FIRST) });
    let mut keeper = Keeper { watch, ping_pong, state: State::Idle, streams };
    loop {
        let accepted = poll_fn(|context| {
            if keeper.poll(context, &mut connection, &origin.shared).is_ready() {
                return Poll::Ready(None);
            }
            connection.poll_accept(context)
        });
        let Some(Ok((request, respond))) = accepted.await else { return };
        let open = Open::new(&keeper.streams);
        spawn_local(stream::serve(request, respond, open, origin.clone()));
    }
}

fn builder() -> Builder {
    let mut builder = Builder::new();
    builder
        .max_concurrent_streams(STREAMS_MAX)
        .initial_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .max_header_list_size(HEAD_BYTES_MAX)
        .max_send_buffer_size(SEND_BYTES_MAX)
        .max_pending_accept_reset_streams(RESETS_MAX)
        .max_local_error_reset_streams(Some(ERRORS_MAX));
    builder
}

/// A stream that is open until this is dropped.
pub(crate) struct Open {
    streams: Rc<Streams>,
}

impl Open {
    fn new(streams: &Rc<Streams>) -> Self {
        streams.open.set(streams.open.get() + 1);
        Self { streams: Rc::clone(streams) }
    }

    /// How long its connection may have no stream after it.
    pub(crate) fn keep_alive(&self, span: Span) {
        self.streams.keep_alive.set(span);
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.streams.open.set(self.streams.open.get() - 1);
    }
}

/// Keeps a connection's time.
struct Keeper {
    watch: Watch,
    ping_pong: Option<PingPong>,
    state: State,
    streams: Rc<Streams>,
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
    /// Ready when the connection has to be closed at once.
    fn poll(
        &mut self,
        context: &mut Context<'_>,
        connection: &mut Connection<Rewound, Bytes>,
        shared: &Shared,
    ) -> Poll<()> {
        if shared.stopping.get() && self.state != State::Leaving {
            self.leave(connection);
        }
        let busy = self.streams.open.get() > 0;
        let is_there = self.state == State::Asked && self.answered(context);
        match self.state {
            State::Idle if busy => self.enter(State::Busy, PING_EVERY),
            State::Busy | State::Asked if !busy => self.enter(State::Idle, self.streams.keep_alive.get()),
            State::Asked if is_there => self.enter(State::Busy, PING_EVERY),
            // Its streams have times of their own; what is over is over when they are.
            State::Leaving if busy => self.watch.allow(PONG_WITHIN),
            State::Idle | State::Busy | State::Asked | State::Leaving => {}
        }
        while self.watch.is_over(context) {
            match self.state {
                State::Idle => self.leave(connection),
                State::Busy => self.ask(),
                State::Asked | State::Leaving => return Poll::Ready(()),
            }
        }
        Poll::Pending
    }

    fn enter(&mut self, state: State, span: Span) {
        self.state = state;
        self.watch.allow(span);
    }

    /// No new streams from now on; the client hears of it before it is too late for those on their way.
    fn leave(&mut self, connection: &mut Connection<Rewound, Bytes>) {
        connection.graceful_shutdown();
        self.enter(State::Leaving, PONG_WITHIN);
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
}

/// A connection of which something was read before it was known what it is.
struct Rewound {
    ahead: Vec<u8>,
    at: usize,
    stream: Stream,
}

impl AsyncRead for Rewound {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, room: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let rest = this.ahead.get(this.at..).unwrap_or_default();
        if rest.is_empty() {
            return Pin::new(&mut this.stream).poll_read(context, room);
        }
        let here = rest.len().min(room.remaining());
        room.put_slice(rest.get(..here).unwrap_or_default());
        this.at += here;
        if this.at == this.ahead.len() {
            (this.ahead, this.at) = (Vec::new(), 0);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Rewound {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(context, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}
