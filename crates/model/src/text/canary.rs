//! A little traffic, then more.

use super::check::ChecksNamed;
use super::code::Code;
use super::collection::{List, ShortOr};
use super::duration::{Lasting, Pause, Work};
use super::node::{At, Content, Node};
use super::object::{defaults, object};
use super::reader::{Field, Located, Read, Reader};
use super::scalar::{Scalar, Word, Wrong};
use super::schemas::Rule;
use super::strategy::{HOLD, Scene, seen_by};
use super::traffic::MatchText;
use crate::strategy::{Amount, Canary, CanaryStep, Growth};
use crate::{Share, Span};
use serde_json::{Value, json};

/// The most shares that a ramp passes.
const RAMP_SHARES_MAX: u16 = 100;

object! {
    /// One step of a canary.
    struct StepText = "canary step" {
        /// Its share of traffic; unchanged where it is not there.
        "weight" optional weight: Share;
        /// How many instances it has; enough for its share where it is not there.
        "instances" optional instances: Amount;
        /// Requests that see the candidate whatever its share.
        "cohort" optional cohort: List<MatchText>;
        /// How long it is held; as the canary says where it is not there.
        "hold" optional hold: Pause;
        /// Whether a person says yes before the next step.
        "approve" optional approve: bool = false;
        /// Checks asked at its end; as the canary says where it is not there.
        "checks" optional checks: ChecksNamed;
    }
    rules [Rule::AtLeastOne(&["weight", "instances", "cohort", "hold", "approve", "checks"])]
}

/// A step in short: `5%`, or `approve`.
#[derive(Clone, Copy, Debug)]
pub(crate) enum StepWord {
    Share(Share),
    Approve,
}

impl Scalar for StepWord {
    fn belongs() -> String {
        "a share, as `5%`, or `approve`".to_owned()
    }

    fn from_word(word: &Word) -> Result<Self, Wrong> {
        if word.text == "approve" {
            return Ok(Self::Approve);
        }
        Share::from_word(word).map(Self::Share)
    }

    fn shape() -> Value {
        json!({"anyOf": [Share::shape(), {"const": "approve"}]})
    }
}

type StepValue = ShortOr<StepWord, StepText>;

object! {
    /// Traffic that grows evenly.
    struct RampText = "ramp" {
        /// The first share.
        "from" optional from: Share = "10%";
        /// The last share before everything.
        "to" optional to: Share = "90%";
        /// How much more each time.
        "by" optional by: Share = "10%";
        /// How long each share is held.
        "every" optional every: Work = "3m";
        /// Checks asked at each share; as the canary says where it is not there.
        "checks" optional checks: ChecksNamed;
    }
}

object! {
    /// A little traffic, then more. The candidate gets everything after the last step.
    struct CanaryText = "canary" {
        /// How traffic grows, step by step: a share as `5%`, `approve`, or a map. Where neither it nor `ramp` is there: 5%, 25%, 50%, 100%.
        "steps" optional steps: List<StepValue>;
        /// How traffic grows, evenly.
        "ramp" optional ramp: RampText;
        /// How long a step is held that does not say so itself.
        "hold" optional hold: Pause = "5m";
        /// Checks asked at the end of a step that does not name its own; all of the service's where it is not there.
        "checks" optional checks: ChecksNamed;
        /// How many fresh instances of stable are started to compare with.
        "baseline" optional baseline: Amount;
    }
    rules [Rule::AtMostOne(&["steps", "ramp"])]
}

/// `canary: [5%, 25%, 50%]`, or a map.
pub(crate) type CanaryValue = ShortOr<List<StepValue>, CanaryText>;

/// A canary of which only the name was written.
pub(crate) fn by_name(at: At, scene: &Scene<'_>, reader: &mut Reader<'_, '_>) -> Option<Canary> {
    let text = defaults::<CanaryText>(at, reader)?;
    full(&text, scene, reader)
}

pub(crate) fn resolve(value: &CanaryValue, at: At, scene: &Scene<'_>, reader: &mut Reader<'_, '_>) -> Option<Canary> {
    match value {
        ShortOr::Full(text) => full(text, scene, reader),
        ShortOr::Short(list) => {
            let text = defaults::<CanaryText>(at, reader)?;
            let steps = steps(list, &text, scene, reader)?;
            Some(Canary { growth: Growth::Steps(steps), baseline: None })
        }
    }
}

fn full(text: &CanaryText, scene: &Scene<'_>, reader: &mut Reader<'_, '_>) -> Option<Canary> {
    scene.at_most_all(text.baseline.get(), reader);
    let growth = match (&text.steps, &text.ramp) {
        (Field::Bad, _) | (_, Field::Bad) => None,
        (Field::Good(list), _) => steps(&list.value, text, scene, reader).map(Growth::Steps),
        (Field::Absent, Field::Good(ramp)) => self::ramp(&ramp.value, text, scene, reader),
        (Field::Absent, Field::Absent) => {
            let list = usual_steps(scene.at, reader)?;
            steps(&list, text, scene, reader).map(Growth::Steps)
        }
    };
    Some(Canary { growth: growth?, baseline: text.baseline.optional()? })
}

/// The steps that people use.
fn usual_steps(at: At, reader: &mut Reader<'_, '_>) -> Option<List<StepValue>> {
    let usual = ["5%", "25%", "50%", "100%"].map(|share| Node::from_default(&json!(share), at));
    List::read(&Node { at, content: Content::List(usual.to_vec()) }, reader)
}

