//! What is read, and how much of it at the most.

/// The most bytes of one file: a described service needs a few thousand.
pub const SOURCE_BYTES_MAX: usize = 1 << 20;
/// The most documents of one file.
pub(crate) const DOCUMENTS_MAX: usize = 200;
/// The deepest nesting; a full description needs about eight.
pub(crate) const DEPTH_MAX: usize = 32;
/// The most that one file may grow to once its aliases are expanded, in bytes of text and nodes.
pub(crate) const EXPANDED_BYTES_MAX: usize = 16 << 20;
/// What one node counts for in [`EXPANDED_BYTES_MAX`], besides its text.
pub(crate) const NODE_BYTES: usize = 64;
/// The most bytes of one value once its variables are expanded.
pub(crate) const VALUE_BYTES_MAX: usize = 64 << 10;
/// The most problems that are collected; nobody reads more at once.
pub(crate) const PROBLEMS_MAX: usize = 200;
/// The longest stretch of a line that is shown.
pub(crate) const SHOWN_LINE_CHARS_MAX: usize = 200;

/// One text that describes services.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// Shown as the file's name.
    pub name: &'a str,
    /// What is in it.
    pub text: &'a str,
}

impl<'a> Source<'a> {
    /// What there is to read: some editors put a mark at the start, and YAML allows it there. No column
    /// counts it.
    pub(crate) fn unmarked(&self) -> &'a str {
        self.text.strip_prefix('\u{feff}').unwrap_or(self.text)
    }
}

/// The lines of a text as YAML counts them: `\n`, `\r\n` and a lone `\r` end one.
pub(crate) fn lines(text: &str) -> Vec<&str> {
    let bytes = text.as_bytes();
    let (mut lines, mut start, mut index) = (Vec::new(), 0, 0);
    while index < bytes.len() {
        if bytes[index] == b'\n' || bytes[index] == b'\r' {
            lines.push(&text[start..index]);
            if bytes[index] == b'\r' && bytes.get(index + 1) == Some(&b'\n') {
                index += 1;
            }
            start = index + 1;
        }
        index += 1;
    }
    lines.push(&text[start..]);
    lines
}
