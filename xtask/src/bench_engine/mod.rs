//! `cargo xtask bench engine`: ten thousand rollouts in one process, measured, killed and recovered.
//!
//! A child process hosts one runner on a real SQLite file, with drivers that answer at once: what is
//! measured is the engine's own, the store's and that of a small host. `kill -9` is a real one.

mod child;
mod clock;
mod fleet;
mod host;
mod instructions;
mod process;

pub(crate) use child::ChildArguments;

use clap::Args;
use instructions::{Counted, VALGRIND, count_instructions};
use serde_json::{Map, Value, json};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitCode, Stdio};
use std::time::Instant;

/// Private bytes for each rollout, at the most.
const ROLLOUT_BYTES_MAX: f64 = 20.0 * 1_024.0;
/// The processor time of one second's tick, in seconds.
const TICK_CPU_MAX: f64 = 1.0;
/// From an observation to its command, for 99 of 100, in milliseconds.
const DELAY_P99_MAX: f64 = 100.0;
/// From the start of a new process until all services were decided about, in seconds.
const RECOVERY_MAX: f64 = 2.0;
/// How often the process is killed and recovered: the fastest counts, because what else a machine does
/// only ever makes it slower.
const KILLS: usize = 3;

/// What can be said to `cargo xtask bench engine`.
#[derive(Args)]
pub(crate) struct EngineArguments {
    /// How many services.
    #[arg(long, default_value_t = 10_000)]
    services: usize,
    /// How long the ticks are measured.
    #[arg(long, default_value_t = 12)]
    seconds: u64,
    /// A few services for a few seconds, without counting instructions.
    #[arg(long)]
    small: bool,
    /// Where the journals are kept meanwhile: a folder on a real disk.
    #[arg(long)]
    folder: Option<PathBuf>,
    /// Figures for programs.
    #[arg(long)]
    json: bool,
    /// Exit with an error where an aim is missed.
    #[arg(long)]
    check: bool,
}

/// Runs the child's part.
pub(crate) fn run_child(arguments: &ChildArguments) -> ExitCode {
    match child::run(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            let _ = writeln!(std::io::stderr(), "{why}");
            ExitCode::FAILURE
        }
    }
}

/// Runs the task.
pub(crate) fn run(arguments: &EngineArguments) -> ExitCode {
    let (services, seconds) = if arguments.small { (500, 4) } else { (arguments.services, arguments.seconds) };
    let folder = arguments.folder.clone().unwrap_or_else(std::env::temp_dir);
    let folder = folder.join(format!("glidepath-bench-{}", std::process::id()));
    let made = std::fs::create_dir_all(&folder).map_err(|error| error.to_string());
    let measured = made.and_then(|()| measure(&folder, services, seconds, !arguments.small));
    let _ = std::fs::remove_dir_all(&folder);
    let mut out = std::io::stdout().lock();
    let figures = match measured {
        Ok(figures) => figures,
        Err(why) => {
            let _ = writeln!(std::io::stderr(), "bench engine: {why}");
            return ExitCode::FAILURE;
        }
    };
    // What every process needs is too much for a few services: only the full fleet is judged by the aims.
    let missed = if arguments.small { Vec::new() } else { missed(&figures) };
    if arguments.json {
        let mut figures = figures;
        figures.insert("missed".into(), json!(missed));
        let _ = writeln!(out, "{}", Value::Object(figures));
    } else {
        print(&mut out, &figures, &missed);
    }
    if arguments.check && !missed.is_empty() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn measure(folder: &Path, services: usize, seconds: u64, count: bool) -> Result<Map<String, Value>, String> {
    let rate = (services as u64 / 50).max(1);
    let shape = Shape { folder, services, rate, seconds };
    let mut figures = Map::new();
    figures.insert("services".into(), services.into());
    let mut first = Running::start(shape.command(&[]))?;
    first.read_until("cpu_per_second", &mut figures)?;
    first.kill()?;
    let journal = std::fs::metadata(folder.join("journal.db")).map_or(0, |file| file.len());
    figures.insert("journal_bytes".into(), journal.into());
    let per_rollout = |private: f64| (private - number(&figures, "private_empty")) / services as f64;
    let grown = per_rollout(number(&figures, "private"));
    let (mut fastest, mut slowest, mut recovered) = (f64::INFINITY, 0.0_f64, f64::NAN);
    let mut after = Map::new();
    for _ in 0..KILLS {
        after.clear();
        let begun = now();
        let mut next = Running::start(shape.command(&["--recover"]))?;
        next.read_until("recovered", &mut after)?;
        let seconds = begun.elapsed().as_secs_f64();
        (fastest, slowest) = (fastest.min(seconds), slowest.max(seconds));
        next.read_until("private", &mut after)?;
        recovered = per_rollout(number(&after, "private"));
        next.kill()?;
    }
    after.remove("private");
    figures.extend(after);
    figures.insert("recovery_seconds".into(), fastest.into());
    figures.insert("recovery_seconds_slowest".into(), slowest.into());
    figures.insert("rollout_bytes".into(), grown.into());
    figures.insert("rollout_bytes_recovered".into(), recovered.into());
    if count {
        match count_instructions(folder, VALGRIND)? {
            Counted::Each(instructions) => {
                figures.insert("tick_instructions".into(), (instructions * services as f64).into());
            }
            // No aim is about them: they repeat where times do not, and say what a time is made of.
            Counted::Not(why) => {
                figures.insert("tick_instructions".into(), Value::Null);
                figures.insert("tick_instructions_not_counted".into(), why.into());
            }
        }
    }
    Ok(figures)
}

#[allow(clippy::disallowed_methods)] // The bench's edge: a process's start and recovery take real time.
fn now() -> Instant {
    Instant::now()
}

/// How a child is to run.
struct Shape<'a> {
    folder: &'a Path,
    services: usize,
    rate: u64,
    seconds: u64,
}

