//! A journal that was written before, taken over in the middle: a fresh controller in a world that is
//! as the journal wants it, and people who bring it to an end.

use crate::calm::why_not_calm;
use crate::host::Host;
use crate::random::Random;
use crate::router::member_name;
use crate::run::TURNS_MAX;
use crate::scenario::Scenario;
use crate::store::SimStore;
use crate::story::{Story, Teller, Told};
use crate::target::Tag;
use crate::words::input_words;
use crate::world::{Behaviour, Happening, Instance, Member, SharedWorld, SimFlag, SimRelease, World};
use crate::worlds::Worlds;
use engine::command::Table;
use engine::decide::current_aim;
use engine::facts::Facts;
use engine::journal::entry::{Ask, Ending, Entry, Input};
use engine::journal::state::{Rollout, State};
use engine::journal::table::{Kind, Phase, may_follow};
use engine::store::{Attribution, Record, Store};
use model::gate::Gate;
use model::plan::{FlagSetting, Verb};
use model::{Name, ReleaseNumber, Span, Subject, Time};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Within this everything must have come to its end.
const CALM_BOUND: Span = Span::hours(4);
/// How soon people say the next thing.
const AGAIN: Span = Span(500);
/// How often people try again what failed before they give in to it.
const RETRIES_MAX: u32 = 2;

/// What a journal does not say of the world that it was written in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Setting {
    /// What the drivers could do.
    pub facts: Facts,
    /// How many routers there were.
    pub routers: u64,
    /// What an autoscaler wanted, where one owned the number.
    pub autoscaled: Option<u32>,
    /// The flags, as they stood at the beginning.
    pub flags: BTreeMap<Name, FlagSetting>,
}

impl Setting {
    /// The setting of a scenario.
    pub fn of(scenario: &Scenario) -> Self {
        let flags = scenario.service.flags.iter().map(|change| (change.flag.clone(), change.from.clone()));
        Self {
            facts: scenario.facts.clone(),
            routers: scenario.members,
            autoscaled: scenario.autoscaled.then_some(scenario.service.instances.count),
            flags: flags.collect(),
        }
    }
}

/// How it goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Onward {
    /// Well: whoever is asked says yes.
    Well,
    /// A person calls it off as soon as that is possible.
    Abort,
    /// From now on every hook fails, no instance becomes ready, the evidence is bad, and what serves
    /// has lost its health: where there is a way back, it halts.
    Failing,
}

impl Onward {
    /// All of them.
    pub const ALL: &'static [Onward] = &[Onward::Well, Onward::Abort, Onward::Failing];
}

/// What came of it.
#[derive(Clone, Debug, Default)]
pub struct Continued {
    /// What is broken.
    pub broken: Vec<String>,
    /// How the rollouts ended that ended after the taking over.
    pub ends: Vec<Ending>,
    /// How often it halted after that.
    pub halts: u64,
    /// What happened.
    pub story: Vec<Told>,
}

/// Reads an entry back, and says which cannot be.
pub fn entry_of(record: &Record) -> Result<Entry, String> {
    serde_json::from_str(&record.line.body).map_err(|why| format!("entry {}: {why}", record.position))
}

/// Takes a journal over where it ends here, and brings everything to its end.
pub fn continue_from(subject: &Subject, journal: &[Record], setting: &Setting, onward: Onward) -> Continued {
    let length = journal.len() as u64;
    let seed = length * 3 + onward as u64;
    let mut world = World::new(Random::new(seed), setting.facts.clone(), Time(0), 0);
    world.story = Story::new(true);
    for record in journal {
        match entry_of(record) {
            Ok(entry) => recall(&mut world, setting, record.line.at, &entry),
            Err(why) => return Continued { broken: vec![why], ..Continued::default() },
        }
    }
    furnish(&mut world, setting);
    if onward == Onward::Failing {
        fail(&mut world);
    }
    let begun = world.now + Span::seconds(1);
    world.now = begun;
    let world = SharedWorld::new(world);
    let worlds = Worlds::one(subject, &world);
    let sim_store = Arc::new(SimStore::new(&worlds));
    sim_store.preload(subject, journal.to_vec());
    let store: Arc<dyn Store> = sim_store.clone();
    let hosts = [Host::new(0, &worlds, &store)];
    let people = People { onward, said: 0, speaks_at: begun, aborted: false };
    let mut run = Run { world, worlds, subject: subject.clone(), hosts, people, begun };
    run.play();
    run.outcome(&sim_store, length)
}

