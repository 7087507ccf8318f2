//! Journals that lose nothing they acknowledged.
//!
//! [`SqliteStore`] keeps them in one file, [`MemoryStore`] in memory for tests and the simulator. Both
//! pass the same `contract`, which the next implementations have to pass as well. [`audit`] reads the
//! same journals as a chain of hashes, [`backup`] copies them while they are being written.
//!
//! This crate decides nothing: what an entry means is the engine's business. It reads no clock, and
//! it is bound to no async runtime: its futures are woken by its own threads.

pub mod audit;
pub mod backup;
mod bounds;
mod chain;
#[cfg(feature = "contract")]
pub mod contract;
mod error;
pub mod memory;
mod oneshot;
mod queue;
mod sqlite;

pub use memory::MemoryStore;
pub use oneshot::wait;
#[cfg(feature = "contract")]
pub use sqlite::{Durability, Opening};
pub use sqlite::{Journals, SqliteStore};
