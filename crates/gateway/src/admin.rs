//! A listener for whoever watches a gateway: `/metrics`, `/healthz` and `/readyz`. It has threads of its
//! own, so that it answers however busy the workers are, and keeps none of them from anything.

use crate::clock::Date;
use crate::count::Feed;
use crate::http1::write::{After, own};
use crate::http1::{Limits, Request};
use crate::metrics;
use crate::waiting::{Came, wait};
use std::fmt::Debug;
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;
use tokio::time::Instant;
use wire::Counts;

/// The most connections at once; further ones are closed.
pub const CONNECTIONS_MAX: usize = 16;
/// How long one may take.
const WITHIN: Duration = Duration::from_secs(10);
/// How long accepting rests when there are no more descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// The admin listener, until it is dropped.
#[derive(Debug)]
pub struct Admin {
    listener: Arc<TcpListener>,
    /// Closed when it is to end.
    close: Option<UnixStream>,
    thread: Option<JoinHandle<()>>,
}

/// Who is watched.
pub trait Watched: Debug + Send + Sync {
    /// What its own workers have counted.
    fn own(&self) -> Counts;

    /// What others of the same gateway have counted, and what is in its sums.
    fn others(&self) -> Vec<Counts>;

    /// Whether requests are served, and if not, why.
    fn ready(&self) -> Result<(), String>;

    /// What is not in order: how much of each kind.
    fn wrong(&self) -> Vec<(&'static str, usize)>;
}

/// Workers alone, which nobody else looks after.
impl Watched for Feed {
    fn own(&self) -> Counts {
        self.counts()
    }

    fn others(&self) -> Vec<Counts> {
        Vec::new()
    }

    fn ready(&self) -> Result<(), String> {
        Ok(())
    }

    fn wrong(&self) -> Vec<(&'static str, usize)> {
        Vec::new()
    }
}

impl Admin {
    /// Answers at this listener.
    pub fn start(listener: TcpListener, watched: Arc<dyn Watched>) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        let listener = Arc::new(listener);
        let (close, closed) = UnixStream::pair()?;
        let accepting = Arc::clone(&listener);
        let accept = move || accept(&accepting, &closed, &watched);
        let thread = Some(Builder::new().name("admin".into()).spawn(accept)?);
        Ok(Self { listener, close: Some(close), thread })
    }

    /// Where it listens.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

impl Drop for Admin {
    fn drop(&mut self) {
        // The socket itself may be another process's by now: it goes on to listen there.
        drop(self.close.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn accept(listener: &TcpListener, closed: &UnixStream, watched: &Arc<dyn Watched>) {
    let open = Arc::new(AtomicUsize::new(0));
    while wait(Some(listener), closed, None) != Came::Closed {
        let stream = match listener.accept() {
            Ok((stream, _)) => stream,
            Err(error) if error.kind() == ErrorKind::WouldBlock => continue,
            Err(_) => {
                std::thread::sleep(ACCEPT_PAUSE);
                continue;
            }
        };
        if open.fetch_add(1, Ordering::AcqRel) >= CONNECTIONS_MAX {
            open.fetch_sub(1, Ordering::AcqRel);
            continue;
        }
        let (watched, left) = (Arc::clone(watched), Arc::clone(&open));
        let serve = move || {
            // Whoever went away needs no answer.
            let _ = serve(stream, &*watched);
            left.fetch_sub(1, Ordering::AcqRel);
        };
        if Builder::new().name("admin-client".into()).spawn(serve).is_err() {
            open.fetch_sub(1, Ordering::AcqRel);
        }
    }
}

/// One request, one answer.
fn serve(mut stream: TcpStream, watched: &dyn Watched) -> io::Result<()> {
    let due = Instant::now() + WITHIN;
    stream.set_nonblocking(false)?;
    stream.set_write_timeout(Some(WITHIN))?;
    let (mut held, mut request) = (Vec::new(), Request::default());
    let answer = loop {
        match request.read(&held, &Limits::default()) {
            Ok(Some(_)) => break answer(&held, &request, watched),
            Err(refusal) => break Answer::plain(refusal.status, refusal.why),
            Ok(None) => {}
        }
        let left = due.saturating_duration_since(Instant::now());
        // No time at all would be for ever.
        stream.set_read_timeout(Some(left.max(Duration::from_millis(1))))?;
        let mut room = [0; 4_096];
        match stream.read(&mut room)? {
            0 => return Ok(()),
            read => held.extend_from_slice(room.get(..read).unwrap_or_default()),
        }
    };
    let head_only = request.method.of(&held) == b"HEAD";
    let mut out = Vec::new();
    own(
        &mut out,
        answer.status,
        &Date::new().text(),
        &[("Content-Type", answer.kind)],
        &answer.body,
        head_only,
        After::Closes,
    );
    stream.write_all(&out)?;
    stream.shutdown(Shutdown::Write)
}

struct Answer {
    status: u16,
    kind: &'static str,
    body: String,
}

impl Answer {
    fn plain(status: u16, body: &str) -> Self {
        Self { status, kind: "text/plain; charset=utf-8", body: format!("{body}\n") }
    }
}

fn answer(held: &[u8], request: &Request, watched: &dyn Watched) -> Answer {
    let target = request.target.path_and_query.of(held);
    let path = target.split(|byte| *byte == b'?').next().unwrap_or_default();
    if !matches!(request.method.of(held), b"GET" | b"HEAD") {
        return Answer::plain(405, "GET and HEAD are all there is");
    }
    match path {
        b"/metrics" => {
            let body = metrics::page(&watched.own(), &watched.others(), &watched.wrong());
            Answer { status: 200, kind: "text/plain; version=0.0.4; charset=utf-8", body }
        }
        b"/healthz" => match watched.own().silent.as_slice() {
            [] => Answer::plain(200, "ok"),
            silent => Answer::plain(503, &format!("workers that do not answer: {silent:?}")),
        },
        b"/readyz" => match watched.ready() {
            Ok(()) => Answer::plain(200, "ok"),
            Err(why) => Answer::plain(503, &why),
        },
        _ => Answer::plain(404, "there are /metrics, /healthz and /readyz"),
    }
}
