//! Who came how often, for all keys of a process.

use siphasher::sip::SipHasher13;
use std::hash::Hasher as _;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::time::Instant;

/// The most keys that are remembered.
pub const KEYS_MAX: usize = 1 << 16;
/// So many keys share a set: the one that is nearest to its rest makes room for a new one.
pub const WAYS: usize = 8;
/// A key has so many bits of its number for the time until which its requests are spread: microseconds of
/// nine years.
const TIME_BITS: u32 = 48;
/// So often a number is tried to be exchanged while others exchange it, before a request passes unseen.
const CLASHES_MAX: usize = 128;

/// Who came how often. Nothing of it takes room before somebody is counted.
#[derive(Debug)]
pub struct Ledger {
    begun: Instant,
    /// Nobody outside knows it, so nobody makes keys that fall together.
    secret: (u64, u64),
    /// What tells a key from others of its set, and the time by which what it came for would be over if it came
    /// at its rate. One number, so that nobody sees half of it.
    keys: OnceLock<Box<[AtomicU64]>>,
}

/// How much a key may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pass {
    /// The time that one request takes, in microseconds.
    pub micros: u64,
    /// So many at once.
    pub burst: u64,
}

impl Default for Ledger {
    fn default() -> Self {
        Self { begun: Instant::now(), secret: (fastrand::u64(..), fastrand::u64(..)), keys: OnceLock::new() }
    }
}

impl Ledger {
    /// The number of a key.
    pub(super) fn number(&self, parts: &[&[u8]]) -> u64 {
        let mut hasher = SipHasher13::new_with_keys(self.secret.0, self.secret.1);
        for part in parts {
            hasher.write_u64(part.len() as u64);
            hasher.write(part);
        }
        hasher.finish()
    }

    /// Microseconds since it began, and never nothing.
    pub(super) fn now(&self) -> u64 {
        self.begun.elapsed().as_micros() as u64 + 1
    }

    /// One more request of this key; if it comes too often, how many microseconds later it would not.
    pub fn pass(&self, key: u64, pass: Pass, now: u64) -> Result<(), u64> {
        let set = self.set(key);
        let tag = key & (u64::MAX << TIME_BITS);
        let time = |number: u64| number & !(u64::MAX << TIME_BITS);
        for _ in 0..CLASHES_MAX {
            let read = || set.iter().map(|number| (number, number.load(Ordering::Relaxed)));
            let known = read().find(|(_, number)| *number > 0 && number & (u64::MAX << TIME_BITS) == tag);
            let Some((place, number)) = known.or_else(|| read().min_by_key(|(_, number)| time(*number))) else {
                return Ok(());
            };
            let before = if known.is_some() { time(number).max(now) } else { now };
            let after = before + pass.micros;
            let most = now + pass.micros.saturating_mul(pass.burst);
            if after > most {
                return Err(after - most);
            }
            if place.compare_exchange_weak(number, tag | time(after), Ordering::Relaxed, Ordering::Relaxed).is_ok() {
                return Ok(());
            }
        }
        Ok(())
    }

    fn set(&self, key: u64) -> &[AtomicU64] {
        let keys = self.keys.get_or_init(|| (0..KEYS_MAX).map(|_| AtomicU64::new(0)).collect());
        let first = key as usize % (KEYS_MAX / WAYS) * WAYS;
        keys.get(first..first + WAYS).unwrap_or_default()
    }
}
