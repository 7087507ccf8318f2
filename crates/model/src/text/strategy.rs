//! How a service lands: the strategies but for the canary and the experiment, which have files of their own.

use super::canary::{self, CanaryValue};
use super::check::{CheckNames, ChecksNamed};
use super::code::Code;
use super::collection::{List, OneOrMany, ShortOr};
use super::duration::{Pause, Work};
use super::experiment::{self, AbText};
use super::node::At;
use super::object::{defaults, object};
use super::reader::{Field, Located, Reader};
use super::schemas::Rule;
use super::traffic::{MatchText, Method, matches};
use super::word::choice;
use crate::intent::{Hold, Match};
use crate::service::Instances;
use crate::strategy::{Amount, BlueGreen, Recreate, Rolling, Shadow, Strategy, StrategyName};
use crate::{Share, Span};

choice!(StrategyName, "a strategy", {
    "recreate" => StrategyName::Recreate,
    "rolling" => StrategyName::Rolling,
    "blue-green" => StrategyName::BlueGreen,
    "canary" => StrategyName::Canary,
    "ab" => StrategyName::Ab,
    "shadow" => StrategyName::Shadow,
});

choice!(Hold, "a word for `hold`", {
    "maintenance" => Hold::Maintenance,
    "parking" => Hold::Parking,
});

object! {
    /// Stop the old, start the new; down in between.
    struct RecreateText = "recreate" {
        /// What callers see in between: `maintenance` for a page with Retry-After, `parking` to wait in a bounded queue.
        "hold" optional hold: Hold = "maintenance";
    }
}

object! {
    /// Replace instances a few at a time.
    struct RollingText = "rolling" {
        /// How many more than the full number may run.
        "surge" optional surge: Amount = 1;
        /// How many fewer than the full number may be ready.
        "unavailable" optional unavailable: Amount = 0;
        /// How many are replaced at a time.
        "batch" optional batch: Amount = 1;
        /// How long a batch is watched before the next.
        "min-ready" optional min_ready: Pause = "10s";
        /// Checks asked after each batch; none where it is not there. All of the service's run all the while.
        "checks" optional checks: ChecksNamed;
    }
}

object! {
    /// A whole second set, then one switch.
    struct BlueGreenText = "blue-green" {
        /// Requests that see the new side before the switch.
        "preview" optional preview: List<MatchText>;
        /// Whether a person says yes before the switch.
        "approve" optional approve: bool = false;
        /// How long the new side is watched before the switch.
        "settle" optional settle: Pause = "30s";
        /// How long traffic is watched after the switch, before the landing ends.
        "watch" optional watch: Pause = "5m";
        /// How many of the old side stay for the rollback window; all where it is not there.
        "idle" optional idle: Amount;
        /// Checks asked before and after the switch; all of the service's where it is not there.
        "checks" optional checks: ChecksNamed;
    }
}

object! {
    /// Copies of requests, answers seen by nobody.
    struct ShadowText = "shadow" {
        /// The share of requests copied.
        "share" optional share: Share = "10%";
        /// Methods whose requests are copied. Copying others repeats their side effects.
        "methods" optional methods: OneOrMany<Method> = ["GET", "HEAD", "OPTIONS"];
        /// How long.
        "hold" optional hold: Work = "30m";
        /// How many instances the shadow has; the full number where it is not there.
        "instances" optional instances: Amount;
        /// Checks asked at the end; all of the service's where it is not there.
        "checks" optional checks: ChecksNamed;
    }
}

object! {
    /// How the service lands: one of these.
    struct StrategyText = "strategy" {
        /// Stop the old, start the new; down in between.
        "recreate" optional recreate: RecreateText;
        /// Replace instances a few at a time.
        "rolling" optional rolling: RollingText;
        /// A whole second set, then one switch.
        "blue-green" optional blue_green: BlueGreenText;
        /// A little traffic, then more: its steps, or a map.
        "canary" optional canary: CanaryValue;
        /// Two or more variants side by side until a decision.
        "ab" optional ab: AbText;
        /// Copies of requests, answers seen by nobody.
        "shadow" optional shadow: ShadowText;
    }
    rules [Rule::ExactlyOne(&["recreate", "rolling", "blue-green", "canary", "ab", "shadow"])]
}

/// `strategy: rolling`, or a map.
pub(crate) type StrategyValue = ShortOr<StrategyName, StrategyText>;

/// What a strategy has to fit. What could not be read is not there, and nothing follows from it.
pub(crate) struct Scene<'a> {
    pub(crate) at: At,
    pub(crate) traffic: Option<bool>,
    pub(crate) sticky: Option<bool>,
    pub(crate) instances: Option<Instances>,
    /// The number of instances as written.
    pub(crate) count: &'a str,
    pub(crate) checks: &'a CheckNames,
}

