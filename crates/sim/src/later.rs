//! Answers that come at a moment of simulated time.

use crate::world::SharedWorld;
use engine::store::Pending;
use model::Time;
use std::pin::Pin;
use std::task::{Context, Poll};

/// A future that is ready at a moment of simulated time.
pub struct Later<T> {
    world: SharedWorld,
    at: Time,
    value: Option<T>,
}

impl<T: Send + Unpin + 'static> Later<T> {
    /// The value, at that time.
    pub fn at(world: &SharedWorld, at: Time, value: T) -> Pending<'static, T> {
        Box::pin(Self { world: world.clone(), at, value: Some(value) })
    }
}

impl<T: Unpin> Future for Later<T> {
    type Output = T;
    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<T> {
        let mut world = self.world.lock();
        if world.now >= self.at {
            drop(world);
            return match self.value.take() {
                Some(value) => Poll::Ready(value),
                None => Poll::Pending,
            };
        }
        let at = self.at;
        world.wake_task_at(at);
        Poll::Pending
    }
}
