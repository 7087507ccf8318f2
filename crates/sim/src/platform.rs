//! A platform that runs nothing: instances start, become ready, crash and go by simulated time.

use crate::delivery::deliver;
use crate::fault::Fault;
use crate::later::{later, never};
use crate::story::Teller;
use crate::world::{Behaviour, Happening, Instance, SharedWorld, World};
use engine::command::{Act, Command, Reply};
use engine::driver::{Blind, Platform};
use engine::facts::{Fence, PlatformFacts};
use engine::observe::{InstancesLook, PlatformLook};
use engine::store::{Pending, Position};
use model::{ReleaseNumber, Span, Subject, Time};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// How many crashes in a row a platform takes for a loop.
const CRASH_LOOP: u32 = 3;
/// How long an instance that is told to go takes.
const GOING_MS_MAX: u64 = 400;

/// The driver of one controller: what a target without a fence was told, only this process remembers.
pub struct SimPlatform {
    world: SharedWorld,
    process: String,
    told: Arc<Mutex<BTreeMap<ReleaseNumber, (Position, u32)>>>,
}

impl SimPlatform {
    /// A driver in a fresh process.
    pub fn new(world: SharedWorld, process: &str) -> Self {
        Self { world, process: process.into(), told: Arc::default() }
    }
}

impl Platform for SimPlatform {
    fn facts(&self) -> PlatformFacts {
        self.world.lock().facts.platform.clone()
    }

    fn ensure(&self, command: Command) -> Pending<'static, Reply> {
        let Act::Scale { release, count } = &command.act else { return cannot(&self.world, &command) };
        let (release, count, generation) = (*release, *count, command.generation);
        let reply = deliver(&self.world, &command, 0);
        let told = Arc::clone(&self.told);
        Box::pin(async move {
            let reply = reply.await;
            if reply == Reply::Accepted {
                told.lock().unwrap_or_else(std::sync::PoisonError::into_inner).insert(release, (generation, count));
            }
            reply
        })
    }

    fn observe(&self, _: Subject) -> Pending<'static, Result<PlatformLook, Blind>> {
        let mut world = self.world.lock();
        let now = world.now;
        if world.are_drivers_stuck() {
            return never();
        }
        if world.platform_silent_until > now || world.strikes(Fault::Blind, 25) {
            drop(world);
            return later(&self.world, now + Span(2_000), Err(Blind("timed out".into())));
        }
        let at = now + Span(world.random.between(1, 40));
        world.checker.looked.insert(self.process.clone());
        let told = self.told.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
        let mut look = world.platform_look();
        if world.facts.platform.fence == Fence::None {
            // Nothing is stored beside the objects: the driver knows what it was told itself.
            for (release, seen) in &mut look.releases {
                let wanted = world.releases.get(release).map_or(0, |sim| sim.wanted);
                let told = told.get(release).filter(|(_, count)| *count == wanted);
                seen.generation = told.map_or(Position(0), |(generation, _)| *generation);
            }
        } else if world.stale_look.is_some() && world.strikes(Fault::LateStatus, 60) {
            // A status that lags carries the generation that it is about.
            look = world.stale_look.clone().map_or(look, |(_, look)| look);
        }
        if world.stale_look.as_ref().is_none_or(|(taken, _)| now.since(*taken) > Span(1_500)) {
            let fresh = world.platform_look();
            world.stale_look = Some((now, fresh));
        }
        drop(world);
        later(&self.world, at, Ok(look))
    }
}

/// A command that this driver cannot carry out.
pub fn cannot(world: &SharedWorld, command: &Command) -> Pending<'static, Reply> {
    let now = world.lock().now;
    let why = format!("no driver for {:?}", command.act);
    later(world, now, Reply::Failed { why, retry: false })
}

