//! One case: a shape, its fences, and where its controllers end.

use super::shapes::{End, Shape, words};
use crate::calm::why_not_calm;
use crate::doom::{Doom, Fate};
use crate::host::Host;
use crate::random::Random;
use crate::router::member_name;
use crate::run::{Options, TURNS_MAX};
use crate::store::SimStore;
use crate::story::{Story, Teller, Told};
use crate::target::Tag;
use crate::words::input_words;
use crate::world::{Member, SharedWorld, SimFlag, World};
use crate::worlds::Worlds;
use engine::command::Table;
use engine::facts::Fence;
use engine::journal::entry::{Ending, Entry};
use engine::store::{Position, Record, Store};
use model::plan::Phase;
use model::{Span, Subject, Time};
use std::fmt;
use std::sync::Arc;

/// After the last crash, everything must have come to its end within this.
pub const CALM_BOUND: Span = Span::hours(1);
/// How long after a crash the next controller starts: it still has to wait for the lease.
const RESTART: Span = Span(400);
/// How soon people repeat what was not granted.
const AGAIN: Span = Span(250);

/// A controller's end: so long was its journal, and that became of what followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Crash {
    /// The last entry.
    pub at: Position,
    /// The effects that followed.
    pub fate: Fate,
}

impl fmt::Display for Crash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/{}-{}", self.at, self.fate.as_str())
    }
}

/// What a case came to.
#[derive(Clone, Debug, Default)]
pub struct CaseOutcome {
    /// What is broken.
    pub broken: Vec<String>,
    /// How the tested rollout ended, and those after it.
    pub ends: Vec<End>,
    /// Where it was asked for.
    pub from: u64,
    /// How long the journal is in the end.
    pub length: u64,
    /// The crashes that happened, as they happened.
    pub dooms: Vec<Doom>,
    /// What happened, where it was asked for.
    pub story: Vec<Told>,
    /// The journal, where the story was asked for.
    pub journal: Vec<Record>,
}

/// Runs a case.
pub fn run_case(shape: &Shape, fence: Fence, crashes: &[Crash], options: &Options) -> CaseOutcome {
    let mut world = world(shape, fence);
    world.planted = options.planted.iter().copied().collect();
    world.story = Story::new(options.story);
    let subject = shape.subject();
    let world = SharedWorld::new(world);
    let worlds = Worlds::one(&subject, &world);
    let sim_store = Arc::new(SimStore::new(&worlds));
    let store: Arc<dyn Store> = sim_store.clone();
    let hosts = [Host::new(0, &worlds, &store)];
    let crashes = crashes.to_vec();
    let mut run = Run {
        world,
        worlds,
        subject,
        store: sim_store,
        hosts,
        shape,
        tested: shape.tested(),
        crashes,
        dooms: Vec::new(),
        silent_until: Time(0),
        calm_by: Time(0) + CALM_BOUND,
        turns: 0,
    };
    run.arm();
    run.go_to_the_end();
    run.outcome()
}

fn world(shape: &Shape, fence: Fence) -> World {
    let mut facts = shape.facts.clone();
    facts.platform.fence = fence;
    if let Some(router) = &mut facts.router {
        router.fence = fence;
    }
    (facts.hooks, facts.migrations, facts.flags) = (Some(fence), Some(fence), Some(fence));
    // Nothing goes wrong by itself: the same seed, the same journal up to the crash.
    let mut world = World::new(Random::new(shape.seed()), facts, Time(0), 0);
    for number in 0..shape.routers {
        world.members.push(Member {
            name: member_name(number),
            tag: Tag::default(),
            table: Table::default(),
            silent_until: Time(0),
        });
    }
    world.autoscaled = shape.autoscaled;
    world.behaviours.clone_from(&shape.behaviours);
    world.failing.clone_from(&shape.failing);
    for (flag, change) in &shape.flags {
        let flag_there = SimFlag { setting: change.from.clone(), killed: false, tag: Tag::default() };
        world.flags.insert(flag.clone(), flag_there);
    }
    world
}

struct Run<'a> {
    world: SharedWorld,
    worlds: Worlds,
    subject: Subject,
    store: Arc<SimStore>,
    hosts: [Host; 1],
    shape: &'a Shape,
    tested: String,
    /// Those still to come.
    crashes: Vec<Crash>,
    dooms: Vec<Doom>,
    silent_until: Time,
    calm_by: Time,
    turns: u64,
}

