//! `glidepath gateway`: real processes, real sockets.

mod controlling;
mod counting;
mod problems;
mod running;
mod serving;
