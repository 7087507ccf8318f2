//! What becomes of a request, in whatever protocol it came: all of that is decided here. Whoever carries
//! bytes, in HTTP/1 or in HTTP/2, is told.

use super::call::Call;
use crate::count::{End, Ended as Counted};
use crate::http1::write::{About, Instead};
use crate::http1::{self, Body, Edited};
use crate::pool::{Claim, Pool};
use crate::stream::Stream;
use crate::table::{Answer, Asked as _, Given, Rule, Site, TellsRelease, Turn, Whose};
use model::Span;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::timeout;
use wire::table::Limits;

/// How many instances are asked for a connection before the client hears that none took it.
const TRIES_MAX: u64 = 3;

/// Who waits for an answer: in HTTP/1 a connection, in HTTP/2 one of its streams.
pub(crate) trait Caller {
    /// The request that is answered.
    fn call(&self) -> &Call;

    /// It is served by this site from now on.
    fn belongs_to(&mut self, site: &Site);

    /// Gives an answer of the gateway's own; whether the connection goes on.
    async fn say(&mut self, status: u16, fields: &[(&str, &str)], body: &str) -> bool;

    /// Carries the request to an instance and its answer back.
    async fn carry(&mut self, stream: Stream, asking: &Asking<'_>) -> Result<Done, Failed>;
}

/// How an instance is asked, and what is changed in its answer.
#[derive(Clone, Copy)]
pub(crate) struct Asking<'a> {
    pub(crate) limits: &'a Limits,
    pub(crate) about: &'a About,
    pub(crate) instead: Instead<'a>,
    rule: Option<&'a Rule>,
    told: &'a TellsRelease,
    /// A line of the answer's head that is the gateway's own.
    pub(crate) set_cookie: &'a str,
}

impl<'a> Asking<'a> {
    /// What is changed in the request.
    pub(crate) fn request_edits(&self) -> Edited<'a> {
        Edited { rule: self.rule.and_then(|rule| rule.request.as_ref()), told: self.told.application.as_ref() }
    }

    /// What is changed in the answer.
    pub(crate) fn response_edits(&self) -> Edited<'a> {
        Edited { rule: self.rule.and_then(|rule| rule.response.as_ref()), told: self.told.client.as_ref() }
    }
}

/// An answer was given, by an instance.
pub(crate) struct Done {
    pub(crate) status: u16,
    /// Whether the client's connection goes on.
    pub(crate) stays: bool,
    /// Whether some of the request was not read.
    pub(crate) unread: bool,
    /// The instance's connection, where another request can be sent on it.
    pub(crate) reusable: Option<Stream>,
}

