//! Everything that the engine does not see directly: the true time, the instances, the routers'
//! tables, flags and databases, and what is still under way.

use crate::checker::Checker;
use crate::doom::Doom;
use crate::fault::{Fault, FaultCount};
use crate::random::Random;
use crate::story::{Story, Teller, Told};
use crate::target::{Errand, Tag};
use engine::command::Table;
use engine::facts::Facts;
use engine::observe::PlatformLook;
use engine::store::Position;
use model::plan::{FlagSetting, Phase};
use model::{CheckName, Name, ReleaseNumber, RolloutNumber, Span, Time};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};

/// The world, shared by all fakes and the run that drives them.
#[derive(Clone)]
pub struct SharedWorld(Arc<Mutex<World>>);

impl SharedWorld {
    /// A world to share.
    pub fn new(world: World) -> Self {
        Self(Arc::new(Mutex::new(world)))
    }

    /// The world itself.
    pub fn lock(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// See the module.
pub struct World {
    /// The service that it is about, as the story names it; empty where there is only one.
    pub service: String,
    /// The true time.
    pub now: Time,
    /// Chooses what goes wrong.
    pub random: Random,
    /// What has gone wrong.
    pub faults: FaultCount,
    /// How likely a call goes wrong, in a thousand.
    pub fault_permille: u64,
    /// From then on nothing goes wrong any more.
    pub faults_until: Time,
    /// What watches.
    pub checker: Checker,
    /// The instances by release.
    pub releases: BTreeMap<ReleaseNumber, SimRelease>,
    /// How releases behave.
    pub behaviours: BTreeMap<ReleaseNumber, Behaviour>,
    /// The routers.
    pub members: Vec<Member>,
    /// What the drivers say they can do.
    pub facts: Facts,
    /// The platform answers no look until then.
    pub platform_silent_until: Time,
    /// Whether disasters last long in this seed.
    pub troubled: bool,
    /// Whether an autoscaler owns stable's number, and what it wants.
    pub autoscaled: Option<u32>,
    /// The flags.
    pub flags: BTreeMap<Name, SimFlag>,
    /// The databases' migrations.
    pub migrations: BTreeMap<Name, SimMigration>,
    /// How often each hook was called and undone, by its name.
    pub hooks: BTreeMap<Name, (u32, u32)>,
    /// The newest generation that called one.
    pub called: Position,
    /// Until when there is no evidence.
    pub evidence_absent_until: Time,
    /// When each release first got traffic in the rollout that is observed.
    pub exposed_since: BTreeMap<(RolloutNumber, ReleaseNumber), Time>,
    /// When each check last passed for a rollout.
    pub passed: BTreeMap<(CheckName, RolloutNumber), Time>,
    /// Looks as they were some time ago.
    pub stale_look: Option<(Time, PlatformLook)>,
    /// What is under way.
    pub under_way: BTreeMap<(Time, u64), Happening>,
    /// What is told.
    pub story: Story,
    /// Bugs planted outside the engine.
    pub planted: BTreeSet<Planted>,
    /// The end that is chosen for the controller.
    pub doom: Option<Doom>,
    /// Hooks that fail, or whose undo does.
    pub failing: BTreeSet<(Name, bool)>,
    /// What is stuck for good, and from when on.
    pub stuck: Option<(Stuck, Time)>,
    sequence: u64,
    task: u64,
    wakes: BTreeSet<(Time, u64)>,
}

/// Bugs that are planted in targets and stores, not in the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Planted {
    /// Targets take every command, however old.
    NoFence,
    /// The store appends wherever its journal ends.
    UnconditionalAppend,
    /// A tag is not read back: it is believed, whatever stands beside it.
    TagNotReadBack,
}

/// What one service may be stuck with for good. Nobody else's landing waits for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stuck {
    /// Its drivers answer nothing: no command, no look, no question.
    Drivers,
    /// The store answers nothing that is about its journal.
    JournalSilent,
    /// The store can neither read nor write its journal, and says so at once.
    JournalFailing,
}

/// How a release behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Behaviour {
    /// Well.
    Good,
    /// Never ready.
    NeverReady,
    /// The platform gives it up.
    CrashLoop,
    /// Its evidence is bad from the first request.
    Bad,
    /// Its evidence turns bad so long after the first request.
    BadAfter(Span),
}

/// The instances of one release.
#[derive(Clone, Debug, Default)]
pub struct SimRelease {
    /// What the platform remembers of who said so.
    pub tag: Tag<u32>,
    /// How many instances there should be.
    pub wanted: u32,
    /// The instances by number.
    pub instances: BTreeMap<u32, Instance>,
    /// Whether one was ever ready since the release last had none.
    pub proven: bool,
    /// How often instances have crashed.
    pub crashes: u32,
}

/// One instance.
#[derive(Clone, Copy, Debug)]
pub struct Instance {
    /// When it is ready; never where none.
    pub ready_at: Option<Time>,
    /// Not ready until then, although it was.
    pub flaps_until: Time,
    /// Told to go; gone then.
    pub gone_at: Option<Time>,
    /// When a router last stopped sending to it.
    pub left_at: Option<Time>,
    /// How long its open work takes once nothing new comes.
    pub tail: Span,
    /// Whether only a command that strayed wanted it.
    pub strayed: bool,
}

