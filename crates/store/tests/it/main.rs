//! The store as a whole: its contract, and what it does when the disk, the power or the process goes.

mod contract;
mod folder;
