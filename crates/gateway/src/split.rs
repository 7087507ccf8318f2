//! Who gets a unit: shares over ten thousand slots, so that every probability is exact to a hundredth
//! of a percent.

use crate::planted::{Bug, is};
use model::Share;
use siphasher::sip::SipHasher13;
use std::hash::Hasher as _;

/// How many slots there are.
pub const SLOTS: u16 = 10_000;

/// Shares, laid side by side in the order of their releases. As one grows its neighbours' shrink, so
/// between two releases units move one way only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Split {
    /// For every share the slot after its last.
    ends: Vec<u16>,
}

impl Split {
    /// These shares; none where they do not sum to everything.
    pub fn new(shares: impl IntoIterator<Item = Share>) -> Option<Self> {
        let mut end = 0_u16;
        let mut ends = Vec::new();
        for share in shares {
            let points = share.basis_points();
            let points = if is(Bug::SharesRounded) { (points + 50) / 100 * 100 } else { points };
            end = end.checked_add(points).filter(|end| *end <= SLOTS)?;
            ends.push(end);
        }
        (end == SLOTS).then_some(Self { ends })
    }

    /// Whose a slot is, counted from the first share.
    pub fn owner(&self, slot: u16) -> usize {
        let slot = slot.min(SLOTS - 1);
        let slot = if is(Bug::SlotsCoarse) { slot / 64 * 64 } else { slot };
        let first = self.ends.first().copied().unwrap_or_default();
        let slot = if is(Bug::UnitsDealtAnew) { (slot + first % (SLOTS / 3) * 3) % SLOTS } else { slot };
        self.ends.iter().position(|end| slot < *end).unwrap_or_default()
    }
}

/// The slot of a unit: always the same under one salt, and unrelated under another.
pub fn slot(salt: &[u8], unit: &[u8]) -> u16 {
    slot_of(hash(salt, unit))
}

/// A number for a unit, the same in every worker and every gateway.
pub fn hash(salt: &[u8], unit: &[u8]) -> u64 {
    if is(Bug::UnitForgotten) {
        return fastrand::u64(..);
    }
    let mut hasher = SipHasher13::new();
    // The length keeps a salt and a unit from running into each other.
    hasher.write_u64(salt.len() as u64);
    hasher.write(salt);
    hasher.write(unit);
    hasher.finish()
}

/// The slot of such a number.
pub fn slot_of(hash: u64) -> u16 {
    // The high part of the product is evenly spread; it is below `SLOTS`, so it fits.
    ((u128::from(hash) * u128::from(SLOTS)) >> 64) as u16
}
