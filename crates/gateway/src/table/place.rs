//! Whose a host and a path are.

use super::Site;
use std::rc::Rc;
use wire::table::Path;

/// All services of one listener, to be found by host and path. The most specific wins: an exact host
/// before a wildcard before any, an exact path before a prefix, a longer prefix before a shorter one.
#[derive(Debug, Default)]
pub struct Places {
    /// By host, sorted; `*.example` stands as `.example`, and any host as nothing.
    hosts: Vec<(Box<[u8]>, Paths)>,
}

#[derive(Debug, Default)]
struct Paths {
    exact: Vec<(Box<[u8]>, Rc<Site>)>,
    prefixes: Vec<(Box<[u8]>, Rc<Site>)>,
}

/// The most dots of a host that wildcards are looked up for.
const LABELS_MAX: usize = 16;

impl Places {
    /// These services. Where two want the same place, the first has it.
    pub fn new<'a>(sites: impl IntoIterator<Item = &'a Rc<Site>>) -> Self {
        let mut places = Self::default();
        for site in sites {
            let any = [String::new()];
            let hosts = if site.hosts.is_empty() { &any[..] } else { &site.hosts };
            for host in hosts {
                let key = host.strip_prefix('*').unwrap_or(host).as_bytes();
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
        let host = bare(host);
        let mut small = [0_u8; 256];
        let host = match small.get_mut(..host.len()) {
            Some(room) => {
                room.copy_from_slice(host);
                room.make_ascii_lowercase();
                &*room
            }
            // No name is that long.
            None => return self.under(b"", path),
        };
        let exact = self.under(host, path);
        let dots = memchr::memchr_iter(b'.', host).take(LABELS_MAX);
        exact
            .or_else(|| dots.filter(|dot| *dot > 0).find_map(|dot| self.under(host.get(dot..)?, path)))
            .or_else(|| if host.is_empty() { None } else { self.under(b"", path) })
    }

    fn under(&self, host: &[u8], path: &[u8]) -> Option<&Rc<Site>> {
        let index = self.hosts.binary_search_by(|(known, _)| (**known).cmp(host)).ok()?;
        self.hosts.get(index)?.1.find(path)
    }
}

/// A host without its port and without the dot at its end.
fn bare(host: &[u8]) -> &[u8] {
    let end = match host {
        [b'[', ..] => memchr::memchr(b']', host).map_or(host.len(), |end| end + 1),
        _ => memchr::memchr(b':', host).unwrap_or(host.len()),
    };
    let host = host.get(..end).unwrap_or(host);
    host.strip_suffix(b".").unwrap_or(host)
}

impl Paths {
    fn add(&mut self, site: &Rc<Site>) {
        let all = [Path::Prefix("/".into())];
        for path in if site.paths.is_empty() { &all[..] } else { &site.paths } {
            let (list, key) = match path {
                Path::Exact(path) => (&mut self.exact, path.as_bytes()),
                Path::Prefix(path) => (&mut self.prefixes, path.strip_suffix('/').unwrap_or(path).as_bytes()),
                // Not served yet: a table that has one is refused.
                Path::Regex(_) => continue,
            };
            if let Err(index) = list.binary_search_by(|(known, _)| (**known).cmp(key)) {
                list.insert(index, (key.into(), Rc::clone(site)));
            }
        }
    }

    fn find(&self, path: &[u8]) -> Option<&Rc<Site>> {
        let at =
            |list: &'_ [(Box<[u8]>, Rc<Site>)], key: &[u8]| list.binary_search_by(|(known, _)| (**known).cmp(key)).ok();
        if let Some(index) = at(&self.exact, path) {
            return self.exact.get(index).map(|(_, site)| site);
        }
        let mut rest = path;
        loop {
            if let Some(index) = at(&self.prefixes, rest) {
                return self.prefixes.get(index).map(|(_, site)| site);
            }
            rest = rest.get(..memchr::memrchr(b'/', rest)?)?;
        }
    }
}
