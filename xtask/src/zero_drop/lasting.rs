//! Clients that keep their connection across an answer that takes its time, and ask again there: ahead, while it
//! comes, or at once when it has ended. A server that has not said that it closes owes them an answer.

use super::client::{PATIENCE, SMALL_BYTES, Shared};
use super::ledger::{Heard, Kind, Outcome};
use super::message::{Connection, Digest, Head, Summing, bytes_of};
use super::now;
use std::io;
use std::time::Instant;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Those who ask ahead do so after so many chunks at the most: fewer than the answer has.
const CHUNKS_BEFORE: u64 = 18;

/// A request that was sent, and when.
struct Sent {
    id: u64,
    body: Digest,
    began: Instant,
}

/// Asks for a long answer, and then for something that must happen once: every second client ahead.
pub(super) async fn ask(id: u64, shared: &Shared) {
    let began = now();
    let heard = |connected, outcome| {
        let (kind, sent) = (Kind::Lasting, Digest::default());
        shared.hear(Heard { id, kind, behind: None, connected, began, ended: now(), sent, outcome });
    };
    let mut connection = match in_time(TcpStream::connect(shared.address)).await {
        Ok(stream) => Connection::new(stream),
        Err(error) => return heard(began, Outcome::Refused(error.to_string())),
    };
    let connected = now();
    let mut ahead = None;
    let (stays, outcome) = ended(in_time(last(id, shared, &mut connection, &mut ahead)).await);
    heard(connected, outcome);
    let (kind, behind, sent) = match ahead {
        Some(sent) => (Kind::Ahead, Some(id), sent),
        None if stays && connection.is_calm() => (Kind::Next, None, post(Kind::Next, shared, &mut connection).await),
        // Whoever hears of the connection's end before it has asked there asks elsewhere.
        None => return,
    };
    let Sent { id, body: sent, began } = sent;
    let (stays, outcome) = ended(in_time(answer(&mut connection)).await);
    shared.hear(Heard { id, kind, behind, connected, began, ended: now(), sent, outcome });
    if stays {
        shared.keep(connection, connected);
    }
}

/// A long answer, and what is sent ahead meanwhile.
async fn last(
    id: u64,
    shared: &Shared,
    connection: &mut Connection,
    ahead: &mut Option<Sent>,
) -> io::Result<(Head, Digest)> {
    let path = Kind::Lasting.path();
    connection.write(format!("GET {path} HTTP/1.1\r\nHost: shop\r\nX-Id: {id}\r\n\r\n").as_bytes()).await?;
    let head = connection.head().await?.ok_or(io::ErrorKind::UnexpectedEof)?;
    if head.status() != Some(200) {
        let body = connection.body(&head).await?;
        return Ok((head, body));
    }
    // Each asks at another moment of the answer.
    let sent_after = id.is_multiple_of(2).then_some(id / 2 % CHUNKS_BEFORE).filter(|_| head.stays());
    let mut sum = Summing::default();
    let mut chunks = 0;
    while connection.chunk(&mut sum).await? {
        if sent_after == Some(chunks) {
            *ahead = Some(post(Kind::Ahead, shared, connection).await);
        }
        chunks += 1;
    }
    Ok((head, sum.digest()))
}

/// Sends something that must happen once.
async fn post(kind: Kind, shared: &Shared, connection: &mut Connection) -> Sent {
    let (id, began) = (shared.begin(), now());
    let body = bytes_of(id, SMALL_BYTES);
    let mut sum = Summing::default();
    sum.add(&body);
    let path = kind.path();
    let head = format!("POST {path} HTTP/1.1\r\nHost: shop\r\nX-Id: {id}\r\nContent-Length: {SMALL_BYTES}\r\n\r\n");
    // Where this fails no answer comes, and that is seen.
    let _ = connection.write(&[head.as_bytes(), &body].concat()).await;
    Sent { id, body: sum.digest(), began }
}

async fn answer(connection: &mut Connection) -> io::Result<(Head, Digest)> {
    let head = connection.head().await?.ok_or(io::ErrorKind::UnexpectedEof)?;
    let body = connection.body(&head).await?;
    Ok((head, body))
}

/// Whether the connection goes on, and how it went.
fn ended(talked: io::Result<(Head, Digest)>) -> (bool, Outcome) {
    match talked {
        Ok((head, body)) => match head.status() {
            Some(status) => (head.stays(), Outcome::Answered(status, body)),
            None => (false, Outcome::Lost("no status".into())),
        },
        Err(error) => (false, Outcome::Lost(error.to_string())),
    }
}

async fn in_time<T>(asked: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    timeout(PATIENCE, asked).await.unwrap_or_else(|_| Err(io::Error::other("nothing came for very long")))
}
