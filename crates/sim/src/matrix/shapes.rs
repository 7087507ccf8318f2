//! The shapes: what is landed, by which plan, and how it goes.

use super::kinds::{Kind, kinds};
use super::script::{Meddling, Move, Point, Script};
use crate::services::name;
use crate::services::plain;
use crate::world::Behaviour;
use engine::facts::Facts;
use engine::journal::entry::Ask;
use model::service::{FlagChange, HookPoint, Repeat};
use model::{Digest, Name, Release, ReleaseNumber, Service, Span, Subject};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// How a rollout ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum End {
    /// As planned.
    Completed,
    /// By its way back.
    RolledBack,
    /// A person accepted what was there.
    Halted,
    /// There was no plan.
    Refused,
}

impl End {
    /// As shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::RolledBack => "rolled back",
            Self::Halted => "halted",
            Self::Refused => "refused",
        }
    }
}

/// Endings one after the other, as shown.
pub(super) fn words(ends: &[End]) -> String {
    ends.iter().map(|end| end.as_str()).collect::<Vec<_>>().join(", ")
}

/// How a landing goes, where nothing crashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Course {
    /// Well.
    Forward,
    /// The evidence is bad from the first request.
    Bad,
    /// The evidence turns bad.
    BadLate,
    /// No instance becomes ready.
    NeverReady,
    /// The platform gives it up.
    CrashLoop,
    /// A person calls it off.
    Abort(Point),
    /// A newer release comes.
    Superseded(Point),
    /// A person pauses it, and lets it go on.
    Paused,
    /// A person skips what is left to wait for.
    Promoted,
    /// Called off, and the undo of its hook fails.
    UndoFails,
    /// Its hook fails.
    HookFails,
}

impl Course {
    fn as_str(self) -> &'static str {
        match self {
            Self::Forward => "forward",
            Self::Bad => "bad",
            Self::BadLate => "bad-late",
            Self::NeverReady => "never-ready",
            Self::CrashLoop => "crash-loop",
            Self::Abort(Point::Early) => "abort-early",
            Self::Abort(Point::Exposed) => "abort-exposed",
            Self::Abort(Point::Last) => "abort-last",
            Self::Superseded(Point::Early) => "superseded-early",
            Self::Superseded(Point::Exposed) => "superseded-exposed",
            Self::Superseded(Point::Last) => "superseded-last",
            Self::Paused => "paused",
            Self::Promoted => "promoted",
            Self::UndoFails => "undo-fails",
            Self::HookFails => "hook-fails",
        }
    }

    /// How it ends unless a kind says otherwise.
    fn ends(self) -> &'static [End] {
        match self {
            Self::Forward | Self::Paused | Self::Promoted => &[End::Completed],
            Self::Superseded(_) => &[End::RolledBack, End::Completed],
            Self::UndoFails => &[End::Halted],
            Self::Bad | Self::BadLate | Self::NeverReady | Self::CrashLoop | Self::Abort(_) | Self::HookFails => {
                &[End::RolledBack]
            }
        }
    }

    fn behaviour(self) -> Behaviour {
        match self {
            Self::Bad => Behaviour::Bad,
            // Long enough before the landing ends for the next question to be in time.
            Self::BadLate => Behaviour::BadAfter(Span(3_000)),
            Self::NeverReady => Behaviour::NeverReady,
            Self::CrashLoop => Behaviour::CrashLoop,
            Self::Forward
            | Self::Abort(_)
            | Self::Superseded(_)
            | Self::Paused
            | Self::Promoted
            | Self::UndoFails
            | Self::HookFails => Behaviour::Good,
        }
    }

    fn meddling(self, newer: impl FnOnce() -> Arc<Release>) -> Option<Meddling> {
        let (at, ask) = match self {
            Self::Abort(at) => (at, Ask::Abort),
            Self::UndoFails => (Point::Last, Ask::Abort),
            Self::Superseded(at) => (at, Ask::Deploy { release: newer() }),
            Self::Paused => (Point::Exposed, Ask::Pause),
            Self::Promoted => (Point::Exposed, Ask::Promote),
            Self::Forward | Self::Bad | Self::BadLate | Self::NeverReady | Self::CrashLoop | Self::HookFails => {
                return None;
            }
        };
        Some(Meddling { at, ask })
    }
}

