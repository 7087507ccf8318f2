//! Asking a gateway from another machine: over TCP, through TLS 1.3 alone, and only where both have shown a
//! certificate that the other believes. What is said within is what is said on the control socket.

mod secured;

pub use crate::tls::Papers;
pub use secured::{Secured, Trouble};

use rustls::ClientConnection;
use rustls::pki_types::ServerName;
use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs as _};
use std::sync::mpsc::sync_channel;
use std::thread::Builder;
use std::time::Duration;
use tokio::time::Instant;
use wire::asking::Asking;
use wire::timed::Bounded;

/// Connects to a gateway elsewhere. Connecting may take so long, and so may each answer.
pub fn connect(
    host: &str,
    port: u16,
    papers: &Papers,
    within: Duration,
) -> io::Result<Asking<Secured<ClientConnection>>> {
    let due = Instant::now() + within;
    let name = ServerName::try_from(host.to_owned()).map_err(|_| {
        io::Error::new(ErrorKind::InvalidInput, format!("`{}` is no name of a host", host.escape_debug()))
    })?;
    let config = papers.asking().map_err(|why| io::Error::new(ErrorKind::InvalidInput, why))?;
    let stream = reach(addresses(host, port, within)?, due)?;
    let conversation = ClientConnection::new(config, name).map_err(io::Error::other)?;
    let left = due.saturating_duration_since(Instant::now());
    let secured = Secured::greet(conversation, Bounded::new(stream, Some(left)))?;
    Asking::begin(secured, Some(within))
}

/// The first address that somebody answers at.
fn reach(addresses: Vec<SocketAddr>, due: Instant) -> io::Result<TcpStream> {
    let mut last = io::Error::new(ErrorKind::NotFound, "nobody knows this host");
    for address in addresses {
        let left = due.saturating_duration_since(Instant::now());
        // No time at all would be for ever.
        match TcpStream::connect_timeout(&address, left.max(Duration::from_millis(1))) {
            Ok(stream) => {
                stream.set_nodelay(true)?;
                return Ok(stream);
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// The system asks for names as long as it likes: whoever waits for it does not.
fn addresses(host: &str, port: u16, within: Duration) -> io::Result<Vec<SocketAddr>> {
    let (found, finds) = sync_channel(1);
    let host = host.trim_matches(['[', ']']).to_owned();
    Builder::new().name("names".into()).spawn(move || {
        let addresses = (host.as_str(), port).to_socket_addrs().map(Iterator::collect);
        let _ = found.try_send(addresses);
    })?;
    finds.recv_timeout(within).unwrap_or_else(|_| Err(ErrorKind::TimedOut.into()))
}
