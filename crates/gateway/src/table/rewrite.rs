//! What an instance is asked for instead of what the client asked for. Whatever the client sent, the
//! result is a clean target: all that is put together was checked.

use super::Faults;
use super::path::{Pattern, clean};
use crate::http1::target::check_host;
use regex::bytes::Captures;

/// What an instance is asked for instead, made ready.
#[derive(Clone, Debug, Default)]
pub(super) struct Rewrite {
    host: Option<Box<[u8]>>,
    path: Option<Vec<Part>>,
}

/// A part of a new path.
#[derive(Clone, Debug)]
enum Part {
    Text(Box<[u8]>),
    /// What this group of the expression took.
    Group(usize),
}

impl Rewrite {
    pub(super) fn new(of: &wire::table::Rewrite, patterns: &[Pattern], place: &str, faults: &mut Faults) -> Self {
        let host = of.host.as_ref().and_then(|host| {
            let checked = check_host(host.as_bytes()).ok().filter(|()| !host.is_empty());
            let wrong =
                || format!("`{}` is no host: write it like shop.internal or shop.internal:8080", host.escape_debug());
            faults.take(&format!("{place}.host"), checked.map(|()| host.as_bytes().into()).ok_or_else(wrong))
        });
        let place = format!("{place}.path");
        let path = of.path.as_ref().and_then(|path| faults.take(&place, parse(path)));
        for part in path.iter().flatten() {
            let Part::Group(group) = part else { continue };
            let has = |pattern: &Pattern| match pattern {
                Pattern::Expression(_, expression) => *group < expression.captures_len(),
                Pattern::Exact(_) | Pattern::Prefix(_) => false,
            };
            if patterns.is_empty() || !patterns.iter().all(has) {
                faults
                    .add(&place, format!("${group} is no group of every path of the rule: only expressions have them"));
            }
        }
        Self { host, path }
    }

    pub(super) fn host(&self) -> Option<&[u8]> {
        self.host.as_deref()
    }

    /// The path and query instead of these.
    pub(super) fn target(&self, patterns: &[Pattern], path_and_query: &[u8]) -> Option<Vec<u8>> {
        let parts = self.path.as_ref().filter(|_| path_and_query.starts_with(b"/"))?;
        let query = memchr::memchr(b'?', path_and_query).unwrap_or(path_and_query.len());
        let (path, query) = path_and_query.split_at(query);
        let mut out = Vec::with_capacity(path_and_query.len());
        match patterns.iter().find(|pattern| pattern.takes(path)) {
            Some(Pattern::Exact(_)) => put(&mut out, parts, None),
            Some(Pattern::Expression(_, expression)) => put(&mut out, parts, expression.captures(path).as_ref()),
            Some(Pattern::Prefix(prefix)) => put_prefix(&mut out, parts, path.get(prefix.len()..).unwrap_or_default()),
            // A rule for every path is one for all below the root.
            None => put_prefix(&mut out, parts, path),
        }
        out.extend_from_slice(query);
        Some(out)
    }
}

fn put(out: &mut Vec<u8>, parts: &[Part], groups: Option<&Captures<'_>>) {
    for part in parts {
        match part {
            Part::Text(text) => out.extend_from_slice(text),
            Part::Group(group) => {
                let found = groups.and_then(|groups| groups.get(*group));
                out.extend_from_slice(found.map(|found| found.as_bytes()).unwrap_or_default());
            }
        }
    }
}

/// One slash between the new beginning and the rest, whoever brought one.
fn put_prefix(out: &mut Vec<u8>, parts: &[Part], rest: &[u8]) {
    put(out, parts, None);
    if rest.starts_with(b"/") && out.ends_with(b"/") {
        out.pop();
    }
    out.extend_from_slice(rest);
}

/// A new path: `/v2/$1`; `$$` is a dollar.
fn parse(path: &str) -> Result<Vec<Part>, String> {
    clean(path)?;
    let mut parts = Vec::new();
    let mut text = Vec::new();
    let mut bytes = path.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'$' {
            text.push(byte);
            continue;
        }
        match bytes.next() {
            Some(b'$') => text.push(b'$'),
            Some(digit @ b'1'..=b'9') => {
                parts.push(Part::Text(std::mem::take(&mut text).into()));
                parts.push(Part::Group(usize::from(digit - b'0')));
            }
            _ => return Err(format!("`{path}` has a `$` before no group: write $1 to $9, or $$ for a dollar")),
        }
    }
    parts.push(Part::Text(text.into()));
    Ok(parts)
}
