//! A client's connection: one request after the other.

use super::answer::{Asking, Caller, Done, Ended, Failed, answer};
use super::call::{Call, Origin};
use super::carry::{Carried, Link, carry};
use super::exchange::Exchange;
use super::flow::poll_read;
use super::http2;
use super::side::{Plain, Side};
use crate::http1::write::{After, own};
use crate::http1::{Body, Limits, Refusal};
use crate::stream::Stream;
use crate::table::Site;
use model::Span;
use std::future::poll_fn;
use std::task::{Context, Poll, ready};
use tokio::io::AsyncWriteExt as _;

/// How long the first request may take to begin.
const FIRST_WITHIN: Span = Span::seconds(30);
/// How long a client may take for a head, whosever it turns out to be.
const HEAD_WITHIN: Span = Span::seconds(30);
/// Whoever has asked nothing for so long has nothing under way that would be lost with its connection.
const RESTED: Span = Span::seconds(1);
/// How long the gateway tries to tell a client why it is not served.
const LAST_WORDS_WITHIN: Span = Span::seconds(5);
/// Reads at most so much of what a refused client still sends, so that it gets to read the answer.
const DISCARDED_BYTES_MAX: usize = 256 << 10;

/// Reads at most so much of what a client sends ahead while its request waits.
const AHEAD_BYTES_MAX: usize = 64 << 10;

/// A client's connection.
pub(crate) struct Client {
    pub(crate) stream: Stream,
    pub(crate) call: Call,
    /// How long it may be idle between requests: as the last service says.
    keep_alive: Span,
    /// Nothing was asked yet.
    is_new: bool,
}

/// What came.
enum Came {
    Request,
    Refused(Refusal),
    /// HTTP/2 is spoken from here on.
    Http2,
    /// Nothing, or the client is gone.
    Over,
}

/// Serves a client until it goes, or has to.
pub(crate) async fn serve(stream: Stream, origin: Origin) {
    let mut client = Client { stream, call: Call::new(origin), keep_alive: FIRST_WITHIN, is_new: true };
    loop {
        match client.next().await {
            Came::Request => {}
            Came::Refused(refusal) => return client.refuse(refusal).await,
            Came::Http2 => return client.change_to_http2().await,
            Came::Over => return client.stream.end_well(),
        }
        let Ended { stays, unread, whole } = answer(&mut client).await;
        if stays {
            // Whoever was not told that this was the last one is answered once more, also by a worker that stops.
            client.rest();
            continue;
        }
        if unread || (whole && client.has_more()) {
            client.close_gently().await;
        }
        if whole {
            client.stream.end_well();
        }
        return;
    }
}

impl Client {
    /// Waits for the next head. An idle connection has no buffer.
    async fn next(&mut self) -> Came {
        self.call.watch.allow(self.keep_alive);
        let since_ms = self.call.shared.watches.now_ms();
        let mut began = !self.call.held.is_empty();
        let mut fresh = began;
        poll_fn(|context| {
            loop {
                if std::mem::take(&mut fresh) {
                    match self.call.request.read(&self.call.held, &Limits::default()) {
                        Ok(Some(length)) => {
                            self.call.head = length;
                            return Poll::Ready(Came::Request);
                        }
                        Ok(None) => {}
                        Err(_) if self.is_new && self.call.held.starts_with(http2::PREFACE_HEAD) => {
                            return Poll::Ready(Came::Http2);
                        }
                        Err(refusal) if self.is_new && is_of_another_protocol(&self.call.held, refusal) => {
                            return Poll::Ready(Came::Over);
                        }
                        Err(refusal) => return Poll::Ready(Came::Refused(refusal)),
                    }
                }
                let mut scratch = self.call.shared.scratch.borrow_mut();
                match poll_read(context, &mut self.stream, &mut scratch) {
                    Poll::Ready(Ok(read)) if read > 0 => {
                        if !std::mem::replace(&mut began, true) {
                            self.call.watch.allow(HEAD_WITHIN);
                            self.call.held = self.call.shared.buffer();
                        }
                        self.call.held.extend_from_slice(scratch.get(..read).unwrap_or_default());
                        fresh = true;
                    }
                    Poll::Ready(_) => return Poll::Ready(Came::Over),
                    Poll::Pending if !began && self.may_not_rest(since_ms) => return Poll::Ready(Came::Over),
                    Poll::Pending if self.call.watch.is_over(context) => {
                        let late = Refusal { status: 408, why: "the head took too long" };
                        return Poll::Ready(if began { Came::Refused(late) } else { Came::Over });
                    }
                    Poll::Pending => return Poll::Pending,
                }
            }
        })
        .await
    }

    /// Whether something came that nobody will read.
    fn has_more(&mut self) -> bool {
        self.call.held.len() > self.call.head || !self.stream.is_silent()
    }

    /// Whether a connection on which nothing is asked has to go: all have, or there is no room for those who ask. Not at
    /// the very moment of an answer's end, when the next request may be on its way.
    fn may_not_rest(&self, since_ms: u64) -> bool {
        let (shared, watch) = (&self.call.shared, &self.call.watch);
        let has_rested = shared.watches.now_ms().saturating_sub(since_ms) >= RESTED.0;
        if shared.hurrying.get() && !has_rested {
            watch.allow(RESTED);
        }
        has_rested && (shared.hurrying.get() || shared.is_crowded())
    }

    /// How the connection goes on after an answer of the gateway's own: a body that was not read would
    /// be taken for the next request.
    fn after(&self) -> After {
        let clean = matches!(self.call.request.body, Body::None | Body::Length(0)) && !self.call.shared.stopping.get();
        match (self.call.request.keep_alive && clean, self.call.request.old) {
            (false, _) => After::Closes,
            (true, true) => After::StaysAsTold,
            (true, false) => After::Stays,
        }
    }

