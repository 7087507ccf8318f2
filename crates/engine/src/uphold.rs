//! `uphold(standing, observations, now) -> Decision`: what keeps a service standing when no rollout
//! does, and beneath one what the plan does not own.

use crate::command::{Reply, Target};
use crate::decide::{Decision, SLEEP_MAX, commands};
use crate::facts::Facts;
use crate::journal::entry::Entry;
use crate::journal::state::{ClosingRun, State};
use crate::journal::{Phase, fold};
use crate::observe::Observations;
use crate::planted::{self, Bug};
use model::plan::Verb;
use model::standing::{Closing, ClosingWork};
use model::{ReleaseNumber, Span, Subject, Time};

/// After the first restoration of a release the next waits this long, then twice as long, and so on.
pub const RESTORE_PAUSE: Span = Span::seconds(15);
/// The longest wait between two restorations.
pub const RESTORE_PAUSE_MAX: Span = Span::minutes(5);
/// How long the open work of a retired release may take.
pub const RETIRE_DRAIN_MAX: Span = Span::minutes(5);
/// How long a retired release drains where nobody counts its open work.
pub const RETIRE_DRAIN_TIMED: Span = Span::seconds(30);
/// How long each part of a closing is tried where nobody says no for good: much longer than a migration's
/// command may take, or a drain.
pub const CLOSING_PATIENCE: Span = Span::hours(1);

/// What is done to keep the service as it should be.
pub fn uphold(state: &State, subject: &Subject, seen: &Observations, facts: &Facts, now: Time) -> Decision {
    let now = now.max(state.at);
    let entry = restore(state, seen, now).or_else(|| close(state, seen, facts, now));
    let folded = entry.as_ref().and_then(|entry| fold(state.clone(), now, entry).ok());
    let commands = commands(folded.as_ref().unwrap_or(state), subject, seen);
    Decision { entries: entry.into_iter().collect(), commands, wake_at: Some(next_closing(state, now)) }
}

fn next_closing(state: &State, now: Time) -> Time {
    let elapsed = state.elapsed(now);
    let soonest = state.standing.closings.iter().map(|closing| closing.due).filter(|due| *due > elapsed).min();
    let due = soonest.map(|due| now + due.since(elapsed));
    let nap = if state.closing.is_some() { Span::seconds(1) } else { SLEEP_MAX };
    due.unwrap_or(now + nap).min(now + nap)
}

/// A release that lost instances gets them back, and one whose capacity was refused is asked for again,
/// with growing pauses.
fn restore(state: &State, seen: &Observations, now: Time) -> Option<Entry> {
    if state.phase() == Phase::Halted || !seen.looked {
        return None;
    }
    let owned = owned_by_step(state);
    let elapsed = state.elapsed(now);
    for (release, generation) in &state.generations.capacity {
        let wanted = state.standing.capacity(*release);
        let Some(look) = seen.instances(*release, now) else { continue };
        let lost = look.autoscaled.is_none() && look.generation >= *generation && look.running < wanted;
        let refused = seen.refused(&Target::Instances(*release), *generation).filter(|_| !is_closing(state, *release));
        if Some(*release) == owned || !(lost || refused.is_some()) {
            continue;
        }
        let (last, times) = state.restored.get(release).copied().unwrap_or_default();
        let pause = Span(RESTORE_PAUSE.0 << times.saturating_sub(1).min(10)).min(RESTORE_PAUSE_MAX);
        if times == 0 || elapsed.since(last) >= pause {
            let why = refused.unwrap_or_default().to_owned();
            return Some(Entry::Restored { release: *release, count: wanted, why });
        }
    }
    None
}

/// The release whose instances the current step is about: those are the plan's.
fn owned_by_step(state: &State) -> Option<ReleaseNumber> {
    let rollout = state.rollout.as_deref()?;
    rollout.doing.as_ref()?;
    match rollout.step()?.verb {
        Verb::Start { release, .. } | Verb::Stop { release, .. } | Verb::Drain { release, .. } => Some(release),
        Verb::Route { .. }
        | Verb::Observe { .. }
        | Verb::Approve { .. }
        | Verb::Hook { .. }
        | Verb::Migrate { .. }
        | Verb::Flag { .. }
        | Verb::Notify { .. } => None,
    }
}

/// Whether a closing has taken a release's instances away, or is about to again: that they are not gone
/// is that one's to tell.
fn is_closing(state: &State, release: ReleaseNumber) -> bool {
    let wanted = state.standing.capacity(release);
    let listed = state.standing.closings.iter().map(|closing| &closing.work);
    listed.chain(state.closing.iter().map(|run| &run.work)).any(|work| match work {
        ClosingWork::Retire(other) => *other == release && wanted == 0,
        ClosingWork::Shrink { release: other, keep } => *other == release && wanted <= *keep,
        ClosingWork::Contract { .. } => false,
    })
}

