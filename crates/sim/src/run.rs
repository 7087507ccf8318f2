//! One seed from its first entry to the calm after the last fault.

use crate::calm::why_not_calm;
use crate::fault::{Fault, FaultCount};
use crate::host::Host;
use crate::people::People;
use crate::random::Random;
use crate::replay::Setting;
use crate::scenario::Scenario;
use crate::store::SimStore;
use crate::story::{Story, Told};
use crate::world::{Planted, SharedWorld, Stuck, World};
use crate::worlds::Worlds;
use engine::journal::{Kind, Phase};
use engine::store::{Position, Record, Store};
use model::{Span, Subject, Time};
use std::collections::BTreeMap;
use std::sync::Arc;

/// After the last fault, everything must have come to its end within this.
pub const CALM_BOUND: Span = Span::hours(2);
/// The most turns of one run: a run that takes more goes in circles.
pub const TURNS_MAX: u64 = 400_000;
/// The services of a seed; most have the first alone.
const SERVICES: [&str; 3] = ["shop", "cart", "mail"];
/// How many seeds in a hundred have several services.
const SEVERAL_PERCENT: u64 = 12;
/// How many of those in a hundred have one that is stuck for good.
const STUCK_PERCENT: u64 = 40;

/// What a run came to.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// The seed.
    pub seed: u64,
    /// How many services there were.
    pub services: u64,
    /// How many of them were stuck for good.
    pub stuck: u64,
    /// What is broken.
    pub broken: Vec<String>,
    /// The faults injected.
    pub faults: FaultCount,
    /// Rollouts by ending.
    pub endings: BTreeMap<&'static str, u64>,
    /// Edges of the fold's table that were taken.
    pub edges: BTreeMap<(Phase, Kind), u64>,
    /// How long it took, in the world's time.
    pub lasted: Span,
    /// What happened, where it was asked for.
    pub story: Vec<Told>,
    /// What was written, service by service, where the story was asked for.
    pub recorded: Vec<Recorded>,
}

/// A journal, and what it does not say of itself.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// Whose.
    pub subject: Subject,
    /// In which world it was written.
    pub setting: Setting,
    /// What was written.
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
    let mut run = Run::new(seed, options);
    run.play();
    run.outcome(seed)
}

/// One service, and all that is its own.
struct Site {
    subject: Subject,
    world: SharedWorld,
    setting: Setting,
    people: People,
    /// The phase that it was last seen in.
    phase: (Phase, Position),
    /// Stuck for good sooner or later: nobody expects it to come to an end.
    stuck: bool,
}

struct Run {
    worlds: Worlds,
    sites: Vec<Site>,
    store: Arc<SimStore>,
    hosts: Vec<Host>,
    random: Random,
    faults_until: Time,
    next_disaster: Time,
    /// Whom the next disaster befalls, where it is one that every phase must bear.
    rare: Option<usize>,
    turns: u64,
}

impl Run {
    fn new(seed: u64, options: &Options) -> Self {
        let mut random = Random::new(seed);
        let count = if random.percent(SEVERAL_PERCENT) { random.between(2, SERVICES.len() as u64) } else { 1 };
        let faults_until = Time(random.between(100_000, 380_000));
        let permille = *random.pick(&[20, 60, 120]);
        let story = Story::new(options.story);
        let names = SERVICES.iter().take(usize::try_from(count).unwrap_or(1));
        let mut sites = Vec::new();
        for name in names {
            let scenario = Scenario::new(name, &mut random.fork());
            let mut world = World::new(random.fork(), scenario.facts.clone(), faults_until, permille);
            world.planted = options.planted.iter().copied().collect();
            world.story = story.clone();
            world.service = if count > 1 { (*name).to_owned() } else { String::new() };
            scenario.furnish(&mut world);
            let (subject, setting) = (scenario.service.subject(), Setting::of(&scenario));
            let people = People::new(random.fork(), scenario, faults_until);
            let (world, phase) = (SharedWorld::new(world), (Phase::Standing, Position(0)));
            sites.push(Site { subject, world, setting, people, phase, stuck: false });
        }
        if sites.len() > 1 && random.percent(STUCK_PERCENT) {
            stick(&mut sites, &mut random, faults_until);
        }
        let worlds = Worlds::new(sites.iter().map(|site| (site.subject.clone(), site.world.clone())));
        let sim_store = Arc::new(SimStore::new(&worlds));
        let store: Arc<dyn Store> = sim_store.clone();
        let two = random.percent(40);
        let hosts = (0..if two { 2 } else { 1 }).map(|number| Host::new(number, &worlds, &store)).collect();
        let next_disaster = Time(2_000);
        Self { worlds, sites, store: sim_store, hosts, random, faults_until, next_disaster, rare: None, turns: 0 }
    }

