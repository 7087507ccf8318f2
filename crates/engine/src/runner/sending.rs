//! Which commands may be sent now: none twice at once, none too often, and none that could outlive
//! the right to send it.

use crate::command::{Act, Command, Reply, Target};
use crate::facts::{Facts, Fence};
use crate::few::Few;
use crate::planted::{self, Bug};
use crate::store::{Lease, Position};
use model::{Span, Time};

/// How long after the first sending a command is sent again, if its effect is not seen.
pub(crate) const RESEND_FIRST: Span = Span::seconds(1);
/// The longest pause between two sendings.
pub(crate) const RESEND_MAX: Span = Span::seconds(30);

/// What was sent to each target last.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sending {
    sent: Few<Target, Sent>,
}

#[derive(Clone, Debug)]
struct Sent {
    generation: Position,
    at: Time,
    limit: Span,
    times: u32,
    answer: Answered,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answered {
    No,
    Unknown,
    Yes,
}

impl Sending {
    /// Whether this command may be sent now; if so it counts as sent.
    pub(crate) fn admit(&mut self, command: &Command, facts: &Facts, lease: Lease, now: Time) -> bool {
        let target = command.target();
        let fence = fence_of(&command.act, facts);
        if fence == Fence::None && lease.until.0 <= now.0 + command.limit.0 {
            return false;
        }
        if let Some(sent) = self.sent.get(&target) {
            let expired = now.since(sent.at) >= sent.limit;
            let over = expired || sent.answer != Answered::No;
            // Without a fence two commands to one target must not be under way at once: nobody
            // could say which of them comes last.
            let twice = planted::is(Bug::UnfencedTwice);
            if fence == Fence::None && !twice && !expired && sent.answer != Answered::Yes {
                return false;
            }
            let pause = Span(RESEND_FIRST.0 << sent.times.saturating_sub(1).min(6)).min(RESEND_MAX);
            if sent.generation == command.generation && (!over || now.since(sent.at) < pause) {
                return false;
            }
        }
        let times = match self.sent.get(&target) {
            Some(sent) if sent.generation == command.generation => sent.times + 1,
            Some(_) | None => 1,
        };
        let sent = Sent { generation: command.generation, at: now, limit: command.limit, times, answer: Answered::No };
        self.sent.insert(target, sent);
        true
    }

    /// The clock has moved on without time having passed: what is under way is under way still.
    pub(crate) fn jump(&mut self, by: Span) {
        for sent in self.sent.values_mut() {
            sent.at = sent.at + by;
        }
    }

    /// A command was answered: the next one to its target need not wait for it.
    pub(crate) fn answered(&mut self, target: &Target, generation: Position, reply: &Reply) {
        if let Some(sent) = self.sent.get_mut(target)
            && sent.generation == generation
        {
            sent.answer = if matches!(reply, Reply::Unknown(_)) { Answered::Unknown } else { Answered::Yes };
        }
    }

    /// Targets that nothing is wanted of any more are forgotten.
    pub(crate) fn retain(&mut self, wanted: impl Fn(&Target) -> bool, now: Time) {
        self.sent.retain(|target, sent| wanted(target) || now.since(sent.at) < sent.limit + RESEND_MAX);
    }
}

/// How the target of an act refuses stale commands. Hooks are fenced by their Began, migrations and
/// flags by what is stored beside them.
fn fence_of(act: &Act, facts: &Facts) -> Fence {
    match act {
        Act::Scale { .. } => facts.platform.fence,
        Act::Table(_) => facts.router.as_ref().map_or(Fence::Compare, |router| router.fence),
        Act::Call { .. } | Act::Migrate { .. } | Act::Flag { .. } => Fence::Tagged,
    }
}
