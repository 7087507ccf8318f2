//! `cargo xtask fuzz`: inputs that are grown towards code that was not reached yet, and what must hold for
//! each of them (`fuzz/src`).
//!
//! The compiler counts what is reached; that works with the stable one. libFuzzer grows the inputs.

use crate::program::root;
use clap::Args;
use serde_json::{Map, Value, json};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};

/// All targets: what is read by whom.
const TARGETS: [&str; 8] = ["head", "answer", "chunked", "connection", "http2", "table", "cookie", "wire"];
/// Has the compiler count which ways are gone through, and what is compared with what.
const COUNTED: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares -Cllvm-args=-simplifycfg-branch-fold-threshold=0";
/// An input that takes longer hangs.
const HANGS_S: u32 = 25;
/// Memory that nothing of this needs.
const MEMORY_MB_MAX: u32 = 2_048;
/// What is told of an input that was found: the panic comes first.
const TOLD_LINES_MAX: usize = 60;
/// No message of this length is any different from a shorter one.
const INPUT_BYTES_MAX: u32 = 4_096;

/// What can be said to `cargo xtask fuzz`.
#[derive(Args)]
pub(crate) struct FuzzArguments {
    /// Which targets; all where none is named.
    #[arg(value_parser = TARGETS)]
    targets: Vec<String>,
    /// How long each is tried.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Begin anew with this number, so that the same inputs come in the same order: what is tried for every change
    /// must not depend on chance.
    #[arg(long)]
    seed: Option<u32>,
    /// Figures for programs.
    #[arg(long)]
    json: bool,
    /// Exit with an error where an input was found for which something does not hold.
    #[arg(long)]
    check: bool,
}

/// What came of a target.
struct Tried {
    target: String,
    passed: bool,
    inputs: u64,
    reached: u64,
    said: String,
}

/// Runs the task.
pub(crate) fn run(arguments: &FuzzArguments) -> ExitCode {
    let tried = match build().and_then(|program| try_all(arguments, &program)) {
        Ok(tried) => tried,
        Err(why) => {
            let _ = writeln!(std::io::stderr(), "fuzz: {why}");
            return ExitCode::FAILURE;
        }
    };
    let mut out = std::io::stdout().lock();
    let found: Vec<_> = tried.iter().filter(|one| !one.passed).map(|one| one.target.as_str()).collect();
    if arguments.json {
        let each = |number: fn(&Tried) -> u64| -> Map<String, Value> {
            tried.iter().map(|one| (one.target.clone(), json!(number(one)))).collect()
        };
        let figures = json!({
            "seconds_each": arguments.seconds, "inputs": each(|one| one.inputs),
            "ways_reached": each(|one| one.reached), "found": found,
        });
        let _ = writeln!(out, "{figures}");
    } else {
        for one in &tried {
            let _ = writeln!(out, "  {:<10} {:>10} inputs, {:>6} ways reached", one.target, one.inputs, one.reached);
        }
        for one in tried.iter().filter(|one| !one.passed) {
            let _ = writeln!(out, "  FOUND by {}:\n{}", one.target, one.said);
        }
        let (targets, seconds) = (tried.len(), arguments.seconds);
        let _ = writeln!(out, "fuzz: {targets} targets, {seconds} s each, {} found something", found.len());
    }
    if arguments.check && !found.is_empty() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// Builds all targets; where they are.
fn build() -> Result<PathBuf, String> {
    let host = Command::new("rustc").arg("-vV").output().map_err(|error| format!("rustc: {error}"))?;
    let said = String::from_utf8_lossy(&host.stdout).into_owned();
    let host = said.lines().find_map(|line| line.strip_prefix("host: ")).ok_or("rustc names no host")?;
    // Everything in the versions that ship; what only the fuzzer needs is added to them.
    let copied = std::fs::copy(root().join("Cargo.lock"), root().join("fuzz/Cargo.lock"));
    copied.map_err(|error| format!("fuzz/Cargo.lock: {error}"))?;
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    // With a target named, what runs while building is not counted.
    command.args(["build", "--quiet", "--release", "--bins", "--target", host]);
    command.arg("--manifest-path").arg(root().join("fuzz/Cargo.toml"));
    command.arg("--target-dir").arg(root().join("target/fuzz")).env("RUSTFLAGS", COUNTED);
    match command.status() {
        Ok(status) if status.success() => Ok(root().join("target/fuzz").join(host).join("release")),
        other => {
            Err(format!("the targets were not built (they need a C++ compiler; Debian: apt install g++): {other:?}"))
        }
    }
}

/// As many at once as there are cores.
fn try_all(arguments: &FuzzArguments, program: &Path) -> Result<Vec<Tried>, String> {
    let wanted = |target: &&&str| arguments.targets.is_empty() || arguments.targets.iter().any(|one| one == **target);
    let targets: Vec<_> = TARGETS.iter().filter(wanted).collect();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let mut tried = Vec::new();
    for some in targets.chunks(cores) {
        let running = some.iter().map(|target| start(target, arguments, program));
        for (target, child) in some.iter().zip(running.collect::<Result<Vec<_>, _>>()?) {
            tried.push(finish(target, child)?);
        }
    }
    Ok(tried)
}

fn start(target: &str, arguments: &FuzzArguments, program: &Path) -> Result<Child, String> {
    // What was grown before is gone on with; what is in the tree is never written to.
    let folder = if arguments.seed.is_some() { "target/fuzz-anew" } else { "target/fuzz-grown" };
    let (grown, found) = (root().join(folder).join(target), root().join("target/fuzz-found"));
    if arguments.seed.is_some() && grown.exists() {
        std::fs::remove_dir_all(&grown).map_err(|error| format!("{}: {error}", grown.display()))?;
    }
    for folder in [&grown, &found] {
        std::fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    }
    let mut command = Command::new(program.join(target));
    command.arg(&grown).arg(root().join("fuzz/seeds").join(target)).args([
        format!("-max_total_time={}", arguments.seconds),
        // Zero is chance.
        format!("-seed={}", arguments.seed.unwrap_or(0)),
        format!("-timeout={HANGS_S}"),
        format!("-rss_limit_mb={MEMORY_MB_MAX}"),
        format!("-max_len={INPUT_BYTES_MAX}"),
        format!("-artifact_prefix={}/{target}-", found.display()),
        format!("-dict={}", root().join("fuzz/words").display()),
        "-print_final_stats=1".into(),
    ]);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    command.spawn().map_err(|error| format!("{target}: {error}"))
}

fn finish(target: &str, child: Child) -> Result<Tried, String> {
    let output = child.wait_with_output().map_err(|error| format!("{target}: {error}"))?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let inputs = said.lines().find_map(|line| line.strip_prefix("stat::number_of_executed_units:"));
    let inputs = inputs.and_then(|count| count.trim().parse().ok()).unwrap_or(0);
    // `#123  NEW  cov: 456 ft: ...`
    let reached = said.lines().rev().find_map(|line| line.split_once(" cov: ")?.1.split(' ').next()?.parse().ok());
    // The last lines say what did not hold, and in which file the input is.
    let told =
        |line: &&str| line.contains("panicked at") || line.starts_with("artifact_prefix") || line.starts_with("==");
    let begins = said.lines().position(|line| told(&line)).unwrap_or_default();
    let said = said.lines().skip(begins).take(TOLD_LINES_MAX).collect::<Vec<_>>().join("\n");
    Ok(Tried {
        target: target.to_owned(),
        passed: output.status.success(),
        inputs,
        reached: reached.unwrap_or(0),
        said,
    })
}
