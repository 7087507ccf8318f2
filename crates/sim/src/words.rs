//! Entries, commands and inputs in words, as a story tells them: steps are numbered from one and named
//! as `plan` shows them, times are durations.

use engine::command::{Act, Command, Table};
use engine::journal::entry::{Ask, Cause, Ending, Entry, Input};
use engine::journal::state::{Rollout, State};
use engine::outline::title;
use model::intent::Hold;
use model::plan::{FlagSetting, Phase, StepNumber};
use model::standing::ClosingWork;
use model::{Span, Time, Verdict};

/// What the step that begins with this entry is called by `plan`; none where no step begins.
pub fn step_title(entry: &Entry, before: &State, counted: bool) -> Option<String> {
    let Entry::Began { step, .. } = entry else { return None };
    let rollout = before.rollout.as_deref()?;
    let plan = rollout.back.as_ref().map_or(&rollout.plan, |back| &back.plan);
    Some(title(&plan.step(*step)?.verb, &before.standing, counted))
}

/// An entry, written at this moment. `doing` is the title of the step that is under way, or begins.
pub fn entry_words(entry: &Entry, before: &State, at: Time, doing: &str) -> String {
    let step = |number: &StepNumber| step_words(*number, before.rollout.as_deref());
    match entry {
        Entry::Asked { input } => format!("granted: {}", input_words(input)),
        Entry::Accepted { rollout, plan, .. } => {
            let (strategy, steps) = (plan.strategy.as_str(), plan.steps.len());
            format!("rollout {rollout} is accepted: {} by {strategy}, in {steps} steps", plan.candidate)
        }
        Entry::Refused { release, reasons } => format!("no plan for {release}: {}", reasons.join("; ")),
        Entry::Began { step: number, attempt, .. } => {
            let again = if *attempt > 1 { format!(", attempt {attempt}") } else { String::new() };
            format!("{} begins{again}: {doing}", step(number))
        }
        Entry::Done { step: number, note, verdicts, .. } => {
            let verdicts = verdicts.iter().map(|judged| format!("{} {}", judged.check, verdict_word(judged.verdict)));
            let because: Vec<String> = (!note.is_empty()).then(|| note.clone()).into_iter().chain(verdicts).collect();
            with_reason(&format!("{} is done ({doing})", step(number)), &because.join(", "))
        }
        Entry::Failed { step: number, why, .. } => with_reason(&format!("{} failed ({doing})", step(number)), why),
        Entry::Undecided { step: number, why, until, .. } => {
            let wait = until.since(before.elapsed(at));
            with_reason(&format!("{} is undecided for {wait} at most ({doing})", step(number)), why)
        }
        Entry::Unwinding { cause, back } => {
            format!("goes around in {} steps: {}", back.steps.len(), cause_words(cause))
        }
        Entry::Halted { why } => with_reason("halts", why),
        Entry::Ended { ending, .. } => format!("the rollout has ended: {}", ending_words(ending)),
        Entry::Restored { release, count, why } => {
            with_reason(&format!("{release} is brought back to {count} instances"), why)
        }
        Entry::ClosingBegan { work } => format!("closing begins: {}", closing_words(work)),
        Entry::ClosingStopped { work } => format!("closing, drained: {}", closing_words(work)),
        Entry::ClosingDone { work } => format!("closing is done: {}", closing_words(work)),
        Entry::ClosingFailed { work, why } => with_reason(&format!("closing is put off: {}", closing_words(work)), why),
        Entry::ClockJumped { by_ms, behind_ms: 0 } => format!("the clock jumped forward by {}", Span(*by_ms)),
        Entry::ClockJumped { by_ms, behind_ms } => {
            format!("the clock jumped forward by {}, and is {} behind now", Span(*by_ms), Span(*behind_ms))
        }
    }
}

fn with_reason(what: &str, why: &str) -> String {
    if why.is_empty() { what.to_owned() } else { format!("{what}: {why}") }
}

fn step_words(step: StepNumber, rollout: Option<&Rollout>) -> String {
    let back = rollout.is_some_and(|rollout| rollout.back.is_some());
    // People count from one.
    let number = step.0 + 1;
    if back { format!("way back, step {number}") } else { format!("step {number}") }
}

fn verdict_word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "passed",
        Verdict::Fail => "failed",
        Verdict::Undecided => "is undecided",
    }
}

