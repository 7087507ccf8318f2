//! The data plane: the HTTP proxy that splits, matches, mirrors, drains and counts. It consumes
//! immutable tables and produces counts; it has never heard of rollouts.

pub mod access;
pub mod admin;
mod clock;
pub mod count;
mod file;
pub mod fleet;
pub mod http1;
pub mod metrics;
pub mod mirror;
mod number;
pub mod parking;
pub mod planted;
pub mod pool;
pub mod probe;
pub mod process;
pub mod proxy;
pub mod rate;
pub mod remote;
mod room;
pub mod session;
pub mod split;
pub mod stream;
pub mod table;
pub mod tls;
mod waiting;
pub mod websocket;
pub mod worker;
