//! One instance asked how it is, once or again and again.

use super::proof::{Heard, Proof, Row};
use crate::http1::{Limits, Response};
use crate::pool::Reach;
use crate::stream::Stream;
use http::{Request, Uri};
use model::Span;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use wire::table::Active;
use wire::table::Protocol;

/// However often somebody wants it, an instance is not asked more often than this.
const EVERY_MIN: Span = Span(10);

/// How an instance is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Question {
    pub(super) address: SocketAddr,
    pub(super) reach: Reach,
    pub(super) active: Active,
}

impl Question {
    /// Asks again and again. Many that began at once do not stay together: each waits a little less or more.
    pub(super) async fn ask_on(self, proof: Arc<Proof>, room: Rc<Semaphore>) {
        let mut row = Row::new(&proof);
        if proof.heard() != Heard::Nothing {
            // It was asked just now: those that were asked together are spread over the time.
            self.rest(1).await;
        }
        loop {
            let heard = self.ask(&room).await;
            proof.set(row.hear(heard.is_good(), &self.active), heard);
            self.rest(90).await;
        }
    }

    /// Waits for as long as is asked for, at least so many percent of it.
    async fn rest(&self, percent_min: u64) {
        let every = self.active.every.max(EVERY_MIN).0;
        sleep(Duration::from_millis(every * fastrand::u64(percent_min..=110) / 100)).await;
    }

    /// Asks once, when there is room.
    pub(super) async fn ask(&self, room: &Semaphore) -> Heard {
        let _room = room.acquire().await;
        let within = Duration::from_millis(self.active.within.0);
        timeout(within, self.hear()).await.unwrap_or(Heard::NoAnswer)
    }

    async fn hear(&self) -> Heard {
        let Ok(stream) = self.reach.connect_at_leisure(self.address).await else { return Heard::NoConnection };
        match self.reach.protocol {
            Protocol::Http1 => self.hear_http1(stream).await,
            Protocol::Http2 => self.hear_http2(stream).await.unwrap_or(Heard::NoAnswer),
        }
    }

    async fn hear_http2(&self, stream: Stream) -> Option<Heard> {
        let Ok((mut sender, connection)) = h2::client::handshake(stream).await else { return Some(Heard::NoHttp) };
        let address = self.address.to_string();
        let host = if self.active.host.is_empty() { &address } else { &self.active.host };
        let uri = Uri::builder().scheme("http").authority(host.as_str()).path_and_query(self.active.path.as_str());
        let request = Request::get(uri.build().ok()?).body(()).ok()?;
        let (answer, _) = sender.send_request(request, true).ok()?;
        let (mut connection, mut answer) = (pin!(connection), pin!(answer));
        poll_fn(|context| {
            // The answer is there when the connection has read it, and it may be the last that comes.
            let over = connection.as_mut().poll(context).is_ready();
            match answer.as_mut().poll(context) {
                Poll::Ready(Ok(answer)) => Poll::Ready(Some(Heard::Status(answer.status().as_u16()))),
                Poll::Ready(Err(_)) => Poll::Ready(None),
                Poll::Pending if over => Poll::Ready(None),
                Poll::Pending => Poll::Pending,
            }
        })
        .await
    }

    async fn hear_http1(&self, mut stream: Stream) -> Heard {
        let address = self.address.to_string();
        let host = if self.active.host.is_empty() { &address } else { &self.active.host };
        let path = &self.active.path;
        let head = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: glidepath\r\nConnection: close\r\n\r\n");
        if stream.write_all(head.as_bytes()).await.is_err() {
            return Heard::NoAnswer;
        }
        let (mut held, mut response) = (Vec::new(), Response::default());
        loop {
            match stream.read_buf(&mut held).await {
                Ok(read) if read > 0 => {}
                Ok(_) | Err(_) => return Heard::NoAnswer,
            }
            match response.read(&held, b"GET", &Limits::default()) {
                Ok(Some(head)) if response.status < 200 => {
                    held.drain(..head);
                    response.clear();
                }
                Ok(Some(_)) => return Heard::Status(response.status),
                Ok(None) => {}
                Err(_) => return Heard::NoHttp,
            }
        }
    }
}
