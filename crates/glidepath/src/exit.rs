//! Exit codes: one table for the program, its help, its manual and `docs/exit-codes.md`.

use std::fmt::Write as _;
use std::process::ExitCode;

/// How the program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done, and in order.
    Ok = 0,
    /// Done, and what was asked about is not in order.
    NotInOrder = 1,
    /// The arguments make no sense.
    Usage = 2,
    /// Something could not be read or written, or nobody was there to answer.
    NoAccess = 3,
    /// Nobody answered.
    Interrupted = 4,
}

/// Every code that the program can end with, and what it means.
pub(crate) const TABLE: [(u8, &str); 6] = [
    (Exit::Ok as u8, "done, and in order"),
    (Exit::NotInOrder as u8, "not in order: problems in a file, a refused plan, a broken chain"),
    (Exit::Usage as u8, "wrong arguments; nothing was done"),
    (Exit::NoAccess as u8, "a file, the store, the output or a gateway could not be reached"),
    (Exit::Interrupted as u8, "the answers ended before the questions did; nothing was done"),
    (130, "interrupted by Ctrl-C (128 + SIGINT, as shells say it)"),
];

/// The table as it stands below `--help`.
pub(crate) fn help() -> String {
    let mut text = String::from("Exit codes:\n");
    for (code, meaning) in TABLE {
        let _ = writeln!(text, "  {code:>3}  {meaning}");
    }
    text
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit as u8)
    }
}
