//! The whole of a `glidepath.yaml`.

use super::check::{self, CheckNames, ChecksText};
use super::collection::{Dictionary, List, OneOrMany, ShortOr};
use super::command::Command;
use super::database::{self, DatabaseText};
use super::duration::{Long, Pause};
use super::gate::{self, GatesText};
use super::health::{self, DrainValue, HealthValue};
use super::hook::{self, FlagsText, HookText};
use super::name::VariableKey;
use super::node::{At, Node};
use super::number::Whole;
use super::object::{defaults, object};
use super::reader::{Field, Read, Reader};
use super::run::{self, ArtifactValue, InstancesValue, LimitsText};
use super::schemas::Rule;
use super::strategy::{self, Scene, StrategyValue};
use super::traffic::{self, ListenValue, TrafficValue};
use super::word::{OpenText, Text, choice};
use crate::service::{Interruption, Notification, Occasion, Rollback, Service, UndecidedPolicy, UnwindingPolicy};
use crate::{Name, Share};

choice!(Interruption, "a word for `interruption`", {
    "go-around" => Interruption::GoAround,
    "queue" => Interruption::Queue,
});

choice!(Occasion, "an occasion", {
    "started" => Occasion::Started,
    "waiting" => Occasion::Waiting,
    "completed" => Occasion::Completed,
    "rolled-back" => Occasion::RolledBack,
    "halted" => Occasion::Halted,
});

#[derive(Clone, Copy, Debug)]
pub(crate) struct Sudden;

choice!(Sudden, "a word for `unwinding`", { "sudden" => Sudden });

object! {
    /// Traffic goes back in even parts, so that a cold stable is not overrun.
    struct GradualText = "unwinding" {
        /// How many parts.
        "parts" optional parts: Whole<2, 100> = 4;
        /// How long each is held.
        "hold" optional hold: Pause = "10s";
    }
}

object! {
    /// How the service goes back.
    struct RollbackText = "rollback" {
        /// How long the old release stays warm after a landing.
        "window" optional window: Pause = "30m";
        /// How traffic goes back: `sudden` (at once), or a map for even parts.
        "unwinding" optional unwinding: ShortOr<Sudden, GradualText> = "sudden";
    }
}

object! {
    /// What undecided means in the end.
    struct UndecidedText = "undecided" {
        /// How long a person is waited for before the rollout goes around.
        "wait" optional wait: Long = "1h";
        /// Where the candidate has more than this share, nobody is waited for.
        "exposure" optional exposure: Share = "50%";
    }
}

object! {
    /// Somebody who is told.
    struct NotificationText = "notification" {
        /// The name of a notifier: `slack`, `email`, `webhook`.
        "notifier" required notifier: Name;
        /// Where to: a channel, an address.
        "to" required to: Text;
        /// What about: `started`, `waiting`, `completed`, `rolled-back`, `halted`; everything where it is not there.
        "about" optional about: OneOrMany<Occasion>;
    }
}

object! {
    /// A service, its next release included.
    struct ServiceText = "service" {
        /// Its name: lower-case letters, digits and dashes.
        "service" required service: Name;
        /// Where in its life: `staging`, `production`.
        "environment" optional environment: Name = "production";
        /// A machine, a cluster, a region.
        "place" optional place: Name = "local";
        /// What people call this version: `2.4.1`, a git revision.
        "version" optional version: Text = "unversioned";
        /// A file, folder or archive; a map for a git revision or an image. Nothing is unpacked where it is not there.
        "artifact" optional artifact: ArtifactValue;
        /// The command, as `./shop --port $PORT`, or a list of its words. It is started without a shell; `$PORT` is the
        /// port that Glidepath gives to the instance.
        "run" optional run: Command;
        /// The folder it runs in.
        "directory" optional directory: Text;
        /// The user it runs as.
        "user" optional user: Text;
        /// The environment variables it sees, besides what Glidepath sets.
        "env" optional env: Dictionary<VariableKey, OpenText>;
        /// Environment variables whose values are secrets, by the secret's name.
        "secrets" optional secrets: Dictionary<VariableKey, Name>;
        /// How many instances run: a number, or a map.
        "instances" optional instances: InstancesValue;
        /// How it proves that it is well: the path that answers when it is ready, or a map.
        "health" optional health: HealthValue;
        /// How an instance stops: how long its open work may take, or a map.
        "drain" optional drain: DrainValue;
        /// What an instance may use.
        "limits" optional limits: LimitsText;
        /// Where the gateway listens for it: `":8080"`; short for a `traffic` that says no more. No traffic where neither is there.
        "listen" optional listen: ListenValue;
        /// The traffic it serves, or `none`.
        "traffic" optional traffic: TrafficValue;
        /// How it lands: `recreate`, `rolling`, `blue-green`, `canary`, `ab` or `shadow`, or a map with one of them.
        /// `rolling` where it is not there, `recreate` for a singleton.
        "strategy" optional strategy: StrategyValue;
        /// Questions asked while it lands, by name.
        "checks" optional checks: ChecksText;
        /// What is asked for before it lands.
        "gates" optional gates: GatesText;
        /// What is called on the way.
        "hooks" optional hooks: List<HookText, 0>;
        /// Flags set once the candidate serves everything, by name.
        "flags" optional flags: FlagsText;
        /// How it goes back: how long the old release stays warm, or a map.
        "rollback" optional rollback: ShortOr<Pause, RollbackText>;
        /// What undecided means in the end.
        "undecided" optional undecided: UndecidedText;
        /// What a newer release does to a rollout: it `go-around`s first, or the newer one waits in a `queue`.
        "interruption" optional interruption: Interruption = "go-around";
        /// The database it uses.
        "database" optional database: DatabaseText;
        /// Who is told.
        "notifications" optional notifications: List<NotificationText, 0>;
    }
    rules [Rule::AtMostOne(&["listen", "traffic"])]
}

