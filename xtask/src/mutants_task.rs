//! `cargo xtask mutants`: bugs are planted one at a time, and each must be caught.

use clap::Args;
use engine::planted::{Bug, plant};
use sim::campaign::hunt;
use sim::world::Planted;
use sim::{Options, campaign};
use std::io::Write;
use std::process::ExitCode;

/// What can be said to `cargo xtask mutants`.
#[derive(Args)]
pub(crate) struct MutantsArguments {
    /// The most seeds that are tried for each.
    #[arg(long, default_value_t = 5_000)]
    seeds: u64,
    /// Figures for programs.
    #[arg(long)]
    json: bool,
    /// Exit with an error where one is not caught.
    #[arg(long)]
    check: bool,
}

struct Hunted {
    bug: &'static str,
    caught: Option<(u64, String)>,
}

/// Runs the task.
pub(crate) fn run(arguments: &MutantsArguments) -> ExitCode {
    let mut out = std::io::stdout().lock();
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let sound = campaign(0, 200, threads, &Options::default(), &|| plant(None)).broken.is_empty();
    let mut hunted = Vec::new();
    for bug in Bug::ALL {
        let caught = hunt(arguments.seeds, threads, &Options::default(), &|| plant(Some(*bug)));
        hunted.push(Hunted { bug: bug.as_str(), caught });
        print(&mut out, arguments.json, hunted.last());
    }
    for (planted, bug) in [
        (Planted::NoFence, "targets take commands of older generations (missing fence)"),
        (Planted::UnconditionalAppend, "the store appends whatever position is expected"),
        (Planted::TagNotReadBack, "tags are believed, and not read back"),
    ] {
        let options = Options { planted: vec![planted], ..Options::default() };
        let caught = hunt(arguments.seeds, threads, &options, &|| plant(None));
        hunted.push(Hunted { bug, caught });
        print(&mut out, arguments.json, hunted.last());
    }
    let missed = hunted.iter().filter(|hunted| hunted.caught.is_none()).count();
    if arguments.json {
        let rows: Vec<_> = hunted
            .iter()
            .map(|hunted| {
                let seed = hunted.caught.as_ref().map(|(seed, _)| *seed);
                serde_json::json!({ "bug": hunted.bug, "seed": seed })
            })
            .collect();
        let (planted, caught) = (hunted.len(), hunted.len() - missed);
        let figures = serde_json::json!({
            "planted": planted, "caught": caught, "missed": missed, "sound_without": sound, "bugs": rows,
        });
        let _ = writeln!(out, "{figures}");
    } else {
        let without = if sound { "none without a bug" } else { "SOMETHING ALSO WITHOUT A BUG" };
        let _ = writeln!(out, "mutants: {} planted, {} caught, {without}", hunted.len(), hunted.len() - missed);
    }
    if arguments.check && (missed > 0 || !sound) { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn print(out: &mut impl Write, json: bool, hunted: Option<&Hunted>) {
    let Some(hunted) = hunted.filter(|_| !json) else { return };
    let _ = match &hunted.caught {
        Some((seed, what)) => writeln!(out, "  caught by seed {seed:>4}: {}\n      {what}", hunted.bug),
        None => writeln!(out, "  NOT CAUGHT: {}", hunted.bug),
    };
}
