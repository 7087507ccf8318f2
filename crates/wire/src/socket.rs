//! Listening sockets that several workers, and several gateways after another, share.

use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::{SocketAddr, TcpListener};

/// How many connections may wait for a worker.
const BACKLOG: i32 = 4_096;

/// Sockets that listen at one address: the kernel shares connections out. Refuses an address that anybody
/// else listens at, also where the kernel would let both.
pub fn listen(address: SocketAddr, count: usize) -> io::Result<Vec<TcpListener>> {
    if address.port() != 0 {
        // Another process of the same user may share its port with whoever wants to: nobody would notice
        // that half of the clients end up there.
        bound(address, false)?;
    }
    let first = listening(address)?;
    // Port zero becomes a port with the first.
    let address = first.local_addr()?;
    let mut sockets = vec![first];
    listen_more(address, count, &mut sockets)?;
    Ok(sockets)
}

/// As many sockets beside those that listen at this address already.
pub fn listen_more(address: SocketAddr, count: usize, sockets: &mut Vec<TcpListener>) -> io::Result<()> {
    while sockets.len() < count {
        sockets.push(listening(address)?);
    }
    Ok(())
}

fn listening(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = bound(address, true)?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

fn bound(address: SocketAddr, shared: bool) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(shared)?;
    if address.is_ipv6() {
        // IPv4 has sockets of its own.
        socket.set_only_v6(true)?;
    }
    socket.bind(&address.into())?;
    Ok(socket)
}
