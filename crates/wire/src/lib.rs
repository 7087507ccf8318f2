//! The messages between controller, gateway and keeper. They are copies of their own, so that neither
//! side's types can change what is said; golden bytes in the tests hold every version. What carries them
//! is here, too, so that both sides carry them alike.

pub mod asking;
pub mod control;
pub mod counts;
pub mod frame;
pub mod keeping;
pub mod log;
pub mod passing;
pub mod problem;
pub mod socket;
pub mod table;
pub mod timed;

pub use counts::Counts;
pub use table::Table;

/// What stands as it does where nobody says otherwise is not said.
fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
