//! The other outside things: sources, callers, migrators and flags.

use crate::delivery::deliver;
use crate::fault::Fault;
use crate::later::{later, never};
use crate::platform::cannot;
use crate::story::Teller;
use crate::words::phase_word;
use crate::world::{Behaviour, SharedWorld, World};
use engine::command::{Act, Command, Reply};
use engine::driver::{Answer, Blind, Caller, FlagSetter, Migrator, Question, Source};
use engine::facts::Fence;
use engine::store::Pending;
use model::gate::Gate;
use model::plan::Phase;
use model::verdict::Basis;
use model::{Evidence, ReleaseNumber, RolloutNumber, Span, Subject, Verdict};

/// How long after the first request good evidence suffices.
const ENOUGH: Span = Span(1_500);
/// How long after the first request bad evidence suffices.
const ENOUGH_BAD: Span = Span(700);
/// How often a contraction is refused for good.
const CONTRACT_REFUSED_PERMILLE: u64 = 300;

/// A source of evidence.
pub struct SimSource(pub SharedWorld);

impl Source for SimSource {
    fn ask(&self, question: Question) -> Pending<'static, Result<Vec<Answer>, Blind>> {
        let mut world = self.0.lock();
        let now = world.now;
        if world.are_drivers_stuck() {
            return never();
        }
        if world.evidence_absent_until > now {
            drop(world);
            return later(&self.0, now + Span(500), Err(Blind("no data".into())));
        }
        let at = now + Span(world.random.between(1, 40));
        let verdict = world.verdict(&question);
        let mut answers = Vec::new();
        for check in &question.checks {
            if verdict == Verdict::Pass {
                world.passed.insert((check.clone(), question.rollout), at);
            }
            let evidence = Evidence { basis: Basis::Rule, summary: format!("{verdict:?}"), numbers: Vec::new() };
            answers.push(Answer { check: check.clone(), verdict, evidence });
        }
        drop(world);
        later(&self.0, at, Ok(answers))
    }
}

impl World {
    /// What the evidence says of a candidate.
    fn verdict(&mut self, question: &Question) -> Verdict {
        let (now, candidate) = (self.now, question.candidate);
        let key = (question.rollout, candidate);
        self.note_exposure(question.rollout, candidate);
        let Some(since) = self.exposed_since.get(&key).map(|at| now.since(*at)) else { return Verdict::Undecided };
        match self.behaviour(candidate) {
            Behaviour::Bad if since >= ENOUGH_BAD => {
                self.faults.add(Fault::EvidenceBad);
                Verdict::Fail
            }
            Behaviour::BadAfter(after) if since >= after => {
                self.faults.add(Fault::EvidenceBadLate);
                Verdict::Fail
            }
            Behaviour::Bad
            | Behaviour::BadAfter(_)
            | Behaviour::Good
            | Behaviour::NeverReady
            | Behaviour::CrashLoop => {
                if since >= ENOUGH {
                    Verdict::Pass
                } else {
                    Verdict::Undecided
                }
            }
        }
    }

    /// A candidate has its first request, or work where there is no traffic, whether somebody asks or not.
    pub fn note_exposure(&mut self, rollout: RolloutNumber, candidate: ReleaseNumber) {
        let routed = self.facts.router.is_some();
        if !routed || self.members.iter().any(|member| member.table.intent.reaches(candidate)) {
            self.exposed_since.entry((rollout, candidate)).or_insert(self.now);
        }
    }

    /// There is no evidence for a while.
    pub fn hide_evidence(&mut self) {
        self.inject(Fault::EvidenceAbsent);
        let long = self.troubled && self.random.percent(6);
        let lasts = if long { self.random.between(620_000, 800_000) } else { self.random.between(3_000, 40_000) };
        let until = self.evidence_absent_until.max(self.now + Span(lasts));
        self.checker.source_was_absent(self.now, until);
        self.evidence_absent_until = until;
    }
}

/// Calls hooks.
pub struct SimCaller(pub SharedWorld);

impl Caller for SimCaller {
    fn fence(&self) -> Fence {
        self.0.lock().facts.hooks.unwrap_or(Fence::Compare)
    }

