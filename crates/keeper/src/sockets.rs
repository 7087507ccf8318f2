//! The listening sockets. They outlive every gateway, so that whoever comes while none is there waits.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use wire::passing::DESCRIPTORS_MAX;
use wire::socket::{listen, listen_more};

/// All listening sockets of a keeper.
#[derive(Debug, Default)]
pub(crate) struct Sockets {
    open: BTreeMap<SocketAddr, Open>,
}

/// One address.
#[derive(Debug)]
pub(crate) struct Open {
    pub(crate) sockets: Vec<TcpListener>,
    /// Why there are none.
    pub(crate) error: Option<String>,
    /// Somebody else has opened it: it is not closed, and none is opened beside it.
    inherited: bool,
}

impl Sockets {
    /// With these, which are open already.
    pub(crate) fn new(inherited: Vec<TcpListener>) -> Self {
        let mut all = Self::default();
        for socket in inherited {
            let Ok(address) = socket.local_addr() else { continue };
            let open = Open { sockets: Vec::new(), error: None, inherited: true };
            all.open.entry(address).or_insert(open).sockets.push(socket);
        }
        all
    }

    /// These were another keeper's, and are this one's now.
    pub(crate) fn take_over(&mut self, address: SocketAddr, sockets: Vec<TcpListener>) {
        self.open.insert(address, Open { sockets, error: None, inherited: false });
    }

    /// The sockets of an address that somebody wants.
    pub(crate) fn get(&self, address: SocketAddr) -> Option<&Open> {
        self.open.get(&address)
    }

    /// Opens what is wanted and closes what nobody wants; the addresses at which something has changed.
    pub(crate) fn want(&mut self, wanted: &BTreeSet<SocketAddr>, count: usize) -> Vec<SocketAddr> {
        self.open.retain(|address, open| open.inherited || wanted.contains(address));
        let mut changed = Vec::new();
        for address in wanted {
            if self.open_at(*address, count.clamp(1, DESCRIPTORS_MAX)) {
                changed.push(*address);
            }
        }
        changed
    }

    /// Whether an address that is wanted cannot be listened at.
    pub(crate) fn is_any_deaf(&self) -> bool {
        self.open.values().any(|open| open.error.is_some())
    }

    /// Whether anything has changed.
    fn open_at(&mut self, address: SocketAddr, count: usize) -> bool {
        if self.open.get(&address).is_some_and(|open| open.inherited || open.sockets.len() >= count) {
            return false;
        }
        let covered = self.is_covered(address);
        let fresh = !self.open.contains_key(&address);
        let open = self.open.entry(address).or_insert(Open { sockets: Vec::new(), error: None, inherited: false });
        if covered {
            return fresh;
        }
        let before = (open.sockets.len(), open.error.is_some());
        let opened = if open.sockets.is_empty() {
            listen(address, count).map(|sockets| open.sockets = sockets)
        } else {
            // Whoever has one socket has all that are needed, though not one for each worker.
            listen_more(address, count, &mut open.sockets)
        };
        open.error = opened.err().filter(|_| open.sockets.is_empty()).and_then(|error| told(address, &error));
        fresh || before != (open.sockets.len(), open.error.is_some())
    }

    /// A socket that was passed on to us for every address of IPv6 may take IPv4, too.
    fn is_covered(&self, address: SocketAddr) -> bool {
        let six = SocketAddr::new(IpAddr::V6(Ipv6Addr::UNSPECIFIED), address.port());
        address.ip() == IpAddr::V4(Ipv4Addr::UNSPECIFIED) && self.open.get(&six).is_some_and(|open| open.inherited)
    }
}

/// Why an address cannot be listened at, for people. A machine without IPv6 is none the worse for it.
fn told(address: SocketAddr, error: &io::Error) -> Option<String> {
    let unspecified =
        address.ip() == IpAddr::V6(Ipv6Addr::UNSPECIFIED) || address.ip() == IpAddr::V6(Ipv6Addr::LOCALHOST);
    // The system's own number for it: "address family not supported".
    if unspecified && (error.raw_os_error() == Some(97) || error.kind() == io::ErrorKind::AddrNotAvailable) {
        return None;
    }
    Some(match error.kind() {
        io::ErrorKind::AddrInUse => "another process listens there already".into(),
        io::ErrorKind::PermissionDenied => {
            "ports below 1024 need the capability CAP_NET_BIND_SERVICE, or a socket of the service manager".into()
        }
        io::ErrorKind::AddrNotAvailable => "the machine does not have this address".into(),
        _ => error.to_string(),
    })
}
