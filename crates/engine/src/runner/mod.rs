//! The thin part that turns decisions into doing, for many services in one process. It holds no
//! thread and no runtime: events come in, effects go out, and whoever hosts it carries them out with
//! [`perform`]. No service waits for another.

mod clock;
mod desk;
mod looking;
mod perform;
mod reading;
mod sending;
mod writing;

pub use clock::{EngineClock, Jump};
pub use desk::{Desk, INBOX_MAX};
pub use perform::perform;
pub(crate) use sending::LEASE_LEFT_MIN;

use crate::command::{Command, Reply, Target};
use crate::driver::{Answer, Question};
use crate::facts::Facts;
use crate::hear::Declined;
use crate::journal::entry::Input;
use crate::journal::state::State;
use crate::observe::{PlatformLook, RouterLook};
use crate::planted::{self, Bug};
use crate::store::{Append, AppendError, Epoch, Journal, Lease, Position, Renewal, StoreError, Taken, Taking};
use clock::Now;
use model::gate::Gate;
use model::{Name, Span, Subject, Time};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

/// How long a lease lasts without being renewed.
pub const LEASE_LENGTH: Span = Span::seconds(30);
/// How many services one tick is for: whoever hosts the runner can do something else before the next.
pub const TICK_DESKS_MAX: usize = 64;
/// How many journals are read at the same time: what was read and not yet folded takes memory.
pub const READS_MAX: usize = 64;
/// How often it is renewed.
pub const LEASE_RENEW: Span = Span::seconds(5);

/// Something that happened.
#[derive(Clone, Debug)]
pub enum Event {
    /// The lease was asked for, at that time of the runner's; `None` where the store could not answer.
    Leased(Option<Taken>, Time),
    /// A subject's journal was read, after the position that was asked for.
    Read(Subject, Result<Journal, StoreError>),
    /// An append was answered: the one of this number.
    Appended(Subject, u64, Result<Position, AppendError>),
    /// A command was answered.
    Replied(Subject, Target, Position, Reply),
    /// A platform was looked at, asked at that time; `None` is blindness.
    PlatformSeen(Subject, Time, Option<PlatformLook>),
    /// Routers were looked at, asked at that time; `None` is blindness.
    RouterSeen(Subject, Time, Option<RouterLook>),
    /// A source was asked at that time; `None` is blindness.
    SourceSeen(Subject, Name, Question, Time, Option<Vec<Answer>>),
    /// A gate was asked for that attempt.
    GateSeen(Subject, Position, bool),
    /// Somebody asks for something.
    Asked(Subject, Input),
    /// Time has passed.
    Tick,
}

impl Event {
    /// The service that it is about, if it is about one.
    pub fn subject(&self) -> Option<&Subject> {
        match self {
            Event::Leased(..) | Event::Tick => None,
            Event::Read(subject, _)
            | Event::Appended(subject, ..)
            | Event::Replied(subject, ..)
            | Event::PlatformSeen(subject, ..)
            | Event::RouterSeen(subject, ..)
            | Event::SourceSeen(subject, ..)
            | Event::GateSeen(subject, ..)
            | Event::Asked(subject, _) => Some(subject),
        }
    }
}

/// Something to be done.
#[derive(Clone, Debug)]
pub enum Effect {
    /// Take or renew the lease, at this time of the runner's.
    Lease(Taking, Time),
    /// Read a journal after a position.
    Read(Subject, Position),
    /// Append, and answer with this number.
    Append(Append, u64),
    /// Give the lease up: another controller can do what this one cannot.
    GiveUp {
        /// Of what.
        scope: String,
        /// Whose.
        holder: String,
    },
    /// Send a command.
    Send(Command),
    /// Look at the platform, at this time of the runner's.
    LookAtPlatform(Subject, Time),
    /// Look at the routers, at this time of the runner's.
    LookAtRouter(Subject, Time),
    /// Ask a source, at this time of the runner's.
    AskSource(Name, Question, Time),
    /// Ask a gate.
    AskGate(Subject, Position, Gate),
    /// Keep what would cost time to see again.
    Checkpoint(Subject, Position, Epoch, String),
    /// Answer an input.
    Answer(Subject, String, Result<Position, Refused>),
    /// Something that the people who run this controller should know.
    Say(Subject, String),
}

