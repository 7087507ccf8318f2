//! From YAML events to trees of nodes, within bounds.

use super::code::Code;
use super::node::{At, Content, Entry, Node};
use super::problem::Problems;
use super::source::{DEPTH_MAX, DOCUMENTS_MAX, EXPANDED_BYTES_MAX, NODE_BYTES, SOURCE_BYTES_MAX};
use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span, StrInput};
use std::collections::{BTreeMap, BTreeSet};

/// Something was wrong that nothing sensible can be read behind; it has been taken down.
struct Stop;

/// The documents of a text. Where it is no YAML, those before that.
pub(crate) fn documents(text: &str, problems: &mut Problems<'_>) -> Vec<Node> {
    if text.len() > SOURCE_BYTES_MAX {
        let message = format!("the file is larger than {} KiB", SOURCE_BYTES_MAX >> 10);
        problems.add(Code::TooMuch, At::START, message, "split it: a folder may hold many files");
        return Vec::new();
    }
    // Some editors put this mark at the start; YAML allows it there.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let parser = Parser::new_from_str(text);
    let mut builder = Builder { parser, problems, anchors: BTreeMap::new(), budget: EXPANDED_BYTES_MAX };
    let mut documents = Vec::new();
    while let Ok(Some(document)) = builder.document() {
        if documents.len() == DOCUMENTS_MAX {
            let message = format!("there are more than {DOCUMENTS_MAX} documents in this file");
            builder.problems.add(Code::TooMuch, document.at, message, "split it: a folder may hold many files");
            break;
        }
        documents.push(document);
    }
    documents
}

/// A value that an alias may stand for.
struct Anchored {
    node: Node,
    /// What it counts for in the budget.
    bytes: usize,
    /// How many levels it has.
    depth: usize,
}

struct Builder<'a, 'p, 's> {
    parser: Parser<'a, StrInput<'a>>,
    problems: &'p mut Problems<'s>,
    anchors: BTreeMap<usize, Anchored>,
    budget: usize,
}

impl<'a> Builder<'a, '_, '_> {
    /// The next document; an empty one (as after a closing `---`) is passed over.
    fn document(&mut self) -> Result<Option<Node>, Stop> {
        loop {
            match self.event()? {
                (Event::StreamEnd, _) => return Ok(None),
                (Event::DocumentStart(_), _) => {
                    let (event, span) = self.event()?;
                    let node = self.node(event, span, 0)?;
                    self.anchors.clear();
                    if !node.is_null() {
                        return Ok(Some(node));
                    }
                }
                _ => {}
            }
        }
    }

    fn event(&mut self) -> Result<(Event<'a>, Span), Stop> {
        match self.parser.next_event() {
            Some(Ok(event)) => Ok(event),
            Some(Err(error)) => {
                let (message, help) = explain(&error);
                // The scanner has a bound of its own, which it may reach before a single event comes out.
                let too_deep = error.info().contains("recursion limit");
                let code = if too_deep { Code::TooMuch } else { Code::YamlSyntax };
                self.problems.add(code, scan_error_at(&error), message, help);
                Err(Stop)
            }
            None => Ok((Event::StreamEnd, Span::default())),
        }
    }

    fn node(&mut self, event: Event<'a>, span: Span, depth: usize) -> Result<Node, Stop> {
        let at = at(span);
        if depth >= DEPTH_MAX {
            let message = format!("this is nested deeper than {DEPTH_MAX} levels");
            self.problems.add(Code::TooMuch, at, message, "no key of Glidepath is that deep: look for a slip");
            return Err(Stop);
        }
        let (before, tag) = (self.budget, tag(&event));
        if let Some(tag) = tag {
            let help = "tags are not taken: remove it, and put the value in quotes if it has to be a text";
            self.problems.add(Code::Tag, at, format!("`{tag}` is a YAML tag"), help);
        }
        let (anchor, content) = match event {
            Event::Alias(anchor) => return self.alias(anchor, at, depth),
            Event::Scalar(text, style, anchor, _) => {
                self.spend(text.len(), at)?;
                let plain = style == ScalarStyle::Plain;
                (anchor, Content::Scalar { text: text.into_owned(), plain })
            }
            Event::SequenceStart(anchor, _) => {
                self.spend(0, at)?;
                (anchor, Content::List(self.items(depth)?))
            }
            Event::MappingStart(anchor, _) => {
                self.spend(0, at)?;
                (anchor, Content::Map(self.entries(depth)?))
            }
            _ => (0, Content::Scalar { text: String::new(), plain: true }),
        };
        let node = Node { at, content };
        if anchor != 0 {
            let anchored = Anchored { bytes: before - self.budget, depth: levels(&node), node: node.clone() };
            self.anchors.insert(anchor, anchored);
        }
        Ok(node)
    }

    fn items(&mut self, depth: usize) -> Result<Vec<Node>, Stop> {
        let mut items = Vec::new();
        loop {
            match self.event()? {
                (Event::SequenceEnd | Event::StreamEnd, _) => return Ok(items),
                (event, span) => items.push(self.node(event, span, depth + 1)?),
            }
        }
    }