    async fn refuse(&mut self, refusal: Refusal) {
        self.call.shared.front.refused();
        if let Some(pen) = self.call.shared.pen() {
            pen.write_refused(self.call.peer, refusal.status);
        }
        let mut out = self.call.shared.buffer();
        let body = format!("{}\n", refusal.why);
        let date = self.call.shared.date.text();
        own(&mut out, refusal.status, &date, &[("Content-Type", "text/plain")], &body, false, After::Closes);
        if self.stream.write_all(&out).await.is_ok() {
            self.close_gently().await;
        }
    }

    /// A connection that is closed with bytes unread is reset, and the client may never see the answer.
    async fn close_gently(&mut self) {
        let _ = self.stream.shutdown().await;
        self.call.watch.allow(LAST_WORDS_WITHIN);
        let mut left = DISCARDED_BYTES_MAX;
        poll_fn(|context| {
            loop {
                let mut scratch = self.call.shared.scratch.borrow_mut();
                match poll_read(context, &mut self.stream, &mut scratch) {
                    Poll::Ready(Ok(read)) if read > 0 && read <= left => left -= read,
                    Poll::Ready(_) => return Poll::Ready(()),
                    Poll::Pending if self.call.watch.is_over(context) => return Poll::Ready(()),
                    Poll::Pending => return Poll::Pending,
                }
            }
        })
        .await;
    }

    /// The client knew without asking that the gateway speaks it.
    async fn change_to_http2(self) {
        let Self { stream, mut call, .. } = self;
        let (held, origin) = (std::mem::take(&mut call.held), call.origin());
        drop(call);
        // Those who speak HTTP/1 need no room for this.
        Box::pin(http2::serve(stream, held, origin)).await;
    }

    /// Lets an instance answer that speaks HTTP/2.
    async fn carry_over(&mut self, link: Link, asking: &Asking<'_>) -> Result<Done, Failed> {
        let head = self.call.head.min(self.call.held.len());
        let ahead = self.call.held.get(head..).unwrap_or_default().to_vec();
        let mut plain = Plain::new(&mut self.stream, ahead);
        plain.reads(self.call.request.body);
        let mut side = Side::Plain(plain);
        let Carried { unread, .. } = carry(&mut self.call, &mut side, link, asking).await?;
        // What follows the body is the next request.
        if let Side::Plain(plain) = side {
            self.call.held.truncate(head);
            self.call.held.extend_from_slice(&plain.ahead);
        }
        let ends_by_itself = self.call.response.body != Body::UntilClose;
        let stays = self.call.request.keep_alive && ends_by_itself && !unread;
        Ok(Done { status: self.call.response.status, stays, unread, reusable: None })
    }

    /// Gets ready for the next request.
    fn rest(&mut self) {
        self.is_new = false;
        self.call.held.drain(..self.call.head.min(self.call.held.len()));
        self.call.head = 0;
        self.call.request.clear();
        if self.call.held.is_empty() {
            self.call.shared.give_back(std::mem::take(&mut self.call.held));
        }
    }
}

/// Whoever begins with another protocol would take an answer for something else.
fn is_of_another_protocol(head: &[u8], refusal: Refusal) -> bool {
    let line = head.get(..memchr::memchr(b'\r', head).unwrap_or(head.len())).unwrap_or_default();
    refusal.status == 505 && !line.windows(5).any(|window| window == b"HTTP/")
}

impl Caller for Client {
    fn call(&self) -> &Call {
        &self.call
    }

    fn call_mut(&mut self) -> &mut Call {
        &mut self.call
    }

    fn belongs_to(&mut self, site: &Site) {
        self.keep_alive = site.limits.keep_alive;
    }

    async fn say(&mut self, status: u16, fields: &[(&str, &str)], body: &str) -> bool {
        self.call.facts.says(status, body.len());
        let after = self.after();
        let head_only = self.call.request.method.of(&self.call.held) == b"HEAD";
        let mut out = self.call.shared.buffer();
        own(&mut out, status, &self.call.shared.date.text(), fields, body, head_only, after);
        let told = self.stream.write_all(&out).await.is_ok();
        self.call.shared.give_back(out);
        if told && after == After::Closes {
            self.close_gently().await;
        }
        told && after != After::Closes
    }

    fn poll_gone(&mut self, context: &mut Context<'_>) -> Poll<()> {
        loop {
            let call = &mut self.call;
            let room = AHEAD_BYTES_MAX.saturating_sub(call.held.len() - call.head);
            let mut scratch = call.shared.scratch.borrow_mut();
            let room = room.min(scratch.len());
            if room == 0 {
                return Poll::Pending;
            }
            match ready!(poll_read(context, &mut self.stream, scratch.get_mut(..room).unwrap_or_default())) {
                Ok(read) if read > 0 => call.held.extend_from_slice(scratch.get(..read).unwrap_or_default()),
                // It has said all that it wants to say, and may wait for its answer: nothing tells whether it does.
                Ok(_) => return Poll::Pending,
                Err(_) => return Poll::Ready(()),
            }
        }
    }

    async fn carry(&mut self, link: Link, asking: &Asking<'_>) -> Result<Done, Failed> {
        match link {
            Link::Own(stream) => Exchange::new(self, stream, asking).run().await,
            // Those whose instances speak HTTP/1 need no room for this.
            Link::Shared(_) => Box::pin(self.carry_over(link, asking)).await,
        }
    }
}
