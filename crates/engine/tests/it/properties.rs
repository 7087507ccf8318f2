//! Thousands of random services: every plan keeps the laws, and the laws catch plans that are bad.

use crate::dice::Dice;
use crate::laws::{broken, lost};
use crate::services::*;
use engine::compile::{compile, compile_return};
use engine::facts::Facts;
use engine::outline::outline;
use model::intent::Lane;
use model::plan::{Plan, Verb};
use model::{Intent, Release, Share};
use std::collections::BTreeMap;

const ROUNDS: u64 = 6_000;

#[test]
fn every_plan_keeps_the_laws() {
    let mut made: BTreeMap<&str, u32> = BTreeMap::new();
    for seed in 0..ROUNDS {
        let mut dice = Dice(seed);
        let release = dice.release();
        let (standing, facts) = (dice.standing(&release.service), dice.facts());
        match compile(&release, &standing, &facts) {
            Ok(plan) => {
                let found = broken(&plan, &release, &facts);
                assert!(found.is_empty(), "seed {seed}:\n{found:#?}\n{}", outline(&plan, &facts));
                assert_eq!(outline(&plan, &facts).steps.len(), plan.steps.len());
                *made.entry(plan.strategy.as_str()).or_default() += 1;
            }
            Err(refusal) => {
                assert!(!refusal.reasons.is_empty(), "seed {seed}: refused for no reason");
                let said = |reason: &engine::compile::Reason| !reason.message.is_empty() && !reason.help.is_empty();
                assert!(refusal.reasons.iter().all(said), "seed {seed}: {refusal}");
            }
        }
    }
    // The dice must not refuse so much that the laws are hardly tried.
    for strategy in ["recreate", "rolling", "blue-green", "canary", "ab", "shadow"] {
        assert!(made.get(strategy).is_some_and(|count| *count >= 100), "{made:?}");
    }
}

#[test]
fn every_return_keeps_the_laws() {
    let mut made = 0;
    for seed in 0..ROUNDS / 2 {
        let mut dice = Dice(seed ^ 0x5EED);
        let mut release = dice.release();
        release.number = number(dice.within(4, 5));
        let (standing, facts) = (dice.standing(&release.service), dice.facts());
        if let Ok(plan) = compile_return(&release, &standing, &facts) {
            let found = broken(&plan, &release, &facts);
            assert!(found.is_empty(), "seed {seed}:\n{found:#?}\n{}", outline(&plan, &facts));
            made += 1;
        }
    }
    assert!(made > 1_000, "only {made} returns were made");
}

#[test]
fn every_way_back_leads_back() {
    for seed in 0..ROUNDS {
        let mut dice = Dice(seed ^ 0xBAC4);
        let mut release = dice.release();
        let returning = dice.once_in(3);
        let (standing, facts) = (dice.standing(&release.service), dice.facts());
        let made = if returning {
            release.number = number(dice.within(4, 5));
            compile_return(&release, &standing, &facts)
        } else {
            compile(&release, &standing, &facts)
        };
        if let Ok(plan) = made {
            let found = lost(&plan, &release, &facts);
            assert!(found.is_empty(), "seed {seed}:\n{found:#?}\n{}", outline(&plan, &facts));
        }
    }
}

/// A good plan, spoilt, must be caught for the right reason.
fn caught(spoil: impl FnOnce(&mut Plan), release: &Release, reason: &str) {
    let (standing, facts) = (standing(&release.service), Facts::one_machine());
    let mut plan = compile(release, &standing, &facts).expect("a good plan");
    assert!(broken(&plan, release, &facts).is_empty(), "it was good before");
    spoil(&mut plan);
    let found = broken(&plan, release, &facts);
    assert!(found.iter().any(|why| why.contains(reason)), "`{reason}` is not among {found:#?}");
}

fn remove(plan: &mut Plan, wanted: impl Fn(&Verb) -> bool) {
    let index = plan.steps.iter().position(|step| wanted(&step.verb)).expect("such a step");
    plan.steps.remove(index);
}

#[test]
fn the_laws_catch_bad_plans() {
    let canary = release(7, shop());
    let rolling_shop = release(7, model::Service { strategy: rolling(1, 0, 1), ..shop() });
    let is_start = |verb: &Verb| matches!(verb, Verb::Start { .. });
    let is_drain = |verb: &Verb| matches!(verb, Verb::Drain { .. });
    let is_route = |verb: &Verb| matches!(verb, Verb::Route { .. });
    caught(|plan| remove(plan, is_start), &canary, "nobody is there");
    caught(|plan| remove(plan, is_drain), &rolling_shop, "without a drain");
    caught(|plan| drop(plan.steps.pop()), &canary, "has not all traffic");
    caught(|plan| plan.closings.clear(), &canary, "nothing retires it");
    caught(|plan| plan.steps.swap(1, 3), &canary, "exposure falls");
    caught(|plan| remove(plan, |verb| matches!(verb, Verb::Stop { .. })), &rolling_shop, "were allowed");
    let last_route = |plan: &mut Plan| {
        let last = plan.steps.iter().rposition(|step| is_route(&step.verb)).expect("a Route");
        plan.steps.remove(last);
    };
    caught(last_route, &rolling_shop, "while it gets new work");
    let mut exclusive = release(7, model::Service { strategy: recreate(), ..shop() });
    caught(|plan| remove(plan, |verb| matches!(verb, Verb::Stop { .. })), &exclusive, "starts beside another");
    exclusive.service.gates.approval = approval();
    caught(|plan| remove(plan, |verb| matches!(verb, Verb::Approve { .. })), &exclusive, "before somebody said yes");
    let coarse = |plan: &mut Plan| {
        let lanes = vec![Lane::open(number(6), Share::percent(40)), Lane::open(number(9), Share::percent(60))];
        let intent = Intent::new(lanes, None).expect("a whole");
        plan.steps[1].verb = Verb::Route { intent };
    };
    caught(coarse, &canary, "@9 is reached and nobody is there");
}
