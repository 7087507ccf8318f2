//! The engine's integration tests, in one binary.

mod advise;
mod clock;
mod concerns;
mod decide;
mod dice;
mod fold;
mod hear;
mod laws;
mod plans;
mod properties;
mod runner;
mod scene;
mod services;
mod starter;
mod unwind;
mod uphold;
