//! All that is written: to standard output what was asked for, to standard error what went wrong and
//! how far it is. With `--json` there is exactly one JSON document on standard output, whatever happens.

use crate::exit::Exit;
use crate::failure::Failure;
use engine::outline::broken;
use serde::Serialize;
use serde_json::json;
use std::ffi::OsString;
use std::fmt::{self, Write as _};
use std::io::{self, IsTerminal, Write as _};

/// When there are colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Color {
    /// On a terminal, unless NO_COLOR is set.
    #[default]
    Auto,
    /// Also into a file or a pipe.
    Always,
    /// Not at all.
    Never,
}

/// Narrower, nothing is legible.
const WIDTH_MIN: usize = 30;
/// Where sentences are broken if nobody knows the width; and they never are wider.
const SENTENCE_WIDTH_MAX: usize = 100;

/// Where everything is written.
pub(crate) struct Screen {
    color: Color,
    json: bool,
    out: String,
}

/// How a part of a text is shown.
#[derive(Clone, Copy)]
pub(crate) enum Tone {
    Strong,
    Faint,
    Good,
    Warning,
    Bad,
}

impl Screen {
    pub(crate) fn new(color: Color, json: bool) -> Self {
        Self { color, json, out: String::new() }
    }

    /// What is probably meant by arguments that have not been parsed, or could not be.
    pub(crate) fn foreseen(words: &[OsString]) -> Self {
        let is = |word: &OsString, text: &str| word.to_str() == Some(text);
        let chosen = |text: &str| {
            let apart = words.windows(2).any(|pair| is(&pair[0], "--color") && is(&pair[1], text));
            apart || words.iter().any(|word| is(word, &format!("--color={text}")))
        };
        let color = match (chosen("always"), chosen("never")) {
            (true, false) => Color::Always,
            (false, true) => Color::Never,
            _ => Color::Auto,
        };
        Self::new(color, words.iter().any(|word| is(word, "--json")))
    }

    pub(crate) fn clap_colour(&self) -> clap::ColorChoice {
        match self.color {
            Color::Auto => clap::ColorChoice::Auto,
            Color::Always => clap::ColorChoice::Always,
            Color::Never => clap::ColorChoice::Never,
        }
    }

    /// Whether a program reads along.
    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    /// Whether standard output is shown in colour.
    pub(crate) fn colour(&self) -> bool {
        self.colour_on(io::stdout().is_terminal())
    }

