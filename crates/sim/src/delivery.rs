//! How a command travels: when it takes effect, how often, and what is answered.

use crate::fault::Fault;
use crate::later::Later;
use crate::world::{Happening, SharedWorld, World};
use engine::command::{Command, Reply};
use engine::facts::Fence;
use engine::store::Pending;
use model::Span;

/// The longest that a command is usually under way.
const USUAL_MS: u64 = 80;
/// The latest that an effect happens again after its controller has ended.
const AGAIN_MS_MAX: u64 = 60_000;

/// Sends a command on its way: `happening` makes the effect, `known` says what the target would answer.
pub fn deliver(
    world: &SharedWorld,
    command: &Command,
    fence: Fence,
    happening: impl Fn(Command) -> Happening,
    answer: impl Fn(&World) -> Reply,
) -> Pending<'static, Reply> {
    let mut locked = world.lock();
    let now = locked.now;
    let limit = command.limit.0.min(10_000);
    let arrives = now + Span(locked.random.between(1, USUAL_MS));
    let answered = arrives + Span(locked.random.between(1, USUAL_MS));
    let permille = locked.fault_permille;
    // A target without a fence is at least bounded: nothing takes effect after the command's limit.
    let latest = if fence == Fence::None { limit } else { limit * 3 };
    let kind = locked.random.number() % 5;
    let faulty = locked.faulty() && locked.random.permille(permille);
    if faulty {
        let outcome = match kind {
            0 => {
                locked.inject(Fault::NotDone);
                (now + Span(limit), Reply::Unknown("no answer".into()))
            }
            1 => {
                locked.inject(Fault::DoneUnrecorded);
                locked.schedule(arrives, happening(command.clone()));
                (now + Span(limit), Reply::Unknown("no answer".into()))
            }
            2 => {
                locked.inject(Fault::DoneTwice);
                locked.schedule(arrives, happening(command.clone()));
                let again = now + Span(locked.random.between(USUAL_MS, latest));
                locked.schedule(again, happening(command.clone()));
                // Where nothing refuses the second, nobody may be told before it is over.
                let told = if fence == Fence::None { now + Span(limit) } else { answered };
                (told, answer(&locked))
            }
            3 => {
                locked.inject(Fault::Late);
                let late = now + Span(locked.random.between(limit / 4, latest));
                locked.schedule(late, happening(command.clone()));
                (now + Span(limit), Reply::Unknown("no answer".into()))
            }
            _ => {
                locked.inject(Fault::Refused);
                (answered, Reply::Failed { why: "try again later".into(), retry: true })
            }
        };
        drop(locked);
        return Later::at(world, outcome.0, outcome.1);
    }
    locked.schedule(arrives, happening(command.clone()));
    if locked.happens_twice() {
        // Long after the next controller has gone on, where the target can tell that it is stale.
        let latest = if fence == Fence::None { limit } else { AGAIN_MS_MAX };
        let again = now + Span(locked.random.between(USUAL_MS + 1, latest));
        locked.schedule(again, happening(command.clone()));
    }
    let reply = answer(&locked);
    drop(locked);
    Later::at(world, answered, reply)
}
