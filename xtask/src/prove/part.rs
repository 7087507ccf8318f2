//! The parts of the proof: one line of data for each.

use serde_json::{Number, Value};

/// One part of the proof.
pub(super) struct Part {
    pub(super) name: &'static str,
    /// What it shows, in the words of the page.
    pub(super) shows: &'static str,
    /// What is run at full size.
    pub(super) full: Run,
    /// What `make test` runs instead; none where `cargo test` has it in small already.
    pub(super) small: Option<Run>,
}

/// A program to run, and where its figures are.
#[derive(Clone, Copy)]
pub(super) enum Run {
    /// Another task, which ends with its figures as JSON where it is asked to.
    Task(&'static [&'static str]),
    /// Tests, those of chance as often as they ask for at full size, and what they print after these words.
    Tests { arguments: &'static [&'static str], often: bool, prints: Option<&'static str> },
}

/// All parts, in the order in which they are run.
pub(super) const PARTS: &[Part] = &[
    Part {
        name: "test",
        shows: "every test of every crate",
        full: Run::Tests { arguments: &["--workspace"], often: false, prints: None },
        small: None,
    },
    Part {
        name: "sim",
        shows: "landings in a simulated world with faults at every point; every effect and every entry is checked",
        full: Run::Task(&["sim", "--seeds", "10000", "--check"]),
        small: Some(Run::Task(&["sim", "--seeds", "2000", "--check"])),
    },
    Part {
        name: "crash-matrix",
        shows: "a controller ends at every point of every kind of plan, and the next one makes the right thing of it",
        full: Run::Task(&["crash-matrix", "--check"]),
        small: Some(Run::Task(&["crash-matrix", "--small", "--check"])),
    },
    Part {
        name: "mutants",
        shows: "bugs planted in the engine, in targets and in the store: the checkers catch each",
        full: Run::Task(&["mutants", "--check"]),
        small: Some(Run::Task(&["mutants", "--check"])),
    },
    Part {
        name: "splits",
        shows: "claims fall as shares say, units move one way only, retries stay charged; bugs planted in each are caught",
        full: Run::Task(&["splits", "--check"]),
        small: Some(Run::Task(&["splits", "--small", "--check"])),
    },
    Part {
        name: "zero-drop",
        shows: "tables, releases, gateways and instances are switched under every kind of request, and none is lost",
        full: Run::Task(&["zero-drop", "gateway", "--check"]),
        small: Some(Run::Task(&["zero-drop", "gateway", "--small", "--check"])),
    },
    Part {
        name: "fuzz",
        shows: "inputs are grown for all that reads what others wrote: what must hold, holds for each of them",
        full: Run::Task(&["fuzz", "--seconds", "120", "--check"]),
        small: Some(Run::Task(&["fuzz", "--seconds", "10", "--seed", "1", "--check"])),
    },
    Part {
        name: "drills",
        shows: "slow clients, too many, and ten thousand idle ones; instances that restart, fail in turn, or are all gone",
        full: Run::Tests { arguments: &["-p", "gateway", "--test", "it", "drills::"], often: true, prints: None },
        small: None,
    },
    Part {
        name: "power-loss",
        shows: "the power is cut under the SQLite store: nothing acknowledged is lost, nothing is half there",
        full: Run::Tests {
            arguments: &["--workspace", "--test", "it", "power_loss::"],
            often: true,
            prints: Some("power loss: "),
        },
        small: None,
    },
    Part {
        name: "kill",
        shows: "a writing process is killed: nothing acknowledged is lost, nothing is half there",
        full: Run::Tests {
            arguments: &["--workspace", "--test", "it", "kill::"],
            often: true,
            prints: Some("kill -9: "),
        },
        small: None,
    },
    Part {
        name: "bench-engine",
        shows: "ten thousand rollouts in one process: time, memory and instructions against their aims",
        full: Run::Task(&["bench", "engine", "--check"]),
        small: Some(Run::Task(&["bench", "engine", "--small"])),
    },
    Part {
        name: "bench-gateway",
        shows: "the gateway beside nginx, HAProxy and Envoy: processor time, throughput and memory against the aims",
        full: Run::Task(&["bench", "gateway", "--check"]),
        small: Some(Run::Task(&["bench", "gateway", "--small"])),
    },
];

/// What tests said: the last line after the words they print, or how many there were.
pub(super) fn figures_of_tests(said: &str, prints: Option<&str>) -> String {
    let printed = prints.and_then(|words| said.lines().rev().find_map(|line| line.strip_prefix(words)));
    if let Some(line) = printed {
        return line.to_owned();
    }
    let results = said.lines().filter_map(|line| line.strip_prefix("test result: "));
    let counts = results.flat_map(|line| line.split([';', '.'])).filter_map(|part| {
        let (count, what) = part.trim().split_once(' ')?;
        Some((count.parse::<u64>().ok()?, what.to_owned()))
    });
    let sum = |wanted: &str, counts: &[(u64, String)]| {
        counts.iter().filter(|(_, what)| what == wanted).map(|(count, _)| count).sum::<u64>()
    };
    let counts: Vec<_> = counts.collect();
    format!("{} passed, {} failed", sum("passed", &counts), sum("failed", &counts))
}

/// A task's figures in a few words: numbers as they are, tables as their sum, lists as their length.
pub(super) fn figures_of_task(figures: &Value) -> String {
    let Some(figures) = figures.as_object() else { return String::new() };
    let words = figures.iter().map(|(name, value)| {
        let name = name.replace('_', " ");
        match value {
            Value::Array(list) => format!("{} {name}", list.len()),
            Value::Object(table) => {
                let sum: u64 = table.values().filter_map(Value::as_u64).sum();
                format!("{sum} {name} of {} kinds", table.len())
            }
            Value::Number(number) => format!("{} {name}", rounded(number)),
            Value::String(text) => format!("{name} {text}"),
            Value::Bool(_) | Value::Null => format!("{name} {value}"),
        }
    });
    words.collect::<Vec<_>>().join(", ")
}

/// A number as a page shows it: whole, or to three places behind the point.
fn rounded(number: &Number) -> String {
    match number.as_f64() {
        Some(float) if number.is_f64() => {
            format!("{:.3}", float).trim_end_matches('0').trim_end_matches('.').to_owned()
        }
        _ => number.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_read_from_what_programs_say() {
        let said = "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured\nkill -9: 7 kills, 0 lost\n\
                    test result: FAILED. 4 passed; 2 failed; 0 ignored";
        assert_eq!(figures_of_tests(said, None), "7 passed, 2 failed");
        assert_eq!(figures_of_tests(said, Some("kill -9: ")), "7 kills, 0 lost");
        let figures =
            serde_json::json!({"broken": [], "faults": {"late": 2, "twice": 3}, "seconds": 1.23456, "seeds": 9});
        assert_eq!(figures_of_task(&figures), "0 broken, 5 faults of 2 kinds, 1.235 seconds, 9 seeds");
    }
}
