//! Where controllers of other machines ask. The sockets are the keeper's, as all others are; whoever comes
//! shows a certificate before a word of theirs is heard, and nobody who does not can keep others from it.

use super::Gateway;
use super::control::{From, ROOM_EVERY, Visitor, converse};
use crate::number::Number;
use crate::remote::{Papers, Secured, Trouble};
use crate::tls::Asked;
use crate::waiting::{Came, wait};
use rustls::ServerConnection;
use rustls::pki_types::UnixTime;
use rustls::server::danger::ClientCertVerifier as _;
use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;
use tokio::time::Instant;
use wire::control::Deaf;
use wire::log::Log;
use wire::timed::{Bounded, Timed};

/// The most who ask at once. Further ones wait in the backlog.
const GUESTS_MAX: usize = 32;
/// The most who have not shown yet who they are. For each further one the oldest is turned away: it had more time
/// than whoever means it needs.
const STRANGERS_MAX: usize = 32;
/// Whoever has not shown by then who they are is turned away.
const SHOWN_WITHIN: Duration = Duration::from_secs(5);
/// Whoever asks nothing for so long is gone: of a machine that is lost nobody hears.
const SILENT_MAX: Duration = Duration::from_secs(600);
/// The log tells of so many who were turned away, and of how many more there were: nobody fills a disk by
/// knocking.
const TOLD_MAX: u32 = 10;
/// Within this.
const TOLD_WITHIN: Duration = Duration::from_secs(10);

/// Where it is asked from other machines, and how both show who they are.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where.
    pub address: SocketAddr,
    /// Who the gateway is, and whose word is taken for who may ask.
    pub papers: Papers,
}

/// The door for those of other machines.
#[derive(Debug, Default)]
pub(crate) struct Remote {
    door: Mutex<Door>,
    asked: Mutex<Option<Arc<Asked>>>,
    strangers: Mutex<VecDeque<(u64, TcpStream)>>,
    guests: Arc<Number>,
    turned_away: Mutex<TurnedAway>,
}

#[derive(Debug, Default)]
struct Door {
    /// What the keeper has handed over.
    sockets: Vec<TcpListener>,
    /// Whether this is the member that answers.
    leads: bool,
    /// Ends the accepting when it is closed.
    accepting: Option<(UnixStream, JoinHandle<()>)>,
}

#[derive(Debug, Default)]
struct TurnedAway {
    /// Since when those who are told of are counted.
    since: Option<Instant>,
    told: u32,
    /// How many were not told of.
    untold: u64,
}

impl Gateway {
    /// The keeper has handed over the sockets at which those of other machines ask.
    pub(crate) fn asked_at(self: &Arc<Self>, sockets: Vec<TcpListener>) -> io::Result<()> {
        // Those after us accept from them, too, and so none of them may wait within accepting.
        sockets.iter().try_for_each(|socket| socket.set_nonblocking(true))?;
        let mut door = self.remote.locked();
        door.sockets = sockets;
        if door.leads { self.open_door(&mut door) } else { Ok(()) }
    }

    /// Answers those of other machines from now on.
    pub(crate) fn open_remote(self: &Arc<Self>) -> io::Result<()> {
        if let Some(Deaf { address, why }) = self.remote_problem() {
            self.settings.log.error("nobody can ask from other machines", &[("address", &address), ("why", &why)]);
        }
        let mut door = self.remote.locked();
        door.leads = true;
        self.open_door(&mut door)
    }

    /// Accepts nobody any more: when it returns, whoever connects is another's.
    pub(crate) fn close_remote(&self) {
        let mut door = self.remote.locked();
        door.close();
        // Nor is the socket kept open: once the keeper is gone, too, nobody should wait there.
        *door = Door::default();
    }

    /// Why nobody can ask from other machines, though they should. It is tried again whenever it is asked.
    pub(crate) fn remote_problem(&self) -> Option<Deaf> {
        let address = self.settings.remote.as_ref()?.address.to_string();
        self.remote_papers().err().map(|why| Deaf { address, why })
    }

    /// Made of files as soon as they can be read; from then on what was made sees to changes itself.
    fn remote_papers(&self) -> Result<Arc<Asked>, String> {
        let mut asked = self.remote.asked.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(asked) = &*asked {
            return Ok(Arc::clone(asked));
        }
        let settings = self.settings.remote.as_ref().ok_or("nobody is to ask from other machines")?;
        let made = Arc::new(settings.papers.asked(self.fleet.files())?);
        Ok(Arc::clone(asked.insert(made)))
    }

    fn open_door(self: &Arc<Self>, door: &mut Door) -> io::Result<()> {
        door.close();
        let sockets = door.sockets.iter().map(TcpListener::try_clone).collect::<io::Result<Vec<_>>>()?;
        let (close, closed) = UnixStream::pair()?;
        let gateway = Arc::clone(self);
        let thread = Builder::new().name("remote".into()).spawn(move || accept(&gateway, &sockets, &closed))?;
        door.accepting = Some((close, thread));
        Ok(())
    }
}

