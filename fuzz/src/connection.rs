//! A whole connection: a worker that serves, and a client that sends whatever it likes. However its bytes
//! are cut, the instance sees the same requests, the client the same answers, and the worker goes on.

use gateway::fleet::{Fleet, listen};
use gateway::http1::Chunked;
use model::{ReleaseNumber, Share, Subject};
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::spawn;
use std::time::Duration;
use wire::Table;
use wire::table::{Endpoint, Lane};

/// Whoever does not answer within this hangs.
const PATIENCE: Duration = Duration::from_secs(20);
/// An answer to everything that is one.
const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";

struct Bench {
    address: SocketAddr,
    book: Arc<Book>,
    _fleet: Fleet,
}

/// What the instance has seen, and how many of its connections are still open.
#[derive(Default)]
struct Book {
    /// Each in the place that it had when it was accepted.
    seen: Mutex<(usize, Vec<Vec<u8>>)>,
    ended: Condvar,
}

/// Checks one input.
pub fn check(input: &[u8]) {
    static BENCH: OnceLock<Bench> = OnceLock::new();
    let bench = BENCH.get_or_init(start);
    let whole = bench.send(&[input]);
    let (one, other) = input.split_at(super::cut(input));
    let cut = bench.send(&[one, other]);
    let requests = |seen: &[Vec<u8>]| -> Vec<String> {
        let whole = seen.iter().filter(|bytes| is_whole(bytes));
        whole.inspect(|bytes| one_request(bytes)).map(|bytes| plain(bytes)).collect()
    };
    assert_eq!(requests(&whole.0), requests(&cut.0), "the instance sees other requests");
    // A request that breaks off is answered, or not, by how much of it there was when that was seen.
    let broken_off = |seen: &[Vec<u8>]| seen.iter().any(|bytes| !is_whole(bytes));
    if let (Some(heard), Some(again)) = (&whole.1, &cut.1)
        && !broken_off(&whole.0)
        && !broken_off(&cut.0)
    {
        assert_eq!(statuses(heard), statuses(again), "the client hears something else");
    }
}

/// The statuses of all answers. Which of two reasons for a refusal is told depends on which is seen first.
fn statuses(heard: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(heard);
    let heads = text.split("HTTP/1.1 ").skip(1);
    heads.map(|rest| rest.chars().take(3).collect()).collect()
}

/// What an instance got begins with one head that a stranger reads, and nothing but a body behind it.
fn one_request(seen: &[u8]) {
    let mut slots = [httparse::EMPTY_HEADER; 160];
    let mut stranger = httparse::Request::new(&mut slots);
    let Ok(httparse::Status::Complete(head)) = stranger.parse(seen) else {
        panic!("no head: {}", String::from_utf8_lossy(seen));
    };
    let field = |name: &str| {
        let mut found = stranger.headers.iter().filter(|field| field.name.eq_ignore_ascii_case(name));
        let value = found.next().map(|field| String::from_utf8_lossy(field.value).into_owned());
        assert!(found.next().is_none(), "{name} twice: {}", String::from_utf8_lossy(seen));
        value
    };
    let (length, coding) = (field("content-length"), field("transfer-encoding"));
    assert!(length.is_none() || coding.is_none(), "two lengths: {}", String::from_utf8_lossy(seen));
    let most = match (&length, &coding) {
        (Some(length), _) => length.parse().expect("a length is a number"),
        (None, Some(_)) => usize::MAX,
        // Whoever changes the protocol says what it likes from then on.
        (None, None) if field("upgrade").is_some() => usize::MAX,
        (None, None) => 0,
    };
    assert!(seen.len() - head <= most, "more than one request: {}", String::from_utf8_lossy(seen));
}

