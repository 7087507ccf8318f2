//! Connections to an instance that speaks HTTP/2: each is shared by many requests.

use crate::stream::Stream;
use bytes::Bytes;
use h2::client::{Builder, SendRequest};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::task::{Context, Waker};
use tokio::task::{AbortHandle, spawn_local};

/// The most requests on one connection, whatever the instance allows.
pub const STREAMS_MAX: usize = 100;
/// The most connections to one instance, per worker. Further requests share those that there are.
pub const TRUNKS_MAX: usize = 16;
/// What may come of one answer before some of it was passed on.
const STREAM_WINDOW_BYTES: u32 = 128 << 10;
/// And of all answers on one connection: as much as of each together, or a few clients that take none of theirs would
/// keep all others waiting.
const CONNECTION_WINDOW_BYTES: u32 = STREAM_WINDOW_BYTES * STREAMS_MAX as u32;
/// What keeping answers in small pieces may cost, in bytes below 256 a piece. As long as there is a window for them they
/// are kept: one client that takes none of its messages must not cost all others their connection.
const SMALL_PIECES_BYTES_MAX: usize = 512 << 20;
/// The bytes of an answer's head, unpacked.
const HEAD_BYTES_MAX: u32 = 32 << 10;
/// What is kept of one request that the instance does not take.
const SEND_BYTES_MAX: usize = 64 << 10;

/// All shared connections to one instance.
#[derive(Debug, Default)]
pub(super) struct Trunks {
    all: RefCell<Vec<Rc<Trunk>>>,
    /// Held while one is made: those who come meanwhile share it.
    making: tokio::sync::Mutex<()>,
}

/// A connection that is shared.
struct Trunk {
    sender: SendRequest<Bytes>,
    /// What reads and writes.
    carrying: AbortHandle,
    open: Cell<usize>,
    /// It takes no more requests.
    over: Cell<bool>,
    used_ms: Cell<u64>,
}

/// A place for one request on a shared connection, until it is dropped.
pub(crate) struct Seat {
    trunk: Rc<Trunk>,
    pub(crate) sender: SendRequest<Bytes>,
}

impl Trunks {
    /// A place on a connection that is there, or on a new one.
    pub(super) async fn seat<F: Future<Output = Option<Stream>>>(
        &self,
        now_ms: u64,
        connect: impl FnOnce() -> F,
    ) -> Option<Seat> {
        if let Some(seat) = self.find(now_ms) {
            return Some(seat);
        }
        let _making = self.making.lock().await;
        if let Some(seat) = self.find(now_ms) {
            return Some(seat);
        }
        let stream = connect().await?;
        let trunk = Rc::new(Trunk::new(stream, now_ms).await?);
        self.all.borrow_mut().push(Rc::clone(&trunk));
        Some(trunk.seat(now_ms))
    }

    /// The one with the most requests that has room for another: those with few can then be let go of.
    fn find(&self, now_ms: u64) -> Option<Seat> {
        let mut all = self.all.borrow_mut();
        all.retain(|trunk| trunk.is_there());
        let full = all.len() >= TRUNKS_MAX;
        let room = all.iter().filter(|trunk| trunk.open.get() < trunk.most());
        let chosen = room.max_by_key(|trunk| trunk.open.get());
        // Where there are enough connections, requests wait in one for others to end.
        let chosen = chosen.or_else(|| all.iter().filter(|_| full).min_by_key(|trunk| trunk.open.get()));
        chosen.map(|trunk| trunk.seat(now_ms))
    }

    /// Lets go of those that rest since then. What is under way on others goes on.
    pub(super) fn close_idle(&self, since_ms: u64) {
        self.all.borrow_mut().retain(|trunk| trunk.open.get() > 0 || trunk.used_ms.get() >= since_ms);
    }

    /// No further requests; what is under way goes on.
    pub(super) fn clear(&self) {
        self.all.borrow_mut().clear();
    }
}

impl Trunk {
    async fn new(stream: Stream, now_ms: u64) -> Option<Self> {
        let mut builder = Builder::new();
        builder
            .enable_push(false)
            .initial_window_size(STREAM_WINDOW_BYTES)
            .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
            .data_frame_budget(SMALL_PIECES_BYTES_MAX)
            .max_header_list_size(HEAD_BYTES_MAX)
            .max_send_buffer_size(SEND_BYTES_MAX);
        let (sender, connection) = builder.handshake(stream).await.ok()?;
        // It ends when nobody holds a sender of it any more, or when the instance hangs up.
        let carrying = spawn_local(async move { _ = connection.await }).abort_handle();
        Some(Self { sender, carrying, open: Cell::new(0), over: Cell::new(false), used_ms: Cell::new(now_ms) })
    }

    fn is_there(&self) -> bool {
        let ready = self.sender.clone().poll_ready(&mut Context::from_waker(Waker::noop()));
        !self.over.get() && !matches!(ready, std::task::Poll::Ready(Err(_)))
    }

    fn most(&self) -> usize {
        self.sender.current_max_send_streams().min(STREAMS_MAX)
    }

    fn seat(self: &Rc<Self>, now_ms: u64) -> Seat {
        self.open.set(self.open.get() + 1);
        self.used_ms.set(now_ms);
        Seat { trunk: Rc::clone(self), sender: self.sender.clone() }
    }
}

impl Seat {
    /// Nothing is heard on this connection, or no end: others are not to wait for it. It is closed when those who are
    /// under way are over, or whoever writes on and on would be read on and on.
    pub(crate) fn distrust(&self) {
        self.trunk.over.set(true);
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.trunk.open.set(self.trunk.open.get() - 1);
        if self.trunk.over.get() && self.trunk.open.get() == 0 {
            self.trunk.carrying.abort();
        }
    }
}

impl std::fmt::Debug for Trunk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Trunk").field("open", &self.open).field("over", &self.over).finish_non_exhaustive()
    }
}
