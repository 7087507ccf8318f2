//! The clients: each kind asks at its own rate, whatever became of the requests before.

use super::http2::Multiplexed;
use super::lasting;
use super::ledger::{Heard, Kind, Outcome};
use super::message::{CLOSE, Connection, Digest, Head, Summing, TEXT, bytes_of, frame};
use super::now;
use std::cell::{Cell, RefCell};
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio::task::{LocalSet, spawn_local};
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

/// Whoever waits for longer is lost.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);
/// What takes its time is sent in so many pieces.
const PIECES: u32 = 20;
/// Between two pieces of a slow body, and between two messages of a WebSocket.
const BETWEEN_PIECES: Duration = Duration::from_millis(50);
const BETWEEN_MESSAGES: Duration = Duration::from_millis(100);
/// An upload.
const UPLOAD_BYTES: usize = 64 << 20;
/// A small body.
pub(super) const SMALL_BYTES: usize = 2_000;

/// How many requests of each kind are begun in a second, in thousandths.
const RATES: [(Kind, u64); 13] = [
    (Kind::Fresh, 60_000),
    (Kind::Kept, 150_000),
    (Kind::Post, 60_000),
    (Kind::Order, 60_000),
    (Kind::SlowPost, 20_000),
    (Kind::Upload, 250),
    (Kind::Stream, 25_000),
    (Kind::Events, 2_000),
    (Kind::Lasting, 20_000),
    (Kind::WebSocket, 15_000),
    (Kind::Multiplexed, 60_000),
    (Kind::MultiplexedPost, 30_000),
    (Kind::MultiplexedStream, 10_000),
];

/// All clients, until they are told that it is enough.
pub(super) struct Clients {
    enough: Arc<AtomicBool>,
    thread: JoinHandle<io::Result<(u64, Vec<Heard>)>>,
}

impl Clients {
    /// They begin to ask there.
    pub(super) fn start(address: SocketAddr) -> io::Result<Self> {
        let enough = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&enough);
        let work = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build()?;
            Ok(LocalSet::new().block_on(&runtime, ask_all(address, told)))
        };
        let thread = Builder::new().name("clients".into()).spawn(work)?;
        Ok(Self { enough, thread })
    }

    /// Begins nothing new, waits for what is under way, and tells how many were begun and what was heard.
    pub(super) fn stop(self) -> io::Result<(u64, Vec<Heard>)> {
        self.enough.store(true, Ordering::Relaxed);
        self.thread.join().map_err(|_| io::Error::other("the clients have panicked"))?
    }
}

/// What all clients have in common.
pub(super) struct Shared {
    pub(super) address: SocketAddr,
    next: Cell<u64>,
    heard: RefCell<Vec<Heard>>,
    /// Connections that wait for another request, and since when they are there.
    kept: RefCell<Vec<(Connection, Instant)>>,
    multiplexed: Multiplexed,
    /// The body of every upload: the same, for it is large.
    upload: (Vec<u8>, Digest),
}

impl Shared {
    /// Another request begins: its number.
    pub(super) fn begin(&self) -> u64 {
        self.next.replace(self.next.get() + 1)
    }

    /// A request has ended.
    pub(super) fn hear(&self, heard: Heard) {
        self.heard.borrow_mut().push(heard);
    }

    /// A connection that waits for another request.
    pub(super) fn keep(&self, connection: Connection, since: Instant) {
        self.kept.borrow_mut().push((connection, since));
    }
}

