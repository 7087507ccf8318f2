//! What is wrong with a text, where, and what to do about it.

use super::code::Code;
use super::node::At;
use super::source::{PROBLEMS_MAX, SHOWN_LINE_CHARS_MAX, Source, lines};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use unicode_width::UnicodeWidthStr as _;

/// A longer help is given to a person once: below every further slip it would hide what is wrong.
const HELP_AGAIN_CHARS_MAX: usize = 120;

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// What kind of thing.
    pub code: Code,
    /// The file.
    pub file: String,
    /// The line, from one.
    pub line: u32,
    /// The column in characters, from one.
    pub column: u32,
    /// How many characters it is about.
    pub width: u32,
    /// The line as it is written; the interesting part of a long one; secrets are masked.
    pub source_line: String,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub help: String,
    /// Where in `source_line` the column is, from zero: they differ where a long line was cut.
    #[serde(skip)]
    pub caret: u32,
}

/// Everything that is wrong with some texts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// In the order of the texts. Never empty.
    pub problems: Vec<Problem>,
}

/// Collects the problems of one source.
pub(crate) struct Problems<'a> {
    source: Source<'a>,
    lines: Vec<&'a str>,
    found: Vec<Problem>,
    masks: Vec<At>,
}

impl<'a> Problems<'a> {
    pub(crate) fn new(source: Source<'a>) -> Self {
        Self { source, lines: lines(source.unmarked()), found: Vec::new(), masks: Vec::new() }
    }

    /// The file that is read.
    pub(crate) fn file(&self) -> &'a str {
        self.source.name
    }

    /// A line of the source as written, counted from one.
    pub(crate) fn line(&self, line: u32) -> &'a str {
        self.lines.get(line.saturating_sub(1) as usize).copied().unwrap_or("")
    }

    /// Takes down a problem. A parser's position may lie behind the end, so it is moved inside.
    pub(crate) fn add(&mut self, code: Code, at: At, message: impl Into<String>, help: impl Into<String>) {
        if self.is_full() {
            return;
        }
        let line = at.line.clamp(1, u32::try_from(self.lines.len()).unwrap_or(u32::MAX));
        let length = u32::try_from(self.line(line).chars().count()).unwrap_or(u32::MAX);
        let column = if line == at.line { at.column.clamp(1, length + 1) } else { length + 1 };
        let width = at.width.min((length + 1).saturating_sub(column)).max(1);
        self.found.push(Problem {
            code,
            file: self.source.name.to_owned(),
            line,
            column,
            width,
            source_line: String::new(),
            message: message.into(),
            help: help.into(),
            caret: 0,
        });
    }

    /// Never shows what is written there.
    pub(crate) fn mask(&mut self, at: At) {
        self.masks.push(at);
    }

    /// Whether no more are taken down: then nobody needs to look for more.
    pub(crate) fn is_full(&self) -> bool {
        self.found.len() >= PROBLEMS_MAX
    }

    /// How many there are so far.
    pub(crate) fn count(&self) -> usize {
        self.found.len()
    }

    /// All of them, in the order of the text, with their lines.
    pub(crate) fn finish(mut self) -> Vec<Problem> {
        let mut found = std::mem::take(&mut self.found);
        found.sort_by_key(|problem| (problem.line, problem.column));
        found.dedup();
        for problem in &mut found {
            let (text, caret) = self.shown(problem.line, problem.column);
            problem.source_line = text;
            problem.caret = caret;
        }
        found
    }

    /// A line as it may be shown, and where a column of it is then.
    fn shown(&self, line: u32, column: u32) -> (String, u32) {
        let mut characters: Vec<char> = self.line(line).chars().collect();
        for mask in self.masks.iter().filter(|mask| mask.line == line) {
            let from = (mask.column as usize - 1).min(characters.len());
            let to = (from + mask.width as usize).min(characters.len());
            characters[from..to].fill('*');
        }
        mask_credentials(&mut characters);
        let caret = column as usize - 1;
        let start = caret.saturating_sub(SHOWN_LINE_CHARS_MAX / 2);
        let start = if characters.len() <= SHOWN_LINE_CHARS_MAX { 0 } else { start };
        let end = (start + SHOWN_LINE_CHARS_MAX).min(characters.len());
        let text = characters[start.min(end)..end].iter().collect();
        (text, u32::try_from(caret - start).unwrap_or(0))
    }
}

