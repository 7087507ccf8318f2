//! The clock on the wall, for what people are told. Nothing is decided by it.

use jiff::Timestamp;
use model::Time;
use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// What time it is.
pub(crate) fn now() -> Time {
    Time(Timestamp::now().as_millisecond().unsigned_abs())
}

/// The time as answers of the gateway's own tell it: put into words once a second, however many there are.
#[derive(Debug)]
pub(crate) struct Date {
    second: Cell<i64>,
    text: RefCell<Rc<str>>,
}

impl Date {
    /// What time it is.
    pub(crate) fn new() -> Self {
        let date = Self { second: Cell::new(i64::MIN), text: RefCell::new("".into()) };
        date.look();
        date
    }

    /// Some time has passed: less than a second each time, or it is late.
    pub(crate) fn look(&self) {
        let now = Timestamp::now();
        if self.second.replace(now.as_second()) != now.as_second() {
            self.text.replace(now.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string().into());
        }
    }

    /// As of the last look.
    pub(crate) fn text(&self) -> Rc<str> {
        Rc::clone(&self.text.borrow())
    }
}
