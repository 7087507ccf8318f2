//! How often clients may come. All workers of a process count together, in one table of numbers that are
//! compared and exchanged: a client that keeps one connection, and so one worker, has all of its rate, and one
//! that comes to every worker has no more. Dividing a rate by the number of workers would be wrong for both.
//!
//! What is not exact: two keys share a count where they fall into one set and look alike, which among ten
//! thousand busy keys happens to one pair in one process of ten; where more than eight keys of one set are busy,
//! the one that is nearest to its rest is forgotten and begins anew; and a process that ends beside the next
//! counts for itself.

mod gate;
mod ledger;

pub use gate::{Gate, Refused};
pub use ledger::{KEYS_MAX, Ledger, Pass, WAYS};