/// Covers the password of every `scheme://user:password@host` in a line: reports end up in logs.
fn mask_credentials(line: &mut [char]) {
    let mut index = 0;
    while index + 3 <= line.len() {
        if line[index..index + 3] != [':', '/', '/'] {
            index += 1;
            continue;
        }
        let start = index + 3;
        let stop = |c: &char| c.is_whitespace() || matches!(c, '/' | '"' | '\'');
        let end = start + line[start..].iter().position(stop).unwrap_or(line.len() - start);
        // The last `@` ends the credentials; a password may contain one.
        if let Some(sign) = line[start..end].iter().rposition(|c| *c == '@')
            && let Some(colon) = line[start..start + sign].iter().position(|c| *c == ':')
        {
            line[start + colon + 1..start + sign].fill('*');
        }
        index = end.max(start);
    }
}

impl Report {
    /// The report for a person, each problem with its line and a caret under what it is about.
    pub fn render(&self, colour: bool) -> String {
        let paint = Paint(colour);
        let mut text = String::new();
        let mut helped: BTreeMap<&str, &Problem> = BTreeMap::new();
        for problem in &self.problems {
            let long = problem.help.chars().count() > HELP_AGAIN_CHARS_MAX;
            match helped.get(problem.help.as_str()) {
                Some(first) => {
                    problem.render(&format!("see the help at {}:{}", first.file, first.line), paint, &mut text)
                }
                None => problem.render(&problem.help, paint, &mut text),
            }
            if long {
                helped.entry(&problem.help).or_insert(problem);
            }
            text.push('\n');
        }
        let count = self.problems.len();
        let files = self.problems.iter().map(|problem| &problem.file).collect::<std::collections::BTreeSet<_>>().len();
        let problems = if count == 1 { "1 problem".to_owned() } else { format!("{count} problems") };
        let place = match (self.problems.first(), files) {
            (Some(first), 1) => format!("in {}", printable(&first.file)),
            _ => format!("in {files} files"),
        };
        let more = if count >= PROBLEMS_MAX { "; there may be more behind them" } else { "" };
        let _ = writeln!(text, "{} {place}{more}", paint.bold(&problems));
        text
    }
}

impl std::fmt::Display for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl std::error::Error for Report {}

impl Problem {
    fn render(&self, help: &str, paint: Paint, text: &mut String) {
        let number = self.line.to_string();
        let gutter = " ".repeat(number.len());
        let bar = paint.blue("|");
        let head = paint.red(&format!("error[{}]", self.code));
        let _ = writeln!(text, "{head}{}", paint.bold(&format!(": {}", printable(&self.message))));
        let arrow = paint.blue("-->");
        let _ = writeln!(text, "{gutter}{arrow} {}:{}:{}", printable(&self.file), self.line, self.column);
        let _ = writeln!(text, "{gutter} {bar}");
        // A tab is often the very thing that is wrong, and nobody sees one.
        let shown = printable(&self.source_line.replace('\t', "→"));
        let _ = writeln!(text, "{} {bar} {}", paint.blue(&number), shown.trim_end());
        let before: String = shown.chars().take(self.caret as usize).collect();
        let meant: String = shown.chars().skip(self.caret as usize).take(self.width as usize).collect();
        let carets = paint.red(&"^".repeat(meant.width().max(1)));
        let _ = writeln!(text, "{gutter} {bar} {}{carets}", " ".repeat(before.width()));
        for line in help.lines() {
            let _ = writeln!(text, "{gutter} {} {}", paint.blue("="), printable(line));
        }
    }
}

/// A text from a file as a terminal may show it: nothing in it steers the terminal.
fn printable(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\t' => ' ',
            c if c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}') => '\u{fffd}',
            c => c,
        })
        .collect()
}

/// Colours, or none.
#[derive(Clone, Copy)]
struct Paint(bool);

impl Paint {
    fn with(self, code: &str, text: &str) -> String {
        if self.0 { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
    fn red(self, text: &str) -> String {
        self.with("1;31", text)
    }
    fn blue(self, text: &str) -> String {
        self.with("1;34", text)
    }
    fn bold(self, text: &str) -> String {
        self.with("1", text)
    }
}
