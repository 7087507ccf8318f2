//! A queue with a bound, from futures to threads. A future waits for a place; a thread waits for work.

use std::collections::{BTreeMap, VecDeque};
use std::pin::Pin;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

pub(crate) struct Queue<T> {
    inner: Mutex<Inner<T>>,
    filled: Condvar,
    places: usize,
}

struct Inner<T> {
    work: VecDeque<T>,
    /// Who waits for a place, in the order in which they came. As many are woken as places become
    /// free: to wake ten thousand for each of ten thousand places would take minutes.
    waiting: BTreeMap<u64, Waker>,
    tickets: u64,
    open: bool,
}

/// The threads behind the queue have ended.
pub(crate) struct Closed;

impl<T> Queue<T> {
    pub(crate) fn new(places: usize) -> Self {
        let inner = Inner { work: VecDeque::new(), waiting: BTreeMap::new(), tickets: 0, open: true };
        Self { inner: Mutex::new(inner), filled: Condvar::new(), places }
    }

    /// Puts work in, once there is a place.
    pub(crate) fn push(&self, work: T) -> Push<'_, T> {
        Push { queue: self, work: Some(work), ticket: None }
    }

    /// Takes at least one and at most so many; none when the queue is closed and empty.
    pub(crate) fn take(&self, most: usize) -> Vec<T> {
        let mut inner = self.lock();
        while inner.work.is_empty() && inner.open {
            inner = self.filled.wait(inner).unwrap_or_else(PoisonError::into_inner);
        }
        Self::take_from(inner, most)
    }

    /// Takes what is there, without waiting.
    #[cfg(feature = "contract")]
    pub(crate) fn take_now(&self, most: usize) -> Vec<T> {
        Self::take_from(self.lock(), most)
    }

    fn take_from(mut inner: MutexGuard<'_, Inner<T>>, most: usize) -> Vec<T> {
        let count = inner.work.len().min(most);
        let taken = inner.work.drain(..count).collect();
        let woken: Vec<Waker> =
            std::iter::from_fn(|| inner.waiting.pop_first()).take(count).map(|(_, waker)| waker).collect();
        drop(inner);
        woken.into_iter().for_each(Waker::wake);
        taken
    }

    /// Lets nothing in any more; what is in can still be taken.
    pub(crate) fn close(&self) {
        let mut inner = self.lock();
        inner.open = false;
        let waiting = std::mem::take(&mut inner.waiting);
        drop(inner);
        self.filled.notify_all();
        waiting.into_values().for_each(Waker::wake);
    }

    /// Closes it and drops what is in it, so that nobody waits for a thread that is gone.
    pub(crate) fn abandon(&self) {
        self.close();
        let left = std::mem::take(&mut self.lock().work);
        drop(left);
    }

    fn lock(&self) -> MutexGuard<'_, Inner<T>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Work on its way into a queue.
pub(crate) struct Push<'a, T> {
    queue: &'a Queue<T>,
    work: Option<T>,
    /// Its place among those who wait, once it has had to.
    ticket: Option<u64>,
}

/// It is not tied to its place in memory.
impl<T> Unpin for Push<'_, T> {}

impl<T> Future for Push<'_, T> {
    type Output = Result<(), Closed>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut inner = self.queue.lock();
        if !inner.open {
            return Poll::Ready(Err(Closed));
        }
        if inner.work.len() >= self.queue.places {
            // Woken and still without a place: whoever took it came later, and this one keeps its turn.
            let ticket = self.ticket.unwrap_or_else(|| {
                inner.tickets += 1;
                inner.tickets
            });
            inner.waiting.insert(ticket, context.waker().clone());
            drop(inner);
            self.ticket = Some(ticket);
            return Poll::Pending;
        }
        if let Some(ticket) = self.ticket {
            inner.waiting.remove(&ticket);
        }
        inner.work.extend(self.work.take());
        drop(inner);
        self.ticket = None;
        self.queue.filled.notify_one();
        Poll::Ready(Ok(()))
    }
}

impl<T> Drop for Push<'_, T> {
    /// One that was woken and never asked again hands its turn on.
    fn drop(&mut self) {
        let Some(ticket) = self.ticket else { return };
        let mut inner = self.queue.lock();
        let woken = inner.waiting.remove(&ticket).is_none();
        let next = if woken { inner.waiting.pop_first() } else { None };
        drop(inner);
        if let Some((_, waker)) = next {
            waker.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oneshot::wait;
    use std::pin::pin;
    use std::task::Context;

    #[derive(Default)]
    struct Woken(std::sync::atomic::AtomicBool);

    impl std::task::Wake for Woken {
        fn wake(self: std::sync::Arc<Self>) {
            self.0.store(true, std::sync::atomic::Ordering::Relaxed);
        }
    }

    #[test]
    fn a_full_queue_makes_the_future_wait_and_a_take_lets_it_in() {
        let queue = Queue::new(1);
        assert!(wait(queue.push(1)).is_ok());
        let mut second = pin!(queue.push(2));
        let mut context = Context::from_waker(Waker::noop());
        assert!(second.as_mut().poll(&mut context).is_pending());
        assert_eq!(queue.take(9), [1]);
        assert!(second.as_mut().poll(&mut context).is_ready());
        assert_eq!(queue.take(9), [2]);
        // A turn that is not used is handed on.
        assert!(wait(queue.push(3)).is_ok());
        let woken = std::sync::Arc::new(Woken::default());
        let waker = Waker::from(woken.clone());
        let mut fourth = Box::pin(queue.push(4));
        assert!(fourth.as_mut().poll(&mut context).is_pending());
        let mut fifth = pin!(queue.push(5));
        assert!(fifth.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        assert_eq!(queue.take(9), [3]);
        assert!(!woken.0.load(std::sync::atomic::Ordering::Relaxed));
        drop(fourth);
        assert!(woken.0.load(std::sync::atomic::Ordering::Relaxed));
        assert!(fifth.as_mut().poll(&mut context).is_ready());
        assert_eq!(queue.take(9), [5]);
        queue.close();
        assert!(wait(queue.push(6)).is_err());
        assert!(queue.take(9).is_empty());
    }
}