    fn entries(&mut self, depth: usize) -> Result<Vec<Entry>, Stop> {
        let mut entries: Vec<Entry> = Vec::new();
        let mut lines = BTreeMap::new();
        loop {
            let (event, span) = self.event()?;
            if matches!(event, Event::MappingEnd | Event::StreamEnd) {
                return Ok(entries);
            }
            let key = self.node(event, span, depth + 1)?;
            let (event, span) = self.event()?;
            let mut value = self.node(event, span, depth + 1)?;
            let key_at = key.at;
            let Some(key) = self.key(key) else { continue };
            // A block map begins at its first key and nothing begins nowhere: the key is what a person looks for.
            if !matches!(value.content, Content::Scalar { .. }) || value.is_null() {
                value.at = key_at;
            }
            if let Some(line) = lines.insert(key.clone(), key_at.line) {
                let message = format!("`{key}` is there twice: it already stands in line {line}");
                self.problems.add(Code::DuplicateKey, key_at, message, "keep one of the two");
                continue;
            }
            entries.push(Entry { key, at: key_at, value });
        }
    }

    /// The text of a key, or a problem.
    fn key(&mut self, key: Node) -> Option<String> {
        match key.content {
            Content::Scalar { text, plain } if !(plain && text == "<<") => Some(text),
            Content::Scalar { .. } => {
                let help = "write the keys out, or give the whole value an anchor (`&name`) and refer to it (`*name`)";
                self.problems.add(Code::BadKey, key.at, "`<<` (merging maps) is not taken", help);
                None
            }
            Content::List(_) | Content::Map(_) => {
                let help =
                    "a key is a plain text. If this is a template (`{{ … }}`), fill it in first, or use `${VARIABLE}`";
                self.problems.add(Code::BadKey, key.at, "this key is a list or a map", help);
                None
            }
        }
    }

    /// What an alias stands for, paid for like everything that is written out.
    fn alias(&mut self, anchor: usize, at: At, depth: usize) -> Result<Node, Stop> {
        let Some(anchored) = self.anchors.get(&anchor) else {
            let message = "this alias stands for something that contains it";
            self.problems.add(Code::YamlSyntax, at, message, "write the value out");
            return Err(Stop);
        };
        if depth + anchored.depth > DEPTH_MAX {
            let message = format!("with this alias, the text is nested deeper than {DEPTH_MAX} levels");
            self.problems.add(Code::TooMuch, at, message, "write out what you mean");
            return Err(Stop);
        }
        let bytes = anchored.bytes;
        self.pay(bytes, at)?;
        let content = self.anchors[&anchor].node.content.clone();
        Ok(Node { at, content })
    }

    fn spend(&mut self, text: usize, at: At) -> Result<(), Stop> {
        self.pay(text + NODE_BYTES, at)
    }

    fn pay(&mut self, bytes: usize, at: At) -> Result<(), Stop> {
        match self.budget.checked_sub(bytes) {
            Some(rest) => {
                self.budget = rest;
                Ok(())
            }
            None => {
                let message =
                    format!("with all aliases expanded, the text is larger than {} MiB", EXPANDED_BYTES_MAX >> 20);
                self.problems.add(Code::TooMuch, at, message, "use fewer aliases (`*name`) of large values");
                Err(Stop)
            }
        }
    }
}

/// How many levels a value has.
fn levels(node: &Node) -> usize {
    match &node.content {
        Content::Scalar { .. } => 1,
        Content::List(items) => 1 + items.iter().map(levels).max().unwrap_or(0),
        Content::Map(entries) => 1 + entries.iter().map(|entry| levels(&entry.value)).max().unwrap_or(0),
    }
}

fn tag(event: &Event<'_>) -> Option<String> {
    match event {
        Event::Scalar(_, _, _, tag) | Event::SequenceStart(_, tag) | Event::MappingStart(_, tag) => tag
            .as_ref()
            .map(|tag| if tag.is_yaml_core_schema() { format!("!!{}", tag.suffix) } else { tag.to_string() }),
        _ => None,
    }
}

fn at(span: Span) -> At {
    let same_line = span.start.line() == span.end.line();
    // What goes on for several lines is underlined to the end of its first: `Problems` cuts it there.
    let width = if same_line { span.end.col().saturating_sub(span.start.col()) } else { usize::MAX };
    At { line: narrow(span.start.line()), column: narrow(span.start.col() + 1), width: narrow(width.max(1)) }
}

fn scan_error_at(error: &ScanError) -> At {
    let marker = error.marker();
    At { line: narrow(marker.line()), column: narrow(marker.col() + 1), width: 1 }
}

fn narrow(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// What the scanner says, and what a person can do about it.
fn explain(error: &ScanError) -> (String, &'static str) {
    const HELP: &[(&str, &str)] = &[
        ("tab", "indent with spaces: YAML takes no tabs there"),
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

/// The keys of a map that are there.
pub(crate) fn keys(entries: &[Entry]) -> BTreeSet<&str> {
    entries.iter().map(|entry| entry.key.as_str()).collect()
}
