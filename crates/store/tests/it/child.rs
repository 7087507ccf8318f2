//! This test program again, as a process of its own that can be killed or held to limits.

use crate::given;
use engine::store::{AppendError, Store};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread;
use store::{Journals, SqliteStore, wait};

/// What the child is to do, and with which file.
const TASK: &str = "GLIDEPATH_TEST_TASK";
const FILE: &str = "GLIDEPATH_TEST_FILE";

/// The child's callers, each with a journal of its own.
pub(crate) const CALLERS: u64 = 4;

/// The entries of every batch, so that half a batch can be seen.
pub(crate) const BATCH: u64 = 2;

/// Begins the child; what it says comes line by line.
pub(crate) fn begin(mut command: Command, task: &str, file: &Path) -> (Child, BufReader<ChildStdout>) {
    let arguments = ["child::does_its_task", "--exact", "--nocapture"];
    let begun = command.args(arguments).env(TASK, task).env(FILE, file).stdout(Stdio::piped()).spawn();
    let mut child = begun.expect("the test program begins again");
    let output = BufReader::new(child.stdout.take().expect("its output"));
    (child, output)
}

/// This program.
pub(crate) fn this_program() -> Command {
    Command::new(std::env::current_exe().expect("the path of this program"))
}

/// What the child says until it ends: its whole lines that begin with this word.
pub(crate) fn said(output: BufReader<ChildStdout>, word: &str) -> Vec<String> {
    output.lines().map_while(Result::ok).filter_map(|line| rest(&line, word)).collect()
}

/// All that the child says until it ends.
pub(crate) fn said_any(output: BufReader<ChildStdout>) -> Vec<String> {
    output.lines().map_while(Result::ok).collect()
}

pub(crate) fn rest(line: &str, word: &str) -> Option<String> {
    Some(line.strip_prefix(word)?.strip_prefix(' ')?.to_owned())
}

/// The body of an entry that a child appends: whoever reads it can tell where it belongs.
pub(crate) fn body(name: &str, position: u64) -> String {
    format!("{name} {position} {}", "x".repeat((position * 37 % 900) as usize))
}

/// Not a test of its own: what the child of another test does. Without a task there is nothing to do.
#[test]
fn does_its_task() {
    let (Ok(task), Some(file)) = (std::env::var(TASK), std::env::var_os(FILE)) else { return };
    match task.as_str() {
        "append" => append(Path::new(&file)),
        "open" => say(&match SqliteStore::open(&file) {
            Ok(_) => "opened it".into(),
            Err(error) => format!("error {error}"),
        }),
        "read" => say(&match Journals::open(&file) {
            Ok(_) => "read it".into(),
            Err(error) => format!("error {error}"),
        }),
        other => panic!("no such task: {other}"),
    }
}

/// Appends as fast as it can, and says what was acknowledged, until killed or refused.
fn append(file: &Path) {
    let store = SqliteStore::open(file).expect("the store opens");
    let store = &store;
    thread::scope(|scope| {
        for caller in 0..CALLERS {
            scope.spawn(move || {
                let name = format!("s{caller}");
                let mut end = ends(store, &name);
                loop {
                    let bodies = [body(&name, end + 1), body(&name, end + 2)];
                    match given::append(store, &name, end, &[&bodies[0], &bodies[1]]) {
                        Ok(position) => {
                            end = position.0;
                            say(&format!("ack {name} {end}"));
                        }
                        Err(AppendError::Ambiguous(why)) => return say(&format!("doubt {why}")),
                        Err(error) => return say(&format!("error {error}")),
                    }
                }
            });
        }
    });
}

fn ends(store: &SqliteStore, name: &str) -> u64 {
    let subjects = wait(store.subjects()).expect("a list");
    let found = subjects.into_iter().find(|(subject, _)| *subject == given::subject(name));
    found.map_or(0, |(_, position)| position.0)
}

/// One write for one line, so that a kill cuts none in two and leaves it looking whole.
fn say(line: &str) {
    let written = std::io::stdout().lock().write_all(format!("\n{line}\n").as_bytes());
    // Nobody listens to a child whose parent is gone.
    if written.is_err() {
        std::process::exit(1);
    }
}