impl World {
    /// What a platform shows now.
    pub fn platform_look(&self) -> PlatformLook {
        let now = self.now;
        let releases = self.releases.iter().map(|(release, sim)| {
            let alive = sim.instances.values();
            let running = alive.clone().filter(|instance| instance.gone_at.is_none_or(|at| at > now)).count();
            let ready = alive.filter(|instance| instance.ready(now)).count();
            let looping = self.behaviour(*release) == Behaviour::CrashLoop && sim.crashes >= CRASH_LOOP;
            let look = InstancesLook {
                generation: self.shown(self.facts.platform.fence, &sim.tag, &sim.wanted),
                running: u32::try_from(running).unwrap_or(u32::MAX),
                ready: u32::try_from(ready).unwrap_or(u32::MAX),
                autoscaled: self.autoscaled,
                failing: looping.then(|| "it crashes again and again".to_owned()),
            };
            (*release, look)
        });
        PlatformLook { releases: releases.collect() }
    }

    /// How a release behaves.
    pub fn behaviour(&self, release: ReleaseNumber) -> Behaviour {
        self.behaviours.get(&release).copied().unwrap_or(Behaviour::Good)
    }

    /// A command to have so many instances takes effect.
    pub fn take_scale(&mut self, command: &Command) {
        let Act::Scale { release, count } = command.act else { return };
        self.tell(Teller::Platform, || format!("{release} has {count} instances (generation {})", command.generation));
        let sim = self.releases.entry(release).or_default();
        sim.wanted = count;
        // What strayed proves nothing, in either way.
        if count == 0 && !sim.tag.strayed {
            sim.proven = false;
            sim.crashes = 0;
        }
        if !sim.tag.strayed {
            sim.instances.range_mut(..count).for_each(|(_, instance)| instance.strayed = false);
        }
        let leaving: Vec<u32> = sim
            .instances
            .iter()
            .filter(|(number, instance)| **number >= count && instance.gone_at.is_none())
            .map(|(number, _)| *number)
            .collect();
        for number in leaving {
            self.check_stop(release, number);
            let gone = self.now + Span(self.random.between(10, GOING_MS_MAX));
            if let Some(instance) = self.releases.get_mut(&release).and_then(|sim| sim.instances.get_mut(&number)) {
                instance.gone_at = Some(gone);
            }
            self.schedule(gone, Happening::Gone(release, number));
        }
        for number in 0..count {
            self.start_instance(release, number);
        }
        self.check_tables();
    }

    /// An instance starts where none runs.
    fn start_instance(&mut self, release: ReleaseNumber, number: u32) {
        let now = self.now;
        let behaviour = self.behaviour(release);
        let takes = Span(self.random.between(100, 1_500));
        let tail = Span(self.random.between(0, 3_000));
        let Some(sim) = self.releases.get_mut(&release) else { return };
        if sim.instances.get(&number).is_some_and(|instance| instance.gone_at.is_none()) {
            return;
        }
        let ready_at = match behaviour {
            Behaviour::NeverReady | Behaviour::CrashLoop => None,
            Behaviour::Good | Behaviour::Bad | Behaviour::BadAfter(_) => Some(now + takes),
        };
        if behaviour == Behaviour::NeverReady {
            self.faults.add(Fault::NeverReady);
        }
        let Some(sim) = self.releases.get_mut(&release) else { return };
        if behaviour == Behaviour::CrashLoop {
            sim.crashes += CRASH_LOOP;
        }
        let strayed = sim.tag.strayed;
        let instance = Instance { ready_at, flaps_until: Time(0), gone_at: None, left_at: None, tail, strayed };
        sim.instances.insert(number, instance);
        if let Some(at) = ready_at {
            self.schedule(at, Happening::Ready(release));
        }
    }

    /// An instance becomes ready: from now on its release has proven healthy.
    pub fn instance_ready(&mut self, release: ReleaseNumber) {
        let now = self.now;
        if let Some(sim) = self.releases.get_mut(&release)
            && sim.wanted > 0
            && sim.instances.values().any(|instance| instance.ready(now))
        {
            sim.proven = true;
        }
    }

