//! How long each part of a request may take, and how large it may be.

use model::Span;
use serde::{Deserialize, Serialize};

/// How long each part of a request may take, and how large it may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Until an instance takes a connection.
    pub connect: Span,
    /// Until a head is there, from its first byte; and until an instance begins to answer.
    pub head: Span,
    /// While nothing moves in either direction.
    pub idle: Span,
    /// Between two requests on one connection.
    pub keep_alive: Span,
    /// The most bytes of a request's body.
    pub body_bytes_max: u64,
    /// A whole request and its answer; without a limit where none is set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request: Option<Span>,
    /// What never ends by itself: a changed protocol, an answer of events. Without a limit where none is set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stream: Option<Span>,
    /// How long what never ends by itself may go on when its instance drains.
    pub stream_drain: Span,
    /// The fewest bytes of a body that a client may send, on an average over ten seconds.
    pub body_bytes_per_second_min: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Span::seconds(2),
            head: Span::seconds(30),
            idle: Span::seconds(60),
            keep_alive: Span::seconds(75),
            body_bytes_max: 1 << 30,
            request: None,
            stream: None,
            stream_drain: Span::seconds(30),
            body_bytes_per_second_min: 240,
        }
    }
}
