//! How a service proves that it is well, and how it stops.

use super::address::Path;
use super::code::Code;
use super::collection::ShortOr;
use super::command::Command;
use super::duration::{Answer, Every, Lasting, ShortPause, Work};
use super::node::At;
use super::number::Whole;
use super::object::{defaults, object};
use super::reader::{Field, Reader};
use super::scalar::{Scalar, Word, Wrong};
use super::schemas::Rule;
use crate::Span;
use crate::service::{Drain, Health, Probe, ProbeKind};
use serde_json::{Value, json};

/// `ready: /health/ready`, or `ready: tcp`.
#[derive(Clone, Debug)]
pub(crate) struct ProbeWord(ProbeKind);

impl Scalar for ProbeWord {
    fn belongs() -> String {
        "a path, as `/health/ready`, or `tcp`".to_owned()
    }

    fn from_word(word: &Word) -> Result<Self, Wrong> {
        if word.text == "tcp" {
            return Ok(Self(ProbeKind::Tcp));
        }
        Path::from_word(word).map(|path| Self(ProbeKind::Http(path.0)))
    }

    fn shape() -> Value {
        json!({"anyOf": [{"const": "tcp"}, Path::shape()]})
    }
}

object! {
    /// One question about an instance.
    struct ProbeText = "probe" {
        /// A GET of this path must be answered with 2xx or 3xx.
        "http" optional http: Path;
        /// The port must accept a connection.
        "tcp" optional tcp: bool;
        /// The command must exit with 0.
        "command" optional command: Command;
        /// How often it is asked: 1s at the start, 5s for readiness, 10s for liveness.
        "every" optional every: Every;
        /// How long an answer may take; 2s, and never longer than `every`.
        "timeout" optional timeout: Answer;
        /// How many good answers in a row make it well.
        "rise" optional rise: Whole<1, 100> = 1;
        /// How many bad answers in a row make it unwell.
        "fall" optional fall: Whole<1, 1_000> = 3;
    }
    rules [Rule::ExactlyOne(&["http", "tcp", "command"])]
}

/// A probe in short or in full.
type ProbeValue = ShortOr<ProbeWord, ProbeText>;

object! {
    /// How a service proves that it is well.
    struct HealthText = "health" {
        /// Asked until it passes once; then the others begin.
        "startup" optional startup: ProbeValue;
        /// Whether it may get traffic. Where it is not there, a service with traffic must accept connections.
        "ready" optional ready: ProbeValue;
        /// Whether it must be restarted.
        "live" optional live: ProbeValue;
        /// How long a fresh instance is left alone before its failures count.
        "grace" optional grace: ShortPause = "10s";
        /// How long a ready instance warms up before it counts in comparisons.
        "warm-up" optional warm_up: ShortPause = "10s";
        /// How long it may take from start to ready.
        "deadline" optional deadline: Work = "5m";
    }
}

object! {
    /// How an instance stops.
    struct DrainText = "drain" {
        /// How long it takes until every balancer has heard that the instance leaves.
        "spread" optional spread: ShortPause = "5s";
        /// How long its open work may take. 30s suits requests; long streams may need 300s.
        "deadline" optional deadline: ShortPause = "30s";
        /// How long it has between SIGTERM and SIGKILL.
        "grace" optional grace: ShortPause = "30s";
    }
}

/// `health: /health`, or a map.
pub(crate) type HealthValue = ShortOr<ProbeWord, HealthText>;
/// `drain: 60s`, or a map.
pub(crate) type DrainValue = ShortOr<ShortPause, DrainText>;

/// What a kind of probe is like where nothing else is said.
#[derive(Clone, Copy)]
struct Habit {
    every: Span,
    timeout: Span,
    fall: u32,
}

const STARTUP: Habit = Habit { every: Span::seconds(1), timeout: Span::seconds(1), fall: 3 };
const READY: Habit = Habit { every: Span::seconds(5), timeout: Span::seconds(2), fall: 3 };
const LIVE: Habit = Habit { every: Span::seconds(10), timeout: Span::seconds(2), fall: 3 };

impl Habit {
    fn probe(self, kind: ProbeKind) -> Probe {
        Probe { kind, every: self.every, timeout: self.timeout, rise: 1, fall: self.fall }
    }
}

