//! Questions about evidence.

use super::code::Code;
use super::collection::Dictionary;
use super::duration::{Every, Pause};
use super::name::NameKey;
use super::nearest::nearest;
use super::node::Kind;
use super::number::Whole;
use super::object::{listed, object};
use super::reader::{Field, Located, Reader};
use super::scalar::{Scalar, Word, Wrong};
use super::schemas::Rule as KeyRule;
use super::word::{Text, choice};
use crate::check::{Bound, Check, Measure, Rule};
use crate::{Name, Share, Span};
use serde_json::{Value, json};

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MeasureWord {
    ErrorRate,
    SuccessRate,
    Restarts,
    Latency(Share),
}

impl Scalar for MeasureWord {
    fn belongs() -> String {
        "something to measure (`error-rate`, `success-rate`, `restarts`, or a quantile of the latency, as `p99`)"
            .to_owned()
    }

    fn from_word(word: &Word) -> Result<Self, Wrong> {
        let quantile = |text: &str| Share::parse(&format!("{}%", text.strip_prefix('p')?)).ok();
        match word.string()? {
            "error-rate" => Ok(Self::ErrorRate),
            "success-rate" => Ok(Self::SuccessRate),
            "restarts" => Ok(Self::Restarts),
            text => match quantile(text).filter(|quantile| !text.contains(' ') && *quantile != Share::ALL) {
                Some(quantile) => Ok(Self::Latency(quantile)),
                None => Err(super::word::unknown(
                    text,
                    "something to measure",
                    &["error-rate", "success-rate", "restarts", "p50", "p95", "p99"],
                )),
            },
        }
    }

    fn shape() -> Value {
        json!({"anyOf": [
            {"enum": ["error-rate", "success-rate", "restarts", "p50", "p95", "p99"]},
            {"type": "string", "pattern": "^p[0-9]{1,2}(\\.[0-9]{1,2})?$"},
        ]})
    }
}

/// A bound in the unit that was written.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum BoundValue {
    Share(Share),
    Span(Span),
    Number(f64),
}

impl Scalar for BoundValue {
    fn belongs() -> String {
        "a bound: a share (`1%`), a duration (`500ms`) or a number".to_owned()
    }

    fn from_word(word: &Word) -> Result<Self, Wrong> {
        if let Kind::Number(number) = &word.kind {
            return Ok(Self::Number(number.as_f64().unwrap_or(0.0)));
        }
        if let Ok(share) = Share::parse(&word.text) {
            return Ok(Self::Share(share));
        }
        match Span::parse(&word.text) {
            Ok(span) => Ok(Self::Span(span)),
            Err(_) => Err(Wrong::new(Code::BadBound, "write `1%`, `500ms` or `100`")),
        }
    }

