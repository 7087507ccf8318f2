//! One request of HTTP/1: to an instance and back. Both directions flow at once, so an answer may begin before
//! its request has ended.

mod goodbye;
mod time;

use super::answer::{Asking, Done, Failed};
use super::call::Call;
use super::client::Client;
use super::flow::{Broken, Flow, poll_read};
use super::pace::Pace;
use crate::http1::write::{self, After};
use crate::http1::{Body, Known, Limits};
use crate::mirror::Tap;
use crate::stream::Stream;
use crate::websocket::Frames;
use goodbye::Goodbye;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::AsyncWrite as _;

/// The most that is kept of interim answers that the client does not take.
const NEWS_BYTES_MAX: usize = 4 << 10;

/// A request under way.
pub(crate) struct Exchange<'a> {
    client: &'a mut Client,
    stream: Stream,
    asking: &'a Asking<'a>,
    /// To the instance.
    there: Flow,
    /// To the client, once the answer's head is there.
    back: Option<Flow>,
    /// How much of the request's body had come with its head: it is still held.
    ahead: usize,
    /// The instance has said something.
    spoken: bool,
    pace: Pace,
    /// Interim answers that the client has not taken yet.
    news: Vec<u8>,
    /// The beginning of an answer's head.
    held: Vec<u8>,
    after: After,
    /// The other direction of a changed protocol has ended.
    ended_there: bool,
    /// A WebSocket is ended, because the instance goes away.
    goodbye: Option<Goodbye>,
}

impl<'a> Exchange<'a> {
    pub(crate) fn new(client: &'a mut Client, stream: Stream, asking: &'a Asking<'a>) -> Self {
        let call = &mut client.call;
        let mut head = call.shared.buffer();
        write::request(&mut head, &call.held, &call.request, asking.about, asking.instead, asking.request_edits());
        let mut there = Flow::new(call.request.body, head);
        there.tap = call.copying().map(Tap::Request);
        call.response.clear();
        Self {
            client,
            stream,
            asking,
            there,
            back: None,
            ahead: 0,
            spoken: false,
            pace: Pace::default(),
            news: Vec::new(),
            held: Vec::new(),
            after: After::Stays,
            ended_there: false,
            goodbye: None,
        }
    }

    /// To its end.
    pub(crate) async fn run(mut self) -> Result<Done, Failed> {
        self.client.call.watch.allow(self.asking.limits.head);
        let mut began = false;
        let result = poll_fn(|context| {
            if !std::mem::replace(&mut began, true) {
                self.begin(context)?;
            }
            self.poll(context)
        })
        .await;
        self.client.call.end_drain();
        self.client.call.moved.add(self.there.data, self.back.as_ref().map_or(0, |back| back.data));
        if result.is_err() {
            // Whoever is asked next gets all of it.
            self.client.call.head -= self.ahead;
        }
        result.map(|()| self.finish())
    }

    /// The head and what came with it, in one write.
    fn begin(&mut self, context: &mut Context<'_>) -> Result<(), Failed> {
        let client = &mut *self.client;
        let ahead = client.call.held.get(client.call.head..).unwrap_or_default();
        let taken = self.there.begin(context, &mut self.stream, ahead).map_err(|broken| match broken {
            Broken::Source => Failed::Client(400, "the body is none of HTTP\n"),
            // The first write failed, so nothing was sent. Of TLS nobody knows what it wrote before.
            Broken::Sink if matches!(self.stream, Stream::Plain(_)) => Failed::Unsent,
            Broken::Sink => Failed::Untouched,
        })?;
        // What is used of it goes when the request is over, together with the head.
        self.client.call.head += taken;
        self.ahead = taken;
        self.check_size()?;
        if !self.there.is_over() {
            self.begin_pace();
        }
        Ok(())
    }

    /// How large a body in chunks is, nobody says before it is there.
    fn check_size(&self) -> Result<(), Failed> {
        let is_body = self.after != After::Changes;
        match self.back {
            _ if !is_body || self.there.data <= self.asking.limits.body_bytes_max => Ok(()),
            Some(_) => Err(Failed::Left),
            None => Err(Failed::Client(413, "the body is too large\n")),
        }
    }

