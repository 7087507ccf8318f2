//! One seed from its first entry to the calm after the last fault.

use crate::calm::why_not_calm;
use crate::checker::Checker;
use crate::fault::{Fault, FaultCount};
use crate::host::Host;
use crate::people::People;
use crate::random::Random;
use crate::scenario::Scenario;
use crate::store::SimStore;
use crate::world::{Planted, SharedWorld, World};
use engine::journal::{Kind, Phase};
use engine::store::{Position, Record, Store};
use model::{Span, Subject, Time};
use std::collections::BTreeMap;
use std::sync::Arc;

/// After the last fault, everything must have come to its end within this.
pub const CALM_BOUND: Span = Span::hours(2);
/// The most turns of one run: a run that takes more goes in circles.
pub const TURNS_MAX: u64 = 400_000;

/// What a run came to.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// The seed.
    pub seed: u64,
    /// What is broken.
    pub broken: Vec<String>,
    /// The faults injected.
    pub faults: FaultCount,
    /// Rollouts by ending.
    pub endings: BTreeMap<&'static str, u64>,
    /// Edges of the fold's table that were taken.
    pub edges: BTreeMap<(Phase, Kind), u64>,
    /// What happened, where it was asked for.
    pub story: Vec<String>,
    /// The journal, where the story was asked for.
    pub journal: Vec<Record>,
}

/// How a seed is run.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Whether the story is kept.
    pub story: bool,
    /// Bugs planted outside the engine.
    pub planted: Vec<Planted>,
}

/// Runs a seed.
pub fn run(seed: u64, options: &Options) -> Outcome {
    let mut random = Random::new(seed);
    let scenario = Scenario::new(&mut random.fork());
    let faults_until = Time(random.between(100_000, 380_000));
    let permille = *random.pick(&[20, 60, 120]);
    let mut world = World::new(random.fork(), scenario.facts.clone(), faults_until, permille);
    world.planted = options.planted.iter().copied().collect();
    world.story = options.story.then(Vec::new);
    scenario.furnish(&mut world);
    let subject = scenario.service.subject();
    let world = SharedWorld::new(world);
    let sim_store = Arc::new(SimStore::new(world.clone()));
    let store: Arc<dyn Store> = sim_store.clone();
    let two = random.percent(40);
    let hosts = (0..if two { 2 } else { 1 }).map(|number| Host::new(number, &world, &store, &subject)).collect();
    let people = People::new(random.fork(), scenario, faults_until);
    let mut run = Run {
        world,
        subject,
        store: sim_store,
        hosts,
        people,
        random,
        next_disaster: Time(2_000),
        phase: (Phase::Standing, Position(0)),
        rare: false,
        turns: 0,
    };
    run.play(faults_until);
    run.outcome(seed)
}

struct Run {
    world: SharedWorld,
    subject: Subject,
    store: Arc<SimStore>,
    hosts: Vec<Host>,
    people: People,
    random: Random,
    next_disaster: Time,
    phase: (Phase, Position),
    /// The next disaster is one that every phase must bear.
    rare: bool,
    turns: u64,
}

impl Run {
    fn play(&mut self, faults_until: Time) {
        let end = faults_until + CALM_BOUND;
        loop {
            self.turns += 1;
            let now = self.next_moment();
            if now > end || self.turns > TURNS_MAX {
                let phase = self.world.lock().checker.state.phase();
                let why = why_not_calm(&self.hosts, &self.subject, &self.world, now).unwrap_or_default();
                let line =
                    format!("no end {} after the last fault: {}, {why}", now.since(faults_until), phase.as_str());
                self.world.lock().broken(line);
                return;
            }
            {
                let mut world = self.world.lock();
                world.now = now;
                world.happen();
            }
            self.poll_tasks(now);
            for index in 0..self.hosts.len() {
                if self.hosts[index].wake_at(now) <= now {
                    self.hosts[index].turn(now);
                }
            }
            self.hurry_where_it_is_rare(now, faults_until);
            self.disasters(now, faults_until);
            self.people_speak(now);
            if !self.world.lock().checker.broken.is_empty() {
                return;
            }
            if now > faults_until
                && self.people.are_done(now)
                && why_not_calm(&self.hosts, &self.subject, &self.world, now).is_none()
            {
                self.check_calm();
                return;
            }
        }
    }

    fn next_moment(&self) -> Time {
        let world = self.world.lock();
        let now = world.now;
        let mut next = self.people.speaks_at();
        if now < world.faults_until {
            next = next.min(self.next_disaster);
        }
        next = next.min(world.next_wake().unwrap_or(next));
        next = next.min(world.under_way.keys().next().map_or(next, |(at, _)| *at));
        drop(world);
        for host in &self.hosts {
            next = next.min(host.wake_at(now));
        }
        next.max(now)
    }

    fn poll_tasks(&mut self, now: Time) {
        loop {
            let Some(task) = self.world.lock().pop_wake() else { return };
            if let Some(host) = self.hosts.get_mut(usize::try_from(task % 16).unwrap_or(0)) {
                host.poll(now, task);
            }
        }
    }

