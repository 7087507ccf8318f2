//! One request as it came, in whatever protocol. What is decided about it is decided from here.

use super::Shared;
use super::answer::Asking;
use super::listening::Listening;
use super::watch::Watch;
use crate::access::Facts;
use crate::http1::{Body, Known, Request, Response, Stretch, forwarded};
use crate::mirror::Copying;
use crate::pool::Endpoint;
use crate::table::{Asked, Network, Tidied, tidied};
use crate::tls::Authorities;
use model::Span;
use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;

/// The last part of the time for a drain in which all end: one part in so many.
const DRAIN_SPREAD: u64 = 5;

/// Where the requests of one connection come from.
#[derive(Clone)]
pub(crate) struct Origin {
    pub(crate) shared: Rc<Shared>,
    /// Where it was accepted.
    pub(crate) listening: Rc<Listening>,
    /// Who is at its other end.
    pub(crate) peer: IpAddr,
    /// `http` or `https`.
    pub(crate) scheme: &'static str,
    /// What was agreed on in TLS.
    pub(crate) tls: Option<Rc<Greeted>>,
    /// Whose word is taken for where requests came from, where the other end is one of those.
    pub(crate) believes: Option<Rc<[Network]>>,
}

/// What a client and the gateway agreed on in TLS.
#[derive(Debug)]
pub(crate) struct Greeted {
    /// Who had to vouch for the client, or could.
    pub(crate) demanded: Option<Arc<Authorities>>,
}

/// A request as it came, and the head of its answer.
pub(crate) struct Call {
    pub(crate) shared: Rc<Shared>,
    /// Where it came in.
    pub(crate) listening: Rc<Listening>,
    pub(crate) watch: Watch,
    /// Where it came from.
    pub(crate) peer: IpAddr,
    /// `http` or `https`.
    pub(crate) scheme: &'static str,
    /// What was agreed on in TLS.
    pub(crate) tls: Option<Rc<Greeted>>,
    /// Whose word is taken for where it came from, where the other end is one of those.
    pub(crate) believes: Option<Rc<[Network]>>,
    /// Its head, and what follows it. Requests of HTTP/2 stand here as HTTP/1, too.
    pub(crate) held: Vec<u8>,
    pub(crate) request: Request,
    pub(crate) response: Response,
    /// The length of the head in `held`.
    pub(crate) head: usize,
    /// Its path as it is compared, where that is not as it came.
    tidied: Option<Tidied>,
    /// What was carried of it, and of its answer.
    pub(crate) moved: Moved,
    /// Its answer never ends by itself.
    pub(crate) is_stream: bool,
    /// It has to end, because whoever answers goes away.
    drains: bool,
    /// It is copied.
    pub(crate) copying: RefCell<Option<Rc<Copying>>>,
    /// What the access log tells of it.
    pub(crate) facts: Facts,
}

/// Bytes of bodies.
#[derive(Debug, Default)]
pub(crate) struct Moved {
    received: Cell<u64>,
    sent: Cell<u64>,
}

impl Moved {
    /// So many more came from the client and went to it.
    pub(crate) fn add(&self, received: u64, sent: u64) {
        self.received.set(self.received.get() + received);
        self.sent.set(self.sent.get() + sent);
    }

    /// How many there were. The next request begins with none.
    pub(crate) fn take(&self) -> (u64, u64) {
        (self.received.take(), self.sent.take())
    }
}

impl Call {
    pub(crate) fn new(origin: Origin) -> Self {
        let Origin { shared, listening, peer, scheme, tls, believes } = origin;
        let watch = shared.watches.watch();
        let (held, request, response) = (Vec::new(), Request::default(), Response::default());
        let (moved, copying, facts) = (Moved::default(), RefCell::default(), Facts::default());
        Self {
            shared,
            listening,
            watch,
            peer,
            scheme,
            tls,
            believes,
            held,
            request,
            response,
            head: 0,
            tidied: None,
            moved,
            is_stream: false,
            drains: false,
            copying,
            facts,
        }
    }

    /// The head of its answer is there, in these bytes: from now on something has to move, and what never ends by
    /// itself has a time of its own.
    pub(crate) fn answer_begins(&mut self, bytes: &[u8], limits: &wire::table::Limits) {
        let has_length = matches!(self.response.body, Body::None | Body::Length(_));
        self.is_stream = self.response.status == 101 || (!has_length && self.response.is_events(bytes));
        if self.is_stream {
            self.watch.ends_in(limits.stream);
        }
        self.watch.allow(limits.idle);
    }

