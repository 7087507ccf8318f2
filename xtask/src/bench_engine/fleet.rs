//! The services of the bench, and drivers that answer at once: what remains is the engine's own work.

use super::clock::Clock;
use engine::command::{Act, Command, Reply, Table};
use engine::driver::{Answer, Blind, Drivers, Platform, Question, Router, Source};
use engine::facts::{Facts, PlatformFacts, RouterFacts};
use engine::observe::{InstancesLook, MemberLook, PlatformLook, RouterLook};
use engine::store::{Pending, Position};
use model::verdict::Basis;
use model::{Digest, Evidence, Name, Release, ReleaseNumber, Subject, Verdict};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What each service of the fleet says about itself, besides its name.
const SERVICE: &str = "\
version: 2.4.1
run: ./shop --port $PORT
listen: \":8080\"
instances: 4
env: {LOG_LEVEL: info, WORKERS: 4, REGION: eu-1}
health: {ready: {http: /health/ready, every: 5s, timeout: 1s, rise: 2, fall: 3}}
checks:
  errors: {measure: error-rate, compare: stable, alpha: 1%, margin: 0.5%}
  slow: {measure: p99, above: 500ms}
strategy:
  canary: {hold: 2s, steps: [5%, 25%, 50%, 100%]}
";

/// The number in a service's subject: `service/s0042/production/local`.
pub(super) fn number_of(subject: &Subject) -> usize {
    let digits = subject.as_str().split('/').nth(1).and_then(|name| name.strip_prefix('s'));
    digits.and_then(|digits| digits.parse().ok()).unwrap_or(0)
}

/// A release of a service, or why the text above makes none.
pub(super) fn release(service: usize, release: u32) -> Result<Arc<Release>, String> {
    let text = format!("service: s{service:05}\n{SERVICE}");
    let mut service = model::text::parse_one(&text).map_err(|report| report.render(false))?;
    service.run.version = format!("2.4.{release}");
    let artifact = Digest::of(service.run.version.as_bytes());
    let number = ReleaseNumber(release);
    Ok(Arc::new(Release { number, artifact, service, secrets: BTreeMap::new(), variants: BTreeMap::new() }))
}

/// What the fakes know of one service: as little as possible, since it is counted as the engine's.
#[derive(Default)]
struct Plant {
    /// By release: the newest command's generation and count.
    capacity: Vec<(ReleaseNumber, Position, u32)>,
    table: (Position, Table),
    verdict: Verdicts,
}

/// What the source answers.
#[derive(Clone, Copy, Default)]
enum Verdicts {
    /// There are not enough requests yet: this is what holds ten thousand rollouts in Observe.
    #[default]
    Undecided,
    /// The next question is answered with a pass.
    PassNext,
    /// This attempt passes; it did so first at this time.
    Pass(Position, u64),
}

/// The outside world of all services.
pub(super) struct Fleet {
    plants: Mutex<Vec<Plant>>,
    clock: Clock,
    /// From the source's answer to the routers' command, in nanoseconds.
    delays: Mutex<Vec<u64>>,
    asked: std::sync::atomic::AtomicU64,
}

impl Fleet {
    /// A world with room for so many.
    pub(super) fn new(services: usize, clock: Clock) -> Arc<Self> {
        let plants = std::iter::repeat_with(Plant::default).take(services).collect();
        Arc::new(Self { plants: Mutex::new(plants), clock, delays: Mutex::default(), asked: 0.into() })
    }

    fn plants(&self) -> MutexGuard<'_, Vec<Plant>> {
        self.plants.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// This service's current Observe is to pass at the source's next answer.
    pub(super) fn let_pass(&self, service: usize) {
        if let Some(plant) = self.plants().get_mut(service) {
            plant.verdict = Verdicts::PassNext;
        }
    }