impl Run<'_> {
    /// The next crash is awaited.
    fn arm(&mut self) {
        let next = if self.crashes.is_empty() { None } else { Some(self.crashes.remove(0)) };
        self.world.lock().doom = next.map(|crash| Doom::new(crash.at, crash.fate));
    }

    fn go_to_the_end(&mut self) {
        loop {
            self.turns += 1;
            let now = self.next_moment();
            if now > self.calm_by || self.turns > TURNS_MAX {
                let why = why_not_calm(&self.hosts, &self.subject, &self.world, now).unwrap_or_default();
                let phase = self.world.lock().checker.state.phase();
                self.world.lock().broken(format!("no calm within {CALM_BOUND}: {}, {why}", phase.as_str()));
                return;
            }
            self.worlds.move_to(now);
            self.poll_tasks(now);
            if self.hosts[0].wake_at(now) <= now {
                self.hosts[0].turn(now);
            }
            self.crash_where_due(now);
            self.people_speak(now);
            self.crash_where_due(now);
            if self.worlds.are_broken() {
                return;
            }
            if self.is_done(now) {
                return self.check_calm();
            }
        }
    }

    fn next_moment(&self) -> Time {
        let now = self.worlds.now();
        let mut next = self.hosts[0].wake_at(now);
        next = next.min(self.worlds.next().unwrap_or(next));
        if self.silent_until > now {
            next = next.min(self.silent_until);
        }
        next.max(now)
    }

    fn poll_tasks(&mut self, now: Time) {
        loop {
            let Some(task) = self.worlds.pop_wake() else { return };
            self.hosts[0].poll(now, task);
        }
    }

    fn crash_where_due(&mut self, now: Time) {
        let doom = self.world.lock().doom;
        let Some(doom) = doom.filter(Doom::is_due) else { return };
        self.world.lock().tell(Teller::Controller, || {
            let torn = if doom.torn { ", in the middle of an append" } else { "" };
            format!("the controller ends after entry {}{torn}: {} effects {}", doom.at, doom.sent, doom.fate.as_str())
        });
        self.hosts[0].crash(now + RESTART);
        self.dooms.push(doom);
        self.calm_by = now + CALM_BOUND;
        self.arm();
    }

    fn people_speak(&mut self, now: Time) {
        if self.silent_until > now || !self.hosts[0].leads(now) {
            return;
        }
        let state = self.hosts[0].runner().and_then(|runner| runner.state(&self.subject));
        let Some(input) = state.and_then(|state| self.shape.script.speak(state, &self.tested, now)) else { return };
        self.silent_until = now + AGAIN;
        self.world.lock().tell(Teller::People, || input_words(&input));
        self.hosts[0].ask(now, &self.subject, input);
    }

    fn is_done(&self, now: Time) -> bool {
        let wanted = {
            let world = self.world.lock();
            world.doom.is_some_and(|doom| doom.reached) || !self.shape.script.is_done(&world.checker.state)
        };
        !wanted && why_not_calm(&self.hosts, &self.subject, &self.world, now).is_none()
    }

    /// How the tested rollout ended, and those after it; and where it was asked for.
    fn ends(&self) -> (Vec<End>, u64) {
        let journal = self.store.journal(&self.subject);
        let from = journal.iter().position(|record| asks(record, &self.tested)).map_or(0, |index| index + 1);
        (journal.iter().skip(from).filter_map(end_of).collect(), from as u64)
    }

    /// What no rollout looks at any more: nothing may be left half-way.
    fn check_calm(&self) {
        let (ends, _) = self.ends();
        if ends.contains(&End::Halted) {
            // Whatever a person accepted stands.
            return;
        }
        let mut found = Vec::new();
        let mut world = self.world.lock();
        let landed = ends.first() == Some(&End::Completed);
        for (flag, wanted) in &self.shape.flags {
            let wanted = if landed { &wanted.to } else { &wanted.from };
            if world.flags.get(flag).is_some_and(|sim| sim.setting != *wanted) {
                found.push(format!("in the end flag {flag} does not stand at {}", wanted.variant));
            }
        }
        // A first landing plans no contract: there is no release whose going it could wait for.
        let closes = !(landed && self.shape.is_first());
        for (migration, sim) in world.migrations.iter().filter(|_| closes) {
            if !matches!(sim.phases.last(), Some(Phase::Contract | Phase::Abort)) {
                found.push(format!("in the end migration {migration} is neither contracted nor aborted"));
            }
        }
        let may_differ = self.shape.wavers && !self.dooms.is_empty();
        if ends != self.shape.ends && !may_differ {
            found.push(format!("it came to {}, and without a crash to {}", words(&ends), words(&self.shape.ends)));
        }
        found.into_iter().for_each(|line| world.broken(line));
    }

    fn outcome(self) -> CaseOutcome {
        let (ends, from) = self.ends();
        let journal = self.store.journal(&self.subject);
        let length = journal.len() as u64;
        let mut world = self.world.lock();
        let broken = std::mem::take(&mut world.checker.broken);
        let journal = if world.story.is_told() { journal } else { Vec::new() };
        let story = world.story.take();
        CaseOutcome { broken, ends, from, length, dooms: self.dooms, story, journal }
    }
}

fn asks(record: &Record, id: &str) -> bool {
    match serde_json::from_str(&record.line.body) {
        Ok(Entry::Asked { input }) => input.id == id,
        _ => false,
    }
}

fn end_of(record: &Record) -> Option<End> {
    match serde_json::from_str(&record.line.body) {
        Ok(Entry::Ended { ending, .. }) => Some(match ending {
            Ending::Completed { .. } => End::Completed,
            Ending::RolledBack => End::RolledBack,
            Ending::Halted => End::Halted,
        }),
        Ok(Entry::Refused { .. }) => Some(End::Refused),
        _ => None,
    }
}
