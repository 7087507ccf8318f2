//! The journal in sentences.

use super::paint::Paint;
use engine::compile::foretell;
use engine::journal::entry::{Ask, Cause, Ending, Entry};
use engine::outline::title;
use model::plan::{Plan, StepNumber};
use model::standing::ClosingWork;
use model::{ReleaseNumber, Span, Verdict};
use std::sync::Arc;

/// What kind of news a line is.
#[derive(Clone, Copy)]
pub(super) enum Mood {
    Plain,
    Good,
    Bad,
    Open,
}

/// One thing that was written.
pub(super) struct Line {
    pub(super) mood: Mood,
    pub(super) text: String,
}

impl Line {
    /// A mark that says the mood, also without colours.
    pub(super) fn mark(&self, paint: Paint) -> String {
        match self.mood {
            Mood::Plain => paint.dim("·"),
            Mood::Good => paint.good("✓"),
            Mood::Bad => paint.bad("✗"),
            Mood::Open => paint.open("?"),
        }
    }
}

/// A time of the simulated world.
pub(super) fn clock(since: Span) -> String {
    format!("{:>5.1} s", since.0 as f64 / 1_000.0)
}

/// A verdict in a word.
pub(super) fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "pass",
        Verdict::Fail => "fail",
        Verdict::Undecided => "undecided",
    }
}

/// Tells what is written, entry by entry.
#[derive(Default)]
pub(super) struct Narrator {
    /// The plan whose steps the next entries are about.
    plan: Option<Arc<Plan>>,
    stable: Option<ReleaseNumber>,
}

impl Narrator {
    /// An entry as a sentence; none where the next one says it better.
    pub(super) fn line(&mut self, entry: &Entry) -> Option<Line> {
        match entry {
            Entry::Accepted { plan, .. } => {
                self.plan = Some(Arc::clone(plan));
                self.stable = plan.stable();
            }
            Entry::Unwinding { back, .. } => self.plan = Some(Arc::clone(back)),
            Entry::Done { step, verdicts, .. } => {
                let done = step_title(self.plan.as_deref()?, *step, self.stable);
                let verdicts: Vec<String> =
                    verdicts.iter().map(|one| format!("{}: {}", one.check, word(one.verdict))).collect();
                let rests = if verdicts.is_empty() { String::new() } else { format!(" ({})", verdicts.join(", ")) };
                return Some(Line { mood: Mood::Good, text: format!("{done}{rests}") });
            }
            _ => {}
        }
        line(entry)
    }
}

/// A step in words, said from what stands when its turn comes.
pub(super) fn step_title(plan: &Plan, number: StepNumber, stable: Option<ReleaseNumber>) -> String {
    let mut standing = plan.before.clone();
    for step in plan.steps.iter().take(usize::from(number.0)) {
        foretell(&mut standing, stable, &step.verb);
    }
    plan.step(number).map(|step| title(&step.verb, &standing, true)).unwrap_or_default()
}

fn line(entry: &Entry) -> Option<Line> {
    let (mood, text) = match entry {
        Entry::Asked { input } => match &input.ask {
            Ask::Deploy { release } => {
                let version = &release.service.run.version;
                (Mood::Plain, format!("{} deploys {}, version {version}", input.by.who, release.number))
            }
            _ => return None,
        },
        Entry::Accepted { rollout, plan, .. } => {
            let (steps, watches) = (count(plan.steps.len(), "step"), plan.watches.len());
            let watched = if watches == 0 { String::new() } else { format!(", {} over them", count(watches, "watch")) };
            (Mood::Plain, format!("rollout {rollout} is accepted: {} in {steps}{watched}", plan.strategy.as_str()))
        }
        Entry::Refused { reasons, .. } => (Mood::Bad, format!("there is no plan: {}", reasons.join("; "))),
        Entry::Failed { why, .. } => (Mood::Bad, format!("failed: {why}")),
        Entry::Undecided { why, .. } => (Mood::Open, format!("undecided: {why}")),
        Entry::Unwinding { cause, .. } => (Mood::Bad, format!("{}: going around", reason(cause))),
        Entry::Halted { why } => (Mood::Bad, format!("halted: {why}")),
        Entry::Ended { ending, standing } => match (ending, standing.release) {
            (Ending::Completed { kept }, _) => (Mood::Good, format!("landed: {kept} serves")),
            (Ending::RolledBack, Some(serves)) => (Mood::Good, format!("gone around: {serves} serves, as before")),
            (Ending::RolledBack | Ending::Halted, _) => (Mood::Open, "it has ended".into()),
        },
        Entry::ClosingBegan { work } => (Mood::Plain, closing(work, "the rollback window is over: drain")),
        Entry::ClosingDone { work } => (Mood::Good, closing(work, "drained and stopped:")),
        Entry::ClosingFailed { work, why } => (Mood::Open, format!("{} ({why})", closing(work, "put off:"))),
        Entry::Done { .. }
        | Entry::Began { .. }
        | Entry::Restored { .. }
        | Entry::ClosingStopped { .. }
        | Entry::ClockJumped { .. } => {
            return None;
        }
    };
    Some(Line { mood, text })
}

fn count(number: usize, what: &str) -> String {
    match (number, what) {
        (1, _) => format!("1 {what}"),
        (_, "watch") => format!("{number} watches"),
        _ => format!("{number} {what}s"),
    }
}

fn reason(cause: &Cause) -> String {
    match cause {
        Cause::Check(judgement) => format!("{} failed", judgement.check),
        Cause::StepFailed { why, .. } => format!("a step failed ({why})"),
        Cause::Undecided { why, .. } => format!("nobody could say ({why})"),
        Cause::NotReady { release } => format!("{release} is not ready"),
        Cause::Asked { by } => format!("{} asked for it", by.who),
        Cause::Superseded { by } => format!("{by} is newer"),
        Cause::Again => "once more".into(),
    }
}

fn closing(work: &ClosingWork, words: &str) -> String {
    match work {
        ClosingWork::Retire(release) => format!("{words} {release}"),
        ClosingWork::Shrink { release, keep } => format!("{words} {release} down to {keep}"),
        ClosingWork::Contract { migration, .. } => format!("{words} migration {migration}"),
    }
}

/// A plan's name in one line.
pub(super) fn heading(plan: &Plan) -> String {
    match plan.stable() {
        Some(stable) => format!("{} from {stable} to {}", plan.strategy.as_str(), plan.candidate),
        None => format!("{}: {} is the first release", plan.strategy.as_str(), plan.candidate),
    }
}
