//! Which commands may be sent now: none twice at once, none too often, and none that could outlive
//! the right to send it.

use super::{LEASE_LENGTH, LEASE_RENEW};
use crate::command::{Act, COMMAND_LIMIT, Command, Reply, Target};
use crate::facts::{Facts, Fence};
use crate::few::Few;
use crate::planted::{self, Bug};
use crate::store::{Lease, Position};
use model::{Span, Time};

/// How long after the first sending a command is sent again, if its effect is not seen.
pub(crate) const RESEND_FIRST: Span = Span::seconds(1);
/// The longest pause between two sendings.
pub(crate) const RESEND_MAX: Span = Span::seconds(30);
/// What is left of a lease at any time, as long as it is renewed: a command that may take longer can
/// never be promised to end within it.
pub(crate) const LEASE_LEFT_MIN: Span = Span(LEASE_LENGTH.0 - LEASE_RENEW.0);

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
    /// Sendings before this one that were never answered: what is heard next may be about them.
    unheard: u32,
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
        let unfenced = facts.fence(&command.act) == Fence::None;
        if unfenced && lease.until <= now + within_lease(command) {
            return false;
        }
        if let Some(sent) = self.sent.get(&target) {
            let expired = now.since(sent.at) >= sent.limit;
            let over = expired || sent.answer != Answered::No;
            // Without a fence two changes of one thing must not be under way at once: nobody could say
            // which of them comes last.
            let alone = unfenced && !matches!(command.act, Act::Call { .. }) && !planted::is(Bug::UnfencedTwice);
            if alone && !expired && sent.answer != Answered::Yes {
                return false;
            }
            let pause = Span(RESEND_FIRST.0 << sent.times.saturating_sub(1).min(6)).min(RESEND_MAX);
            if sent.generation == command.generation && (!over || now.since(sent.at) < pause) {
                return false;
            }
        }
        let before = self.sent.get(&target).filter(|sent| sent.generation == command.generation);
        let times = before.map_or(1, |sent| sent.times + 1);
        // Only where commands are sent one at a time does it matter whose answer it is.
        let unheard =
            before.filter(|_| unfenced).map_or(0, |sent| sent.unheard + u32::from(sent.answer == Answered::No));
        let (generation, limit, answer) = (command.generation, command.limit, Answered::No);
        self.sent.insert(target, Sent { generation, at: now, limit, times, answer, unheard });
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
            if sent.unheard > 0 {
                // Should it have been the newer one's all the same, that is waited for to its limit.
                sent.unheard -= 1;
                return;
            }
            sent.answer = if matches!(reply, Reply::Unknown(_)) { Answered::Unknown } else { Answered::Yes };
        }
    }

    /// Targets that nothing is wanted of any more are forgotten.
    pub(crate) fn retain(&mut self, wanted: impl Fn(&Target) -> bool, now: Time) {
        self.sent.retain(|target, sent| wanted(target) || now.since(sent.at) < sent.limit + RESEND_MAX);
    }
}

/// How much of a command without a fence has to lie within the lease. Of a change all of it: it must not
/// meet that of the next controller. Of a hook's call the start, however long the call goes on: two calls
/// are two calls whenever they come, and whether there may be two is the hook's own word.
fn within_lease(command: &Command) -> Span {
    match command.act {
        Act::Call { .. } => command.limit.min(COMMAND_LIMIT),
        Act::Scale { .. } | Act::Table(_) | Act::Migrate { .. } | Act::Flag { .. } => command.limit,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::Table;
    use crate::store::Epoch;
    use model::plan::{FlagSetting, Phase, StepNumber};
    use model::service::{Call, Hook, HookPoint, Repeat};
    use model::{Name, ReleaseNumber, RolloutNumber, Share, Subject};

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

    /// What there is to send, and how much of its limit of fifteen minutes has to lie within the lease.
    #[test]
    fn each_driver_declares_its_own_fence() {
        let facts_of = |unfenced: &Act| {
            let mut facts = Facts::one_machine();
            match unfenced {
                Act::Scale { .. } => facts.platform.fence = Fence::None,
                Act::Table(_) => facts.router.as_mut().expect("a router").fence = Fence::None,
                Act::Call { .. } => facts.hooks = Some(Fence::None),
                Act::Migrate { .. } => facts.migrations = Some(Fence::None),
                Act::Flag { .. } => facts.flags = Some(Fence::None),
            }
            facts
        };
        let limit = Span::minutes(15);
        for (act, within) in acts().into_iter().zip([limit, limit, COMMAND_LIMIT, limit, limit]) {
            let facts = facts_of(&act);
            let fenced = acts().iter().filter(|other| facts.fence(other) != Fence::None).count();
            assert_eq!(fenced, acts().len() - 1, "only {act:?} has no fence");
            let command = Command { act, limit, ..scale(7, 1) };
            for (left, wanted) in [(within, false), (within + Span(1), true)] {
                let lease = Lease { epoch: Epoch(1), until: Time(0) + left };
                let admitted = Sending::default().admit(&command, &facts, lease, Time(0));
                assert_eq!(admitted, wanted, "{:?} with {left} left", command.act);
            }
            let lease = Lease { epoch: Epoch(1), until: Time(1) };
            assert!(Sending::default().admit(&command, &Facts::one_machine(), lease, Time(0)), "behind a fence");
        }
    }

    /// One of each kind.
    fn acts() -> Vec<Act> {
        let name = |text| Name::new(text).expect("a name");
        let hook = Hook {
            name: name("smoke"),
            at: HookPoint::AfterStart,
            call: Call::Command(vec!["true".into()]),
            timeout: Span::minutes(15),
            repeat: Repeat::Safe,
            attempts: 1,
            undo: None,
        };
        vec![
            scale(7, 1).act,
            Act::Table(Table::default()),
            Act::Call { hook: Box::new(hook), undo: false, rollout: RolloutNumber(1), step: StepNumber(0) },
            Act::Migrate { migration: name("split-name"), phase: Phase::Expand },
            Act::Flag {
                flag: name("new-cart"),
                to: FlagSetting { variant: name("on"), share: Share::ALL },
                only_from: None,
            },
        ]
    }

    /// Nothing changes by a call that could be the last: the next one need not wait for it.
    #[test]
    fn a_call_without_a_fence_is_repeated_like_any_other() {
        let mut facts = Facts::one_machine();
        facts.hooks = Some(Fence::None);
        let call = Command { act: acts().remove(2), limit: Span::minutes(15), ..scale(7, 1) };
        let mut sender = Sender { sending: Sending::default(), facts };
        assert!(sender.admits(&call, 0));
        assert!(!sender.admits(&call, 5), "it is under way");
        sender.answered(&call, &Reply::Unknown("reset".into()));
        assert!(sender.admits(&call, 6));
    }

    #[test]
    fn a_late_answer_to_an_earlier_sending_frees_nothing() {
        let mut sender = Sender::new(Fence::None);
        assert!(sender.admits(&scale(7, 1), 0));
        assert!(sender.admits(&scale(7, 1), 10), "its limit has passed: sent again");
        sender.answered(&scale(7, 1), &Reply::Accepted);
        assert!(!sender.admits(&scale(7, 2), 11), "that was about the first: the second is under way still");
        sender.answered(&scale(7, 1), &Reply::Accepted);
        assert!(sender.admits(&scale(7, 2), 12));
    }
}
