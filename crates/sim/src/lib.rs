//! A world without a machine: fake platforms, routers, sources, stores and clocks, a nemesis that
//! breaks them, and checkers that watch every effect. Everything follows from a seed.
//!
//! Nothing here ships.

mod calm;
pub mod campaign;
pub mod checker;
mod delivery;
pub mod doom;
pub mod fault;
pub mod host;
mod later;
pub mod matrix;
mod others;
mod people;
mod platform;
pub mod random;
mod router;
pub mod run;
pub mod scenario;
mod store;
pub mod world;

pub use campaign::{Figures, campaign};
pub use run::{Options, Outcome, run};
