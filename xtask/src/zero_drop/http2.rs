//! Clients that speak HTTP/2: many requests at once on one connection, until its server says that it goes away.

use super::ledger::{Kind, Outcome};
use super::message::{Digest, Summing, bytes_of};
use super::now;
use bytes::Bytes;
use h2::client::{SendRequest, handshake};
use h2::{Error, Reason};
use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::time::Instant;
use tokio::net::TcpStream;
use tokio::task::spawn_local;

/// A body that is sent.
const BODY_BYTES: usize = 2_000;
/// How many connections may say that they go away before one takes a request.
const CONNECTIONS_MAX: u32 = 5;

/// The connection that new requests go to.
#[derive(Default)]
pub(super) struct Multiplexed {
    open: RefCell<Option<(SendRequest<Bytes>, Instant)>>,
}

/// How one try went.
enum Tried {
    Ended(Outcome),
    /// The server has said that it goes away, and has not taken this one: it belongs on another connection.
    NotTaken,
}

impl Multiplexed {
    /// Asks once: the body that was sent, and how it went.
    pub(super) async fn ask(
        &self,
        kind: Kind,
        id: u64,
        address: SocketAddr,
        connected: &Cell<Instant>,
    ) -> (Digest, Outcome) {
        let body = if kind.happens_once() { bytes_of(id, BODY_BYTES) } else { Vec::new() };
        let mut sent = Summing::default();
        sent.add(&body);
        for _ in 0..CONNECTIONS_MAX {
            let sender = match self.sender(address, connected).await {
                Ok(sender) => sender,
                Err(outcome) => return (sent.digest(), outcome),
            };
            match exchange(sender, kind, id, &body).await {
                Ok(Tried::Ended(outcome)) => return (sent.digest(), outcome),
                Ok(Tried::NotTaken) => {}
                Err(error) => return (sent.digest(), Outcome::Lost(error.to_string())),
            }
            // Whoever came first has opened another one already.
            self.open.borrow_mut().take_if(|(_, since)| *since == connected.get());
        }
        (sent.digest(), Outcome::Lost("one connection after the other goes away".into()))
    }

    /// The connection that is open, or a new one.
    async fn sender(&self, address: SocketAddr, connected: &Cell<Instant>) -> Result<SendRequest<Bytes>, Outcome> {
        let known = self.open.borrow().clone();
        if let Some((sender, since)) = known {
            connected.set(since);
            return Ok(sender);
        }
        let stream = TcpStream::connect(address).await.map_err(|error| Outcome::Refused(error.to_string()))?;
        connected.set(now());
        let _ = stream.set_nodelay(true);
        let (sender, connection) = handshake(stream).await.map_err(|error| Outcome::Lost(error.to_string()))?;
        // Its end is heard of by the requests on it.
        spawn_local(async move { drop(connection.await) });
        *self.open.borrow_mut() = Some((sender.clone(), connected.get()));
        Ok(sender)
    }
}

async fn exchange(sender: SendRequest<Bytes>, kind: Kind, id: u64, body: &[u8]) -> Result<Tried, Error> {
    let Ok(mut sender) = sender.ready().await else { return Ok(Tried::NotTaken) };
    let method = if kind.happens_once() { "POST" } else { "GET" };
    let request = http::Request::builder().method(method).uri(format!("http://shop{}", kind.path()));
    let Ok(request) = request.header("x-id", id).body(()) else { return Err(Reason::INTERNAL_ERROR.into()) };
    let asked = sender.send_request(request, body.is_empty()).and_then(|(answer, mut stream)| {
        if !body.is_empty() {
            stream.send_data(Bytes::copy_from_slice(body), true)?;
        }
        Ok(answer)
    });
    let answer = match asked {
        Ok(answer) => answer.await,
        Err(error) => Err(error),
    };
    let (head, mut stream) = match answer {
        Ok(answer) => answer.into_parts(),
        Err(error) if is_not_taken(&error) => return Ok(Tried::NotTaken),
        Err(error) => return Err(error),
    };
    let mut heard = Summing::default();
    while let Some(piece) = stream.data().await {
        let piece = piece?;
        heard.add(&piece);
        stream.flow_control().release_capacity(piece.len())?;
    }
    Ok(Tried::Ended(Outcome::Answered(head.status.as_u16(), heard.digest())))
}

/// A server that goes away names the last request that it takes, and refuses those after it: nothing was done
/// for them, whatever they ask for.
fn is_not_taken(error: &Error) -> bool {
    let refused = error.is_reset() && error.reason() == Some(Reason::REFUSED_STREAM);
    error.is_remote() && (refused || error.is_go_away() && error.reason() == Some(Reason::NO_ERROR))
}
