//! Colours and line breaks.

use std::fmt::Write as _;

/// A space at which no line is broken; shown as any other.
pub(super) const JOINED: char = '\u{1f}';

/// How a text is shown.
#[derive(Clone, Copy)]
pub(super) struct Look {
    /// The columns of the terminal, where they are known.
    pub(super) width: Option<usize>,
    /// Where lines are broken.
    pub(super) line: usize,
    /// Whether there are colours.
    pub(super) colour: bool,
}

/// What a part of a text is.
#[derive(Clone, Copy)]
pub(super) enum Tone {
    Plain,
    Strong,
    Faint,
    Notable,
    Bad,
    Letter,
}

impl Look {
    /// The text in its colour, and what may not be broken as it is shown.
    pub(super) fn paint(self, tone: Tone, text: &str) -> String {
        let text = text.replace(JOINED, " ");
        let code = match tone {
            Tone::Plain => return text,
            Tone::Strong => "1",
            Tone::Faint => "2",
            Tone::Notable => "33",
            Tone::Bad => "31",
            Tone::Letter => "36",
        };
        if self.colour && !text.is_empty() { format!("\x1b[{code}m{text}\x1b[0m") } else { text }
    }

    /// A name and what is said about it.
    pub(super) fn line(self, text: &mut String, name: &str, about: &str) {
        for (index, part) in broken(about, self.line.saturating_sub(10)).iter().enumerate() {
            let name = if index == 0 { name } else { "" };
            let _ = writeln!(text, "  {}{}{}", self.paint(Tone::Faint, name), pad(name, 8), part.replace(JOINED, " "));
        }
    }
}

/// What is missing to a width.
pub(super) fn pad(text: &str, width: usize) -> String {
    " ".repeat(width.saturating_sub(text.chars().count()))
}

/// A text in lines of at most so many columns, broken between words; a word that is too long stays whole.
pub fn broken(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let line = lines.last().map_or(0, |line| line.chars().count());
        if line > 0 && line + 1 + word.chars().count() > width {
            lines.push(word.to_owned());
        } else if let Some(last) = lines.last_mut() {
            if line > 0 {
                last.push(' ');
            }
            last.push_str(word);
        }
    }
    lines
}
