//! The gateway's tests, in one binary.

mod chunks;
mod requests;
mod responses;
