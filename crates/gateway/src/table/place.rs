//! Whose a host and a path are.

use super::Site;
use super::path::{ByPath, Pattern};
use std::rc::Rc;

/// All services of one listener, to be found by host and path. The most specific wins: an exact host
/// before a wildcard before any; an exact path before a prefix, a longer prefix before a shorter one, and
/// expressions, in their order, before the whole host.
#[derive(Debug, Default)]
pub struct Places {
    /// By host, sorted; `*.example` stands as `.example`.
    hosts: Vec<(Box<[u8]>, Paths)>,
    /// Any of them is a wildcard.
    wildcards: bool,
    /// Whoever has any host. Most listeners have nobody else, and then no host is looked at.
    any: Paths,
}

#[derive(Debug, Default)]
struct Paths {
    places: ByPath<Option<Rc<Site>>>,
    expressions: Vec<(Pattern, Rc<Site>)>,
    /// Whoever has every path.
    whole: Option<Rc<Site>>,
}

/// The bytes of a host: no name is longer.
const HOST_BYTES_MAX: usize = 256;
/// The most dots of a host that wildcards are looked up for.
const LABELS_MAX: usize = 16;

impl Places {
    /// These services. Where two want the same place, the first has it.
    pub fn new<'a>(sites: impl IntoIterator<Item = &'a Rc<Site>>) -> Self {
        let mut places = Self::default();
        for site in sites {
            if site.hosts.is_empty() {
                places.any.add(site);
            }
            for host in &site.hosts {
                let wildcard = host.strip_prefix('*');
                places.wildcards |= wildcard.is_some();
                let key = wildcard.unwrap_or(host).as_bytes();
                let index = match places.hosts.binary_search_by(|(known, _)| (**known).cmp(key)) {
                    Ok(index) => index,
                    Err(index) => {
                        places.hosts.insert(index, (key.into(), Paths::default()));
                        index
                    }
                };
                places.hosts[index].1.add(site);
            }
        }
        places
    }

    /// Whose this request is. The path ends before the `?`.
    pub fn find(&self, host: &[u8], path: &[u8]) -> Option<&Rc<Site>> {
        let named = if self.hosts.is_empty() { None } else { self.find_named(bare(host), path) };
        named.or_else(|| self.any.find(path))
    }

    /// Whoever has named this host, or one that it falls under.
    fn find_named(&self, host: &[u8], path: &[u8]) -> Option<&Rc<Site>> {
        let mut small = [0_u8; HOST_BYTES_MAX];
        let room = small.get_mut(..host.len())?;
        room.copy_from_slice(host);
        room.make_ascii_lowercase();
        let host = &*room;
        let dots = memchr::memchr_iter(b'.', host).take(if self.wildcards { LABELS_MAX } else { 0 });
        let wildcard = || dots.filter(|dot| *dot > 0).find_map(|dot| self.under(host.get(dot..)?, path));
        self.under(host, path).or_else(wildcard)
    }

    fn under(&self, host: &[u8], path: &[u8]) -> Option<&Rc<Site>> {
        let index = self.hosts.binary_search_by(|(known, _)| (**known).cmp(host)).ok()?;
        self.hosts.get(index)?.1.find(path)
    }
}

/// A host without its port and without the dot at its end.
pub(super) fn bare(host: &[u8]) -> &[u8] {
    let end = match host {
        [b'[', ..] => memchr::memchr(b']', host).map_or(host.len(), |end| end + 1),
        _ => memchr::memchr(b':', host).unwrap_or(host.len()),
    };
    let host = host.get(..end).unwrap_or(host);
    host.strip_suffix(b".").unwrap_or(host)
}

impl Paths {
    fn add(&mut self, site: &Rc<Site>) {
        if site.paths.is_empty() {
            self.whole.get_or_insert_with(|| Rc::clone(site));
        }
        for path in &site.paths {
            let place = match path {
                Pattern::Exact(path) => self.places.exact_mut(path),
                Pattern::Prefix(path) if path.is_empty() => &mut self.whole,
                Pattern::Prefix(path) => self.places.prefix_mut(path),
                Pattern::Expression(..) => {
                    self.expressions.push((path.clone(), Rc::clone(site)));
                    continue;
                }
            };
            place.get_or_insert_with(|| Rc::clone(site));
        }
    }

    fn find(&self, path: &[u8]) -> Option<&Rc<Site>> {
        let place = self.places.exact(path).into_iter().chain(self.places.above(path)).flatten().next();
        let expression = || self.expressions.iter().find(|(pattern, _)| pattern.takes(path)).map(|(_, site)| site);
        place.or_else(expression).or(self.whole.as_ref())
    }
}
