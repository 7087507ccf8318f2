//! What becomes of a request, in whatever protocol it came: all of that is decided here. Whoever carries
//! bytes, in HTTP/1 or in HTTP/2, is told.

use super::ask::Ask;
use super::call::Call;
use super::carry::Link;
use super::parking;
use crate::count::{Class, End, Ended as Counted};
use crate::http1::write::{About, Instead};
use crate::http1::{self, Body, Edited, Edits};
use crate::mirror::Mirror;
use crate::planted::{Bug, is};
use crate::pool::Endpoint;
use crate::rate::Refused;
use crate::stream::Stream;
use crate::table::{Answer, Asked as _, Given, Rule, Site, TellsRelease, Turn, Whose};
use std::rc::Rc;
use std::task::{Context, Poll};
use tokio::time::Instant;
use wire::table::Limits;

/// When a client may come again whom nobody could serve just now, in seconds.
const RETRY_AFTER_S: &str = "1";

/// Who waits for an answer: in HTTP/1 a connection, in HTTP/2 one of its streams.
pub(crate) trait Caller {
    /// The request that is answered.
    fn call(&self) -> &Call;

    /// The same, to be changed.
    fn call_mut(&mut self) -> &mut Call;

    /// It is served by this site from now on.
    fn belongs_to(&mut self, site: &Site);

    /// Gives an answer of the gateway's own; whether the connection goes on.
    async fn say(&mut self, status: u16, fields: &[(&str, &str)], body: &str) -> bool;

    /// Looks whether the client is gone. One that has only said that it says no more waits for its answer. What it
    /// sends meanwhile is kept, within bounds.
    fn poll_gone(&mut self, _context: &mut Context<'_>) -> Poll<()> {
        Poll::Pending
    }

    /// Carries the request to an instance and its answer back.
    async fn carry(&mut self, link: Link, asking: &Asking<'_>) -> Result<Done, Failed>;
}

/// How an instance is asked, and what is changed in its answer.
#[derive(Clone, Copy)]
pub(crate) struct Asking<'a> {
    pub(crate) limits: &'a Limits,
    pub(crate) about: &'a About,
    pub(crate) instead: Instead<'a>,
    rule: Option<&'a Rule>,
    told: &'a TellsRelease,
    /// A `Set-Cookie` of the gateway's own; none where empty.
    pub(crate) set_cookie: &'a str,
    /// Who is asked, once that is known.
    pub(crate) endpoint: Option<&'a Endpoint>,
}

impl<'a> Asking<'a> {
    /// The same, of this instance.
    pub(crate) fn of(&self, endpoint: &'a Endpoint) -> Self {
        Self { endpoint: Some(endpoint), ..*self }
    }