    /// Looks whether whoever answers goes away: what would wait for ever has an end then. Not all at the same time,
    /// or all would come back at once.
    pub(crate) fn keep_drain(&mut self, asking: &Asking<'_>, is_endless: impl FnOnce(&Self) -> bool) {
        let goes = self.shared.stopping.get() || asking.endpoint.is_some_and(Endpoint::drains);
        let drains = goes && is_endless(self);
        if drains != self.drains {
            self.drains = drains;
            let most = asking.limits.stream_drain.0;
            let within = || Span(most - fastrand::u64(0..=most / DRAIN_SPREAD));
            self.watch.drains_in(drains.then(within));
        }
    }

    /// Whether doing it twice does what doing it once does.
    pub(crate) fn is_idempotent(&self) -> bool {
        let idempotent: [&[u8]; 6] = [b"GET", b"HEAD", b"OPTIONS", b"TRACE", b"PUT", b"DELETE"];
        idempotent.contains(&self.method())
    }

    /// It is over: the next one has all the time there is.
    pub(crate) fn end_drain(&mut self) {
        if std::mem::take(&mut self.drains) {
            self.watch.drains_in(None);
        }
    }

    /// The path and query as they came.
    pub(crate) fn path_and_query(&self) -> &[u8] {
        self.text(self.request.target.path_and_query)
    }

    /// Looks how its path is compared. Nobody is found before.
    pub(crate) fn tidy(&mut self) {
        self.tidied = tidied(self.path());
    }

    /// Where its path leads for whoever does not follow `..`; none where it has none.
    pub(crate) fn unfollowed(&self) -> Option<&[u8]> {
        self.tidied.as_ref()?.unfollowed.as_deref()
    }

    /// The path as it is compared, and the query as it came.
    pub(crate) fn tidied_path_and_query(&self) -> Cow<'_, [u8]> {
        let target = self.path_and_query();
        match &self.tidied {
            None => Cow::Borrowed(target),
            Some(Tidied { path, .. }) => {
                let query = memchr::memchr(b'?', target).and_then(|at| target.get(at..)).unwrap_or_default();
                Cow::Owned([path.as_slice(), query].concat())
            }
        }
    }

    /// Where it came from.
    pub(crate) fn origin(&self) -> Origin {
        let (shared, listening) = (Rc::clone(&self.shared), Rc::clone(&self.listening));
        Origin {
            shared,
            listening,
            peer: self.peer,
            scheme: self.scheme,
            tls: self.tls.clone(),
            believes: self.believes.clone(),
        }
    }

    /// The value of a field that the gateway knows.
    pub(crate) fn known(&self, known: Known) -> Option<&[u8]> {
        let field = self.request.fields.iter().find(|field| field.known == known && !field.value.is_empty())?;
        Some(self.text(field.value))
    }

    /// What is copied of it, where something is.
    pub(crate) fn copying(&self) -> Option<Rc<Copying>> {
        self.copying.borrow().clone()
    }

    fn text(&self, stretch: Stretch) -> &[u8] {
        stretch.of(&self.held)
    }
}

impl Asked for Call {
    fn method(&self) -> &[u8] {
        self.text(self.request.method)
    }

    fn scheme(&self) -> &str {
        match &self.believes {
            None => self.scheme,
            Some(_) => forwarded::scheme(&self.held, &self.request.fields, self.scheme),
        }
    }

    fn host(&self) -> &[u8] {
        self.text(self.request.host)
    }

    fn path(&self) -> &[u8] {
        let target = self.path_and_query();
        let path = target.get(..memchr::memchr(b'?', target).unwrap_or(target.len())).unwrap_or_default();
        // The whole server is asked where its root is; `http://host` names no more than the host.
        if path.starts_with(b"/") { path } else { b"/" }
    }

    fn place(&self) -> &[u8] {
        self.tidied.as_ref().map_or_else(|| self.path(), |tidied| &tidied.path)
    }

    fn query(&self) -> &[u8] {
        let target = self.path_and_query();
        memchr::memchr(b'?', target).and_then(|at| target.get(at + 1..)).unwrap_or_default()
    }

    fn header(&self, name: &[u8]) -> Option<&[u8]> {
        let mut fields = self.request.fields.iter();
        let field = fields.find(|field| self.text(field.name).eq_ignore_ascii_case(name))?;
        Some(self.text(field.value))
    }

    fn cookie(&self, name: &[u8]) -> Option<&[u8]> {
        let cookies = self.request.fields.iter().filter(|field| field.known == Known::Cookie);
        cookies.flat_map(|field| self.text(field.value).split(|byte| *byte == b';')).find_map(|pair| {
            let (key, value) = pair.split_at(memchr::memchr(b'=', pair)?);
            (key.trim_ascii() == name).then(|| value.get(1..).unwrap_or_default().trim_ascii())
        })
    }

    fn client(&self) -> IpAddr {
        match &self.believes {
            None => self.peer,
            Some(networks) => {
                let is_believed = |address| networks.iter().any(|network| network.has(address));
                forwarded::client(&self.held, &self.request.fields, self.peer, is_believed)
            }
        }
    }
}
