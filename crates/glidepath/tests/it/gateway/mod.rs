//! `glidepath gateway`: real processes, real sockets.

mod controlling;
mod counting;
mod running;
mod serving;
