//! One request: to an instance and back. Both directions flow at once, so an answer may begin before
//! its request has ended.

use super::client::Client;
use super::flow::{Broken, Flow, poll_read};
use crate::count::End;
use crate::http1::write::{self, About, After};
use crate::http1::{Body, Limits};
use crate::pool::{Claim, Pool};
use crate::table::{Given, Site};
use model::Span;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::AsyncWrite as _;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

/// How many instances are asked for a connection before the client hears that none took it.
const TRIES_MAX: u64 = 3;

/// What became of a request.
pub(crate) enum Outcome {
    /// An instance answered; whether the client's connection goes on, and whether some of the request
    /// was not read.
    Answered { status: u16, stays: bool, unread: bool },
    /// Nobody did, and the client was told nothing yet.
    Unanswered { status: u16, why: &'static str },
    /// The answer ended in the middle, or the client is gone.
    Broken,
}

/// Why an exchange did not come to its end.
enum Failed {
    /// The instance said nothing, and took nothing that counts: another may be asked.
    Untouched,
    /// The instance failed before its answer began.
    Instance(u16, &'static str),
    /// Too late to tell anybody.
    Broken,
}

/// Gives the request to a release and lets it answer. Whatever comes of it is that release's, as are
/// further tries.
pub(crate) async fn run(client: &mut Client, site: &Site, about: &About) -> Outcome {
    let Some(Given { pool, matched, set_cookie }) = client.give(site) else {
        return Outcome::Unanswered { status: 503, why: "no release is there\n" };
    };
    let begun = Instant::now();
    let mut retries = 0;
    let outcome = ask(client, site, pool, about, set_cookie.as_deref().unwrap_or_default(), &mut retries).await;
    let end = match &outcome {
        Outcome::Answered { status, .. } => End::Answered(*status),
        Outcome::Unanswered { status, .. } => End::Unanswered(*status),
        Outcome::Broken => End::Broken,
    };
    pool.count(matched, end, retries, begun.elapsed().as_micros() as u64);
    outcome
}

/// Finds an instance and lets it answer.
async fn ask(client: &mut Client, site: &Site, pool: &Pool, about: &About, own: &str, retries: &mut u64) -> Outcome {
    for tried in 0..TRIES_MAX {
        *retries = tried;
        let Some(claim) = pool.claim() else {
            return Outcome::Unanswered { status: 503, why: "no instance is there\n" };
        };
        let Some((stream, used)) = connect(&claim, site.limits.connect).await else { continue };
        match Exchange::new(client, stream, site, about, own).run().await {
            Ok(Done { status, stays, unread, reusable }) => {
                if let Some(stream) = reusable {
                    claim.endpoint().keep_idle(stream);
                }
                return Outcome::Answered { status, stays, unread };
            }
            // A connection that was kept for long may have been closed at the very moment it was used.
            Err(Failed::Untouched) if used && is_repeatable(client) => {}
            Err(Failed::Untouched) => return Outcome::Unanswered { status: 502, why: "the instance hung up\n" },
            Err(Failed::Instance(status, why)) => return Outcome::Unanswered { status, why },
            Err(Failed::Broken) => return Outcome::Broken,
        }
    }
    Outcome::Unanswered { status: 502, why: "no instance took the request\n" }
}

/// A connection to the claimed instance, and whether it was used before.
async fn connect(claim: &Claim, within: Span) -> Option<(TcpStream, bool)> {
    if let Some(stream) = claim.endpoint().take_idle() {
        return Some((stream, true));
    }
    let connecting = TcpStream::connect(claim.endpoint().address());
    let stream = timeout(Duration::from_millis(within.0), connecting).await.ok()?.ok()?;
    let _ = stream.set_nodelay(true);
    Some((stream, false))
}

/// Whether doing it twice does what doing it once does, and all of it is still there.
fn is_repeatable(client: &Client) -> bool {
    let safe: [&[u8]; 4] = [b"GET", b"HEAD", b"OPTIONS", b"TRACE"];
    client.request.body == Body::None && safe.contains(&client.request.method.of(&client.held))
}

/// A request under way.
struct Exchange<'a> {
    client: &'a mut Client,
    stream: TcpStream,
    limits: wire::table::Limits,
    /// Lines of the answer's head that are the gateway's own.
    own: &'a str,
    /// To the instance.
    there: Flow,
    /// To the client, once the answer's head is there.
    back: Option<Flow>,
    /// The beginning of an answer's head.
    held: Vec<u8>,
    after: After,
    /// The other direction of a changed protocol has ended.
    ended_there: bool,
}

/// An answer was given.
struct Done {
    status: u16,
    stays: bool,
    unread: bool,
    reusable: Option<TcpStream>,
}

impl<'a> Exchange<'a> {
    fn new(client: &'a mut Client, stream: TcpStream, site: &Site, about: &About, own: &'a str) -> Self {
        let mut head = client.shared.buffer();
        write::request(&mut head, &client.held, &client.request, about);
        let there = Flow::new(client.request.body, head);
        let limits = site.limits;
        client.response.clear();
        Self {
            client,
            stream,
            limits,
            own,
            there,
            back: None,
            held: Vec::new(),
            after: After::Stays,
            ended_there: false,
        }
    }

