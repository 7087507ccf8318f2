//! `hear(state, input) -> entry`: what people ask for is granted or declined, and if declined told
//! what is current.

use crate::decide::current_aim;
use crate::journal::entry::{Aim, Ask, Entry, Input};
use crate::journal::state::State;
use crate::journal::table::{Phase, may_follow};
use crate::observe::Observations;
use crate::store::Attribution;
use model::gate::Gate;
use model::plan::Verb;
use model::standing::{Closing, ClosingWork, Standing};
use model::{Intent, Time};
use std::collections::BTreeMap;
use std::fmt;

/// Why an input was not granted.
#[derive(Clone, Debug, PartialEq)]
pub struct Declined {
    /// Its kind, with a stable code.
    pub reason: DeclinedReason,
    /// What happened and what to do next, for people.
    pub message: String,
    /// What it would have to be aimed at now.
    pub current: Option<Aim>,
}

/// Kinds of refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeclinedReason {
    /// The same input was granted before: nothing is wrong.
    HeardBefore,
    /// It does not fit where the service stands.
    NotNow,
    /// What it was aimed at has moved on.
    MovedOn,
    /// It has to be aimed.
    NoAim,
    /// This person may not, or has said so before.
    NotYours,
    /// What it names does not exist, or is out of bounds.
    NoSuchThing,
}

impl DeclinedReason {
    /// The stable code.
    pub fn code(self) -> &'static str {
        match self {
            Self::HeardBefore => "input-heard-before",
            Self::NotNow => "input-not-now",
            Self::MovedOn => "input-moved-on",
            Self::NoAim => "input-needs-aim",
            Self::NotYours => "input-not-yours",
            Self::NoSuchThing => "input-no-such-thing",
        }
    }
}

impl fmt::Display for Declined {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} [{}]", self.message, self.reason.code())
    }
}

impl std::error::Error for Declined {}

/// What the ids of the engine's own inputs begin with.
pub const OTHERWISE_ID: &str = "otherwise-";
/// The longest id of an input.
pub const INPUT_ID_MAX: usize = 128;
/// The longest text in an input's attribution.
pub const INPUT_TEXT_MAX: usize = 2_000;
/// The most instances that anybody may ask for.
pub const SCALE_MAX: u32 = 10_000;

/// The entry that grants an input, or why it is declined.
pub fn hear(state: &State, seen: &Observations, mut input: Input, now: Time) -> Result<Entry, Declined> {
    let decline = |reason, message: String| Declined { reason, message, current: current_aim(state) };
    if state.heard.contains(&input.id) {
        return Err(decline(DeclinedReason::HeardBefore, "this was asked before, and granted".into()));
    }
    check_envelope(&input).map_err(|(reason, message)| decline(reason, message))?;
    let (phase, kind) = (state.phase(), input.ask.kind());
    if !may_follow(phase, kind) {
        let message = format!("`{}` does not fit while {}", asked_word(&input.ask), phase_words(phase));
        return Err(decline(DeclinedReason::NotNow, message));
    }
    check_aim(state, &input).map_err(|(reason, message)| decline(reason, message))?;
    check_words(state, &input).map_err(|(reason, message)| decline(reason, message))?;
    if let Ask::Accept { observed } = &mut input.ask {
        // Never what somebody says is there, only what was seen.
        **observed = observed_standing(state, seen, now)
            .ok_or_else(|| decline(DeclinedReason::NotNow, "the platform or the routers cannot be seen now".into()))?;
    }
    Ok(Entry::Asked { input })
}