/// A service and where it was described.
pub(crate) struct Described {
    pub(crate) service: Service,
    /// Where its name stands.
    pub(crate) at: At,
    /// Its name, environment and place as written.
    pub(crate) shown: String,
}

/// The service of one document; nothing where problems have been taken down.
pub(crate) fn read(document: &Node, reader: &mut Reader<'_, '_>) -> Option<Described> {
    let before = reader.problems.count();
    let text = reader.located::<ServiceText>(document, "the document")?.value;
    let described = resolve(&text, document.at, reader)?;
    (reader.problems.count() == before).then_some(described)
}

fn resolve(text: &ServiceText, at: At, reader: &mut Reader<'_, '_>) -> Option<Described> {
    let has_traffic = traffic::has_traffic(text);
    let run = run::resolve(text, at, reader);
    let instances = run::instances(&text.instances, at, reader);
    let (instances, count) = instances.map_or((None, String::new()), |(instances, count)| (Some(instances), count));
    let health = health::resolve(&text.health, at, has_traffic, reader);
    let drain = health::drain(&text.drain, at, reader);
    let limits = run::limits(&text.limits, at, reader);
    let traffic = traffic::resolve(text, reader);
    let names = CheckNames::new(&text.checks);
    let checks = check::resolve(&text.checks, has_traffic, reader);
    let sticky = match &traffic {
        // An experiment without any traffic has a problem of its own.
        Some(traffic) => traffic.as_ref().map(|traffic| traffic.sticky.is_some()),
        None => None,
    };
    let scene = Scene { at, traffic: has_traffic, sticky, instances: instances.clone(), count: &count, checks: &names };
    let strategy = strategy::resolve(&text.strategy, &scene, reader);
    let gates = gate::resolve(&text.gates, reader);
    let hooks = hook::resolve(&text.hooks, has_traffic, reader);
    let flags = hook::flags(&text.flags, reader);
    let rollback = rollback(&text.rollback, at, reader);
    let undecided = undecided(&text.undecided, at, reader);
    let database = database::resolve(&text.database, reader);
    let notifications = notifications(&text.notifications);
    let name = text.service.get()?;
    let (environment, place) = (text.environment.get()?, text.place.get()?);
    let service = Service {
        name: name.value.clone(),
        environment: environment.value.clone(),
        place: place.value.clone(),
        run: run?,
        instances: instances?,
        health: health?,
        drain: drain?,
        limits: limits?,
        traffic: traffic?,
        strategy: strategy?,
        checks: checks?,
        gates: gates?,
        hooks: hooks?,
        flags: flags?,
        rollback: rollback?,
        undecided: undecided?,
        interruption: *text.interruption.value()?,
        database: database?,
        notifications: notifications?,
    };
    let shown = format!("`{}` in `{}` at `{}`", name.shown, environment.shown, place.shown);
    Some(Described { service, at: name.at, shown })
}

fn rollback(field: &Field<ShortOr<Pause, RollbackText>>, at: At, reader: &mut Reader<'_, '_>) -> Option<Rollback> {
    let (text, window) = match field {
        Field::Bad => return None,
        Field::Absent => (defaults::<RollbackText>(at, reader)?, None),
        Field::Good(rollback) => match &rollback.value {
            ShortOr::Short(window) => (defaults::<RollbackText>(at, reader)?, Some(window.0)),
            ShortOr::Full(text) => (text.clone(), None),
        },
    };
    let unwinding = match text.unwinding.value()? {
        ShortOr::Short(Sudden) => UnwindingPolicy::Sudden,
        ShortOr::Full(gradual) => UnwindingPolicy::Gradual {
            // At most a hundred.
            parts: u16::try_from(gradual.parts.value()?.0).ok()?,
            hold: gradual.hold.value()?.0,
        },
    };
    Some(Rollback { window: window.or(text.window.value().map(|window| window.0))?, unwinding })
}

fn undecided(field: &Field<UndecidedText>, at: At, reader: &mut Reader<'_, '_>) -> Option<UndecidedPolicy> {
    let text = match field {
        Field::Bad => return None,
        Field::Absent => defaults::<UndecidedText>(at, reader)?,
        Field::Good(text) => text.value.clone(),
    };
    Some(UndecidedPolicy { wait: text.wait.value()?.0, exposure: *text.exposure.value()? })
}

fn notifications(field: &Field<List<NotificationText, 0>>) -> Option<Vec<Notification>> {
    let list = match field {
        Field::Absent => return Some(Vec::new()),
        Field::Bad => return None,
        Field::Good(list) => &list.value,
    };
    let one = |text: &NotificationText| {
        let about = match &text.about {
            Field::Absent => Vec::new(),
            Field::Bad => return None,
            Field::Good(about) => about.value.0.complete.then(|| about.value.0.values())?,
        };
        let (notifier, to) = (text.notifier.value()?.clone(), text.to.value()?.0.clone());
        Some(Notification { notifier, to, about })
    };
    list.items.iter().map(|item| one(&item.value)).collect::<Option<Vec<_>>>().filter(|_| list.complete)
}

/// The schema of a document.
pub(crate) fn schema() -> serde_json::Value {
    let mut schemas = super::schemas::Schemas::default();
    let root = ServiceText::schema(&mut schemas);
    schemas.finish(root)
}
