//! Developer tasks: `cargo xtask <task>`.

mod bench_engine;
mod bench_gateway;
mod crash_matrix_task;
mod demo;
mod fuzz_task;
mod mutants_task;
mod program;
mod prove;
mod sim_task;
mod splits;
mod zero_drop;

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
    /// Show a good release land and a bad one go around, in a simulated world.
    Demo(demo::DemoArguments),
    /// Run every part of the proof at full size, and write docs/proof.md.
    Prove(prove::ProveArguments),
    /// Land and go around in a simulated world, with faults at every point.
    Sim(sim_task::SimArguments),
    /// End a controller at every point of every kind of plan, and see what the next one makes of it.
    CrashMatrix(crash_matrix_task::CrashMatrixArguments),
    /// Plant bugs, and see that each is caught.
    Mutants(mutants_task::MutantsArguments),
    /// Hold the gateway's splits to their shares, and see that a bug in each is caught.
    Splits(splits::SplitsArguments),
    /// Look for inputs for which something does not hold that must.
    Fuzz(fuzz_task::FuzzArguments),
    /// Switch everything that can be switched under requests, and lose none.
    #[command(subcommand)]
    ZeroDrop(ZeroDrop),
    /// Measure.
    #[command(subcommand)]
    Bench(Bench),
    /// The process that `bench engine` measures.
    #[command(hide = true)]
    BenchEngineChild(bench_engine::ChildArguments),
    /// The instances behind the proxies that `bench gateway` measures.
    #[command(hide = true)]
    BenchGatewayOrigin(bench_gateway::OriginArguments),
}

#[derive(Subcommand)]
enum ZeroDrop {
    /// Tables, releases, gateways and instances, under every kind of request.
    Gateway(zero_drop::ZeroDropArguments),
}

#[derive(Subcommand)]
enum Bench {
    /// Ten thousand rollouts in one process.
    Engine(bench_engine::EngineArguments),
    /// Our gateway beside nginx, HAProxy and Envoy.
    Gateway(bench_gateway::GatewayArguments),
}

fn main() -> ExitCode {
    match Arguments::parse().task {
        Task::Demo(arguments) => demo::run(&arguments),
        Task::Prove(arguments) => prove::run(&arguments),
        Task::Sim(arguments) => sim_task::run(&arguments),
        Task::CrashMatrix(arguments) => crash_matrix_task::run(&arguments),
        Task::Mutants(arguments) => mutants_task::run(&arguments),
        Task::Splits(arguments) => splits::run(&arguments),
        Task::Fuzz(arguments) => fuzz_task::run(&arguments),
        Task::ZeroDrop(ZeroDrop::Gateway(arguments)) => zero_drop::run(&arguments),
        Task::Bench(Bench::Engine(arguments)) => bench_engine::run(&arguments),
        Task::Bench(Bench::Gateway(arguments)) => bench_gateway::run(&arguments),
        Task::BenchEngineChild(arguments) => bench_engine::run_child(&arguments),
        Task::BenchGatewayOrigin(arguments) => bench_gateway::run_origin(&arguments),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{Command, CommandFactory as _};

    /// The tasks that people call, with the words they call them by.
    fn tasks(command: &Command, words: &str, found: &mut Vec<(String, Command)>) {
        let named = format!("{words} {}", command.get_name());
        let mut inner = command.get_subcommands().filter(|one| !one.is_hide_set()).peekable();
        if inner.peek().is_none() {
            found.push((named, command.clone()));
            return;
        }
        inner.for_each(|one| tasks(one, &named, found));
    }

    #[test]
    fn every_task_gives_its_figures_to_programs_and_can_be_held_to_its_bars() {
        let mut found = Vec::new();
        tasks(&Arguments::command(), "cargo", &mut found);
        assert!(found.len() >= 6, "{}", found.len());
        for (words, task) in found {
            for flag in ["json", "check"] {
                assert!(task.get_arguments().any(|one| one.get_long() == Some(flag)), "`{words}` takes no --{flag}");
            }
        }
    }
}
