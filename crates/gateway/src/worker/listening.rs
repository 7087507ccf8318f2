//! An address that a worker accepts clients at.

use super::call::{Greeted, Origin};
use super::entrance::{Threshold, same};
use super::{Shared, client, greeting};
use crate::stream::Stream;
use crate::table::{Places, Site};
use crate::tls::Authorities;
use std::cell::RefCell;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, spawn_local};

/// How long accepting rests when there is no room.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// An address that a worker accepts clients at, and those who are served there.
#[derive(Debug)]
pub(crate) struct Listening {
    address: SocketAddr,
    places: RefCell<Places>,
    threshold: RefCell<Rc<Threshold>>,
    accepting: RefCell<Vec<JoinHandle<()>>>,
}

impl Listening {
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self { address, places: RefCell::default(), threshold: RefCell::default(), accepting: RefCell::default() }
    }

    /// Of all services, those whose tables name this address are served here.
    pub(crate) fn place<'a>(&self, sites: impl Iterator<Item = &'a Rc<Site>> + Clone) {
        let sites = sites.filter(|site| site.listens_at(self.address));
        let threshold = Threshold::new(&self.threshold.borrow(), sites.clone(), self.address);
        *self.places.borrow_mut() = Places::new(sites.filter(|site| threshold.admits(site, self.address)));
        *self.threshold.borrow_mut() = Rc::new(threshold);
    }

    /// What a service demands of clients here.
    pub(crate) fn demanded(&self, site: &Site) -> Option<Arc<Authorities>> {
        site.entrance(self.address)?.shown.as_ref()?.authorities.clone()
    }

    /// Whether a connection that was agreed on like this is good enough for a service: a client that showed
    /// what another one demands is sent to ask anew.
    pub(crate) fn suits(&self, site: &Site, greeted: &Greeted) -> bool {
        let demanded = site.entrance(self.address).and_then(|entrance| entrance.shown.as_ref()?.authorities.as_ref());
        same(demanded, greeted.demanded.as_ref())
    }

    /// Whose a request is.
    pub(crate) fn find(&self, host: &[u8], path: &[u8]) -> Option<Rc<Site>> {
        self.places.borrow().find(host, path).map(Rc::clone)
    }

    /// Accepts from these sockets, and from those before no more: what waits in their backlogs is for
    /// whoever reads them now.
    pub(crate) async fn accept_from(
        self: Rc<Self>,
        sockets: Vec<std::net::TcpListener>,
        shared: &Rc<Shared>,
    ) -> io::Result<()> {
        let sockets = sockets.into_iter().map(|socket| {
            socket.set_nonblocking(true)?;
            TcpListener::from_std(socket)
        });
        let sockets = sockets.collect::<io::Result<Vec<_>>>()?;
        self.accept_no_more().await;
        let accept = |socket| spawn_local(accept(socket, Rc::clone(&self), Rc::clone(shared)));
        self.accepting.borrow_mut().extend(sockets.into_iter().map(accept));
        Ok(())
    }

    /// Whether all who should accept do: they only end by a panic.
    pub(crate) fn accepts(&self) -> bool {
        !self.accepting.borrow().iter().any(JoinHandle::is_finished)
    }

    /// Leaves who comes to others: when it returns, the sockets are closed.
    pub(crate) async fn accept_no_more(&self) {
        let accepting = self.accepting.take();
        accepting.iter().for_each(JoinHandle::abort);
        for accepting in accepting {
            let _ = accepting.await;
        }
    }
}

async fn accept(socket: TcpListener, listening: Rc<Listening>, shared: Rc<Shared>) {
    loop {
        if shared.is_full() {
            // Some of those who rest go, and make room for whoever comes to ask.
            shared.watches.wake_all();
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        }
        match socket.accept().await {
            Ok((stream, peer)) => {
                // Small answers must not wait for acknowledgements of others.
                let _ = stream.set_nodelay(true);
                shared.front.accepted();
                let (shared, listening) = (Rc::clone(&shared), Rc::clone(&listening));
                let threshold = Rc::clone(&listening.threshold.borrow());
                let mut origin =
                    Origin { shared, listening, peer: peer.ip(), scheme: "http", tls: None, believes: None };
                origin.believes = threshold.believes(origin.peer);
                if threshold.is_open() {
                    spawn_local(client::serve(Stream::Plain(stream), origin));
                } else {
                    spawn_local(greeting::serve(stream, origin, threshold));
                }
            }
            // No descriptors are left: the backlog keeps who comes until there are.
            Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::worker::work;
    use tokio::runtime::{Builder, LocalOptions};
    use tokio::sync::mpsc;

    /// Nobody accepts any more at an address where somebody should: the worker says so by its end, and whoever
    /// keeps it starts another.
    #[test]
    fn a_worker_that_cannot_accept_any_more_ends() {
        let runtime = Builder::new_current_thread().enable_io().enable_time().build_local(LocalOptions::default());
        let (_orders, receiver) = mpsc::channel(1);
        let address = "127.0.0.1:1".parse().expect("an address");
        let ended = runtime.expect("one").block_on(async {
            let shared = Rc::new(Shared::new(crate::worker::Commons::default()));
            let listening = Rc::new(Listening::new(address));
            listening.accepting.borrow_mut().push(spawn_local(async { panic!("as a bug would") }));
            shared.listening.borrow_mut().insert(address, listening);
            work(receiver, shared).await
        });
        assert!(ended.is_err());
    }
}
