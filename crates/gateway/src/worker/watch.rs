//! Time for ten thousand connections: one sweep looks at all that are due, in place of a timer for
//! each request.

use model::Span;
use slab::Slab;
use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use tokio::sync::Notify;

/// How often is looked whose time is over, and so how exact a time-out is.
pub(crate) const SWEEP_EVERY: Span = Span(250);

/// All that has a time.
#[derive(Debug, Default)]
pub(crate) struct Watches {
    now_ms: Cell<u64>,
    all: RefCell<Slab<Entry>>,
    emptied: Notify,
}

#[derive(Debug)]
struct Entry {
    due_ms: u64,
    /// It is over then, whatever is allowed.
    end_ms: u64,
    /// And then, where whoever answers goes away.
    drain_ms: u64,
    waker: Option<Waker>,
}

impl Entry {
    fn is_over(&self, now_ms: u64) -> bool {
        self.due_ms.min(self.end_ms).min(self.drain_ms) <= now_ms
    }
}

/// One connection's time.
#[derive(Debug)]
pub(crate) struct Watch {
    of: Rc<Watches>,
    key: usize,
}

impl Watches {
    /// Somebody who has no time limit yet.
    pub(crate) fn watch(self: &Rc<Self>) -> Watch {
        let key =
            self.all.borrow_mut().insert(Entry { due_ms: u64::MAX, end_ms: u64::MAX, drain_ms: u64::MAX, waker: None });
        Watch { of: Rc::clone(self), key }
    }

    /// The time since the worker began, as of the last sweep.
    pub(crate) fn now_ms(&self) -> u64 {
        self.now_ms.get()
    }

    /// When so much time has passed: never sooner, whatever the last sweep was.
    fn after(&self, span: Span) -> u64 {
        self.now_ms.get().saturating_add(span.0).saturating_add(SWEEP_EVERY.0)
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.all.borrow().len()
    }

    /// Returns when there are none.
    pub(crate) async fn emptied(&self) {
        while self.len() > 0 {
            self.emptied.notified().await;
        }
    }

    /// Everybody is woken, to see that things have changed.
    pub(crate) fn wake_all(&self) {
        self.all.borrow_mut().iter_mut().filter_map(|(_, entry)| entry.waker.take()).for_each(Waker::wake);
    }

    /// Time has passed: those whose time is over are woken.
    pub(crate) fn sweep(&self, now_ms: u64) {
        self.now_ms.set(now_ms);
        for (_, entry) in self.all.borrow_mut().iter_mut().filter(|(_, entry)| entry.is_over(now_ms)) {
            if let Some(waker) = entry.waker.take() {
                waker.wake();
            }
        }
    }
}

impl Watch {
    /// From now on it may take so long.
    pub(crate) fn allow(&self, span: Span) {
        let due_ms = self.of.after(span);
        if let Some(entry) = self.of.all.borrow_mut().get_mut(self.key) {
            entry.due_ms = due_ms;
        }
    }

    /// Whatever is allowed from now on, it ends in so long; it has no end of its own where there is none.
    pub(crate) fn ends_in(&self, span: Option<Span>) {
        if let Some(entry) = self.of.all.borrow_mut().get_mut(self.key) {
            entry.end_ms = span.map_or(u64::MAX, |span| self.of.after(span));
        }
    }

    /// Whoever answers goes away, and it ends in so long; or nobody does.
    pub(crate) fn drains_in(&self, span: Option<Span>) {
        if let Some(entry) = self.of.all.borrow_mut().get_mut(self.key) {
            entry.drain_ms = span.map_or(u64::MAX, |span| self.of.after(span));
        }
    }

    /// Whether it has come to an end that nothing can put off.
    pub(crate) fn has_ended(&self) -> bool {
        let now_ms = self.of.now_ms.get();
        self.of.all.borrow().get(self.key).is_none_or(|entry| entry.end_ms.min(entry.drain_ms) <= now_ms)
    }

    /// Whether it has to end because whoever answers goes away.
    pub(crate) fn has_drained(&self) -> bool {
        self.of.all.borrow().get(self.key).is_some_and(|entry| entry.drain_ms <= self.of.now_ms.get())
    }

    /// What comes of this in the time that is allowed.
    pub(crate) async fn within<F: Future + Unpin>(&self, mut future: F) -> Option<F::Output> {
        poll_fn(|context| match Pin::new(&mut future).poll(context) {
            Poll::Pending if self.is_over(context) => Poll::Ready(None),
            polled => polled.map(Some),
        })
        .await
    }

    /// Whether its time is over; if not, whoever asks is woken when it is.
    pub(crate) fn is_over(&self, context: &Context<'_>) -> bool {
        let mut all = self.of.all.borrow_mut();
        let Some(entry) = all.get_mut(self.key) else { return true };
        if entry.is_over(self.of.now_ms.get()) {
            return true;
        }
        if !entry.waker.as_ref().is_some_and(|waker| waker.will_wake(context.waker())) {
            entry.waker = Some(context.waker().clone());
        }
        false
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let mut all = self.of.all.borrow_mut();
        all.try_remove(self.key);
        if all.is_empty() {
            self.of.emptied.notify_one();
        }
    }
}
