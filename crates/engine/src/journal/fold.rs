//! `fold(state, entry) -> state`: the only way a state comes about.

use super::closing;
use super::entry::{Ask, Ending, Entry, Input};
use super::state::{Back, Doing, HEARD_MAX, RELEASES_MAX, Rollout, State, Waiting};
use super::table::{Kind, Phase, may_follow};
use crate::command::Target;
use crate::effect;
use crate::journal::Cause;
use crate::planted::{self, Bug};
use crate::store::Position;
use model::plan::{StepNumber, Verb};
use model::standing::ClosingWork;
use model::{Name, ReleaseNumber, Span, Time};
use std::fmt;
use std::sync::Arc;

/// After so long without one, restorations are counted from the beginning again.
pub const RESTORE_CALM: Span = Span::minutes(10);

/// An entry that may not follow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Illegal {
    /// Where.
    pub position: Position,
    /// In which phase.
    pub phase: Phase,
    /// Which kind.
    pub kind: Kind,
    /// What exactly does not fit.
    pub why: &'static str,
}

impl fmt::Display for Illegal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "entry {} ({}) cannot follow while {}: {}",
            self.position,
            self.kind.as_str(),
            self.phase.as_str(),
            self.why
        )
    }
}

impl std::error::Error for Illegal {}

/// The state after one more entry, appended at this time.
pub fn fold(mut state: State, at: Time, entry: &Entry) -> Result<State, Illegal> {
    let (phase, kind) = (state.phase(), entry.kind());
    let position = state.position.next();
    let illegal = |why| Illegal { position, phase, kind, why };
    if !may_follow(phase, kind) {
        return Err(illegal("the table does not allow it"));
    }
    if at < state.at {
        return Err(illegal("it is earlier than the entry before it"));
    }
    state.position = position;
    state.at = at;
    match entry {
        Entry::Asked { input } => asked(&mut state, input).map_err(illegal)?,
        Entry::Accepted { rollout, plan, digest } => {
            state.waiting = None;
            state.rollouts = rollout.0;
            let since = state.elapsed(at);
            let mut fresh = Rollout {
                number: *rollout,
                accepted_at: at,
                // A copy has no room to spare, as one that was made or read has: plans are held for long.
                plan: Arc::new(model::Plan::clone(plan)),
                digest: digest.clone(),
                back: None,
                cursor: StepNumber(0),
                attempt: 0,
                since,
                doing: None,
                started: Vec::new(),
                chosen: None,
                paused: None,
                promoted: false,
                skipped: false,
                turn: None,
                approvals: Vec::new(),
                failed: None,
                unanswered: None,
                undone: Vec::new(),
                halted: None,
                accepted: None,
            };
            fresh.skip_unchosen();
            state.rollout = Some(Box::new(fresh));
            closing::call_off_retirements(&mut state, plan);
        }
        Entry::Refused { .. } => state.waiting = None,
        Entry::Began { step, attempt, count } => began(&mut state, *step, *attempt, *count).map_err(illegal)?,
        Entry::Done { step, attempt, .. } => done(&mut state, *step, *attempt).map_err(illegal)?,
        Entry::Failed { step, attempt, why } => {
            let since = state.elapsed(at);
            let rollout = current(&mut state, *step, *attempt).map_err(illegal)?;
            rollout.doing = None;
            rollout.since = since;
            rollout.failed = Some(why.clone());
        }
        Entry::Undecided { step, attempt, why, until } => {
            let until = state.elapsed(*until);
            let rollout = current(&mut state, *step, *attempt).map_err(illegal)?;
            if let Some(doing) = &mut rollout.doing {
                doing.undecided = Some((until, why.clone()));
            }
        }
        Entry::Unwinding { cause, back } => unwinding(&mut state, cause, back).map_err(illegal)?,
        Entry::Halted { why } => {
            let now = state.elapsed(at);
            let rollout = state.rollout.as_mut().ok_or("no rollout runs").map_err(illegal)?;
            rollout.halted = Some(why.clone());
            rollout.turn = None;
            rollout.give_up(now);
        }
        Entry::Ended { ending, standing } => {
            let number = state.rollout.take().ok_or("no rollout runs").map_err(illegal)?.number;
            let table = |standing: &model::Standing| (standing.intent.clone(), standing.drained_from.clone());
            if table(&state.standing) != table(standing) {
                state.generations.table = position;
            }
            state.standing = (**standing).clone();
            state.last = Some((number, ending.clone()));
            if *ending == Ending::Halted {
                accept_observed(&mut state);
            }
            // A closing that had begun before has waited meanwhile: its time is its own again.
            let now = state.elapsed(at);
            state.closing.iter_mut().for_each(|run| run.since = now);
            forget_gone(&mut state);
            forget_old_releases(&mut state);
        }
        Entry::Restored { release, count, .. } => {
            if state.standing.capacity(*release) != *count {
                return Err(illegal("the release should have another capacity"));
            }
            state.generations.capacity.insert(*release, position);
            let now = state.elapsed(at);
            let lately = state.restored.get(release).filter(|(last, _)| now.since(*last) < RESTORE_CALM);
            let times = lately.map_or(0, |(_, times)| *times);
            state.restored.insert(*release, (now, times.saturating_add(1)));
        }
        Entry::ClosingBegan { work } => closing::began(&mut state, work).map_err(illegal)?,
        Entry::ClosingStopped { work } => closing::stopped(&mut state, work).map_err(illegal)?,
        Entry::ClosingDone { work } => {
            closing::done(&mut state, work).map_err(illegal)?;
            forget_old_releases(&mut state);
        }
        Entry::ClosingFailed { work, .. } => closing::failed(&mut state, work).map_err(illegal)?,
        Entry::ClockJumped { by_ms, behind_ms } => {
            state.jumped = state.jumped + Span(*by_ms);
            state.behind = Span(*behind_ms);
        }
    }
    Ok(state)
}