/// An entry of the past, and what follows from it for the targets that remember something of their own.
fn recall(world: &mut World, setting: &Setting, at: Time, entry: &Entry) {
    world.recall(at, entry);
    if world.flags.is_empty() {
        let there = |setting: &FlagSetting| SimFlag { setting: setting.clone(), killed: false, tag: Tag::default() };
        world.flags = setting.flags.iter().map(|(flag, setting)| (flag.clone(), there(setting))).collect();
    }
    let Entry::Began { .. } = entry else { return };
    let generation = world.checker.state.position;
    let verb = world.checker.state.rollout.as_deref().and_then(Rollout::step).map(|step| step.verb.clone());
    match verb {
        Some(Verb::Flag { flag, to, only_from }) => {
            if let Some(sim) = world.flags.get_mut(&flag)
                && only_from.is_none_or(|from| from == sim.setting)
            {
                (sim.setting, sim.tag) = (to.clone(), Tag::new(generation, to));
            }
        }
        Some(Verb::Migrate { migration, phase, .. }) => {
            let sim = world.migrations.entry(migration).or_default();
            sim.tag = Tag::new(generation, phase);
            if sim.phases.last() != Some(&phase) {
                sim.phases.push(phase);
            }
        }
        _ => {}
    }
}

/// Instances and tables as the journal wants them. A release that never proved its health is only
/// starting.
fn furnish(world: &mut World, setting: &Setting) {
    let state = world.checker.state.clone();
    let standing = &state.standing;
    world.autoscaled = setting.autoscaled;
    for (release, generation) in &state.generations.capacity {
        let wanted = standing.capacity(*release);
        let proven = state.proven.contains(release) || standing.intent.exposes(*release);
        let ready_at = if proven { world.now } else { world.now + Span::seconds(3) };
        let instance = Instance {
            ready_at: Some(ready_at),
            flaps_until: Time(0),
            gone_at: None,
            left_at: None,
            tail: Span(700),
            strayed: false,
        };
        let instances = (0..wanted).map(|number| (number, instance)).collect();
        let proven = proven && wanted > 0;
        let sim = SimRelease { tag: Tag::new(*generation, wanted), wanted, instances, proven, crashes: 0 };
        world.releases.insert(*release, sim);
        world.schedule(ready_at, Happening::Ready(*release));
    }
    for number in 0..setting.routers {
        let table = Table { intent: standing.intent.clone(), drained_from: standing.drained_from.clone() };
        let name = member_name(usize::try_from(number).unwrap_or(0));
        let tag = Tag::new(state.generations.table, table.clone());
        world.members.push(Member { name, tag, table, silent_until: Time(0) });
    }
}

/// See [`Onward::Failing`].
fn fail(world: &mut World) {
    let state = world.checker.state.clone();
    for (number, release) in &state.releases {
        let serves = state.standing.release == Some(*number);
        let ill = if serves { Behaviour::NeverReady } else { Behaviour::Bad };
        world.behaviours.insert(*number, ill);
        for hook in &release.service.hooks {
            world.failing.extend([(hook.name.clone(), false), (hook.name.clone(), true)]);
        }
    }
    let unwell = state.standing.release.or_else(|| state.releases.keys().next().copied());
    if let Some(sim) = unwell.and_then(|release: ReleaseNumber| world.releases.get_mut(&release)) {
        for instance in sim.instances.values_mut() {
            instance.flaps_until = Time(u64::MAX);
        }
    }
}

struct Run {
    world: SharedWorld,
    worlds: Worlds,
    subject: Subject,
    hosts: [Host; 1],
    people: People,
    begun: Time,
}