/// One shape.
#[derive(Clone, Debug)]
pub struct Shape {
    /// Its name: the kind of plan and its course.
    pub name: String,
    /// What the drivers can do; the fences are the case's.
    pub facts: Facts,
    /// How many routers there are.
    pub routers: usize,
    /// What an autoscaler wants, where one owns the number.
    pub autoscaled: Option<u32>,
    /// How releases behave.
    pub behaviours: BTreeMap<ReleaseNumber, Behaviour>,
    /// Hooks that fail, or whose undo does.
    pub failing: BTreeSet<(Name, bool)>,
    /// The flags that the landing sets.
    pub flags: BTreeMap<Name, FlagChange>,
    /// What people do.
    pub script: Script,
    /// How the tested rollout ends, and those after it, where nothing crashes.
    pub ends: Vec<End>,
    /// Whether a crash may lead elsewhere: nobody knows how a call ended that must not be repeated.
    pub wavers: bool,
    subject: Subject,
    tested: String,
}

impl Shape {
    /// The service's journal.
    pub fn subject(&self) -> Subject {
        self.subject.clone()
    }

    /// The id of the input that begins what is tested.
    pub fn tested(&self) -> String {
        self.tested.clone()
    }

    /// Whether nothing lands before what is tested.
    pub fn is_first(&self) -> bool {
        self.script.moves.first().is_some_and(|first| first.id() == self.tested)
    }

    /// A number of its own, so that shapes do not share their luck (FNV-1a of the name).
    pub fn seed(&self) -> u64 {
        self.name
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3))
    }
}

/// All shapes.
pub fn shapes() -> Vec<Shape> {
    kinds().iter().flat_map(|kind| kind.courses.iter().map(|(course, ends)| shape(kind, *course, ends))).collect()
}

fn shape(kind: &Kind, course: Course, ends: &[End]) -> Shape {
    // A way back lands nothing new: what comes next is the release after the last.
    let tested = kind.landed.len() as u32 + u32::from(kind.returns.is_none());
    let mut moves: Vec<Move> =
        (1..).zip(&kind.landed).map(|(number, service)| Move::Deploy(release(number, service, kind))).collect();
    let first = match kind.returns {
        Some((to, cold)) => Move::Return { to: ReleaseNumber(to), cold },
        None => Move::Deploy(release(tested, &kind.service, kind)),
    };
    let id = first.id();
    moves.push(first);
    moves.extend(kind.after.iter().map(|count| Move::Scale(*count)));
    let hooks = kind.service.hooks.iter();
    let failing = match course {
        Course::UndoFails => hooks.map(|hook| (hook.name.clone(), true)).collect(),
        // The last one, so that the way back is the longest.
        Course::HookFails => {
            hooks.filter(|hook| hook.at == HookPoint::After).map(|hook| (hook.name.clone(), false)).collect()
        }
        _ => BTreeSet::new(),
    };
    let meddling = course.meddling(|| release(tested + 1, &plain(&kind.service), kind));
    let script = Script {
        moves,
        meddling,
        keep: kind.keep.map(ReleaseNumber),
        halts: kind.halts.clone(),
        retries: kind.retries,
    };
    Shape {
        name: format!("{}.{}", kind.name, course.as_str()),
        facts: kind.facts.clone(),
        routers: if kind.facts.router.is_some() { kind.routers } else { 0 },
        autoscaled: kind.service.instances.autoscaled.then_some(kind.service.instances.count),
        behaviours: BTreeMap::from([(ReleaseNumber(tested), course.behaviour())]),
        failing,
        flags: kind.service.flags.iter().map(|change| (change.flag.clone(), change.clone())).collect(),
        script,
        ends: if ends.is_empty() { course.ends().to_vec() } else { ends.to_vec() },
        wavers: kind.service.hooks.iter().any(|hook| hook.repeat == Repeat::Never),
        subject: kind.service.subject(),
        tested: id,
    }
}

fn release(number: u32, service: &Service, kind: &Kind) -> Arc<Release> {
    let mut service = service.clone();
    service.run.version = format!("1.{number}.0");
    if let Some(database) = &mut service.database {
        for (index, migration) in database.migrations.iter_mut().enumerate() {
            migration.name = name(&format!("change-{number}-{index}"));
        }
    }
    // Who plays the third variant of an experiment.
    let variants = kind.third.iter().map(|other| (name("other"), ReleaseNumber(*other))).collect();
    let artifact = Digest::of(format!("artifact {number}").as_bytes());
    Arc::new(Release { number: ReleaseNumber(number), artifact, service, secrets: BTreeMap::new(), variants })
}
