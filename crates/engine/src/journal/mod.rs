//! A service's journal: what can be written into it, what may follow what, and what it all adds up to.

pub mod entry;
pub mod table;

pub use entry::{Aim, Ask, Cause, Ending, Entry, Input, Judgement};
pub use table::{Kind, Phase};