async fn ask_all(address: SocketAddr, enough: Arc<AtomicBool>) -> (u64, Vec<Heard>) {
    let body = bytes_of(0, UPLOAD_BYTES);
    let upload = (body.clone(), digest(&body));
    let (next, heard, kept) = (Cell::new(0), RefCell::default(), RefCell::default());
    let shared = Rc::new(Shared { address, next, heard, kept, multiplexed: Multiplexed::default(), upload });
    let mut kinds = Vec::new();
    for (kind, rate) in RATES {
        kinds.push(spawn_local(ask_on(kind, rate, Rc::clone(&shared), Arc::clone(&enough))));
    }
    for kind in kinds {
        // A task that panics leaves requests without an end, and that is seen.
        let _ = kind.await;
    }
    // What follows something else is begun when that has ended.
    let is_under_way = || (shared.heard.borrow().len() as u64) < shared.next.get();
    let due = tokio::time::Instant::now() + PATIENCE + PATIENCE;
    while is_under_way() && tokio::time::Instant::now() < due {
        sleep(Duration::from_millis(20)).await;
    }
    (shared.next.get(), shared.heard.take())
}

async fn ask_on(kind: Kind, thousandths: u64, shared: Rc<Shared>, enough: Arc<AtomicBool>) {
    let mut ticks = interval(Duration::from_micros(1_000_000_000 / thousandths));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    while !enough.load(Ordering::Relaxed) {
        ticks.tick().await;
        let id = shared.begin();
        let shared = Rc::clone(&shared);
        spawn_local(async move {
            if kind == Kind::Lasting {
                return lasting::ask(id, &shared).await;
            }
            let began = now();
            let connected = Cell::new(began);
            let asked = timeout(PATIENCE, ask(kind, id, &shared, &connected)).await;
            let late = |_| (Digest::default(), Outcome::Lost("nothing came for very long".into()));
            let (sent, outcome) = asked.unwrap_or_else(late);
            let (connected, ended) = (connected.get(), now());
            shared.hear(Heard { id, kind, behind: None, connected, began, ended, sent, outcome });
        });
    }
}

fn digest(bytes: &[u8]) -> Digest {
    let mut sum = Summing::default();
    sum.add(bytes);
    sum.digest()
}

/// Asks once: the body that was sent, and how it went.
async fn ask(kind: Kind, id: u64, shared: &Shared, connected: &Cell<Instant>) -> (Digest, Outcome) {
    if kind.is_http2() {
        return shared.multiplexed.ask(kind, id, shared.address, connected).await;
    }
    let kept = if is_kept(kind) { calm(shared) } else { None };
    let mut connection = match kept {
        Some((connection, since)) => {
            connected.set(since);
            connection
        }
        None => match TcpStream::connect(shared.address).await {
            Ok(stream) => {
                connected.set(now());
                Connection::new(stream)
            }
            Err(error) => return (Digest::default(), Outcome::Refused(error.to_string())),
        },
    };
    let mut sent = Summing::default();
    let talked = talk(kind, id, shared, &mut connection, &mut sent).await;
    let sent = if kind == Kind::Upload { shared.upload.1 } else { sent.digest() };
    match talked {
        Ok(Some((head, outcome))) => {
            if is_kept(kind) && head.stays() {
                shared.keep(connection, connected.get());
            }
            (sent, outcome)
        }
        Ok(None) => (sent, Outcome::Lost("the connection was closed before the answer".into())),
        Err(error) => (sent, Outcome::Lost(error.to_string())),
    }
}

fn is_kept(kind: Kind) -> bool {
    matches!(kind, Kind::Kept | Kind::Post | Kind::Order)
}

/// A connection on which nothing has happened since it was last used.
fn calm(shared: &Shared) -> Option<(Connection, Instant)> {
    let mut kept = shared.kept.borrow_mut();
    std::iter::from_fn(|| kept.pop()).find(|(connection, _)| connection.is_calm())
}