    async fn run(mut self) -> Result<Done, Failed> {
        self.client.watch.allow(self.limits.head);
        let mut began = false;
        let result = poll_fn(|context| {
            if !std::mem::replace(&mut began, true) {
                self.begin(context)?;
            }
            self.poll(context)
        })
        .await;
        result.map(|()| self.finish())
    }

    /// The head and what came with it, in one write.
    fn begin(&mut self, context: &mut Context<'_>) -> Result<(), Failed> {
        let client = &mut *self.client;
        let ahead = client.held.get(client.head..).unwrap_or_default();
        let begun = self.there.begin(context, &mut self.stream, ahead);
        let taken = begun.map_err(|broken| self.failed_there(broken))?;
        // What is used of it goes when the request is over, together with the head.
        self.client.head += taken;
        Ok(())
    }

    fn failed_there(&self, broken: Broken) -> Failed {
        match broken {
            Broken::Source => Failed::Broken,
            Broken::Sink if self.there.is_untouched() => Failed::Untouched,
            Broken::Sink => Failed::Instance(502, "the instance hung up\n"),
        }
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Failed>> {
        if self.client.watch.is_over(context) {
            let late = Failed::Instance(504, "the instance did not answer in time\n");
            return Poll::Ready(Err(if self.back.is_none() { late } else { Failed::Broken }));
        }
        if !self.ended_there {
            self.poll_there(context)?;
        }
        loop {
            if self.back.is_some() {
                ready!(self.poll_back(context))?;
                return self.poll_end(context);
            }
            ready!(self.poll_head(context))?;
            if self.after == After::Changes {
                self.poll_there(context)?;
            }
        }
    }

    /// The answer's body.
    fn poll_back(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Failed>> {
        let Some(back) = &mut self.back else { return Poll::Pending };
        let mut scratch = self.client.shared.scratch.borrow_mut();
        let before = back.bytes;
        let polled = back.poll(context, &mut self.stream, &mut self.client.stream, &mut scratch, &mut self.held);
        if back.bytes != before {
            self.client.watch.allow(self.limits.idle);
        }
        polled.map_err(|_| Failed::Broken)
    }

    /// The request's body. That the instance takes no more of it is no failure while it answers.
    fn poll_there(&mut self, context: &mut Context<'_>) -> Result<(), Failed> {
        let client = &mut *self.client;
        let mut scratch = client.shared.scratch.borrow_mut();
        let before = self.there.bytes;
        let polled = self.there.poll(context, &mut client.stream, &mut self.stream, &mut scratch, &mut client.held);
        if self.there.bytes != before {
            client.watch.allow(self.limits.idle);
        }
        drop(scratch);
        match polled {
            Poll::Pending => Ok(()),
            Poll::Ready(Ok(())) if self.after == After::Changes => {
                // The client has said all it wanted to say; the other side may go on.
                self.ended_there = true;
                let _ = Pin::new(&mut self.stream).poll_shutdown(context);
                Ok(())
            }
            Poll::Ready(Ok(()) | Err(Broken::Sink)) => {
                self.ended_there = true;
                Ok(())
            }
            Poll::Ready(Err(Broken::Source)) => Err(Failed::Broken),
        }
    }

    /// The answer's head, and what comes with it.
    fn poll_head(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Failed>> {
        let shared = std::rc::Rc::clone(&self.client.shared);
        let mut scratch = shared.scratch.borrow_mut();
        let read = match ready!(poll_read(context, &mut self.stream, &mut scratch)) {
            Ok(read) if read > 0 => read,
            Ok(_) | Err(_) if self.held.is_empty() && self.there.is_untouched() => {
                return Poll::Ready(Err(Failed::Untouched));
            }
            Ok(_) | Err(_) => return Poll::Ready(Err(Failed::Instance(502, "the instance hung up\n"))),
        };
        let bytes = scratch.get(..read).unwrap_or_default();
        if self.held.is_empty() {
            return Poll::Ready(self.take_answer(context, bytes));
        }
        let mut whole = std::mem::take(&mut self.held);
        whole.extend_from_slice(bytes);
        Poll::Ready(self.take_answer(context, &whole))
    }

    /// Takes heads from the start of these bytes, interim ones first.
    fn take_answer(&mut self, context: &mut Context<'_>, mut bytes: &[u8]) -> Result<(), Failed> {
        loop {
            let Client { request, response, held, .. } = &mut *self.client;
            let head = match response.read(bytes, request.method.of(held), &Limits::default()) {
                Ok(Some(head)) => head,
                Ok(None) => {
                    self.held.extend_from_slice(bytes);
                    return Ok(());
                }
                Err(refusal) => return Err(Failed::Instance(refusal.status, "the instance gave no answer\n")),
            };
            let changes = self.client.response.status == 101 && self.client.request.upgrade.is_some();
            if self.client.response.status == 101 && !changes {
                return Err(Failed::Instance(502, "the instance changed the protocol unasked\n"));
            }
            if self.client.response.status < 200 && !changes {
                self.pass_on_interim(context, bytes)?;
                bytes = bytes.get(head..).unwrap_or_default();
                self.client.response.clear();
                if bytes.is_empty() {
                    return Ok(());
                }
                continue;
            }
            return self.begin_back(context, bytes, head, changes);
        }
    }

    /// A 100 or 103 is told truthfully, when it comes; an older client could not read it.
    fn pass_on_interim(&mut self, context: &mut Context<'_>, bytes: &[u8]) -> Result<(), Failed> {
        if self.client.request.old {
            return Ok(());
        }
        let mut out = self.client.shared.buffer();
        write::response(&mut out, bytes, &self.client.response, "", After::Stays);
        let mut flow = Flow::new(Body::None, out);
        flow.begin(context, &mut self.client.stream, &[]).map_err(|_| Failed::Broken)?;
        // An empty send buffer has room for a head; a client that does not read gets no news.
        if !flow.is_over() {
            return Err(Failed::Broken);
        }
        self.client.shared.give_back(flow.into_buffer());
        Ok(())
    }

    fn begin_back(
        &mut self,
        context: &mut Context<'_>,
        bytes: &[u8],
        head: usize,
        changes: bool,
    ) -> Result<(), Failed> {
        self.after = self.after_answer(changes);
        let mut out = self.client.shared.buffer();
        write::response(&mut out, bytes, &self.client.response, self.own, self.after);
        let body = if changes { Body::UntilClose } else { self.client.response.body };
        if changes {
            let rest = std::mem::replace(&mut self.there, Flow::new(Body::UntilClose, Vec::new()));
            self.client.shared.give_back(rest.into_buffer());
            self.ended_there = false;
        }
        let mut back = Flow::new(body, out);
        let rest = bytes.get(head..).unwrap_or_default();
        let taken = back.begin(context, &mut self.client.stream, rest).map_err(|_| Failed::Broken)?;
        self.held.extend_from_slice(rest.get(taken..).unwrap_or_default());
        self.back = Some(back);
        self.client.watch.allow(self.limits.idle);
        if changes {
            // What the client sent ahead belongs to the new protocol.
            let ahead = self.client.held.split_off(self.client.head.min(self.client.held.len()));
            self.there.begin(context, &mut self.stream, &ahead).map_err(|_| Failed::Broken)?;
        }
        Ok(())
    }

    fn after_answer(&self, changes: bool) -> After {
        let request = &self.client.request;
        // Whoever answers early and hangs up will never read the rest of the request.
        let read = self.there.is_over() || self.client.response.keep_alive;
        let ends_by_itself = self.client.response.body != Body::UntilClose;
        let stays = request.keep_alive && ends_by_itself && read && !self.client.shared.stopping.get();
        match (changes, stays, request.old) {
            (true, _, _) => After::Changes,
            (false, false, _) => After::Closes,
            (false, true, true) => After::StaysAsTold,
            (false, true, false) => After::Stays,
        }
    }

    /// The answer has ended: whether the request has, too.
    fn poll_end(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Failed>> {
        if self.after != After::Changes {
            return Poll::Ready(Ok(()));
        }
        let _ = Pin::new(&mut self.client.stream).poll_shutdown(context);
        if self.ended_there { Poll::Ready(Ok(())) } else { Poll::Pending }
    }

    fn finish(self) -> Done {
        let sent = self.there.is_over();
        let reusable = sent && self.client.response.keep_alive && self.held.is_empty() && self.after != After::Changes;
        let stays = sent && matches!(self.after, After::Stays | After::StaysAsTold);
        let shared = &self.client.shared;
        shared.give_back(self.there.into_buffer());
        if let Some(back) = self.back {
            shared.give_back(back.into_buffer());
        }
        let status = self.client.response.status;
        Done { status, stays, unread: !sent, reusable: reusable.then_some(self.stream) }
    }
}
