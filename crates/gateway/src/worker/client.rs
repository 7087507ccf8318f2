//! A client's connection: one request after the other.

use super::Shared;
use super::exchange::{self, Outcome};
use super::flow::poll_read;
use super::watch::Watch;
use crate::http1::write::{About, After, own};
use crate::http1::{Body, Limits, Refusal, Request, Response, Stretch};
use crate::table::{Asked, Given, Site};
use model::Span;
use std::future::poll_fn;
use std::net::IpAddr;
use std::rc::Rc;
use std::task::Poll;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

/// How long the first request may take to begin.
const FIRST_WITHIN: Span = Span::seconds(30);
/// How long a client may take for a head, whosever it turns out to be.
const HEAD_WITHIN: Span = Span::seconds(30);
/// How long the gateway tries to tell a client why it is not served.
const LAST_WORDS_WITHIN: Span = Span::seconds(5);
/// Reads at most so much of what a refused client still sends, so that it gets to read the answer.
const DISCARDED_BYTES_MAX: usize = 256 << 10;

/// A client's connection.
pub(crate) struct Client {
    pub(crate) stream: TcpStream,
    pub(crate) peer: IpAddr,
    pub(crate) shared: Rc<Shared>,
    pub(crate) watch: Watch,
    /// What was read and not used: a head, what follows it, what the client sent ahead.
    pub(crate) held: Vec<u8>,
    pub(crate) request: Request,
    pub(crate) response: Response,
    /// The length of the head in `held`.
    pub(crate) head: usize,
    /// How long it may be idle between requests: as the last service says.
    keep_alive: Span,
}

/// What came.
enum Came {
    Request,
    Refused(Refusal),
    /// Nothing, or the client is gone.
    Over,
}

/// Serves a client until it goes, or has to.
pub(crate) async fn serve(stream: TcpStream, peer: IpAddr, shared: Rc<Shared>) {
    let watch = shared.watches.watch();
    let (held, request, response) = (Vec::new(), Request::default(), Response::default());
    let mut client = Client { stream, peer, shared, watch, held, request, response, head: 0, keep_alive: FIRST_WITHIN };
    loop {
        let stays = match client.next().await {
            Came::Request => client.answer().await,
            Came::Refused(refusal) => {
                client.refuse(refusal).await;
                false
            }
            Came::Over => false,
        };
        if !stays {
            return;
        }
        client.rest();
    }
}

impl Client {
    /// Waits for the next head. An idle connection has no buffer.
    async fn next(&mut self) -> Came {
        self.watch.allow(self.keep_alive);
        let mut began = !self.held.is_empty();
        let mut fresh = began;
        poll_fn(|context| {
            loop {
                if std::mem::take(&mut fresh) {
                    match self.request.read(&self.held, &Limits::default()) {
                        Ok(Some(length)) => {
                            self.head = length;
                            return Poll::Ready(Came::Request);
                        }
                        Ok(None) => {}
                        Err(refusal) => return Poll::Ready(Came::Refused(refusal)),
                    }
                }
                let mut scratch = self.shared.scratch.borrow_mut();
                match poll_read(context, &mut self.stream, &mut scratch) {
                    Poll::Ready(Ok(read)) if read > 0 => {
                        if !std::mem::replace(&mut began, true) {
                            self.watch.allow(HEAD_WITHIN);
                            self.held = self.shared.buffer();
                        }
                        self.held.extend_from_slice(scratch.get(..read).unwrap_or_default());
                        fresh = true;
                    }
                    Poll::Ready(_) => return Poll::Ready(Came::Over),
                    Poll::Pending if !began && self.shared.stopping.get() => return Poll::Ready(Came::Over),
                    Poll::Pending if self.watch.is_over(context) => {
                        let late = Refusal { status: 408, why: "the head took too long" };
                        return Poll::Ready(if began { Came::Refused(late) } else { Came::Over });
                    }
                    Poll::Pending => return Poll::Pending,
                }
            }
        })
        .await
    }

