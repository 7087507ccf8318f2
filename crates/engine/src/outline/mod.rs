//! What a plan will come to, for people to read before it starts: every step in words, who is exposed,
//! how long it takes, how many instances run, and the way back from each step.

mod duration;
mod look;
mod table;
mod title;

pub use duration::Duration;
pub use look::broken;
pub use title::title;

use crate::compile::foretell;
use crate::facts::Facts;
use crate::unwind::{Started, unwind};
use model::intent::Match;
use model::plan::{Capacity, StepNumber, Verb};
use model::standing::ClosingWork;
use model::strategy::StrategyName;
use model::{Plan, ReleaseNumber, Share, Span, Standing, Watch};
use std::collections::BTreeMap;

/// A plan as people read it. `Display` makes a table of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Outline {
    /// What it was compiled by.
    pub strategy: StrategyName,
    /// The release that is landed.
    pub candidate: ReleaseNumber,
    /// The release that serves now.
    pub stable: Option<ReleaseNumber>,
    /// The release that serves in the end, if no decision says otherwise.
    pub kept: ReleaseNumber,
    /// Every step.
    pub steps: Vec<StepOutline>,
    /// The ways back, each once.
    pub backs: Vec<BackOutline>,
    /// What is asked all the while.
    pub watches: Vec<Watch>,
    /// How long the landing takes, whatever is decided on the way.
    pub takes: Duration,
    /// The most instances, of all releases together.
    pub peak_instances: u32,
    /// Whether the platform counts instances; otherwise a release is there or not.
    pub counted: bool,
    /// What follows, in words.
    pub afterwards: Vec<String>,
}

/// One step as people read it.
#[derive(Clone, Debug, PartialEq)]
pub struct StepOutline {
    /// Its number in the plan, from zero; people count from one.
    pub number: StepNumber,
    /// What is done.
    pub title: String,
    /// Done only where a decision kept this release.
    pub only_if: Option<ReleaseNumber>,
    /// Who may meet the new while the step is done.
    pub exposure: Exposure,
    /// How long it takes.
    pub takes: Duration,
    /// How many instances each release has then.
    pub running: BTreeMap<ReleaseNumber, u32>,
    /// The most instances so far, of all releases together.
    pub peak_instances: u32,
    /// Which of the ways back leads back from here.
    pub back: usize,
}

/// Who may meet what is not stable.
#[derive(Clone, Debug, PartialEq)]
pub struct Exposure {
    /// The share of users; without traffic, of the working instances.
    pub share: Share,
    /// Those who meet it whatever the share: they are not in the share.
    pub cohorts: Vec<Match>,
    /// The share of requests that are copied to it: nobody sees the answers.
    pub copies: Share,
    /// Nobody is served at all.
    pub held: bool,
}

impl StepOutline {
    /// The letter of the way back that leads back from here, as the table shows it.
    pub fn back_letter(&self) -> String {
        table::letter(self.back)
    }
}

/// A way back.
#[derive(Clone, Debug, PartialEq)]
pub struct BackOutline {
    /// What is done, or why there is no way.
    pub steps: Result<Vec<String>, String>,
    /// How long it takes.
    pub takes: Duration,
}

/// The outline of a plan.
pub fn outline(plan: &Plan, facts: &Facts) -> Outline {
    let mut walk = Walk {
        plan,
        facts,
        trunk: Path { standing: plan.before.clone(), started: Vec::new(), takes: Duration::default(), peak: 0 },
        branches: BTreeMap::new(),
        backs: Vec::new(),
    };
    let steps: Vec<StepOutline> = (0..plan.steps.len()).map(|index| walk.step(index)).collect();
    Outline {
        strategy: plan.strategy,
        candidate: plan.candidate,
        stable: plan.stable(),
        kept: plan.kept,
        peak_instances: steps.iter().map(|step| step.peak_instances).max().unwrap_or_default(),
        takes: walk.takes(),
        backs: walk.backs,
        steps,
        watches: plan.watches.clone(),
        counted: facts.platform.counted,
        afterwards: afterwards(plan, facts.platform.counted),
    }
}

/// How far the foretelling has come, on the trunk or in one branch of a decision.
#[derive(Clone)]
struct Path {
    standing: Standing,
    started: Vec<StepNumber>,
    takes: Duration,
    peak: u32,
}

struct Walk<'a> {
    plan: &'a Plan,
    facts: &'a Facts,
    trunk: Path,
    branches: BTreeMap<ReleaseNumber, Path>,
    backs: Vec<BackOutline>,
}