fn start() -> Bench {
    let book: Arc<Book> = Arc::default();
    let instance = TcpListener::bind("127.0.0.1:0").expect("a port");
    let endpoint = Endpoint::new(instance.local_addr().expect("an address").to_string());
    let accepts = Arc::clone(&book);
    spawn(move || {
        for stream in instance.incoming().flatten() {
            let book = Arc::clone(&accepts);
            let mut seen = book.locked();
            let place = seen.1.len();
            seen.0 += 1;
            seen.1.push(Vec::new());
            drop(seen);
            spawn(move || serve(stream, &book, place));
        }
    });
    let lane = Lane::new(ReleaseNumber(1), Share::ALL, vec![endpoint]);
    let table = Table::new(Subject::from_text("service/shop/production/local"), 1, vec![lane]);
    let listeners = listen("127.0.0.1:0".parse().expect("an address"), 1).expect("a port");
    let address = listeners[0].local_addr().expect("an address");
    let fleet = Fleet::start(1, |ended| assert!(!ended.broken, "a worker has broken down")).expect("workers");
    fleet.listen(address, &listeners).expect("it accepts");
    fleet.take(table).expect("it serves");
    Bench { address, book, _fleet: fleet }
}

/// Reads one request, answers it, reads on to the end, and writes down all that came.
fn serve(mut stream: TcpStream, book: &Book, place: usize) {
    let (mut bytes, mut room, mut answered) = (Vec::new(), [0; 4_096], false);
    stream.set_read_timeout(Some(PATIENCE)).expect("a limit");
    while let Ok(read @ 1..) = stream.read(&mut room) {
        bytes.extend_from_slice(&room[..read]);
        if !answered && is_whole(&bytes) {
            answered = true;
            // The client may be gone by now.
            let _ = stream.write_all(ANSWER);
            let _ = stream.shutdown(Shutdown::Write);
        }
    }
    let mut seen = book.locked();
    seen.0 -= 1;
    seen.1[place] = bytes;
    book.ended.notify_all();
}

impl Book {
    fn locked(&self) -> MutexGuard<'_, (usize, Vec<Vec<u8>>)> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Bench {
    /// Sends these pieces on a connection of their own: what the instance sees, and what the client hears.
    fn send(&self, pieces: &[&[u8]]) -> (Vec<Vec<u8>>, Option<Vec<u8>>) {
        let mut client = TcpStream::connect(self.address).expect("it accepts");
        client.set_read_timeout(Some(PATIENCE)).expect("a limit");
        client.set_nodelay(true).expect("at once");
        for piece in pieces {
            // Whoever is refused is not read any more.
            if client.write_all(piece).is_err() {
                break;
            }
        }
        let _ = client.shutdown(Shutdown::Write);
        let mut heard = Vec::new();
        // A connection that is reset may have swallowed some of it.
        let heard = client.read_to_end(&mut heard).ok().map(|_| heard);
        let waits = self.book.ended.wait_timeout_while(self.book.locked(), PATIENCE, |(open, _)| *open > 0);
        let (mut seen, late) = waits.unwrap_or_else(PoisonError::into_inner);
        assert!(!late.timed_out(), "a connection to the instance stays open");
        (std::mem::take(&mut seen.1), heard)
    }
}

/// Whether a request has come to its end, as far as its own fields say.
fn is_whole(bytes: &[u8]) -> bool {
    let Some(head) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else { return false };
    let text = String::from_utf8_lossy(&bytes[..head]).to_ascii_lowercase();
    let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    match (field("content-length:"), field("transfer-encoding:")) {
        (Some(length), _) => length.parse().is_ok_and(|length: usize| bytes.len() - head - 4 >= length),
        (None, Some(_)) => Chunked::default().read(&bytes[head + 4..]).is_ok_and(|piece| piece.done),
        (None, None) => true,
    }
}

/// What the gateway makes up anew for each request says nothing about it.
fn plain(seen: &[u8]) -> String {
    let made_up = |line: &&str| !line.starts_with("X-Request-Id: ") && !line.starts_with("traceparent: ");
    String::from_utf8_lossy(seen).split("\r\n").filter(made_up).collect::<Vec<_>>().join("\n")
}
