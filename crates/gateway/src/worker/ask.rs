//! An instance for a request: chosen, connected to, and another one asked where the first got nothing, or
//! where asking twice does what asking once does.
//!
//! What remains: a server may close a connection that was kept at the very moment a request goes out on
//! it. Whatever is repeatable is asked again; whatever is not (a POST) only goes out on a connection that
//! was used within the last second or is new, and if even that one hangs up without a word, the client
//! hears 502, because nobody can know whether it was done.

use super::answer::{Asking, Caller, Done, Ended, Failed, Outcome};
use super::call::Call;
use super::carry::Link;
use crate::http1::Body;
use crate::planted::{Bug, is};
use crate::pool::{Claim, Endpoint, Pool, Unclaimed, Wish};
use crate::stream::Stream;
use model::Span;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;
use wire::table::Protocol;

/// A request that a release was given.
pub(crate) struct Ask<'a> {
    pub(crate) pool: &'a Pool,
    /// What keeps it at one instance.
    pub(crate) key: u64,
    pub(crate) asking: &'a Asking<'a>,
    /// Further tries.
    pub(crate) retries: u64,
}

/// Why a try came to nothing.
enum Missed {
    /// There is no connection to the instance.
    NoConnection,
    /// A connection that was kept was over, and the request can be sent on a new one.
    Stale,
    /// The instance failed.
    Failed(Failed),
}

impl Ask<'_> {
    /// Finds an instance and lets it answer, within the time that there is for all of it.
    pub(crate) async fn run(&mut self, caller: &mut impl Caller) -> Outcome {
        let limits = self.asking.limits;
        if limits.request.is_none() && limits.stream.is_none() {
            return self.find(caller).await;
        }
        caller.call().watch.ends_in(limits.request);
        let outcome = self.find(caller).await;
        // The next request has a time of its own.
        caller.call().watch.ends_in(None);
        outcome
    }

    async fn find(&mut self, caller: &mut impl Caller) -> Outcome {
        let mut failed_it: Option<Rc<Endpoint>> = None;
        let (mut tries, mut stale) = (0, false);
        self.pool.earn_try();
        loop {
            let wish = Wish { key: self.key, not: failed_it.as_ref() };
            let claimed = match self.pool.claim(wish) {
                Err(Unclaimed::Full) => self.wait(caller, wish).await,
                claimed => claimed,
            };
            let claim = match claimed {
                Ok(claim) => claim,
                Err(unclaimed) => return Outcome::Unanswered { status: 503, why: unclaimed.why() },
            };
            let missed = match self.try_once(caller, &claim, stale).await {
                Ok(outcome) => return outcome,
                Err(missed) => missed,
            };
            let now_ms = caller.call().shared.watches.now_ms();
            let again = match &missed {
                // It says nothing about the instance, and happens once: the next connection is new.
                Missed::Stale => {
                    stale = true;
                    self.retries += 1;
                    continue;
                }
                Missed::NoConnection | Missed::Failed(Failed::Unsent) => true,
                Missed::Failed(Failed::Untouched) => is_repeatable(caller.call()),
                Missed::Failed(Failed::Instance(..) | Failed::Client(..)) => false,
                Missed::Failed(Failed::Broken | Failed::Left | Failed::Drained) => false,
            };
            if matches!(missed, Missed::NoConnection) {
                self.pool.sheet().connect_failed();
            }
            if missed.is_the_instances() {
                self.pool.answered(claim.endpoint(), false, now_ms);
            }
            if !again || tries >= self.pool.tries_max() || !self.pool.spend_try(now_ms) {
                return missed.outcome();
            }
            tries += 1;
            self.retries += 1;
            failed_it = Some(Rc::clone(claim.endpoint()));
        }
    }

    /// Waits until an instance has room; not for longer than one may take to take a connection, and not for
    /// a client whose connection is lost.
    async fn wait(&self, caller: &mut impl Caller, wish: Wish<'_>) -> Result<Claim, Unclaimed> {
        let waiting = self.pool.wait().ok_or(Unclaimed::Full)?;
        caller.call().watch.allow(self.asking.limits.connect);
        poll_fn(|context| {
            if let Poll::Ready(claimed) = waiting.poll_claim(context, wish) {
                return Poll::Ready(claimed);
            }
            if caller.call().watch.is_over(context) || caller.poll_gone(context).is_ready() {
                return Poll::Ready(Err(Unclaimed::Full));
            }
            Poll::Pending
        })
        .await
    }

    /// Sends it to the instance that is claimed.
    async fn try_once(&self, caller: &mut impl Caller, claim: &Claim, only_new: bool) -> Result<Outcome, Missed> {
        let shared = Rc::clone(&caller.call().shared);
        let idle = || claim.endpoint().take_idle(shared.watches.now_ms(), is_repeatable(caller.call()));
        let kept = if only_new { None } else { idle() };
        let was_kept = kept.is_some();
        let link = match kept {
            Some(stream) => Some(Link::Own(stream)),
            None => link(claim, self.asking.limits.connect, shared.watches.now_ms()).await,
        };
        let link = link.ok_or(Missed::NoConnection)?;
        caller.call().facts.instance.set(Some(claim.endpoint().address()));
        if let Some(copying) = caller.call().copying() {
            copying.claimed(claim.endpoint());
        }
        match caller.carry(link, &self.asking.of(claim.endpoint())).await {
            Ok(Done { status, stays, unread, reusable }) => {
                let now_ms = shared.watches.now_ms();
                if let Some(stream) = reusable {
                    claim.endpoint().keep_idle(stream, now_ms);
                }
                self.pool.answered(claim.endpoint(), status < 500, now_ms);
                Ok(Outcome::Answered { status, ended: Ended { stays, unread, whole: true } })
            }
            Err(Failed::Unsent) if was_kept => Err(Missed::Stale),
            Err(Failed::Untouched) if was_kept && is_repeatable(caller.call()) => Err(Missed::Stale),
            Err(failed) => Err(Missed::Failed(failed)),
        }
    }
}