fn asked(state: &mut State, input: &Input) -> Result<(), &'static str> {
    if state.heard.contains(&input.id) {
        return Err("it was heard before");
    }
    state.heard.push_back(input.id.clone());
    if state.heard.len() > HEARD_MAX {
        state.heard.pop_front();
    }
    match &input.ask {
        Ask::Deploy { release } => {
            // A copy has no room to spare, as one that was made or read has: releases are held for long.
            state.releases.insert(release.number, Arc::new(model::Release::clone(release)));
            state.waiting = Some(Waiting { release: release.number, returning: false });
            return Ok(());
        }
        Ask::Rollback { to } => {
            state.waiting = Some(Waiting { release: *to, returning: true });
            return Ok(());
        }
        Ask::Scale { count } => {
            let release = state.standing.release.ok_or("nothing serves")?;
            closing::scale(state, release, *count);
            return Ok(());
        }
        Ask::Pause
        | Ask::Resume
        | Ask::Promote
        | Ask::Skip
        | Ask::Abort
        | Ask::Retry
        | Ask::Unwind
        | Ask::Accept { .. }
        | Ask::Approve
        | Ask::Refuse
        | Ask::Decide { .. } => {}
    }
    let now = state.elapsed(state.at);
    let rollout = state.rollout.as_mut().ok_or("no rollout runs")?;
    asked_of_rollout(rollout, input, now);
    Ok(())
}

fn asked_of_rollout(rollout: &mut Rollout, input: &Input, now: Time) {
    match &input.ask {
        Ask::Deploy { .. } | Ask::Rollback { .. } | Ask::Scale { .. } => {}
        Ask::Pause => rollout.paused = Some(now),
        Ask::Resume => resume(rollout, now),
        Ask::Promote => {
            rollout.promoted = true;
            resume(rollout, now);
        }
        Ask::Skip => rollout.skipped = true,
        Ask::Abort | Ask::Refuse => rollout.turn = Some(Cause::Asked { by: input.by.clone() }),
        Ask::Retry => {
            rollout.give_up(now);
            // What it waits for before it begins has its whole time again.
            rollout.since = now;
            rollout.halted = None;
            rollout.failed = None;
            // What was accepted before is not what stands any more once this has begun: the later word counts.
            rollout.accepted = None;
            rollout.approvals.clear();
        }
        Ask::Unwind => rollout.turn = Some(Cause::Again),
        Ask::Accept { observed } => rollout.accepted = Some(observed.clone()),
        Ask::Approve => {
            if !rollout.approvals.contains(&input.by.who) {
                rollout.approvals.push(input.by.who.clone());
            }
        }
        Ask::Decide { keep } => rollout.chosen = Some(*keep),
    }
}

/// Deadlines do not count the time of a pause.
fn resume(rollout: &mut Rollout, now: Time) {
    let Some(paused) = rollout.paused.take() else { return };
    let pause = now.since(paused);
    rollout.since = rollout.since + pause;
    if let Some(doing) = &mut rollout.doing {
        // A step that began during the pause does not exist: nothing begins while paused.
        doing.since = doing.since + pause;
    }
}

/// The running rollout, if this is the attempt that goes on.
fn current(state: &mut State, step: StepNumber, attempt: u32) -> Result<&mut Rollout, &'static str> {
    let rollout = state.rollout.as_mut().ok_or("no rollout runs")?;
    if rollout.cursor != step {
        return Err("another step is current");
    }
    if rollout.attempt != attempt {
        return Err("another attempt is current");
    }
    Ok(rollout)
}

