//! Tests of what the simulator stands on.

mod golden;