/// What is observed, as a standing; none where something cannot be seen.
pub fn observed_standing(state: &State, seen: &Observations, now: Time) -> Option<Standing> {
    let platform = seen.platform(now)?;
    let intent = if seen.routed { observed_table(seen, now)? } else { state.standing.intent.clone() };
    // An instance that is away for a moment is not one less: the platform knows how many it was told.
    let mut capacity = BTreeMap::new();
    let served = intent.lanes().iter().map(|lane| lane.release).filter(|release| intent.reaches(*release));
    let running = platform.releases.iter().filter(|(_, look)| look.running > 0).map(|(release, _)| *release);
    // A silent router may have got any table since it was last seen: no release is gone at once. The closings
    // below do not stop one either before every router has answered.
    let silent = seen.router_silent(now);
    let routed = state.standing.capacity.keys().copied().filter(|_| silent);
    for release in served.chain(running).chain(routed) {
        let look = platform.releases.get(&release).map_or(0, |look| look.running);
        capacity.insert(release, look.max(state.standing.capacity(release)).max(1));
    }
    let largest = intent.lanes().iter().max_by_key(|lane| lane.share).map(|lane| lane.release);
    let release = largest.or_else(|| capacity.iter().max_by_key(|(_, count)| **count).map(|(release, _)| *release));
    let before = &state.standing;
    let mut closings = before.closings.clone();
    closings.retain(|closing| match &closing.work {
        ClosingWork::Retire(old) => Some(*old) != release && capacity.contains_key(old),
        ClosingWork::Shrink { .. } => false,
        ClosingWork::Contract { old, .. } => release.is_some_and(|release| Some(release) > *old),
    });
    // What runs and serves nobody is not kept for ever.
    let due = state.elapsed(now);
    for idle in capacity.keys().filter(|other| Some(**other) != release && !intent.reaches(**other)) {
        let work = ClosingWork::Retire(*idle);
        if !closings.iter().any(|closing| closing.work == work) {
            closings.push(Closing { due, work });
        }
    }
    // What the candidate brought stays with it where it runs on: no later way back takes that from it.
    let mut migrated = before.migrated.clone();
    let candidate = state.rollout.as_deref().filter(|rollout| capacity.contains_key(&rollout.plan.candidate));
    migrated.extend(candidate.into_iter().flat_map(|rollout| rollout.migrated()));
    Some(Standing {
        release,
        capacity,
        drained_from: BTreeMap::new(),
        intent,
        warm: None,
        closings,
        contracted: before.contracted.clone(),
        migrated,
    })
}

/// What all routers that answer agree on. Where none does it is what they agreed on when they were last seen:
/// a person who accepts that says that they are not waited for.
fn observed_table(seen: &Observations, now: Time) -> Option<Intent> {
    let members = &seen.router(now)?.members;
    if members.values().any(Option::is_some) {
        agreed(members.values().flatten().map(|look| look.intent.as_ref()))
    } else {
        agreed(members.keys().map(|member| seen.tables.get(member)))
    }
}

fn agreed<'a>(mut tables: impl Iterator<Item = Option<&'a Intent>>) -> Option<Intent> {
    let first = tables.next()??;
    tables.all(|other| other == Some(first)).then(|| first.clone())
}

fn asked_word(ask: &Ask) -> &'static str {
    ask.kind().as_str().trim_start_matches("asked-")
}

/// Where a service stands, for people.
fn phase_words(phase: Phase) -> &'static str {
    match phase {
        Phase::Standing => "no release is landing",
        Phase::Between | Phase::Doing => "a release is landing",
        Phase::Undecided => "a step is undecided",
        Phase::Paused | Phase::PausedDoing => "the rollout is paused",
        Phase::BackBetween | Phase::BackDoing => "the rollout goes around",
        Phase::BackUndecided => "a step of the way back is undecided",
        Phase::Halted => "the rollout has halted",
    }
}

/// A step and its attempt, for people, who count from one.
fn place(aim: &Aim) -> String {
    let way = if aim.back { " of the way back" } else { "" };
    let attempt = if aim.attempt == 0 { "not begun".into() } else { format!("attempt {}", aim.attempt) };
    format!("step {}{way} ({attempt})", aim.step.0 + 1)
}

/// Bounded texts, and no id that the engine gives its own inputs.
fn check_envelope(input: &Input) -> Result<(), Objection> {
    let taken = input.id.starts_with(OTHERWISE_ID) && input.by != Attribution::engine();
    if input.id.is_empty() || input.id.len() > INPUT_ID_MAX || taken {
        let message =
            format!("an input's id has 1 to {INPUT_ID_MAX} characters, and does not begin with `{OTHERWISE_ID}`");
        return Err((DeclinedReason::NoSuchThing, message));
    }
    let texts = [&input.by.who, &input.by.from, &input.by.why];
    if texts.iter().any(|text| text.len() > INPUT_TEXT_MAX) {
        return Err((
            DeclinedReason::NoSuchThing,
            format!("who, from where and why have up to {INPUT_TEXT_MAX} characters each"),
        ));
    }
    Ok(())
}

type Objection = (DeclinedReason, String);

/// Whether it is still about what the person saw.
fn check_aim(state: &State, input: &Input) -> Result<(), Objection> {
    let aimed = match &input.ask {
        Ask::Deploy { .. } | Ask::Rollback { .. } | Ask::Scale { .. } => return Ok(()),
        // These are about the rollout, whichever step it has come to.
        Ask::Pause | Ask::Resume | Ask::Promote | Ask::Abort | Ask::Unwind | Ask::Accept { .. } => false,
        Ask::Skip | Ask::Retry | Ask::Approve | Ask::Refuse | Ask::Decide { .. } => true,
    };
    let Some(current) = current_aim(state) else { return Ok(()) };
    let Some(aim) = &input.aim else {
        return Err((DeclinedReason::NoAim, "say which rollout and step this is about".into()));
    };
    if aim.rollout != current.rollout {
        let message = format!("rollout {} is over; now {} runs", aim.rollout, current.rollout);
        return Err((DeclinedReason::MovedOn, message));
    }
    if !aimed {
        return Ok(());
    }
    let here = (aim.step, aim.attempt, aim.back) == (current.step, current.attempt, current.back);
    if !here {
        let message = format!("that was about {}; now it is {}", place(aim), place(&current));
        return Err((DeclinedReason::MovedOn, message));
    }
    let bound = matches!(input.ask, Ask::Approve | Ask::Decide { .. } | Ask::Skip);
    if bound && (aim.digest != current.digest || aim.artifact != current.artifact) {
        return Err((DeclinedReason::MovedOn, "the plan or the artifact is not the one that was shown".into()));
    }
    Ok(())
}