impl Unclaimed {
    fn why(self) -> &'static str {
        match self {
            Self::Nobody => "no instance is there\n",
            Self::Full => "no instance has room\n",
            Self::Over => "too much is under way\n",
        }
    }
}

impl Missed {
    /// Whether it speaks against the instance.
    fn is_the_instances(&self) -> bool {
        match self {
            Self::NoConnection | Self::Failed(Failed::Unsent | Failed::Untouched) => true,
            Self::Failed(Failed::Instance(..) | Failed::Broken) => true,
            Self::Stale | Self::Failed(Failed::Client(..) | Failed::Left | Failed::Drained) => false,
        }
    }

    fn outcome(self) -> Outcome {
        match self {
            Self::NoConnection | Self::Stale | Self::Failed(Failed::Unsent) => {
                Outcome::Unanswered { status: 502, why: "no instance took the request\n" }
            }
            Self::Failed(Failed::Untouched) => Outcome::Unanswered { status: 502, why: "the instance hung up\n" },
            Self::Failed(Failed::Instance(status, why) | Failed::Client(status, why)) => {
                Outcome::Unanswered { status, why }
            }
            Self::Failed(Failed::Broken) => Outcome::Broken,
            Self::Failed(Failed::Left) => Outcome::Left,
            Self::Failed(Failed::Drained) => Outcome::Drained,
        }
    }
}

/// A way to the instance that is claimed.
async fn link(claim: &Claim, within: Span, now_ms: u64) -> Option<Link> {
    let endpoint = claim.endpoint();
    match endpoint.reach().protocol {
        Protocol::Http1 => connect(claim, within).await.map(Link::Own),
        // Few lanes have it, and the others need no room for this.
        Protocol::Http2 => Box::pin(endpoint.seat(now_ms, within)).await.map(Link::Shared),
    }
}

/// A new connection to the instance that is claimed.
pub(crate) async fn connect(claim: &Claim, within: Span) -> Option<Stream> {
    claim.endpoint().reach().connect(claim.endpoint().address(), within).await
}

/// Whether doing it twice does what doing it once does, and all of it is still there.
fn is_repeatable(call: &Call) -> bool {
    let held = (call.held.len() as u64).saturating_sub(call.head as u64);
    let is_whole = match call.request.body {
        Body::None => true,
        Body::Length(length) => length <= held,
        Body::Chunked | Body::UntilClose => false,
    };
    is_whole && (is(Bug::PostRepeated) || call.is_idempotent())
}
