//! The messages between controller, gateway and keeper. They are copies of their own, so that neither
//! side's types can change what is said; golden bytes in the tests hold every version.

pub mod table;

pub use table::Table;
