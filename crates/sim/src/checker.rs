//! Watches every effect and every entry, at the instant it happens, and says what is broken.
//!
//! It folds the journal with the engine's own fold, to know what was meant, but counts for itself
//! whatever a bug in the fold could hide: approvals, proofs of health, what was taken back.

use crate::story::Teller;
use crate::words::{entry_words, step_title};
use crate::world::{SimRelease, World};
use engine::command::{Act, Command};
use engine::facts::Fence;
use engine::journal::entry::{Ask, Cause, Ending, Entry};
use engine::journal::state::State;
use engine::journal::{Kind, Phase, fold};
use engine::store::{Position, Record};
use model::gate::Gate;
use model::plan::{DrainEnd, Phase as MigrationPhase, Plan, Verb};
use model::service::{Repeat, UnwindingPolicy};
use model::standing::ClosingWork;
use model::{CheckName, Name, ReleaseNumber, Span, Subject, Time};
use std::collections::{BTreeMap, BTreeSet};

/// How far the checker's clock and the engine's may lie apart: looks are a little old when they count.
const SLACK: Span = Span(6_000);

/// What has been seen so far.
#[derive(Default)]
pub struct Checker {
    /// The journal's fold.
    pub state: State,
    /// What is broken, first first.
    pub broken: Vec<String>,
    /// How often each edge of the fold's table was taken.
    pub edges: BTreeMap<(Phase, Kind), u64>,
    /// How rollouts ended.
    pub endings: BTreeMap<&'static str, u64>,
    /// When each process started.
    pub started: BTreeMap<String, Time>,
    /// The processes that have seen anything.
    pub looked: BTreeSet<String>,
    /// When the current attempt began, in true time.
    began_at: Time,
    /// Stretches without evidence.
    absences: Vec<(Time, Time)>,
    /// Who said yes since the current attempt began.
    yes: BTreeSet<String>,
    /// The hooks whose undo is owed if the rollout goes around.
    undo_owed: BTreeMap<Name, u32>,
    /// Undos seen.
    undone: BTreeSet<Name>,
    /// When each never-repeat hook was called, by the generation of its Began.
    called: BTreeMap<(Name, Position, bool), u32>,
    /// Until when, in true time, hooks run that were called and have not answered.
    pub running: BTreeMap<Name, Time>,
    /// The releases that work reached since the rollout was accepted.
    worked: BTreeSet<ReleaseNumber>,
    /// When, in true time, each migration's rollback window ends.
    windows: BTreeMap<Name, Time>,
    /// When that was decided which is written now, where the controller stood still in between.
    pub decided_at: Option<Time>,
    /// Whether a controller's clock was put forward.
    put_forward: bool,
    /// What the step that is under way is called, where somebody listens.
    doing: String,
}

impl Checker {
    /// A stretch without evidence begins.
    pub fn source_was_absent(&mut self, from: Time, until: Time) {
        self.absences.push((from, until));
    }

    /// A controller's clock is put forward.
    pub fn clock_was_put_forward(&mut self) {
        self.put_forward = true;
    }

    fn absent_between(&self, from: Time, until: Time) -> Span {
        // They begin one after the other: what one shares with those before it counts once.
        let (mut sum, mut seen) = (Span::ZERO, from);
        for (start, end) in &self.absences {
            let (start, end) = ((*start).max(seen), (*end).min(until));
            sum = sum + end.since(start);
            seen = seen.max(end);
        }
        sum
    }
}

impl World {
    /// Something is broken.
    pub fn broken(&mut self, what: String) {
        self.tell(Teller::Broken, || what.clone());
        let at = self.now;
        self.checker.broken.push(format!("at {}: {what}", Span(at.0)));
    }

    /// Entries were committed.
    pub fn see_appended(&mut self, subject: &Subject, records: &[Record], process: &str) {
        for record in records {
            let entry: Entry = match serde_json::from_str(&record.line.body) {
                Ok(entry) => entry,
                Err(why) => return self.broken(format!("an entry of {subject} cannot be read back: {why}")),
            };
            if record.position != self.checker.state.position.next() {
                return self
                    .broken(format!("entry {} was appended after {}", record.position, self.checker.state.position));
            }
            self.tell_entry(record.position, record.line.at, &entry);
            self.check_entry(&entry);
            self.check_deadline(&entry, process);
            let phase = self.checker.state.phase();
            *self.checker.edges.entry((phase, entry.kind())).or_default() += 1;
            let state = std::mem::take(&mut self.checker.state);
            match fold(state, record.line.at, &entry) {
                Ok(state) => self.checker.state = state,
                Err(why) => return self.broken(why.to_string()),
            }
            self.after_entry(&entry);
        }
    }

