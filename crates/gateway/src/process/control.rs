//! The control socket: whoever connects asks one thing after the other.

use super::Gateway;
use super::change::Phase;
use crate::count::Pace;
use crate::number::Number;
use crate::waiting::{Came, wait};
use model::Span;
use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;
use wire::control::{Answer, Hello, Request, VERSIONS, Welcome, common};
use wire::counts::Run;
use wire::frame;
use wire::keeping::ToKeeper;
use wire::timed::{Bounded, Timed};

/// The most connections at once. Further ones wait in the backlog.
const CONNECTIONS_MAX: usize = 64;
/// Whoever connects has so long to say the first word, and to take each answer.
const WORD_WITHIN: Duration = Duration::from_secs(10);
/// The most versions of somebody else that the log tells of.
const VERSIONS_TOLD_MAX: usize = 8;
/// How often is looked whether there is room for another connection.
pub(super) const ROOM_EVERY: Duration = Duration::from_millis(50);
/// The most that is waited for answers to be taken, before the process ends.
const ANSWERED_WITHIN: Duration = Duration::from_secs(1);

/// The control socket of one that leads.
#[derive(Debug, Default)]
pub(crate) struct Control {
    accepting: Mutex<Option<(UnixStream, JoinHandle<()>)>>,
    /// Kept for a keeper to come, should this one die.
    pub(crate) socket: Mutex<Option<UnixListener>>,
    connections: Arc<Number>,
    /// How often the one that leads has asked what it has counted.
    pub(crate) asked: Number,
    /// How often it has told.
    pub(crate) told: Number,
    /// Who has asked, and has no answer yet.
    answering: Arc<Number>,
}

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum From {
    /// A controller, or a person.
    Controller,
    /// The member that leads.
    Leader,
}

/// Accepts whoever asks, until [`Control::close`].
pub(crate) fn open(gateway: &Arc<Gateway>, socket: UnixListener) -> io::Result<()> {
    // Those after us accept from it, too, and so none of them may wait within accepting.
    socket.set_nonblocking(true)?;
    *gateway.control.socket.lock().unwrap_or_else(PoisonError::into_inner) = Some(socket.try_clone()?);
    let (close, closed) = UnixStream::pair()?;
    let accepting = Arc::clone(gateway);
    let thread = Builder::new().name("control".into()).spawn(move || accept(&accepting, &socket, &closed))?;
    *gateway.control.locked() = Some((close, thread));
    Ok(())
}

impl Control {
    /// Accepts nobody any more: when it returns, whoever connects is another's.
    pub(crate) fn close(&self) {
        if let Some((close, thread)) = self.locked().take() {
            drop(close);
            let _ = thread.join();
        }
    }

    /// Waits for a moment until all who have asked have their answer.
    pub(crate) fn finish(&self) {
        self.answering.wait(ANSWERED_WITHIN, |count| count == 0);
    }