    fn colour_on(&self, terminal: bool) -> bool {
        let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        match self.color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => terminal && !set("NO_COLOR") && std::env::var_os("TERM").is_none_or(|term| term != "dumb"),
        }
    }

    /// The columns of the terminal; not known for a file or a pipe, unless COLUMNS says it.
    pub(crate) fn width(&self) -> Option<usize> {
        let said = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse::<usize>().ok());
        let seen = || terminal_size::terminal_size_of(io::stdout()).map(|(width, _)| usize::from(width.0));
        said.filter(|columns| *columns > 0).or_else(seen).map(|width| width.max(WIDTH_MIN))
    }

    /// A text in its tone, for standard output.
    pub(crate) fn paint(&self, tone: Tone, text: &str) -> String {
        paint(self.colour(), tone, text)
    }

    /// Text for standard output, as it is.
    pub(crate) fn print(&mut self, text: &str) {
        self.out.push_str(text);
    }

    /// A help or a version, as the parser of arguments words it.
    pub(crate) fn asked_for(&mut self, text: &clap::builder::StyledStr) {
        if self.json {
            self.json(&json!({"text": text.to_string()}));
        } else if self.colour() {
            self.print(&text.ansi().to_string());
        } else {
            self.print(&text.to_string());
        }
    }

    /// A line for standard output.
    pub(crate) fn line(&mut self, line: impl fmt::Display) {
        let _ = writeln!(self.out, "{line}");
    }

    /// Sentences, broken where the terminal ends, each line after some spaces.
    pub(crate) fn sentences(&mut self, indent: usize, first: &str, text: &str) {
        let lines = indented(self.width(), indent, first, text);
        self.out.push_str(&lines);
    }

    /// The one document.
    pub(crate) fn json(&mut self, value: &impl Serialize) {
        // Values of our own, without maps whose keys are no texts: this cannot fail.
        let text =
            serde_json::to_string_pretty(value).unwrap_or_else(|error| json!({"error": error.to_string()}).to_string());
        self.out = text + "\n";
    }

    /// Something is wrong with what was asked about: for standard error, at once.
    pub(crate) fn complain(&mut self, kind: Tone, code: &str, message: &str, place: Option<&str>, help: &str) {
        let colour = self.colour_on(io::stderr().is_terminal());
        let word = match kind {
            Tone::Warning => "warning",
            Tone::Strong | Tone::Faint | Tone::Good | Tone::Bad => "error",
        };
        let mut text = format!("{}: {}\n", paint(colour, kind, &format!("{word}[{code}]")), visible(message));
        if let Some(place) = place {
            let _ = writeln!(text, "  {} {}", paint(colour, Tone::Faint, "-->"), visible(place));
        }
        for line in help.lines() {
            text.push_str(&indented(self.width(), 2, "help:", line));
        }
        self.whisper(&text);
    }

    /// Tells of a failure; how the program ends then.
    pub(crate) fn fail(&mut self, failure: &Failure) -> Exit {
        if self.json {
            let mut error = json!({"code": failure.code, "message": failure.message, "help": failure.help});
            if let Some(place) = &failure.place {
                error["where"] = json!(place);
            }
            if let Some(report) = &failure.report {
                error["problems"] = json!(report.problems);
            }
            self.json(&json!({ "error": error }));
        } else if let Some(report) = &failure.report {
            let colour = self.colour_on(io::stderr().is_terminal());
            self.whisper(&report.render(colour));
        } else {
            self.complain(Tone::Bad, failure.code, &failure.message, failure.place.as_deref(), &failure.help);
        }
        failure.exit
    }

    /// How far something is, on a terminal only; each call takes the place of the one before.
    pub(crate) fn progress(&self, text: &str) {
        if io::stderr().is_terminal() && !self.json {
            self.whisper(&format!("\r\x1b[K{text}"));
        }
    }

    /// Sentences for standard error, at once, below what was asked.
    pub(crate) fn aside(&self, text: &str) {
        self.whisper(&indented(self.width(), 2, "", text));
    }

    /// For standard error, at once. Where even that is closed there is nobody to tell.
    pub(crate) fn whisper(&self, text: &str) {
        let mut err = io::stderr().lock();
        let _ = err.write_all(text.as_bytes()).and_then(|()| err.flush());
    }

    /// Writes standard output. Whoever has closed the pipe has read enough: that is no failure.
    pub(crate) fn finish(self, exit: Exit) -> Exit {
        let mut out = io::stdout().lock();
        match out.write_all(self.out.as_bytes()).and_then(|()| out.flush()) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                let text = format!("error[output-failed]: standard output cannot be written: {error}\n");
                self.whisper(&(text + "  help: check the disk or the program that reads it\n"));
                Exit::NoAccess
            }
            _ => exit,
        }
    }
}

/// `1 journal`, `2 journals`.
pub(crate) fn counted(count: u64, one: &str, several: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{count} {several}") }
}

/// A text from outside as a terminal may show it: nothing in it steers the terminal.
pub(crate) fn visible(text: &str) -> String {
    let steers =
        |c: char| (c.is_control() && c != '\n') || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars().map(|c| if steers(c) { '\u{fffd}' } else { c }).collect()
}

fn indented(width: Option<usize>, indent: usize, first: &str, text: &str) -> String {
    let start = if first.is_empty() { indent } else { indent + first.chars().count() + 1 };
    let width = width.unwrap_or(SENTENCE_WIDTH_MAX).min(SENTENCE_WIDTH_MAX).saturating_sub(start);
    let mut lines = String::new();
    for (index, line) in broken(&visible(text), width).iter().enumerate() {
        let _ = match (index, first.is_empty()) {
            (0, false) => writeln!(lines, "{}{first} {line}", " ".repeat(indent)),
            _ => writeln!(lines, "{}{line}", " ".repeat(start)),
        };
    }
    lines
}

fn paint(colour: bool, tone: Tone, text: &str) -> String {
    let code = match tone {
        Tone::Strong => "1",
        Tone::Faint => "2",
        Tone::Good => "32",
        Tone::Warning => "1;33",
        Tone::Bad => "1;31",
    };
    if colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
}
