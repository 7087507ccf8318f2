//! A controller: the runner, its clock, and the tasks it has under way.

use crate::others::{SimCaller, SimFlags, SimMigrator, SimSource};
use crate::platform::SimPlatform;
use crate::router::SimRouter;
use crate::story::Teller;
use crate::world::SharedWorld;
use crate::worlds::Worlds;
use engine::driver::Drivers;
use engine::facts::Fence;
use engine::journal::entry::Input;
use engine::runner::{Effect, EngineClock, Event, Jump, Runner, perform};
use engine::store::{Pending, Store};
use model::{Name, Span, Subject, Time};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

/// A controller process.
pub struct Host {
    number: u64,
    incarnation: u64,
    worlds: Worlds,
    store: Arc<dyn Store>,
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
    drivers: BTreeMap<Subject, Drivers>,
    /// What is under way, and in which world.
    tasks: BTreeMap<u64, (SharedWorld, Pending<'static, Option<Event>>)>,
    /// Answers that came while it stood still.
    heard: Vec<Event>,
}

impl Host {
    /// A controller that starts at once.
    pub fn new(number: u64, worlds: &Worlds, store: &Arc<dyn Store>) -> Self {
        Self {
            number,
            incarnation: 0,
            worlds: worlds.clone(),
            store: Arc::clone(store),
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
        let mut runner = Runner::new("everything", &holder);
        let mut drivers = BTreeMap::new();
        for (subject, world) in self.worlds.iter() {
            world.lock().checker.started.insert(holder.clone(), now);
            let served = drivers_of(world, &holder);
            runner.add(subject.clone(), served.facts(), now);
            drivers.insert(subject.clone(), served);
        }
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
        if !self.stalled.is_empty() {
            self.decided_at(Some(self.stalled_at));
            for effect in std::mem::take(&mut self.stalled) {
                self.carry_out(now, effect);
            }
            self.decided_at(None);
        }
        let heard = self.process.as_mut().map(|process| std::mem::take(&mut process.heard)).unwrap_or_default();
        for event in heard {
            self.handle(now, event);
        }
        self.handle(now, Event::Tick);
    }

    /// Somebody asks it for something.
    pub fn ask(&mut self, now: Time, subject: &Subject, input: Input) {
        if self.hangs_until <= now && self.process.is_some() {
            self.handle(now, Event::Asked(subject.clone(), input));
        }
    }

    /// What is written next was decided then.
    fn decided_at(&self, at: Option<Time>) {
        self.worlds.iter().for_each(|(_, world)| world.lock().checker.decided_at = at);
    }

    fn handle(&mut self, now: Time, event: Event) {
        let wall = self.wall(now);
        let (worlds, number) = (&self.worlds, self.number);
        let Some(process) = &mut self.process else { return };
        let (engine_now, jumped) = process.clock.tick(wall, now);
        if let Some(jump) = jumped {
            process.runner.clock_jumped(jump);
            let Jump { by, behind } = jump;
            worlds.tell(Teller::Controller, || {
                format!("controller {number} sees its clock jump by {by}, and {behind} behind")
            });
        }
        let last_breath =
            matches!(event, Event::Appended(..)) && self.worlds.of(event.subject()).lock().is_last_breath();
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
            if self.hangs_until > now && !self.has_to_start(&effect) {
                self.stalled.push(effect);
            } else {
                self.carry_out(now, effect);
            }
        }
    }

    /// What a target without a fence would take has to be started within the lease: a process that
    /// stands still between the look at its lease and the start is the named residue of such targets.
    fn has_to_start(&self, effect: &Effect) -> bool {
        let Effect::Send(command) = effect else { return false };
        let world = self.worlds.of(Some(&command.subject)).lock();
        world.facts.fence(&command.act) == Fence::None
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
        self.worlds.iter().for_each(|(_, world)| world.lock().breathe_out());
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
        self.hangs_until = until;
        self.stalled_at = now;
        self.handle(now, Event::Tick);
    }

    fn carry_out(&mut self, now: Time, effect: Effect) {
        let Some(process) = &mut self.process else { return };
        let subject = subject_of(&effect).cloned();
        let world = self.worlds.of(subject.as_ref());
        if let Effect::Say(_, words) = &effect {
            world.lock().tell(Teller::Controller, || format!("controller {} says: {words}", self.number));
        }
        let drivers = subject.and_then(|subject| process.drivers.get(&subject));
        let Some(task) = perform(effect, &self.store, drivers) else { return };
        self.next_task += 1;
        // The host's number is part of the task's, so that wakes find their host.
        let id = self.next_task * 16 + self.number;
        process.tasks.insert(id, (world.clone(), task));
        self.poll(now, id);
    }

    /// A task wants to be polled.
    pub fn poll(&mut self, now: Time, id: u64) {
        let Some(process) = &mut self.process else { return };
        let Some((world, task)) = process.tasks.get_mut(&id) else { return };
        world.lock().enter_task(id);
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

/// The service that an effect is about, if it is about one.
fn subject_of(effect: &Effect) -> Option<&Subject> {
    match effect {
        Effect::Lease { .. } | Effect::GiveUp { .. } => None,
        Effect::Append(append, _) => Some(&append.subject),
        Effect::Send(command) => Some(&command.subject),
        Effect::AskSource(_, question, _) => Some(&question.subject),
        Effect::Read(subject, ..)
        | Effect::LookAtPlatform(subject, ..)
        | Effect::LookAtRouter(subject, ..)
        | Effect::AskGate(subject, ..)
        | Effect::Checkpoint(subject, ..)
        | Effect::Answer(subject, ..)
        | Effect::Say(subject, ..) => Some(subject),
    }
}

/// The drivers of one service, in a fresh process.
fn drivers_of(world: &SharedWorld, process: &str) -> Drivers {
    let router = world.lock().facts.router.is_some();
    let source = |name: &str| Name::new(name).ok().map(|name| (name, Arc::new(SimSource(world.clone())) as _));
    Drivers {
        platform: Arc::new(SimPlatform::new(world.clone(), process)),
        router: if router { Some(Arc::new(SimRouter::new(world.clone()))) } else { None },
        sources: [source("gateway"), source("platform"), source("numbers")].into_iter().flatten().collect(),
        caller: Some(Arc::new(SimCaller(world.clone()))),
        migrator: Some(Arc::new(SimMigrator(world.clone()))),
        flags: Some(Arc::new(SimFlags(world.clone()))),
    }
}