    /// Whether the instance said nothing, and whatever it was sent is still held.
    fn is_untouched(&self) -> bool {
        !self.spoken && self.there.bytes == self.ahead as u64
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Failed>> {
        if self.goodbye.is_some() {
            return self.poll_goodbye(context);
        }
        self.keep_drain();
        while self.client.call.watch.is_over(context) {
            if self.begin_goodbye() {
                return self.poll_goodbye(context);
            }
            if self.is_late() {
                return Poll::Ready(Err(self.late()));
            }
            self.client.call.watch.allow(self.within_there());
        }
        if !self.ended_there {
            self.poll_there(context)?;
        }
        loop {
            if self.back.is_some() {
                ready!(self.poll_back(context))?;
                return self.poll_end(context);
            }
            if !self.news.is_empty() {
                self.tell_news(context)?;
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
        let mut scratch = self.client.call.shared.scratch.borrow_mut();
        let before = back.moved;
        let polled = back.poll(context, &mut self.stream, &mut self.client.stream, &mut scratch, &mut self.held);
        if back.moved != before {
            self.client.call.watch.allow(self.asking.limits.idle);
        }
        polled.map_err(failed_back)
    }

    /// The request's body. That the instance takes no more of it is no failure while it answers.
    fn poll_there(&mut self, context: &mut Context<'_>) -> Result<(), Failed> {
        let client = &mut *self.client;
        let mut scratch = client.call.shared.scratch.borrow_mut();
        let before = self.there.moved;
        let polled =
            self.there.poll(context, &mut client.stream, &mut self.stream, &mut scratch, &mut client.call.held);
        drop(scratch);
        if self.there.moved != before {
            self.keep_time_there()?;
        }
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
            Poll::Ready(Err(Broken::Source)) => Err(Failed::Left),
        }
    }

    /// The answer's head, and what comes with it.
    fn poll_head(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Failed>> {
        let shared = std::rc::Rc::clone(&self.client.call.shared);
        let mut scratch = shared.scratch.borrow_mut();
        let read = match ready!(poll_read(context, &mut self.stream, &mut scratch)) {
            Ok(read) if read > 0 => read,
            Ok(_) | Err(_) if self.is_untouched() => return Poll::Ready(Err(Failed::Untouched)),
            Ok(_) | Err(_) => return Poll::Ready(Err(Failed::Instance(502, "the instance hung up\n"))),
        };
        self.spoken = true;
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
            let Call { request, response, held, .. } = &mut self.client.call;
            let head = match response.read(bytes, request.method.of(held), &Limits::default()) {
                Ok(Some(head)) => head,
                Ok(None) => {
                    self.held.extend_from_slice(bytes);
                    return Ok(());
                }
                Err(refusal) => return Err(Failed::Instance(refusal.status, "the instance gave no answer\n")),
            };
            let changes = self.client.call.response.status == 101 && self.client.call.request.upgrade.is_some();
            if self.client.call.response.status == 101 && !changes {
                return Err(Failed::Instance(502, "the instance changed the protocol unasked\n"));
            }
            if self.client.call.response.status < 200 && !changes {
                self.pass_on_interim(context, bytes)?;
                bytes = bytes.get(head..).unwrap_or_default();
                self.client.call.response.clear();
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
        let call = &self.client.call;
        // A client that does not take what it was told gets no more of it, but that it may go on.
        let takes_none = !self.news.is_empty() && (call.response.status != 100 || self.news.len() > NEWS_BYTES_MAX);
        if call.request.old || takes_none {
            return Ok(());
        }
        write::response(&mut self.news, bytes, &call.response, "", self.asking.response_edits(), After::Stays);
        self.tell_news(context)?;
        if !self.there.is_over() {
            self.begin_pace();
        }
        Ok(())
    }

    /// As much of it as the client takes now. What is left goes before whatever comes next.
    fn tell_news(&mut self, context: &mut Context<'_>) -> Result<(), Failed> {
        let mut stream = Pin::new(&mut self.client.stream);
        while !self.news.is_empty() {
            match stream.as_mut().poll_write(context, &self.news) {
                Poll::Ready(Ok(written)) if written > 0 => drop(self.news.drain(..written)),
                Poll::Ready(_) => return Err(Failed::Left),
                Poll::Pending => return Ok(()),
            }
        }
        match stream.poll_flush(context) {
            Poll::Ready(Err(_)) => Err(Failed::Left),
            Poll::Ready(Ok(())) | Poll::Pending => Ok(()),
        }
    }

    fn begin_back(
        &mut self,
        context: &mut Context<'_>,
        bytes: &[u8],
        head: usize,
        changes: bool,
    ) -> Result<(), Failed> {
        self.after = self.after_answer(changes);
        let is_told = self.news.is_empty();
        let mut out = if is_told { self.client.call.shared.buffer() } else { std::mem::take(&mut self.news) };
        let (set_cookie, edits) = (self.asking.set_cookie, self.asking.response_edits());
        write::response(&mut out, bytes, &self.client.call.response, set_cookie, edits, self.after);
        let body = if changes { Body::UntilClose } else { self.client.call.response.body };
        if changes {
            let rest = std::mem::replace(&mut self.there, Flow::new(Body::UntilClose, Vec::new()));
            self.client.call.moved.add(rest.data, 0);
            self.client.call.shared.give_back(rest.into_buffer());
            self.ended_there = false;
        }
        let mut back = Flow::new(body, out);
        if changes && self.is_websocket(bytes) {
            (self.there.frames, back.frames) = (Some(Frames::default()), Some(Frames::default()));
        }
        if let Some(copying) = self.client.call.copying() {
            back.tap = copying.answer_begins(&self.client.call.response, bytes, true).then(|| Tap::Answer(copying));
        }
        let rest = bytes.get(head..).unwrap_or_default();
        // What is wrong already in what came with the head is found before anything is written.
        let taken = back.begin(context, &mut self.client.stream, rest).map_err(|broken| match broken {
            Broken::Source => Failed::Instance(502, "the instance gave no answer\n"),
            Broken::Sink => failed_back(broken),
        })?;
        self.held.extend_from_slice(rest.get(taken..).unwrap_or_default());
        self.back = Some(back);
        self.client.call.answer_begins(bytes, self.asking.limits);
        if changes {
            // What the client sent ahead belongs to the new protocol.
            let ahead = self.client.call.held.split_off(self.client.call.head.min(self.client.call.held.len()));
            self.there.begin(context, &mut self.stream, &ahead).map_err(|_| Failed::Broken)?;
        }
        Ok(())
    }

    /// Whether the protocol that the instance changes to is one that can be ended politely.
    fn is_websocket(&self, head: &[u8]) -> bool {
        let mut fields = self.client.call.response.fields.iter();
        let field = fields.find(|field| field.known == Known::Upgrade);
        field.is_some_and(|field| field.value.of(head).eq_ignore_ascii_case(b"websocket"))
    }

    fn after_answer(&self, changes: bool) -> After {
        let request = &self.client.call.request;
        // Whoever answers early and hangs up will never read the rest of the request.
        let read = self.there.is_over() || self.client.call.response.keep_alive;
        let ends_by_itself = self.client.call.response.body != Body::UntilClose;
        let stays = request.keep_alive && ends_by_itself && read && !self.client.call.shared.stopping.get();
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
        let reusable =
            sent && self.client.call.response.keep_alive && self.held.is_empty() && self.after != After::Changes;
        let stays = sent && matches!(self.after, After::Stays | After::StaysAsTold);
        let shared = &self.client.call.shared;
        shared.give_back(self.there.into_buffer());
        if let Some(back) = self.back {
            shared.give_back(back.into_buffer());
        }
        let status = self.client.call.response.status;
        Done { status, stays, unread: !sent, reusable: reusable.then_some(self.stream) }
    }
}

/// Whose fault it is that an answer did not get to its end.
fn failed_back(broken: Broken) -> Failed {
    match broken {
        Broken::Source => Failed::Broken,
        Broken::Sink => Failed::Left,
    }
}