/// The health, where `traffic` says whether the service has any, if that could be read.
pub(crate) fn resolve(
    field: &Field<HealthValue>,
    at: At,
    traffic: Option<bool>,
    reader: &mut Reader<'_, '_>,
) -> Option<Health> {
    let (text, short) = match field.value() {
        _ if field.is_bad() => return None,
        Some(ShortOr::Short(word)) => (defaults::<HealthText>(at, reader)?, Some(READY.probe(word.0.clone()))),
        Some(ShortOr::Full(text)) => (text.clone(), None),
        None => (defaults::<HealthText>(at, reader)?, None),
    };
    let startup = probe(&text.startup, STARTUP, traffic, reader);
    let ready = probe(&text.ready, READY, traffic, reader);
    let live = probe(&text.live, LIVE, traffic, reader);
    if let (Some(grace), Some(deadline)) = (text.grace.get(), text.deadline.get())
        && grace.value.0 >= deadline.value.0
    {
        let at = if grace.written { grace.at } else { deadline.at };
        let message = format!("the grace ({}) is not shorter than the deadline ({})", grace.shown, deadline.shown);
        let help = "an instance would count as late before its failures count: give it a longer `deadline`";
        reader.problem(Code::TimesDisagree, at, message, help);
    }
    let connects = traffic.unwrap_or(false).then(|| READY.probe(ProbeKind::Tcp));
    Some(Health {
        startup: startup?,
        ready: ready?.or(short).or(connects),
        live: live?,
        grace: text.grace.value()?.0,
        warm_up: text.warm_up.value()?.0,
        deadline: text.deadline.value()?.0,
    })
}

fn probe(
    field: &Field<ProbeValue>,
    habit: Habit,
    traffic: Option<bool>,
    reader: &mut Reader<'_, '_>,
) -> Option<Option<Probe>> {
    let (kind, made) = match field.value() {
        None => return (!field.is_bad()).then_some(None),
        Some(ShortOr::Short(word)) => (Some(word.0.clone()), Some(habit.probe(word.0.clone()))),
        Some(ShortOr::Full(text)) => {
            let kind = kind(text, reader);
            (kind.clone(), full(text, kind, habit, reader))
        }
    };
    if let (Some(ProbeKind::Http(_) | ProbeKind::Tcp), Some(false), Some(located)) = (kind, traffic, field.get()) {
        let help = "ask it with a `command:`, or give the service traffic: `listen: \":8080\"`";
        reader.problem(Code::NeedsTraffic, located.at, "a service without traffic has no port to ask", help);
    }
    made.map(Some)
}

fn kind(text: &ProbeText, reader: &mut Reader<'_, '_>) -> Option<ProbeKind> {
    if let Some(tcp) = text.tcp.get() {
        if !tcp.value {
            let help = "write `tcp: true`, or remove the whole probe";
            reader.problem(Code::NoEffect, tcp.at, "`tcp: false` asks nothing", help);
        }
        return Some(ProbeKind::Tcp);
    }
    let http = text.http.value().map(|path| ProbeKind::Http(path.0.clone()));
    http.or_else(|| text.command.value().map(|command| ProbeKind::Command(command.0.clone())))
}

fn full(text: &ProbeText, kind: Option<ProbeKind>, habit: Habit, reader: &mut Reader<'_, '_>) -> Option<Probe> {
    let every = text.every.or(Lasting(habit.every))?.0;
    // A person who asks every second means answers within a second.
    let timeout = text.timeout.or(Lasting(habit.timeout.min(every)))?.0;
    if let Some(written) = text.timeout.get().filter(|_| timeout > every) {
        let message = format!("the timeout ({}) is longer than the time between two questions ({})", written.shown, {
            text.every.get().map_or(habit.every.to_string(), |every| every.shown.clone())
        });
        reader.problem(Code::TimesDisagree, written.at, message, "make `timeout` shorter, or `every` longer");
    }
    let rise = text.rise.value()?.0;
    let fall = text.fall.value()?.0;
    Some(Probe { kind: kind?, every, timeout, rise, fall })
}

pub(crate) fn drain(field: &Field<DrainValue>, at: At, reader: &mut Reader<'_, '_>) -> Option<Drain> {
    let (text, deadline) = match field.value() {
        _ if field.is_bad() => return None,
        Some(ShortOr::Short(deadline)) => (defaults::<DrainText>(at, reader)?, Some(deadline.0)),
        Some(ShortOr::Full(text)) => (text.clone(), None),
        None => (defaults::<DrainText>(at, reader)?, None),
    };
    Some(Drain {
        spread: text.spread.value()?.0,
        deadline: deadline.or(text.deadline.value().map(|pause| pause.0))?,
        grace: text.grace.value()?.0,
    })
}