impl Walk<'_> {
    fn step(&mut self, index: usize) -> StepOutline {
        let plan = self.plan;
        let step = &plan.steps[index];
        // Bounded by STEPS_MAX.
        let number = StepNumber(index as u16);
        let path = match step.only_if {
            None => &mut self.trunk,
            Some(kept) => self.branches.entry(kept).or_insert_with(|| self.trunk.clone()),
        };
        let title = title(&step.verb, &path.standing, self.facts.platform.counted) + &baseline(plan, &step.verb);
        let takes = Duration::of(step);
        foretell(&mut path.standing, plan.stable(), &step.verb);
        path.started.push(number);
        path.takes = path.takes + takes;
        path.peak = path.peak.max(path.standing.capacity.values().sum());
        let path = path.clone();
        StepOutline {
            number,
            title,
            only_if: step.only_if,
            exposure: exposure(plan, &path.standing),
            takes,
            running: path.standing.capacity.clone(),
            peak_instances: path.peak,
            back: self.back(&path),
        }
    }

    /// The way back from here, by its place in the list.
    fn back(&mut self, path: &Path) -> usize {
        let started = Started { steps: &path.started, standing: &path.standing, undone: &[] };
        let back = match unwind(self.plan, &started, self.facts) {
            Ok(back) => BackOutline {
                takes: back.steps.iter().map(Duration::of).fold(Duration::default(), |sum, one| sum + one),
                steps: Ok(self.titles(&back)),
            },
            Err(why) => BackOutline { steps: Err(why.to_string()), takes: Duration::default() },
        };
        if let Some(index) = self.backs.iter().position(|known| known.steps == back.steps) {
            return index;
        }
        self.backs.push(back);
        self.backs.len() - 1
    }

    fn titles(&self, back: &Plan) -> Vec<String> {
        let mut standing = back.before.clone();
        let mut titles = Vec::new();
        for step in &back.steps {
            titles.push(title(&step.verb, &standing, self.facts.platform.counted));
            foretell(&mut standing, self.plan.stable(), &step.verb);
        }
        titles
    }

    /// From the shortest branch to the longest.
    fn takes(&self) -> Duration {
        let ends = self.branches.values().map(|path| path.takes);
        ends.reduce(Duration::or).unwrap_or(self.trunk.takes)
    }
}

/// Going forward, stable gets more instances only to be compared with.
fn baseline(plan: &Plan, verb: &Verb) -> String {
    match verb {
        Verb::Start { release, capacity: Capacity::Count(count), .. } if Some(*release) == plan.stable() => {
            match count.saturating_sub(plan.before.capacity(*release)) {
                0 => String::new(),
                fresh => format!(": {fresh} fresh to compare with"),
            }
        }
        _ => String::new(),
    }
}

fn exposure(plan: &Plan, standing: &Standing) -> Exposure {
    let intent = &standing.intent;
    if !plan.policy.routed {
        return Exposure { share: at_work(plan, standing), cohorts: Vec::new(), copies: Share::NONE, held: false };
    }
    let others = intent.lanes().iter().filter(|lane| Some(lane.release) != plan.stable());
    let mut seen =
        Exposure { share: Share::NONE, cohorts: Vec::new(), copies: Share::NONE, held: intent.hold().is_some() };
    for lane in others {
        seen.share = seen.share.plus(lane.share);
        seen.copies = seen.copies.plus(lane.mirror);
        seen.cohorts.extend(lane.matches.iter().cloned());
    }
    if seen.held {
        seen.share = Share::NONE;
    }
    seen
}

/// The share of instances at work that are not stable's.
fn at_work(plan: &Plan, standing: &Standing) -> Share {
    let all: u32 = standing.capacity.keys().map(|release| standing.admitted(*release)).sum();
    let stable = plan.stable().map_or(0, |stable| standing.admitted(stable));
    if all == 0 { Share::NONE } else { Share::of(all - stable, all) }
}

/// What follows the landing, in words, in the order in which it comes.
fn afterwards(plan: &Plan, counted: bool) -> Vec<String> {
    let window = plan.policy.rollback_window;
    let mut lines: Vec<String> = plan.closings.iter().map(|work| closing(plan, work, counted)).collect();
    let lands = plan.kept == plan.candidate && plan.stable().is_some();
    let warm = plan.closings.iter().any(|work| match work {
        ClosingWork::Retire(release) => Some(*release) == plan.stable(),
        ClosingWork::Shrink { .. } | ClosingWork::Contract { .. } => false,
    });
    if lands && !warm {
        lines.push("nothing stays warm: a return would start the old release first".into());
    }
    if lands && warm && window > Span::ZERO && plan.steps.iter().any(|step| step.only_if.is_some()) {
        let stable = plan.stable().map(|stable| stable.to_string()).unwrap_or_default();
        lines.push(format!("where {stable} is kept, nothing of this follows"));
    }
    lines
}

fn closing(plan: &Plan, work: &ClosingWork, counted: bool) -> String {
    let window = plan.policy.rollback_window;
    match work {
        ClosingWork::Retire(release) if Some(*release) == plan.stable() => {
            let full = plan.before.capacity(*release);
            let count = plan.policy.warm_capacity.unwrap_or(full);
            let back = if count < full { "a return starts the rest first" } else { "one Route leads back" };
            let with = if counted { format!(" with {}", title::instances(count)) } else { String::new() };
            format!("{release} stays warm for {window}{with} ({back}), then goes")
        }
        ClosingWork::Retire(release) => format!("{release}, warm from an earlier landing, goes at once"),
        ClosingWork::Shrink { release, keep } => format!("{release} shrinks to {}", title::instances(*keep)),
        ClosingWork::Contract { migration, old: Some(old) } => format!(
            "migration {migration} is contracted after {window}, once no instance up to {old} lives: no way back past that"
        ),
        ClosingWork::Contract { migration, old: None } => {
            format!("migration {migration} is contracted after {window}: no release before needs the old shape")
        }
    }
}