impl Run {
    fn play(&mut self) {
        for _ in 0..TURNS_MAX {
            let now = self.next_moment();
            if now > self.begun + CALM_BOUND {
                break;
            }
            self.worlds.move_to(now);
            while let Some(task) = self.worlds.pop_wake() {
                self.hosts[0].poll(now, task);
            }
            if self.hosts[0].wake_at(now) <= now {
                self.hosts[0].turn(now);
            }
            self.people_speak(now);
            if self.worlds.are_broken() || why_not_calm(&self.hosts, &self.subject, &self.world, now).is_none() {
                return;
            }
        }
        let now = self.world.lock().now;
        let why = why_not_calm(&self.hosts, &self.subject, &self.world, now).unwrap_or_default();
        self.world.lock().broken(format!("no calm within {CALM_BOUND}: {why}"));
    }

    fn next_moment(&self) -> Time {
        let now = self.worlds.now();
        let next = self.hosts[0].wake_at(now).min(self.people.speaks_at.max(now));
        next.min(self.worlds.next().unwrap_or(next)).max(now)
    }

    fn people_speak(&mut self, now: Time) {
        if now < self.people.speaks_at {
            return;
        }
        self.people.speaks_at = now + AGAIN;
        if !self.hosts[0].leads(now) {
            return;
        }
        let state = self.hosts[0].runner().and_then(|runner| runner.state(&self.subject));
        let Some(input) = state.and_then(|state| self.people.speak(state)) else { return };
        self.world.lock().tell(Teller::People, || input_words(&input));
        self.hosts[0].ask(now, &self.subject, input);
    }

    fn outcome(self, store: &SimStore, length: u64) -> Continued {
        let mut continued = Continued::default();
        for record in store.journal(&self.subject).iter().filter(|record| record.position.0 > length) {
            match entry_of(record) {
                Ok(Entry::Ended { ending, .. }) => continued.ends.push(ending),
                Ok(Entry::Halted { .. }) => continued.halts += 1,
                Ok(_) => {}
                Err(why) => continued.broken.push(why),
            }
        }
        let mut world = self.world.lock();
        continued.broken.append(&mut world.checker.broken);
        continued.story = world.story.take();
        continued
    }
}

/// Who is asked says yes; what halts is tried again, taken back, and in the end accepted.
struct People {
    onward: Onward,
    said: u32,
    speaks_at: Time,
    aborted: bool,
}

impl People {
    fn speak(&mut self, state: &State) -> Option<Input> {
        let rollout = state.rollout.as_deref()?;
        let (who, ask) = if self.onward == Onward::Abort && !self.aborted && may_follow(state.phase(), Kind::Abort) {
            self.aborted = true;
            ("ann", Ask::Abort)
        } else {
            self.answer(state, rollout)?
        };
        self.said += 1;
        let by = Attribution { who: who.into(), from: "cli".into(), why: String::new() };
        // The position makes it another input than any that the journal knows.
        let id = format!("onward-{}-{}", state.position, self.said);
        Some(Input { id, by, ask, aim: current_aim(state) })
    }

    fn answer(&self, state: &State, rollout: &Rollout) -> Option<(&'static str, Ask)> {
        match state.phase() {
            Phase::Paused | Phase::PausedDoing => Some(("ann", Ask::Resume)),
            Phase::Halted => Some((
                "bob",
                match self.said {
                    0 | 1 => Ask::Retry,
                    2 => Ask::Unwind,
                    _ => Ask::Accept { observed: Box::default() },
                },
            )),
            Phase::Undecided | Phase::BackUndecided if self.said < RETRIES_MAX => Some(("cem", Ask::Retry)),
            Phase::Doing => match &rollout.step()?.verb {
                Verb::Approve { gate: Gate::Person { approvers, .. } } => {
                    let everybody = ["ann", "bob", "cem", "dan"];
                    let may = |who: &&str| approvers.is_empty() || approvers.iter().any(|by| by == who);
                    let fresh = |who: &&str| !rollout.approvals.iter().any(|by| by == who);
                    everybody.into_iter().filter(may).find(fresh).map(|who| (who, Ask::Approve))
                }
                Verb::Approve { gate: Gate::Decision { choices, .. } } if rollout.chosen.is_none() => {
                    choices.last().map(|keep| ("ann", Ask::Decide { keep: *keep }))
                }
                _ => None,
            },
            _ => None,
        }
    }
}
