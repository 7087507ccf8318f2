//! A world without a machine: fake platforms, routers, sources, stores and clocks, a nemesis that
//! breaks them, and checkers that watch every effect. Everything follows from a seed.
//!
//! Nothing here ships.

mod calm;
pub mod campaign;
pub mod checker;
pub mod delivery;
pub mod doom;
pub mod fault;
pub mod host;
pub mod later;
pub mod matrix;
pub mod others;
pub mod people;
pub mod platform;
pub mod random;
pub mod replay;
pub mod router;
pub mod run;
pub mod scenario;
pub mod scene;
mod services;
pub mod store;
pub mod story;
pub mod target;
pub mod words;
pub mod world;
mod worlds;

pub use campaign::{Figures, campaign};
pub use run::{Options, Outcome, run};
