//! Owns one process, so that it outlives whoever started it. Of the gateway it owns the listening sockets,
//! too: it hands them to each gateway that it starts, restarts one that died, and starts the next one
//! beside the old. It decides nothing else, and has no async runtime.

mod adopted;
mod child;
mod gateway;
mod inherited;
pub mod members;
pub mod place;
mod sockets;

pub use gateway::{Settings, keep};
