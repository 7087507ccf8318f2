//! That a unit stays where it is while nothing changes, and moves only to the release whose share rises.

use super::visitor::{COOKIE, Visitor};
use super::{Found, site, units};
use gateway::table::Site;

/// How many units are followed.
const UNITS: u64 = 20_000;
/// The candidate's way, in hundredths of a percent.
const STEPS: [u16; 9] = [0, 1, 100, 500, 2_500, 5_000, 7_500, 9_999, 10_000];

/// Follows units of every kind from the first step to the last.
pub(super) fn check() -> Found {
    let mut followed = 0;
    for unit in units() {
        let sites = STEPS.iter().map(|points| site(&[10_000 - points, *points], Some(unit.clone())));
        let sites = sites.collect::<Result<Vec<_>, _>>()?;
        for number in 0..UNITS {
            let mut visitor = Visitor::new(number);
            follow(&sites, &mut visitor).map_err(|why| format!("by {unit:?}, unit {number} {why}"))?;
            followed += 1;
        }
    }
    Ok(followed)
}

/// Twice at each step: it must be where it was, or have gone to the candidate.
fn follow(sites: &[Site], visitor: &mut Visitor) -> Result<(), String> {
    let mut before = 1;
    for (site, points) in sites.iter().zip(STEPS) {
        let first = visit(site, visitor)?;
        let again = visit(site, visitor)?;
        if first != again {
            return Err(format!("went to release {first} and then to {again} while nothing changed"));
        }
        if first < before {
            return Err(format!("left the candidate when its share rose to {points} hundredths of a percent"));
        }
        before = first;
    }
    Ok(())
}

/// Whom it is given to; it keeps the cookie that it gets.
fn visit(site: &Site, visitor: &mut Visitor) -> Result<u32, String> {
    let given = site.give(visitor).ok_or("was given to nobody")?;
    let release = given.pool.release().0;
    let line = given.set_cookie.as_deref().and_then(|line| line.split_once(&format!("{COOKIE}="))?.1.split(';').next());
    let cookie = line.map(str::to_owned);
    visitor.cookie = cookie.or(visitor.cookie.take());
    Ok(release)
}
