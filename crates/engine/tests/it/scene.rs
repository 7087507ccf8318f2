//! A service somewhere in its journal, and a world that shows what is wanted unless told otherwise.

use crate::services::*;
use engine::command::{Act, Command, Reply, Target};
use engine::decide::{Decision, current_aim, decide, landed};
use engine::facts::Facts;
use engine::journal::entry::{Ask, Cause, Ending, Entry, Input};
use engine::journal::{State, fold};
use engine::launch::launch;
use engine::observe::{InstancesLook, MemberLook, Observations, OpenWork, PlatformLook, Reading, RouterLook};
use engine::outline::title;
use engine::store::{Attribution, Position};
use engine::unwind::{Started, unwind};
use expect_test::Expect;
use model::plan::{Capacity, Verb};
use model::standing::ClosingWork;
use model::verdict::Basis;
use model::*;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;

/// A Tuesday night in Berlin: office hours are over.
pub(crate) const START: Time = Time(1_700_000_000_000);
/// More rounds than any landing of these tests has steps.
const STEPS_MAX: usize = 100;

/// How the world differs from what is wanted.
#[derive(Default)]
pub(crate) struct World {
    pub(crate) platform_silent: bool,
    pub(crate) platform_late: bool,
    pub(crate) routers_silent: bool,
    pub(crate) one_router_silent: bool,
    pub(crate) routers_late: bool,
    pub(crate) sources_silent: bool,
    pub(crate) checks_silent: bool,
    /// Running and ready, by release.
    pub(crate) instances: BTreeMap<u32, (u32, u32)>,
    pub(crate) failing: Option<&'static str>,
    pub(crate) autoscaled: Option<u32>,
    /// Open work on instances that get no new work.
    pub(crate) leaving: u64,
    pub(crate) verdicts: BTreeMap<&'static str, Verdict>,
}

/// A service with its journal folded so far, and all that was seen of it.
pub(crate) struct Scene {
    pub(crate) state: State,
    pub(crate) seen: Observations,
    pub(crate) facts: Facts,
    pub(crate) now: Time,
    pub(crate) world: World,
    asked: u32,
}

impl Scene {
    /// Nothing was ever deployed.
    pub(crate) fn empty() -> Self {
        let seen = Observations { routed: true, ..Observations::default() };
        let (state, facts, world) = (State::default(), Facts::one_machine(), World::default());
        Self { state, seen, facts, now: START, world, asked: 0 }
    }

    /// `@6` serves alone. Migrations came only since: each is done once in a service's life.
    pub(crate) fn standing(service: Service) -> Self {
        let mut scene = Self::empty();
        scene.seen.routed = service.traffic.is_some();
        scene.deploy(6, Service { database: None, ..service });
        scene.land();
        scene
    }

    /// `@7` was accepted over `@6`, and nothing has begun.
    pub(crate) fn landing(service: Service) -> Self {
        let mut scene = Self::standing(service.clone());
        scene.deploy(7, service);
        scene.launch();
        scene
    }

    /// The first step like this has begun, and all before it are done.
    pub(crate) fn begun(service: Service, is: fn(&Verb) -> bool) -> Self {
        let mut scene = Self::landing(service);
        scene.forward_to(is);
        let begun = scene.current().map(|(_, _, verb)| verb);
        assert!(begun.is_some_and(|verb| is(&verb)), "the plan has no such step");
        scene
    }

    pub(crate) fn take(&mut self, entry: Entry) {
        let next = fold(self.state.clone(), self.now, &entry);
        self.state = next.unwrap_or_else(|illegal| panic!("{illegal}\n{entry:#?}"));
    }

    pub(crate) fn input(&mut self, ask: Ask) -> Input {
        self.asked += 1;
        let by = Attribution { who: "ana".into(), from: "cli".into(), why: String::new() };
        Input { id: format!("input-{}", self.asked), by, ask, aim: current_aim(&self.state) }
    }

    pub(crate) fn ask(&mut self, ask: Ask) {
        let input = self.input(ask);
        self.take(Entry::Asked { input });
    }

    pub(crate) fn deploy(&mut self, at: u32, service: Service) {
        self.ask(Ask::Deploy { release: Arc::new(release(at, service)) });
    }

