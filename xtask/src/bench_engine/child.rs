//! The process that is measured, and killed.

use super::clock::Clock;
use super::fleet::{Fleet, release};
use super::host::Host;
use super::process::{cpu_nanoseconds, private_bytes};
use clap::Args;
use engine::decide::current_aim;
use engine::driver::Drivers;
use engine::journal::Phase;
use engine::journal::entry::{Ask, Input};
use engine::journal::state::{Rollout, State};
use engine::runner::Runner;
use engine::store::{Attribution, Store};
use model::Subject;
use model::plan::Verb;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use store::{SqliteStore, wait};

/// How many services are on their way into Observe at the same time.
const ON_THE_WAY_MAX: usize = 1_500;
/// How many of them begin in a second.
const BEGIN_RATE: u64 = 500;
/// How long the fleet is left alone before it is measured.
const WARM_UP: Duration = Duration::from_secs(3);

/// What the child is told.
#[derive(Args)]
pub(crate) struct ChildArguments {
    #[arg(long)]
    folder: PathBuf,
    #[arg(long)]
    services: usize,
    /// Transitions a second.
    #[arg(long)]
    rate: u64,
    /// How long is measured.
    #[arg(long)]
    seconds: u64,
    /// Take over what an earlier child left.
    #[arg(long)]
    recover: bool,
    /// End after the measurement.
    #[arg(long)]
    ends: bool,
}

/// Runs the child; it ends with an error only.
pub(super) fn run(arguments: &ChildArguments) -> Result<(), String> {
    let clock = Clock::new();
    let path = arguments.folder.join("journal.db");
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open(path).map_err(|error| error.to_string())?);
    let fleet = Fleet::new(arguments.services, clock);
    let drivers = fleet.drivers();
    // A store in a file is held by one process at a time, so a holder with the same name has ended:
    // it need not be waited for.
    let runner = Runner::new("everything", "this-machine");
    let host = Host::new(runner, store, drivers.clone(), clock);
    let mut bench = Bench { host, fleet, clock, drivers, passed: 0, rate: arguments.rate, of: arguments.services };
    if arguments.recover {
        bench.recover()?;
        bench.load(WARM_UP);
        say(json!({ "private": private_bytes() }));
    } else {
        bench.load(Duration::from_millis(300));
        say(json!({ "private_empty": private_bytes() }));
        bench.grow()?;
        bench.load(WARM_UP);
        bench.measure(Duration::from_secs(arguments.seconds));
    }
    if arguments.ends {
        return Ok(());
    }
    // Whoever started it ends it.
    loop {
        bench.load(Duration::from_secs(1));
    }
}

fn say(line: Value) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

struct Bench {
    host: Host,
    fleet: Arc<Fleet>,
    clock: Clock,
    drivers: Drivers,
    /// How many transitions were asked for since the load began.
    passed: u64,
    rate: u64,
    of: usize,
}

/// How far a service has come.
#[derive(Clone, Copy, PartialEq)]
enum Stage {
    First,
    Skipped,
    Second,
    Observing,
}

impl Bench {
    /// Brings every service through its first landing and into the canary's first Observe.
    fn grow(&mut self) -> Result<(), String> {
        let (begun, cpu) = (self.clock.elapsed(), cpu_nanoseconds());
        let mut stages: BTreeMap<Subject, (usize, Stage)> = BTreeMap::new();
        let mut observing = 0;
        while observing < self.of {
            let due = (self.clock.elapsed() - begun).as_millis() as u64 * BEGIN_RATE / 1_000;
            while stages.len() < self.of && (stages.len() as u64) < due && stages.len() - observing < ON_THE_WAY_MAX {
                let first = release(stages.len(), 1)?;
                let subject = first.service.subject();
                self.host.runner.add(subject.clone(), self.drivers.facts(), self.clock.now());
                self.host.ask(subject.clone(), input("deploy-1", Ask::Deploy { release: first }, None));
                stages.insert(subject, (stages.len(), Stage::First));
            }
            let mut asks = Vec::new();
            self.host.turn(|runner, subject| {
                let Some((number, stage)) = stages.get_mut(subject) else { return };
                let Some(state) = runner.state(subject) else { return };
                if let Some((next, input)) = advance(*number, *stage, state) {
                    *stage = next;
                    observing += usize::from(next == Stage::Observing);
                    asks.extend(input.map(|input| (subject.clone(), input)));
                }
            });
            for (subject, input) in asks {
                self.host.ask(subject, input);
            }
            if let Some(words) = self.host.said.first() {
                return Err(words.clone());
            }
        }
        say(json!({
            "grown_seconds": (self.clock.elapsed() - begun).as_secs_f64(),
            "grown_cpu_seconds": (cpu_nanoseconds() - cpu) as f64 / 1e9,
            "grown_appends": self.host.appended,
        }));
        Ok(())
    }