impl Shape<'_> {
    fn arguments(&self) -> Vec<String> {
        let folder = self.folder.display();
        let texts = [
            "bench-engine-child".into(),
            format!("--folder={folder}"),
            format!("--services={}", self.services),
            format!("--rate={}", self.rate),
            format!("--seconds={}", self.seconds),
        ];
        texts.into()
    }

    fn command(&self, more: &[&str]) -> Command {
        let mut command = Command::new(std::env::current_exe().unwrap_or_default());
        command.args(self.arguments()).args(more);
        command
    }
}

/// A child that says what it measures, a line at a time.
struct Running {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Running {
    fn start(mut command: Command) -> Result<Self, String> {
        let mut child = command.stdout(Stdio::piped()).spawn().map_err(|error| format!("no child: {error}"))?;
        let out = child.stdout.take().ok_or("the child has no output")?;
        Ok(Self { child, lines: BufReader::new(out) })
    }

    fn read_until(&mut self, key: &str, figures: &mut Map<String, Value>) -> Result<(), String> {
        while !figures.contains_key(key) {
            let mut line = String::new();
            let read = self.lines.read_line(&mut line).map_err(|error| error.to_string())?;
            if read == 0 {
                return Err(format!("the child ended before it said `{key}`"));
            }
            let said: Map<String, Value> = serde_json::from_str(&line).map_err(|error| format!("{error}: {line}"))?;
            figures.extend(said);
        }
        Ok(())
    }

    /// SIGKILL, and nothing else.
    fn kill(mut self) -> Result<(), String> {
        self.child.kill().and_then(|()| self.child.wait()).map(|_| ()).map_err(|error| error.to_string())
    }
}

fn number(figures: &Map<String, Value>, key: &str) -> f64 {
    figures.get(key).and_then(Value::as_f64).unwrap_or(f64::NAN)
}

/// What is worse than its aim. A figure that is missing is worse.
fn missed(figures: &Map<String, Value>) -> Vec<String> {
    let aims = [
        ("rollout_bytes", ROLLOUT_BYTES_MAX),
        ("cpu_per_second", TICK_CPU_MAX),
        ("delay_p99_ms", DELAY_P99_MAX),
        ("recovery_seconds", RECOVERY_MAX),
    ];
    let worse = aims.into_iter().filter(|(key, aim)| number(figures, key).is_nan() || number(figures, key) > *aim);
    worse.map(|(key, aim)| format!("{key} is {:.3}, and the aim is {aim}", number(figures, key))).collect()
}

fn print(out: &mut impl Write, figures: &Map<String, Value>, missed: &[String]) {
    for (key, value) in figures {
        let _ = writeln!(out, "  {key:<26} {value}");
    }
    for line in missed {
        let _ = writeln!(out, "  missed: {line}");
    }
    let figure = |key| number(figures, key);
    let instructions = match (figures.get("tick_instructions"), figures.get("tick_instructions_not_counted")) {
        (_, Some(why)) => format!("instructions not counted: {}", why.as_str().unwrap_or_default()),
        (Some(count), None) => format!("{:.2} G instructions", count.as_f64().unwrap_or(f64::NAN) / 1e9),
        (None, None) => "instructions not counted".into(),
    };
    let _ = writeln!(
        out,
        "bench engine: {} rollouts in Observe, {:.1} KiB each ({:.1} after recovery), a second's tick {:.2} core-seconds \
         ({}), {:.0} transitions/s, observation to command p50 {:.1} ms p99 {:.1} ms, \
         recovered after kill -9 in {:.2} s (the slowest of {KILLS}: {:.2} s)",
        figure("services"),
        figure("rollout_bytes") / 1_024.0,
        figure("rollout_bytes_recovered") / 1_024.0,
        figure("cpu_per_second"),
        instructions,
        figure("transitions_per_second"),
        figure("delay_p50_ms"),
        figure("delay_p99_ms"),
        figure("recovery_seconds"),
        figure("recovery_seconds_slowest"),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_valgrind_everything_else_is_measured_and_judged() {
        let folder = std::env::temp_dir().join(format!("glidepath-uncounted-{}", std::process::id()));
        let counted = count_instructions(&folder, "no-such-valgrind");
        std::fs::remove_dir_all(folder).expect("it is there");
        let Ok(Counted::Not(why)) = counted else { panic!("it counts without a counter") };
        let aims = ["rollout_bytes", "cpu_per_second", "delay_p99_ms", "recovery_seconds"];
        let mut figures: Map<String, Value> = aims.iter().map(|key| ((*key).to_owned(), 0.5.into())).collect();
        figures.insert("tick_instructions".into(), Value::Null);
        figures.insert("tick_instructions_not_counted".into(), why.into());
        assert_eq!(missed(&figures), [] as [&str; 0]);
        let mut said = Vec::new();
        print(&mut said, &figures, &[]);
        let said = String::from_utf8_lossy(&said).into_owned();
        assert!(said.contains("(instructions not counted: valgrind is not installed)"), "{said}");
        figures.remove("rollout_bytes");
        assert_eq!(missed(&figures).len(), 1, "a figure that an aim is about must be there");
    }
}
