//! What becomes of closings: begun, drained, over, put off, or called off.

use super::fold::forget_gone;
use super::state::{ClosingRun, State};
use crate::effect;
use model::plan::Verb;
use model::standing::{Closing, ClosingWork, Contracted};
use model::{ReleaseNumber, Span};

/// How long a closing that failed is put off. Who was told has time to see to it, and a target that
/// says no is left alone.
pub const CLOSING_PAUSE: Span = Span::hours(1);

/// Its first effect is wanted: no new work for what goes, or no way back past a contraction.
pub(super) fn began(state: &mut State, work: &ClosingWork) -> Result<(), &'static str> {
    if state.closing.is_some() {
        return Err("another closing goes on");
    }
    if !state.standing.closings.iter().any(|closing| closing.work == *work) {
        return Err("no such closing is due");
    }
    match work {
        ClosingWork::Retire(release) => {
            state.standing.intent = effect::without(&state.standing.intent, *release);
            if state.standing.capacity(*release) > 0 {
                state.standing.drained_from.insert(*release, 0);
            }
            state.generations.table = state.position;
            if state.standing.warm.is_some_and(|warm| warm.release == *release) {
                state.standing.warm = None;
            }
        }
        ClosingWork::Shrink { release, keep } => {
            if *keep < state.standing.capacity(*release) {
                state.standing.drained_from.insert(*release, *keep);
                state.generations.table = state.position;
            }
        }
        ClosingWork::Contract { migration, old } => {
            let contracted = Contracted { migration: migration.clone(), old: *old };
            // It may have begun before, and failed.
            if !state.standing.contracted.contains(&contracted) {
                state.standing.contracted.push(contracted);
            }
        }
    }
    let since = state.elapsed(state.at);
    state.closing = Some(ClosingRun { work: work.clone(), since, generation: state.position, stopping: false });
    Ok(())
}

/// What goes has been drained, and is not wanted any more.
pub(super) fn stopped(state: &mut State, work: &ClosingWork) -> Result<(), &'static str> {
    let since = state.elapsed(state.at);
    let run = state.closing.as_mut().filter(|run| run.work == *work && !run.stopping);
    let run = run.ok_or("that closing is not draining")?;
    run.stopping = true;
    run.since = since;
    let (release, keep) = match work {
        ClosingWork::Retire(release) => (release, 0),
        ClosingWork::Shrink { release, keep } => (release, *keep),
        ClosingWork::Contract { .. } => return Err("a contraction stops nothing"),
    };
    // A rollout may have taken more of it away meanwhile.
    let keep = keep.min(state.standing.capacity(*release));
    state.standing.set_capacity(*release, keep);
    state.generations.capacity.insert(*release, state.position);
    if keep == 0 {
        state.generations.table = state.position;
    }
    forget_gone(state);
    Ok(())
}

/// It is over.
pub(super) fn done(state: &mut State, work: &ClosingWork) -> Result<(), &'static str> {
    end(state, work)?;
    state.standing.closings.retain(|closing| closing.work != *work);
    if let ClosingWork::Shrink { release, .. } = work
        && state.standing.forget_drained(*release)
    {
        state.generations.table = state.position;
    }
    Ok(())
}

/// It is begun anew after a pause; meanwhile the others have their turn.
pub(super) fn failed(state: &mut State, work: &ClosingWork) -> Result<(), &'static str> {
    end(state, work)?;
    let due = state.elapsed(state.at) + CLOSING_PAUSE;
    state.standing.closings.iter_mut().filter(|closing| closing.work == *work).for_each(|closing| closing.due = due);
    Ok(())
}

fn end(state: &mut State, work: &ClosingWork) -> Result<(), &'static str> {
    state.closing.take_if(|run| run.work == *work).map(|_| ()).ok_or("that closing has not begun")
}

/// More instances start at once; fewer are drained first, which is a closing's work.
pub(super) fn scale(state: &mut State, release: ReleaseNumber, count: u32) {
    call_off(state, |work| matches!(work, ClosingWork::Shrink { release: other, .. } if *other == release));
    if state.standing.drained_from.remove(&release).is_some() {
        state.generations.table = state.position;
    }
    if count < state.standing.capacity(release) {
        let due = state.elapsed(state.at);
        state.standing.closings.insert(0, Closing { due, work: ClosingWork::Shrink { release, keep: count } });
    } else {
        state.standing.set_capacity(release, count);
        state.generations.capacity.insert(release, state.position);
    }
}

/// Closings that have lost their reason, begun or not.
fn call_off(state: &mut State, lapsed: impl Fn(&ClosingWork) -> bool) {
    state.standing.closings.retain(|closing| !lapsed(&closing.work));
    if state.closing.as_ref().is_some_and(|run| lapsed(&run.work)) {
        state.closing = None;
    }
}

/// What a plan starts must not be stopped by a closing that began before: the plan takes it over.
pub(super) fn call_off_retirements(state: &mut State, plan: &model::Plan) {
    for step in &plan.steps {
        if let Verb::Start { release: started, .. } = &step.verb {
            call_off(state, |work| takes_away(work, *started));
        }
    }
}

/// A release is started anew, and its drain is lifted: what had begun to take it away begins again.
pub(super) fn lift(state: &mut State, started: ReleaseNumber) {
    state.closing.take_if(|run| takes_away(&run.work, started));
}

fn takes_away(work: &ClosingWork, started: ReleaseNumber) -> bool {
    match work {
        ClosingWork::Retire(release) | ClosingWork::Shrink { release, .. } => *release == started,
        ClosingWork::Contract { .. } => false,
    }
}
