//! From YAML events to trees of nodes, within bounds.

use super::code::Code;
use super::node::{At, Content, Entry, Node};
use super::problem::Problems;
use super::scanner;
use super::source::{DEPTH_MAX, DOCUMENTS_MAX, EXPANDED_BYTES_MAX, NODE_BYTES, SOURCE_BYTES_MAX, lines};
use saphyr_parser::{Event, Parser, ScalarStyle, Span, StrInput};
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
    if let Some(before) = text.find('\0') {
        let help = "is it the right file? Save it as UTF-8 text: what is saved as UTF-16 is full of such bytes";
        problems.add(Code::YamlSyntax, place(text, before), "there is a byte that is zero, and a text has none", help);
        return Vec::new();
    }
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
                scanner::take_down(&error, self.problems);
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

/// Where a byte of the text stands.
fn place(text: &str, byte: usize) -> At {
    let before = lines(&text[..byte]);
    let column = before.last().map_or(0, |line| line.chars().count());
    At { line: narrow(before.len()), column: narrow(column + 1), width: 1 }
}

/// A number of the scanner as one of ours.
pub(crate) fn narrow(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// The keys of a map that are there.
pub(crate) fn keys(entries: &[Entry]) -> BTreeSet<&str> {
    entries.iter().map(|entry| entry.key.as_str()).collect()
}
