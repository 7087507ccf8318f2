//! The engine's integration tests, in one binary.

mod concerns;
mod dice;
mod laws;
mod plans;
mod properties;
mod services;
