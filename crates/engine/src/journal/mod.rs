//! A service's journal: what can be written into it, what may follow what, and what it all adds up to.

mod closing;
pub mod entry;
pub mod fold;
pub mod state;
pub mod table;

pub use closing::CLOSING_PAUSE;
pub use entry::{Aim, Ask, Cause, Ending, Entry, Input, Judgement};
pub use fold::{Illegal, fold};
pub use state::{Rollout, State};
pub use table::{Kind, Phase};
