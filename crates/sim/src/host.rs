//! A controller: the runner, its clock, and the tasks it has under way.

use crate::others::{SimCaller, SimFlags, SimMigrator, SimSource};
use crate::platform::SimPlatform;
use crate::router::SimRouter;
use crate::world::SharedWorld;
use engine::driver::Drivers;
use engine::journal::entry::Input;
use engine::runner::{Effect, EngineClock, Event, Runner, perform};
use engine::store::{Pending, Store};
use model::{Name, Span, Subject, Time};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

/// A controller process.
pub struct Host {
    number: u64,
    incarnation: u64,
    world: SharedWorld,
    store: Arc<dyn Store>,
    subject: Subject,
    /// The process, while it lives.
    process: Option<Process>,
    /// When it starts again, if it does not live.
    pub starts_at: Time,
    /// It stands still until then.
    pub hangs_until: Time,
    /// What it was about to do when it began to stand still, and when that was.
    stalled: Vec<Effect>,
    stalled_at: Time,
    /// It will stand still for so long when it is about to write.
    hangs_at_write: Option<Span>,
    /// How far its wall clock is ahead of the true time, or behind.
    pub wall_offset: i64,
    next_task: u64,
}

struct Process {
    runner: Runner,
    clock: EngineClock,
    drivers: Drivers,
    tasks: BTreeMap<u64, Pending<'static, Option<Event>>>,
    /// Answers that came while it stood still.
    heard: Vec<Event>,
}

impl Host {
    /// A controller that starts at once.
    pub fn new(number: u64, world: &SharedWorld, store: &Arc<dyn Store>, subject: &Subject) -> Self {
        Self {
            number,
            incarnation: 0,
            world: world.clone(),
            store: Arc::clone(store),
            subject: subject.clone(),
            process: None,
            starts_at: Time(number * 700),
            hangs_until: Time(0),
            stalled: Vec::new(),
            stalled_at: Time(0),
            hangs_at_write: None,
            wall_offset: 0,
            next_task: 0,
        }
    }

    fn wall(&self, now: Time) -> Time {
        Time(now.0.saturating_add_signed(self.wall_offset))
    }

    fn start(&mut self, now: Time) {
        self.incarnation += 1;
        let holder = format!("controller-{}-{}", self.number, self.incarnation);
        self.world.lock().checker.started.insert(holder.clone(), now);
        let world = &self.world;
        let router = world.lock().facts.router.is_some();
        let source = |name: &str| Name::new(name).ok().map(|name| (name, Arc::new(SimSource(world.clone())) as _));
        let drivers = Drivers {
            platform: Arc::new(SimPlatform::new(world.clone(), &holder)),
            router: if router { Some(Arc::new(SimRouter::new(world.clone()))) } else { None },
            sources: [source("gateway"), source("platform"), source("numbers")].into_iter().flatten().collect(),
            caller: Some(Arc::new(SimCaller(world.clone()))),
            migrator: Some(Arc::new(SimMigrator(world.clone()))),
            flags: Some(Arc::new(SimFlags(world.clone()))),
        };
        let mut runner = Runner::new("everything", &holder);
        runner.add(self.subject.clone(), drivers.facts(), now);
        let clock = EngineClock::new(self.wall(now), now);
        self.process = Some(Process { runner, clock, drivers, tasks: BTreeMap::new(), heard: Vec::new() });
    }

    /// The process ends at once; what it sent is under way all the same.
    pub fn crash(&mut self, starts_at: Time) {
        self.hangs_until = Time(0);
        self.hangs_at_write = None;
        self.process = None;
        self.stalled.clear();
        self.starts_at = starts_at;
    }

    /// Whether it lives.
    pub fn lives(&self) -> bool {
        self.process.is_some()
    }

    /// Whether it believes that it leads.
    pub fn leads(&self, now: Time) -> bool {
        let wall = self.wall(now);
        self.process.as_ref().is_some_and(|process| process.runner.lease(process.clock.peek(wall, now)).is_some())
    }

    /// Its runner.
    pub fn runner(&self) -> Option<&Runner> {
        self.process.as_ref().map(|process| &process.runner)
    }

    /// When something happens with it by itself.
    pub fn wake_at(&self, now: Time) -> Time {
        match &self.process {
            None => self.starts_at,
            Some(_) if self.hangs_until > now => self.hangs_until,
            // The runner's time may be ahead of the true one.
            Some(process) => {
                let engine_now = process.clock.peek(self.wall(now), now);
                now + process.runner.wake_in(engine_now).unwrap_or_default()
            }
        }
    }