async fn talk(
    kind: Kind,
    id: u64,
    shared: &Shared,
    connection: &mut Connection,
    sent: &mut Summing,
) -> io::Result<Option<(Head, Outcome)>> {
    let method = if kind.happens_once() { "POST" } else { "GET" };
    let more = match kind {
        Kind::Fresh | Kind::Stream | Kind::Events => "Connection: close\r\n".to_owned(),
        Kind::Kept | Kind::Lasting | Kind::Multiplexed | Kind::MultiplexedPost | Kind::MultiplexedStream => {
            String::new()
        }
        Kind::Post | Kind::Ahead | Kind::Next => format!("Content-Length: {SMALL_BYTES}\r\n"),
        Kind::Order => "Content-Length: 0\r\n".to_owned(),
        Kind::SlowPost => "Transfer-Encoding: chunked\r\nConnection: close\r\n".to_owned(),
        Kind::Upload => format!("Content-Length: {UPLOAD_BYTES}\r\nConnection: close\r\n"),
        Kind::WebSocket => "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                            Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            .to_owned(),
    };
    let head = format!("{method} {} HTTP/1.1\r\nHost: shop\r\nX-Id: {id}\r\n{more}\r\n", kind.path());
    match kind {
        Kind::Post => {
            let body = bytes_of(id, SMALL_BYTES);
            sent.add(&body);
            connection.write(&[head.as_bytes(), &body].concat()).await?;
        }
        Kind::SlowPost => {
            connection.write(head.as_bytes()).await?;
            for number in 0..PIECES {
                let piece = bytes_of(id + u64::from(number), SMALL_BYTES);
                sent.add(&piece);
                connection.write(&[format!("{:x}\r\n", piece.len()).as_bytes(), &piece, b"\r\n"].concat()).await?;
                sleep(BETWEEN_PIECES).await;
            }
            connection.write(b"0\r\n\r\n").await?;
        }
        Kind::Upload => {
            connection.write(head.as_bytes()).await?;
            for piece in shared.upload.0.chunks(UPLOAD_BYTES / PIECES as usize + 1) {
                connection.write(piece).await?;
                sleep(BETWEEN_PIECES).await;
            }
        }
        Kind::WebSocket => return socket(id, &head, connection, sent).await,
        Kind::Fresh | Kind::Kept | Kind::Order | Kind::Stream | Kind::Events => {
            connection.write(head.as_bytes()).await?
        }
        // They are asked for elsewhere.
        Kind::Lasting | Kind::Ahead | Kind::Next => return Err(io::Error::other("asked on the wrong connection")),
        Kind::Multiplexed | Kind::MultiplexedPost | Kind::MultiplexedStream => {
            return Err(io::Error::other("asked in the wrong protocol"));
        }
    }
    let Some(head) = connection.head().await? else { return Ok(None) };
    let body = connection.body(&head).await?;
    let status = head.status().ok_or_else(|| io::Error::other("no status"))?;
    Ok(Some((head, Outcome::Answered(status, body))))
}

/// Says something now and then, and hears it again.
async fn socket(
    id: u64,
    head: &str,
    connection: &mut Connection,
    sent: &mut Summing,
) -> io::Result<Option<(Head, Outcome)>> {
    connection.write(head.as_bytes()).await?;
    let Some(head) = connection.head().await? else { return Ok(None) };
    let status = head.status().ok_or_else(|| io::Error::other("no status"))?;
    if status != 101 {
        let body = connection.body(&head).await?;
        return Ok(Some((head, Outcome::Answered(status, body))));
    }
    let mut heard = Summing::default();
    for number in 0..PIECES {
        let text = format!("{id} says {number}");
        connection.write(&frame(TEXT, text.as_bytes(), true)).await?;
        let (opcode, carried) = connection.message().await?;
        if opcode == CLOSE && carried.starts_with(&1001_u16.to_be_bytes()) {
            return Ok(Some((head, Outcome::GoingAway)));
        }
        sent.add(text.as_bytes());
        heard.add(&carried);
        sleep(BETWEEN_MESSAGES).await;
    }
    connection.write(&frame(CLOSE, &1000_u16.to_be_bytes(), true)).await?;
    loop {
        if connection.message().await?.0 == CLOSE {
            return Ok(Some((head, Outcome::Answered(status, heard.digest()))));
        }
    }
}
