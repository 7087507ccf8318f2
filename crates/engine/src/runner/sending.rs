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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::{COMMAND_LIMIT, Table};
    use crate::store::Epoch;
    use model::{ReleaseNumber, Subject};

    /// The lease lasts this long, in seconds.
    const LEASE_S: u64 = 200;

    fn facts(fence: Fence) -> Facts {
        let mut facts = Facts::one_machine();
        facts.platform.fence = fence;
        facts
    }

    /// To scale a release, caused by this entry; it may take ten seconds.
    fn scale(release: u32, generation: u64) -> Command {
        let act = Act::Scale { release: ReleaseNumber(release), count: 4 };
        Command { subject: Subject::from_text("shop"), generation: Position(generation), act, limit: COMMAND_LIMIT }
    }

    struct Sender {
        sending: Sending,
        facts: Facts,
    }

    impl Sender {
        fn new(fence: Fence) -> Self {
            Self { sending: Sending::default(), facts: facts(fence) }
        }

        fn admits(&mut self, command: &Command, second: u64) -> bool {
            let lease = Lease { epoch: Epoch(1), until: Time(LEASE_S * 1_000) };
            self.sending.admit(command, &self.facts, lease, Time(second * 1_000))
        }

        fn answered(&mut self, command: &Command, reply: &Reply) {
            self.sending.answered(&command.target(), command.generation, reply);
        }
    }

    /// In which seconds a command goes out, if it is wanted in every one and answered at once.
    fn check(fence: Fence, reply: Option<Reply>, wanted: &[u64]) {
        let (mut sender, command) = (Sender::new(fence), scale(7, 1));
        let mut sent = Vec::new();
        for second in 0..LEASE_S {
            if sender.admits(&command, second) {
                sent.push(second);
                reply.iter().for_each(|reply| sender.answered(&command, reply));
            }
        }
        assert_eq!(sent, wanted, "{fence:?} {reply:?}");
    }

    #[test]
    fn what_is_not_seen_is_sent_again_with_growing_pauses() {
        check(Fence::Compare, Some(Reply::Accepted), &[0, 1, 3, 7, 15, 31, 61, 91, 121, 151, 181]);
        // Unanswered it may be under way until its limit has passed.
        check(Fence::Compare, None, &[0, 10, 20, 30, 40, 56, 86, 116, 146, 176]);
    }

    /// Without a fence nobody could say which of two comes last: what nobody knows is waited for to
    /// its limit, and nothing is sent that could outlive the lease.
    #[test]
    fn without_a_fence_one_at_a_time_and_inside_the_lease() {
        check(Fence::None, Some(Reply::Accepted), &[0, 1, 3, 7, 15, 31, 61, 91, 121, 151, 181]);
        check(Fence::None, Some(Reply::Unknown("reset".into())), &[0, 10, 20, 30, 40, 56, 86, 116, 146, 176]);
        check(Fence::None, None, &[0, 10, 20, 30, 40, 56, 86, 116, 146, 176]);
    }

    #[test]
    fn the_lease_has_to_outlive_the_limit() {
        for (fence, second, wanted) in [
            (Fence::None, LEASE_S - 11, true),
            (Fence::None, LEASE_S - 10, false),
            (Fence::Compare, LEASE_S - 1, true),
            (Fence::Tagged, LEASE_S - 1, true),
        ] {
            assert_eq!(Sender::new(fence).admits(&scale(7, 1), second), wanted, "{fence:?} {second}");
        }
    }

    /// A newer command overtakes one that is under way, but only where the target can tell them apart.
    #[test]
    fn a_newer_command_overtakes_behind_a_fence() {
        for (fence, wanted) in [(Fence::Compare, true), (Fence::Tagged, true), (Fence::None, false)] {
            let mut sender = Sender::new(fence);
            assert!(sender.admits(&scale(7, 1), 0));
            assert_eq!(sender.admits(&scale(7, 2), 1), wanted, "{fence:?}");
            assert!(sender.admits(&scale(6, 3), 1), "another target is nobody's concern: {fence:?}");
        }
        let mut sender = Sender::new(Fence::None);
        assert!(sender.admits(&scale(7, 1), 0));
        sender.answered(&scale(7, 1), &Reply::Accepted);
        assert!(sender.admits(&scale(7, 2), 1), "once answered the next one may go");
        sender.answered(&scale(7, 1), &Reply::Accepted);
        assert!(!sender.admits(&scale(7, 3), 2), "a late answer is not about what is under way");
    }

    /// A clock that jumped forward has not made a command older.
    #[test]
    fn a_jump_is_no_time_passed() {
        let mut sender = Sender::new(Fence::None);
        assert!(sender.admits(&scale(7, 1), 0));
        sender.sending.jump(Span::seconds(60));
        assert!(!sender.admits(&scale(7, 2), 60));
        assert!(sender.admits(&scale(7, 2), 70));
    }

    #[test]
    fn only_what_could_be_under_way_is_remembered() {
        let mut sender = Sender::new(Fence::None);
        assert!(sender.admits(&scale(7, 1), 0));
        sender.sending.retain(|_| false, Time(9_000));
        assert!(!sender.admits(&scale(7, 2), 9), "nobody wants it any more, and it is under way still");
        sender.sending.retain(|_| false, Time(40_000));
        assert!(sender.sending.sent.is_empty());
    }

    #[test]
    fn a_table_is_fenced_by_the_router() {
        let mut facts = facts(Fence::None);
        let table = Act::Table(Table::default());
        assert_eq!(fence_of(&table, &facts), Fence::Compare);
        facts.router = None;
        assert_eq!(fence_of(&table, &facts), Fence::Compare);
        assert_eq!(fence_of(&scale(7, 1).act, &facts), Fence::None);
    }
}