    /// The fleet under load: so many transitions a second.
    fn load(&mut self, length: Duration) {
        let begun = self.clock.elapsed();
        let before = self.passed;
        while self.clock.elapsed() - begun < length {
            let due = before + (self.clock.elapsed() - begun).as_micros() as u64 * self.rate / 1_000_000;
            while self.passed < due {
                // In an order that has nothing to do with that of the looks.
                let next = (self.passed as usize).wrapping_mul(7_919) % self.of;
                self.fleet.let_pass(next);
                self.passed += 1;
            }
            self.host.turn(|_, _| {});
        }
    }

    fn measure(&mut self, length: Duration) {
        self.fleet.take_delays();
        let (begun, cpu, asked, appended) =
            (self.clock.elapsed(), cpu_nanoseconds(), self.fleet.asked(), self.host.appended);
        self.load(length);
        let seconds = (self.clock.elapsed() - begun).as_secs_f64();
        let cpu = (cpu_nanoseconds() - cpu) as f64 / 1e9;
        let mut delays = self.fleet.take_delays();
        delays.sort_unstable();
        let percentile = |part: usize| delays.get(delays.len() * part / 100).map_or(f64::NAN, |ns| *ns as f64 / 1e6);
        say(json!({
            "seconds": seconds,
            "cpu_per_second": cpu / seconds,
            "asked": self.fleet.asked() - asked,
            "transitions_per_second": delays.len() as f64 / seconds,
            "appends_per_second": (self.host.appended - appended) as f64 / seconds,
            "delay_p50_ms": percentile(50),
            "delay_p99_ms": percentile(99),
            "delay_max_ms": delays.last().map_or(f64::NAN, |ns| *ns as f64 / 1e6),
            "private": private_bytes(),
            "said": self.host.said,
        }));
    }

    /// Reads every journal there is, and says when the last service was decided about.
    fn recover(&mut self) -> Result<(), String> {
        let opened = self.clock.elapsed();
        let subjects = wait(self.host.store.subjects()).map_err(|error| error.to_string())?;
        let facts = self.drivers.facts();
        for (subject, _) in &subjects {
            self.host.runner.add(subject.clone(), facts.clone(), self.clock.now());
        }
        let mut missing: std::collections::BTreeSet<Subject> =
            subjects.iter().map(|(subject, _)| subject.clone()).collect();
        let mut blind = missing.clone();
        let (mut decided, mut looked) = (None, None);
        while looked.is_none() {
            self.host.turn(|runner, subject| {
                if let Some(desk) = runner.desk(subject) {
                    if desk.state().is_some() {
                        missing.remove(subject);
                    }
                    if desk.seen().looked {
                        blind.remove(subject);
                    }
                }
            });
            if missing.is_empty() && decided.is_none() {
                decided = Some(self.clock.elapsed());
                say(json!({ "recovered": subjects.len() }));
            }
            looked = blind.is_empty().then(|| self.clock.elapsed());
        }
        let milliseconds = |at: Option<Duration>| at.unwrap_or_default().as_secs_f64() * 1e3;
        say(json!({
            "opened_ms": opened.as_secs_f64() * 1e3,
            "decided_ms": milliseconds(decided),
            "looked_ms": milliseconds(looked),
            "recover_cpu_seconds": cpu_nanoseconds() as f64 / 1e9,
            "said": self.host.said,
        }));
        Ok(())
    }
}

/// What brings a service further, if it can go further now.
fn advance(number: usize, stage: Stage, state: &State) -> Option<(Stage, Option<Input>)> {
    let verb = state.rollout.as_deref().and_then(Rollout::step).map(|step| &step.verb);
    let observing = state.phase() == Phase::Doing && matches!(verb, Some(Verb::Observe { .. }));
    match stage {
        // The first landing has nothing to wait for.
        Stage::First if observing => {
            let aim = current_aim(state);
            Some((Stage::Skipped, Some(input("skip-1", Ask::Skip, aim))))
        }
        Stage::Skipped if state.phase() == Phase::Standing && state.standing.release.is_some() => {
            let release = release(number, 2).ok()?;
            Some((Stage::Second, Some(input("deploy-2", Ask::Deploy { release }, None))))
        }
        Stage::Second if observing => Some((Stage::Observing, None)),
        Stage::First | Stage::Skipped | Stage::Second | Stage::Observing => None,
    }
}

fn input(id: &str, ask: Ask, aim: Option<engine::journal::entry::Aim>) -> Input {
    let by = Attribution { who: "ann".into(), from: "cli".into(), why: String::new() };
    Input { id: id.into(), by, ask, aim }
}