    /// Answers the request that came; whether the connection goes on.
    async fn answer(&mut self) -> bool {
        let path = self.request.target.path_and_query.of(&self.held);
        let path = path.get(..memchr::memchr(b'?', path).unwrap_or(path.len())).unwrap_or_default();
        // The whole server is asked where its root is.
        let path = if path.starts_with(b"/") { path } else { b"/" };
        let site = self.shared.find(self.request.host.of(&self.held), path);
        let Some(site) = site else {
            return self.say(404, &[], "no service is here\n").await;
        };
        self.keep_alive = site.limits.keep_alive;
        if let Body::Length(length) = self.request.body
            && length > site.limits.body_bytes_max
        {
            return self.say(413, &[], "the body is too large\n").await;
        }
        if let Some(hold) = &site.hold {
            let seconds = (hold.retry_after.0.div_ceil(1_000)).to_string();
            let fields = [("Retry-After", seconds.as_str()), ("Content-Type", "text/html; charset=utf-8")];
            return self.say(503, &fields, &hold.page).await;
        }
        let about = About { client: self.peer, scheme: "http", id: fastrand::u128(..) };
        match exchange::run(self, &site, &about).await {
            Outcome::Answered { stays, unread, .. } => {
                if unread {
                    self.close_gently().await;
                }
                stays && !self.shared.stopping.get()
            }
            Outcome::Unanswered { status, why } => self.say(status, &[], why).await,
            Outcome::Broken => false,
        }
    }

    /// Whom the request is for.
    pub(crate) fn give<'a>(&self, site: &'a Site) -> Option<Given<'a>> {
        site.give(&Seen { client: self })
    }

    /// How the connection goes on after an answer of the gateway's own: a body that was not read would
    /// be taken for the next request.
    fn after(&self) -> After {
        let clean = matches!(self.request.body, Body::None | Body::Length(0)) && !self.shared.stopping.get();
        match (self.request.keep_alive && clean, self.request.old) {
            (false, _) => After::Closes,
            (true, true) => After::StaysAsTold,
            (true, false) => After::Stays,
        }
    }

    async fn say(&mut self, status: u16, fields: &[(&str, &str)], body: &str) -> bool {
        let after = self.after();
        let head_only = self.request.method.of(&self.held) == b"HEAD";
        let mut out = self.shared.buffer();
        own(&mut out, status, fields, body, head_only, after);
        let told = self.stream.write_all(&out).await.is_ok();
        self.shared.give_back(out);
        if told && after == After::Closes {
            self.close_gently().await;
        }
        told && after != After::Closes
    }

    async fn refuse(&mut self, refusal: Refusal) {
        let mut out = self.shared.buffer();
        let body = format!("{}\n", refusal.why);
        own(&mut out, refusal.status, &[("Content-Type", "text/plain")], &body, false, After::Closes);
        if self.stream.write_all(&out).await.is_ok() {
            self.close_gently().await;
        }
    }

    /// A connection that is closed with bytes unread is reset, and the client may never see the answer.
    async fn close_gently(&mut self) {
        let _ = self.stream.shutdown().await;
        self.watch.allow(LAST_WORDS_WITHIN);
        let mut left = DISCARDED_BYTES_MAX;
        poll_fn(|context| {
            loop {
                let mut scratch = self.shared.scratch.borrow_mut();
                match poll_read(context, &mut self.stream, &mut scratch) {
                    Poll::Ready(Ok(read)) if read > 0 && read <= left => left -= read,
                    Poll::Ready(_) => return Poll::Ready(()),
                    Poll::Pending if self.watch.is_over(context) => return Poll::Ready(()),
                    Poll::Pending => return Poll::Pending,
                }
            }
        })
        .await;
    }

    /// Gets ready for the next request.
    fn rest(&mut self) {
        self.held.drain(..self.head.min(self.held.len()));
        self.head = 0;
        self.request.clear();
        if self.held.is_empty() {
            self.shared.give_back(std::mem::take(&mut self.held));
        }
    }
}

/// A request as matches see it.
struct Seen<'a> {
    client: &'a Client,
}

impl Seen<'_> {
    fn text(&self, stretch: Stretch) -> &[u8] {
        stretch.of(&self.client.held)
    }
}

impl Asked for Seen<'_> {
    fn method(&self) -> &[u8] {
        self.text(self.client.request.method)
    }

    fn query(&self) -> &[u8] {
        let target = self.text(self.client.request.target.path_and_query);
        memchr::memchr(b'?', target).and_then(|at| target.get(at + 1..)).unwrap_or_default()
    }

    fn header(&self, name: &[u8]) -> Option<&[u8]> {
        let mut fields = self.client.request.fields.iter();
        let field = fields.find(|field| self.text(field.name).eq_ignore_ascii_case(name))?;
        Some(self.text(field.value))
    }

    fn cookie(&self, name: &[u8]) -> Option<&[u8]> {
        let cookies = self.client.request.fields.iter().filter(|field| field.known == crate::http1::Known::Cookie);
        cookies.flat_map(|field| self.text(field.value).split(|byte| *byte == b';')).find_map(|pair| {
            let (key, value) = pair.split_at(memchr::memchr(b'=', pair)?);
            (key.trim_ascii() == name).then(|| value.get(1..).unwrap_or_default().trim_ascii())
        })
    }

    fn client(&self) -> IpAddr {
        self.client.peer
    }
}