    fn ensure(&self, command: Command) -> Pending<'static, Reply> {
        let Act::Call { hook, undo, .. } = &command.act else { return cannot(&self.0, &command) };
        let mut world = self.0.lock();
        world.check_call(&command);
        let fails = world.failing.contains(&(hook.name.clone(), *undo));
        let fails = (fails || world.faulty() && world.random.permille(80)) && !world.are_drivers_stuck();
        let at = world.now + Span(100);
        drop(world);
        let replied = if fails {
            later(&self.0, at, Reply::Failed { why: "exit code 1".into(), retry: false })
        } else {
            deliver(&self.0, &command, 0)
        };
        let (world, hook, undo) = (self.0.clone(), hook.name.clone(), *undo);
        Box::pin(async move {
            let reply = replied.await;
            if !undo && !matches!(reply, Reply::Unknown(_)) {
                world.lock().checker.running.remove(&hook);
            }
            reply
        })
    }

    fn ask(&self, _: Subject, _: Gate) -> Pending<'static, Result<bool, Blind>> {
        let mut world = self.0.lock();
        if world.are_drivers_stuck() {
            return never();
        }
        let (at, yes) = (world.now + Span(50), world.random.percent(70));
        drop(world);
        later(&self.0, at, Ok(yes))
    }
}

/// Changes databases.
pub struct SimMigrator(pub SharedWorld);

impl Migrator for SimMigrator {
    fn fence(&self) -> Fence {
        self.0.lock().facts.migrations.unwrap_or(Fence::Compare)
    }

    fn ensure(&self, command: Command) -> Pending<'static, Reply> {
        let Act::Migrate { phase, .. } = &command.act else { return cannot(&self.0, &command) };
        let mut world = self.0.lock();
        if *phase == Phase::Contract && world.strikes(Fault::Refused, CONTRACT_REFUSED_PERMILLE) {
            let at = world.now + Span(100);
            drop(world);
            return later(&self.0, at, Reply::Failed { why: "a view needs the old shape".into(), retry: false });
        }
        drop(world);
        deliver(&self.0, &command, 0)
    }
}

/// Sets flags.
pub struct SimFlags(pub SharedWorld);

impl FlagSetter for SimFlags {
    fn fence(&self) -> Fence {
        self.0.lock().facts.flags.unwrap_or(Fence::Compare)
    }

    fn ensure(&self, command: Command) -> Pending<'static, Reply> {
        let Act::Flag { .. } = &command.act else { return cannot(&self.0, &command) };
        deliver(&self.0, &command, 0)
    }
}

impl World {
    /// A hook is called.
    pub fn take_call(&mut self, command: &Command) {
        let Act::Call { hook, undo, .. } = &command.act else { return };
        self.tell(Teller::Target, || format!("hook {} is {}", hook.name, if *undo { "undone" } else { "called" }));
        let counts = self.hooks.entry(hook.name.clone()).or_default();
        if *undo {
            counts.1 += 1;
        } else {
            counts.0 += 1;
        }
    }

    /// A migration comes through a phase.
    pub fn take_migrate(&mut self, command: &Command) {
        let Act::Migrate { migration, phase } = &command.act else { return };
        self.tell(Teller::Target, || format!("migration {migration} has come through {}", phase_word(*phase)));
        let sim = self.migrations.entry(migration.clone()).or_default();
        let again = sim.phases.contains(phase);
        if sim.phases.last() != Some(phase) {
            sim.phases.push(*phase);
        }
        if *phase == Phase::Contract && !again {
            let migration = migration.clone();
            self.check_contract(&migration);
        }
    }

    /// A flag is set.
    pub fn take_flag(&mut self, command: &Command) {
        let Act::Flag { flag, to, only_from } = &command.act else { return };
        let Some(sim) = self.flags.get_mut(flag) else { return };
        if only_from.as_ref().is_some_and(|from| *from != sim.setting) {
            return;
        }
        let killed = sim.killed && sim.setting != *to;
        sim.setting = to.clone();
        if killed {
            let line = format!("flag {flag} was killed by a person, and set again by a plan");
            self.broken(line);
        }
    }

    /// A person kills a flag.
    pub fn kill_flag(&mut self) {
        let names: Vec<_> = self.flags.keys().cloned().collect();
        if names.is_empty() {
            return;
        }
        let name = self.random.pick(&names).clone();
        self.inject(Fault::FlagKilled);
        if let Some(sim) = self.flags.get_mut(&name)
            && let Ok(off) = model::Name::new("killed")
        {
            sim.setting = model::plan::FlagSetting { variant: off, share: model::Share::NONE };
            sim.tag.set = Some(sim.setting.clone());
            sim.killed = true;
        }
    }
}
