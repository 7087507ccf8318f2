//! What becomes of requests: counted for the release and under the table that they were given away by,
//! whoever answers. Every worker counts for itself, without a lock; who reads adds up.

mod books;
mod feed;
pub mod histogram;
pub(crate) mod merge;
mod others;
mod row;
pub mod run;
mod shelf;
mod units;

pub use books::{Books, CLASSES_MAX, Class, GENERATIONS_MAX, RELEASES_MAX, Sheet};
pub(crate) use feed::LastCounts;
pub use feed::{Feed, Pace, Subscription};
pub use histogram::Histogram;
pub use row::{End, Ended};
pub use shelf::CLOSED_MAX;
pub use units::UNITS_MAX;
pub use wire::counts::Way;

pub(crate) use others::Others;
pub(crate) use shelf::Shelf;
