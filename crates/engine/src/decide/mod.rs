//! `decide(state, observations, now) -> Decision`: what is written next, and what is commanded.
//!
//! It is level-triggered: whatever was lost, doubled or late, asking again gives the same answer until
//! the world looks as wanted. It holds no state of its own.

mod commands;
mod landing;
mod step;

pub use commands::commands;
pub use landing::{landed, rolled_back};

use crate::command::{COMMAND_LIMIT, Command};
use crate::facts::Facts;
use crate::journal::entry::{Aim, Ask, Cause, Ending, Entry, Input, Judgement};
use crate::journal::state::{Rollout, State};
use crate::journal::{Phase, fold};
use crate::observe::Observations;
use crate::planted::{self, Bug};
use crate::store::Attribution;
use crate::unwind::{Started, unwind};
use model::intent::Intent;
use model::plan::{Capacity, Step, Verb};
use model::service::Interruption;
use model::{ReleaseNumber, Span, Subject, Time, Verdict};
use std::sync::Arc;
use step::Outcome;

/// The most entries of one decision: they are committed together.
pub const ENTRIES_MAX: usize = 8;
/// How long a decision sleeps at the most while something goes on.
pub const NAP_MAX: Span = Span::seconds(1);
/// How long a decision sleeps at the most while nothing goes on.
pub const SLEEP_MAX: Span = Span::seconds(30);

/// What is to be done next.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Decision {
    /// Appended first, all or none.
    pub entries: Vec<Entry>,
    /// Sent when the entries are durable.
    pub commands: Vec<Command>,
    /// When to decide again, if nothing is heard before.
    pub wake_at: Option<Time>,
}

/// What the running rollout does next. What stands beneath it is `uphold`'s.
pub fn decide(state: &State, subject: &Subject, seen: &Observations, facts: &Facts, now: Time) -> Decision {
    let now = now.max(state.at);
    let mut entries = Vec::new();
    let mut ahead: Option<State> = None;
    while entries.len() < ENTRIES_MAX {
        let current = ahead.as_ref().unwrap_or(state);
        let Some(entry) = next_entry(current, seen, facts, now) else { break };
        let Ok(next) = fold(current.clone(), now, &entry) else { break };
        entries.push(entry);
        ahead = Some(next);
    }
    let current = ahead.as_ref().unwrap_or(state);
    let commands = commands(current, subject, seen);
    Decision { entries, commands, wake_at: Some(wake_at(current, seen, now)) }
}

fn next_entry(state: &State, seen: &Observations, facts: &Facts, now: Time) -> Option<Entry> {
    let rollout = state.rollout.as_deref()?;
    match state.phase() {
        Phase::Standing => None,
        Phase::Halted => next_when_halted(state, rollout, facts),
        Phase::Between | Phase::Doing | Phase::Undecided | Phase::Paused | Phase::PausedDoing => {
            next_forward(state, rollout, seen, facts, now)
        }
        Phase::BackBetween | Phase::BackDoing | Phase::BackUndecided => next_back(state, rollout, seen, now),
    }
}

fn next_when_halted(state: &State, rollout: &Rollout, facts: &Facts) -> Option<Entry> {
    if let Some(observed) = &rollout.accepted {
        return Some(Entry::Ended { ending: Ending::Halted, standing: observed.clone() });
    }
    let cause = rollout.turn.clone()?;
    Some(turn_back(state, rollout, cause, facts))
}