    pub(crate) fn launch(&mut self) {
        let entry = launch(&self.state, &self.facts).expect("something waits");
        self.take(entry);
    }

    /// What waits lands, every step at once.
    pub(crate) fn land(&mut self) {
        self.launch();
        self.forward_to(|_| false);
        let rollout = self.state.rollout.as_deref().expect("a rollout");
        let standing = Box::new(landed(&self.state, rollout, self.now));
        self.take(Entry::Ended { ending: Ending::Completed { kept: rollout.kept() }, standing });
    }

    /// The current step, with its attempt.
    fn current(&self) -> Option<(StepNumber, u32, Verb)> {
        let rollout = self.state.rollout.as_deref()?;
        rollout.step().map(|step| (rollout.cursor, rollout.attempt, step.verb.clone()))
    }

    pub(crate) fn begin(&mut self) {
        let (step, attempt, verb) = self.current().expect("a step");
        let count = match verb {
            Verb::Start { release, capacity: Capacity::Count(count), .. } => {
                Some(count.max(self.state.standing.capacity(release)))
            }
            Verb::Start { release, capacity: Capacity::OfStable(_), .. } => Some(self.state.standing.capacity(release)),
            _ => None,
        };
        self.take(Entry::Began { step, attempt: attempt + 1, count });
    }

    pub(crate) fn finish(&mut self) {
        let (step, attempt, _) = self.current().expect("a step");
        self.take(Entry::Done { step, attempt, note: String::new(), verdicts: Vec::new() });
    }

    pub(crate) fn fail(&mut self, why: &str) {
        let (step, attempt, _) = self.current().expect("a step");
        self.take(Entry::Failed { step, attempt, why: why.into() });
    }

    /// Until the next step like this has begun, or to the end of the plan.
    pub(crate) fn forward_to(&mut self, is: fn(&Verb) -> bool) {
        for _ in 0..STEPS_MAX {
            if self.state.rollout.as_ref().is_some_and(|rollout| rollout.doing.is_some()) {
                self.finish();
            }
            let Some((_, _, verb)) = self.current() else { return };
            self.begin();
            if is(&verb) {
                return;
            }
        }
        panic!("the plan has no end");
    }

    /// The way back from here.
    pub(crate) fn back(&self) -> Result<Plan, String> {
        let rollout = self.state.rollout.as_deref().expect("a rollout");
        let started = Started { steps: &rollout.started, standing: &self.state.standing, undone: &rollout.undone };
        unwind(&rollout.plan, &started, &self.facts).map_err(|why| why.to_string())
    }

    pub(crate) fn go_around(&mut self) {
        let back = Arc::new(self.back().expect("a way back"));
        self.take(Entry::Unwinding { cause: Cause::Again, back });
    }

    pub(crate) fn halt(&mut self) {
        self.take(Entry::Halted { why: "an undo failed".into() });
    }

    /// Time passes, and nothing is seen.
    pub(crate) fn wait(&mut self, span: Span) {
        self.now = self.now + span;
    }

    /// As long as the current step may take, and then everything is looked at.
    pub(crate) fn wait_out(&mut self) {
        let rollout = self.state.rollout.as_deref().expect("a rollout");
        self.wait(rollout.step().expect("a step").timeout);
        self.look();
    }

    /// Time passes, and everything is looked at every second.
    pub(crate) fn watch(&mut self, span: Span) {
        for _ in 0..span.0 / 1_000 {
            self.wait(Span::seconds(1));
            self.look();
        }
    }

    /// Everything that answers is looked at once.
    pub(crate) fn look(&mut self) {
        let now = self.now;
        if !self.world.platform_silent {
            self.seen.see_platform(now, self.platform(), &self.state);
        }
        if !self.world.routers_silent {
            self.seen.see_router(now, self.router());
        }
        if !self.world.sources_silent {
            for source in ["gateway", "platform"] {
                self.seen.sources.insert(name(source), now);
            }
        }
        if !self.world.checks_silent {
            self.read_checks();
        }
        self.seen.looked = true;
        self.seen.pass(&self.state, now);
    }

