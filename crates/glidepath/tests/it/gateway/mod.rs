//! `glidepath gateway`: real processes, real sockets.

mod controlling;
mod running;
mod serving;