    /// The story of an entry, before it is folded.
    fn tell_entry(&mut self, position: Position, at: Time, entry: &Entry) {
        if !self.story.is_told() {
            return;
        }
        let before = &self.checker.state;
        if let Some(title) = step_title(entry, before, self.facts.platform.counted) {
            self.checker.doing = title;
        }
        let words = entry_words(entry, &self.checker.state, at, &self.checker.doing);
        self.tell(Teller::Journal, || format!("entry {position}: {words}"));
    }

    /// An entry that was written before this world began: it is known, and not judged.
    pub fn recall(&mut self, at: Time, entry: &Entry) {
        if let Entry::Asked { input } = entry
            && input.ask == Ask::Approve
        {
            self.checker.yes.insert(input.by.who.clone());
        }
        self.now = at;
        match fold(std::mem::take(&mut self.checker.state), at, entry) {
            Ok(state) => self.checker.state = state,
            Err(why) => return self.broken(why.to_string()),
        }
        self.after_entry(entry);
    }

    fn check_entry(&mut self, entry: &Entry) {
        match entry {
            Entry::Done { note, verdicts, .. } => self.check_done(note, verdicts.len()),
            Entry::Unwinding { back, cause } => self.check_way_back(back, cause),
            Entry::Ended { ending, .. } => self.check_ended(ending),
            Entry::Asked { input } => {
                if input.ask == Ask::Approve {
                    self.checker.yes.insert(input.by.who.clone());
                }
            }
            Entry::Accepted { .. }
            | Entry::Refused { .. }
            | Entry::Began { .. }
            | Entry::Failed { .. }
            | Entry::Undecided { .. }
            | Entry::Halted { .. }
            | Entry::Restored { .. }
            | Entry::ClosingBegan { .. }
            | Entry::ClosingStopped { .. }
            | Entry::ClosingDone { .. }
            | Entry::ClosingFailed { .. }
            | Entry::ClockJumped { .. } => {}
        }
    }

    /// A deadline fires only after a look: what ended while nobody looked is not known to be late.
    fn check_deadline(&mut self, entry: &Entry, process: &str) {
        let late = match entry {
            Entry::Undecided { why, .. } => !why.contains("may have been called"),
            Entry::Failed { why, .. } => why.contains("ready after") || why.contains("still run after"),
            _ => false,
        };
        let started = self.checker.started.get(process).copied().unwrap_or_default();
        let looked = self.checker.looked.contains(process) || self.now.since(started) >= Span::minutes(1);
        if late && !looked {
            self.broken(format!("a deadline fires before {process} has looked: {}", entry.kind().as_str()));
        }
    }

    /// A command takes effect: its entry is written.
    pub fn check_written(&mut self, command: &Command) {
        let end = self.checker.state.position;
        if command.generation > end {
            self.broken(format!(
                "a command of entry {} takes effect, and the journal ends at {end}",
                command.generation
            ));
        }
    }

    fn after_entry(&mut self, entry: &Entry) {
        match entry {
            Entry::Began { .. } => {
                self.checker.began_at = self.now;
                self.checker.yes.clear();
                self.note_hook();
            }
            Entry::Accepted { .. } => {
                self.checker.undo_owed.clear();
                self.checker.undone.clear();
                self.checker.running.clear();
                self.checker.worked.clear();
            }
            Entry::Ended { ending, .. } => {
                let name = match ending {
                    Ending::Completed { .. } => "completed",
                    Ending::RolledBack => "rolled back",
                    Ending::Halted => "halted",
                };
                *self.checker.endings.entry(name).or_default() += 1;
                let elapsed = self.checker.state.elapsed(self.checker.state.at);
                for closing in &self.checker.state.standing.closings {
                    if let ClosingWork::Contract { migration, .. } = &closing.work {
                        let landed = self.checker.decided_at.unwrap_or(self.now);
                        self.checker.windows.insert(migration.clone(), landed + closing.due.since(elapsed));
                    }
                }
            }
            _ => {}
        }
    }

    fn note_hook(&mut self) {
        let Some(rollout) = &self.checker.state.rollout else { return };
        let Some(Verb::Hook { hook, undo }) = rollout.step().map(|step| &step.verb) else { return };
        if *undo {
            self.checker.undone.insert(hook.name.clone());
        } else if hook.undo.is_some() && rollout.back.is_none() {
            self.checker.undo_owed.insert(hook.name.clone(), 1);
        }
    }