    fn platform(&self) -> PlatformLook {
        let (state, world) = (&self.state, &self.world);
        let shows = |(release, generation): (&ReleaseNumber, &Position)| {
            let wanted = state.standing.capacity(*release);
            let (running, ready) = world.instances.get(&release.0).copied().unwrap_or((wanted, wanted));
            let generation = if world.platform_late { Position(0) } else { *generation };
            let failing = world.failing.map(str::to_owned);
            (*release, InstancesLook { generation, running, ready, autoscaled: world.autoscaled, failing })
        };
        PlatformLook { releases: state.generations.capacity.iter().map(shows).collect() }
    }

    fn router(&self) -> RouterLook {
        let generation = if self.world.routers_late { Position(0) } else { self.state.generations.table };
        let work = OpenWork { all: self.world.leaving, leaving: self.world.leaving };
        let open = self.state.standing.drained_from.keys().map(|release| (*release, work)).collect();
        let member = MemberLook { generation, intent: Some(self.state.standing.intent.clone()), open };
        let silent = (!self.world.one_router_silent).then(|| member.clone());
        RouterLook { members: [("north".into(), Some(member)), ("south".into(), silent)].into() }
    }

    fn read_checks(&mut self) {
        let Some(rollout) = self.state.rollout.as_deref() else { return };
        let Some(release) = self.state.release(rollout.plan.candidate) else { return };
        for check in &release.service.checks {
            let verdict = self.world.verdicts.get(check.name.as_str()).copied().unwrap_or(Verdict::Pass);
            let evidence = Evidence { basis: Basis::Rule, summary: "9 of 1 200".into(), numbers: Vec::new() };
            let seen = Reading { rollout: rollout.number, verdict, evidence };
            self.seen.readings.insert(check.name.clone(), engine::observe::Look { at: self.now, seen });
        }
    }

    /// The attempt that goes on began here.
    pub(crate) fn generation(&self) -> Position {
        let rollout = self.state.rollout.as_deref().expect("a rollout");
        rollout.doing.as_ref().expect("an attempt").generation
    }

    /// The current step's command is answered.
    pub(crate) fn reply(&mut self, reply: Reply) {
        let (_, _, verb) = self.current().expect("a step");
        let generation = self.generation();
        let target = match verb {
            Verb::Start { release, .. } | Verb::Stop { release, .. } => Target::Instances(release),
            Verb::Hook { .. } => Target::Hook(generation),
            Verb::Migrate { migration, .. } => Target::Migration(migration),
            Verb::Flag { flag, .. } => Target::Flag(flag),
            Verb::Route { .. } | Verb::Drain { .. } => Target::Routers,
            Verb::Observe { .. } | Verb::Approve { .. } | Verb::Notify { .. } => panic!("nothing is commanded"),
        };
        self.seen.see_reply(target, generation, reply);
    }

    pub(crate) fn decide(&self) -> Decision {
        let subject = subject();
        decide(&self.state, &subject, &self.seen, &self.facts, self.now)
    }

    /// What is decided now, and written.
    pub(crate) fn step(&mut self) -> String {
        let entries = self.decide().entries;
        let told = entries.iter().map(|entry| entry_words(entry, self.now)).collect::<Vec<_>>().join("; ");
        for entry in entries {
            self.take(entry);
        }
        if told.is_empty() { "nothing".into() } else { told }
    }

    /// What is commanded now.
    pub(crate) fn commands(&self) -> String {
        let words: Vec<String> = self.decide().commands.iter().map(|command| self.command_words(command)).collect();
        if words.is_empty() { "nothing".into() } else { words.join("; ") }
    }

    fn command_words(&self, command: &Command) -> String {
        match &command.act {
            Act::Scale { release, count } => format!("scale {release} to {count}"),
            Act::Table(table) => {
                let verb = Verb::Route { intent: table.intent.clone() };
                let drained =
                    table.drained_from.iter().map(|(release, from)| format!(", no new work on {release} from {from}"));
                format!("{}{}", title(&verb, &self.state.standing, true), drained.collect::<String>())
            }
            Act::Call { hook, undo, .. } => format!("{} {}", if *undo { "take back" } else { "call" }, hook.name),
            Act::Migrate { migration, phase } => format!("{phase:?} {migration}").to_lowercase(),
            Act::Flag { flag, to, only_from } => {
                let from = only_from.as_ref().map(|from| format!(" where it is {}", from.variant));
                format!("set {flag} to {}{}", to.variant, from.unwrap_or_default())
            }
        }
    }
}

