//! Developer tasks: `cargo xtask <task>`.

mod bench_engine;
mod mutants_task;
mod sim_task;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Developer tasks. Each ends with one line of its figures.
#[derive(Parser)]
#[command(name = "xtask")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Land and go around in a simulated world, with faults at every point.
    Sim(sim_task::SimArguments),
    /// Plant bugs, and see that each is caught.
    Mutants(mutants_task::MutantsArguments),
    /// Measure.
    #[command(subcommand)]
    Bench(Bench),
    /// The process that `bench engine` measures.
    #[command(hide = true)]
    BenchEngineChild(bench_engine::ChildArguments),
}

#[derive(Subcommand)]
enum Bench {
    /// Ten thousand rollouts in one process.
    Engine(bench_engine::EngineArguments),
}

fn main() -> ExitCode {
    match Arguments::parse().task {
        Task::Sim(arguments) => sim_task::run(&arguments),
        Task::Mutants(arguments) => mutants_task::run(&arguments),
        Task::Bench(Bench::Engine(arguments)) => bench_engine::run(&arguments),
        Task::BenchEngineChild(arguments) => bench_engine::run_child(&arguments),
    }
}