    /// A step is said to be done: was it?
    fn check_done(&mut self, note: &str, verdicts: usize) {
        let Some(rollout) = self.checker.state.rollout.clone() else { return };
        let (Some(step), Some(doing)) = (rollout.step(), &rollout.doing) else { return };
        match &step.verb {
            Verb::Start { release, .. } => {
                if !self.releases.get(release).is_some_and(|sim| sim.proven) {
                    self.broken(format!("{release} is said to have started, and was never ready"));
                }
            }
            Verb::Route { .. } => {
                // Where nothing is tagged, a table that says the same is the same.
                let standing = &self.checker.state.standing;
                let tagged = self.facts.router.as_ref().is_some_and(|router| router.fence == Fence::Tagged);
                let late = self.members.iter().find(|member| {
                    let same =
                        member.table.intent == standing.intent && member.table.drained_from == standing.drained_from;
                    // Behind a tag something else may stand than the tag is about.
                    let vouched = !tagged || member.tag.strayed;
                    let taken = member.tag.generation >= doing.generation && vouched;
                    !taken && !same
                });
                if let Some(member) = late {
                    let line =
                        format!("the route of entry {} is said to be live, not in {}", doing.generation, member.name);
                    self.broken(line);
                }
            }
            Verb::Observe { hold, checks, sources } if note != "skipped" => {
                self.check_observed(*hold, checks, sources);
                if verdicts < checks.len() {
                    self.broken(format!("{} checks were asked, and {verdicts} verdicts were stored", checks.len()));
                }
            }
            Verb::Approve { gate: Gate::Person { count, .. } } if note != "skipped" => {
                let said = u32::try_from(self.checker.yes.len()).unwrap_or(u32::MAX);
                if said < *count {
                    self.broken(format!("{said} of {count} people said yes to this attempt"));
                }
            }
            Verb::Drain { release, keep, end } => self.check_drained(*release, *keep, *end),
            Verb::Stop { release, keep } => {
                let now = self.now;
                let running = self.releases.get(release).map_or(0, |sim| {
                    sim.instances.values().filter(|instance| instance.gone_at.is_none_or(|at| at > now)).count()
                });
                // An instance that crashed and came back meanwhile is the platform's doing, and what strayed
                // since the look will be put back.
                let wanted = |sim: &SimRelease| sim.wanted > *keep && !sim.tag.strayed;
                if running > *keep as usize && self.releases.get(release).is_some_and(wanted) {
                    self.broken(format!("{release} is said to have stopped, and {running} run"));
                }
            }
            Verb::Observe { .. }
            | Verb::Approve { .. }
            | Verb::Hook { .. }
            | Verb::Migrate { .. }
            | Verb::Flag { .. }
            | Verb::Notify { .. } => {}
        }
    }

    fn check_observed(&mut self, hold: Span, checks: &[CheckName], sources: &[Name]) {
        let now = self.now;
        let took = now.since(self.checker.began_at);
        let asked = sources.iter().any(|source| source.as_str() != "platform");
        let blind = if asked { self.checker.absent_between(self.checker.began_at, now) } else { Span::ZERO };
        // After each absence has begun, what was seen last counts as fresh for a while.
        let absences = self.checker.absences.iter().filter(|(_, until)| *until > self.checker.began_at).count();
        if took - blind + SLACK * (1 + absences as u64) < hold {
            self.broken(format!("a hold of {hold} is said to be over after {took}, {blind} of it blind"));
        }
        let number = self.checker.state.rollout.as_ref().map(|rollout| rollout.number);
        let now = self.checker.decided_at.unwrap_or(now);
        for check in checks {
            let last = number.and_then(|number| self.passed.get(&(check.clone(), number)).copied());
            let passed = last.is_some_and(|at| now.since(at) <= SLACK + SLACK);
            if !passed {
                self.broken(format!(
                    "check {check} is said to have passed, and never did lately: {last:?}, decided at {now:?}"
                ));
            }
        }
    }

    fn check_drained(&mut self, release: ReleaseNumber, keep: u32, end: DrainEnd) {
        let still = self.members.iter().find(|member| {
            member.silent_until <= self.now
                && !member.tag.strayed
                && self.releases.get(&release).is_some_and(|sim| {
                    sim.instances.iter().any(|(number, instance)| {
                        *number >= keep && instance.gone_at.is_none() && World::sends(&member.table, release, *number)
                    })
                })
        });
        if let Some(member) = still {
            let line = format!("{release} is said to be drained to {keep} ({end:?}), and {} sends to it", member.name);
            self.broken(line);
        }
    }