pub(crate) fn subject() -> Subject {
    Subject::service(&name("shop"), &name("production"), &name("local"))
}

/// An entry in a few words; people count steps from one.
pub(crate) fn entry_words(entry: &Entry, now: Time) -> String {
    let noted = |note: &str| if note.is_empty() { String::new() } else { format!(" ({note})") };
    match entry {
        Entry::Asked { input } => format!("{} by {}", input.ask.kind().as_str(), input.by.who),
        Entry::Accepted { rollout, .. } => format!("accept rollout {}", rollout.0),
        Entry::Refused { reasons, .. } => format!("refuse: {}", reasons.join("; ")),
        Entry::Began { step, attempt: 1, .. } => format!("begin {}", step.0 + 1),
        Entry::Began { step, attempt, .. } => format!("begin {} again (attempt {attempt})", step.0 + 1),
        Entry::Done { step, note, .. } => format!("done {}{}", step.0 + 1, noted(note)),
        Entry::Failed { step, why, .. } => format!("failed {} ({why})", step.0 + 1),
        Entry::Undecided { step, why, until, .. } => {
            format!("undecided {} for {} ({why})", step.0 + 1, until.since(now))
        }
        Entry::Unwinding { cause, .. } => format!("go around: {}", cause_words(cause)),
        Entry::Halted { why } => format!("halt: {why}"),
        Entry::Ended { ending: Ending::Completed { kept }, .. } => format!("end: {kept} serves"),
        Entry::Ended { ending: Ending::RolledBack, .. } => "end: rolled back".into(),
        Entry::Ended { ending: Ending::Halted, .. } => "end: halted, and accepted".into(),
        Entry::Restored { release, count, why } => format!("restore {release} to {count}{}", noted(why)),
        Entry::ClosingBegan { work } => format!("begin to {}", work_words(work)),
        Entry::ClosingStopped { work } => format!("drained, stop to {}", work_words(work)),
        Entry::ClosingDone { work } => format!("over: {}", work_words(work)),
        Entry::ClosingFailed { work, why } => format!("put off: {} ({why})", work_words(work)),
        Entry::ClockJumped { by_ms, behind_ms } => {
            format!("clock jumped by {}, and is {} behind", Span(*by_ms), Span(*behind_ms))
        }
    }
}

fn cause_words(cause: &Cause) -> String {
    match cause {
        Cause::Check(judgement) => format!("check {} failed, {}", judgement.check, judgement.evidence.summary),
        Cause::StepFailed { step, why } => format!("step {} failed, {why}", step.0 + 1),
        Cause::Undecided { step, why } => format!("step {} stayed undecided, {why}", step.0 + 1),
        Cause::NotReady { release } => format!("{release} is not ready"),
        Cause::Asked { by } => format!("{} said so", by.who),
        Cause::Superseded { by } => format!("{by} is to land"),
        Cause::Again => "asked for after a halt".into(),
    }
}

fn work_words(work: &ClosingWork) -> String {
    match work {
        ClosingWork::Retire(release) => format!("retire {release}"),
        ClosingWork::Shrink { release, keep } => format!("shrink {release} to {keep}"),
        ClosingWork::Contract { migration, old: Some(old) } => format!("contract {migration} behind {old}"),
        ClosingWork::Contract { migration, old: None } => format!("contract {migration}"),
    }
}

/// What happens to a scene, in words and in deed.
pub(crate) type Case = (&'static str, fn(&mut Scene));

/// One line for each case: what happened, and what came of it.
pub(crate) fn check(start: impl Fn() -> Scene, cases: &[Case], tell: impl Fn(&mut Scene) -> String, wanted: &Expect) {
    let width = cases.iter().map(|(words, _)| words.chars().count()).max().unwrap_or(0);
    let mut text = String::new();
    for (words, change) in cases {
        let mut scene = start();
        change(&mut scene);
        writeln!(text, "{words:width$}  → {}", tell(&mut scene)).expect("a String takes everything");
    }
    wanted.assert_eq(&text);
}