fn began(state: &mut State, step: StepNumber, attempt: u32, count: Option<u32>) -> Result<(), &'static str> {
    let (position, since) = (state.position, state.elapsed(state.at));
    let rollout = state.rollout.as_mut().ok_or("no rollout runs")?;
    if rollout.cursor != step || rollout.attempt + 1 != attempt {
        return Err("another step or attempt is next");
    }
    let verb = &rollout.step().ok_or("the plan has no such step")?.verb.clone();
    rollout.attempt = attempt;
    if Target::called_by(verb, position).is_some() {
        rollout.unanswered = None;
    }
    rollout.doing = Some(Doing { generation: position, since, count, undecided: None });
    if !planted::is(Bug::ApprovalSurvives) {
        rollout.approvals.clear();
    }
    rollout.skipped = false;
    if rollout.back.is_none() && rollout.started.last() != Some(&step) {
        rollout.started.push(step);
    }
    if effect::touches_table(&state.standing, verb) {
        state.generations.table = position;
    }
    effect::apply(&mut state.standing, verb, count);
    if let Verb::Start { release, .. } = verb {
        closing::lift(state, *release);
    }
    match verb {
        Verb::Start { release, .. } | Verb::Stop { release, .. } => {
            state.generations.capacity.insert(*release, position);
            state.restored.remove(release);
        }
        Verb::Route { .. }
        | Verb::Observe { .. }
        | Verb::Approve { .. }
        | Verb::Hook { .. }
        | Verb::Migrate { .. }
        | Verb::Flag { .. }
        | Verb::Drain { .. }
        | Verb::Notify { .. } => {}
    }
    forget_gone(state);
    Ok(())
}

fn done(state: &mut State, step: StepNumber, attempt: u32) -> Result<(), &'static str> {
    let since = state.elapsed(state.at);
    let rollout = current(state, step, attempt)?;
    let verb = rollout.step().map(|step| step.verb.clone());
    rollout.doing = None;
    rollout.failed = None;
    rollout.skipped = false;
    rollout.attempt = 0;
    rollout.since = since;
    if !planted::is(Bug::ApprovalSurvives) {
        rollout.approvals.clear();
    }
    rollout.cursor.0 += 1;
    rollout.skip_unchosen();
    let Some(verb) = verb else { return Ok(()) };
    if rollout.back.is_some() && matches!(verb, Verb::Hook { .. } | Verb::Migrate { .. } | Verb::Flag { .. }) {
        rollout.undone.push(verb.clone());
    }
    if let Verb::Start { release, .. } = &verb {
        state.proven.insert(*release);
    }
    if effect::finish(&mut state.standing, &verb) {
        state.generations.table = state.position;
    }
    Ok(())
}

fn unwinding(state: &mut State, cause: &Cause, back: &Arc<model::Plan>) -> Result<(), &'static str> {
    let since = state.elapsed(state.at);
    let rollout = state.rollout.as_mut().ok_or("no rollout runs")?;
    if rollout.halted.is_some() && rollout.turn.is_none() {
        return Err("nobody asked for a fresh way back");
    }
    rollout.give_up(since);
    rollout.back = Some(Back { cause: cause.clone(), plan: Arc::clone(back) });
    rollout.cursor = StepNumber(0);
    rollout.attempt = 0;
    rollout.since = since;
    rollout.turn = None;
    rollout.halted = None;
    rollout.failed = None;
    rollout.paused = None;
    rollout.promoted = false;
    rollout.skipped = false;
    rollout.approvals.clear();
    Ok(())
}

/// A release without instances has to prove itself again, and what it lost before is over.
pub(super) fn forget_gone(state: &mut State) {
    let standing = &state.standing;
    state.proven.retain(|release| standing.capacity(*release) > 0);
    state.restored.retain(|release, _| standing.capacity(*release) > 0);
}

/// What a person accepted is commanded anew, so that targets know it as the newest.
fn accept_observed(state: &mut State) {
    // Its drain is not part of what was observed: what had begun has to begin again.
    state.closing = state.closing.take().filter(|run| matches!(run.work, ClosingWork::Contract { .. }));
    state.generations.table = state.position;
    // What was not seen to run is not wanted any more: commands that are still under way must not win.
    for generation in state.generations.capacity.values_mut() {
        *generation = state.position;
    }
    for release in state.standing.capacity.keys() {
        state.generations.capacity.insert(*release, state.position);
        state.proven.insert(*release);
    }
}

/// Snapshots beyond the newest few are dropped, unless something still needs them.
/// How long its contraction may take is written with a migration, and nowhere else.
fn brings_what_is_not_contracted(state: &State, number: ReleaseNumber) -> bool {
    let database = state.release(number).and_then(|release| release.service.database.as_ref());
    let brings = |name: &Name| {
        database.is_some_and(|database| database.migrations.iter().any(|migration| migration.name == *name))
    };
    state.standing.closings.iter().any(|closing| match &closing.work {
        ClosingWork::Contract { migration, .. } => brings(migration),
        ClosingWork::Retire(_) | ClosingWork::Shrink { .. } => false,
    })
}

fn forget_old_releases(state: &mut State) {
    let excess = state.releases.len().saturating_sub(RELEASES_MAX);
    let needed = |number: &ReleaseNumber| {
        state.standing.capacity.contains_key(number)
            || state.standing.release == Some(*number)
            || state.waiting.is_some_and(|waiting| waiting.release == *number)
            || brings_what_is_not_contracted(state, *number)
    };
    let old: Vec<ReleaseNumber> =
        state.releases.keys().filter(|number| !needed(number)).take(excess).copied().collect();
    for number in old {
        state.releases.remove(&number);
        state.generations.capacity.remove(&number);
    }
}