fn next_forward(state: &State, rollout: &Rollout, seen: &Observations, facts: &Facts, now: Time) -> Option<Entry> {
    if let Some(cause) = reason_to_turn(state, rollout, seen, now) {
        if planted::is(Bug::SupersedeAtOnce) && matches!(cause, Cause::Superseded { .. }) && rollout.doing.is_none() {
            let standing = Box::new(rolled_back(state, rollout));
            return Some(Entry::Ended { ending: Ending::RolledBack, standing });
        }
        return Some(turn_back(state, rollout, cause, facts));
    }
    if rollout.doing.is_some() {
        let judged = judge_current(state, rollout, seen, now)?;
        return Some(match judged {
            Judged::Entry(entry) => entry,
            Judged::Turn(cause) => turn_back(state, rollout, cause, facts),
        });
    }
    if rollout.paused.is_some() {
        return None;
    }
    let Some(step) = rollout.step() else {
        let ending = Ending::Completed { kept: rollout.kept() };
        return Some(Entry::Ended { ending, standing: Box::new(landed(state, rollout, now)) });
    };
    if let Some(why) = exhausted(rollout, step) {
        let cause = Cause::StepFailed { step: rollout.cursor, why };
        return Some(turn_back(state, rollout, cause, facts));
    }
    match begin(state, rollout, step, seen, now) {
        Begin::Now(count) => Some(began(rollout, count)),
        Begin::Wait => None,
        Begin::NotReady(release) => Some(turn_back(state, rollout, Cause::NotReady { release }, facts)),
    }
}

fn next_back(state: &State, rollout: &Rollout, seen: &Observations, now: Time) -> Option<Entry> {
    if rollout.doing.is_some() {
        return Some(match judge_current(state, rollout, seen, now)? {
            Judged::Entry(entry) => entry,
            Judged::Turn(_) => Entry::Halted { why: undecided_words(rollout) },
        });
    }
    let Some(step) = rollout.step() else {
        return Some(Entry::Ended { ending: Ending::RolledBack, standing: Box::new(rolled_back(state, rollout)) });
    };
    if let Some(why) = exhausted(rollout, step) {
        return Some(Entry::Halted { why });
    }
    match begin(state, rollout, step, seen, now) {
        Begin::Now(count) => Some(began(rollout, count)),
        Begin::Wait => None,
        Begin::NotReady(release) => Some(Entry::Halted {
            why: format!("release {release} is to get the traffic back, but was not seen ready in time"),
        }),
    }
}

fn undecided_words(rollout: &Rollout) -> String {
    let known = rollout.doing.as_ref().and_then(|doing| doing.undecided.as_ref());
    known.map_or_else(|| "a step of the way back is undecided".into(), |(_, why)| why.clone())
}

/// Why the rollout should go around, whatever its step is doing.
fn reason_to_turn(state: &State, rollout: &Rollout, seen: &Observations, now: Time) -> Option<Cause> {
    if let Some(cause) = &rollout.turn {
        return Some(cause.clone());
    }
    if rollout.exposed() {
        for watch in &rollout.plan.watches {
            if let Some(reading) = seen.reading(&watch.check, rollout.number, now)
                && reading.verdict == Verdict::Fail
            {
                return Some(Cause::Check(Judgement {
                    check: watch.check.clone(),
                    verdict: reading.verdict,
                    evidence: reading.evidence.clone(),
                }));
            }
        }
    }
    let newer = state.waiting.map(|waiting| waiting.release)?;
    let gives_way = rollout.plan.policy.interruption == Interruption::GoAround && !rollout.past_return();
    gives_way.then_some(Cause::Superseded { by: newer })
}

/// The way back, or a halt where there is none.
fn turn_back(state: &State, rollout: &Rollout, cause: Cause, facts: &Facts) -> Entry {
    let mut steps = rollout.started.as_slice();
    if planted::is(Bug::StartedNotDoneSkipped) && rollout.doing.is_some() {
        steps = &steps[..steps.len().saturating_sub(1)];
    }
    let started = Started { steps, standing: &state.standing, undone: &rollout.undone };
    match unwind(&rollout.plan, &started, facts) {
        Ok(back) => Entry::Unwinding { cause, back: Arc::new(back) },
        Err(why) => Entry::Halted { why: format!("there is no way back: {why}") },
    }
}

/// Why the current step is not tried again, where that is so.
fn exhausted(rollout: &Rollout, step: &Step) -> Option<String> {
    let why = rollout.failed.as_ref()?;
    (rollout.attempt >= step.attempts).then(|| why.clone())
}

fn began(rollout: &Rollout, count: Option<u32>) -> Entry {
    Entry::Began { step: rollout.cursor, attempt: rollout.attempt + 1, count }
}

