//! What instances did, and what clients heard: two books that must agree.

use super::message::Digest;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// What a request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// A GET on a connection of its own.
    Fresh,
    /// A GET on a connection that is kept.
    Kept,
    /// A POST with a body.
    Post,
    /// A POST without one: nothing shows whether an instance has begun with it.
    Order,
    /// A POST whose body takes a second, in chunks.
    SlowPost,
    /// A POST of 64 MiB.
    Upload,
    /// An answer that takes two seconds, in chunks.
    Stream,
    /// Events for four seconds.
    Events,
    /// An answer that takes two seconds on a connection that is kept.
    Lasting,
    /// A POST that is sent while an answer before it on its connection is still coming.
    Ahead,
    /// A POST that is sent at once when an answer before it on its connection, a long one, has ended.
    Next,
    /// A WebSocket for two seconds.
    WebSocket,
    /// A GET in HTTP/2.
    Multiplexed,
    /// A POST in HTTP/2.
    MultiplexedPost,
    /// An answer in HTTP/2 that takes two seconds.
    MultiplexedStream,
}

impl Kind {
    /// The path that asks for it.
    pub(super) fn path(self) -> &'static str {
        match self {
            Self::Fresh => "/fresh",
            Self::Kept => "/kept",
            Self::Post => "/post",
            Self::Order => "/order",
            Self::SlowPost => "/slow-post",
            Self::Upload => "/upload",
            Self::Stream => "/stream",
            Self::Events => "/events",
            Self::Lasting => "/lasting",
            Self::Ahead => "/ahead",
            Self::Next => "/next",
            Self::WebSocket => "/socket",
            Self::Multiplexed => "/multiplexed",
            Self::MultiplexedPost => "/multiplexed-post",
            Self::MultiplexedStream => "/multiplexed-stream",
        }
    }

    /// Whether it is asked for in HTTP/2.
    pub(super) fn is_http2(self) -> bool {
        matches!(self, Self::Multiplexed | Self::MultiplexedPost | Self::MultiplexedStream)
    }

    /// Whether its answer takes its time.
    pub(super) fn is_slow(path: &str) -> bool {
        [Self::Stream, Self::Events, Self::Lasting, Self::MultiplexedStream].iter().any(|slow| slow.path() == path)
    }

    /// Whether doing it twice does more than doing it once.
    pub(super) fn happens_once(self) -> bool {
        match self {
            Self::Post | Self::Order | Self::SlowPost | Self::Upload | Self::MultiplexedPost => true,
            Self::Ahead | Self::Next => true,
            Self::Fresh | Self::Kept | Self::Stream | Self::Events | Self::Lasting => false,
            Self::WebSocket | Self::Multiplexed | Self::MultiplexedStream => false,
        }
    }
}

/// What instances know of a request.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Done {
    /// How often it was carried out.
    pub(super) times: u32,
    /// The body that came.
    pub(super) received: Digest,
    /// The answer's body.
    pub(super) sent: Digest,
    /// An instance crashed while it had it.
    pub(super) crashed: bool,
}

/// The instances' book.
#[derive(Default)]
pub(super) struct Ledger {
    done: Mutex<BTreeMap<u64, Done>>,
}

impl Ledger {
    /// Writes down what happened to a request.
    pub(super) fn note(&self, id: u64, write: impl FnOnce(&mut Done)) {
        write(self.done.lock().unwrap_or_else(PoisonError::into_inner).entry(id).or_default());
    }

    /// What is known of all of them.
    pub(super) fn all(&self) -> BTreeMap<u64, Done> {
        self.done.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// What a client can tell of a request.
#[derive(Clone, Debug)]
pub(super) struct Heard {
    pub(super) id: u64,
    pub(super) kind: Kind,
    /// Whose answer has to come before its own: where that one breaks off, so does their connection.
    pub(super) behind: Option<u64>,
    /// When its connection was there.
    pub(super) connected: Instant,
    pub(super) began: Instant,
    pub(super) ended: Instant,
    /// The body that it sent.
    pub(super) sent: Digest,
    pub(super) outcome: Outcome,
}

/// How it went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// A whole answer.
    Answered(u16, Digest),
    /// A WebSocket that was told that the server goes away.
    GoingAway,
    /// No connection was to be had.
    Refused(String),
    /// The answer did not come, or not all of it.
    Lost(String),
}