impl Remote {
    fn locked(&self) -> MutexGuard<'_, Door> {
        self.door.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets somebody in who has not shown yet who they are.
    fn admit(&self, number: u64, stream: &TcpStream) -> io::Result<()> {
        let mut strangers = self.strangers.lock().unwrap_or_else(PoisonError::into_inner);
        if strangers.len() >= STRANGERS_MAX
            && let Some((_, oldest)) = strangers.pop_front()
        {
            let _ = oldest.shutdown(Shutdown::Both);
        }
        strangers.push_back((number, stream.try_clone()?));
        Ok(())
    }

    /// This one has shown it, or will not.
    fn forget(&self, number: u64) {
        self.strangers.lock().unwrap_or_else(PoisonError::into_inner).retain(|(stranger, _)| *stranger != number);
    }

    fn turn_away(&self, log: Log, address: SocketAddr, why: &str) {
        let mut turned = self.turned_away.lock().unwrap_or_else(PoisonError::into_inner);
        if turned.since.is_none_or(|since| since.elapsed() >= TOLD_WITHIN) {
            (turned.since, turned.told) = (Some(Instant::now()), 0);
        }
        if turned.told >= TOLD_MAX {
            turned.untold += 1;
            return;
        }
        turned.told += 1;
        let untold = std::mem::take(&mut turned.untold);
        let fields: [(&str, &dyn std::fmt::Display); 3] = [("address", &address), ("why", &why), ("others", &untold)];
        log.warning("somebody who asked from elsewhere was turned away", &fields);
    }
}

impl Door {
    fn close(&mut self) {
        if let Some((close, thread)) = self.accepting.take() {
            drop(close);
            let _ = thread.join();
        }
    }
}

fn accept(gateway: &Arc<Gateway>, sockets: &[TcpListener], closed: &UnixStream) {
    let log = gateway.settings.log;
    let mut number = 0;
    loop {
        let full = gateway.remote.guests.get() >= GUESTS_MAX;
        let open = if full { &[] } else { sockets };
        match wait(open, closed, full.then_some(ROOM_EVERY)) {
            Came::Somebody => {}
            Came::Closed => return,
            Came::Nobody => continue,
        }
        for socket in open {
            let came = match socket.accept() {
                Ok((stream, address)) => {
                    number += 1;
                    receive(gateway, number, stream, address)
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(()),
                Err(error) => Err(error),
            };
            if let Err(error) = came {
                log.error("who asks from elsewhere cannot be answered", &[("why", &error)]);
                std::thread::sleep(ROOM_EVERY);
            }
        }
    }
}

/// Answers on this connection, in a thread of its own.
fn receive(gateway: &Arc<Gateway>, number: u64, stream: TcpStream, address: SocketAddr) -> io::Result<()> {
    stream.set_nonblocking(false)?;
    stream.set_nodelay(true)?;
    gateway.remote.admit(number, &stream)?;
    let receiving = Arc::clone(gateway);
    let received = Builder::new().name("remote-asked".into()).spawn(move || {
        let greeted = greet(&receiving, stream);
        receiving.remote.forget(number);
        match greeted {
            Ok(mut guest) => {
                let _counted = receiving.remote.guests.hold();
                // Whoever hangs up, or speaks another language, hears no more.
                let _ = converse(&receiving, &mut guest, From::Controller);
                guest.secured.hang_up();
            }
            Err(why) => receiving.remote.turn_away(receiving.settings.log, address, &why),
        }
    });
    received.map(drop).inspect_err(|_| gateway.remote.forget(number))
}

/// Whoever asks from another machine, and has shown who they are.
struct Guest {
    secured: Secured<ServerConnection>,
    asked: Arc<Asked>,
}

fn greet(gateway: &Gateway, stream: TcpStream) -> Result<Guest, String> {
    let asked = gateway.remote_papers()?;
    let conversation = ServerConnection::new(Arc::clone(&asked.config)).map_err(|error| error.to_string())?;
    let secured = Secured::greet(conversation, Bounded::new(stream, Some(SHOWN_WITHIN)));
    let secured = secured.map_err(|error| match (Trouble::of(&error), error.kind()) {
        (Some(trouble), _) => trouble.to_string(),
        (None, ErrorKind::TimedOut) => "it did not show in time who it is".into(),
        (None, ErrorKind::UnexpectedEof) => "it hung up before it had shown who it is".into(),
        (None, _) => error.to_string(),
    })?;
    Ok(Guest { secured, asked })
}

impl Visitor for Guest {
    const SILENT_MAX: Option<Duration> = Some(SILENT_MAX);

    fn stream(&mut self) -> &mut impl Timed {
        &mut self.secured
    }

    fn near(&self) -> Option<&UnixStream> {
        None
    }

    /// A connection may last longer than the word that was given for it.
    fn doubt(&self) -> Option<String> {
        let certificates = self.secured.conversation.peer_certificates().unwrap_or_default();
        let Some((own, between)) = certificates.split_first() else { return Some("there is no certificate".into()) };
        let believed = self.asked.authorities.verify_client_cert(own, between, UnixTime::now());
        believed.err().map(|error| error.to_string())
    }
}
