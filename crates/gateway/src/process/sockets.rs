//! The listening sockets that the keeper has handed over, and the addresses that it could not listen at.

use super::Gateway;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::{AsFd as _, OwnedFd};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use wire::control::Deaf;
use wire::keeping::ToKeeper;
use wire::passing::Line;

/// A keeper that does not answer for so long is not waited for: it hands the sockets over when it can.
const HANDED_OVER_WITHIN: Duration = Duration::from_secs(5);

/// What is listened at.
#[derive(Debug, Default)]
pub(crate) struct Sockets {
    all: Mutex<BTreeMap<SocketAddr, State>>,
    changed: Condvar,
}

/// How it stands with an address that is wanted.
#[derive(Debug)]
enum State {
    /// The keeper was asked.
    Asked,
    /// Every worker accepts, from these.
    Open(Vec<OwnedFd>),
    /// Nobody does.
    Deaf(String),
}

/// Who comes to an address.
enum Whose {
    Watchers,
    Controllers,
    Clients,
}

impl Whose {
    fn of(gateway: &Gateway, address: SocketAddr) -> Self {
        if gateway.settings.admin == Some(address) {
            Self::Watchers
        } else if gateway.settings.remote.as_ref().is_some_and(|remote| remote.address == address) {
            Self::Controllers
        } else {
            Self::Clients
        }
    }
}

impl Sockets {
    /// Asks the keeper for all that is wanted, and waits until it has answered; gives back what is not.
    pub(crate) fn want(&self, gateway: &Gateway, wanted: BTreeSet<SocketAddr>) -> io::Result<()> {
        let mut all = self.locked();
        if all.keys().eq(wanted.iter()) {
            return Ok(());
        }
        let unwanted: Vec<SocketAddr> = all.keys().filter(|address| !wanted.contains(address)).copied().collect();
        for address in unwanted {
            all.remove(&address);
            gateway.fleet.listen(address, &[])?;
        }
        for address in &wanted {
            all.entry(*address).or_insert(State::Asked);
        }
        let addresses = wanted.into_iter().collect();
        gateway.tell_keeper(&ToKeeper::Listen { addresses, workers: gateway.fleet.len() })?;
        let asked = |all: &mut BTreeMap<SocketAddr, State>| all.values().any(|state| matches!(state, State::Asked));
        let waited = self.changed.wait_timeout_while(all, HANDED_OVER_WITHIN, asked);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
        Ok(())
    }

    /// The keeper has answered, or changed its answer.
    pub(crate) fn take(
        &self,
        gateway: &Arc<Gateway>,
        address: SocketAddr,
        passed: Vec<OwnedFd>,
        error: Option<String>,
    ) {
        let mut all = self.locked();
        if !all.contains_key(&address) {
            return;
        }
        // Kept for a keeper to come, should this one die.
        let kept: Vec<OwnedFd> = passed.iter().filter_map(|socket| socket.try_clone().ok()).collect();
        let sockets: Vec<TcpListener> = passed.into_iter().map(TcpListener::from).collect();
        let taken = match Whose::of(gateway, address) {
            Whose::Watchers => gateway.watched_at(sockets),
            Whose::Controllers => gateway.asked_at(sockets),
            Whose::Clients => gateway.fleet.listen(address, &sockets),
        };
        let state = match (taken, error) {
            (Err(error), _) => State::Deaf(error.to_string()),
            (Ok(()), Some(error)) => State::Deaf(error),
            (Ok(()), None) => State::Open(kept),
        };
        let log = gateway.settings.log;
        match &state {
            State::Deaf(why) => log.error("cannot listen", &[("address", &address), ("why", why)]),
            State::Asked | State::Open(_) => log.info("listens", &[("address", &address)]),
        }
        all.insert(address, state);
        self.changed.notify_all();
    }

    /// A worker has broken down: those who wait at its sockets are the others' to serve.
    pub(crate) fn share_out(&self, gateway: &Gateway) -> io::Result<()> {
        for (address, state) in &*self.locked() {
            if let (State::Open(kept), Whose::Clients) = (state, Whose::of(gateway, *address)) {
                let sockets = kept.iter().map(|socket| socket.try_clone().map(TcpListener::from));
                gateway.fleet.listen(*address, &sockets.collect::<io::Result<Vec<_>>>()?)?;
            }
        }
        Ok(())
    }

    /// Where it listens, and where it cannot.
    pub(crate) fn told(&self) -> (Vec<String>, Vec<Deaf>) {
        let (mut open, mut deaf) = (Vec::new(), Vec::new());
        for (address, state) in &*self.locked() {
            let address = address.to_string();
            match state {
                State::Open(_) => open.push(address),
                State::Asked => deaf.push(Deaf { address, why: "the keeper has not answered yet".into() }),
                State::Deaf(why) => deaf.push(Deaf { address, why: why.clone() }),
            }
        }
        (open, deaf)
    }

    /// Hands everything over to a keeper that has adopted this gateway.
    pub(crate) fn hand_over(&self, gateway: &Gateway, line: &Line) -> io::Result<()> {
        let all = self.locked();
        for (address, state) in &*all {
            if let State::Open(sockets) = state {
                let sockets: Vec<_> = sockets.iter().map(OwnedFd::as_fd).collect();
                line.say(&ToKeeper::Held { address: *address }, &sockets)?;
            }
        }
        let addresses = all.keys().copied().collect();
        line.say(&ToKeeper::Listen { addresses, workers: gateway.fleet.len() }, &[])
    }

    /// Nothing is listened at any more.
    pub(crate) fn let_go(&self) {
        self.locked().clear();
    }

    fn locked(&self) -> MutexGuard<'_, BTreeMap<SocketAddr, State>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