enum Judged {
    Entry(Entry),
    Turn(Cause),
}

/// What the attempt that goes on has come to, if to anything.
fn judge_current(state: &State, rollout: &Rollout, seen: &Observations, now: Time) -> Option<Judged> {
    let (step, attempt) = (rollout.cursor, rollout.attempt);
    let doing = rollout.doing.as_ref()?;
    Some(match step::judge(state, rollout, seen, now) {
        Outcome::Wait => return None,
        Outcome::Done { note, verdicts } => Judged::Entry(Entry::Done { step, attempt, note, verdicts }),
        Outcome::Failed(why) if planted::is(Bug::FailedUndoIgnored) && rollout.back.is_some() => {
            Judged::Entry(Entry::Done { step, attempt, note: why, verdicts: Vec::new() })
        }
        Outcome::Failed(why) => Judged::Entry(Entry::Failed { step, attempt, why }),
        Outcome::FailedCheck(judgement) => Judged::Turn(Cause::Check(judgement)),
        Outcome::Choose(keep) => Judged::Entry(choose_otherwise(rollout, keep)),
        Outcome::Unknown(why) => match &doing.undecided {
            None => {
                let until = now + patience(state, rollout);
                Judged::Entry(Entry::Undecided { step, attempt, why, until })
            }
            Some((until, _)) if seen.looked && state.elapsed(now) >= ends(*until, seen) => {
                Judged::Turn(Cause::Undecided { step, why })
            }
            Some(_) => return None,
        },
    })
}

/// When an undecided step's wait is over. Whoever took over meanwhile has to have asked, and been able to
/// hear an answer: some targets show what was done only to those who commanded it.
fn ends(until: Time, seen: &Observations) -> Time {
    until.max(seen.recovered_since + COMMAND_LIMIT)
}

/// How long a person is waited for: not at all where too many are exposed.
fn patience(state: &State, rollout: &Rollout) -> Span {
    let policy = &rollout.plan.policy.undecided;
    let exposed = exposure(&state.standing.intent, rollout.plan.stable());
    if rollout.back.is_none() && exposed > policy.exposure { Span::ZERO } else { policy.wait }
}

/// The share of units that are not served by stable.
pub fn exposure(intent: &Intent, stable: Option<ReleaseNumber>) -> model::Share {
    intent
        .lanes()
        .iter()
        .filter(|lane| Some(lane.release) != stable)
        .fold(model::Share::NONE, |sum, lane| sum.plus(lane.share))
}

/// Nobody chose in time: what the plan said then, as an input in the engine's own name.
fn choose_otherwise(rollout: &Rollout, keep: ReleaseNumber) -> Entry {
    let by = Attribution { why: "nobody decided in time".into(), ..Attribution::engine() };
    let aim = aim_of(rollout);
    let id = format!("{}{}-{}-{}", crate::hear::OTHERWISE_ID, rollout.number.0, rollout.cursor.0, rollout.attempt);
    Entry::Asked { input: Input { id, by, ask: Ask::Decide { keep }, aim } }
}

/// What an input about the running rollout has to be aimed at now.
fn aim_of(rollout: &Rollout) -> Option<Aim> {
    Some(Aim {
        rollout: rollout.number,
        step: rollout.cursor,
        attempt: if rollout.doing.is_some() { rollout.attempt } else { 0 },
        back: rollout.back.is_some(),
        digest: rollout.digest.clone(),
        artifact: None,
    })
}

/// What an input about the running rollout has to be aimed at now, artifact included.
pub fn current_aim(state: &State) -> Option<Aim> {
    let rollout = state.rollout.as_deref()?;
    let artifact = state.release(rollout.plan.candidate).map(|release| release.artifact.clone());
    aim_of(rollout).map(|aim| Aim { artifact, ..aim })
}

enum Begin {
    Now(Option<u32>),
    Wait,
    NotReady(ReleaseNumber),
}

