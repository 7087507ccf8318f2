//! The engine's integration tests, in one binary.

mod advise;
mod concerns;
mod dice;
mod laws;
mod plans;
mod properties;
mod services;
mod starter;
