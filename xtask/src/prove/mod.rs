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
use serde_json::{Value, json};
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
    /// Figures for programs: one document, once everything has ended.
    #[arg(long)]
    json: bool,
    /// Exit with an error where a part failed.
    #[arg(long)]
    check: bool,
}

fn names() -> clap::builder::PossibleValuesParser {
    PARTS.iter().map(|part| part.name).collect::<Vec<_>>().into()
}

/// Runs the task.
pub(crate) fn run(arguments: &ProveArguments) -> ExitCode {
    let chosen =
        PARTS.iter().filter(|part| arguments.parts.is_empty() || arguments.parts.iter().any(|name| name == part.name));
    let proven = if arguments.small { small(chosen, arguments.json) } else { full(chosen, arguments) };
    let told = proven.and_then(|records| tell(&records, arguments).map(|()| records));
    match told {
        Ok(records) if arguments.check && records.iter().any(|record| !record.passed) => ExitCode::FAILURE,
        Ok(_) => ExitCode::SUCCESS,
        Err(why) => {
            let _ = writeln!(io::stderr(), "prove: {why}");
            ExitCode::FAILURE
        }
    }
}

/// The line of figures at the end, or all of them for programs.
fn tell(records: &[Record], arguments: &ProveArguments) -> io::Result<()> {
    let passed = records.iter().filter(|record| record.passed).count();
    let (parts, failed) = (records.len(), records.len() - passed);
    if arguments.json {
        let kept: Vec<_> = records.iter().map(Record::json).collect();
        return say(&json!({ "parts": kept, "passed": passed, "failed": failed }).to_string());
    }
    let seconds: u64 = records.iter().map(|record| record.seconds).sum();
    let page = if arguments.small { String::new() } else { format!("; see {PAGE}") };
    let took = page::duration(seconds);
    say(&format!("prove: {parts} parts, {passed} passed, {failed} failed, in {took}{page}"))
}

/// Each part as `make test` runs it. What it says is shown as it comes, unless figures are asked for.
fn small<'a>(parts: impl Iterator<Item = &'a Part>, json: bool) -> io::Result<Vec<Record>> {
    let commit = commit()?;
    let mut records = Vec::new();
    for (part, run) in parts.filter_map(|part| Some((part, part.small?))) {
        if !json {
            say(&format!("prove: {} (small)", part.name))?;
        }
        records.push(prove(part, run, &commit, json)?);
    }
    Ok(records)
}

fn full<'a>(parts: impl Iterator<Item = &'a Part>, arguments: &ProveArguments) -> io::Result<Vec<Record>> {
    let folder = root().join("target").join("proof-parts");
    let (commit, mut records) = (commit()?, Vec::new());
    let progress = |line: &str| if arguments.json { Ok(()) } else { say(line) };
    for part in parts {
        let known = Record::kept(&folder, part.name).filter(|record| !arguments.again && record.stands_for(&commit));
        let record = match known {
            Some(record) => record,
            None => {
                progress(&format!("prove: {} …", part.name))?;
                let record = prove(part, part.full, &commit, true)?;
                record.keep(&folder)?;
                record
            }
        };
        let word = if record.passed { "passed" } else { "FAILED" };
        progress(&format!("prove: {} {word} in {} s: {}", part.name, record.seconds, record.figures))?;
        records.push(record);
    }
    let kept: Vec<_> = PARTS.iter().map(|part| (part, Record::kept(&folder, part.name))).collect();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    std::fs::write(root().join(PAGE), page::page(&today(), &commit, cores, &kept))?;
    Ok(records)
}

/// Runs a part; its figures are taken down where they are wanted, else it speaks for itself.
#[expect(clippy::disallowed_methods, reason = "it says how long a part took, and decides nothing by it")]
fn prove(part: &Part, run: Run, commit: &str, figures: bool) -> io::Result<Record> {
    let begins = std::time::Instant::now();
    let (passed, said) = match command(run, figures)? {
        mut command if !figures => (command.status()?.success(), String::new()),
        command => said(command)?,
    };
    let (figures, details) = match run {
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