/// Why an instance did not answer to the end.
pub(crate) enum Failed {
    /// The instance said nothing, and took nothing that counts: another may be asked.
    Untouched,
    /// The instance failed before its answer began.
    Instance(u16, &'static str),
    /// The instance broke its answer off: too late to tell anybody.
    Broken,
    /// The client is gone.
    Left,
}

/// How the client's connection goes on.
pub(crate) struct Ended {
    pub(crate) stays: bool,
    /// Some of the request was not read.
    pub(crate) unread: bool,
}

impl Ended {
    fn said(stays: bool) -> Self {
        Self { stays, unread: false }
    }
}

/// What became of a request that a release was given.
enum Outcome {
    Answered {
        status: u16,
        ended: Ended,
    },
    /// No instance did, and the client was told nothing yet.
    Unanswered {
        status: u16,
        why: &'static str,
    },
    /// The answer ended in the middle.
    Broken,
    /// The client is gone.
    Left,
}

/// Answers a request.
pub(crate) async fn answer(caller: &mut impl Caller) -> Ended {
    let call = caller.call();
    let Some(site) = call.listening.find(call.host(), call.path()) else {
        call.shared.front.unserved();
        return Ended::said(caller.say(404, &[], "no service is here\n").await);
    };
    caller.belongs_to(&site);
    let turn = site.turn(caller.call());
    match turn.whose {
        Whose::Release => pass_on(caller, &site, turn).await,
        Whose::Gateway(answer) => Ended::said(say_own(caller, &site, turn, answer).await),
        Whose::Nobody(hold) => {
            site.answered(turn.class(), 503);
            let seconds = (hold.retry_after.0.div_ceil(1_000)).to_string();
            let fields = [("Retry-After", seconds.as_str()), ("Content-Type", hold.content_type.as_str())];
            Ended::said(caller.say(503, &fields, &hold.page).await)
        }
    }
}

/// Answers as a table says.
async fn say_own(caller: &mut impl Caller, site: &Site, turn: Turn<'_>, answer: &Answer) -> bool {
    let Some(fields) = answer.fields(caller.call()) else {
        site.answered(turn.class(), 400);
        return caller.say(400, &[], "Host is missing\n").await;
    };
    site.answered(turn.class(), answer.status);
    let fields: Vec<_> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
    caller.say(answer.status, &fields, &answer.body).await
}

/// Lets a release answer.
async fn pass_on(caller: &mut impl Caller, site: &Site, turn: Turn<'_>) -> Ended {
    let limits = turn.rule.and_then(|rule| rule.limits.as_ref()).unwrap_or(&site.limits);
    if let Body::Length(length) = caller.call().request.body
        && length > limits.body_bytes_max
    {
        site.answered(turn.class(), 413);
        return Ended::said(caller.say(413, &[], "the body is too large\n").await);
    }
    let target = turn.rule.and_then(|rule| rule.target(caller.call().path_and_query()));
    if target.as_ref().is_some_and(|target| target.len() > http1::Limits::default().target_bytes_max) {
        site.answered(turn.class(), 414);
        return Ended::said(caller.say(414, &[], "the target is too long\n").await);
    }
    let instead = Instead { target: target.as_deref(), host: turn.rule.and_then(Rule::host) };
    match give(caller, site, turn, limits, instead).await {
        Outcome::Answered { ended, .. } => ended,
        Outcome::Unanswered { status, why } => Ended::said(caller.say(status, &[], why).await),
        Outcome::Broken | Outcome::Left => Ended { stays: false, unread: false },
    }
}

/// Gives the request to a release and lets it answer. Whatever comes of it is that release's, as are
/// further tries.
async fn give(caller: &mut impl Caller, site: &Site, turn: Turn<'_>, limits: &Limits, instead: Instead<'_>) -> Outcome {
    let call = caller.call();
    let about = About { client: call.client(), scheme: call.scheme, id: fastrand::u128(..) };
    let Some(Given { pool, way, unit, told, set_cookie }) = site.give(call) else {
        site.answered(turn.class(), 503);
        return Outcome::Unanswered { status: 503, why: "no release is there\n" };
    };
    let set_cookie = set_cookie.as_deref().unwrap_or_default();
    let asking = Asking { limits, about: &about, instead, rule: turn.rule, told, set_cookie };
    let entry = pool.sheet().begin(turn.class(), way, unit);
    let mut retries = 0;
    let outcome = ask(caller, pool, &asking, &mut retries).await;
    let end = match &outcome {
        Outcome::Answered { status, .. } => End::Answered(*status),
        Outcome::Unanswered { status, .. } => End::Unanswered(*status),
        Outcome::Broken => End::Broken,
        Outcome::Left => End::Left,
    };
    let (received, sent) = caller.call().moved.take();
    entry.end(Counted { end, retries, received, sent });
    outcome
}

/// Finds an instance and lets it answer.
async fn ask(caller: &mut impl Caller, pool: &Pool, asking: &Asking<'_>, retries: &mut u64) -> Outcome {
    for tried in 0..TRIES_MAX {
        *retries = tried;
        let Some(claim) = pool.claim() else {
            return Outcome::Unanswered { status: 503, why: "no instance is there\n" };
        };
        let Some((stream, used)) = connect(&claim, asking.limits.connect).await else {
            pool.sheet().connect_failed();
            continue;
        };
        match caller.carry(stream, asking).await {
            Ok(Done { status, stays, unread, reusable }) => {
                if let Some(stream) = reusable {
                    claim.endpoint().keep_idle(stream);
                }
                return Outcome::Answered { status, ended: Ended { stays, unread } };
            }
            // A connection that was kept for long may have been closed at the very moment it was used.
            Err(Failed::Untouched) if used && is_repeatable(caller.call()) => {}
            Err(Failed::Untouched) => return Outcome::Unanswered { status: 502, why: "the instance hung up\n" },
            Err(Failed::Instance(status, why)) => return Outcome::Unanswered { status, why },
            Err(Failed::Broken) => return Outcome::Broken,
            Err(Failed::Left) => return Outcome::Left,
        }
    }
    Outcome::Unanswered { status: 502, why: "no instance took the request\n" }
}

/// A connection to the claimed instance, and whether it was used before.
async fn connect(claim: &Claim, within: Span) -> Option<(Stream, bool)> {
    if let Some(stream) = claim.endpoint().take_idle() {
        return Some((stream, true));
    }
    let connecting = TcpStream::connect(claim.endpoint().address());
    let stream = timeout(Duration::from_millis(within.0), connecting).await.ok()?.ok()?;
    let _ = stream.set_nodelay(true);
    Some((Stream::Plain(stream), false))
}

/// Whether doing it twice does what doing it once does, and all of it is still there.
fn is_repeatable(call: &Call) -> bool {
    let safe: [&[u8]; 4] = [b"GET", b"HEAD", b"OPTIONS", b"TRACE"];
    call.request.body == Body::None && safe.contains(&call.method())
}