    /// An instance that was told to go is gone.
    pub fn instance_gone(&mut self, release: ReleaseNumber, number: u32) {
        let now = self.now;
        let Some(sim) = self.releases.get_mut(&release) else { return };
        let gone = sim.instances.get(&number).is_some_and(|instance| instance.gone_at.is_some_and(|at| at <= now));
        if gone {
            sim.instances.remove(&number);
            if number < sim.wanted {
                // It was wanted again while it went.
                self.start_instance(release, number);
            }
        }
    }

    /// An instance ends by itself. Most platforms start it again; some have forgotten it.
    pub fn crash_instance(&mut self, forgotten_percent: u64) {
        let alive: Vec<(ReleaseNumber, u32)> = self
            .releases
            .iter()
            .flat_map(|(release, sim)| {
                sim.instances.iter().map(move |(number, instance)| (*release, *number, instance))
            })
            .filter(|(_, _, instance)| instance.gone_at.is_none())
            .map(|(release, number, _)| (release, number))
            .collect();
        if alive.is_empty() {
            return;
        }
        let (release, number) = *self.random.pick(&alive);
        self.inject(Fault::InstanceCrash);
        self.tell(Teller::Platform, || format!("instance {number} of {release} crashes"));
        let forgotten = self.random.percent(forgotten_percent);
        if let Some(sim) = self.releases.get_mut(&release) {
            sim.instances.remove(&number);
        }
        if !forgotten {
            self.start_instance(release, number);
        }
    }

    /// Whether the way back is holding a share for a while.
    pub fn holds_on_the_way_back(&self) -> bool {
        let rollout = self.checker.state.rollout.as_deref().filter(|rollout| rollout.back.is_some());
        let verb = rollout.filter(|rollout| rollout.doing.is_some()).and_then(|rollout| rollout.step());
        matches!(verb.map(|step| &step.verb), Some(model::plan::Verb::Observe { .. }))
    }

    /// The platform shows nothing for so long that a start on the way back is undecided, and what it
    /// shows then is not ready.
    pub fn hide_a_start_on_the_way_back(&mut self) {
        let rollout = self.checker.state.rollout.as_deref().filter(|rollout| rollout.back.is_some());
        let verb = rollout.filter(|rollout| rollout.doing.is_some()).and_then(|rollout| rollout.step());
        if !matches!(verb.map(|step| &step.verb), Some(model::plan::Verb::Start { .. })) {
            return;
        }
        self.inject(Fault::Blind);
        self.platform_silent_until = self.now + Span(self.random.between(78_000, 85_000));
        self.flap_until(self.now + Span(120_000));
    }

    /// No instance of any release is ready for a while.
    pub fn flap_everything(&mut self) {
        let until = self.now + Span(self.random.between(5_000, 90_000));
        self.flap_until(until);
    }

    fn flap_until(&mut self, until: Time) {
        self.inject(Fault::InstanceFlap);
        let releases: Vec<ReleaseNumber> = self.releases.keys().copied().collect();
        for release in releases {
            self.schedule(until, Happening::Ready(release));
            for instance in self.releases.get_mut(&release).into_iter().flat_map(|sim| sim.instances.values_mut()) {
                instance.flaps_until = until;
            }
        }
    }

    /// An instance is not ready for a while.
    pub fn flap_instance(&mut self) {
        let lasts = match self.random.between(0, 9) {
            _ if self.troubled && self.random.percent(50) => self.random.between(20_000, 100_000),
            0..=6 => self.random.between(300, 4_000),
            7..=8 => self.random.between(5_000, 25_000),
            _ => self.random.between(65_000, 100_000),
        };
        let until = self.now + Span(lasts);
        let alive = self.releases.iter().filter(|(_, sim)| sim.wanted > 0);
        let releases: Vec<ReleaseNumber> = alive.map(|(release, _)| *release).collect();
        if releases.is_empty() {
            return;
        }
        let release = *self.random.pick(&releases);
        self.inject(Fault::InstanceFlap);
        self.schedule(until, Happening::Ready(release));
        if let Some(sim) = self.releases.get_mut(&release) {
            for instance in sim.instances.values_mut() {
                instance.flaps_until = until;
            }
        }
    }
}
