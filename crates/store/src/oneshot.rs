//! One answer from a thread to a future, bound to no runtime.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

struct Slot<T> {
    answer: Option<T>,
    waker: Option<Waker>,
    /// Whether an answer can still come.
    open: bool,
}

/// The end that answers. Dropped without an answer, it tells the other end so.
pub(crate) struct Answer<T>(Arc<Mutex<Slot<T>>>);

/// The end that waits; `None` when no answer will come.
pub(crate) struct Asked<T>(Arc<Mutex<Slot<T>>>);

/// Both ends.
pub(crate) fn oneshot<T>() -> (Answer<T>, Asked<T>) {
    let slot = Arc::new(Mutex::new(Slot { answer: None, waker: None, open: true }));
    (Answer(slot.clone()), Asked(slot))
}

impl<T> Answer<T> {
    pub(crate) fn send(self, answer: T) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).answer = Some(answer);
    }
}

impl<T> Drop for Answer<T> {
    fn drop(&mut self) {
        let mut slot = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        slot.open = false;
        let waker = slot.waker.take();
        // Woken without the lock: a waker may run the future at once.
        drop(slot);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl<T> Future for Asked<T> {
    type Output = Option<T>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<T>> {
        let mut slot = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !slot.open {
            return Poll::Ready(slot.answer.take());
        }
        slot.waker = Some(context.waker().clone());
        Poll::Pending
    }
}

/// Waits for a future on this thread, for programs and tests that have no runtime.
pub fn wait<F: Future>(future: F) -> F::Output {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Arc::new(Unpark(thread::current())).into();
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(output) => return output,
            // A wake before the park makes the park return at once.
            Poll::Pending => thread::park(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_from_another_thread_arrives_and_a_missing_one_is_noticed() {
        let (answer, asked) = oneshot();
        let thread = thread::Builder::new().spawn(move || answer.send(7)).expect("a thread");
        assert_eq!(wait(asked), Some(7));
        thread.join().expect("it ended");
        let (answer, asked) = oneshot::<u8>();
        drop(answer);
        assert_eq!(wait(asked), None);
    }
}