/// Why an input came to nothing.
#[derive(Clone, Debug, PartialEq)]
pub enum Refused {
    /// It was declined.
    Declined(Box<Declined>),
    /// It could not be written.
    NotWritten(String),
    /// Too many wait.
    Busy,
    /// Another controller is in charge.
    NotLeader,
}

/// Another controller's lease, as it was last seen to be renewed.
#[derive(Debug)]
struct Rival {
    renewal: Renewal,
    length: Span,
    since: Time,
}

/// Many services, one lease.
#[derive(Debug)]
pub struct Runner {
    scope: String,
    holder: String,
    lease: Option<Lease>,
    lease_asked: Option<Time>,
    rival: Option<Rival>,
    /// Boxed: the map's nodes have room for more than are in them.
    desks: BTreeMap<Subject, Box<Desk>>,
    /// Whose journals are being read.
    reading: BTreeSet<Subject>,
    /// Whose journals have to be read when that is done, in their turn.
    unread: VecDeque<Subject>,
    wakes: BTreeSet<(Time, Subject)>,
    /// How far the wall clock is behind this runner's time: it was put back.
    behind: Span,
    /// This controller has met entries that only a newer one understands.
    given_up: bool,
}

impl Runner {
    /// A runner that is nobody's leader yet.
    pub fn new(scope: &str, holder: &str) -> Self {
        Self {
            scope: scope.into(),
            holder: holder.into(),
            lease: None,
            lease_asked: None,
            rival: None,
            desks: BTreeMap::new(),
            reading: BTreeSet::new(),
            unread: VecDeque::new(),
            wakes: BTreeSet::new(),
            behind: Span::ZERO,
            given_up: false,
        }
    }

    /// A service to be looked after, with what its drivers can do.
    pub fn add(&mut self, subject: Subject, facts: Facts, now: Time) {
        self.wakes.insert((now, subject.clone()));
        // Services on one platform have the same facts: they are kept once.
        let known = self.desks.values().next().map(|desk| desk.facts());
        let facts = known.filter(|known| ***known == facts).map_or_else(|| Arc::new(facts), Arc::clone);
        self.desks.insert(subject.clone(), Box::new(Desk::new(subject, facts, now)));
    }

    /// The state of a service as this runner knows it.
    pub fn state(&self, subject: &Subject) -> Option<&State> {
        self.desks.get(subject).and_then(|desk| desk.state())
    }

    /// A service's desk.
    pub fn desk(&self, subject: &Subject) -> Option<&Desk> {
        self.desks.get(subject).map(|desk| &**desk)
    }

    /// The lease, while it lasts.
    pub fn lease(&self, now: Time) -> Option<Lease> {
        self.lease.filter(|lease| lease.until > now)
    }

    /// How long after `now` this runner wants a tick, if nothing happens before.
    pub fn wake_in(&self, now: Time) -> Option<Span> {
        self.wake_at().map(|at| at.since(now))
    }

    fn wake_at(&self) -> Option<Time> {
        let renew = self.lease_asked.map(|asked| asked + LEASE_RENEW);
        let desk = self.wakes.first().map(|(at, _)| *at);
        match (renew, desk) {
            (Some(renew), Some(desk)) => Some(renew.min(desk)),
            (renew, desk) => renew.or(desk),
        }
    }

    /// What follows from an event. A tick is for a part of those that are due: where more are, the next
    /// is wanted at once.
    pub fn handle(&mut self, now: Time, event: Event) -> Vec<Effect> {
        let mut effects = Vec::new();
        self.keep_lease(now, &event, &mut effects);
        match event.subject() {
            Some(subject) => {
                let subject = subject.clone();
                self.reading.remove(&subject);
                self.run_desk(now, &subject, Some(event), &mut effects);
            }
            None => {
                for _ in 0..TICK_DESKS_MAX {
                    let due = self.wakes.first().filter(|(at, _)| *at <= now).cloned();
                    let Some((_, subject)) = due else { break };
                    self.run_desk(now, &subject, None, &mut effects);
                }
            }
        }
        for _ in 0..TICK_DESKS_MAX {
            if self.reading.len() >= READS_MAX {
                break;
            }
            let Some(next) = self.unread.pop_front() else { break };
            if let Some(desk) = self.desks.get_mut(&next) {
                desk.queued = false;
            }
            self.run_desk(now, &next, None, &mut effects);
        }
        effects
    }

