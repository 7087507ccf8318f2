//! The people: they deploy, approve, change their minds, say things twice and too late.

use crate::fault::Fault;
use crate::random::Random;
use crate::scenario::Scenario;
use crate::story::Teller;
use crate::world::World;
use engine::decide::current_aim;
use engine::journal::entry::{Aim, Ask, Input};
use engine::journal::state::{Rollout, State};
use engine::journal::table::{Kind, Phase, may_follow};
use engine::store::Attribution;
use model::gate::Gate;
use model::plan::Verb;
use model::{ReleaseNumber, Span, Time};

/// Everybody who may ask for something.
pub struct People {
    random: Random,
    scenario: Scenario,
    faults_until: Time,
    next: Time,
    releases: u32,
    releases_max: u32,
    said: u64,
    last: Option<Input>,
    stale: Option<Aim>,
}

impl People {
    /// The people of a scenario.
    pub fn new(mut random: Random, scenario: Scenario, faults_until: Time) -> Self {
        let releases_max = u32::try_from(random.between(2, 5)).unwrap_or(2);
        let next = Time(1_000);
        Self { random, scenario, faults_until, next, releases: 0, releases_max, said: 0, last: None, stale: None }
    }

    /// When somebody says something next.
    pub fn speaks_at(&self) -> Time {
        self.next
    }

    /// Whether the seed is about what seldom happens.
    pub fn are_troubled(&self) -> bool {
        self.scenario.troubled
    }

    /// Whether nobody has anything new in mind.
    pub fn are_done(&self, _: Time) -> bool {
        self.releases >= 2
    }

    /// Somebody is looking just now, and says something at once.
    pub fn hurry(&mut self, now: Time) {
        self.next = self.next.min(now + Span(self.random.between(1, 40)));
    }

    /// What is said now.
    pub fn speak(&mut self, now: Time, state: Option<&State>, world: &mut World) -> Vec<Input> {
        self.next = now + Span(self.random.between(200, 3_000));
        let Some(state) = state else { return Vec::new() };
        if self.releases == 0 {
            return self.deploy(world).into_iter().collect();
        }
        let calm = now >= self.faults_until;
        if let Some(input) = self.resolve(state, calm) {
            return vec![input];
        }
        let quiet = state.phase() == Phase::Standing && state.waiting.is_none();
        if quiet && self.releases < self.releases_max.max(2) && self.random.percent(50) {
            return self.deploy(world).into_iter().collect();
        }
        if calm || self.random.percent(35) {
            return Vec::new();
        }
        self.meddle(state, world)
    }

    fn deploy(&mut self, world: &mut World) -> Option<Input> {
        self.releases += 1;
        let release = self.scenario.release(self.releases, &mut self.random, world);
        let strategy = release.service.strategy.name().as_str();
        world.tell(Teller::People, || format!("deploy {} by {strategy}", release.number));
        Some(self.input(Ask::Deploy { release }, None))
    }

    fn input(&mut self, ask: Ask, aim: Option<Aim>) -> Input {
        self.said += 1;
        let who = ["ann", "bob", "cem"][usize::try_from(self.random.between(0, 2)).unwrap_or(0)];
        let by = Attribution { who: who.into(), from: "cli".into(), why: String::new() };
        Input { id: format!("input-{}", self.said), by, ask, aim }
    }

    /// Somebody comes where somebody is called: after a halt always, at gates mostly.
    fn resolve(&mut self, state: &State, calm: bool) -> Option<Input> {
        let aim = current_aim(state);
        let often = if calm { 70 } else { 7 };
        match state.phase() {
            Phase::Halted if self.random.percent(often) => {
                let ask = match self.random.between(0, 2) {
                    0 => Ask::Retry,
                    1 => Ask::Unwind,
                    _ => Ask::Accept { observed: Box::default() },
                };
                Some(self.input(ask, aim))
            }
            Phase::PausedDoing if !calm && self.random.percent(25) => self.speak_at_a_gate(state, aim),
            Phase::Paused | Phase::PausedDoing if self.random.percent(often) => Some(self.input(Ask::Resume, aim)),
            Phase::Doing => {
                let verb = state.rollout.as_deref().and_then(Rollout::step).map(|step| &step.verb);
                let pausable = matches!(verb, Some(Verb::Approve { .. } | Verb::Hook { .. }));
                if pausable && !calm && self.random.percent(20) {
                    return Some(self.input(Ask::Pause, aim));
                }
                if self.random.percent(50) { self.speak_at_a_gate(state, aim) } else { None }
            }
            _ => None,
        }
    }

    /// Where a gate waits for somebody, somebody answers.
    fn speak_at_a_gate(&mut self, state: &State, aim: Option<Aim>) -> Option<Input> {
        let verb = state.rollout.as_deref().and_then(Rollout::step).map(|step| step.verb.clone())?;
        match verb {
            Verb::Approve { gate: Gate::Person { .. } } => Some(self.input(Ask::Approve, aim)),
            Verb::Approve { gate: Gate::Decision { choices, .. } } => {
                let keep = *self.random.pick(&choices);
                Some(self.input(Ask::Decide { keep }, aim))
            }
            _ => None,
        }
    }

    /// Anything that the table allows now, and now and then what it does not.
    fn meddle(&mut self, state: &State, world: &mut World) -> Vec<Input> {
        if self.random.percent(6)
            && let Some(last) = self.last.clone()
        {
            world.inject(Fault::DoubleInput);
            return vec![last];
        }
        let aim = current_aim(state);
        let phase = state.phase();
        let kinds: Vec<Kind> =
            Kind::ALL.iter().copied().filter(|kind| may_follow(phase, *kind) || self.scenario_any()).collect();
        let kind = *self.random.pick(&kinds);
        let stale = self.random.percent(8);
        if stale {
            world.inject(Fault::StaleInput);
        }
        let used = if stale { self.stale.clone().or(aim.clone()) } else { aim.clone() };
        self.stale = aim;
        let Some(ask) = self.ask(kind, state, world) else { return Vec::new() };
        let input = self.input(ask, used);
        self.last = Some(input.clone());
        vec![input]
    }

    fn scenario_any(&mut self) -> bool {
        self.random.percent(3)
    }

    fn ask(&mut self, kind: Kind, state: &State, world: &mut World) -> Option<Ask> {
        let releases: Vec<ReleaseNumber> = state.releases.keys().copied().collect();
        Some(match kind {
            Kind::Deploy => {
                if self.releases >= self.releases_max + 3 || self.random.percent(30) {
                    return None;
                }
                self.releases += 1;
                Ask::Deploy { release: self.scenario.release(self.releases, &mut self.random, world) }
            }
            Kind::Rollback if !releases.is_empty() => Ask::Rollback { to: *self.random.pick(&releases) },
            Kind::Scale => Ask::Scale { count: u32::try_from(self.random.between(1, 6)).unwrap_or(1) },
            Kind::Pause => Ask::Pause,
            Kind::Resume => Ask::Resume,
            Kind::Promote if state.phase() != Phase::Doing || self.random.percent(30) => Ask::Promote,
            Kind::Skip => Ask::Skip,
            Kind::Abort if state.phase() != Phase::Doing || self.random.percent(30) => Ask::Abort,
            Kind::Retry => Ask::Retry,
            Kind::Unwind => Ask::Unwind,
            Kind::Accept => Ask::Accept { observed: Box::default() },
            Kind::Approve => Ask::Approve,
            Kind::Refuse => Ask::Refuse,
            Kind::Decide if !releases.is_empty() => Ask::Decide { keep: *self.random.pick(&releases) },
            _ => return None,
        })
    }
}
