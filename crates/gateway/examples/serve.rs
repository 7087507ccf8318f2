//! A gateway without anybody around it: it listens at an address, takes each line of its input for a
//! table, and says when that is live in every worker. `cargo run --example serve -- 127.0.0.1:8080 2`

use gateway::fleet::{Fleet, listen};
use std::io::{BufRead, Error, Write};
use std::net::SocketAddr;
use wire::Table;

fn main() -> Result<(), Error> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().unwrap_or_else(|| "127.0.0.1:0".into());
    let workers = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(1);
    let address: SocketAddr =
        address.parse().map_err(|_| Error::other(format!("`{address}` is no address with a port")))?;
    let listeners = listen(address, workers)?;
    let mut out = std::io::stdout().lock();
    let address = listeners[0].local_addr()?;
    writeln!(out, "listening {address}")?;
    let fleet = Fleet::start(workers, |_| {})?;
    fleet.listen(address, &listeners)?;
    for line in std::io::stdin().lock().lines() {
        let table: Table = serde_json::from_str(&line?)?;
        match fleet.take(table) {
            Ok(()) => writeln!(out, "live")?,
            Err(why) => writeln!(out, "not live: {why:?}")?,
        }
    }
    fleet.stop()
}
