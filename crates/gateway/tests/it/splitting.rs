//! Shares: that they are what they say, and that units move one way only.

use gateway::split::{SLOTS, Split, slot};
use model::Share;

fn split(percents: &[u16]) -> Split {
    Split::new(percents.iter().map(|percent| Share::percent(*percent))).expect("they sum to everything")
}

/// How far counts are from what was expected; with so many claims three in a thousand honest runs are
/// beyond this.
fn is_likely(counts: &[u64], shares: &[u16]) -> bool {
    let all: u64 = counts.iter().sum();
    let squares = counts.iter().zip(shares).filter(|(_, share)| **share > 0).map(|(count, share)| {
        let expected = all as f64 * f64::from(*share) / 100.0;
        (*count as f64 - expected).powi(2) / expected
    });
    let beyond = [0.0, 8.8, 11.6, 13.9, 16.0];
    let parts = shares.iter().filter(|share| **share > 0).count();
    squares.sum::<f64>() <= beyond[parts - 1]
}

/// Units as sessions have them, or by chance.
fn counts(shares: &[u16], claims: u64, salt: &[u8]) -> Vec<u64> {
    let split = split(shares);
    let mut counts = vec![0; shares.len()];
    for unit in 0..claims {
        counts[split.owner(slot(salt, &unit.to_le_bytes()))] += 1;
    }
    counts
}

#[test]
fn sessions_fall_as_the_shares_say() {
    let claims = if cfg!(debug_assertions) { 1_000_000 } else { 10_000_000 };
    for shares in [&[50, 50][..], &[95, 5], &[99, 1], &[34, 33, 33], &[10, 0, 90], &[25, 25, 25, 25]] {
        for salt in ["one", "two"] {
            let found = counts(shares, claims, salt.as_bytes());
            assert!(is_likely(&found, shares), "{shares:?} {salt}: {found:?}");
            // The same counts would be caught under shares that are one percent off.
            let mut wrong = shares.to_vec();
            (wrong[0], wrong[shares.len() - 1]) = (wrong[0] - 1, wrong[shares.len() - 1] + 1);
            assert!(wrong[0] == 0 || !is_likely(&found, &wrong), "{wrong:?}: {found:?}");
        }
    }
}

#[test]
fn requests_fall_as_the_shares_say() {
    let claims = if cfg!(debug_assertions) { 1_000_000 } else { 10_000_000 };
    fastrand::seed(7);
    let shares = [90, 9, 1];
    let split = split(&shares);
    let mut counts = [0; 3];
    for _ in 0..claims {
        counts[split.owner(fastrand::u16(..SLOTS))] += 1;
    }
    assert!(is_likely(&counts, &shares), "{counts:?}");
}

#[test]
fn a_hundredth_of_a_percent_is_one_slot() {
    let tiny = Share::from_basis_points(1).expect("a share");
    let split = Split::new([tiny.rest(), tiny]).expect("they sum to everything");
    let owned = (0..SLOTS).filter(|slot| split.owner(*slot) == 1).count();
    assert_eq!(owned, 1);
}

/// As the candidate's share rises, nobody leaves it, and nobody moves but to it.
#[test]
fn units_move_one_way_as_a_share_rises() {
    let owner = |percent: u16, unit: u32| split(&[100 - percent, percent]).owner(slot(b"salt", &unit.to_le_bytes()));
    for unit in 0..2_000 {
        let owners: Vec<_> = [0, 1, 5, 25, 50, 99, 100].into_iter().map(|percent| owner(percent, unit)).collect();
        assert!(owners.is_sorted(), "{unit}: {owners:?}");
    }
}

/// Under another salt others are first.
#[test]
fn not_the_same_are_first_every_time() {
    let first = |salt: &str| {
        let split = split(&[95, 5]);
        (0..10_000_u32).filter(|unit| split.owner(slot(salt.as_bytes(), &unit.to_le_bytes())) == 1).collect::<Vec<_>>()
    };
    let (one, other) = (first("rollout 1"), first("rollout 2"));
    let both = one.iter().filter(|unit| other.contains(unit)).count();
    assert!(both * 10 < one.len(), "{both} of {}", one.len());
}

#[test]
fn shares_that_do_not_sum_make_no_split() {
    for shares in [&[][..], &[50], &[60, 50], &[0, 0]] {
        assert_eq!(Split::new(shares.iter().map(|percent| Share::percent(*percent))), None, "{shares:?}");
    }
}