fn cause_words(cause: &Cause) -> String {
    match cause {
        Cause::Check(judged) => format!("check {} {}", judged.check, verdict_word(judged.verdict)),
        Cause::StepFailed { step, why } => with_reason(&format!("step {} failed", step.0 + 1), why),
        Cause::Undecided { step, why } => with_reason(&format!("step {} stayed undecided", step.0 + 1), why),
        Cause::NotReady { release } => format!("{release} is not ready for its traffic"),
        Cause::Asked { by } => format!("{} said so", by.who),
        Cause::Superseded { by } => format!("{by} is to land instead"),
        Cause::Again => "a person wants a fresh way back".into(),
    }
}

/// How a rollout ended.
pub fn ending_words(ending: &Ending) -> String {
    match ending {
        Ending::Completed { kept } => format!("completed, {kept} serves"),
        Ending::RolledBack => "rolled back".into(),
        Ending::Halted => "halted, and a person accepted what was there".into(),
    }
}

fn closing_words(work: &ClosingWork) -> String {
    match work {
        ClosingWork::Retire(release) => format!("{release} is drained and stopped"),
        ClosingWork::Shrink { release, keep } => format!("{release} goes down to {keep} instances"),
        ClosingWork::Contract { migration, old: Some(old) } => {
            format!("migration {migration} is contracted, nobody needs {old} any more")
        }
        ClosingWork::Contract { migration, old: None } => format!("migration {migration} is contracted"),
    }
}

/// What a person asks for.
pub fn input_words(input: &Input) -> String {
    let ask = match &input.ask {
        Ask::Deploy { release } => {
            format!("deploy {} by {}", release.number, release.service.strategy.name().as_str())
        }
        Ask::Rollback { to } => format!("return to {to}"),
        Ask::Scale { count } => format!("scale to {count} instances"),
        Ask::Pause => "pause".into(),
        Ask::Resume => "resume".into(),
        Ask::Promote => "promote".into(),
        Ask::Skip => "skip".into(),
        Ask::Abort => "abort".into(),
        Ask::Retry => "retry".into(),
        Ask::Unwind => "unwind".into(),
        Ask::Accept { .. } => "accept what is there".into(),
        Ask::Approve => "approve".into(),
        Ask::Refuse => "refuse".into(),
        Ask::Decide { keep } => format!("keep {keep}"),
    };
    format!("{} says: {ask}", input.by.who)
}

/// A command, with the entry that caused it.
pub fn command_words(command: &Command, member: &str) -> String {
    format!("{} (of entry {})", act_words(&command.act, member), command.generation)
}

fn act_words(act: &Act, member: &str) -> String {
    match act {
        Act::Scale { release, count } => format!("{release}: have {count} instances"),
        Act::Table(table) => format!("{member}: {}", table_words(table)),
        Act::Call { hook, undo: false, .. } => format!("call hook {}", hook.name),
        Act::Call { hook, undo: true, .. } => format!("take back hook {}", hook.name),
        Act::Migrate { migration, phase } => format!("{} migration {migration}", phase_word(*phase)),
        Act::Flag { flag, to, only_from } => {
            let guard = only_from.as_ref().map(|from| format!(", if it stands at {}", flag_words(from)));
            format!("set flag {flag} to {}{}", flag_words(to), guard.unwrap_or_default())
        }
    }
}

/// A flag's setting.
pub fn flag_words(setting: &FlagSetting) -> String {
    format!("{} for {}", setting.variant, setting.share)
}

/// A migration's phase, as a verb.
pub fn phase_word(phase: Phase) -> &'static str {
    match phase {
        Phase::Expand => "expand",
        Phase::Backfill => "backfill",
        Phase::Verify => "verify",
        Phase::Contract => "contract",
        Phase::Abort => "abort",
    }
}

/// A table.
pub fn table_words(table: &Table) -> String {
    let lane = |lane: &model::Lane| format!("{} to {}", lane.share, lane.release);
    let mut words: Vec<String> = table.intent.lanes().iter().map(lane).collect();
    words.extend(table.intent.hold().map(|hold| match hold {
        Hold::Maintenance => "all requests held by the maintenance page".to_owned(),
        Hold::Parking => "all requests wait in line".to_owned(),
    }));
    words.extend(table.drained_from.iter().map(|(release, from)| match from {
        0 => format!("{release} drains"),
        from => format!("{release} drains down to {from} instances"),
    }));
    if words.is_empty() { "nothing".into() } else { words.join(", ") }
}
