//! The keeper's tests, in one binary.

mod members;
