//! What the YAML scanner stumbles over, as a problem for a person.

use super::code::Code;
use super::node::At;
use super::problem::Problems;
use super::tree::narrow;
use saphyr_parser::ScanError;

/// How many lines below the scanner's place a tab is looked for.
const TAB_LINES_MAX: u32 = 20;

/// Takes down an error of the scanner, behind which nothing can be read.
pub(crate) fn take_down(error: &ScanError, problems: &mut Problems<'_>) {
    let (message, help) = explain(error);
    let (at, help) = tab_at(error, problems).unwrap_or((place_of(error), help));
    // The scanner has a bound of its own, which it may reach before a single event comes out.
    let too_deep = error.info().contains("recursion limit");
    let code = if too_deep { Code::TooMuch } else { Code::YamlSyntax };
    problems.add(code, at, message, help);
}

fn place_of(error: &ScanError) -> At {
    let marker = error.marker();
    At { line: narrow(marker.line()), column: narrow(marker.col() + 1), width: 1 }
}

/// Where the tab is that the scanner stumbles over, and what to do about it. It stops behind the tab, or
/// says where the text began that the tab cuts off; a person looks for the tab itself.
fn tab_at(error: &ScanError, problems: &Problems<'_>) -> Option<(At, &'static str)> {
    let (info, first) = (error.info(), place_of(error).line);
    let indented = |line: u32| {
        let text = problems.line(line);
        let indentation = &text[..text.len() - text.trim_start_matches([' ', '\t']).len()];
        indentation.find('\t').map(|column| (line, column, "indent with spaces: YAML takes no tabs there"))
    };
    let last = if info.contains("tab") { first.saturating_add(TAB_LINES_MAX) } else { first };
    let behind_a_colon = || {
        let column = info.contains("':' must be followed").then(|| problems.line(first).find(":\t"))??;
        let column = problems.line(first)[..=column].chars().count();
        Some((first, column, "write a space behind the colon, and no tab"))
    };
    let (line, column, help) = (first..=last).find_map(indented).or_else(behind_a_colon)?;
    let tabs = problems.line(line).chars().skip(column).take_while(|c| *c == '\t').count();
    Some((At { line, column: narrow(column + 1), width: narrow(tabs) }, help))
}

/// What the scanner says, and what a person can do about it.
fn explain(error: &ScanError) -> (String, &'static str) {
    const HELP: &[(&str, &str)] = &[
        ("tab", "indent with spaces: YAML takes no tabs there"),
        ("':' must be followed", "write a space behind the colon"),
        (
            "mapping values are not allowed",
            "either the indentation is off, or a text contains `: ` and has to be put in quotes",
        ),
        ("simple key expect", "a key needs a colon behind it (`key: value`); look at this line and the one before"),
        ("did not find expected key", "the indentation is off: keys of one map start in the same column"),
        ("'-' indicator", "the indentation is off: the dashes of one list stand in the same column"),
        ("block sequence entries are not allowed", "start the list on a line of its own, below its key"),
        (
            "',' or '}'",
            "a `{` is not closed, or a comma is missing; a text with `{` or `:` in it has to be put in quotes",
        ),
        (
            "',' or ']'",
            "a `[` is not closed, or a comma is missing; a text with `[` or `,` in it has to be put in quotes",
        ),
        ("flow construct", "a `[` or `{` is not closed"),
        ("unexpected end of stream", "a quote is not closed"),
        ("indentation in quoted", "a quote is not closed, here or before"),
        ("document indicator", "a quote is not closed before the next `---`"),
        ("trailing content after", "there is something behind the closing quote: put the whole value in quotes"),
        ("unknown escape", "in double quotes a backslash starts an escape: write `\\\\`, or use single quotes"),
        (
            "unknown anchor",
            "an alias (`*name`) needs an anchor (`&name`) before it; a text that starts with `*` has to be put in quotes",
        ),
        ("alphabetic or numeric", "a text that starts with `*` or `&` has to be put in quotes"),
        ("unexpected character", "a text that starts with this character has to be put in quotes"),
        ("expected next token", "a text that starts with this character has to be put in quotes"),
        ("misplaced bracket", "there is a closing bracket too many, or the text has to be put in quotes"),
        ("recursion limit", "there are too many brackets inside each other"),
        ("invalid indentation", "the indentation is off: compare it with the lines before"),
        ("directive", "a line that starts with `%` is a YAML directive: put the text in quotes"),
    ];
    let info = error.info();
    let help = HELP
        .iter()
        .find(|(part, _)| info.contains(part))
        .map_or("look at this line and the one before it", |hit| hit.1);
    (format!("this is no YAML: {info}"), help)
}
