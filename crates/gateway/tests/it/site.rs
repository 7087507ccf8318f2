//! A worker that serves, an instance behind it, and clients that speak in bytes.

use gateway::count::Feed;
use gateway::fleet::{Fleet, NotLive, listen};
use gateway::worker::Report;
use model::{ReleaseNumber, Share, Subject};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread::Builder;
use std::time::Duration;
use wire::table::{Endpoint, Lane};
use wire::{Counts, Table};

/// Nothing here takes so long unless it is broken.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
/// How often is looked whether something has come, and how often in all.
const LOOK_EVERY: Duration = Duration::from_millis(1);
const LOOKS_MAX: usize = 60_000;

/// Workers that serve by a table.
pub(crate) struct Site {
    pub(crate) address: SocketAddr,
    fleet: Option<Fleet>,
}

impl Site {
    pub(crate) fn new(table: &Table) -> Self {
        Self::of(1, table)
    }

    pub(crate) fn of(workers: usize, table: &Table) -> Self {
        let listeners = listen("127.0.0.1:0".parse().expect("an address"), workers).expect("a port");
        let address = listeners[0].local_addr().expect("an address");
        let fleet = Fleet::start(workers, |_| {}).expect("workers");
        fleet.listen(address, &listeners).expect("they accept");
        let site = Self { address, fleet: Some(fleet) };
        assert_eq!(site.take(table), Ok(()));
        site
    }

    pub(crate) fn fleet(&self) -> &Fleet {
        self.fleet.as_ref().expect("it runs")
    }

    pub(crate) fn take(&self, table: &Table) -> Result<(), NotLive> {
        self.fleet().take(table.clone())
    }

    pub(crate) fn report(&self) -> Report {
        self.fleet().report().expect("all answer")
    }

    /// What was counted.
    pub(crate) fn counts(&self) -> Counts {
        self.feed().counts()
    }

    pub(crate) fn feed(&self) -> Feed {
        self.fleet().feed()
    }

    /// How many requests are under way.
    pub(crate) fn claims(&self) -> u64 {
        self.report().pools.values().map(|pool| pool.claims).sum()
    }

    /// Tells it to stop, and waits until it has.
    pub(crate) fn stop(mut self) {
        let fleet = self.fleet.take().expect("it runs");
        fleet.stop().expect("it ends well");
    }

    pub(crate) fn client(&self) -> TcpStream {
        self.client_at(self.address)
    }

    pub(crate) fn client_at(&self, address: SocketAddr) -> TcpStream {
        let stream = TcpStream::connect(address).expect("it accepts");
        stream.set_read_timeout(Some(PATIENCE)).expect("a limit");
        stream
    }

    /// Sends these bytes on a connection of their own, and hears what comes until it is closed. `|` ends lines.
    pub(crate) fn say(&self, text: &str) -> String {
        self.say_at(self.address, text)
    }

    pub(crate) fn say_at(&self, address: SocketAddr, text: &str) -> String {
        let mut client = self.client_at(address);
        client.write_all(text.replace('|', "\r\n").as_bytes()).expect("it is taken");
        hear(&mut client)
    }
}

/// Looks again until it is so.
pub(crate) fn until<T>(mut look: impl FnMut() -> Option<T>) -> T {
    for _ in 0..LOOKS_MAX {
        match look() {
            Some(found) => return found,
            None => std::thread::sleep(LOOK_EVERY),
        }
    }
    panic!("what was waited for never came");
}

/// Ends a connection with a reset: whoever closes it in order may still wait for an answer, as far as can be told.
pub(crate) fn reset(client: TcpStream) {
    socket2::SockRef::from(&client).set_linger(Some(Duration::ZERO)).expect("it is open");
}

/// What comes until the connection is closed, with `|` for the end of a line and without random numbers.
pub(crate) fn hear(client: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    if let Err(error) = client.read_to_end(&mut bytes) {
        panic!("{error} after {}", plain(&bytes));
    }
    plain(&bytes)
}