    /// The wall clock has jumped: every service's journal says so, deadlines do not count what it jumped
    /// forward, and calendars follow it where it was put back. To be called before the first event of
    /// the new time.
    pub fn clock_jumped(&mut self, jump: Jump) {
        self.behind = jump.behind;
        if let Some(rival) = &mut self.rival {
            rival.since = rival.since + jump.by;
        }
        for desk in self.desks.values_mut() {
            desk.jump(jump.by);
        }
    }

    fn keep_lease(&mut self, now: Time, event: &Event, effects: &mut Vec<Effect>) {
        match event {
            Event::Leased(Some(Ok(epoch)), asked) if !self.given_up => {
                self.rival = None;
                // It lasts from when it was asked for: nobody knows how long the answer took.
                let before = self.lease.replace(Lease { epoch: *epoch, until: *asked + LEASE_LENGTH });
                if before.is_none_or(|before| before.epoch != *epoch) {
                    self.forget_all(now, effects);
                }
            }
            Event::Leased(Some(Err(held)), _) => {
                self.lease = None;
                // Its time runs from when it was heard of, by this process's own clock.
                if self.rival.as_ref().is_none_or(|rival| rival.renewal != held.renewal) {
                    self.rival = Some(Rival { renewal: held.renewal, length: held.length, since: now });
                }
            }
            Event::Appended(_, _, Err(AppendError::Fenced(_))) => self.lease = None,
            Event::Leased(..)
            | Event::Appended(..)
            | Event::Read(..)
            | Event::Replied(..)
            | Event::PlatformSeen(..)
            | Event::RouterSeen(..)
            | Event::SourceSeen(..)
            | Event::GateSeen(..)
            | Event::Asked(..)
            | Event::Tick => {}
        }
        if !self.given_up && self.lease_asked.is_none_or(|asked| now.since(asked) >= LEASE_RENEW) {
            self.lease_asked = Some(now);
            let over = self.rival.as_ref().filter(|rival| now.since(rival.since) >= rival.length);
            let unrenewed = over.map(|rival| rival.renewal);
            let (scope, holder) = (self.scope.clone(), self.holder.clone());
            effects.push(Effect::Lease(Taking { scope, holder, length: LEASE_LENGTH, unrenewed }, now));
        }
    }

    /// Somebody else may have written meanwhile: everything is read anew.
    fn forget_all(&mut self, now: Time, effects: &mut Vec<Effect>) {
        for desk in self.desks.values_mut() {
            desk.forget(now, effects);
        }
        self.wakes = self.desks.keys().map(|subject| (now, subject.clone())).collect();
        self.reading.clear();
        self.unread.clear();
    }

    /// Only the planted bug asks: no service waits for another.
    fn others_await_the_store(&self, subject: &Subject) -> bool {
        self.desks.iter().any(|(other, desk)| other != subject && desk.awaits_the_store())
    }

    fn run_desk(&mut self, now: Time, subject: &Subject, event: Option<Event>, effects: &mut Vec<Effect>) {
        let held_up = planted::is(Bug::OneForAll) && self.others_await_the_store(subject);
        let lease = self.lease(now).filter(|_| !held_up);
        let Some(desk) = self.desks.get_mut(subject) else {
            self.wakes.retain(|(_, other)| other != subject);
            return;
        };
        self.wakes.remove(&(desk.wake_at(), subject.clone()));
        let may_read = self.reading.len() < READS_MAX || self.reading.contains(subject);
        let now = Now { at: now, behind: self.behind };
        desk.handle(now, lease.map(|lease| (lease, self.scope.as_str())), may_read, event, effects);
        if desk.reads() {
            self.reading.insert(subject.clone());
        } else {
            let had_its_turn = self.reading.remove(subject);
            let has_to_wait = desk.wants_to_read() && (had_its_turn || !may_read);
            if has_to_wait && !std::mem::replace(&mut desk.queued, true) {
                self.unread.push_back(subject.clone());
            }
        }
        self.wakes.insert((desk.wake_at(), subject.clone()));
        if desk.needs_a_newer() && !self.given_up {
            // A newer controller may be waiting for the lease: it is not renewed any more.
            self.given_up = true;
            self.lease = None;
            let (scope, holder) = (self.scope.clone(), self.holder.clone());
            effects.push(Effect::GiveUp { scope, holder });
        }
    }
}
