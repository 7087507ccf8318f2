//! `cargo xtask crash-matrix`: every shape × prefix × fate × fence × second crash, or one case step by
//! step.

use clap::Args;
use engine::planted::{Bug, plant};
use sim::Options;
use sim::matrix::{MatrixFigures, Thinning, matrix, replay};
use sim::world::Planted;
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
    /// Plant bugs instead, and say which of them a thin part of it catches.
    #[arg(long)]
    mutants: bool,
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
        return replay_case(&mut out, id, arguments.json);
    }
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    if arguments.mutants {
        return mutants(&mut out, threads, arguments.json);
    }
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

fn replay_case(out: &mut impl Write, id: &str, json: bool) -> ExitCode {
    let Some(outcome) = replay(id, &Options::default()) else {
        let _ = writeln!(
            std::io::stderr(),
            "no case is called `{id}`: they look like `canary.forward/compare/17-twice/19-lost`"
        );
        return ExitCode::FAILURE;
    };
    let ends: Vec<&str> = outcome.ends.iter().map(|end| end.as_str()).collect();
    let well = if outcome.broken.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    if json {
        let figures = serde_json::json!({
            "case": id, "entries": outcome.length, "ends": ends, "broken": outcome.broken, "story": outcome.story,
        });
        let _ = writeln!(out, "{figures}");
        return well;
    }
    for line in &outcome.story {
        let _ = writeln!(out, "{line}");
    }
    for line in &outcome.broken {
        let _ = writeln!(out, "broken: {line}");
    }
    let _ = writeln!(out, "{id}: {} entries, {}, {} broken", outcome.length, ends.join(", "), outcome.broken.len());
    well
}

/// Bugs that only show where something else goes wrong than a controller are the simulator's to catch;
/// which ones the matrix catches beside it is told, and no bar.
fn mutants(out: &mut impl Write, threads: usize, json: bool) -> ExitCode {
    let mut rows = Vec::new();
    for bug in Bug::ALL {
        let figures = matrix(Thinning::SMALL, threads, &Options::default(), &|| plant(Some(*bug)));
        rows.push((bug.as_str(), figures));
    }
    let options = Options { planted: vec![Planted::NoFence], ..Options::default() };
    rows.push(("targets take commands of older generations (missing fence)", {
        matrix(Thinning::SMALL, threads, &options, &|| plant(None))
    }));
    let caught = rows.iter().filter(|(_, figures)| !figures.broken.is_empty()).count();
    if json {
        let bugs = rows.iter().map(|(bug, figures)| serde_json::json!({ "bug": bug, "broken": figures.broken.len() }));
        let bugs: Vec<_> = bugs.collect();
        let _ = writeln!(out, "{}", serde_json::json!({ "planted": rows.len(), "caught": caught, "bugs": bugs }));
        return ExitCode::SUCCESS;
    }
    for (bug, figures) in &rows {
        let first = figures.broken.first().map_or_else(String::new, |(case, what)| format!("\n      {case}: {what}"));
        let _ = writeln!(out, "  {:>5} of {} cases: {bug}{first}", figures.broken.len(), figures.cases);
    }
    let _ = writeln!(out, "crash-matrix --mutants: {} planted, {caught} caught", rows.len());
    ExitCode::SUCCESS
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
        figures.otherwise.values().sum::<u64>(),
        figures.broken.len()
    );
}

fn json(figures: &MatrixFigures, missed: &[String]) -> serde_json::Value {
    let otherwise: Vec<_> = figures
        .otherwise
        .iter()
        .map(|((shape, ends), cases)| serde_json::json!({ "shape": shape, "ends": ends, "cases": cases }))
        .collect();
    serde_json::json!({
        "shapes": figures.shapes,
        "prefixes": figures.prefixes,
        "cases": figures.cases,
        "cases_with_second_crash": figures.twice,
        "effects_under_way": figures.under_way,
        "appends_torn": figures.torn,
        "ends": figures.ends,
        "ended_otherwise": otherwise,
        "broken": figures.broken,
        "missed": missed,
    })
}
