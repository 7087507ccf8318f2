//! Requests that wait for an instance of their release to have room: first come, first served.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::task::{Context, Waker};

/// Those that wait, as one worker sees them.
#[derive(Debug, Default)]
pub(super) struct Queue {
    waiting: RefCell<VecDeque<Rc<Place>>>,
}

/// One that waits.
#[derive(Debug, Default)]
struct Place {
    waker: RefCell<Option<Waker>>,
}

/// A place in the queue, until it is dropped.
#[derive(Debug)]
pub(super) struct Waits<'a> {
    queue: &'a Queue,
    place: Rc<Place>,
}

impl Queue {
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.borrow().is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.borrow().len()
    }

    /// The last place, where fewer than so many wait.
    pub(super) fn enter(&self, most: u32) -> Option<Waits<'_>> {
        let mut waiting = self.waiting.borrow_mut();
        (waiting.len() < most as usize).then(|| {
            let place = Rc::default();
            waiting.push_back(Rc::clone(&place));
            Waits { queue: self, place }
        })
    }

    /// There may be room: whoever is first looks. Whoever has gone on calls the next one, so that nobody
    /// is woken for nothing.
    pub(super) fn call(&self) {
        if let Some(first) = self.waiting.borrow().front()
            && let Some(waker) = first.waker.take()
        {
            waker.wake();
        }
    }
}

impl Waits<'_> {
    /// Whether it is its turn; if not, whoever asks is woken when it may be.
    pub(super) fn is_first(&self, context: &Context<'_>) -> bool {
        *self.place.waker.borrow_mut() = Some(context.waker().clone());
        self.queue.waiting.borrow().front().is_some_and(|first| Rc::ptr_eq(first, &self.place))
    }
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        self.queue.waiting.borrow_mut().retain(|place| !Rc::ptr_eq(place, &self.place));
        self.queue.call();
    }
}
