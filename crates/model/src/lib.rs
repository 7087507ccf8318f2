//! The words of Glidepath as types that cannot be wrong.
//!
//! Everything here is a value: parsed once at the edge, then trusted. This crate never does IO, reads
//! no clock and no environment (the text of both is handed in), and knows no driver.

pub mod check;
pub mod gate;
pub mod id;
pub mod intent;
pub mod plan;
pub mod release;
pub mod service;
pub mod share;
pub mod standing;
pub mod strategy;
pub mod text;
pub mod time;
pub mod verdict;

pub use check::{CheckName, Watch};
pub use gate::Gate;
pub use id::{Digest, Name, ReleaseNumber, RolloutNumber, Subject};
pub use intent::{Door, Hold, Intent, Lane};
pub use plan::{Plan, Step, StepNumber, Verb};
pub use release::Release;
pub use service::Service;
pub use share::Share;
pub use standing::Standing;
pub use strategy::Strategy;
pub use time::{Span, Time};
pub use verdict::{Evidence, Verdict};
