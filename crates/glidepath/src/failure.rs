//! What a person, or a program, is told when something cannot be done.

use crate::arguments::Arguments;
use crate::exit::Exit;
use clap::CommandFactory;
use clap::error::ErrorKind;
use engine::store::StoreError;
use model::text::Report;
use std::ffi::OsString;
use std::io;
use std::path::Path;

/// Why a command ended without what was asked for.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    /// Stays the same when the sentences are bettered.
    pub(crate) code: &'static str,
    /// What happened.
    pub(crate) message: String,
    /// Where: a file, a folder; nothing where the message says it.
    pub(crate) place: Option<String>,
    /// What to do next.
    pub(crate) help: String,
    /// What is wrong with a file, each with its line.
    pub(crate) report: Option<Report>,
}

impl Failure {
    pub(crate) fn new(exit: Exit, code: &'static str, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { exit, code, message: message.into(), place: None, help: help.into(), report: None }
    }

    pub(crate) fn at(self, place: &Path) -> Self {
        Self { place: Some(place.display().to_string()), ..self }
    }

    /// A file that could not be read or written while `doing` something.
    pub(crate) fn io(path: &Path, doing: &str, error: &io::Error) -> Self {
        let (code, help) = match error.kind() {
            io::ErrorKind::NotFound => ("not-found", "check the path; the folder must be there"),
            io::ErrorKind::PermissionDenied => ("no-permission", "run as a user who may, or choose another path"),
            io::ErrorKind::StorageFull => ("disk-full", "free some space and try again"),
            io::ErrorKind::IsADirectory => ("not-a-file", "a file belongs there: correct the path"),
            io::ErrorKind::NotADirectory => ("not-a-folder", "a part of the path is a file: correct the path"),
            _ => ("input-output", "check the path and the disk"),
        };
        Self::new(Exit::NoAccess, code, format!("{doing} failed: {error}"), help).at(path)
    }

    /// Files that are not in order.
    pub(crate) fn problems(report: Report) -> Self {
        let count = report.problems.len();
        let message = if count == 1 { "the file has 1 problem".into() } else { format!("there are {count} problems") };
        let failure = Self::new(Exit::NotInOrder, "invalid-file", message, "mend what is underlined, and try again");
        Self { report: Some(report), ..failure }
    }

    /// The store's messages say what to do next themselves, after the first sentence.
    pub(crate) fn store(error: &StoreError) -> Self {
        let (message, help) = error.message.split_once(". ").unwrap_or((&error.message, ""));
        Self::new(Exit::NoAccess, error.trouble.code(), message, help)
    }

    /// What the parser of arguments says, in our form.
    pub(crate) fn usage(error: &clap::Error, words: &[OsString]) -> Self {
        let code = match error.kind() {
            ErrorKind::UnknownArgument => "unknown-argument",
            ErrorKind::InvalidSubcommand => "unknown-command",
            ErrorKind::MissingSubcommand | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => "missing-command",
            ErrorKind::MissingRequiredArgument => "missing-argument",
            ErrorKind::ArgumentConflict => "conflicting-arguments",
            ErrorKind::InvalidUtf8 => "not-utf-8",
            ErrorKind::TooFewValues | ErrorKind::NoEquals => "missing-value",
            _ => "bad-value",
        };
        if code == "missing-command" {
            let help = "begin with `glidepath init`; `glidepath --help` lists the commands";
            return Self::new(Exit::Usage, code, "no command was given", help);
        }
        let text = error.render().to_string();
        let text = text.strip_prefix("error: ").unwrap_or(&text);
        let about = text.split_once("\n\nUsage: ").map_or(text, |(about, _)| about);
        let lines: Vec<&str> = about.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        let (tips, said): (Vec<&str>, Vec<&str>) = lines.iter().partition(|line| line.starts_with("tip: "));
        let said: Vec<&str> = said.into_iter().filter(|line| !line.starts_with("For more information")).collect();
        let mut help: Vec<String> = tips.iter().map(|tip| tip.trim_start_matches("tip: ").to_owned()).collect();
        let known = Arguments::command();
        let mut names = words.iter().skip(1).filter_map(|word| word.to_str());
        let named = names.find(|word| known.find_subcommand(word).is_some());
        help.push(format!("see `glidepath {}--help`", named.map(|name| format!("{name} ")).unwrap_or_default()));
        Self::new(Exit::Usage, code, said.join(" "), help.join("\n"))
    }
}
