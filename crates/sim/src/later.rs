//! Answers that come at a moment of simulated time.

use crate::world::{SharedWorld, World};
use engine::store::Pending;
use model::Time;
use std::pin::Pin;
use std::task::{Context, Poll};

/// A future that is ready at a moment of simulated time.
struct Later<T, F: FnOnce(&World) -> T> {
    world: SharedWorld,
    at: Time,
    told: Option<F>,
}

/// The value, at that time.
pub fn later<T: Send + Unpin + 'static>(world: &SharedWorld, at: Time, value: T) -> Pending<'static, T> {
    told_later(world, at, move |_| value)
}

/// What the world comes to at that time.
pub fn told_later<T: 'static, F>(world: &SharedWorld, at: Time, told: F) -> Pending<'static, T>
where
    F: FnOnce(&World) -> T + Send + Unpin + 'static,
{
    Box::pin(Later { world: world.clone(), at, told: Some(told) })
}

/// What never comes.
pub fn never<T: Send + 'static>() -> Pending<'static, T> {
    Box::pin(std::future::pending())
}

impl<T, F: FnOnce(&World) -> T + Unpin> Future for Later<T, F> {
    type Output = T;
    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<T> {
        let at = self.at;
        let shared = self.world.clone();
        let mut world = shared.lock();
        if world.now < at {
            world.wake_task_at(at);
            return Poll::Pending;
        }
        match self.told.take() {
            Some(told) => Poll::Ready(told(&world)),
            None => Poll::Pending,
        }
    }
}
