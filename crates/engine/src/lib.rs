//! Strategies to plans, and the pure functions that land them.
//!
//! This crate never names an async runtime, a database, HTTP or a wall clock: time, observations and
//! replies come in as values, entries and commands go out as values.

pub mod advise;
pub mod command;
pub mod compile;
pub mod concerns;
pub mod decide;
pub mod driver;
pub mod effect;
mod exposure;
pub mod facts;
pub mod few;
pub mod hear;
pub mod journal;
pub mod launch;
pub mod observe;
pub mod outline;
pub mod planted;
pub mod runner;
pub mod starter;
pub mod store;
pub mod suppose;
pub mod unwind;
pub mod uphold;