    /// The delays so far, taken out.
    pub(super) fn take_delays(&self) -> Vec<u64> {
        std::mem::take(&mut *self.delays.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// How many questions the source was asked: one a second for each service in Observe.
    pub(super) fn asked(&self) -> u64 {
        self.asked.load(std::sync::atomic::Ordering::Relaxed)
    }

    /// The drivers, each of them this world.
    pub(super) fn drivers(self: &Arc<Self>) -> Drivers {
        let mut sources: BTreeMap<Name, Arc<dyn Source>> = BTreeMap::new();
        sources.extend(Name::new("gateway").ok().map(|name| (name, Arc::clone(self) as _)));
        Drivers {
            platform: Arc::clone(self) as _,
            router: Some(Arc::clone(self) as _),
            sources,
            caller: None,
            migrator: None,
            flags: None,
        }
    }

    fn take_table(&self, plant: &mut Plant, command: Command) {
        let Act::Table(table) = command.act else { return };
        if let Verdicts::Pass(_, at) = plant.verdict {
            let delay = self.clock.nanoseconds() - at;
            self.delays.lock().unwrap_or_else(PoisonError::into_inner).push(delay);
            plant.verdict = Verdicts::Undecided;
        }
        if command.generation >= plant.table.0 {
            plant.table = (command.generation, table);
        }
    }
}

fn at_once<T: Send + 'static>(value: T) -> Pending<'static, T> {
    Box::pin(std::future::ready(value))
}

impl Platform for Fleet {
    fn facts(&self) -> PlatformFacts {
        Facts::one_machine().platform
    }

    fn ensure(&self, command: Command) -> Pending<'static, Reply> {
        if let (Act::Scale { release, count }, Some(plant)) =
            (&command.act, self.plants().get_mut(number_of(&command.subject)))
        {
            let known = plant.capacity.iter_mut().find(|(known, _, _)| known == release);
            match known {
                Some(known) if known.1 <= command.generation => *known = (*release, command.generation, *count),
                Some(_) => {}
                None => plant.capacity.push((*release, command.generation, *count)),
            }
        }
        at_once(Reply::Accepted)
    }

    fn observe(&self, subject: Subject) -> Pending<'static, Result<PlatformLook, Blind>> {
        let plants = self.plants();
        let capacity = plants.get(number_of(&subject)).map(|plant| plant.capacity.as_slice()).unwrap_or_default();
        let releases = capacity.iter().map(|(release, generation, count)| {
            let look =
                InstancesLook { generation: *generation, running: *count, ready: *count, ..InstancesLook::default() };
            (*release, look)
        });
        at_once(Ok(PlatformLook { releases: releases.collect() }))
    }
}

impl Router for Fleet {
    fn facts(&self) -> RouterFacts {
        Facts::one_machine().router.unwrap_or_else(|| unreachable!("one machine has a gateway"))
    }

    fn ensure(&self, command: Command) -> Pending<'static, Reply> {
        if let Some(plant) = self.plants().get_mut(number_of(&command.subject)) {
            self.take_table(plant, command);
        }
        at_once(Reply::Accepted)
    }

    fn observe(&self, subject: Subject) -> Pending<'static, Result<RouterLook, Blind>> {
        let plants = self.plants();
        let Some(plant) = plants.get(number_of(&subject)) else { return at_once(Err(Blind("not there".into()))) };
        let (generation, table) = &plant.table;
        let open =
            table.intent.lanes().iter().map(|lane| (lane.release, engine::observe::OpenWork { all: 7, leaving: 0 }));
        let look = MemberLook { generation: *generation, intent: Some(table.intent.clone()), open: open.collect() };
        at_once(Ok(RouterLook { members: engine::few::Few::from([("gateway-0".to_owned(), Some(look))]) }))
    }
}

impl Source for Fleet {
    fn ask(&self, question: Question) -> Pending<'static, Result<Vec<Answer>, Blind>> {
        self.asked.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let now = self.clock.nanoseconds();
        let mut plants = self.plants();
        let Some(plant) = plants.get_mut(number_of(&question.subject)) else { return at_once(Ok(Vec::new())) };
        if let Verdicts::PassNext = plant.verdict {
            plant.verdict = Verdicts::Pass(question.generation, now);
        }
        let passes = matches!(plant.verdict, Verdicts::Pass(generation, _) if generation == question.generation);
        let verdict = if passes { Verdict::Pass } else { Verdict::Undecided };
        let answers = question.checks.into_iter().map(|check| Answer { check, verdict, evidence: evidence() });
        at_once(Ok(answers.collect()))
    }
}

/// Evidence as a comparison brings it along.
fn evidence() -> Evidence {
    let numbers = [("requests", 1_204.0), ("errors", 3.0), ("stable-requests", 22_876.0), ("stable-errors", 46.0)];
    Evidence {
        basis: Basis::Exact,
        summary: "errors 0.25 % of 1204, stable 0.20 % of 22876: 1 % of wrong alarms not reached".into(),
        numbers: numbers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
    }
}