/// The next thing about closings, one closing at a time, and none while a rollout runs or waits.
fn close(state: &State, seen: &Observations, facts: &Facts, now: Time) -> Option<Entry> {
    if state.phase() != Phase::Standing || state.waiting.is_some() || !seen.looked {
        return None;
    }
    match &state.closing {
        Some(run) => go_on_closing(state, run, seen, facts, now).or_else(|| give_up(state, run, seen, now)),
        None => {
            let due =
                |closing: &&Closing| closing.due <= state.elapsed(now) && may_begin(state, &closing.work, seen, now);
            let closings = state.standing.closings.iter();
            let closing = if planted::is(Bug::ContractTooEarly) {
                closings.rev().find(due)?
            } else {
                closings.into_iter().find(due)?
            };
            Some(Entry::ClosingBegan { work: closing.work.clone() })
        }
    }
}

/// A contract never begins while an instance of the old release lives, nor while it may be needed.
fn may_begin(state: &State, work: &ClosingWork, seen: &Observations, now: Time) -> bool {
    match work {
        ClosingWork::Retire(release) => state.standing.release != Some(*release),
        ClosingWork::Shrink { .. } => true,
        ClosingWork::Contract { .. } if planted::is(Bug::ContractTooEarly) => true,
        ClosingWork::Contract { old, .. } => {
            let gone = seen.platform(now).is_some_and(|look| {
                look.releases.iter().all(|(release, instances)| Some(*release) > *old || instances.running == 0)
            });
            let wanted = state.standing.capacity.keys().any(|release| Some(*release) <= *old);
            gone && !wanted
        }
    }
}

fn go_on_closing(state: &State, run: &ClosingRun, seen: &Observations, facts: &Facts, now: Time) -> Option<Entry> {
    let work = run.work.clone();
    match &run.work {
        ClosingWork::Contract { migration, .. } => {
            let reply = seen.reply(&Target::Migration(migration.clone()), run.generation);
            (reply == Some(&Reply::Accepted)).then_some(Entry::ClosingDone { work })
        }
        ClosingWork::Retire(release) | ClosingWork::Shrink { release, .. } if run.stopping => {
            let generation = state.generations.capacity.get(release).copied().unwrap_or_default();
            let look = seen.instances(*release, now)?;
            let kept = state.standing.capacity(*release);
            (look.generation >= generation && look.running <= kept).then_some(Entry::ClosingDone { work })
        }
        ClosingWork::Retire(release) | ClosingWork::Shrink { release, .. } => {
            let table = state.generations.table;
            let (_, since) =
                seen.drained_since.filter(|(generation, _)| *generation == table && seen.table_live(table, now))?;
            let lasted = state.elapsed(now).since(since);
            let counts = facts.router.as_ref().is_some_and(|router| router.counts_open_work);
            let drained = if counts {
                seen.leaving(*release, now)? == 0 || lasted >= RETIRE_DRAIN_MAX
            } else {
                lasted >= RETIRE_DRAIN_TIMED
            };
            drained.then_some(Entry::ClosingStopped { work })
        }
    }
}

/// What a closing is waiting for.
fn target(run: &ClosingRun) -> Target {
    match &run.work {
        ClosingWork::Contract { migration, .. } => Target::Migration(migration.clone()),
        ClosingWork::Retire(release) | ClosingWork::Shrink { release, .. } if run.stopping => {
            Target::Instances(*release)
        }
        ClosingWork::Retire(_) | ClosingWork::Shrink { .. } => Target::Routers,
    }
}

/// A closing that does not come to its end is put off, and people are told why: at once where its
/// target said no for good, and after a while where nobody can say.
fn give_up(state: &State, run: &ClosingRun, seen: &Observations, now: Time) -> Option<Entry> {
    let target = target(run);
    let generation = match &target {
        Target::Routers => state.generations.table,
        Target::Instances(release) => state.generations.capacity.get(release).copied().unwrap_or_default(),
        Target::Migration(_) | Target::Hook(_) | Target::Flag(_) => run.generation,
    };
    let tried = state.elapsed(now).since(run.since.max(seen.recovered_since));
    let why = match seen.reply(&target, generation) {
        Some(Reply::Failed { why, retry: false }) => why.clone(),
        _ if tried < CLOSING_PATIENCE => return None,
        Some(Reply::Failed { why, retry: true } | Reply::Unknown(why)) => why.clone(),
        Some(Reply::Accepted | Reply::Superseded(_)) | None => format!("no effect was seen within {CLOSING_PATIENCE}"),
    };
    Some(Entry::ClosingFailed { work: run.work.clone(), why })
}
