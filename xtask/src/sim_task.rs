//! `cargo xtask sim`: many seeds, or one of them step by step.

use clap::Args;
use sim::fault::Fault;
use sim::{Figures, Options, campaign};
use std::io::Write;
use std::process::ExitCode;

/// How often every edge of the fold's table must be taken in a full run.
const EDGE_BAR: u64 = 100;
/// How often every kind of fault must be injected in a full run.
const FAULT_BAR: u64 = 1_000;
/// How many faults the median seed must have.
const MEDIAN_BAR: u64 = 3;
/// From so many seeds on the bars on edges and faults hold in full; below to half of their proportion.
const FULL_SEEDS: u64 = 10_000;

/// What can be said to `cargo xtask sim`.
#[derive(Args)]
pub(crate) struct SimArguments {
    /// How many seeds.
    #[arg(long, default_value_t = 1_000)]
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

/// Runs the task.
pub(crate) fn run(arguments: &SimArguments) -> ExitCode {
    let mut out = std::io::stdout().lock();
    if let Some(seed) = arguments.seed {
        let outcome = sim::run(seed, &Options { story: true, ..Options::default() });
        for line in &outcome.story {
            let _ = writeln!(out, "{line}");
        }
        for line in &outcome.broken {
            let _ = writeln!(out, "broken: {line}");
        }
        return if outcome.broken.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
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

fn missed_bars(figures: &Figures) -> Vec<String> {
    let mut missed = Vec::new();
    // Few seeds scatter: half of their proportion shows that nothing has dried up.
    let part = |bar: u64| if figures.seeds >= FULL_SEEDS { bar } else { bar * figures.seeds / FULL_SEEDS / 2 };
    for (seed, what) in figures.broken.iter().take(20) {
        missed.push(format!("seed {seed}: {what}"));
    }
    for ((phase, kind), count) in &figures.edges {
        if *count < part(EDGE_BAR) {
            missed.push(format!("edge {} → {} was taken {count} times", phase.as_str(), kind.as_str()));
        }
    }
    for fault in Fault::ALL {
        if figures.faults.of(*fault) < part(FAULT_BAR) {
            missed.push(format!("fault {} was injected {} times", fault.as_str(), figures.faults.of(*fault)));
        }
    }
    if figures.faults_median < MEDIAN_BAR {
        missed.push(format!("the median seed had {} faults", figures.faults_median));
    }
    missed
}

fn print(out: &mut impl Write, figures: &Figures, missed: &[String]) {
    for fault in Fault::ALL {
        let _ = writeln!(out, "  fault {:<20} {:>9}", fault.as_str(), figures.faults.of(*fault));
    }
    let fewest = figures.edges.iter().min_by_key(|(_, count)| **count);
    for line in missed {
        let _ = writeln!(out, "  missed: {line}");
    }
    let endings: Vec<String> = figures.endings.iter().map(|(ending, count)| format!("{count} {ending}")).collect();
    let _ = writeln!(
        out,
        "sim: {} seeds, {} faults ({} in the median seed), rollouts: {}, {} edges (the rarest taken {} times), {} broken",
        figures.seeds,
        figures.faults.total(),
        figures.faults_median,
        endings.join(", "),
        figures.edges.len(),
        fewest.map_or(0, |(_, count)| *count),
        figures.broken.len()
    );
}

fn json(figures: &Figures, missed: &[String]) -> serde_json::Value {
    let faults: serde_json::Map<_, _> =
        Fault::ALL.iter().map(|fault| (fault.as_str().to_owned(), figures.faults.of(*fault).into())).collect();
    let edges: serde_json::Map<_, _> = figures
        .edges
        .iter()
        .map(|((phase, kind), count)| (format!("{} {}", phase.as_str(), kind.as_str()), (*count).into()))
        .collect();
    serde_json::json!({
        "seeds": figures.seeds,
        "faults": faults,
        "faults_median": figures.faults_median,
        "endings": figures.endings,
        "edges": edges,
        "broken": figures.broken,
        "missed": missed,
    })
}