    /// It gets its turn: time has passed.
    pub fn turn(&mut self, now: Time) {
        if self.hangs_until > now {
            return;
        }
        if self.process.is_none() {
            if self.starts_at <= now {
                self.start(now);
                self.handle(now, Event::Tick);
            }
            return;
        }
        self.world.lock().checker.decided_at = Some(self.stalled_at);
        for effect in std::mem::take(&mut self.stalled) {
            self.carry_out(now, effect);
        }
        self.world.lock().checker.decided_at = None;
        let heard = self.process.as_mut().map(|process| std::mem::take(&mut process.heard)).unwrap_or_default();
        for event in heard {
            self.handle(now, event);
        }
        self.handle(now, Event::Tick);
    }

    /// Somebody asks it for something.
    pub fn ask(&mut self, now: Time, input: Input) {
        if self.hangs_until <= now && self.process.is_some() {
            let subject = self.subject.clone();
            self.handle(now, Event::Asked(subject, input));
        }
    }

    fn handle(&mut self, now: Time, event: Event) {
        let wall = self.wall(now);
        let Some(process) = &mut self.process else { return };
        let (engine_now, jumped) = process.clock.tick(wall, now);
        if let Some(jump) = jumped {
            process.runner.clock_jumped(jump);
            let (number, engine::runner::Jump { by, behind }) = (self.number, jump);
            self.world.lock().tell(|| format!("controller {number} sees its clock jump by {by}, {behind} behind"));
        }
        let last_breath = matches!(event, Event::Appended(..)) && self.world.lock().is_last_breath();
        let effects = process.runner.handle(engine_now, event);
        if last_breath {
            return self.breathe_out(now, effects);
        }
        if effects.iter().any(|effect| matches!(effect, Effect::Append(..)))
            && let Some(length) = self.hangs_at_write.take()
        {
            self.hangs_until = now + length;
            self.stalled_at = now;
        }
        for effect in effects {
            if self.hangs_until > now {
                self.stalled.push(effect);
            } else {
                self.carry_out(now, effect);
            }
        }
    }

    /// It will stand still for so long when it is about to write.
    pub fn hang_at_write(&mut self, length: Span) {
        self.hangs_at_write = Some(length);
    }

    /// The last entry is durable: what follows from it is sent, and nothing else happens any more.
    fn breathe_out(&mut self, now: Time, effects: Vec<Effect>) {
        for effect in effects.into_iter().filter(|effect| matches!(effect, Effect::Send(_))) {
            self.carry_out(now, effect);
        }
        self.world.lock().breathe_out();
    }

    /// It stands still from now on; with luck between deciding and doing.
    pub fn hang(&mut self, now: Time, until: Time) {
        if self.process.is_none() || self.hangs_until > now {
            // It stands still already, or there is nothing to stand still.
            if self.process.is_some() {
                self.hangs_until = self.hangs_until.max(until);
            }
            return;
        }
        // What a target without a fence would take has to be started within the lease: a process
        // that stands still between that look and the start is the named residue of such targets.
        let unfenced = {
            let world = self.world.lock();
            let none = engine::facts::Fence::None;
            world.facts.platform.fence == none || world.facts.router.as_ref().is_some_and(|router| router.fence == none)
        };
        if unfenced {
            self.hangs_until = until;
            return;
        }
        let wall = self.wall(now);
        if let Some(process) = &mut self.process {
            let (engine_now, jumped) = process.clock.tick(wall, now);
            if let Some(jump) = jumped {
                process.runner.clock_jumped(jump);
            }
            let effects = process.runner.handle(engine_now, Event::Tick);
            self.stalled.extend(effects);
            self.stalled_at = now;
        }
        self.hangs_until = until;
    }

    fn carry_out(&mut self, now: Time, effect: Effect) {
        let Some(process) = &mut self.process else { return };
        if let Effect::Say(_, words) = &effect {
            self.world.lock().tell(|| format!("says: {words}"));
        }
        let Some(task) = perform(effect, &self.store, Some(&process.drivers)) else { return };
        self.next_task += 1;
        // The host's number is part of the task's, so that wakes find their host.
        let id = self.next_task * 16 + self.number;
        process.tasks.insert(id, task);
        self.poll(now, id);
    }

    /// A task wants to be polled.
    pub fn poll(&mut self, now: Time, id: u64) {
        let Some(process) = &mut self.process else { return };
        let Some(task) = process.tasks.get_mut(&id) else { return };
        self.world.lock().enter_task(id);
        let mut context = Context::from_waker(Waker::noop());
        if let Poll::Ready(event) = task.as_mut().poll(&mut context) {
            process.tasks.remove(&id);
            if let Some(event) = event {
                if self.hangs_until > now {
                    process.heard.push(event);
                } else {
                    self.handle(now, event);
                }
            }
        }
    }
}