/// Whether the next step may begin. Traffic never goes to a release that has not proven healthy.
fn begin(state: &State, rollout: &Rollout, step: &Step, seen: &Observations, now: Time) -> Begin {
    let waited = state.elapsed(now).since(rollout.since);
    let give_up = seen.looked && waited >= step.timeout;
    match &step.verb {
        Verb::Route { intent } => match first_unready(state, rollout, intent, seen, now) {
            None => Begin::Now(None),
            Some(release) if give_up => Begin::NotReady(release),
            Some(_) => Begin::Wait,
        },
        Verb::Start { release, capacity, .. } => match capacity {
            // A Start never takes instances away: that is Drain's and Stop's to do.
            Capacity::Count(count) => Begin::Now(Some((*count).max(state.standing.capacity(*release)))),
            Capacity::OfStable(_) if rollout.plan.stable() == Some(*release) => {
                Begin::Now(Some(state.standing.capacity(*release)))
            }
            Capacity::OfStable(share) => {
                let Some(stable) = rollout.plan.stable() else { return Begin::Now(Some(1)) };
                match seen.instances(stable, now) {
                    Some(look) => {
                        let live = look.autoscaled.unwrap_or_else(|| state.standing.capacity(stable));
                        let count = model::strategy::Amount::Share(*share).of(live).max(1);
                        Begin::Now(Some(count.max(state.standing.capacity(*release))))
                    }
                    None if give_up => Begin::NotReady(*release),
                    None => Begin::Wait,
                }
            }
        },
        Verb::Hook { .. } | Verb::Migrate { .. } => match &rollout.unanswered {
            // An undo must not run beside what it undoes, nor an attempt beside the one before it. Traffic
            // is not kept waiting: only calls wait for a call.
            Some(_) if planted::is(Bug::UndoBesideCall) => Begin::Now(None),
            Some(call) if !seen.has_ended(call, state.elapsed(now)) => Begin::Wait,
            Some(_) | None => Begin::Now(None),
        },
        Verb::Observe { .. }
        | Verb::Approve { .. }
        | Verb::Flag { .. }
        | Verb::Drain { .. }
        | Verb::Stop { .. }
        | Verb::Notify { .. } => Begin::Now(None),
    }
}

/// The first release that this intent would newly send traffic to, or more of it, although it is not
/// known to be ready.
fn first_unready(
    state: &State,
    rollout: &Rollout,
    intent: &Intent,
    seen: &Observations,
    now: Time,
) -> Option<ReleaseNumber> {
    if intent.hold().is_some() || planted::is(Bug::WeightBeforeReady) || planted::is(Bug::RouteToStopped) {
        return None;
    }
    let standing = &state.standing;
    // An attempt that failed has left its intent behind, and perhaps nothing else.
    let tried = rollout.attempt > 0;
    let serves = |release| rollout.back.is_none() && standing.release == Some(release);
    intent
        .lanes()
        .iter()
        .filter(|lane| intent.reaches(lane.release))
        .filter(|lane| {
            let exposed = standing.intent.exposes(lane.release) && (!tried || serves(lane.release));
            let served = exposed && standing.intent.share(lane.release) >= lane.share;
            let ready = seen.instances(lane.release, now).is_some_and(|look| look.ready > 0);
            let proven = state.proven.contains(&lane.release) && standing.admitted(lane.release) > 0;
            !(served || ready && proven)
        })
        .map(|lane| lane.release)
        .next()
}

/// When something could change by itself.
fn wake_at(state: &State, seen: &Observations, now: Time) -> Time {
    let Some(rollout) = state.rollout.as_deref() else { return now + SLEEP_MAX };
    let (Some(doing), Some(step)) = (&rollout.doing, rollout.step()) else { return now + NAP_MAX };
    let elapsed = state.elapsed(now);
    let mut nap = NAP_MAX;
    if let Verb::Observe { hold, .. } = &step.verb {
        let left = *hold - seen.held(doing.generation);
        // Once enough was held only an answer can change anything: it wakes by being heard.
        if left > Span::ZERO {
            nap = nap.min(left);
        }
    }
    let deadline = doing.undecided.as_ref().map_or(doing.since + step.timeout, |(until, _)| ends(*until, seen));
    if deadline > elapsed {
        nap = nap.min(deadline.since(elapsed));
    }
    now + nap
}
