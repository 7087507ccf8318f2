//! That claims fall as the shares say, whatever a unit is.

use super::visitor::Visitor;
use super::{Found, number, site, units};
use gateway::pool::Wish;
use wire::table::Unit;

/// In hundredths of a percent: large and tiny, two releases and several, one that gets nothing.
const SHARES: &[&[u16]] =
    &[&[9_000, 1_000], &[9_999, 1], &[5_000, 5_000], &[3_333, 3_333, 3_334], &[9_475, 25, 0, 500]];
/// Chi-square that one honest run in a million exceeds, by degrees of freedom. The seeds are fixed: what
/// passed once passes always.
const BEYOND: [f64; 5] = [0.0, 23.928, 27.631, 30.665, 33.377];
const SEED: u64 = 7;

/// So many claims for each kind of unit and each split.
pub(super) fn check(claims: u64) -> Found {
    let units: Vec<Option<Unit>> = std::iter::once(None).chain(units().map(Some)).collect();
    let mut all = 0;
    for shares in SHARES {
        for unit in &units {
            fastrand::seed(SEED);
            let counts = counts(claims, shares, unit.clone())?;
            let square = chi_square(&counts, shares);
            let freedom = shares.iter().filter(|share| **share > 0).count() - 1;
            let given: u64 = counts.iter().sum();
            if given != claims || square > BEYOND[freedom] {
                return Err(format!(
                    "{claims} claims by {unit:?} under {shares:?} fell as {counts:?}: chi-square {square:.1}, \
                     and one honest run in a million is beyond {}",
                    BEYOND[freedom]
                ));
            }
            all += claims;
        }
    }
    Ok(all)
}

fn counts(claims: u64, shares: &[u16], unit: Option<Unit>) -> Result<Vec<u64>, String> {
    let site = site(shares, unit)?;
    let mut counts = vec![0; shares.len()];
    for number_of in 0..claims {
        let visitor = Visitor::new(number_of);
        let given = site.give(&visitor).ok_or("a request was given to nobody")?;
        let claim = given.pool.claim(Wish { key: given.key, not: None }).map_err(|_| "nobody could be claimed")?;
        let index = (0..shares.len()).find(|index| number(*index) == given.pool.release().0);
        drop(claim);
        counts[index.ok_or("a release that is in no table")?] += 1;
    }
    Ok(counts)
}

/// How far counts are from what was expected. What has no share and got something is infinitely far.
fn chi_square(counts: &[u64], shares: &[u16]) -> f64 {
    let all: u64 = counts.iter().sum();
    let parts = counts.iter().zip(shares).map(|(count, share)| match (*count, *share) {
        (0, 0) => 0.0,
        (_, 0) => f64::INFINITY,
        (count, share) => {
            let expected = all as f64 * f64::from(share) / 10_000.0;
            (count as f64 - expected).powi(2) / expected
        }
    });
    parts.sum()
}
