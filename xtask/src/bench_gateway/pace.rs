//! Load at a fixed rate, whatever the answers take: a request's time begins when it was due, so that a
//! proxy that stands still for a while cannot hide whom it kept waiting.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::thread::{Builder, sleep};
use std::time::{Duration, Instant};

/// How many connections share the rate.
const CONNECTIONS: u32 = 32;
/// Whoever does not answer within this is broken.
const PATIENCE: Duration = Duration::from_secs(20);

/// How often, how long, and what is asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    pub(super) per_second: u32,
    pub(super) seconds: f64,
    pub(super) path: &'static str,
}

/// One request: when it was due, and how long it took from then on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Answered {
    pub(super) due: Duration,
    pub(super) took: Duration,
}

/// Asks at this pace from an instant on, and checks every answer.
pub(super) fn ask(address: SocketAddr, pace: Pace, begin: Instant) -> Result<Vec<Answered>, String> {
    let mut threads = Vec::new();
    for number in 0..CONNECTIONS {
        let thread = Builder::new().name(format!("client-{number}"));
        let client = thread.spawn(move || client(address, pace, begin, number));
        threads.push(client.map_err(|error| error.to_string())?);
    }
    let mut all = Vec::new();
    for thread in threads {
        all.extend(thread.join().map_err(|_| "a client has panicked")??);
    }
    Ok(all)
}

fn client(address: SocketAddr, pace: Pace, begin: Instant, number: u32) -> Result<Vec<Answered>, String> {
    let told = |error: std::io::Error| format!("{address}: {error}");
    let mut stream = TcpStream::connect(address).map_err(told)?;
    stream.set_nodelay(true).map_err(told)?;
    stream.set_read_timeout(Some(PATIENCE)).map_err(told)?;
    let request = format!("GET {} HTTP/1.1\r\nHost: {address}\r\n\r\n", pace.path);
    let between = f64::from(CONNECTIONS) / f64::from(pace.per_second);
    let first = f64::from(number) / f64::from(pace.per_second);
    let (mut all, mut room) = (Vec::new(), vec![0; 128 << 10]);
    for turn in 0_u32.. {
        let due = first + f64::from(turn) * between;
        if due >= pace.seconds {
            break;
        }
        let due = Duration::from_secs_f64(due);
        sleep((begin + due).saturating_duration_since(super::now()));
        stream.write_all(request.as_bytes()).map_err(told)?;
        read_answer(&mut stream, &mut room).map_err(|why| format!("{address}: {why}"))?;
        all.push(Answered { due, took: super::now().saturating_duration_since(begin + due) });
    }
    Ok(all)
}

/// A whole answer, which must be a good one.
pub(super) fn read_answer(stream: &mut TcpStream, room: &mut [u8]) -> Result<(), String> {
    let mut held = 0;
    loop {
        let read = stream.read(room.get_mut(held..).unwrap_or_default()).map_err(|error| error.to_string())?;
        held += read;
        let bytes = &room[..held];
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            let length: usize = length.and_then(|text| text.trim().parse().ok()).ok_or(format!("no length: {head}"))?;
            if !head.starts_with("http/1.1 200") || held > end + 4 + length {
                return Err(format!("a wrong answer: {head}"));
            }
            if held == end + 4 + length {
                return Ok(());
            }
        }
        if read == 0 {
            return Err(format!("the answer ended after {held} bytes"));
        }
    }
}

/// The time that so many of a thousand do not exceed.
pub(super) fn quantile(times: &mut [Duration], of_thousand: usize) -> f64 {
    times.sort_unstable();
    let index = (times.len() * of_thousand / 1_000).min(times.len().saturating_sub(1));
    times.get(index).map_or(f64::NAN, |time| time.as_secs_f64() * 1e6)
}