    fn play(&mut self) {
        let end = self.faults_until + CALM_BOUND;
        loop {
            self.turns += 1;
            let now = self.next_moment();
            if now > end || self.turns > TURNS_MAX {
                return self.say_what_has_not_ended(now);
            }
            self.worlds.move_to(now);
            while let Some(task) = self.worlds.pop_wake() {
                if let Some(host) = self.hosts.get_mut(usize::try_from(task % 16).unwrap_or(0)) {
                    host.poll(now, task);
                }
            }
            for host in &mut self.hosts {
                if host.wake_at(now) <= now {
                    host.turn(now);
                }
            }
            for site in 0..self.sites.len() {
                self.hurry_where_it_is_rare(site, now);
            }
            self.disasters(now);
            for site in 0..self.sites.len() {
                self.people_speak(site, now);
            }
            if self.worlds.are_broken() {
                return;
            }
            if now > self.faults_until && self.sites.iter().all(|site| self.why_not_ended(site, now).is_none()) {
                return self.check_calm();
            }
        }
    }

    /// Why a service has not come to its end, though another may be stuck.
    fn why_not_ended(&self, site: &Site, now: Time) -> Option<String> {
        if site.stuck {
            return None;
        }
        if !site.people.are_done(now) {
            return Some("people have not landed what they want".into());
        }
        why_not_calm(&self.hosts, &site.subject, &site.world, now)
    }

    fn say_what_has_not_ended(&self, now: Time) {
        let late = now.since(self.faults_until);
        for site in &self.sites {
            if let Some(why) = self.why_not_ended(site, now) {
                let mut world = site.world.lock();
                let phase = world.checker.state.phase().as_str();
                world.broken(format!("no end {late} after the last fault: {phase}, {why}"));
            }
        }
    }

    fn next_moment(&self) -> Time {
        let now = self.worlds.now();
        let people = self.sites.iter().map(|site| site.people.speaks_at());
        let hosts = self.hosts.iter().map(|host| host.wake_at(now));
        let disaster = (now < self.faults_until).then_some(self.next_disaster);
        people.chain(hosts).chain(disaster).chain(self.worlds.next()).min().unwrap_or(now).max(now)
    }

    /// Phases that seldom last are when things should happen.
    fn hurry_where_it_is_rare(&mut self, index: usize, now: Time) {
        let Self { sites, random, .. } = self;
        let site = &mut sites[index];
        let mut world = site.world.lock();
        let (phase, position) = (world.checker.state.phase(), world.checker.state.position);
        let before = std::mem::replace(&mut site.phase, (phase, position));
        // A step that follows a step at once is a new moment too.
        let moved = if phase == Phase::BackDoing { before.1 != position } else { before.0 != phase };
        if !moved || now >= self.faults_until {
            return;
        }
        let troubled = site.people.are_troubled();
        let often = match phase {
            Phase::Standing | Phase::Doing => 2,
            Phase::BackDoing if troubled => 30,
            Phase::BackDoing => 3,
            Phase::Between | Phase::BackBetween => 90,
            Phase::Undecided | Phase::Paused | Phase::PausedDoing | Phase::BackUndecided | Phase::Halted => 60,
        };
        if troubled && random.percent(60) && world.holds_on_the_way_back() {
            // What is to get more traffic next is not ready then.
            world.flap_everything();
        }
        if phase == Phase::Between && random.percent(50) {
            world.crash_instance(100);
        }
        if phase == Phase::BackDoing && troubled && random.percent(3) {
            world.hide_a_start_on_the_way_back();
        }
        if phase == Phase::BackUndecided && random.percent(85) {
            world.flap_everything();
        }
        if random.percent(often) {
            site.people.hurry(now);
        }
        if random.percent(often) {
            self.next_disaster = self.next_disaster.min(now + Span(random.between(1, 60)));
            self.rare = (phase != Phase::Standing).then_some(index);
        }
    }

    fn disasters(&mut self, now: Time) {
        if now < self.next_disaster || now >= self.faults_until {
            return;
        }
        // Several services have as much trouble each as one alone.
        let pause = self.random.between(1_500, 14_000) / self.sites.len() as u64;
        self.next_disaster = now + Span(pause);
        let host = usize::try_from(self.random.between(0, self.hosts.len() as u64 - 1)).unwrap_or(0);
        let anywhere = usize::try_from(self.random.between(0, self.sites.len() as u64 - 1)).unwrap_or(0);
        let (site, kind) = match self.rare.take() {
            Some(site) => (site, *self.random.pick(&[4, 4, 6, 6, 6, 6, 6, 6, 8, 9])),
            None => (anywhere, self.random.between(0, 15)),
        };
        match kind {
            0..=5 => self.controller_disaster(kind, host, site, now),
            _ => self.service_disaster(kind, site),
        }
    }

