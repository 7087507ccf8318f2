//! A number that threads change and others wait for.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

/// A number that can be waited for. While nobody does, a change is one step of the processor and takes no lock:
/// workers change such numbers.
#[derive(Debug, Default)]
pub(crate) struct Number {
    value: AtomicUsize,
    waiting: AtomicUsize,
    turn: Mutex<()>,
    changed: Condvar,
}

impl Number {
    pub(crate) fn new(value: usize) -> Self {
        Self { value: AtomicUsize::new(value), ..Self::default() }
    }

    pub(crate) fn get(&self) -> usize {
        self.value.load(Ordering::SeqCst)
    }

    /// One more.
    pub(crate) fn raise(&self) {
        self.value.fetch_add(1, Ordering::SeqCst);
        self.tell();
    }

    /// One less.
    pub(crate) fn lower(&self) {
        self.value.fetch_sub(1, Ordering::SeqCst);
        self.tell();
    }

    /// One more, until what is given back is dropped.
    pub(crate) fn hold(self: &Arc<Self>) -> Held {
        self.raise();
        Held(Arc::clone(self))
    }

    /// Waits for so long at most until it is as asked. Whether it is.
    pub(crate) fn wait(&self, within: Duration, is: impl Fn(usize) -> bool) -> bool {
        // Announced before it is looked: whoever changes it from here on tells.
        self.waiting.fetch_add(1, Ordering::SeqCst);
        let turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.changed.wait_timeout_while(turn, within, |()| !is(self.get())));
        self.waiting.fetch_sub(1, Ordering::SeqCst);
        is(self.get())
    }

    fn tell(&self) {
        if self.waiting.load(Ordering::SeqCst) > 0 {
            // Whoever has looked and does not sleep yet has the turn: it would miss what is told now.
            drop(self.turn.lock().unwrap_or_else(PoisonError::into_inner));
            self.changed.notify_all();
        }
    }
}

/// Counts as long as it is there.
#[derive(Debug)]
pub(crate) struct Held(Arc<Number>);

impl Drop for Held {
    fn drop(&mut self) {
        self.0.lower();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread::Builder;

    /// However waiting and changing fall together, whoever waits hears of it.
    #[test]
    fn whoever_waits_hears_of_each_change() {
        let number = Arc::new(Number::default());
        for goal in 1..=200 {
            let changes = Arc::clone(&number);
            let changing = Builder::new().spawn(move || changes.raise()).expect("a thread");
            assert!(number.wait(Duration::from_secs(60), |value| value == goal));
            changing.join().expect("it changes");
        }
        assert!(!number.wait(Duration::ZERO, |value| value == 0));
        drop(number.hold());
        assert_eq!(number.get(), 200);
    }
}