    fn locked(&self) -> std::sync::MutexGuard<'_, Option<(UnixStream, JoinHandle<()>)>> {
        self.accepting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn accept(gateway: &Arc<Gateway>, socket: &UnixListener, closed: &UnixStream) {
    let log = gateway.settings.log;
    loop {
        let full = gateway.control.connections.get() >= CONNECTIONS_MAX;
        match wait((!full).then_some(socket), closed, full.then_some(ROOM_EVERY)) {
            Came::Somebody => {}
            Came::Closed => return,
            Came::Nobody => continue,
        }
        match socket.accept() {
            Ok((stream, _)) => {
                if let Err(error) = answer(gateway, stream, From::Controller) {
                    log.error("the control socket cannot be answered", &[("why", &error)]);
                }
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => {
                log.error("the control socket does not accept", &[("why", &error)]);
                std::thread::sleep(ROOM_EVERY);
            }
        }
    }
}

/// Answers on this connection, in a thread of its own.
pub(crate) fn answer(gateway: &Arc<Gateway>, stream: UnixStream, from: From) -> io::Result<()> {
    stream.set_nonblocking(false)?;
    let gateway = Arc::clone(gateway);
    let counted = gateway.control.connections.hold();
    Builder::new().name("asked".into()).spawn(move || {
        let _counted = counted;
        // Whoever hangs up, or speaks another language, hears no more.
        let _ = converse(&gateway, &mut Bounded::new(stream, None), from);
    })?;
    Ok(())
}

/// Whoever asks, on whatever carries it.
pub(super) trait Visitor {
    /// Who asks nothing for so long is not waited for; for ever, where nothing is said.
    const SILENT_MAX: Option<Duration>;

    /// What is said and heard.
    fn stream(&mut self) -> &mut impl Timed;

    /// The connection itself, where both are of one machine: only there can sockets be passed on.
    fn near(&self) -> Option<&UnixStream>;

    /// Why this one is answered no more, if so.
    fn doubt(&self) -> Option<String>;
}

/// Only this user may connect, and nobody else's word is needed.
impl Visitor for Bounded<UnixStream> {
    const SILENT_MAX: Option<Duration> = None;

    fn stream(&mut self) -> &mut impl Timed {
        self
    }

    fn near(&self) -> Option<&UnixStream> {
        Some(Bounded::stream(self))
    }

    fn doubt(&self) -> Option<String> {
        None
    }
}

pub(super) fn converse<V: Visitor>(gateway: &Arc<Gateway>, visitor: &mut V, from: From) -> io::Result<()> {
    visitor.stream().done_within(Some(WORD_WITHIN));
    let Some(Hello { versions }) = frame::read(visitor.stream())? else { return Ok(()) };
    let Some(version) = common(&versions, VERSIONS) else {
        let theirs = format!("{:?}", versions.iter().take(VERSIONS_TOLD_MAX).collect::<Vec<_>>());
        let ours = format!("{VERSIONS:?}");
        let fields: [(&str, &dyn std::fmt::Display); 2] = [("theirs", &theirs), ("ours", &ours)];
        gateway.settings.log.warning("somebody who asks speaks other versions", &fields);
        return frame::write(visitor.stream(), &Welcome::Versions(VERSIONS.into()));
    };
    frame::write(visitor.stream(), &Welcome::Version(version))?;
    loop {
        visitor.stream().done_within(V::SILENT_MAX);
        // A question that this version does not know is heard to its end all the same.
        let Some(request) = frame::read::<serde_json::Value>(visitor.stream())? else { return Ok(()) };
        visitor.stream().done_within(Some(WORD_WITHIN));
        if let Some(why) = visitor.doubt() {
            let why = format!("your certificate is not believed any more: {why}");
            return frame::write(visitor.stream(), &Answer::Refused(why));
        }
        let _counted = gateway.control.answering.hold();
        let request = serde_json::from_value(request);
        if matches!(request, Ok(Request::Counts)) && from == From::Leader {
            gateway.control.asked.raise();
        }
        let answer = match request {
            Ok(Request::Adopt) if gateway.is_alone() && visitor.near().is_some() => {
                frame::write(visitor.stream(), &Answer::Begun)?;
                return visitor.near().map_or(Ok(()), |near| gateway.be_adopted(near));
            }
            Ok(Request::Watch { comparing }) => return tell_counts(gateway, visitor, comparing),
            Ok(request) => gateway.asked(request, from),
            Err(error) => Answer::Faulty(error.to_string()),
        };
        // The answer may have taken its time; to take it has a time of its own.
        visitor.stream().done_within(Some(WORD_WITHIN));
        frame::write(visitor.stream(), &answer)?;
        if matches!(answer, Answer::Counts(_)) && from == From::Leader {
            gateway.control.told.raise();
        }
    }
}

/// Tells what was counted again and again, until whoever asked has gone, or another member leads.
fn tell_counts(gateway: &Gateway, visitor: &mut impl Visitor, comparing: bool) -> io::Result<()> {
    let mut counted = gateway.fleet.feed().subscribe(if comparing { Pace::Comparing } else { Pace::Steady });
    let mut told: BTreeMap<Run, Span> = BTreeMap::new();
    while gateway.locked_tables().phase == Phase::Leading {
        let counts = gateway.counts(counted.next_message(), From::Controller);
        let all = counts.iter().map(|counts| (counts.run.clone(), counts.at)).collect();
        // Of those that have ended there is nothing new.
        let news = counts.into_iter().filter(|counts| told.get(&counts.run) != Some(&counts.at)).collect();
        told = all;
        visitor.stream().done_within(Some(WORD_WITHIN));
        if visitor.doubt().is_some() {
            return Ok(());
        }
        frame::write(visitor.stream(), &Answer::Counts(news))?;
    }
    visitor.stream().done_within(Some(WORD_WITHIN));
    frame::write(visitor.stream(), &Answer::Moved)
}

impl Gateway {
    /// One question's answer.
    fn asked(&self, request: Request, from: From) -> Answer {
        let phase = self.locked_tables().phase;
        if from == From::Controller && phase != Phase::Leading {
            return Answer::Moved;
        }
        let by_file = from == From::Controller && self.settings.config.is_some();
        match request {
            Request::Table(_) | Request::Remove { .. } if by_file => {
                Answer::Refused("the tables of this gateway come from a file: change that, and it is read again".into())
            }
            Request::Table(table) => self.take(*table),
            Request::Remove { service, generation } => self.remove(&service, generation),
            Request::Status => Answer::Status(Box::new(self.status())),
            Request::Routes => Answer::Routes(self.routes()),
            Request::Endpoints => Answer::Endpoints(self.endpoints()),
            Request::Report => Answer::Report(self.reports(from)),
            Request::Counts => Answer::Counts(self.counts(self.fleet.feed().counts(), from)),
            Request::Drain(what) => self.drain(&what),
            Request::Adopt => Answer::Refused("it has a keeper".into()),
            // Who answers again and again does so elsewhere.
            Request::Watch { .. } => Answer::Refused("this is no question with one answer".into()),
            Request::Replace { workers } => self.replace(workers),
        }
    }

    /// The keeper ends all of it.
    pub(crate) fn ask_to_stop(&self) -> Answer {
        match self.tell_keeper(&ToKeeper::Stop) {
            Ok(()) => Answer::Begun,
            Err(error) => Answer::Refused(format!("the keeper does not listen: {error}")),
        }
    }
}