impl Instance {
    /// Whether it is ready.
    pub fn ready(&self, now: Time) -> bool {
        self.gone_at.is_none() && self.flaps_until <= now && self.ready_at.is_some_and(|at| at <= now)
    }
}

/// One router.
#[derive(Clone, Debug)]
pub struct Member {
    /// Its name.
    pub name: String,
    /// What it remembers of who said so.
    pub tag: Tag<Table>,
    /// Its table.
    pub table: Table,
    /// It says nothing and takes nothing until then.
    pub silent_until: Time,
}

/// A flag.
#[derive(Clone, Debug)]
pub struct SimFlag {
    /// What it stands at.
    pub setting: FlagSetting,
    /// Whether a person killed it.
    pub killed: bool,
    /// What it remembers of who said so.
    pub tag: Tag<FlagSetting>,
}

/// A migration.
#[derive(Clone, Debug, Default)]
pub struct SimMigration {
    /// The phases it came through, in order.
    pub phases: Vec<Phase>,
    /// What it remembers of who said so.
    pub tag: Tag<Phase>,
}

/// Something under way.
#[derive(Clone, Debug)]
pub enum Happening {
    /// A command comes to its next moment.
    Command(Errand),
    /// An instance is gone.
    Gone(ReleaseNumber, u32),
    /// An instance becomes ready.
    Ready(ReleaseNumber),
}

impl Stuck {
    /// As shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Drivers => "its drivers answer nothing",
            Self::JournalSilent => "the store answers nothing about it",
            Self::JournalFailing => "the store cannot keep its journal",
        }
    }
}

impl World {
    /// An empty world.
    pub fn new(random: Random, facts: Facts, faults_until: Time, fault_permille: u64) -> Self {
        Self {
            service: String::new(),
            now: Time(0),
            random,
            faults: FaultCount::default(),
            fault_permille,
            faults_until,
            checker: Checker::default(),
            releases: BTreeMap::new(),
            behaviours: BTreeMap::new(),
            members: Vec::new(),
            facts,
            platform_silent_until: Time(0),
            troubled: false,
            autoscaled: None,
            flags: BTreeMap::new(),
            migrations: BTreeMap::new(),
            hooks: BTreeMap::new(),
            called: Position(0),
            evidence_absent_until: Time(0),
            exposed_since: BTreeMap::new(),
            passed: BTreeMap::new(),
            stale_look: None,
            under_way: BTreeMap::new(),
            story: Story::default(),
            planted: BTreeSet::new(),
            doom: None,
            failing: BTreeSet::new(),
            stuck: None,
            sequence: 0,
            task: 0,
            wakes: BTreeSet::new(),
        }
    }

    /// Whether things still go wrong.
    pub fn faulty(&self) -> bool {
        self.now < self.faults_until
    }

    /// Whether this call goes wrong in that way; counted if so.
    pub fn strikes(&mut self, fault: Fault, permille: u64) -> bool {
        let hit = self.faulty() && self.random.permille(permille);
        if hit {
            self.inject(fault);
        }
        hit
    }

    /// A fault happens.
    pub fn inject(&mut self, fault: Fault) {
        self.faults.add(fault);
        self.tell(Teller::Fault, || fault.as_str().to_owned());
    }

    /// A line of the story, if somebody listens.
    pub fn tell(&self, by: Teller, words: impl FnOnce() -> String) {
        self.story.tell(|| Told { at: self.now, service: self.service.clone(), by, words: words() });
    }

    fn is_stuck(&self, with: Stuck) -> bool {
        self.stuck.is_some_and(|(stuck, from)| stuck == with && self.now >= from)
    }

    /// Whether its drivers answer nothing any more.
    pub fn are_drivers_stuck(&self) -> bool {
        self.is_stuck(Stuck::Drivers)
    }

    /// Whether the store answers nothing about its journal any more.
    pub fn is_journal_silent(&self) -> bool {
        self.is_stuck(Stuck::JournalSilent)
    }

    /// Whether the store can neither read nor write its journal any more.
    pub fn is_journal_failing(&self) -> bool {
        self.is_stuck(Stuck::JournalFailing)
    }

    /// Something will happen.
    pub fn schedule(&mut self, at: Time, what: Happening) {
        self.sequence += 1;
        self.under_way.insert((at, self.sequence), what);
    }

    /// From now on this task is polled.
    pub fn enter_task(&mut self, task: u64) {
        self.task = task;
    }

    /// The task that is polled wants to be polled again then.
    pub fn wake_task_at(&mut self, at: Time) {
        self.wakes.insert((at, self.task));
    }

    /// When the next task wants to be polled.
    pub fn next_wake(&self) -> Option<Time> {
        self.wakes.first().map(|(at, _)| *at)
    }

    /// A task that wants to be polled by now.
    pub fn pop_wake(&mut self) -> Option<u64> {
        let (at, task) = self.wakes.first().copied()?;
        if at > self.now {
            return None;
        }
        self.wakes.remove(&(at, task));
        Some(task)
    }

    /// Everything that is due by now happens.
    pub fn happen(&mut self) {
        while let Some(entry) = self.under_way.first_entry() {
            if entry.key().0 > self.now {
                return;
            }
            let what = entry.remove();
            match what {
                Happening::Command(errand) => self.take(errand),
                Happening::Gone(release, number) => self.instance_gone(release, number),
                Happening::Ready(release) => self.instance_ready(release),
            }
        }
    }
}