    /// Phases that seldom last are when things should happen.
    fn hurry_where_it_is_rare(&mut self, now: Time, faults_until: Time) {
        let (phase, position) = {
            let world = self.world.lock();
            (world.checker.state.phase(), world.checker.state.position)
        };
        let before = std::mem::replace(&mut self.phase, (phase, position));
        // A step that follows a step at once is a new moment too.
        let moved = if phase == Phase::BackDoing { before.1 != position } else { before.0 != phase };
        if !moved || now >= faults_until {
            return;
        }
        let often = match phase {
            Phase::Standing | Phase::Doing => 2,
            Phase::BackDoing if self.people.are_troubled() => 30,
            Phase::BackDoing => 3,
            Phase::Between | Phase::BackBetween => 90,
            Phase::Undecided | Phase::Paused | Phase::PausedDoing | Phase::BackUndecided | Phase::Halted => 60,
        };
        if self.people.are_troubled() && self.random.percent(60) && self.world.lock().holds_on_the_way_back() {
            // What is to get more traffic next is not ready then.
            self.world.lock().flap_everything();
        }
        if phase == Phase::Between && self.random.percent(50) {
            self.world.lock().crash_instance(100);
        }
        if phase == Phase::BackDoing && self.people.are_troubled() && self.random.percent(3) {
            self.world.lock().hide_a_start_on_the_way_back();
        }
        if phase == Phase::BackUndecided && self.random.percent(85) {
            self.world.lock().flap_everything();
        }
        if self.random.percent(often) {
            self.people.hurry(now);
        }
        if self.random.percent(often) {
            self.next_disaster = self.next_disaster.min(now + Span(self.random.between(1, 60)));
            self.rare = phase != Phase::Standing;
        }
    }

    fn disasters(&mut self, now: Time, faults_until: Time) {
        if now < self.next_disaster || now >= faults_until {
            return;
        }
        self.next_disaster = now + Span(self.random.between(1_500, 14_000));
        let host = usize::try_from(self.random.between(0, self.hosts.len() as u64 - 1)).unwrap_or(0);
        let mut world = self.world.lock();
        let kind = if std::mem::take(&mut self.rare) {
            *self.random.pick(&[4, 4, 6, 6, 6, 6, 6, 6, 8, 9])
        } else {
            self.random.between(0, 15)
        };
        match kind {
            0..=1 => {
                world.inject(Fault::ControllerCrash);
                let back = now + Span(self.random.between(100, 20_000));
                drop(world);
                self.hosts[host].crash(back);
            }
            2..=3 => {
                let until = now + Span(self.random.between(500, 60_000));
                world.inject(Fault::ControllerHang);
                if self.hosts.len() > 1 && until.since(now) > Span::seconds(30) {
                    world.inject(Fault::TwoControllers);
                }
                drop(world);
                if self.random.percent(50) {
                    self.hosts[host].hang(now, until);
                } else {
                    self.hosts[host].hang_at_write(until.since(now));
                }
            }
            4 => {
                world.inject(Fault::ClockForward);
                self.hosts[host].wall_offset += i64::try_from(self.random.between(3_000, 4_000_000)).unwrap_or(0);
            }
            5 => {
                world.inject(Fault::ClockBack);
                self.hosts[host].wall_offset -= i64::try_from(self.random.between(3_000, 4_000_000)).unwrap_or(0);
            }
            6..=7 => world.crash_instance(50),
            8 => world.flap_instance(),
            9 => world.silence_member(),
            10 => world.restart_member(),
            11..=12 => world.hide_evidence(),
            13 => world.kill_flag(),
            _ => {
                if let Some(wanted) = world.autoscaled {
                    let other = u32::try_from(self.random.between(1, 8)).unwrap_or(wanted);
                    world.autoscaled = Some(other);
                }
            }
        }
    }

    fn people_speak(&mut self, now: Time) {
        while self.people.speaks_at() <= now {
            let leader = self.hosts.iter().position(|host| host.leads(now)).unwrap_or(0);
            let state = self.hosts[leader].runner().and_then(|runner| runner.state(&self.subject)).cloned();
            let inputs = self.people.speak(now, state.as_ref(), &mut self.world.lock());
            for input in inputs {
                self.hosts[leader].ask(now, input);
            }
        }
    }

    /// In the calm the journal and the world must say the same.
    fn check_calm(&mut self) {
        let journal = self.store.journal(&self.subject);
        let mut world = self.world.lock();
        let last = journal.last().map_or(Position(0), |record| record.position);
        let seen = world.checker.state.position;
        if last != seen {
            world.broken(format!("the journal ends at {last}, and the checker at {seen}"));
        }
    }

    fn outcome(self, seed: u64) -> Outcome {
        let journal = self.store.journal(&self.subject);
        let mut world = self.world.lock();
        let Checker { broken, edges, endings, .. } = std::mem::take(&mut world.checker);
        let told = world.story.take();
        let (faults, journal) = (world.faults.clone(), if told.is_some() { journal } else { Vec::new() });
        Outcome { seed, broken, faults, endings, edges, story: told.unwrap_or_default(), journal }
    }
}
