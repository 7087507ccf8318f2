//! `cargo xtask sim`: many seeds, or one of them step by step.

use clap::Args;
use sim::fault::{Fault, FaultCount};
use sim::{Figures, Options, Outcome, campaign};
use std::collections::BTreeMap;
use std::io::Write;
use std::process::ExitCode;

/// How often every edge of the fold's table must be taken in a full run.
const EDGE_BAR: u64 = 100;
/// How often every kind of fault must be injected in a full run.
const FAULT_BAR: u64 = 1_000;
/// How many faults the median seed must have.
const MEDIAN_BAR: u64 = 3;
/// From so many seeds on the bars on edges and faults hold in full. Fewer scatter: below, half of their
/// part is asked for, which shows that nothing has dried up.
const FULL_SEEDS: u64 = 10_000;
/// How many broken seeds are named.
const NAMED_MAX: usize = 20;

/// What can be said to `cargo xtask sim`.
#[derive(Args)]
pub(crate) struct SimArguments {
    /// How many seeds.
    #[arg(long, default_value_t = 1_000, value_parser = at_least_one)]
    seeds: u64,
    /// The first seed.
    #[arg(long, default_value_t = 0)]
    first: u64,
    /// Replay this one, step by step.
    #[arg(long)]
    seed: Option<u64>,
    /// Figures for programs.
    #[arg(long)]
    json: bool,
    /// Exit with an error where a bar is missed.
    #[arg(long)]
    check: bool,
}

fn at_least_one(text: &str) -> Result<u64, String> {
    match text.parse() {
        Ok(0) => Err("nothing is shown by no seeds: ask for 1 or more, or leave it out for 1000".into()),
        Ok(seeds) => Ok(seeds),
        Err(_) => Err("write a whole number, as 10000".into()),
    }
}

