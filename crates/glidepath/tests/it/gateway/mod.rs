//! `glidepath gateway`: real processes, real sockets.

mod alone;
mod authority;
mod breaking;
mod controlling;
mod counting;
mod crowd;
mod elsewhere;
mod problems;
mod running;
mod serving;
mod upgrading;
mod versions;
