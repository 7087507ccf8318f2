//! The engine's integration tests, in one binary.

mod dice;
mod laws;
mod plans;
mod properties;
mod services;
