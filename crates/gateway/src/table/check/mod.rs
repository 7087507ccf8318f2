//! A whole table, looked at before anybody serves by it.

mod care;
mod lane;
mod place;

use super::address::addresses;
use super::edits::{check_name, check_value};
use super::path::Pattern;
use super::{Checked, Faults, Matcher, Rules};
use crate::http1::head::is_token;
use crate::tls::Opened;
use model::Span;
use wire::table::{Hold, Limits, Table};

/// The most releases of one service.
const LANES_MAX: usize = 64;
/// The most rules of one service.
const RULES_MAX: usize = 16_384;
/// The most hosts of one service, and the most paths.
const PLACES_MAX: usize = 16_384;
/// The most bytes of a page.
const PAGE_BYTES_MAX: usize = 1 << 20;
/// The longest name of a rule: it is the name of a class wherever is counted.
const NAME_BYTES_MAX: usize = 128;

/// Looks at all of a table, and makes ready what takes time to.
pub(super) fn check(table: Table) -> Result<Checked, Faults> {
    let mut faults = Faults::default();
    let all = &mut faults;
    counts(&table, all);
    table.listen.iter().enumerate().for_each(|(number, listen)| place::listen(listen, number, all));
    for (number, host) in table.hosts.iter().enumerate() {
        all.take(&format!("hosts[{number}]"), place::host(host));
    }
    let paths = table.paths.iter().enumerate();
    let paths = paths.filter_map(|(number, path)| all.take(&format!("paths[{number}]"), Pattern::new(path))).collect();
    lane::unit(&table, all);
    let split = lane::shares(&table, all);
    let lanes = table.lanes.iter().enumerate().map(|(number, lane)| lane::lane(lane, number, all)).collect();
    let rules = Rules::new(&table.rules, all);
    check_rules(&table, all);
    table.mirrors.iter().enumerate().for_each(|(number, mirror)| care::mirror(mirror, number, &table, all));
    let allow = table.hold.as_ref().map(|hold| check_hold(hold, all)).unwrap_or_default();
    let told = [("told.application", &table.told.application), ("told.client", &table.told.client)];
    for (place, name) in told {
        all.take(place, name.as_ref().map_or(Ok(()), |name| check_name(name)));
    }
    care::care(&table, all);
    check_limits(&table.limits, "limits", all);
    let addresses = addresses(&table).unwrap_or_default();
    match split.filter(|_| faults.is_empty()) {
        Some(split) => Ok(Checked {
            table,
            serves: false,
            addresses,
            split,
            paths,
            lanes,
            rules,
            allow,
            opened: Opened::default(),
        }),
        None => Err(faults),
    }
}

fn counts(table: &Table, faults: &mut Faults) {
    let counts = [
        ("lanes", table.lanes.len(), LANES_MAX),
        ("rules", table.rules.len(), RULES_MAX),
        ("hosts", table.hosts.len(), PLACES_MAX),
        ("paths", table.paths.len(), PLACES_MAX),
    ];
    for (place, count, most) in counts.into_iter().filter(|(_, count, most)| count > most) {
        faults.add(place, format!("there are {count}: at most {most} are served"));
    }
}

fn check_rules(table: &Table, faults: &mut Faults) {
    for (number, rule) in table.rules.iter().enumerate() {
        let place = format!("rules[{number}]");
        let plain = rule.name.bytes().all(|byte| (b' '..=b'~').contains(&byte));
        if rule.name.len() > NAME_BYTES_MAX || !plain {
            let what =
                format!("`{}` is no name: it has at most {NAME_BYTES_MAX} letters of ASCII", rule.name.escape_debug());
            faults.add(format!("{place}.name"), what);
        }
        if let Some(limits) = &rule.limits {
            check_limits(limits, &format!("{place}.limits"), faults);
        }
        if rule.action.is_some() && rule.answer != Default::default() {
            faults.add(format!("{place}.answer"), "the gateway answers itself: its fields are said in `action`");
        }
    }
}

fn check_hold(hold: &Hold, faults: &mut Faults) -> Vec<Matcher> {
    if hold.page.len() > PAGE_BYTES_MAX {
        faults.add("hold.page", format!("it has more than {PAGE_BYTES_MAX} bytes: write a smaller one"));
    }
    faults.take("hold.content_type", check_value(&hold.content_type));
    if let Some(parking) = &hold.parking {
        at_least_one("hold.parking.requests_max", u64::from(parking.requests_max), faults);
        at_least_one("hold.parking.within", parking.within.0, faults);
    }
    Matcher::all(&hold.allow, "hold.allow", faults)
}

pub(super) fn check_methods(methods: &[String], place: &str, faults: &mut Faults) {
    for (number, method) in methods.iter().enumerate() {
        if method.is_empty() || !method.bytes().all(is_token) {
            let what = format!("`{}` is no method: write it like GET", method.escape_debug());
            faults.add(format!("{place}[{number}]"), what);
        }
    }
}

fn check_limits(limits: &Limits, place: &str, faults: &mut Faults) {
    for (part, span) in [
        ("connect", Some(limits.connect)),
        ("head", Some(limits.head)),
        ("idle", Some(limits.idle)),
        ("keep_alive", Some(limits.keep_alive)),
        ("request", limits.request),
        ("stream", limits.stream),
    ] {
        at_least_one(&format!("{place}.{part}"), span.unwrap_or(Span(1)).0, faults);
    }
}

/// What is bounded by nothing is never done.
fn at_least_one(place: &str, value: u64, faults: &mut Faults) {
    if value == 0 {
        faults.add(place, "it is 0, so nothing would ever be done: write more, or leave it out");
    }
}
