//! The clock on the wall, for what people are told. Nothing is decided by it.

use jiff::Timestamp;
use model::Time;

/// What time it is.
pub(crate) fn now() -> Time {
    Time(Timestamp::now().as_millisecond().unsigned_abs())
}
