//! `glidepath gateway`: real processes, real sockets.

mod running;
mod serving;
