//! Instructions, counted by Valgrind where it is installed.

use super::{Shape, number};
use serde_json::{Map, Value};
use std::path::Path;
use std::process::Command;

/// What counts instructions.
pub(super) const VALGRIND: &str = "valgrind";
/// So many services are enough to count instructions by.
const COUNTED_SERVICES: usize = 100;

/// What came of counting.
pub(super) enum Counted {
    /// The instructions of one service's second.
    Each(f64),
    /// Why there are none.
    Not(&'static str),
}

/// Instructions for one service and one second, counted by Valgrind because not every machine lets
/// its own counters be read: two runs that differ in their length only.
pub(super) fn count_instructions(folder: &Path, valgrind: &str) -> Result<Counted, String> {
    let mut counted = Vec::new();
    for seconds in [4, 14] {
        let inner = folder.join(format!("counted-{seconds}"));
        std::fs::create_dir_all(&inner).map_err(|error| error.to_string())?;
        let shape = Shape { folder: &inner, services: COUNTED_SERVICES, rate: COUNTED_SERVICES as u64 / 50, seconds };
        let mut command = Command::new(valgrind);
        command.args(["--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"]);
        command.arg(std::env::current_exe().unwrap_or_default()).args(shape.arguments()).arg("--ends");
        let output = match command.output() {
            Ok(output) => output,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Counted::Not("valgrind is not installed"));
            }
            Err(error) => return Err(format!("valgrind (which counts instructions): {error}")),
        };
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let line = said.lines().find(|line| line.contains("I refs:") || line.contains("I   refs:"));
        let digits: String = line
            .unwrap_or_default()
            .split(':')
            .nth(1)
            .unwrap_or_default()
            .chars()
            .filter(char::is_ascii_digit)
            .collect();
        let instructions: f64 = digits.parse().map_err(|_| format!("valgrind counted nothing: {said}"))?;
        let figures: Map<String, Value> = String::from_utf8_lossy(&output.stdout)
            .lines()
            .filter_map(|line| serde_json::from_str::<Map<String, Value>>(line).ok())
            .flatten()
            .collect();
        counted.push((instructions, number(&figures, "asked")));
    }
    let [(short, short_asked), (long, long_asked)] = counted[..] else { return Err("nothing was counted".into()) };
    Ok(Counted::Each((long - short) / (long_asked - short_asked)))
}