impl Scene<'_> {
    /// Takes down that something needs traffic, where there is none.
    pub(crate) fn needs_traffic(&self, what: &str, at: At, help: &str, reader: &mut Reader<'_, '_>) {
        if self.traffic == Some(false) {
            let message = format!("{what} needs traffic, but the service has none");
            reader.problem(Code::NeedsTraffic, at, message, help);
        }
    }

    /// Takes down that more instances are asked for than there are.
    pub(crate) fn at_most_all(&self, amount: Option<&Located<Amount>>, reader: &mut Reader<'_, '_>) {
        let (Some(amount), Some(instances)) = (amount, &self.instances) else { return };
        if let (Amount::Count(count), false) = (amount.value, instances.autoscaled)
            && count > instances.count
        {
            let message = format!("{} are more than the service has ({})", amount.shown, self.count);
            reader.problem(Code::MoreThanAll, amount.at, message, "write fewer, or a share, as `100%`");
        }
    }

    /// Takes down that old and new would run side by side, where only one may run.
    fn refuse_overlap(&self, name: &str, at: At, reader: &mut Reader<'_, '_>) {
        if self.instances.as_ref().is_some_and(|instances| instances.singleton) {
            let message = format!("`{name}` runs old and new side by side, but the service is a singleton");
            let help = "write `strategy: recreate`, or remove `singleton: true`";
            reader.problem(Code::SingletonOverlap, at, message, help);
        }
    }
}

const ADD_LISTEN: &str = "say where it listens: `listen: \":8080\"`, or choose `rolling`, `canary` or `recreate`";

pub(crate) fn resolve(
    field: &Field<StrategyValue>,
    scene: &Scene<'_>,
    reader: &mut Reader<'_, '_>,
) -> Option<Strategy> {
    match field {
        Field::Bad => None,
        // A singleton must not overlap, and a beginner need not know.
        Field::Absent if scene.instances.as_ref()?.singleton => {
            by_name(StrategyName::Recreate, scene.at, scene, reader)
        }
        Field::Absent => by_name(StrategyName::Rolling, scene.at, scene, reader),
        Field::Good(Located { value: ShortOr::Short(name), at, .. }) => by_name(*name, *at, scene, reader),
        Field::Good(Located { value: ShortOr::Full(text), .. }) => full(text, scene, reader),
    }
}

/// A strategy of which only the name was written.
fn by_name(name: StrategyName, at: At, scene: &Scene<'_>, reader: &mut Reader<'_, '_>) -> Option<Strategy> {
    match name {
        StrategyName::Recreate => recreate(&defaults(at, reader)?, scene, reader),
        StrategyName::Rolling => rolling(&defaults(at, reader)?, at, scene, reader),
        StrategyName::BlueGreen => blue_green(&defaults(at, reader)?, at, scene, reader),
        StrategyName::Canary => {
            scene.refuse_overlap("canary", at, reader);
            canary::by_name(at, scene, reader).map(Strategy::Canary)
        }
        StrategyName::Ab => {
            scene.refuse_overlap("ab", at, reader);
            experiment::resolve(&defaults(at, reader)?, at, scene, reader).map(Strategy::Ab)
        }
        StrategyName::Shadow => shadow(&defaults(at, reader)?, at, scene, reader),
        StrategyName::Return => None,
    }
}

fn full(text: &StrategyText, scene: &Scene<'_>, reader: &mut Reader<'_, '_>) -> Option<Strategy> {
    if let Some(one) = text.recreate.get() {
        return recreate(&one.value, scene, reader);
    }
    if let Some(one) = text.rolling.get() {
        return rolling(&one.value, one.at, scene, reader);
    }
    if let Some(one) = text.blue_green.get() {
        return blue_green(&one.value, one.at, scene, reader);
    }
    if let Some(one) = text.canary.get() {
        scene.refuse_overlap("canary", one.at, reader);
        return canary::resolve(&one.value, one.at, scene, reader).map(Strategy::Canary);
    }
    if let Some(one) = text.ab.get() {
        scene.refuse_overlap("ab", one.at, reader);
        return experiment::resolve(&one.value, one.at, scene, reader).map(Strategy::Ab);
    }
    text.shadow.get().and_then(|one| shadow(&one.value, one.at, scene, reader))
}