fn steps(
    list: &List<StepValue>,
    canary: &CanaryText,
    scene: &Scene<'_>,
    reader: &mut Reader<'_, '_>,
) -> Option<Vec<CanaryStep>> {
    refuse_falling(list, scene, reader);
    let made: Vec<_> = list.items.iter().map(|item| step(item, canary, scene, reader)).collect();
    made.into_iter().collect::<Option<Vec<_>>>().filter(|_| list.complete)
}

/// The share that a step asks for, and where.
fn weight(item: &Located<StepValue>) -> Option<(Share, &str, At)> {
    match &item.value {
        ShortOr::Short(StepWord::Share(share)) => Some((*share, &item.shown, item.at)),
        ShortOr::Short(StepWord::Approve) => None,
        ShortOr::Full(step) => step.weight.get().map(|weight| (weight.value, weight.shown.as_str(), weight.at)),
    }
}

/// Takes down every step that gives the candidate no more than a step before it.
fn refuse_falling(list: &List<StepValue>, scene: &Scene<'_>, reader: &mut Reader<'_, '_>) {
    let what = if scene.traffic == Some(false) { "instances" } else { "traffic" };
    let mut before: Option<(Share, &str)> = None;
    for item in &list.items {
        let Some((share, shown, at)) = weight(item) else { continue };
        match before {
            _ if share.is_none() => {
                let help = "for instances without traffic leave `weight` out and write `instances: 1`";
                reader.problem(Code::OutOfRange, at, "a weight of 0% gives the candidate nothing", help);
            }
            Some((last, last_shown)) if share <= last => {
                let message = format!("the candidate's {what} must rise, but {shown} follows {last_shown}");
                let help = "sort the steps; a step that only waits has no `weight`: `{hold: 10m}` or `approve`";
                reader.problem(Code::NotRising, at, message, help);
            }
            _ => before = Some((share, shown)),
        }
    }
}

fn step(
    item: &Located<StepValue>,
    canary: &CanaryText,
    scene: &Scene<'_>,
    reader: &mut Reader<'_, '_>,
) -> Option<CanaryStep> {
    let text = match &item.value {
        ShortOr::Full(text) => text,
        ShortOr::Short(StepWord::Approve) => {
            return Some(CanaryStep { approve: true, ..bare(Span::ZERO) });
        }
        ShortOr::Short(StepWord::Share(share)) => {
            let checks = scene.checks.resolve(&canary.checks, reader)?;
            // Without traffic a service lands by its instances.
            let (weight, instances) = match scene.traffic? {
                true => (Some(*share), None),
                false => (None, Some(Amount::Share(*share))),
            };
            return Some(CanaryStep { weight, instances, checks, ..bare(canary.hold.value()?.0) });
        }
    };
    if let Some(weight) = text.weight.get() {
        scene.needs_traffic("`weight`", weight.at, "write `instances:` instead, as `instances: 25%`", reader);
    }
    scene.at_most_all(text.instances.get(), reader);
    let cohort = seen_by(&text.cohort, "`cohort`", scene, reader);
    let named = if text.checks.is_absent() { &canary.checks } else { &text.checks };
    let checks = scene.checks.resolve(named, reader);
    let still = text.weight.is_absent() && text.instances.is_absent() && text.cohort.is_absent();
    // A step that only asks a person has nothing to hold, unless it says so.
    let hold = if still && text.hold.is_absent() { Span::ZERO } else { text.hold.or(*canary.hold.value()?)?.0 };
    Some(CanaryStep {
        weight: text.weight.optional()?,
        instances: text.instances.optional()?,
        cohort: cohort?,
        hold,
        approve: *text.approve.value()?,
        checks: checks?,
    })
}

/// A step that changes nothing.
fn bare(hold: Span) -> CanaryStep {
    CanaryStep { weight: None, instances: None, cohort: Vec::new(), hold, approve: false, checks: Vec::new() }
}

fn ramp(text: &RampText, canary: &CanaryText, scene: &Scene<'_>, reader: &mut Reader<'_, '_>) -> Option<Growth> {
    let named = if text.checks.is_absent() { &canary.checks } else { &text.checks };
    let checks = scene.checks.resolve(named, reader);
    if let Some(hold) = canary.hold.written() {
        reader.problem(Code::NoEffect, hold.at, "`hold` belongs to steps", "a ramp says `every:` below `ramp:`");
    }
    let (from, to, by) = (text.from.get()?, text.to.get()?, text.by.get()?);
    if from.value.is_none() || by.value.is_none() {
        let zero = if from.value.is_none() { from } else { by };
        reader.problem(Code::StuckStrategy, zero.at, "a ramp of 0% never rises", "write at least `1%`");
    } else if from.value >= to.value {
        let at = if from.written { from.at } else { to.at };
        let message = format!("the ramp must rise, but it goes from {} to {}", from.shown, to.shown);
        reader.problem(Code::NotRising, at, message, "swap `from` and `to`");
    } else if (to.value.basis_points() - from.value.basis_points()) / by.value.basis_points() >= RAMP_SHARES_MAX {
        let message =
            format!("from {} to {} by {} takes more than {RAMP_SHARES_MAX} shares", from.shown, to.shown, by.shown);
        reader.problem(Code::OutOfRange, by.at, message, "write a larger `by`");
    }
    let every = text.every.or(Lasting(HOLD))?.0;
    Some(Growth::Ramp { from: from.value, to: to.value, by: by.value, every, checks: checks? })
}
