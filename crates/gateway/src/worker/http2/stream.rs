//! One request of HTTP/2, and its answer.

use super::head;
use super::streams::Open;
use crate::http1::{Limits, Refusal};
use crate::table::Site;
use crate::worker::answer::{Asking, Caller, Done, Failed, answer};
use crate::worker::call::{Call, Origin};
use crate::worker::carry::{Carried, Link, carry};
use crate::worker::side::{Piece, Side, Streamed};
use bytes::Bytes;
use h2::RecvStream;
use h2::server::SendResponse;
use http::{Response, StatusCode, request};
use std::task::{Context, Poll};

/// A request that waits for its answer.
struct Asker {
    call: Call,
    side: Side<'static>,
    open: Open,
}

/// Answers one request.
pub(super) async fn serve(
    request: http::Request<RecvStream>,
    respond: SendResponse<Bytes>,
    open: Open,
    origin: Origin,
) {
    let (parts, body) = request.into_parts();
    let ended = body.is_end_stream();
    let side = Side::Streamed(Streamed::client(body, respond));
    let mut asker = Asker { call: Call::new(origin), side, open };
    asker.call.held = asker.call.shared.buffer();
    asker.call.facts.is_http2.set(true);
    match asker.read(&parts, ended) {
        Ok(()) => _ = answer(&mut asker).await,
        Err(refusal) => {
            let body = format!("{}\n", refusal.why);
            asker.call.shared.front.refused();
            if let Some(pen) = asker.call.shared.pen() {
                pen.write_refused(asker.call.peer, refusal.status);
            }
            asker.tell(refusal.status, &[("Content-Type", "text/plain")], &body);
        }
    }
    let held = std::mem::take(&mut asker.call.held);
    asker.call.shared.give_back(held);
}

impl Asker {
    /// Reads the head as if it had come in HTTP/1.
    fn read(&mut self, parts: &request::Parts, ended: bool) -> Result<(), Refusal> {
        let call = &mut self.call;
        head::request_text(&mut call.held, parts, ended)?;
        let read = call.request.read(&call.held, &Limits::default())?;
        call.head = read.filter(|head| *head == call.held.len()).ok_or(Refusal { status: 400, why: "no head" })?;
        Ok(())
    }

    /// Gives an answer of the gateway's own.
    fn tell(&mut self, status: u16, fields: &[(&str, &str)], body: &str) {
        let Side::Streamed(streamed) = &mut self.side else { return };
        let mut head = Response::new(());
        *head.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let length = body.len().to_string();
        // These never have a body, and one of them may not even say so.
        let says_length = !matches!(status, 204 | 304);
        let length = says_length.then_some(("content-length", length.as_str()));
        let date = self.call.shared.date.text();
        for (name, value) in [("date", &*date)].iter().chain(fields).chain(&length) {
            let name = http::HeaderName::from_bytes(name.as_bytes());
            if let (Ok(name), Ok(value)) = (name, http::HeaderValue::from_str(value)) {
                head.headers_mut().append(name, value);
            }
        }
        let silent = body.is_empty() || self.call.request.method.of(&self.call.held) == b"HEAD";
        if streamed.answer(head, silent).is_ok() && !silent {
            // Whoever is gone hears nothing.
            let _ = self.side.push(Piece::Data(Bytes::copy_from_slice(body.as_bytes()), true));
        }
    }
}

impl Caller for Asker {
    fn call(&self) -> &Call {
        &self.call
    }

    fn call_mut(&mut self) -> &mut Call {
        &mut self.call
    }

    fn belongs_to(&mut self, site: &Site) {
        self.open.keep_alive(site.limits.keep_alive);
    }

    async fn say(&mut self, status: u16, fields: &[(&str, &str)], body: &str) -> bool {
        self.call.facts.says(status, body.len());
        self.tell(status, fields, body);
        true
    }

    fn poll_gone(&mut self, context: &mut Context<'_>) -> Poll<()> {
        self.side.poll_lost(context).map(|_| self.open.taken_back(self.call.shared.watches.now_ms()))
    }

    async fn carry(&mut self, link: Link, asking: &Asking<'_>) -> Result<Done, Failed> {
        let carried = carry(&mut self.call, &mut self.side, link, asking).await;
        if matches!(carried, Err(Failed::Left)) {
            self.open.taken_back(self.call.shared.watches.now_ms());
        }
        let Carried { unread, reusable } = carried?;
        Ok(Done { status: self.call.response.status, stays: true, unread, reusable })
    }
}
