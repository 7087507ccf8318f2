//! One copy: sent, and its answer read as far as it is kept. Nobody waits for it.

use super::copying::{Copy, Copying, To};
use super::kept::Kept;
use super::{Answer, Missing, Shadowed, streamed};
use crate::count::{End, Ended, Way};
use crate::http1::{Body, Chunked, Limits, Response};
use crate::pool::{Claim, Endpoint, Pool, Wish};
use crate::stream::Stream;
use crate::worker::ask::connect;
use std::rc::Rc;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::{Instant, timeout};
use wire::table::Protocol;

/// The most that is read of one answer. Whoever sends more is hung up on.
pub(super) const ANSWER_BYTES_MAX: u64 = 1 << 20;
/// How much is read at once.
const READ_BYTES: usize = 8 << 10;

/// Sends a copy to an instance, but not to this one.
pub(super) async fn send(copying: Rc<Copying>, to: To, copy: Copy, not: Option<Rc<Endpoint>>) {
    let pool = match to {
        To::Candidate => Rc::clone(&copying.mirror.to.pool),
        To::Second => Rc::clone(&copying.mirror.of.pool),
    };
    let entry = pool.sheet().begin(copying.class, Way::Copied, None);
    let within = Duration::from_millis(copying.mirror.plan.within.0);
    let asked = timeout(within, ask(&copying, &pool, &copy, not.as_ref())).await;
    let shadowed: Shadowed = asked.unwrap_or(Err(Missing::TooLate));
    let end = match &shadowed {
        Ok(answer) => End::Answered(answer.status),
        Err(Missing::NoInstance | Missing::NoConnection) => End::Unanswered(502),
        Err(Missing::TooLate) => End::Unanswered(504),
        Err(Missing::BrokenOff) => End::Broken,
    };
    entry.end(Ended { end, retries: 0, received: 0, sent: 0 });
    copying.shadow_ended(to, shadowed);
}

async fn ask(copying: &Copying, pool: &Pool, copy: &Copy, not: Option<&Rc<Endpoint>>) -> Shadowed {
    let begun = Instant::now();
    let claim = pool.claim(Wish { key: fastrand::u64(..), not }).map_err(|_| Missing::NoInstance)?;
    // A second instance is another one: where there is only one, nothing can be told from it.
    if not.is_some_and(|not| not.address() == claim.endpoint().address()) {
        return Err(Missing::NoInstance);
    }
    let kept = match claim.endpoint().reach().protocol {
        Protocol::Http1 => ask_alone(copying, &claim, copy).await?,
        // Few lanes have it, and the others need no room for this.
        Protocol::Http2 => Box::pin(ask_among_others(copying, &claim, copy)).await?,
    };
    let answer: Answer = kept.finish(begun.elapsed().as_micros() as u64);
    Ok(answer)
}

/// In HTTP/1, on a connection of its own.
async fn ask_alone(copying: &Copying, claim: &Claim, copy: &Copy) -> Result<Kept, Missing> {
    let now_ms = copying.shared.watches.now_ms();
    // It is sent once: only a connection that was used just now is good enough.
    let mut stream = match claim.endpoint().take_idle(now_ms, false) {
        Some(stream) => stream,
        None => connect(claim, copying.connect).await.ok_or(Missing::NoConnection)?,
    };
    stream.write_all(&[&copy.head[..], &copy.body].concat()).await.map_err(|_| Missing::BrokenOff)?;
    stream.flush().await.map_err(|_| Missing::BrokenOff)?;
    let (kept, reusable) = Reading::new(&mut stream).read(copying).await.ok_or(Missing::BrokenOff)?;
    if reusable {
        claim.endpoint().keep_idle(stream, copying.shared.watches.now_ms());
    }
    Ok(kept)
}

/// In HTTP/2, on a connection that it shares: whoever needs one, too, waits no longer for it than for its own.
async fn ask_among_others(copying: &Copying, claim: &Claim, copy: &Copy) -> Result<Kept, Missing> {
    let seat = claim.endpoint().seat(copying.shared.watches.now_ms(), copying.connect).await;
    streamed::ask(seat.ok_or(Missing::NoConnection)?, copying, copy).await.ok_or(Missing::BrokenOff)
}

/// An answer that is read.
struct Reading<'a> {
    stream: &'a mut Stream,
    held: Vec<u8>,
    read: u64,
}

impl<'a> Reading<'a> {
    fn new(stream: &'a mut Stream) -> Self {
        Self { stream, held: Vec::new(), read: 0 }
    }

    /// The answer, and whether its connection can be used again; none where there is no whole one.
    async fn read(mut self, copying: &Copying) -> Option<(Kept, bool)> {
        let mut response = Response::default();
        let head = loop {
            match response.read(&self.held, copying.method(), &Limits::default()).ok()? {
                Some(head) if response.status >= 200 => break head,
                // What comes before the answer is none.
                Some(head) if response.status != 101 => {
                    self.held.drain(..head);
                    response.clear();
                }
                Some(_) => return None,
                None => self.more().await?,
            }
        };
        let plan = &copying.mirror.plan;
        let mut kept =
            Kept::new(&response, &self.held, &plan.headers, plan.answer_bytes_max, response.body == Body::Chunked);
        self.held.drain(..head);
        let ended = self.body(response.body, &mut kept).await?;
        Some((kept, ended && response.keep_alive && self.held.is_empty()))
    }

    /// Whether the body came to its end: there is an end to what is read of it.
    async fn body(&mut self, body: Body, kept: &mut Kept) -> Option<bool> {
        let mut chunked = Chunked::default();
        let mut left = match body {
            Body::None => 0,
            Body::Length(length) => length,
            Body::Chunked | Body::UntilClose => u64::MAX,
        };
        while left > 0 {
            let here = usize::try_from(left).unwrap_or(usize::MAX).min(self.held.len());
            let mut taken = here;
            match body {
                Body::None | Body::Length(_) => left -= here as u64,
                Body::UntilClose => {}
                Body::Chunked => {
                    let piece = chunked.read(&self.held).ok()?;
                    taken = piece.taken;
                    left = if piece.done { 0 } else { left };
                }
            }
            kept.keep(self.held.get(..taken).unwrap_or_default());
            self.held.drain(..taken);
            if left > 0 && self.read >= ANSWER_BYTES_MAX {
                kept.cut();
                return Some(false);
            }
            if left > 0 && self.more().await.is_none() {
                // Only this kind ends with its connection.
                return (body == Body::UntilClose).then_some(false);
            }
        }
        Some(true)
    }

    /// Reads on; nothing where there is no more.
    async fn more(&mut self) -> Option<()> {
        let mut room = [0; READ_BYTES];
        let read = self.stream.read(&mut room).await.ok().filter(|read| *read > 0)?;
        self.read += read as u64;
        self.held.extend_from_slice(room.get(..read).unwrap_or_default());
        Some(())
    }
}