    /// The way back must bring everything back that was started, by one route, if it is sudden.
    fn check_way_back(&mut self, back: &Plan, _: &Cause) {
        let Some(rollout) = self.checker.state.rollout.clone() else { return };
        let before = &rollout.plan.before;
        let sudden = rollout.plan.policy.unwinding == UnwindingPolicy::Sudden;
        self.note_working_without_traffic();
        let candidate = rollout.plan.candidate;
        for step in &back.steps {
            if let Verb::Migrate { migration, phase: MigrationPhase::Abort, reversible: false } = &step.verb
                && self.checker.worked.contains(&candidate)
            {
                self.broken(format!("the way back aborts one-way migration {migration} after {candidate} had work"));
            }
            if let Verb::Route { intent } = &step.verb
                && sudden
                && intent.hold().is_none()
            {
                for lane in intent.lanes() {
                    if lane.share != before.intent.share(lane.release) {
                        self.broken(format!("the way back gives {} to {} again", lane.share, lane.release));
                    }
                }
            }
        }
    }

    /// Without traffic a release works as soon as it runs.
    fn note_working_without_traffic(&mut self) {
        if self.checker.state.rollout.as_ref().is_some_and(|rollout| rollout.plan.policy.routed) {
            return;
        }
        let ready = self.releases.iter().filter(|(_, sim)| sim.proven).map(|(release, _)| *release);
        self.checker.worked.extend(ready);
    }

    fn check_ended(&mut self, ending: &Ending) {
        let state = self.checker.state.clone();
        let Some(rollout) = state.rollout.as_deref() else { return };
        match ending {
            Ending::Completed { kept } => {
                if rollout.back.is_some() {
                    self.broken("a rollout that went around is said to be completed".into());
                }
                if !state.proven.contains(kept) {
                    self.broken(format!("{kept} is kept, and never proved healthy"));
                }
            }
            Ending::RolledBack => self.check_rolled_back(&state),
            Ending::Halted => {}
        }
    }

    /// Whatever was started has been taken back.
    fn check_rolled_back(&mut self, state: &State) {
        let Some(rollout) = state.rollout.as_deref() else { return };
        let before = &rollout.plan.before;
        if rollout.back.is_none() {
            self.broken("a rollout is said to be rolled back, and never went around".into());
        }
        if state.standing.capacity != before.capacity {
            let line = format!("rolled back to {:?} instead of {:?}", state.standing.capacity, before.capacity);
            self.broken(line);
        }
        for lane in state.standing.intent.lanes() {
            if lane.share != before.intent.share(lane.release) {
                self.broken(format!("rolled back, and {} still has {}", lane.release, lane.share));
            }
        }
        let owed: Vec<Name> =
            self.checker.undo_owed.keys().filter(|name| !self.checker.undone.contains(*name)).cloned().collect();
        for name in owed {
            self.broken(format!("rolled back, and hook {name} was never undone"));
        }
        let migrated: BTreeSet<Name> = rollout
            .started
            .iter()
            .filter_map(|number| rollout.plan.step(*number))
            .filter_map(|step| match &step.verb {
                Verb::Migrate { migration, .. } => Some(migration.clone()),
                _ => None,
            })
            .collect();
        for name in migrated {
            let aborted = self.migrations.get(&name).is_none_or(|sim| {
                sim.tag.strayed || sim.phases.is_empty() || sim.phases.last() == Some(&MigrationPhase::Abort)
            });
            if !aborted {
                self.broken(format!("rolled back, and migration {name} still stands"));
            }
        }
    }

    /// Traffic only goes where health was proven and instances are.
    pub fn check_tables(&mut self) {
        let mut found = Vec::new();
        // What strayed is somebody else's doing, and will be put back.
        for member in self.members.iter().filter(|member| !member.tag.strayed) {
            let sum: u32 = member.table.intent.lanes().iter().map(|lane| u32::from(lane.share.basis_points())).sum();
            if !member.table.intent.lanes().is_empty() && sum != 10_000 {
                found.push(format!("the shares in {} sum to {sum}", member.name));
            }
            for lane in member.table.intent.lanes() {
                if lane.share.is_none() || member.table.intent.hold().is_some() {
                    continue;
                }
                let sim = self.releases.get(&lane.release);
                if sim.is_some_and(|sim| sim.tag.strayed) {
                    continue;
                }
                self.checker.worked.insert(lane.release);
                if sim.is_none_or(|sim| sim.wanted == 0) {
                    found.push(format!(
                        "{} sends {} to {}, which has been stopped",
                        member.name, lane.share, lane.release
                    ));
                } else if !sim.is_some_and(|sim| sim.proven) {
                    found.push(format!(
                        "{} sends {} to {}, which was never ready",
                        member.name, lane.share, lane.release
                    ));
                }
            }
        }
        for line in found {
            self.broken(line);
        }
    }

