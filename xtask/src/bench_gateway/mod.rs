//! `cargo xtask bench gateway`: our gateway beside nginx, HAProxy and Envoy, each set up as somebody
//! would who knows it well.
//!
//! On a machine with two cores the proxy has one of them alone; the load and the instances have the other.

mod aims;
mod cases;
mod envoy;
mod figures;
mod haproxy;
mod idle;
mod load;
mod nginx;
mod origin;
mod ours;
mod pace;
mod process;
mod proxies;
mod swaps;

pub(crate) use origin::OriginArguments;

use crate::program::Build;
use cases::{CASES, Effort};
use clap::Args;
use figures::Figures;
use origin::Origin;
use process::{LOOK_EVERY, stay_on};
use proxies::{ALL, Proxy, Stand};
use serde_json::{Value, json};
use std::io::Write;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

/// Idle connections that are opened.
const IDLE: usize = 10_000;
/// Windows with a swap, and as many without.
const WINDOWS: u32 = 200;
/// How long a server may take until it listens.
const LISTENS_WITHIN_LOOKS: u32 = 500;

/// What can be said to `cargo xtask bench gateway`.
#[derive(Args)]
pub(crate) struct GatewayArguments {
    /// How often everybody's turn comes.
    #[arg(long, default_value_t = 7)]
    rounds: usize,
    /// How long a turn is.
    #[arg(long, default_value_t = 4)]
    seconds: u64,
    /// Only these cases.
    #[arg(long, value_parser = names())]
    case: Vec<String>,
    /// Ours alone, for a second each: to see that everything runs and is answered right, by no aim.
    #[arg(long)]
    small: bool,
    /// Figures for programs.
    #[arg(long)]
    json: bool,
    /// Exit with an error where an aim is missed.
    #[arg(long)]
    check: bool,
}

impl GatewayArguments {
    fn wants(&self, case: &str) -> bool {
        self.case.is_empty() || self.case.iter().any(|one| one == case)
    }
}

fn names() -> clap::builder::PossibleValuesParser {
    CASES.iter().map(|case| case.name).chain(["idle", "swaps"]).collect::<Vec<_>>().into()
}