fn recreate(text: &RecreateText, scene: &Scene<'_>, reader: &mut Reader<'_, '_>) -> Option<Strategy> {
    if let Some(hold) = text.hold.written() {
        scene.needs_traffic("`hold`", hold.at, "remove `hold`: nobody calls the service", reader);
    }
    Some(Strategy::Recreate(Recreate { hold: *text.hold.value()? }))
}

fn rolling(text: &RollingText, at: At, scene: &Scene<'_>, reader: &mut Reader<'_, '_>) -> Option<Strategy> {
    // A batch is far too short for a comparison to reach its sample: it only asks what it names.
    let unnamed = text.checks.is_absent();
    let checks = if unnamed { Some(Vec::new()) } else { scene.checks.resolve(&text.checks, reader) };
    let (surge, unavailable, batch) = (text.surge.get()?, text.unavailable.get()?, text.batch.get()?);
    if none(surge.value) && none(unavailable.value) {
        let at = if unavailable.written { unavailable.at } else { surge.at };
        let help = "let one more run (`surge: 1`), or one fewer be ready (`unavailable: 1`)";
        reader.problem(Code::StuckStrategy, at, "with no surge and none unavailable, nothing can be replaced", help);
    }
    if none(batch.value) {
        reader.problem(Code::StuckStrategy, batch.at, "a batch of none replaces nothing", "write at least `batch: 1`");
    }
    if !none(surge.value) {
        scene.refuse_overlap("rolling", if surge.written { surge.at } else { at }, reader);
    }
    scene.at_most_all(text.batch.written(), reader);
    if let Some(instances) = scene.instances.as_ref().filter(|instances| !instances.autoscaled) {
        let all = unavailable.value.of(instances.count) >= instances.count;
        if all && unavailable.written && !instances.singleton {
            let message = format!("{} unavailable of {} would be a time without any", unavailable.shown, scene.count);
            let help = "write fewer, or choose `strategy: recreate`, which puts up a page meanwhile";
            reader.problem(Code::MoreThanAll, unavailable.at, message, help);
        }
    }
    Some(Strategy::Rolling(Rolling {
        surge: surge.value,
        unavailable: unavailable.value,
        batch: batch.value,
        min_ready: text.min_ready.value()?.0,
        checks: checks?,
    }))
}

fn none(amount: Amount) -> bool {
    match amount {
        Amount::Count(count) => count == 0,
        Amount::Share(share) => share.is_none(),
    }
}

fn blue_green(text: &BlueGreenText, at: At, scene: &Scene<'_>, reader: &mut Reader<'_, '_>) -> Option<Strategy> {
    scene.refuse_overlap("blue-green", at, reader);
    let checks = scene.checks.resolve(&text.checks, reader);
    let preview = seen_by(&text.preview, "`preview`", scene, reader);
    scene.at_most_all(text.idle.get(), reader);
    Some(Strategy::BlueGreen(BlueGreen {
        preview: preview?,
        approve: *text.approve.value()?,
        settle: text.settle.value()?.0,
        watch: text.watch.value()?.0,
        idle: text.idle.optional()?,
        checks: checks?,
    }))
}

fn shadow(text: &ShadowText, at: At, scene: &Scene<'_>, reader: &mut Reader<'_, '_>) -> Option<Strategy> {
    scene.refuse_overlap("shadow", at, reader);
    scene.needs_traffic("`shadow`", at, ADD_LISTEN, reader);
    let checks = scene.checks.resolve(&text.checks, reader);
    scene.at_most_all(text.instances.get(), reader);
    let share = text.share.get()?;
    if share.value.is_none() {
        reader.problem(Code::OutOfRange, share.at, "a shadow of 0% sees nothing", "write at least `0.01%`");
    }
    let methods = &text.methods.value()?.0;
    let methods = methods.complete.then(|| methods.values().iter().map(|method| method.0.to_owned()).collect());
    Some(Strategy::Shadow(Shadow {
        share: share.value,
        methods: methods?,
        hold: text.hold.value()?.0,
        instances: text.instances.optional()?,
        checks: checks?,
    }))
}

/// Matches that need traffic.
pub(crate) fn seen_by(
    field: &Field<List<MatchText>>,
    what: &str,
    scene: &Scene<'_>,
    reader: &mut Reader<'_, '_>,
) -> Option<Vec<Match>> {
    match field {
        Field::Absent => Some(Vec::new()),
        Field::Bad => None,
        Field::Good(list) => {
            scene.needs_traffic(what, list.at, "remove it: nobody calls the service", reader);
            matches(&list.value, reader)
        }
    }
}

/// How long a step of a canary is held where nothing is said.
pub(crate) const HOLD: Span = Span::minutes(5);