    /// An instance is told to go: has its work ended, or its time run out?
    pub fn check_stop(&mut self, release: ReleaseNumber, number: u32) {
        let Some(instance) = self.releases.get(&release).and_then(|sim| sim.instances.get(&number)).copied() else {
            return;
        };
        // What strayed stops what it likes, and what it started gets work that no table knew to keep away.
        if instance.strayed || self.releases.get(&release).is_some_and(|sim| sim.tag.strayed) {
            return;
        }
        let mut members = self.members.iter().filter(|member| !member.tag.strayed);
        let sending = members.find(|member| World::sends(&member.table, release, number));
        if let Some(member) = sending {
            let line = format!("instance {number} of {release} is stopped while {} sends to it", member.name);
            return self.broken(line);
        }
        let left = instance.left_at.map_or(Span::ZERO, |at| self.now.since(at));
        let deadline = self.checker.state.rollout.as_ref().map_or(engine::uphold::RETIRE_DRAIN_TIMED, |rollout| {
            match rollout.plan.policy.drain {
                DrainEnd::Counted { deadline } => deadline,
                DrainEnd::Timed { after } => after,
            }
        });
        if instance.left_at.is_some() && left < instance.tail && left < deadline {
            self.broken(format!(
                "instance {number} of {release} is stopped with open work, {left} after it was left alone"
            ));
        }
    }

    /// A hook is called, or taken back. One that must not be repeated is called once only, and none is
    /// taken back while it may still run.
    pub fn check_call(&mut self, command: &Command) {
        let Act::Call { hook, undo, .. } = &command.act else { return };
        let count = self.checker.called.entry((hook.name.clone(), command.generation, *undo)).or_default();
        *count += 1;
        if *count > 1 && hook.repeat == Repeat::Never {
            self.broken(format!("hook {} must not be repeated, and was", hook.name));
        }
        let doing = self.checker.state.rollout.as_ref().and_then(|rollout| rollout.doing.as_ref());
        let wanted = doing.is_some_and(|doing| doing.generation == command.generation);
        if !undo && wanted {
            self.checker.running.insert(hook.name.clone(), self.now + command.limit);
        }
        let until = self.checker.running.get(&hook.name).copied().unwrap_or_default();
        // Where the wall clock jumped while no controller ran, nobody can tell that from time that passed.
        if *undo && self.now + SLACK < until && self.faults.of(crate::fault::Fault::ClockForward) == 0 {
            self.broken(format!("hook {} is taken back while it may still run", hook.name));
        }
    }

    /// A migration is contracted: is the window over, and every old instance gone?
    pub fn check_contract(&mut self, migration: &Name) {
        let now = self.now;
        // One that was put off may still happen: what was sent before is late.
        let standing = &self.checker.state.standing;
        let begun = standing.contracted.iter().find(|contracted| contracted.migration == *migration);
        let is_pending = |old: Option<_>| {
            let work = ClosingWork::Contract { migration: migration.clone(), old };
            standing.closings.iter().any(|closing| closing.work == work)
        };
        let Some(old) = begun.map(|contracted| contracted.old).filter(|old| is_pending(*old)) else {
            return self.broken(format!("migration {migration} is contracted, and no closing says so"));
        };
        let lives = self.releases.iter().any(|(release, sim)| {
            Some(*release) <= old && sim.instances.values().any(|instance| instance.gone_at.is_none_or(|at| at > now))
        });
        if lives {
            self.broken(format!("migration {migration} is contracted while an instance up to {old:?} lives"));
        }
        let window = self.checker.windows.get(migration).copied().unwrap_or_default();
        // Where the wall clock jumped while no controller ran, nobody can tell that from time that passed.
        if now + Span(1_000) < window && !self.checker.put_forward {
            self.broken(format!("migration {migration} is contracted {} before its window ends", window.since(now)));
        }
    }
}
