//! The tables that decide.

use super::question::Answers;
use super::question::Question::{
    self, DowntimeOk, EnoughTraffic, Gradual, InstantBack, ProductionLoad, ServesRequests, SideBySide,
    TwiceTheInstances, UserFeedback,
};
use model::strategy::StrategyName::{self, Ab, BlueGreen, Canary, Recreate, Rolling, Shadow};

/// What must have been answered.
#[derive(Clone, Copy)]
pub(super) enum Is {
    Yes,
    No,
    /// Yes, or not known.
    NotNo,
    /// No, or not known.
    NotYes,
    /// Neither.
    Open,
}

pub(super) type When = &'static [(Question, Is)];

/// Whether these answers are given.
pub(super) fn fits(when: When, answers: &Answers) -> bool {
    when.iter().all(|(question, is)| match (is, answers.get(*question)) {
        (Is::Yes | Is::NotNo, Some(answer)) => answer,
        (Is::No | Is::NotYes, Some(answer)) => !answer,
        (Is::NotNo | Is::NotYes | Is::Open, None) => true,
        (Is::Yes | Is::No, None) | (Is::Open, Some(_)) => false,
    })
}

/// A strategy and when it is right.
pub(super) struct Rule {
    pub(super) when: When,
    pub(super) strategy: StrategyName,
    pub(super) reason: &'static str,
}

const fn rule(when: When, strategy: StrategyName, reason: &'static str) -> Rule {
    Rule { when, strategy, reason }
}

/// Why rolling, where nothing speaks for anything else.
pub(super) const UNSURE: &str = "nothing speaks for anything else, and rolling suits most stateless services: a few \
                                 instances at a time, never down";

/// From the top, the first that fits recommends. What comes after the rule that always fits can only be
/// a runner-up.
pub(super) const RULES: &[Rule] = &[
    rule(
        &[(SideBySide, Is::No), (DowntimeOk, Is::NotNo)],
        Recreate,
        "old and new cannot run side by side, so the old one stops before the new one starts",
    ),
    rule(
        &[(ProductionLoad, Is::Yes), (ServesRequests, Is::NotNo)],
        Shadow,
        "a shadow tries production load on the new version with copies of requests, and nobody sees its answers",
    ),
    rule(
        &[(UserFeedback, Is::Yes), (ServesRequests, Is::NotNo), (EnoughTraffic, Is::NotNo)],
        Ab,
        "only an experiment tells how users react: each keeps seeing one version, and statistics decide",
    ),
    rule(
        &[(Gradual, Is::Yes), (ServesRequests, Is::NotNo), (EnoughTraffic, Is::NotNo)],
        Canary,
        "a canary lets a few users try the new version, and numbers decide whether more do",
    ),
    rule(
        &[(Gradual, Is::Yes), (ServesRequests, Is::No)],
        Canary,
        "a canary of instances: a few workers of the new version take jobs, and numbers decide whether more do",
    ),
    rule(
        &[(InstantBack, Is::Yes), (TwiceTheInstances, Is::NotNo), (ServesRequests, Is::NotNo)],
        BlueGreen,
        "the way back is instant: the old set keeps running, and one switch leads back to it",
    ),
    rule(
        &[(InstantBack, Is::Yes), (ServesRequests, Is::NotNo), (EnoughTraffic, Is::NotNo)],
        Canary,
        "of what needs no second set, a canary goes back fastest: its weight goes to 0",
    ),
    rule(
        &[(DowntimeOk, Is::Yes), (SideBySide, Is::NotYes), (Gradual, Is::NotYes), (InstantBack, Is::NotYes)],
        Recreate,
        "it may be down for a moment, and nothing finer is asked for: this is the simplest and the cheapest",
    ),
    rule(&[], Rolling, UNSURE),
    rule(&[(ServesRequests, Is::NotNo), (EnoughTraffic, Is::NotNo)], Canary, ""),
    rule(&[(ServesRequests, Is::NotNo), (TwiceTheInstances, Is::NotNo)], BlueGreen, ""),
    rule(&[(DowntimeOk, Is::NotNo)], Recreate, ""),
];

