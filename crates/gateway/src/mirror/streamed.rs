//! A copy in HTTP/2: one stream of a connection that others share.

use super::copying::{Copy, Copying};
use super::kept::{Kept, unframed};
use super::shadow::ANSWER_BYTES_MAX;
use crate::http1::{Limits, Response};
use crate::pool::Seat;
use crate::worker::http2::head::{self, Said};
use bytes::Bytes;

/// Sends a copy, and reads its answer as far as it is kept; none where there is no whole one.
pub(super) async fn ask(seat: Seat, copying: &Copying, copy: &Copy) -> Option<Kept> {
    let mut doubt = Doubt { seat, heard: false };
    let head = head::request_parts(&copy.head, copying.scheme, copying.trailers).ok()?;
    let body = if copying.chunked { unframed(&copy.body).body } else { copy.body.to_vec() };
    let (answer, mut rest) = doubt.seat.sender.send_request(head, body.is_empty()).ok()?;
    if !body.is_empty() {
        // All of it is here already, and it is no larger than a copy may be.
        rest.send_data(Bytes::from(body), true).ok()?;
    }
    let answered = answer.await;
    doubt.heard = true;
    let (parts, mut says) = answered.ok()?.into_parts();
    let mut text = Vec::new();
    let said = if says.is_end_stream() { Said::All } else { Said::InChunks };
    head::response_text(&mut text, &parts, said).ok()?;
    let mut response = Response::default();
    response.read(&text, copying.method(), &Limits::default()).ok()??;
    let plan = &copying.mirror.plan;
    let mut kept = Kept::new(&response, &text, &plan.headers, plan.answer_bytes_max, false);
    let mut read = 0;
    while let Some(data) = says.data().await {
        let data = data.ok()?;
        says.flow_control().release_capacity(data.len()).ok()?;
        kept.keep(&data);
        read += data.len() as u64;
        if read >= ANSWER_BYTES_MAX && !says.is_end_stream() {
            // Its stream is reset, and others go on.
            kept.cut();
            return Some(kept);
        }
    }
    if let Some(trailers) = says.trailers().await.ok()? {
        kept.keep_trailers(&trailers);
    }
    Some(kept)
}

/// A connection on which nothing is heard until this is dropped is one that others do not wait for.
struct Doubt {
    seat: Seat,
    heard: bool,
}

impl Drop for Doubt {
    fn drop(&mut self) {
        if !self.heard {
            self.seat.distrust();
        }
    }
}