    fn shape() -> Value {
        json!({"anyOf": [
            {"type": "number"},
            {"type": "string", "pattern": Share::PATTERN},
            {"type": "string", "minLength": 1, "pattern": Span::PATTERN},
        ]})
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Stable;

choice!(Stable, "a word for `compare`", { "stable" => Stable });

object! {
    /// A question about evidence. With `above` or `below` it holds a number against a bound; with
    /// `compare` it compares the candidate with stable.
    struct CheckText = "check" {
        /// What is measured: `error-rate`, `success-rate`, a quantile of the latency (`p99`) or `restarts`.
        "measure" optional measure: MeasureWord;
        /// A query in the source's own language.
        "query" optional query: Text;
        /// Where the numbers come from: `gateway`, `platform`, or the name of a source.
        "source" optional source: Name;
        /// Bad above this: a share, a duration or a number, as suits what is measured.
        "above" optional above: BoundValue;
        /// Bad below this.
        "below" optional below: BoundValue;
        /// Compared with the stable release.
        "compare" optional compare: Stable;
        /// The rate of false alarms that is accepted, as a share of rollouts; 1% where it is not there.
        "alpha" optional alpha: Share;
        /// A difference up to this is no harm.
        "margin" optional margin: Share;
        /// How often a bound is looked at; 10s where it is not there.
        "every" optional every: Every;
        /// How many bad looks are forgiven; 2 where it is not there, so that the third one fails.
        "failures" optional failures: Whole<0, 1_000>;
        /// Nothing is judged so long after the candidate's first exposure.
        "warm-up" optional warm_up: Pause = "1m";
        /// Only reported, never acted on.
        "dry-run" optional dry_run: bool = false;
    }
    rules [
        KeyRule::ExactlyOne(&["measure", "query"]),
        KeyRule::ExactlyOne(&["above", "below", "compare"]),
        KeyRule::Needs("query", "source"),
    ]
}

/// Checks by name.
pub(crate) type ChecksText = Dictionary<NameKey, CheckText>;

/// The names of the checks that are there.
pub(crate) struct CheckNames {
    names: Vec<Name>,
    /// Those that are acted on: what a step asks where it names none.
    acting: Vec<Name>,
    /// Whether all are known. Otherwise an unknown one may be one that could not be read.
    complete: bool,
}

impl CheckNames {
    /// What somebody declared.
    pub(crate) fn new(field: &Field<ChecksText>) -> Self {
        let entries = field.value().map_or(&[][..], |checks| checks.entries.as_slice());
        let name = |key: &str| Name::new(key).ok();
        let dry = |check: &CheckText| check.dry_run.value().copied().unwrap_or(false);
        Self {
            names: entries.iter().filter_map(|entry| name(&entry.key)).collect(),
            acting: entries
                .iter()
                .filter(|entry| !dry(&entry.value.value))
                .filter_map(|entry| name(&entry.key))
                .collect(),
            complete: !field.is_bad() && field.value().is_none_or(|checks| checks.complete),
        }
    }

    /// The checks that a step names; all that are acted on where it names none.
    pub(crate) fn resolve(&self, field: &Field<ChecksNamed>, reader: &mut Reader<'_, '_>) -> Option<Vec<Name>> {
        let list = match field {
            Field::Absent => return Some(self.acting.clone()),
            Field::Bad => return None,
            Field::Good(list) => &list.value,
        };
        for item in &list.items {
            if !self.names.contains(&item.value) && self.complete {
                self.unknown(item, reader);
            }
        }
        list.complete.then(|| list.values())
    }

    fn unknown(&self, item: &Located<Name>, reader: &mut Reader<'_, '_>) {
        let names: Vec<&str> = self.names.iter().map(Name::as_str).collect();
        let help = match nearest(item.value.as_str(), names.iter().copied()) {
            // What comes from the environment is not hinted at.
            Some(near) if !item.shown.contains("${") => format!("did you mean `{near}`?"),
            _ if names.is_empty() => "declare it below `checks:`".to_owned(),
            _ => format!("declare it below `checks:`; the checks there are {}", listed(&names)),
        };
        reader.problem(Code::UnknownCheck, item.at, format!("there is no check `{}`", item.shown), help);
    }
}

/// The checks that a step asks, by name; none where the list is empty.
pub(crate) type ChecksNamed = super::collection::List<Name, 0>;

/// The checks of a service, where `traffic` says whether it has any, if that could be read.
pub(crate) fn resolve(
    field: &Field<ChecksText>,
    traffic: Option<bool>,
    reader: &mut Reader<'_, '_>,
) -> Option<Vec<Check>> {
    let Some(checks) = field.value() else { return (!field.is_bad()).then(Vec::new) };
    let made: Vec<_> = checks
        .entries
        .iter()
        .map(|entry| {
            let check = &entry.value.value;
            refuse_senseless(check, traffic, reader);
            Some(Check {
                name: Name::new(&entry.key).ok()?,
                source: source(check)?,
                rule: rule(check)?,
                warm_up: check.warm_up.value()?.0,
                dry_run: *check.dry_run.value()?,
            })
        })
        .collect();
    made.into_iter().collect::<Option<Vec<_>>>().filter(|_| checks.complete)
}

fn source(check: &CheckText) -> Option<Name> {
    let own = if check.measure.value() == Some(&MeasureWord::Restarts) { "platform" } else { "gateway" };
    check.source.or(Name::new(own).ok()?)
}

fn rule(check: &CheckText) -> Option<Rule> {
    if let Some(MeasureWord::Restarts) = check.measure.value() {
        // Checked before: it is a whole number that fits.
        return match check.above.value()? {
            BoundValue::Number(number) => Some(Rule::Health { restarts: *number as u32 }),
            BoundValue::Share(_) | BoundValue::Span(_) => None,
        };
    }
    let measure = measure(check)?;
    if check.compare.get().is_some() {
        return Some(Rule::Comparison {
            measure,
            alpha: check.alpha.or(Share::percent(1))?,
            margin: check.margin.optional()?,
        });
    }
    let number = |bound: &BoundValue| match bound {
        BoundValue::Share(share) => f64::from(share.basis_points()) / 10_000.0,
        // Milliseconds, exact far beyond what a latency can be.
        BoundValue::Span(span) => span.0 as f64,
        BoundValue::Number(number) => *number,
    };
    let above = check.above.value().map(|bound| Bound::Above(number(bound)));
    let bound = above.or_else(|| check.below.value().map(|bound| Bound::Below(number(bound))))?;
    let every = check.every.or(super::duration::Lasting(Span::seconds(10)))?.0;
    Some(Rule::Threshold { measure, bound, every, failures: check.failures.or(Whole(2))?.0 })
}

fn measure(check: &CheckText) -> Option<Measure> {
    if let Some(query) = check.query.value() {
        return Some(Measure::Query(query.0.clone()));
    }
    match check.measure.value()? {
        MeasureWord::ErrorRate => Some(Measure::ErrorRate),
        MeasureWord::SuccessRate => Some(Measure::SuccessRate),
        MeasureWord::Latency(quantile) => Some(Measure::Latency(*quantile)),
        MeasureWord::Restarts => None,
    }
}

/// Takes down what could be read but can never tell anything.
fn refuse_senseless(check: &CheckText, traffic: Option<bool>, reader: &mut Reader<'_, '_>) {
    refuse_without_effect(check, reader);
    if let (Some(compare), Some(_)) = (check.compare.get(), check.query.get()) {
        let help = "compare `error-rate` or a latency as `p99`; hold a query against a bound: `above: 100`";
        reader.problem(Code::SenselessCheck, compare.at, "a query cannot be compared: it counts no requests", help);
    }
    let Some(measure) = check.measure.get() else { return };
    let own = check.source.get().is_none_or(|source| source.value.as_str() == "gateway");
    if measure.value != MeasureWord::Restarts && own && traffic == Some(false) {
        let message = format!("the gateway cannot measure `{}` of a service without traffic", measure.shown);
        let help = "use `measure: restarts`, or a `query:` with a `source:`";
        reader.problem(Code::NeedsTraffic, measure.at, message, help);
    }
    if let (MeasureWord::Restarts, Some(compare)) = (measure.value, check.compare.get()) {
        reader.problem(
            Code::SenselessCheck,
            compare.at,
            "restarts are not compared",
            "hold them against a bound: `above: 2`",
        );
    }
    let bad_below = measure.value == MeasureWord::SuccessRate;
    if let Some(bound) = check.above.get().filter(|_| bad_below) {
        let message = "a high success rate is not bad";
        reader.problem(Code::SenselessCheck, bound.at, message, "write `below:`");
    }
    if let Some(bound) = check.below.get().filter(|_| !bad_below) {
        let message = format!("a low `{}` is not bad", measure.shown);
        reader.problem(Code::SenselessCheck, bound.at, message, "write `above:`");
    }
    for bound in [check.above.get(), check.below.get()].into_iter().flatten() {
        refuse_unit(measure.value, bound, reader);
    }
}

fn refuse_without_effect(check: &CheckText, reader: &mut Reader<'_, '_>) {
    let compared = check.compare.get().is_some();
    let bounded = check.above.get().is_some() || check.below.get().is_some();
    let restarts = check.measure.value() == Some(&MeasureWord::Restarts);
    let only_compared =
        [("alpha", check.alpha.get().map(|one| one.at)), ("margin", check.margin.get().map(|one| one.at))];
    let only_bounded =
        [("every", check.every.get().map(|one| one.at)), ("failures", check.failures.get().map(|one| one.at))];
    for (key, at) in only_compared {
        if let (Some(at), true) = (at, bounded) {
            let help = "remove it, or compare with the stable release: `compare: stable`";
            reader.problem(Code::NoEffect, at, format!("`{key}` belongs to a comparison"), help);
        }
    }
    for (key, at) in only_bounded {
        if let (Some(at), true) = (at, compared || restarts) {
            let help = "remove it: what is compared or counted is looked at all the time";
            reader.problem(Code::NoEffect, at, format!("`{key}` belongs to a measured bound"), help);
        }
    }
    if let Some(alpha) = check.alpha.get().filter(|alpha| alpha.value.is_none() || alpha.value > Share::percent(50)) {
        let message = format!("`{}` is no sensible rate of false alarms", alpha.shown);
        reader.problem(Code::OutOfRange, alpha.at, message, "write a share above 0% and up to 50%; 1% is usual");
    }
}

/// A rate is held against a share, a latency against a duration, restarts against a whole number.
fn refuse_unit(measure: MeasureWord, bound: &Located<BoundValue>, reader: &mut Reader<'_, '_>) {
    let (fits, wanted) = match (measure, bound.value) {
        (MeasureWord::ErrorRate | MeasureWord::SuccessRate, value) => {
            (matches!(value, BoundValue::Share(_)), "a rate is held against a share, as `1%`")
        }
        (MeasureWord::Latency(_), value) => {
            (matches!(value, BoundValue::Span(_)), "a latency is held against a duration, as `500ms`")
        }
        (MeasureWord::Restarts, value) => {
            let whole =
                matches!(value, BoundValue::Number(number) if number.fract() == 0.0 && (0.0..=1e6).contains(&number));
            (whole, "restarts are held against a whole number, as `2`")
        }
    };
    if !fits {
        let message = format!("`{}` is no bound for this measure", bound.shown);
        reader.problem(Code::SenselessCheck, bound.at, message, wanted);
    }
}
