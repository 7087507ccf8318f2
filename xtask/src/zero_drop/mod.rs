//! `cargo xtask zero-drop gateway`: whatever is switched under them, every request gets exactly one whole
//! answer, and what must not happen twice does not.
//!
//! Clients ask at their own rates and never wait for each other. Instances write down what they did; in the
//! end the two books are compared. A bug planted in each of the things that keep requests must be caught.

mod checker;
mod client;
mod course;
mod gateway;
mod http2;
mod lasting;
mod ledger;
mod message;
mod origin;

use crate::program::Build;
use ::gateway::planted::Bug;
use checker::{Verdict, check};
use clap::Args;
use client::Clients;
use course::{Course, World};
use gateway::Gateway;
use ledger::{Kind, Ledger};
use serde_json::{Map, Value, json};
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Until every kind of request is under way.
const BEGINS: Duration = Duration::from_secs(2);
/// A bug shows when the right request is under way at the right moment: it gets so many chances.
const TRIES_MAX: usize = 3;
/// So many broken ones are told in words.
const TOLD_MAX: usize = 10;

/// What can be said to `cargo xtask zero-drop gateway`.
#[derive(Args)]
pub(crate) struct ZeroDropArguments {
    /// Less of everything, in less than a minute.
    #[arg(long)]
    small: bool,
    /// Figures for programs.
    #[arg(long)]
    json: bool,
    /// Exit with an error where a request was lost, too few were under way, or a bug is not caught.
    #[arg(long)]
    check: bool,
}

/// At full size.
const FULL: Course = Course { swaps: 200, drains: 50, replacements: 20, kills: 20, crashes: 40 };
const FULL_STRADDLED_MIN: u64 = 1_000;
/// For every change.
const SMALL: Course = Course { swaps: 20, drains: 3, replacements: 3, kills: 3, crashes: 4 };
const SMALL_STRADDLED_MIN: u64 = 100;

/// Bugs, and what brings each to light.
const PLANTED: &[(Bug, Course)] = &[
    (Bug::NotClaimed, Course { drains: 1, ..Course::NONE }),
    (Bug::ClosedBeforeDrain, Course { replacements: 1, ..Course::NONE }),
    (Bug::RetiringForgotten, Course { replacements: 3, drains: 3, ..Course::NONE }),
    (Bug::PostRepeated, Course { crashes: 8, ..Course::NONE }),
];

/// Runs the task.
pub(crate) fn run(arguments: &ZeroDropArguments) -> ExitCode {
    match measure(arguments) {
        Ok(wrong) if arguments.check && !wrong.is_empty() => ExitCode::FAILURE,
        Ok(_) => ExitCode::SUCCESS,
        Err(why) => {
            let _ = writeln!(std::io::stderr(), "zero-drop gateway: {why}");
            ExitCode::FAILURE
        }
    }
}

fn measure(arguments: &ZeroDropArguments) -> Result<Vec<String>, String> {
    let program = Build::Checked.program()?;
    let (course, least) = if arguments.small { (SMALL, SMALL_STRADDLED_MIN) } else { (FULL, FULL_STRADDLED_MIN) };
    let verdict = happen(&program, course, None)?;
    let mut wrong = verdict.broken.clone();
    for (switch, count) in verdict.straddled.iter().filter(|(_, count)| **count < least) {
        wrong.push(format!(
            "only {count} requests were under way across a {}, and {least} are asked for",
            switch.name()
        ));
    }
    // They are asked only where the gateway keeps a connection.
    let follow = [Kind::Ahead, Kind::Next].into_iter().filter(|kind| !verdict.answered.contains_key(kind));
    wrong.extend(follow.map(|kind| format!("no {kind:?} was answered: no connection was kept after a long answer")));
    let mut caught = 0;
    for (bug, course) in PLANTED {
        let mut found = Vec::new();
        for _ in 0..TRIES_MAX {
            found = happen(&program, *course, Some(*bug))?.broken;
            if !found.is_empty() {
                break;
            }
        }
        match found.first() {
            Some(first) => {
                caught += 1;
                if !arguments.json {
                    say(&format!("  caught: {} ({} broken)\n      {first}", bug.as_str(), found.len()));
                }
            }
            None => wrong.push(format!("not caught: {}", bug.as_str())),
        }
    }
    tell(arguments, &verdict, caught, &wrong);
    Ok(wrong)
}

/// One run from the first request to the last.
fn happen(program: &Path, course: Course, bug: Option<Bug>) -> Result<Verdict, String> {
    let ledger = Arc::new(Ledger::default());
    let mut world = World::new(Gateway::start(program, bug)?, Arc::clone(&ledger))?;
    let clients = Clients::start(world.gateway.address).map_err(|error| error.to_string())?;
    sleep(BEGINS);
    let ran = world.run(course);
    let (started, heard) = clients.stop().map_err(|error| error.to_string())?;
    let switched = std::mem::take(&mut world.switched);
    ran?;
    Ok(check(started, &heard, &ledger.all(), &switched))
}

fn tell(arguments: &ZeroDropArguments, verdict: &Verdict, caught: usize, wrong: &[String]) {
    let answered: u64 = verdict.answered.values().sum();
    let straddled: Map<String, Value> =
        verdict.straddled.iter().map(|(switch, count)| (switch.name().to_owned(), json!(count))).collect();
    if arguments.json {
        let kinds: Map<String, Value> =
            verdict.answered.iter().map(|(kind, count)| (kind.path()[1..].to_owned(), json!(count))).collect();
        let figures = json!({
            "answered": kinds, "lost": verdict.broken.len(), "died_with_an_instance_or_a_gateway": verdict.died_with,
            "straddled": straddled, "planted": PLANTED.len(), "caught": caught, "wrong": wrong,
        });
        say(&figures.to_string());
        return;
    }
    wrong.iter().take(TOLD_MAX).for_each(|why| say(&format!("  WRONG: {why}")));
    let across: Vec<_> = straddled.iter().map(|(switch, count)| format!("{count} across a {switch}")).collect();
    say(&format!(
        "zero-drop gateway: {answered} answered, {} lost, {} died with an instance or a gateway; under way: {}; {caught} of {} bugs caught",
        verdict.broken.len(),
        verdict.died_with,
        across.join(", "),
        PLANTED.len(),
    ));
}

fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

#[expect(clippy::disallowed_methods, reason = "the edge: what was before and what after is told by a clock")]
fn now() -> Instant {
    Instant::now()
}
