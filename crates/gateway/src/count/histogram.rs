//! How long things took, exact to one percent, in a fixed number of buckets.

/// Times up to this are counted one by one.
const EXACT: u64 = 256;
/// Buckets in every doubling above that: neighbours differ by less than a hundredth.
const PER_DOUBLING: u64 = 128;
/// How many doublings there are: up to an hour in microseconds.
const DOUBLINGS: u64 = 24;
/// All buckets, one of them for whatever is longer.
pub const BUCKETS: usize = (EXACT + PER_DOUBLING * DOUBLINGS + 1) as usize;
/// Buckets get their memory together with so many neighbours.
const BLOCK: usize = PER_DOUBLING as usize;

/// Counts by time in microseconds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Histogram {
    /// In blocks, of which only those have memory that something fell into: times are near each other.
    blocks: Vec<Option<Box<[u64; BLOCK]>>>,
}

impl Histogram {
    /// One more that took so long.
    pub fn add(&mut self, micros: u64) {
        self.add_to(bucket(micros), 1);
    }

    fn add_to(&mut self, bucket: usize, more: u64) {
        if self.blocks.is_empty() {
            self.blocks.resize(BUCKETS.div_ceil(BLOCK), None);
        }
        if let Some(block) = self.blocks.get_mut(bucket / BLOCK) {
            block.get_or_insert_with(|| Box::new([0; BLOCK]))[bucket % BLOCK] += more;
        }
    }

    /// Together with another.
    pub fn merge(&mut self, other: &Self) {
        other.counts().for_each(|(bucket, count)| self.add_to(bucket, count));
    }

    /// How many fell into each bucket, the empty ones left out.
    fn counts(&self) -> impl Iterator<Item = (usize, u64)> {
        let blocks = self.blocks.iter().enumerate().filter_map(|(number, block)| Some((number, block.as_ref()?)));
        let counts = blocks
            .flat_map(|(number, block)| block.iter().enumerate().map(move |(at, count)| (number * BLOCK + at, *count)));
        counts.filter(|(_, count)| *count > 0)
    }

    /// How many took how many microseconds, to one percent, the quickest first.
    pub fn iter(&self) -> impl Iterator<Item = (u64, u64)> {
        self.counts().map(|(bucket, count)| (middle(bucket), count))
    }

    /// How many there were.
    pub fn len(&self) -> u64 {
        self.counts().map(|(_, count)| count).sum()
    }

    /// Whether there was none.
    pub fn is_empty(&self) -> bool {
        self.counts().next().is_none()
    }

    /// The time that this share of all did not exceed, in microseconds; none where there was none.
    pub fn quantile(&self, share: f64) -> Option<u64> {
        let rank = (self.len() as f64 * share).ceil().max(1.0) as u64;
        let mut seen = 0;
        let found = self.iter().find(|(_, count)| {
            seen += count;
            seen >= rank
        });
        found.map(|(micros, _)| micros)
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
