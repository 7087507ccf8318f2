//! A host for one runner: one thread that polls what is ready, woken by the store's threads. What a
//! shipping controller does with an async runtime, without one.

use super::clock::Clock;
use engine::driver::Drivers;
use engine::journal::entry::Input;
use engine::runner::{Effect, Event, Runner, perform};
use engine::store::{Pending, Store};
use model::Subject;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::Duration;

/// The longest that the host sleeps.
const SLEEP_MAX: Duration = Duration::from_millis(50);
/// After so many events in a row the host looks at what the store has answered, and at the clock.
const EVENTS_IN_A_ROW: usize = 64;

type Task = Pending<'static, Option<Event>>;

/// See the module.
pub(super) struct Host {
    /// The runner.
    pub(super) runner: Runner,
    /// The store.
    pub(super) store: Arc<dyn Store>,
    drivers: Drivers,
    clock: Clock,
    ready: VecDeque<Event>,
    tasks: Vec<Option<Task>>,
    free: Vec<usize>,
    woken: Arc<Woken>,
    /// Appends that were answered, and how many entries they had.
    pub(super) appended: u64,
    /// What the runner said, the first few times.
    pub(super) said: Vec<String>,
}

/// Tasks to be polled again.
struct Woken {
    tasks: Mutex<Vec<usize>>,
    host: Thread,
}

struct TaskWaker {
    task: usize,
    woken: Arc<Woken>,
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        self.woken.tasks.lock().unwrap_or_else(PoisonError::into_inner).push(self.task);
        self.woken.host.unpark();
    }
}

impl Host {
    /// A host on this thread.
    pub(super) fn new(runner: Runner, store: Arc<dyn Store>, drivers: Drivers, clock: Clock) -> Self {
        let woken = Woken { tasks: Mutex::default(), host: std::thread::current() };
        Self {
            runner,
            store,
            drivers,
            clock,
            ready: VecDeque::new(),
            tasks: Vec::new(),
            free: Vec::new(),
            woken: Arc::new(woken),
            appended: 0,
            said: Vec::new(),
        }
    }

    /// Somebody asks for something.
    pub(super) fn ask(&mut self, subject: Subject, input: Input) {
        self.ready.push_back(Event::Asked(subject, input));
    }

    /// One turn: what is ready is handled, then the host sleeps if there is nothing else. `heard` is
    /// told whom each event was about, after it was handled.
    pub(super) fn turn(&mut self, mut heard: impl FnMut(&Runner, &Subject)) {
        for _ in 0..EVENTS_IN_A_ROW {
            let Some(event) = self.ready.pop_front() else { break };
            let subject = event.subject().cloned();
            self.appended += u64::from(matches!(event, Event::Appended(_, _, Ok(_))));
            self.handle(event);
            if let Some(subject) = subject {
                heard(&self.runner, &subject);
            }
        }
        let woken = std::mem::take(&mut *self.woken.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        for task in woken {
            self.poll(task);
        }
        if !self.ready.is_empty() {
            // Answers come before new questions: a host that falls behind asks less often, and what it
            // has heard does not wait behind what it could ask.
            return;
        }
        let wake_in = self.runner.wake_in(self.clock.now());
        if wake_in.is_none_or(|span| span.0 == 0) {
            self.handle(Event::Tick);
        } else {
            std::thread::park_timeout(wake_in.map_or(SLEEP_MAX, |span| Duration::from_millis(span.0).min(SLEEP_MAX)));
        }
    }

    fn handle(&mut self, event: Event) {
        let effects = self.runner.handle(self.clock.now(), event);
        for effect in effects {
            self.carry_out(effect);
        }
    }

    fn carry_out(&mut self, effect: Effect) {
        match &effect {
            Effect::Say(subject, words) => self.say(format!("{subject}: {words}")),
            Effect::Answer(subject, _, Err(refused)) => self.say(format!("{subject}: {refused:?}")),
            _ => {}
        }
        let Some(mut task) = perform(effect, &self.store, Some(&self.drivers)) else { return };
        let number = self.free.pop().unwrap_or(self.tasks.len());
        let waker = Waker::from(Arc::new(TaskWaker { task: number, woken: Arc::clone(&self.woken) }));
        match task.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(event) => {
                self.ready.extend(event);
                self.forget(number);
            }
            Poll::Pending if number == self.tasks.len() => self.tasks.push(Some(task)),
            Poll::Pending => self.tasks[number] = Some(task),
        }
    }

    fn poll(&mut self, number: usize) {
        let Some(Some(task)) = self.tasks.get_mut(number) else { return };
        let waker = Waker::from(Arc::new(TaskWaker { task: number, woken: Arc::clone(&self.woken) }));
        if let Poll::Ready(event) = task.as_mut().poll(&mut Context::from_waker(&waker)) {
            self.tasks[number] = None;
            self.ready.extend(event);
            self.forget(number);
        }
    }

    fn forget(&mut self, number: usize) {
        if number < self.tasks.len() {
            self.free.push(number);
        }
    }

    fn say(&mut self, words: String) {
        if self.said.len() < 10 {
            self.said.push(words);
        }
    }
}
