//! `cargo xtask crash-matrix`: every shape × prefix × fate × fence × second crash, or one case step by
//! step.

use clap::Args;
use sim::Options;
use sim::matrix::{MatrixFigures, Thinning, matrix, replay};
use std::io::Write;
use std::process::ExitCode;

/// How many shapes there must be.
const SHAPES_BAR: u64 = 24;
/// How many of the broken cases are named.
const NAMED_MAX: usize = 20;

/// What can be said to `cargo xtask crash-matrix`.
#[derive(Args)]
pub(crate) struct CrashMatrixArguments {
    /// Only a thin part of it, for every build.
    #[arg(long)]
    small: bool,
    /// Replay this case, step by step.
    #[arg(long, value_name = "ID")]
    case: Option<String>,
    /// Figures for programs.
    #[arg(long)]
    json: bool,
    /// Exit with an error where a bar is missed.
    #[arg(long)]
    check: bool,
}

/// Runs the task.
pub(crate) fn run(arguments: &CrashMatrixArguments) -> ExitCode {
    let mut out = std::io::stdout().lock();
    if let Some(id) = &arguments.case {
        return replay_case(&mut out, id);
    }
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let thinning = if arguments.small { Thinning::SMALL } else { Thinning::NONE };
    let figures = matrix(thinning, threads, &Options::default(), &|| {});
    let missed = missed_bars(&figures);
    if arguments.json {
        let _ = writeln!(out, "{}", json(&figures, &missed));
    } else {
        print(&mut out, &figures, &missed);
    }
    if arguments.check && !missed.is_empty() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn replay_case(out: &mut impl Write, id: &str) -> ExitCode {
    let Some(outcome) = replay(id, &Options::default()) else {
        let _ = writeln!(out, "no case is called `{id}`: they look like `canary.forward/compare/17-twice/19-lost`");
        return ExitCode::FAILURE;
    };
    for line in &outcome.story {
        let _ = writeln!(out, "{line}");
    }
    for line in &outcome.broken {
        let _ = writeln!(out, "broken: {line}");
    }
    let ends: Vec<&str> = outcome.ends.iter().map(|end| end.as_str()).collect();
    let _ = writeln!(out, "{id}: {} entries, {}, {} broken", outcome.length, ends.join(", "), outcome.broken.len());
    if outcome.broken.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn missed_bars(figures: &MatrixFigures) -> Vec<String> {
    let mut missed: Vec<String> =
        figures.broken.iter().take(NAMED_MAX).map(|(case, what)| format!("{case}: {what}")).collect();
    if figures.broken.len() > NAMED_MAX {
        missed.push(format!("and {} more cases", figures.broken.len() - NAMED_MAX));
    }
    if figures.shapes < SHAPES_BAR {
        missed.push(format!("there are {} shapes, and {SHAPES_BAR} are the least", figures.shapes));
    }
    missed
}

fn print(out: &mut impl Write, figures: &MatrixFigures, missed: &[String]) {
    for line in missed {
        let _ = writeln!(out, "  missed: {line}");
    }
    let ends: Vec<String> = figures.ends.iter().map(|(end, count)| format!("{count} {end}")).collect();
    let _ = writeln!(
        out,
        "crash-matrix: {} shapes, {} prefixes, {} cases ({} with a second crash), {} effects under way, \
         {} appends torn; {} ({} otherwise than without a crash), {} broken",
        figures.shapes,
        figures.prefixes,
        figures.cases,
        figures.twice,
        figures.under_way,
        figures.torn,
        ends.join(", "),
        figures.otherwise,
        figures.broken.len()
    );
}

fn json(figures: &MatrixFigures, missed: &[String]) -> serde_json::Value {
    serde_json::json!({
        "shapes": figures.shapes,
        "prefixes": figures.prefixes,
        "cases": figures.cases,
        "cases_with_second_crash": figures.twice,
        "effects_under_way": figures.under_way,
        "appends_torn": figures.torn,
        "ends": figures.ends,
        "ended_otherwise": figures.otherwise,
        "broken": figures.broken,
        "missed": missed,
    })
}
