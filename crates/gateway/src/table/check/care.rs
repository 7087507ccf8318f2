//! How instances are watched, how often clients may come, and what is copied.

use super::{at_least_one, check_methods};
use crate::http1::head::is_token;
use crate::http1::target::check_host;
use crate::table::Faults;
use crate::table::edits::check_value;
use crate::table::path::clean;
use model::{ReleaseNumber, Share};
use wire::table::{Mirror, Rate, RatePer, Table};

pub(super) fn care(table: &Table, faults: &mut Faults) {
    let care = &table.care;
    if let Some(active) = &care.active {
        faults.take("care.active.path", clean(active.path.split('?').next().unwrap_or_default()));
        faults.take("care.active.path", check_value(&active.path));
        if check_host(active.host.as_bytes()).is_err() {
            faults.add(
                "care.active.host",
                format!("`{}` is no host: write it like shop.internal", active.host.escape_debug()),
            );
        }
        for (part, value) in [
            ("every", active.every.0),
            ("within", active.within.0),
            ("rise", u64::from(active.rise)),
            ("fall", u64::from(active.fall)),
        ] {
            at_least_one(&format!("care.active.{part}"), value, faults);
        }
    }
    if care.passive.outlier.is_some_and(Share::is_none) {
        faults.add("care.passive.outlier", "nobody answers well 0 % less often: leave it out, or write a share");
    }
    for (part, value) in [
        ("connections_max", care.breaker.connections_max),
        ("requests_max", care.breaker.requests_max),
        ("pool_requests_max", care.breaker.pool_requests_max),
    ] {
        at_least_one(&format!("care.breaker.{part}"), u64::from(value), faults);
    }
    care.rates.iter().enumerate().for_each(|(number, rate)| check_rate(rate, number, table, faults));
}

fn check_rate(rate: &Rate, number: usize, table: &Table, faults: &mut Faults) {
    let place = format!("care.rates[{number}]");
    if !rate.rule.is_empty() && !table.rules.iter().any(|rule| rule.name == rate.rule) {
        faults.add(
            format!("{place}.rule"),
            format!("no rule is called `{}`: name one, or leave it out for all requests", rate.rule.escape_debug()),
        );
    }
    if let RatePer::Header(name) = &rate.per
        && (name.is_empty() || !name.bytes().all(is_token))
    {
        faults.add(format!("{place}.per.header"), format!("`{}` is no name of a header", name.escape_debug()));
    }
    for (part, value) in
        [("requests", u64::from(rate.requests)), ("every", rate.every.0), ("burst", u64::from(rate.burst))]
    {
        at_least_one(&format!("{place}.{part}"), value, faults);
    }
}

pub(super) fn mirror(mirror: &Mirror, number: usize, table: &Table, faults: &mut Faults) {
    let place = format!("mirrors[{number}]");
    let has_lane = |release: ReleaseNumber| table.lanes.iter().any(|lane| lane.release == release);
    for (part, release) in [("of", mirror.of), ("to", mirror.to)] {
        if !has_lane(release) {
            faults.add(
                format!("{place}.{part}"),
                format!("release {release} has no lane: add one, with a share of 0 if it serves nobody"),
            );
        }
    }
    if mirror.of == mirror.to {
        faults.add(format!("{place}.to"), "a release is not copied to itself: `noise` asks a second instance of it");
    }
    check_methods(&mirror.methods, &format!("{place}.methods"), faults);
    for (number, name) in
        mirror.headers.iter().enumerate().filter(|(_, name)| name.is_empty() || !name.bytes().all(is_token))
    {
        faults.add(format!("{place}.headers[{number}]"), format!("`{}` is no name of a header", name.escape_debug()));
    }
    at_least_one(&format!("{place}.in_flight_max"), u64::from(mirror.in_flight_max), faults);
    at_least_one(&format!("{place}.within"), mirror.within.0, faults);
}