/// Runs the task.
pub(crate) fn run(arguments: &SimArguments) -> ExitCode {
    let mut out = std::io::stdout().lock();
    if let Some(seed) = arguments.seed {
        return replay(&mut out, seed, arguments.json);
    }
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let figures = campaign(arguments.first, arguments.seeds, threads, &Options::default(), &|| {});
    let missed = missed_bars(&figures);
    if arguments.json {
        let _ = writeln!(out, "{}", json(&figures, &missed));
    } else {
        print(&mut out, &figures, &missed);
    }
    if arguments.check && !missed.is_empty() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// What is broken fails, with or without `--check`: one seed has no other bar.
fn replay(out: &mut impl Write, seed: u64, json: bool) -> ExitCode {
    let outcome = sim::run(seed, &Options { story: true, ..Options::default() });
    if json {
        let _ = writeln!(out, "{}", replayed_json(&outcome));
    } else {
        for line in &outcome.story {
            let _ = writeln!(out, "{line}");
        }
        for line in &outcome.broken {
            let _ = writeln!(out, "broken: {line}");
        }
        let _ = writeln!(out, "{}", replayed_words(&outcome));
    }
    if outcome.broken.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn entries(outcome: &Outcome) -> usize {
    outcome.recorded.iter().map(|recorded| recorded.journal.len()).sum()
}

fn replayed_words(outcome: &Outcome) -> String {
    let services = if outcome.services == 1 { "1 service".into() } else { format!("{} services", outcome.services) };
    let stuck = outcome.stuck.map(|stuck| format!(", one stuck for good ({})", stuck.as_str())).unwrap_or_default();
    format!(
        "sim: seed {}: {services}{stuck}, {}, {} faults, rollouts: {}, {} entries, {} broken",
        outcome.seed,
        outcome.lasted,
        outcome.faults.total(),
        ending_words(&outcome.endings),
        entries(outcome),
        outcome.broken.len()
    )
}

fn replayed_json(outcome: &Outcome) -> serde_json::Value {
    serde_json::json!({
        "seed": outcome.seed,
        "services": outcome.services,
        "stuck": outcome.stuck.map(|stuck| stuck.as_str()),
        "lasted_ms": outcome.lasted.0,
        "faults": faults_json(&outcome.faults),
        "endings": outcome.endings,
        "entries": entries(outcome),
        "broken": outcome.broken,
        "story": outcome.story,
    })
}

/// How much of a bar is asked for.
fn part(bar: u64, seeds: u64) -> u64 {
    if seeds >= FULL_SEEDS { bar } else { bar * seeds / FULL_SEEDS / 2 }
}

fn missed_bars(figures: &Figures) -> Vec<String> {
    let mut missed = Vec::new();
    let (edge_bar, fault_bar) = (part(EDGE_BAR, figures.seeds), part(FAULT_BAR, figures.seeds));
    for (seed, what) in figures.broken.iter().take(NAMED_MAX) {
        missed.push(format!("seed {seed}: {what}"));
    }
    for ((phase, kind), count) in figures.edges.iter().filter(|(_, count)| **count < edge_bar) {
        missed.push(format!("edge {} → {} was taken {count} times", phase.as_str(), kind.as_str()));
    }
    for fault in Fault::ALL {
        let count = figures.faults.of(*fault);
        if count < fault_bar {
            missed.push(format!("fault {} was injected {count} times", fault.as_str()));
        }
    }
    if figures.faults_median < MEDIAN_BAR {
        missed.push(format!("the median seed had {} faults", figures.faults_median));
    }
    missed
}

fn ending_words(endings: &BTreeMap<&'static str, u64>) -> String {
    if endings.is_empty() {
        return "none ended".into();
    }
    endings.iter().map(|(ending, count)| format!("{count} {ending}")).collect::<Vec<_>>().join(", ")
}

fn print(out: &mut impl Write, figures: &Figures, missed: &[String]) {
    for fault in Fault::ALL {
        let _ = writeln!(out, "  fault {:<20} {:>9}", fault.as_str(), figures.faults.of(*fault));
    }
    let (edge_bar, fault_bar) = (part(EDGE_BAR, figures.seeds), part(FAULT_BAR, figures.seeds));
    let of = if figures.seeds < FULL_SEEDS {
        format!(": half of this run's part of {EDGE_BAR} and {FAULT_BAR}, which are asked of {FULL_SEEDS} seeds")
    } else {
        String::new()
    };
    let _ = writeln!(out, "  asked: every edge {edge_bar} times, every fault {fault_bar} times{of}");
    for line in missed {
        let _ = writeln!(out, "  missed: {line}");
    }
    let fewest = figures.edges.values().min().copied().unwrap_or(0);
    let _ = writeln!(
        out,
        "sim: {} seeds with {} services ({} stuck for good), {} faults ({} in the median seed), rollouts: {}, \
         {} edges (the rarest taken {fewest} times), {} broken",
        figures.seeds,
        figures.services,
        figures.stuck,
        figures.faults.total(),
        figures.faults_median,
        ending_words(&figures.endings),
        figures.edges.len(),
        figures.broken.len()
    );
}

fn faults_json(faults: &FaultCount) -> serde_json::Map<String, serde_json::Value> {
    Fault::ALL.iter().map(|fault| (fault.as_str().to_owned(), faults.of(*fault).into())).collect()
}

fn json(figures: &Figures, missed: &[String]) -> serde_json::Value {
    let edges: serde_json::Map<_, _> = figures
        .edges
        .iter()
        .map(|((phase, kind), count)| (format!("{} {}", phase.as_str(), kind.as_str()), (*count).into()))
        .collect();
    serde_json::json!({
        "seeds": figures.seeds,
        "services": figures.services,
        "stuck": figures.stuck,
        "faults": faults_json(&figures.faults),
        "faults_median": figures.faults_median,
        "endings": figures.endings,
        "edges": edges,
        "edge_bar": part(EDGE_BAR, figures.seeds),
        "fault_bar": part(FAULT_BAR, figures.seeds),
        "broken": figures.broken,
        "missed": missed,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_seeds_are_no_run() {
        assert_eq!(at_least_one("1"), Ok(1));
        for (text, hint) in [("0", "1 or more"), ("many", "a whole number")] {
            assert!(at_least_one(text).expect_err(text).contains(hint), "{text}");
        }
    }

    #[test]
    fn a_replay_is_told_in_words_and_ends_with_its_figures() {
        let mut out = Vec::new();
        replay(&mut out, 5, false);
        let text = String::from_utf8(out).expect("text");
        assert!(text.lines().last().is_some_and(|line| line.starts_with("sim: seed 5: ")), "{text}");
        assert!(text.contains("step 1 begins: "), "{text}");
        // Names of types and fields, as Debug prints them.
        for debug in ["ReleaseNumber(", "Some(", "Share(", "Name(", "Span(", " { "] {
            assert!(!text.contains(debug), "{debug} in\n{text}");
        }
    }

    #[test]
    fn a_replay_can_be_read_by_programs() {
        let mut out = Vec::new();
        replay(&mut out, 5, true);
        let told: serde_json::Value = serde_json::from_slice(&out).expect("JSON");
        let first = &told["story"][0];
        assert_eq!(told["seed"], 5);
        assert!(first["at_ms"].is_u64() && first["by"].is_string() && first["words"].is_string(), "{first}");
    }
}