/// Runs the process that answers.
pub(crate) fn run_origin(arguments: &OriginArguments) -> ExitCode {
    match origin::run(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "bench gateway: the instances: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Runs the task.
pub(crate) fn run(arguments: &GatewayArguments) -> ExitCode {
    let folder = std::env::temp_dir().join(format!("glidepath-bench-gateway-{}", std::process::id()));
    let made = std::fs::create_dir_all(&folder).map_err(|error| error.to_string());
    let measured = made.and_then(|()| measure(&folder, arguments));
    let _ = std::fs::remove_dir_all(&folder);
    let (figures, machine) = match measured {
        Ok(measured) => measured,
        Err(why) => {
            let _ = writeln!(std::io::stderr(), "bench gateway: {why}");
            return ExitCode::FAILURE;
        }
    };
    // A second of one proxy says nothing about speed.
    let (lines, missed) =
        if arguments.small { Default::default() } else { aims::judge(&figures, |case| arguments.wants(case)) };
    tell(arguments, &figures, &machine, &lines, &missed);
    if arguments.check && !missed.is_empty() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn measure(folder: &Path, arguments: &GatewayArguments) -> Result<(Figures, Vec<String>), String> {
    // Asked for now: once this process has one core for its own, it would say one.
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let (core, load_core) = if cores >= 2 { (Some(0), Some(1)) } else { (None, None) };
    // What `make test` builds anyway serves to see that it runs; speed is that of what ships.
    let program = if arguments.small { Build::Checked } else { Build::Ships }.program()?;
    stay_on(load_core).map_err(|error| format!("taskset and prlimit (Debian: apt install util-linux): {error}"))?;
    let machine = machine(arguments, cores, core)?;
    let origin = Origin::start(folder, load_core)?;
    let stand = Stand::new(folder, core, &program, &origin)?;
    let mut figures = Figures::default();
    let wanted = |name: &str| arguments.wants(name);
    let effort = if arguments.small {
        Effort { rounds: 1, seconds: 1 }
    } else {
        Effort { rounds: arguments.rounds, seconds: arguments.seconds }
    };
    for case in CASES.iter().filter(|case| wanted(case.name)) {
        let only = if arguments.small { |proxy: Proxy| matches!(proxy, Proxy::Ours(_)) } else { |_: Proxy| true };
        case.measure(&stand, effort, load_core, only, &mut figures)?;
        progress(arguments, case.name);
    }
    if wanted("idle") {
        idle::measure(&stand, if arguments.small { 500 } else { IDLE }, !arguments.small, &mut figures)?;
        progress(arguments, "idle");
    }
    if wanted("swaps") {
        swaps::measure(&stand, if arguments.small { 4 } else { WINDOWS }, &mut figures)?;
        progress(arguments, "swaps");
    }
    Ok((figures, machine))
}

/// Which machine, whose versions, which settings: figures mean nothing without them.
fn machine(arguments: &GatewayArguments, cores: usize, core: Option<usize>) -> Result<Vec<String>, String> {
    let read = |file: &str| std::fs::read_to_string(file).unwrap_or_default();
    let cpu = read("/proc/cpuinfo");
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or_default();
    let place = core.map_or("no core of its own".to_owned(), |core| format!("core {core} alone"));
    let kernel = read("/proc/sys/kernel/osrelease");
    let load = read("/proc/loadavg");
    let mut lines = vec![
        format!("machine: {} × {}, Linux {}", cores, model.trim_start_matches([' ', '\t', ':']), kernel.trim()),
        format!("the proxy has {place}; load before we began: {}", load.trim()),
        format!("{} connections at once, {} rounds of {} s", load::CONNECTIONS, arguments.rounds, arguments.seconds),
    ];
    for proxy in ALL.into_iter().filter(|proxy| !arguments.small || matches!(proxy, Proxy::Ours(_))) {
        lines.push(format!("{}: {}", proxy.name(), proxy.version()?));
    }
    Ok(lines)
}

fn progress(arguments: &GatewayArguments, case: &str) {
    if !arguments.json {
        let _ = writeln!(std::io::stderr(), "  measured: {case}");
    }
}

fn tell(arguments: &GatewayArguments, figures: &Figures, machine: &[String], lines: &[String], missed: &[String]) {
    let mut out = std::io::stdout().lock();
    if arguments.json {
        let mut all = figures.json();
        all.insert("machine".into(), json!(machine.join("; ")));
        all.insert("missed".into(), json!(missed));
        let _ = writeln!(out, "{}", Value::Object(all));
        return;
    }
    for line in machine.iter().chain(&figures.lines()).chain(lines) {
        let _ = writeln!(out, "  {line}");
    }
    let reached = lines.len() - missed.len();
    let _ = match arguments.small {
        true => writeln!(out, "bench gateway: everything runs and is answered right"),
        false => writeln!(out, "bench gateway: {reached} aims reached, {} missed", missed.len()),
    };
}

/// A port that nobody listens at.
fn free_port() -> Result<u16, String> {
    let bound = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    bound.map(|address| address.port()).map_err(|error| format!("no port is free: {error}"))
}

/// Waits until somebody listens there.
fn reached(port: u16) -> Result<(), String> {
    let connected = || TcpStream::connect(SocketAddr::from(([127, 0, 0, 1], port))).ok();
    until(connected).map(drop).ok_or_else(|| format!("nobody listens at port {port}"))
}

/// Looks until there is something to see; none where that takes too long.
fn until<T>(look: impl Fn() -> Option<T>) -> Option<T> {
    (0..LISTENS_WITHIN_LOOKS).find_map(|_| {
        let seen = look();
        if seen.is_none() {
            std::thread::sleep(LOOK_EVERY);
        }
        seen
    })
}

#[expect(clippy::disallowed_methods, reason = "the bench's edge: what it measures is time")]
fn now() -> Instant {
    Instant::now()
}
