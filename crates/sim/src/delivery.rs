//! How a command travels: when it takes effect, how often, and what is answered.

use crate::fault::Fault;
use crate::later::{later, never, told_later};
use crate::router::member_name;
use crate::story::Teller;
use crate::target::{Errand, Moment};
use crate::words::command_words;
use crate::world::{Happening, SharedWorld, World};
use engine::command::{Command, Reply};
use engine::facts::Fence;
use engine::store::Pending;
use model::{Span, Time};

/// The longest that a command is usually under way.
const USUAL_MS: u64 = 80;
/// The latest that an effect happens again after its controller has ended.
const AGAIN_MS_MAX: u64 = 60_000;
/// The longest that anything is late, whatever its limit.
const LATE_MS_MAX: u64 = 10_000;
/// How often what is late behind a tag has read that before, in a hundred.
const READ_FIRST_PERCENT: u64 = 75;

/// Sends a command on its way; `member` is the router that it is for, where it is about a table.
pub fn deliver(world: &SharedWorld, command: &Command, member: usize) -> Pending<'static, Reply> {
    let mut locked = world.lock();
    if locked.are_drivers_stuck() {
        return never();
    }
    locked.tell(Teller::Command, || command_words(command, &member_name(member)));
    let mut way = Way::new(&mut locked, command, member);
    let kind = locked.random.number() % 5;
    let permille = locked.fault_permille;
    let faulty = locked.faulty() && locked.random.permille(permille);
    let told = if faulty { way.go_wrong(&mut locked, kind) } else { way.go(&mut locked) };
    drop(locked);
    let (at, command) = (told.at, command.clone());
    match told.reply {
        Some(reply) => later(world, at, reply),
        None => told_later(world, at, move |world| world.reply(&command, member)),
    }
}

/// When a command is answered; what its target then says, where nothing else.
struct Told {
    at: Time,
    reply: Option<Reply>,
}

/// One command's way to its target.
struct Way<'a> {
    command: &'a Command,
    member: usize,
    fence: Fence,
    now: Time,
    limit: u64,
    arrives: Time,
    /// Behind a tag, some time after it was read.
    acts: Time,
    answered: Time,
}

impl<'a> Way<'a> {
    fn new(world: &mut World, command: &'a Command, member: usize) -> Self {
        let fence = world.facts.fence(&command.act);
        let now = world.now;
        let limit = command.limit.0.min(LATE_MS_MAX);
        let arrives = now + Span(world.random.between(1, USUAL_MS));
        let acts = arrives + Span(if fence == Fence::Tagged { world.random.between(1, USUAL_MS) } else { 0 });
        // Once the tag was read back, where there is one.
        let read_back = if fence == Fence::Tagged { USUAL_MS } else { 0 };
        let answered = acts + Span(read_back + world.random.between(1, USUAL_MS));
        Self { command, member, fence, now, limit, arrives, acts, answered }
    }

    fn send(&self, world: &mut World, arrives: Time, acts_at: Time) {
        let (command, member) = (self.command.clone(), self.member);
        let errand = Errand { command, member, acts_at, moment: Moment::Arrives };
        world.schedule(arrives, Happening::Command(errand));
    }

    /// So much later it takes effect; behind a tag the time may pass after that was read.
    fn send_late(&self, world: &mut World, low: u64, high: u64) {
        let late = self.now + Span(world.random.between(low, high));
        if self.fence == Fence::Tagged && world.random.percent(READ_FIRST_PERCENT) {
            // The driver gives up at the limit: nothing that it read is used after that.
            self.send(world, self.arrives, late.min(self.now + Span(self.limit)));
        } else {
            self.send(world, late, late);
        }
    }

    fn nobody_knows(&self) -> Told {
        Told { at: self.now + Span(self.limit), reply: Some(Reply::Unknown("no answer".into())) }
    }

    fn go(&self, world: &mut World) -> Told {
        self.send(world, self.arrives, self.acts);
        if world.happens_twice() {
            // Long after the next controller has gone on, where the target can tell that it is stale.
            let latest = if self.fence == Fence::None { self.limit } else { AGAIN_MS_MAX };
            self.send_late(world, USUAL_MS + 1, latest);
        }
        Told { at: self.answered, reply: None }
    }

    fn go_wrong(&mut self, world: &mut World, kind: u64) -> Told {
        // A target without a fence is at least bounded: nothing takes effect after the command's limit.
        let latest = if self.fence == Fence::None { self.limit } else { self.limit * 3 };
        match kind {
            0 => {
                world.inject(Fault::NotDone);
                self.nobody_knows()
            }
            1 => {
                world.inject(Fault::DoneUnrecorded);
                self.send(world, self.arrives, self.acts);
                self.nobody_knows()
            }
            2 => {
                world.inject(Fault::DoneTwice);
                self.send(world, self.arrives, self.acts);
                self.send_late(world, USUAL_MS, latest);
                // Where nothing refuses the second, nobody may be told before it is over.
                let at = if self.fence == Fence::None { self.now + Span(self.limit) } else { self.answered };
                Told { at, reply: None }
            }
            3 => {
                world.inject(Fault::Late);
                self.send_late(world, self.limit / 4, latest);
                self.nobody_knows()
            }
            _ => {
                world.inject(Fault::Refused);
                let reply = Reply::Failed { why: "try again later".into(), retry: true };
                Told { at: self.answered, reply: Some(reply) }
            }
        }
    }
}
