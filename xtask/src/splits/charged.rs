//! That a request which is tried again is counted once, for the release that it was given to.

use super::{Found, number, table};
use gateway::fleet::{Fleet, listen};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread::Builder;
use std::time::Duration;

/// How many requests are sent.
const REQUESTS: u64 = 400;
/// Whoever does not answer within this is broken.
const PATIENCE: Duration = Duration::from_secs(20);

/// Two releases, of which each has an instance that takes no connection, and says in its answers which it is.
pub(super) fn check() -> Found {
    let origins = (0..2).map(|index| origin(number(index))).collect::<Result<Vec<_>, _>>()?;
    let dead = || TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    let dead = [dead(), dead()].into_iter().collect::<Result<Vec<_>, _>>().map_err(told)?;
    let table = table(1, &[5_000, 5_000], |index| vec![dead[index].to_string(), origins[index].to_string()])?;
    let listeners = listen(SocketAddr::from(([127, 0, 0, 1], 0)), 1).map_err(told)?;
    let address = listeners[0].local_addr().map_err(told)?;
    let fleet = Fleet::start(1, |_| {}).map_err(told)?;
    fleet.listen(address, &listeners).map_err(told)?;
    fleet.take(table).map_err(|why| format!("{why:?}"))?;
    let mut heard = [0_u64; 2];
    for _ in 0..REQUESTS {
        let said = ask(address)?;
        let release = said.rsplit(' ').next().and_then(|word| word.trim().parse::<usize>().ok());
        match release.and_then(|release| heard.get_mut(release - 1)) {
            Some(heard) => *heard += 1,
            None => return Err(format!("an instance was there, and the answer was {said}")),
        }
    }
    let counts = fleet.feed().counts();
    fleet.stop().map_err(told)?;
    let services = counts.workers.iter().flat_map(|worker| &worker.services);
    let releases: Vec<_> = services.flat_map(|service| &service.tables).flat_map(|table| &table.releases).collect();
    let mut retried = 0;
    for (index, heard) in heard.into_iter().enumerate() {
        let of = releases.iter().filter(|release| release.release.is_some_and(|of| of.0 == number(index)));
        let outcomes: Vec<_> = of.flat_map(|release| &release.outcomes).collect();
        let counted: u64 = outcomes.iter().flat_map(|outcomes| outcomes.statuses).sum();
        retried += outcomes.iter().map(|outcomes| outcomes.retries).sum::<u64>();
        if counted != heard {
            return Err(format!("release {} answered {heard} requests, and {counted} are counted", number(index)));
        }
    }
    // Otherwise nothing was shown: connections to who is dead fail at once, until that is known of it.
    if retried == 0 { Err("nothing was tried again".into()) } else { Ok(REQUESTS) }
}

fn told(error: std::io::Error) -> String {
    error.to_string()
}

/// An instance that answers with the number of its release, and closes.
fn origin(release: u32) -> Result<SocketAddr, String> {
    let listener = TcpListener::bind("127.0.0.1:0").map_err(told)?;
    let address = listener.local_addr().map_err(told)?;
    let serve = move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { continue };
            let mut room = [0; 4_096];
            let _ = stream.read(&mut room);
            let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: 9\r\nConnection: close\r\n\r\nrelease {release}");
            let _ = stream.write_all(answer.as_bytes());
        }
    };
    Builder::new().name("origin".into()).spawn(serve).map_err(told)?;
    Ok(address)
}

fn ask(address: SocketAddr) -> Result<String, String> {
    let mut stream = TcpStream::connect(address).map_err(told)?;
    stream.set_read_timeout(Some(PATIENCE)).map_err(told)?;
    stream.write_all(b"GET / HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n").map_err(told)?;
    let mut said = String::new();
    stream.read_to_string(&mut said).map_err(told)?;
    Ok(said)
}
