//! Who gets what.

use crate::http1::head::is_token;
use crate::split::Split;
use crate::table::checked::CheckedLane;
use crate::table::{Faults, Matcher};
use model::Span;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use wire::table::{Door, Lane, Table, Unit};

/// The most instances of one release.
const ENDPOINTS_MAX: usize = 16_384;

pub(super) fn unit(table: &Table, faults: &mut Faults) {
    match &table.unit {
        Some(Unit::Cookie { name, .. }) if name.is_empty() || !name.bytes().all(is_token) => {
            faults.add(
                "unit.cookie.name",
                format!("`{}` is no name of a cookie: write letters and digits", name.escape_debug()),
            );
        }
        Some(Unit::Header(name)) if name.is_empty() || !name.bytes().all(is_token) => {
            faults.add(
                "unit.header",
                format!("`{}` is no name of a header: write letters, digits and `-`", name.escape_debug()),
            );
        }
        Some(Unit::Cookie { .. } | Unit::Header(_) | Unit::ClientNetwork) | None => {}
    }
    let pins = matches!(table.unit, Some(Unit::Cookie { .. }));
    for (number, lane) in table.lanes.iter().enumerate().filter(|(_, lane)| lane.door == Door::Pinned && !pins) {
        let what = format!("release {} keeps sessions, but there are none: set `unit` to a cookie", lane.release);
        faults.add(format!("lanes[{number}].door"), what);
    }
}

pub(super) fn shares(table: &Table, faults: &mut Faults) -> Option<Split> {
    let mut known = BTreeSet::new();
    for (number, lane) in table.lanes.iter().enumerate() {
        if !known.insert(lane.release) {
            let what = format!("release {} has a lane already: write what it gets once", lane.release);
            faults.add(format!("lanes[{number}].release"), what);
        }
        if lane.door != Door::Open && !lane.share.is_none() {
            let what = format!(
                "release {} takes no new units but has a share of them: open its door, or give the share to another",
                lane.release
            );
            faults.add(format!("lanes[{number}].share"), what);
        }
    }
    let split = Split::new(table.lanes.iter().map(|lane| lane.share));
    if split.is_none() {
        let sum: u32 = table.lanes.iter().map(|lane| u32::from(lane.share.basis_points())).sum();
        let sum = format!("{}.{:02} %", sum / 100, sum % 100);
        faults.add("lanes", format!("the shares sum to {sum}: they have to sum to 100 %"));
    }
    split
}

pub(super) fn lane(lane: &Lane, number: usize, faults: &mut Faults) -> CheckedLane {
    let place = format!("lanes[{number}]");
    if lane.endpoints.len() > ENDPOINTS_MAX {
        let what = format!("there are {}: at most {ENDPOINTS_MAX} are served", lane.endpoints.len());
        faults.add(format!("{place}.endpoints"), what);
    }
    let mut known = BTreeSet::new();
    let mut addresses = Vec::new();
    for (index, endpoint) in lane.endpoints.iter().enumerate() {
        let at = format!("{place}.endpoints[{index}].address");
        let parsed = endpoint.address.parse::<SocketAddr>().ok().filter(|address| address.port() != 0);
        let wrong = || {
            format!("`{}` is no address with a port: write it like 127.0.0.1:20001", endpoint.address.escape_debug())
        };
        let Some(address) = faults.take(&at, parsed.ok_or_else(wrong)) else { continue };
        if !known.insert(address) {
            faults.add(at, format!("`{address}` is there already: it would get twice its part"));
        }
        addresses.push(address);
    }
    if lane.slow_start.is_some_and(|span| span == Span::ZERO) {
        faults.add(format!("{place}.slow_start"), "it takes no time: leave it out");
    }
    CheckedLane { matchers: Matcher::all(&lane.matches, &format!("{place}.matches"), faults), addresses }
}
