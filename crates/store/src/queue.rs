//! A queue with a bound, from futures to threads. A future waits for a place; a thread waits for work.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

pub(crate) struct Queue<T> {
    inner: Mutex<Inner<T>>,
    filled: Condvar,
    places: usize,
}

struct Inner<T> {
    work: VecDeque<T>,
    /// Who waits for a place: at most one waker for each future that was polled since the last take.
    waiting: Vec<Waker>,
    open: bool,
}

/// The threads behind the queue have ended.
pub(crate) struct Closed;

impl<T> Queue<T> {
    pub(crate) fn new(places: usize) -> Self {
        let inner = Inner { work: VecDeque::new(), waiting: Vec::new(), open: true };
        Self { inner: Mutex::new(inner), filled: Condvar::new(), places }
    }

    /// Puts work in, once there is a place.
    pub(crate) async fn push(&self, work: T) -> Result<(), Closed> {
        let mut work = Some(work);
        poll_fn(move |context| {
            let mut inner = self.lock();
            if !inner.open {
                return Poll::Ready(Err(Closed));
            }
            if inner.work.len() >= self.places {
                if !inner.waiting.iter().any(|waker| waker.will_wake(context.waker())) {
                    inner.waiting.push(context.waker().clone());
                }
                return Poll::Pending;
            }
            inner.work.extend(work.take());
            drop(inner);
            self.filled.notify_one();
            Poll::Ready(Ok(()))
        })
        .await
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
        let waiting = std::mem::take(&mut inner.waiting);
        drop(inner);
        waiting.into_iter().for_each(Waker::wake);
        taken
    }

    /// Lets nothing in any more; what is in can still be taken.
    pub(crate) fn close(&self) {
        let mut inner = self.lock();
        inner.open = false;
        let waiting = std::mem::take(&mut inner.waiting);
        drop(inner);
        self.filled.notify_all();
        waiting.into_iter().for_each(Waker::wake);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oneshot::wait;
    use std::pin::pin;
    use std::task::Context;

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
        queue.close();
        assert!(wait(queue.push(3)).is_err());
        assert!(queue.take(9).is_empty());
    }
}
