//! How long things took, exact to one percent, in a fixed number of buckets.

/// Times up to this are counted one by one.
const EXACT: u64 = 256;
/// Buckets in every doubling above that: neighbours differ by less than a hundredth.
const PER_DOUBLING: u64 = 128;
/// How many doublings there are: up to an hour in microseconds.
const DOUBLINGS: u64 = 24;
/// All buckets, one of them for whatever is longer.
pub const BUCKETS: usize = (EXACT + PER_DOUBLING * DOUBLINGS + 1) as usize;

/// Counts by time in microseconds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Histogram {
    /// None before the first: most of what could be counted never comes.
    counts: Box<[u64]>,
}

impl Histogram {
    /// One more that took so long.
    pub fn add(&mut self, micros: u64) {
        self.make_room();
        if let Some(count) = self.counts.get_mut(bucket(micros)) {
            *count += 1;
        }
    }

    /// Together with another.
    pub fn merge(&mut self, other: &Self) {
        if !other.counts.is_empty() {
            self.make_room();
        }
        self.counts.iter_mut().zip(&other.counts).for_each(|(count, more)| *count += more);
    }

    fn make_room(&mut self) {
        if self.counts.is_empty() {
            self.counts = vec![0; BUCKETS].into_boxed_slice();
        }
    }

    /// How many there were.
    pub fn len(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Whether there was none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The time that this share of all did not exceed, in microseconds; none where there was none.
    pub fn quantile(&self, share: f64) -> Option<u64> {
        let rank = (self.len() as f64 * share).ceil().max(1.0) as u64;
        let mut seen = 0;
        let mut counts = self.counts.iter().enumerate();
        let found = counts.find(|(_, count)| {
            seen += **count;
            seen >= rank
        });
        found.map(|(bucket, _)| middle(bucket))
    }
}

fn bucket(micros: u64) -> usize {
    if micros < EXACT {
        return micros as usize;
    }
    // At least one, because `EXACT` is twice `PER_DOUBLING`.
    let shift = u64::from(micros.ilog2() - PER_DOUBLING.ilog2());
    let bucket = EXACT + (shift - 1) * PER_DOUBLING + ((micros >> shift) - PER_DOUBLING);
    (bucket as usize).min(BUCKETS - 1)
}

/// The time in the middle of a bucket.
fn middle(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    if bucket < EXACT {
        return bucket;
    }
    let (doubling, within) = ((bucket - EXACT) / PER_DOUBLING, (bucket - EXACT) % PER_DOUBLING);
    let shift = doubling + 1;
    ((PER_DOUBLING + within) << shift) + (1 << shift >> 1)
}