    /// What is changed in the request.
    pub(crate) fn request_edits(&self) -> Edited<'a> {
        Edited { rule: self.rule.and_then(|rule| rule.request.as_ref()), told: self.told.application.as_ref() }
    }

    /// What the client is told of the release where the gateway answers in its place.
    fn told(&self) -> Vec<(&str, &str)> {
        let release = self.told.client.iter().flat_map(Edits::put);
        release.chain(Some(("Set-Cookie", self.set_cookie)).filter(|(_, cookie)| !cookie.is_empty())).collect()
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
#[derive(PartialEq, Eq)]
pub(crate) enum Failed {
    /// Not a byte of the request was sent.
    Unsent,
    /// The instance said nothing, and all that it was sent is still there: another may be asked, where that
    /// does no harm.
    Untouched,
    /// The instance failed before its answer began.
    Instance(u16, &'static str),
    /// It is the client's fault, and its answer has not begun.
    Client(u16, &'static str),
    /// The instance broke its answer off: too late to tell anybody.
    Broken,
    /// The client is gone.
    Left,
    /// The instance goes away, and its answer has not begun.
    Drained,
}

impl Failed {
    /// The same, where nobody can be told any more.
    pub(crate) fn unheard(self) -> Self {
        match self {
            Self::Instance(..) | Self::Broken => Self::Broken,
            Self::Unsent | Self::Untouched | Self::Client(..) | Self::Left | Self::Drained => Self::Left,
        }
    }
}

/// How the client's connection goes on.
pub(crate) struct Ended {
    pub(crate) stays: bool,
    /// Some of the request was not read.
    pub(crate) unread: bool,
    /// The answer has come to its end.
    pub(crate) whole: bool,
}

impl Ended {
    fn said(stays: bool) -> Self {
        Self { stays, unread: false, whole: true }
    }
}

/// What became of a request that a release was given.
pub(crate) enum Outcome {
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
    /// Whoever was to answer goes away, and the client was told nothing yet.
    Drained,
}

/// Answers a request.
pub(crate) async fn answer(caller: &mut impl Caller) -> Ended {
    caller.call_mut().tidy();
    let Some(pen) = caller.call().shared.pen() else { return decide(caller, false).await };
    caller.call().facts.forget();
    let begun = Instant::now();
    let ended = decide(caller, true).await;
    pen.write(caller.call(), begun);
    ended
}

/// Whoever is to answer does.
async fn decide(caller: &mut impl Caller, is_logged: bool) -> Ended {
    let mut parked = None;
    loop {
        let call = caller.call();
        if call.shared.load.sheds() {
            return turn_away(caller).await;
        }
        let Some(site) = call.listening.find(call.host(), call.place()) else {
            call.shared.front.unserved();
            return Ended::said(caller.say(404, &[], "no service is here\n").await);
        };
        if call.tls.as_ref().is_some_and(|greeted| !call.listening.suits(&site, greeted)) {
            site.answered(Class::default(), 421);
            return Ended::said(caller.say(421, &[], "this connection was made for another host\n").await);
        }
        caller.belongs_to(&site);
        let turn = site.turn(caller.call());
        if is_logged {
            caller.call().facts.belongs_to(&site, turn.class());
        }
        if is_two_faced(caller.call(), &site, &turn) {
            site.answered(turn.class(), 400);
            return Ended::said(caller.say(400, &[], "the path leads elsewhere than it says\n").await);
        }
        if parked.is_none()
            && let Err(refused) = site.let_in(caller.call(), &turn)
        {
            site.answered(turn.class(), 429);
            return Ended::said(say_too_often(caller, &refused).await);
        }
        match turn.whose {
            Whose::Release => {
                drop(parked);
                return pass_on(caller, &site, turn).await;
            }
            Whose::Gateway(answer) => return Ended::said(say_own(caller, &site, turn, answer).await),
            // Another table may have come meanwhile: what becomes of the request is decided anew.
            Whose::Nobody(hold) if parking::wait(caller, &site.lot, hold, &mut parked).await => {}
            Whose::Nobody(hold) => {
                drop(parked);
                site.answered(turn.class(), 503);
                let seconds = (hold.retry_after.0.div_ceil(1_000)).to_string();
                let fields = [("Retry-After", seconds.as_str()), ("Content-Type", hold.content_type.as_str())];
                return Ended::said(caller.say(503, &fields, &hold.page).await);
            }
        }
    }
}

/// Whether an instance that does not follow `..` would take the request for another service's, or for one of another
/// rule: whichever of them is a lock, nobody walks around it.
fn is_two_faced(call: &Call, site: &Rc<Site>, turn: &Turn<'_>) -> bool {
    let Some(path) = call.unfollowed() else { return false };
    let whose = call.listening.find(call.host(), path);
    !whose.is_some_and(|whose| Rc::ptr_eq(&whose, site)) || !site.has_same_turn(call, path, turn)
}

/// There is more to do than gets done: whoever hears that at once can go elsewhere, or come again.
async fn turn_away(caller: &mut impl Caller) -> Ended {
    caller.call().shared.front.shed();
    Ended::said(caller.say(503, &[("Retry-After", RETRY_AFTER_S)], "too much is under way\n").await)
}

/// A client comes too often.
async fn say_too_often(caller: &mut impl Caller, refused: &Refused) -> bool {
    let after_s = refused.after_s.to_string();
    let fields =
        [("Retry-After", after_s.as_str()), ("RateLimit-Policy", &refused.policy), ("RateLimit", &refused.left)];
    caller.say(429, &fields, "too many requests\n").await
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
    let target = turn.rule.and_then(|rule| rule.target(&caller.call().tidied_path_and_query()));
    if target.as_ref().is_some_and(|target| target.len() > http1::Limits::default().target_bytes_max) {
        site.answered(turn.class(), 414);
        return Ended::said(caller.say(414, &[], "the target is too long\n").await);
    }
    let instead = Instead { target: target.as_deref(), host: turn.rule.and_then(Rule::host) };
    give(caller, site, turn, limits, instead).await
}

/// Gives the request to a release and lets it answer. Whatever comes of it is that release's, as are
/// further tries.
async fn give(caller: &mut impl Caller, site: &Site, turn: Turn<'_>, limits: &Limits, instead: Instead<'_>) -> Ended {
    let call = caller.call();
    let about =
        About { client: call.peer, scheme: call.scheme, id: fastrand::u128(..), believed: call.believes.is_some() };
    let Some(Given { pool, way, unit, told, set_cookie, key, mirrors }) = site.give(call) else {
        site.answered(turn.class(), 503);
        return Ended::said(caller.say(503, &[("Retry-After", RETRY_AFTER_S)], "no release is there\n").await);
    };
    let set_cookie = set_cookie.as_deref().unwrap_or_default();
    let asking = Asking { limits, about: &about, instead, rule: turn.rule, told, set_cookie, endpoint: None };
    let entry = pool.sheet().begin(turn.class(), way, unit);
    caller.call().copying.replace(Mirror::copy(mirrors, caller.call(), &asking, turn.class()));
    let mut ask = Ask { pool, key, asking: &asking, retries: 0 };
    let outcome = ask.run(caller).await;
    let end = match &outcome {
        Outcome::Answered { status, .. } => End::Answered(*status),
        Outcome::Unanswered { status, .. } => End::Unanswered(*status),
        Outcome::Broken => End::Broken,
        // It is no fault of the release that one of its instances makes room for another.
        Outcome::Left | Outcome::Drained => End::Left,
    };
    let end = if is(Bug::RetryUncharged) && ask.retries > 0 { End::Left } else { end };
    if let Some(copying) = caller.call().copying.take() {
        copying.ended(matches!(outcome, Outcome::Answered { .. }));
    }
    let (received, sent) = caller.call().moved.take();
    let counted = Counted { end, retries: ask.retries, received, sent };
    entry.end(counted);
    let call = caller.call();
    call.facts.given(pool.release(), about.id, &counted, call.response.status);
    let (status, why) = match outcome {
        Outcome::Answered { ended, .. } => return ended,
        Outcome::Broken | Outcome::Left => return Ended { stays: false, unread: false, whole: false },
        Outcome::Unanswered { status, why } => (status, why),
        Outcome::Drained => (503, "whoever was to answer goes away: come again\n"),
    };
    let mut fields = asking.told();
    if status == 503 {
        fields.push(("Retry-After", RETRY_AFTER_S));
    }
    Ended::said(caller.say(status, &fields, why).await)
}