/// Whether what it says makes sense here.
fn check_words(state: &State, input: &Input) -> Result<(), Objection> {
    let step = state.rollout.as_deref().and_then(|rollout| rollout.step());
    let gate = step.and_then(|step| match &step.verb {
        Verb::Approve { gate } => Some(gate),
        _ => None,
    });
    let not_now = |message: &str| Err((DeclinedReason::NotNow, message.to_owned()));
    let no_such = |message: String| Err((DeclinedReason::NoSuchThing, message));
    match &input.ask {
        Ask::Deploy { release } => {
            let known = state.releases.keys().next_back();
            if known.is_some_and(|newest| release.number <= *newest) {
                return no_such(format!("release {} is not newer than what was deployed before", release.number));
            }
            Ok(())
        }
        Ask::Rollback { to } => {
            if state.standing.release == Some(*to) {
                return no_such(format!("release {to} serves already"));
            }
            if state.release(*to).is_none() {
                return no_such(format!("release {to} is not kept any more"));
            }
            Ok(())
        }
        Ask::Scale { count } => {
            if state.standing.release.is_none() {
                return not_now("nothing is deployed yet");
            }
            let instances = state.standing.release.and_then(|release| state.release(release));
            let instances = instances.map(|release| &release.service.instances);
            if instances.is_some_and(|instances| instances.singleton) && *count > 1 {
                return no_such("the service is a singleton: it never runs beside itself".into());
            }
            if instances.is_some_and(|instances| instances.autoscaled) {
                return no_such("an autoscaler owns the number of instances: change its bounds".into());
            }
            if state.closing.as_ref().is_some_and(|run| run.stopping) {
                return not_now("instances are being stopped: ask again when they are gone");
            }
            if *count == 0 || *count > SCALE_MAX {
                return no_such(format!("{count} instances: say a number from 1 to {SCALE_MAX}"));
            }
            Ok(())
        }
        Ask::Skip => match (step.map(|step| &step.verb), gate) {
            // Skipping a person's gate is saying yes in that person's place.
            (_, Some(Gate::Person { approvers, .. })) => may_approve(state, input, approvers),
            // Skipping says nothing about which variant is kept.
            (_, Some(Gate::Decision { .. })) => not_now("a decision cannot be skipped: say with `decide` what is kept"),
            (Some(Verb::Observe { .. } | Verb::Approve { .. }), _) => Ok(()),
            _ => not_now("only a time, a check or a gate can be skipped"),
        },
        Ask::Approve | Ask::Refuse => match gate {
            Some(Gate::Person { approvers, .. }) => may_approve(state, input, approvers),
            Some(Gate::Decision { .. } | Gate::Webhook { .. } | Gate::Calendar(_)) | None => {
                not_now("nobody's yes is waited for")
            }
        },
        Ask::Decide { keep } => match gate {
            Some(Gate::Decision { choices, .. }) if choices.contains(keep) => Ok(()),
            Some(Gate::Decision { .. }) => no_such(format!("release {keep} is not one of the variants")),
            Some(Gate::Person { .. } | Gate::Webhook { .. } | Gate::Calendar(_)) | None => {
                not_now("no decision is waited for")
            }
        },
        Ask::Pause | Ask::Resume | Ask::Promote | Ask::Abort | Ask::Retry | Ask::Unwind | Ask::Accept { .. } => Ok(()),
    }
}

fn may_approve(state: &State, input: &Input, approvers: &[String]) -> Result<(), Objection> {
    if !approvers.is_empty() && !approvers.contains(&input.by.who) {
        let message = format!("{} may not say that here; these may: {}", input.by.who, approvers.join(", "));
        return Err((DeclinedReason::NotYours, message));
    }
    let said = state.rollout.as_deref().is_some_and(|rollout| rollout.approvals.contains(&input.by.who));
    if said && input.ask == Ask::Approve {
        let message = format!("{} has said yes already; another person is waited for", input.by.who);
        return Err((DeclinedReason::NotYours, message));
    }
    Ok(())
}