pub(crate) fn plain(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes).replace("\r\n", "|");
    let parts = text.split('|').filter(|line| !is_date(line)).map(|line| match line.split_once(": ") {
        Some((name @ ("X-Request-Id" | "traceparent"), value)) if value.len() >= 32 => format!("{name}: ..."),
        _ => line.to_owned(),
    });
    parts.collect::<Vec<_>>().join("|")
}

/// What time it is, as every answer of the gateway's own says.
pub(crate) fn is_date(line: &str) -> bool {
    line.to_ascii_lowercase().starts_with("date: ") && line.ends_with(" GMT")
}

/// Reads until this was heard.
pub(crate) fn hear_until(client: &mut TcpStream, end: &str) -> String {
    let end = end.replace('|', "\r\n");
    let mut bytes = Vec::new();
    while !bytes.ends_with(end.as_bytes()) {
        let mut byte = [0];
        match client.read(&mut byte) {
            Ok(1) => bytes.push(byte[0]),
            other => panic!("{other:?} after {}", plain(&bytes)),
        }
    }
    plain(&bytes)
}

/// An instance that does this with every connection.
pub(crate) fn instance(serve: impl Fn(TcpStream) + Send + Sync + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let serve = Arc::new(serve);
    let accept = move || {
        for stream in listener.incoming() {
            let (stream, serve) = (stream.expect("a connection"), Arc::clone(&serve));
            stream.set_read_timeout(Some(PATIENCE)).expect("a limit");
            Builder::new().spawn(move || serve(stream)).expect("a thread");
        }
    };
    Builder::new().name("instance".into()).spawn(accept).expect("a thread");
    address
}

/// An instance that answers each request with the same, and shows in its body what it was asked.
pub(crate) fn mirror() -> SocketAddr {
    instance(|mut stream| {
        while let Some(request) = read_request(&mut stream) {
            let body = plain(&request);
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
            if stream.write_all((head + &body).as_bytes()).is_err() {
                return;
            }
        }
    })
}

/// An instance that answers each request with these bytes.
pub(crate) fn answering(answer: &'static str) -> SocketAddr {
    let answer = answer.replace('|', "\r\n");
    instance(move |mut stream| {
        while read_request(&mut stream).is_some() {
            let closes = !answer.contains("Content-Length") && !answer.contains("chunked") && !answer.contains(" 204 ");
            if stream.write_all(answer.as_bytes()).is_err() || closes {
                return;
            }
        }
    })
}

/// A whole request: head and body.
pub(crate) fn read_request(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut read_on = |bytes: &mut Vec<u8>| {
        let mut room = [0; 4_096];
        let read = stream.read(&mut room).unwrap_or(0);
        bytes.extend_from_slice(&room[..read]);
        read > 0
    };
    let head = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
        if !read_on(&mut bytes) {
            return None;
        }
    };
    let text = String::from_utf8_lossy(&bytes[..head]).to_ascii_lowercase();
    let length = text.lines().find_map(|line| line.strip_prefix("content-length: ")?.trim().parse::<usize>().ok());
    let is_whole = |bytes: &[u8]| match length {
        Some(length) => bytes.len() >= head + length,
        None => !text.contains("transfer-encoding") || (bytes.len() > head && bytes.ends_with(b"\r\n\r\n")),
    };
    while !is_whole(&bytes) {
        if !read_on(&mut bytes) {
            return None;
        }
    }
    Some(bytes)
}

/// A service of one release on these instances.
pub(crate) fn table(generation: u64, endpoints: &[SocketAddr]) -> Table {
    table_of(generation, &[(1, 100, endpoints)])
}

/// A service of these releases, with their shares in percent.
pub(crate) fn table_of(generation: u64, lanes: &[(u32, u16, &[SocketAddr])]) -> Table {
    let lanes = lanes.iter().map(|(release, percent, endpoints)| {
        let endpoints = endpoints.iter().map(|address| Endpoint::new(address.to_string()));
        Lane::new(ReleaseNumber(*release), Share::percent(*percent), endpoints.collect())
    });
    let service = Subject::from_text("service/shop/production/local");
    Table { salt: "salt".into(), ..Table::new(service, generation, lanes.collect()) }
}
