//! Which paths: this one, all below one, or those that an expression takes. Paths are looked at tidied.

use super::tidy::tidied;
use regex::bytes::{Regex, RegexBuilder};
use std::borrow::Cow;
use wire::table::Path;

/// The most memory that an expression may take when it is made ready.
const EXPRESSION_BYTES_MAX: usize = 1 << 20;
/// What a path is written with, besides letters and digits.
const PATH_BYTES: &[u8] = b"-._~!$&'()*+,;=:@/%";

/// Which paths, made ready.
#[derive(Clone, Debug)]
pub enum Pattern {
    /// This one alone.
    Exact(Box<[u8]>),
    /// This one and all below it, without the slash at its end.
    Prefix(Box<[u8]>),
    /// Those that the expression takes. All of them are below this path.
    Expression(Box<[u8]>, Regex),
}

impl Pattern {
    /// These paths, made ready; or what is wrong with them.
    pub fn new(path: &Path) -> Result<Self, String> {
        match path {
            Path::Exact(path) => Ok(Self::Exact(tidy(clean(path)?).into())),
            Path::Prefix(path) => {
                let path = tidy(clean(path)?);
                Ok(Self::Prefix(path.strip_suffix(b"/").unwrap_or(&path).into()))
            }
            Path::Regex(text) => {
                let made = |text: &str| RegexBuilder::new(text).unicode(false).size_limit(EXPRESSION_BYTES_MAX).build();
                let wrong = |error: regex::Error| format!("`{text}` is no expression: {}", in_one_line(&error));
                // Alone first: half a group here and half of one there would escape the ends.
                made(text).map_err(wrong)?;
                let whole = made(&format!(r"\A(?:{text})\z")).map_err(wrong)?;
                Ok(Self::Expression(literal(text).into(), whole))
            }
        }
    }

    /// Whether it takes a path.
    pub fn takes(&self, path: &[u8]) -> bool {
        match self {
            Self::Exact(exact) => **exact == *path,
            Self::Prefix(prefix) => path.strip_prefix(&**prefix).is_some_and(|rest| matches!(rest, [] | [b'/', ..])),
            Self::Expression(_, expression) => expression.is_match(path),
        }
    }
}

/// A path as it is compared.
pub(super) fn tidy(path: &[u8]) -> Cow<'_, [u8]> {
    tidied(path).map_or(Cow::Borrowed(path), |tidied| Cow::Owned(tidied.path))
}

/// A path as it can be asked for.
pub(super) fn clean(path: &str) -> Result<&[u8], String> {
    let bytes = path.as_bytes();
    if !bytes.starts_with(b"/") {
        return Err(format!("`{path}` is no path: it begins with `/`"));
    }
    match bytes.iter().find(|byte| !byte.is_ascii_alphanumeric() && !PATH_BYTES.contains(byte)) {
        None => Ok(bytes),
        Some(b'?') => Err(format!("`{path}` has a query: a match on `query` looks at that")),
        Some(_) => Err(format!("`{}` has what no path has: write it like %20", path.escape_debug())),
    }
}

/// The folder that every path is below that the expression takes, without its slash: what stands before
/// the first sign that is more than itself.
fn literal(text: &str) -> &[u8] {
    let bytes = text.as_bytes();
    if bytes.contains(&b'|') {
        return b"";
    }
    let signs = bytes.iter().position(|byte| !(byte.is_ascii_alphanumeric() || b"-_~!&',;=:@/%".contains(byte)));
    let sure = match signs.map(|at| (at, bytes[at])) {
        // What may be there more than once may not be there at all.
        Some((at, b'?' | b'*' | b'{')) => at.saturating_sub(1),
        Some((at, _)) => at,
        None => bytes.len(),
    };
    let sure = bytes.get(..sure).unwrap_or_default();
    sure.get(..memchr::memrchr(b'/', sure).unwrap_or(0)).unwrap_or_default()
}

/// What the maker of expressions found, without its drawing.
fn in_one_line(error: &regex::Error) -> String {
    match error {
        regex::Error::CompiledTooBig(most) => format!("it takes more than {most} bytes: write a smaller one"),
        error => {
            let text = error.to_string();
            let last = text.lines().last().unwrap_or_default();
            last.strip_prefix("error: ").unwrap_or(last).to_owned()
        }
    }
}

/// Things by path, so that a thousand of them are not a thousand comparisons.
#[derive(Clone, Debug, Default)]
pub(super) struct ByPath<T> {
    exact: Sorted<T>,
    prefixes: Sorted<T>,
}

/// By length first: most of what is not there is seen without looking at a letter.
#[derive(Clone, Debug, Default)]
struct Sorted<T>(Vec<(Box<[u8]>, T)>);

impl<T: Default> Sorted<T> {
    fn find(&self, key: &[u8]) -> Result<usize, usize> {
        self.0.binary_search_by(|(known, _)| known.len().cmp(&key.len()).then_with(|| (**known).cmp(key)))
    }

    fn get(&self, key: &[u8]) -> Option<&T> {
        self.0.get(self.find(key).ok()?).map(|(_, thing)| thing)
    }

    fn entry(&mut self, key: &[u8]) -> &mut T {
        let index = self.find(key).unwrap_or_else(|index| {
            self.0.insert(index, (key.into(), T::default()));
            index
        });
        &mut self.0[index].1
    }

    fn longest(&self) -> usize {
        self.0.last().map_or(0, |(key, _)| key.len())
    }
}

impl<T: Default> ByPath<T> {
    /// What stands at exactly this path.
    pub(super) fn exact_mut(&mut self, path: &[u8]) -> &mut T {
        self.exact.entry(path)
    }

    /// What stands at this path and all below it. It has no slash at its end.
    pub(super) fn prefix_mut(&mut self, path: &[u8]) -> &mut T {
        self.prefixes.entry(path)
    }

    /// What stands at exactly this path.
    pub(super) fn exact(&self, path: &[u8]) -> Option<&T> {
        self.exact.get(path)
    }

    /// What stands at a path or above it, the nearest first.
    pub(super) fn above<'a, 'p>(&'a self, path: &'p [u8]) -> impl Iterator<Item = &'a T> + use<'a, 'p, T> {
        // Nothing stands at what is longer than the longest, however many slashes it has.
        let start = match path.get(..=self.prefixes.longest()) {
            Some(cut) => cut.get(..memchr::memrchr(b'/', cut).unwrap_or(0)),
            None => Some(path),
        };
        let shorter = |path: &&'p [u8]| path.get(..memchr::memrchr(b'/', path)?);
        std::iter::successors(start, shorter).filter_map(|path| self.prefixes.get(path))
    }
}