/// What is said besides, about a strategy that is recommended.
pub(super) const ALSO: &[Rule] = &[
    rule(&[(SideBySide, Is::No)], Recreate, "callers see a maintenance page meanwhile, or wait (`hold: parking`)"),
    rule(&[(SideBySide, Is::Open)], Rolling, "both versions run at once for a while, so they must be compatible"),
    rule(&[(DowntimeOk, Is::No)], Rolling, "it is never down: an old instance leaves only when a new one is ready"),
    rule(&[(TwiceTheInstances, Is::No)], Rolling, "it needs only one instance more than usual while it lands"),
    rule(
        &[(InstantBack, Is::Yes), (Gradual, Is::Yes)],
        Canary,
        "its way back is fast: one change of weights, before most users saw anything",
    ),
    rule(
        &[(EnoughTraffic, Is::Open), (ServesRequests, Is::NotNo)],
        Canary,
        "it needs traffic: with less than about a hundred requests a minute, prefer `rolling`",
    ),
    rule(&[(TwiceTheInstances, Is::Open)], BlueGreen, "it needs twice the instances until the rollback window ends"),
    rule(&[], BlueGreen, "the new set can be tested whole, with hooks or a preview, before anybody is switched to it"),
    rule(&[], Ab, "sessions stick to a version, so that nobody sees one now and the other one then"),
    rule(&[], Shadow, "only safe requests (GET, HEAD, OPTIONS) are copied: copies of others would be done twice"),
    rule(&[(TwiceTheInstances, Is::No)], Shadow, "the shadow may be small: set its `instances` and its `share`"),
];

const APART: &str = "Old and new cannot run side by side, but what you want besides needs both at once. Split the \
                     change (expand the database, migrate, contract later), so that both can.";
const NO_REQUESTS: &str =
    "Without requests there is nothing to copy and nobody to ask: only instances can be compared.";

/// Answers that cannot all be had, and what follows.
pub(super) const CONTRADICTIONS: &[(When, &str)] = &[
    (
        &[(SideBySide, Is::No), (DowntimeOk, Is::No)],
        "Old and new cannot run side by side, and it may never be down: nothing can do both. Split the change first \
         (expand the database, migrate, contract later), so that both versions can run; what is recommended here \
         holds for then.",
    ),
    (&[(SideBySide, Is::No), (DowntimeOk, Is::NotNo), (Gradual, Is::Yes)], APART),
    (&[(SideBySide, Is::No), (DowntimeOk, Is::NotNo), (InstantBack, Is::Yes)], APART),
    (&[(SideBySide, Is::No), (DowntimeOk, Is::NotNo), (UserFeedback, Is::Yes)], APART),
    (&[(SideBySide, Is::No), (DowntimeOk, Is::NotNo), (ProductionLoad, Is::Yes)], APART),
    (
        &[(InstantBack, Is::Yes), (TwiceTheInstances, Is::No)],
        "An instant way back keeps the whole old set running, which is twice the instances. Without them it is fast \
         at best, not instant.",
    ),
    (
        &[(Gradual, Is::Yes), (EnoughTraffic, Is::No), (ServesRequests, Is::NotNo)],
        "A few per cent of little traffic prove nothing: gradual validation would only take longer to notice.",
    ),
    (
        &[(UserFeedback, Is::Yes), (EnoughTraffic, Is::No)],
        "An experiment with too few users never decides: ask them, or wait until there are more.",
    ),
    (
        &[(InstantBack, Is::Yes), (ServesRequests, Is::No)],
        "Without requests there is nothing to switch: a way back takes as long as instances take to start and stop.",
    ),
    (&[(UserFeedback, Is::Yes), (ServesRequests, Is::No)], NO_REQUESTS),
    (&[(ProductionLoad, Is::Yes), (ServesRequests, Is::No)], NO_REQUESTS),
    (
        &[(UserFeedback, Is::Yes), (ProductionLoad, Is::Yes), (ServesRequests, Is::NotNo)],
        "Load and users' reaction are two tests: first the shadow, which nobody sees, then the experiment.",
    ),
];

/// When to choose a strategy that is not the first choice.
pub(super) const fn instead(strategy: StrategyName) -> &'static str {
    match strategy {
        Recreate => "if a moment without it is no harm, for the least effort",
        Rolling => "if it should be simple: no second set, no shares of traffic",
        BlueGreen => "if the way back must be instant, and twice the instances can be paid for",
        Canary => "if numbers should decide, with a few users first",
        Ab => "if users' reaction should decide",
        Shadow => "if production load should be tried before anybody sees an answer",
        StrategyName::Return => "if a release that was landed before should come back",
    }
}
