//! The instances: they write down what they do, end when they are told to, and crash when they are told that.

use super::ledger::{Kind, Ledger};
use super::message::{CLOSE, Connection, Head, Summing, TEXT, bytes_of, frame};
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::{LocalSet, spawn_local};
use tokio::time::{sleep, timeout};

/// A connection that nobody uses is closed after this, as servers do: the next request may be on its way.
const IDLE: Duration = Duration::from_secs(2);
/// How long an answer to something that must not happen twice takes: long enough to crash in it.
const ORDER_TAKES: Duration = Duration::from_millis(30);
/// What takes two seconds comes in so many pieces, and events twice as long: what a gateway that retires
/// has must be able to last for longer than all that its successor has.
const PIECES: u32 = 20;
const EVENTS: u32 = 40;
const BETWEEN_PIECES: Duration = Duration::from_millis(100);
/// The size of a small answer.
pub(super) const SMALL_BYTES: usize = 1 << 10;

/// An instance that serves.
pub(super) struct Instance {
    pub(super) address: SocketAddr,
    end: Option<oneshot::Sender<Ending>>,
    thread: Option<JoinHandle<io::Result<()>>>,
}

/// How an instance ends: at once, whatever it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// It was drained, so it has nothing: whatever it has is lost.
    Stopped,
    /// Nobody could know.
    Crashed,
}

impl Instance {
    /// Starts one, at a port that is free or at this one.
    pub(super) fn start(ledger: &Arc<Ledger>, port: u16) -> io::Result<Self> {
        let bound = std::net::TcpListener::bind(("127.0.0.1", port))?;
        bound.set_nonblocking(true)?;
        let address = bound.local_addr()?;
        let ledger = Arc::clone(ledger);
        let (end, ended) = oneshot::channel();
        let work = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build()?;
            let open = Rc::new(Open { ledger: Arc::clone(&ledger), under_way: RefCell::default() });
            let ending = LocalSet::new().block_on(&runtime, async {
                let accepting = spawn_local(accept(TcpListener::from_std(bound)?, Rc::clone(&open)));
                let ending = ended.await.unwrap_or(Ending::Stopped);
                accepting.abort();
                Ok::<_, io::Error>(ending)
            })?;
            // All connections end with the runtime.
            drop(runtime);
            if ending == Ending::Crashed {
                open.under_way.borrow().iter().for_each(|id| ledger.note(*id, |done| done.crashed = true));
            }
            Ok(())
        };
        let thread = Builder::new().name("instance".into()).spawn(work)?;
        Ok(Self { address, end: Some(end), thread: Some(thread) })
    }

    /// Ends it; when it returns, it is gone.
    pub(super) fn end(mut self, ending: Ending) {
        self.finish(ending);
    }

    fn finish(&mut self, ending: Ending) {
        if let Some(end) = self.end.take() {
            let _ = end.send(ending);
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        self.finish(Ending::Stopped);
    }
}

/// What an instance has.
struct Open {
    ledger: Arc<Ledger>,
    under_way: RefCell<BTreeSet<u64>>,
}

async fn accept(listener: TcpListener, open: Rc<Open>) {
    loop {
        // One that broke before it was accepted concerns nobody.
        let Ok((stream, _)) = listener.accept().await else { continue };
        let open = Rc::clone(&open);
        spawn_local(async move {
            // Whoever is at the other end hears of it when the connection ends.
            let _ = serve(Connection::new(stream), &open).await;
        });
    }
}

async fn serve(mut connection: Connection, open: &Open) -> io::Result<()> {
    loop {
        let Ok(head) = timeout(IDLE, connection.head()).await else { return Ok(()) };
        let Some(head) = head? else { return Ok(()) };
        let id = head.field("x-id").and_then(|id| id.parse().ok());
        let id: u64 = id.ok_or_else(|| io::Error::other("a request without an id"))?;
        open.under_way.borrow_mut().insert(id);
        let goes_on = carry_out(&mut connection, &head, id, open).await;
        open.under_way.borrow_mut().remove(&id);
        if !goes_on? {
            return Ok(());
        }
    }
}

/// Does what is asked, and answers; whether the connection goes on.
async fn carry_out(connection: &mut Connection, head: &Head, id: u64, open: &Open) -> io::Result<bool> {
    let path = head.first.split(' ').nth(1).unwrap_or_default();
    if path == Kind::WebSocket.path() {
        return socket(connection, id, open).await.map(|()| false);
    }
    let received = connection.body(head).await?;
    open.ledger.note(id, |done| {
        done.times += 1;
        done.received = received;
    });
    if path == Kind::Order.path() {
        sleep(ORDER_TAKES).await;
    }
    if Kind::is_slow(path) {
        in_pieces(connection, path, id, open).await?;
    } else {
        let body = bytes_of(id, SMALL_BYTES);
        note_sent(open, id, &body);
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
        connection.write(&[head.as_bytes(), &body].concat()).await?;
    }
    Ok(head.stays())
}

fn note_sent(open: &Open, id: u64, body: &[u8]) {
    let mut sum = Summing::default();
    sum.add(body);
    open.ledger.note(id, |done| done.sent = sum.digest());
}

/// An answer that takes its time.
async fn in_pieces(connection: &mut Connection, path: &str, id: u64, open: &Open) -> io::Result<()> {
    let events = path == Kind::Events.path();
    let kind = if events { "text/event-stream" } else { "application/octet-stream" };
    let head = format!("HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nTransfer-Encoding: chunked\r\n\r\n");
    connection.write(head.as_bytes()).await?;
    let mut sum = Summing::default();
    for number in 0..if events { EVENTS } else { PIECES } {
        let piece = match events {
            true => format!("id: {number}\ndata: {id}\n\n").into_bytes(),
            false => bytes_of(id + u64::from(number), SMALL_BYTES),
        };
        sum.add(&piece);
        let chunk = [format!("{:x}\r\n", piece.len()).as_bytes(), &piece, b"\r\n"].concat();
        connection.write(&chunk).await?;
        sleep(BETWEEN_PIECES).await;
    }
    open.ledger.note(id, |done| done.sent = sum.digest());
    connection.write(b"0\r\n\r\n").await
}

/// Says again what it hears, until the other side has enough.
async fn socket(connection: &mut Connection, id: u64, open: &Open) -> io::Result<()> {
    open.ledger.note(id, |done| done.times += 1);
    connection.write(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n").await?;
    let mut sum = Summing::default();
    loop {
        let (opcode, carried) = connection.message().await?;
        if opcode == TEXT {
            sum.add(&carried);
            open.ledger.note(id, |done| (done.received, done.sent) = (sum.digest(), sum.digest()));
        }
        connection.write(&frame(opcode, &carried, false)).await?;
        if opcode == CLOSE {
            return Ok(());
        }
    }
}
