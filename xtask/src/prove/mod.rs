//! `cargo xtask prove`: every part of the proof at full size, and the page of its figures.
//!
//! A part that passed on this very commit is not run again, so that a proof that was interrupted goes
//! on where it was.

mod page;
mod part;
mod record;

use clap::Args;
use part::{PARTS, Part, Run, figures_of_task, figures_of_tests};
use record::Record;
use serde_json::Value;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

/// Where the page is.
const PAGE: &str = "docs/proof.md";

/// What can be said to `cargo xtask prove`.
#[derive(Args)]
pub(crate) struct ProveArguments {
    /// Which parts; all where none is named.
    #[arg(value_parser = names())]
    parts: Vec<String>,
    /// Also what passed on this commit already.
    #[arg(long)]
    again: bool,
    /// At a small size, to see that nothing is broken: nothing is kept, no page is written.
    #[arg(long)]
    small: bool,
}

fn names() -> clap::builder::PossibleValuesParser {
    PARTS.iter().map(|part| part.name).collect::<Vec<_>>().into()
}

/// Runs the task.
pub(crate) fn run(arguments: &ProveArguments) -> ExitCode {
    let chosen =
        PARTS.iter().filter(|part| arguments.parts.is_empty() || arguments.parts.iter().any(|name| name == part.name));
    let passed = if arguments.small { small(chosen) } else { full(chosen, arguments.again) };
    match passed {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(why) => {
            let _ = writeln!(io::stderr(), "prove: {why}");
            ExitCode::FAILURE
        }
    }
}

fn small<'a>(parts: impl Iterator<Item = &'a Part>) -> io::Result<bool> {
    let mut all = true;
    for (part, run) in parts.filter_map(|part| Some((part, part.small?))) {
        say(&format!("prove: {} (small)", part.name))?;
        all &= command(run, false)?.status()?.success();
    }
    Ok(all)
}

fn full<'a>(parts: impl Iterator<Item = &'a Part>, again: bool) -> io::Result<bool> {
    let folder = root().join("target").join("proof-parts");
    let (commit, mut all) = (commit()?, true);
    for part in parts {
        let known = Record::kept(&folder, part.name).filter(|record| !again && record.stands_for(&commit));
        let record = match known {
            Some(record) => record,
            None => {
                say(&format!("prove: {} …", part.name))?;
                let record = prove(part, &commit)?;
                record.keep(&folder)?;
                record
            }
        };
        let word = if record.passed { "passed" } else { "FAILED" };
        say(&format!("prove: {} {word} in {} s: {}", part.name, record.seconds, record.figures))?;
        all &= record.passed;
    }
    let records: Vec<_> = PARTS.iter().map(|part| (part, Record::kept(&folder, part.name))).collect();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    std::fs::write(root().join(PAGE), page::page(&today(), &commit, cores, &records))?;
    say(&format!("prove: see {PAGE}"))?;
    Ok(all)
}

#[expect(clippy::disallowed_methods, reason = "it says how long a part took, and decides nothing by it")]
fn prove(part: &Part, commit: &str) -> io::Result<Record> {
    let begins = std::time::Instant::now();
    let (passed, said) = said(command(part.full, true)?)?;
    let (figures, details) = match part.full {
        Run::Task(_) => {
            let details = said.lines().last().and_then(|line| serde_json::from_str(line).ok()).unwrap_or(Value::Null);
            (figures_of_task(&details), details)
        }
        Run::Tests { prints, .. } => (figures_of_tests(&said, prints), Value::Null),
    };
    let seconds = begins.elapsed().as_secs();
    let (part, commit, date) = (part.name.to_owned(), commit.to_owned(), today());
    Ok(Record { part, commit, date, seconds, passed, figures, details })
}

/// The command of a part; its figures as JSON, where it is a task that is asked for them.
fn command(run: Run, figures: bool) -> io::Result<Command> {
    let command = match run {
        Run::Task(arguments) => {
            let mut command = Command::new(std::env::current_exe()?);
            command.args(arguments).args(figures.then_some("--json"));
            command
        }
        Run::Tests { arguments, often, .. } => {
            let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
            command.arg("test").args(arguments).args(["--", "--nocapture"]);
            command.envs(often.then_some(("GLIDEPATH_FULL", "1")));
            command
        }
    };
    let mut command = command;
    command.current_dir(root()).stdin(Stdio::null());
    Ok(command)
}

/// Whether it went well, and what it said; what it complains about goes where ours goes.
fn said(mut command: Command) -> io::Result<(bool, String)> {
    let mut child = command.stdout(Stdio::piped()).spawn()?;
    let mut said = Vec::new();
    if let Some(mut out) = child.stdout.take() {
        out.read_to_end(&mut said)?;
    }
    Ok((child.wait()?.success(), String::from_utf8_lossy(&said).into_owned()))
}

fn say(line: &str) -> io::Result<()> {
    writeln!(io::stdout(), "{line}")
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The commit that is checked out; with a plus where there is more than was committed. The page itself
/// does not count: it is written by this.
fn commit() -> io::Result<String> {
    let git = |arguments: &[&str]| {
        let output = Command::new("git").args(arguments).current_dir(root()).output()?;
        Ok::<_, io::Error>(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let commit = git(&["rev-parse", "--short=12", "HEAD"])?;
    let changed = git(&["status", "--porcelain", "--", ".", &format!(":!{PAGE}")])?;
    Ok(if changed.is_empty() { commit } else { format!("{commit}+") })
}

fn today() -> String {
    jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn every_task_of_the_proof_can_be_given_to_xtask() {
        for part in PARTS {
            for run in [Some(part.full), part.small].into_iter().flatten() {
                let Run::Task(arguments) = run else { continue };
                let words = ["xtask"].into_iter().chain(arguments.iter().copied()).chain(["--json"]);
                let parsed = crate::Arguments::command().try_get_matches_from(words);
                assert!(parsed.is_ok(), "{}: {}", part.name, parsed.unwrap_err());
            }
        }
    }
}
