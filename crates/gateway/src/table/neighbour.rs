//! What two services may not both say. Each service's table stands alone, and so the one that comes later is
//! refused: no entry of one takes a place from another, and none is served at chance.

use super::Faults;
use super::address::read;
use super::entrance::Terms;
use super::path::tidy;
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use wire::Table;
use wire::table::{Listen, Path};

/// A table beside others: all that it must not share with them.
#[derive(Debug)]
pub(crate) struct Newcomer<'a> {
    table: &'a Table,
    addresses: BTreeSet<SocketAddr>,
    hosts: BTreeSet<String>,
    paths: BTreeSet<Place<'a>>,
}

/// A path as it is looked up: what is written differently may be the same.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Place<'a> {
    Exact(Cow<'a, [u8]>),
    /// Without the slash at its end: nothing where it is the whole host.
    Prefix(Cow<'a, [u8]>),
    Regex(&'a str),
}

impl<'a> Newcomer<'a> {
    /// A table that was checked.
    pub(crate) fn new(table: &'a Table) -> Self {
        let addresses = table.listen.iter().flat_map(addresses).collect();
        Self { table, addresses, hosts: hosts(table).collect(), paths: paths(table).collect() }
    }

    /// What it may not say beside this one, which was there before.
    pub(crate) fn beside(&self, other: &Table, faults: &mut Faults) {
        self.check_terms(other, faults);
        self.check_place(other, faults);
    }

    /// Where they share an address and say something else of it, only one of them could be reached there.
    fn check_terms(&self, other: &Table, faults: &mut Faults) {
        for (number, listen) in self.table.listen.iter().enumerate() {
            let (ours, terms) = (addresses(listen), Terms::of(listen));
            let shared = |theirs: &&Listen| addresses(theirs).iter().any(|address| ours.contains(address));
            let differ = |theirs: &Listen| Some((theirs.address.clone(), terms.differ(&Terms::of(theirs))?));
            if let Some((address, what)) = other.listen.iter().filter(shared).find_map(differ) {
                let other = &other.service;
                let what = format!(
                    "`{address}` is shared with `{other}`, which says something else of its {what}: an address is one \
                     for all who share it, so say the same of it in each"
                );
                faults.add(format!("listen[{number}]"), what);
            }
        }
    }

    /// Where they have the same host and path at the same address, one of them would get nothing of it.
    fn check_place(&self, other: &Table, faults: &mut Faults) {
        let (Some(address), Some(host), Some(path)) = (
            self.shared_address(other),
            hosts(other).find(|host| self.hosts.contains(host)),
            paths(other).find(|path| self.paths.contains(path)),
        ) else {
            return;
        };
        let number = |found: Option<usize>, list: &str| Some(format!("{list}[{}]", found?));
        let of_host = self.table.hosts.iter().position(|known| known.eq_ignore_ascii_case(&host));
        let of_path = self.table.paths.iter().position(|known| Place::of(known) == path);
        let of_all = || "listen".to_owned();
        let place = number(of_host, "hosts").or_else(|| number(of_path, "paths")).unwrap_or_else(of_all);
        let host = if host.is_empty() { "every host".to_owned() } else { format!("`{host}`") };
        let path = match &path {
            Place::Prefix(path) if path.is_empty() => String::new(),
            Place::Exact(path) | Place::Prefix(path) => format!(" with `{}`", String::from_utf8_lossy(path)),
            Place::Regex(path) => format!(" with `{path}`"),
        };
        let what = format!(
            "{host}{path} at {address} is `{}`'s already: give each a host, a path or an address of its own",
            other.service
        );
        faults.add(place, what);
    }

    /// An address that both are served at. One that names none is served at all that there are.
    fn shared_address(&self, other: &Table) -> Option<String> {
        let named = |listen: &Listen| format!("`{}`", listen.address);
        match (self.table.listen.first(), other.listen.first()) {
            (None, None) => Some("every address".into()),
            (Some(ours), None) => Some(named(ours)),
            (None, Some(theirs)) => Some(named(theirs)),
            (Some(_), Some(_)) => {
                let shared = |listen: &&Listen| addresses(listen).iter().any(|one| self.addresses.contains(one));
                other.listen.iter().find(shared).map(named)
            }
        }
    }
}

fn addresses(listen: &Listen) -> Vec<SocketAddr> {
    // It was checked.
    read(&listen.address).unwrap_or_default()
}

/// In lower case; nothing for every host.
fn hosts(table: &Table) -> impl Iterator<Item = String> {
    let every = table.hosts.is_empty().then(String::new);
    table.hosts.iter().map(|host| host.to_ascii_lowercase()).chain(every)
}

fn paths(table: &Table) -> impl Iterator<Item = Place<'_>> {
    let whole = table.paths.is_empty().then_some(Place::Prefix(Cow::Borrowed(b"")));
    table.paths.iter().map(Place::of).chain(whole)
}

impl<'a> Place<'a> {
    fn of(path: &'a Path) -> Self {
        match path {
            Path::Exact(path) => Self::Exact(tidy(path.as_bytes())),
            Path::Prefix(path) => {
                let path = tidy(path.as_bytes());
                Self::Prefix(match path.strip_suffix(b"/") {
                    Some(without) => without.to_vec().into(),
                    None => path,
                })
            }
            Path::Regex(text) => Self::Regex(text),
        }
    }
}
