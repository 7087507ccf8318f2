//! Leading, and handing that over.

use super::change::Phase;
use super::{Gateway, control};
use std::io;
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, PoisonError};
use std::thread::Builder;
use std::time::Duration;
use wire::asking::Asking;
use wire::control::{Answer, Request};
use wire::keeping::ToKeeper;
use wire::timed::Bounded;

/// A keeper gives up on the next gateway before this is over, or is given up itself.
const REPLACED_WITHIN: Duration = Duration::from_secs(600);
/// A member that does not agree on a version within this is there, but cannot be asked.
const MET_WITHIN: Duration = Duration::from_secs(5);
/// The one that led until now says within this what it has counted, or sums begin anew.
const HANDED_OVER_WITHIN: Duration = Duration::from_secs(5);
/// How often the configuration is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(250);

impl Gateway {
    /// Answers the controller from now on. What the one before took while this one began was saved by it.
    pub(crate) fn lead(self: &Arc<Self>, control: Option<UnixListener>) -> io::Result<()> {
        self.load();
        self.locked_tables().phase = Phase::Leading;
        self.read_config();
        self.settings.log.info("leads", &[]);
        if let Some(control) = control {
            control::open(self, control)?;
        }
        if self.settings.remote.is_some() {
            self.open_remote()?;
        }
        self.go_on_with_sums()?;
        if self.settings.config.is_some() {
            let gateway = Arc::clone(self);
            Builder::new().name("config".into()).spawn(move || {
                while gateway.locked_tables().phase == Phase::Leading {
                    std::thread::sleep(LOOK_EVERY);
                    gateway.look_at_config();
                }
            })?;
        }
        Ok(())
    }

    /// Whoever watches sees no sum begin anew where another gateway led until now: it is answered when that one
    /// has told what it counted.
    fn go_on_with_sums(self: &Arc<Self>) -> io::Result<()> {
        let (gateway, hearing) = (Arc::clone(self), self.locked_siblings().hearing());
        Builder::new().name("sums".into()).spawn(move || {
            hearing.wait(if gateway.beside { HANDED_OVER_WITHIN } else { Duration::ZERO });
            if let Err(error) = gateway.open_to_watchers() {
                gateway.settings.log.error("whoever watches is not answered", &[("why", &error)]);
            }
        })?;
        Ok(())
    }

    /// Leaves clients and the controller to another; whatever is under way is finished first.
    pub(crate) fn retire(&self) -> io::Result<()> {
        self.control.close();
        self.close_remote();
        let mut tables = self.locked_tables();
        self.save_again(&mut tables);
        tables.phase = Phase::Following;
        if !self.fleet.retire() {
            self.settings.log.error("a worker does not retire", &[]);
        }
        self.sockets.let_go();
        drop(tables);
        if !self.is_adopted() {
            // Whoever leads now is introduced to all of them. A keeper that came later knows none.
            self.locked_siblings().forget();
        }
        self.locked_watchers().close();
        self.settings.log.info("retires", &[]);
        self.tell_keeper(&ToKeeper::Retired)?;
        self.replaced(Ok(()));
        Ok(())
    }

    /// Asks for another gateway in the place of this one; returns when it is there.
    pub(crate) fn replace(&self, workers: Option<u16>) -> Answer {
        let (sender, became) = sync_channel(1);
        if self.replacing().is_some() {
            return Answer::Refused("another one is being started already".into());
        }
        *self.replacing() = Some(sender);
        let asked = self.tell_keeper(&ToKeeper::Replace { workers });
        let became = asked.map_err(|error| error.to_string()).and_then(|()| {
            became.recv_timeout(REPLACED_WITHIN).unwrap_or_else(|_| Err("the keeper does not answer".into()))
        });
        self.replacing().take();
        match became {
            Ok(()) => Answer::Replaced,
            Err(why) => Answer::Refused(why),
        }
    }

    /// Whoever asked for another gateway is told what became of it.
    pub(crate) fn replaced(&self, became: Result<(), String>) {
        if let Some(waits) = self.replacing().take() {
            // It has waited for too long where nobody is there.
            let _ = waits.try_send(became);
        }
    }

    fn replacing(&self) -> std::sync::MutexGuard<'_, Option<SyncSender<Result<(), String>>>> {
        self.replacing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on this one is told, too, and asked. It may have missed what came before it was met.
    pub(crate) fn meet(&self, member: u32, pid: u32, led: bool, line: UnixStream) {
        let log = self.settings.log;
        let line = Bounded::new(line, Some(MET_WITHIN));
        let met = Asking::begin(line, None).and_then(|asking| {
            let tables = self.locked_tables();
            let mut siblings = self.locked_siblings();
            siblings.add(member, pid, led, asking)?;
            for served in tables.all.values() {
                siblings.tell_one(member, &Request::Table(Box::new((*served.table).clone())));
            }
            for (service, generation) in &tables.removed {
                siblings.tell_one(member, &Request::Remove { service: service.clone(), generation: *generation });
            }
            Ok(())
        });
        if let Err(error) = met {
            // Most often it had nobody left, and ended at once.
            log.info("a member that retires cannot be asked", &[("member", &member), ("why", &error)]);
            self.locked_siblings().add_silent(member, pid);
        }
    }

    /// Answers the one that leads, on a line of its own.
    pub(crate) fn answer_leader(self: &Arc<Self>, line: UnixStream) -> io::Result<()> {
        control::answer(self, line, control::From::Leader)
    }
}
