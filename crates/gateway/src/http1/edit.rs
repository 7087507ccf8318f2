//! What is changed in heads as they are passed on.

use super::write::line;

/// Fields that are taken out of a head, and lines that are put in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Edits {
    taken: Box<[Box<[u8]>]>,
    put: Box<[(Box<str>, Box<str>)]>,
    /// What is put in, as it is written.
    lines: Box<[u8]>,
}

impl Edits {
    /// These names are taken out, and these fields are put in.
    pub fn new<'a>(
        taken: impl IntoIterator<Item = &'a str>,
        put: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Self {
        let taken = taken.into_iter().map(|name| name.as_bytes().into()).collect();
        let put: Box<[(Box<str>, Box<str>)]> =
            put.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        let mut lines = Vec::new();
        put.iter().for_each(|(name, value)| line(&mut lines, name.as_bytes(), value.as_bytes()));
        Self { taken, put, lines: lines.into() }
    }

    /// Whether nothing is changed.
    pub fn is_empty(&self) -> bool {
        self.taken.is_empty() && self.put.is_empty()
    }

    /// What is put in.
    pub fn put(&self) -> impl Iterator<Item = (&str, &str)> {
        self.put.iter().map(|(name, value)| (&**name, &**value))
    }

    /// Whether a field of this name is taken out.
    pub fn takes(&self, name: &[u8]) -> bool {
        self.taken.iter().any(|taken| is_same(taken, name))
    }
}

/// Servers that hand fields on as variables make `_` of `-`: whoever means one name means both.
pub(crate) fn is_same(one: &[u8], other: &[u8]) -> bool {
    let plain = |byte: &u8| if *byte == b'_' { b'-' } else { byte.to_ascii_lowercase() };
    one.len() == other.len() && one.iter().map(plain).eq(other.iter().map(plain))
}

/// What is changed in one head: what a rule says, and then what is told of the release.
#[derive(Clone, Copy, Debug, Default)]
pub struct Edited<'a> {
    /// What a rule says.
    pub rule: Option<&'a Edits>,
    /// What is told of the release.
    pub told: Option<&'a Edits>,
}

impl Edited<'_> {
    /// Whether a field of this name is taken out.
    pub fn takes(&self, name: &[u8]) -> bool {
        let takes = |edits: Option<&Edits>| edits.is_some_and(|edits| edits.takes(name));
        takes(self.rule) || takes(self.told)
    }

    /// Writes what is put in.
    pub(crate) fn put(&self, out: &mut Vec<u8>) {
        let put = [self.rule, self.told];
        put.into_iter().flatten().for_each(|edits| out.extend_from_slice(&edits.lines));
    }
}
