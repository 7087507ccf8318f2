//! What a client's connection costs that says nothing: it has asked once, and stays.

use super::aims::IDLE_BYTES;
use super::figures::Figures;
use super::ours::Shape;
use super::pace::read_answer;
use super::process::LOOK_EVERY;
use super::proxies::{Proxy, Stand};
use std::io::Write as _;
use std::net::TcpStream;
use std::thread::sleep;

/// So many looks in a row without growth mean that all of it is there.
const CALM_LOOKS: u32 = 10;
/// At most so many looks.
const LOOKS_MAX: u32 = 500;

/// Opens connections that stay, and looks how much the proxy's memory has grown.
pub(super) fn measure(
    stand: &Stand<'_>,
    connections: usize,
    others: bool,
    figures: &mut Figures,
) -> Result<(), String> {
    for proxy in [Proxy::Ours(Shape::Plain), Proxy::Nginx, Proxy::Haproxy, Proxy::Envoy] {
        let ours = proxy == Proxy::Ours(Shape::Plain);
        if !ours && !others {
            continue;
        }
        let running = stand.start(proxy)?;
        // What the first few need, all have.
        let first = open(&running.plain, 100)?;
        let before = settled(|| running.process().memory());
        let opened = open(&running.plain, connections)?;
        let after = settled(|| running.process().memory());
        let each = (after as f64 - before as f64) / connections as f64;
        figures.set(if ours { IDLE_BYTES.to_owned() } else { format!("{IDLE_BYTES}_{}", proxy.name()) }, each);
        drop((first, opened));
    }
    Ok(())
}

fn open(address: &std::net::SocketAddr, count: usize) -> Result<Vec<TcpStream>, String> {
    let mut room = vec![0; 4_096];
    let mut one = || {
        let told = |error: std::io::Error| format!("an idle connection could not be opened: {error}");
        let mut stream = TcpStream::connect(address).map_err(told)?;
        stream.write_all(b"GET /1k HTTP/1.1\r\nHost: localhost\r\n\r\n").map_err(told)?;
        read_answer(&mut stream, &mut room)?;
        Ok(stream)
    };
    (0..count).map(|_| one()).collect()
}

fn settled(memory: impl Fn() -> u64) -> u64 {
    let (mut most, mut calm) = (memory(), 0);
    for _ in 0..LOOKS_MAX {
        sleep(LOOK_EVERY);
        let now = memory();
        calm = if now == most { calm + 1 } else { 0 };
        most = now;
        if calm == CALM_LOOKS {
            break;
        }
    }
    most
}
