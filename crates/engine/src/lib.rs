//! Strategies to plans, and the pure functions that land them.
//!
//! This crate never names an async runtime, a database, HTTP or a wall clock: time, observations and
//! replies come in as values, entries and commands go out as values.

pub mod compile;
pub mod effect;
pub mod facts;
pub mod journal;
pub mod store;
pub mod unwind;
