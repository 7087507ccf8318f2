//! The engine's integration tests, in one binary.

mod plans;
mod services;