    /// It befalls a controller, and so every service.
    fn controller_disaster(&mut self, kind: u64, host: usize, site: usize, now: Time) {
        let world = self.sites[site].world.clone();
        match kind {
            0..=1 => {
                world.lock().inject(Fault::ControllerCrash);
                let back = now + Span(self.random.between(100, 20_000));
                self.hosts[host].crash(back);
            }
            2..=3 => {
                let until = now + Span(self.random.between(500, 60_000));
                world.lock().inject(Fault::ControllerHang);
                if self.hosts.len() > 1 && until.since(now) > Span::seconds(30) {
                    world.lock().inject(Fault::TwoControllers);
                }
                if self.random.percent(50) {
                    self.hosts[host].hang(now, until);
                } else {
                    self.hosts[host].hang_at_write(until.since(now));
                }
            }
            4 => {
                world.lock().inject(Fault::ClockForward);
                self.worlds.iter().for_each(|(_, world)| world.lock().checker.clock_was_put_forward());
                self.hosts[host].wall_offset += i64::try_from(self.random.between(3_000, 4_000_000)).unwrap_or(0);
            }
            _ => {
                world.lock().inject(Fault::ClockBack);
                self.hosts[host].wall_offset -= i64::try_from(self.random.between(3_000, 4_000_000)).unwrap_or(0);
            }
        }
    }

    /// It befalls what belongs to one service.
    fn service_disaster(&mut self, kind: u64, site: usize) {
        let mut world = self.sites[site].world.lock();
        match kind {
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

    fn people_speak(&mut self, index: usize, now: Time) {
        let Self { sites, hosts, .. } = self;
        let site = &mut sites[index];
        while site.people.speaks_at() <= now {
            let leader = hosts.iter().position(|host| host.leads(now)).unwrap_or(0);
            let state = hosts[leader].runner().and_then(|runner| runner.state(&site.subject)).cloned();
            let inputs = site.people.speak(now, state.as_ref(), &mut site.world.lock());
            for input in inputs {
                hosts[leader].ask(now, &site.subject, input);
            }
        }
    }

    /// In the calm the journal and the world must say the same.
    fn check_calm(&self) {
        for site in &self.sites {
            let last = self.store.journal(&site.subject).last().map_or(Position(0), |record| record.position);
            let mut world = site.world.lock();
            let seen = world.checker.state.position;
            if let Some(strays) = world.strays().filter(|_| !site.stuck) {
                world.broken(format!("what an older command set stands in the end: {strays}"));
            }
            if last != seen {
                world.broken(format!("the journal ends at {last}, and the checker at {seen}"));
            }
        }
    }

    fn outcome(self, seed: u64) -> Outcome {
        let mut outcome = Outcome { seed, lasted: Span(self.worlds.now().0), ..Outcome::default() };
        for site in &self.sites {
            let mut world = site.world.lock();
            let checker = std::mem::take(&mut world.checker);
            let name = &world.service;
            let named = |line: String| if name.is_empty() { line } else { format!("{name}: {line}") };
            outcome.services += 1;
            outcome.stuck += u64::from(site.stuck);
            outcome.broken.extend(checker.broken.into_iter().map(named));
            outcome.faults.merge(&world.faults);
            for (ending, count) in checker.endings {
                *outcome.endings.entry(ending).or_default() += count;
            }
            for (edge, count) in checker.edges {
                *outcome.edges.entry(edge).or_default() += count;
            }
        }
        let story = self.sites[0].world.lock().story.clone();
        if story.is_told() {
            outcome.story = story.take();
            outcome.recorded.extend(self.sites.into_iter().map(|site| {
                let journal = self.store.journal(&site.subject);
                Recorded { subject: site.subject, setting: site.setting, journal }
            }));
        }
        outcome
    }
}

/// One of several is stuck for good from some time on.
fn stick(sites: &mut [Site], random: &mut Random, faults_until: Time) {
    let index = usize::try_from(random.between(0, sites.len() as u64 - 1)).unwrap_or(0);
    let with = *random.pick(&[Stuck::Drivers, Stuck::JournalSilent, Stuck::JournalFailing]);
    let from = Time(random.between(0, faults_until.0));
    sites[index].stuck = true;
    sites[index].world.lock().stuck = Some((with, from));
}
