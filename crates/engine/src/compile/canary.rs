//! A little traffic, then more. Traffic share and instance share are kept apart; workers, which have
//! no traffic, land by their number instead.
//!
//! A **baseline** is fresh instances of stable, to compare with instances of the candidate that are
//! just as fresh. They are stable's own release, so they are told apart by number: stable is raised
//! by the baseline's count at the start, its highest-numbered instances are the fresh ones, and as
//! the highest leave first, they are the ones that go in the end.

use super::draft::Draft;
use super::refusal::Code;
use model::intent::Match;
use model::plan::{Capacity, STEPS_MAX};
use model::strategy::{Amount, Canary, CanaryStep, Growth};
use model::{Lane, ReleaseNumber, Share};

/// Start, Route, Observe, perhaps Approve, repeated; then everything.
pub(super) fn compile(draft: &mut Draft<'_>, canary: &Canary) {
    let Some(stable) = draft.stable() else { return };
    let stages = stages(draft, &canary.growth);
    demand(draft, &stages);

    draft.migrate();
    let baseline = canary.baseline.and_then(|amount| baseline(draft, amount));
    if let Some(count) = baseline {
        draft.start(stable, Capacity::Count(draft.standing.capacity(stable).saturating_add(count)));
    }
    let mut climb =
        Climb { stable, weight: Share::NONE, instances: 0, cohorts: Vec::new(), owes_yes: false, promoted: false };
    for stage in &stages {
        climb.stage(draft, stage);
    }
    if !climb.promoted {
        climb.promote(draft);
    } else if climb.owes_yes {
        draft.approve();
    }
    if baseline.is_some() {
        draft.drain_and_stop(stable, draft.standing.capacity(stable));
    }
    draft.part_with(stable, None);
}

/// How far the canary has come.
struct Climb {
    stable: ReleaseNumber,
    weight: Share,
    /// The number of instances that was asked for last, where one was.
    instances: u32,
    cohorts: Vec<Match>,
    /// A person's yes that the last step asked for: given before the next, together with the one for
    /// the promotion where that is next.
    owes_yes: bool,
    promoted: bool,
}

impl Climb {
    fn stage(&mut self, draft: &mut Draft<'_>, stage: &CanaryStep) {
        self.weight = stage.weight.unwrap_or(self.weight);
        // Who has seen the candidate goes on seeing it: nobody is sent to and fro.
        for cohort in &stage.cohort {
            if !self.cohorts.contains(cohort) {
                self.cohorts.push(cohort.clone());
            }
        }
        if self.weight == Share::ALL && !self.promoted {
            self.promote(draft);
        }
        if std::mem::take(&mut self.owes_yes) {
            draft.approve();
        }
        if !self.promoted {
            let capacity = self.capacity(draft, stage);
            draft.start(draft.candidate(), capacity);
            self.share_work(draft);
            self.route(draft);
        }
        draft.observe_all_unless_named(stage.hold, &stage.checks);
        self.owes_yes = stage.approve;
    }

    fn capacity(&mut self, draft: &mut Draft<'_>, stage: &CanaryStep) -> Capacity {
        let Some(amount) = stage.instances else { return draft.enough_for(self.weight) };
        let capacity = draft.amount(amount);
        if let Capacity::Count(count) = capacity {
            if count < self.instances {
                draft.refuse(
                    Code::InstancesFall,
                    format!("a step asks for {count} instances after one that had {}", self.instances),
                    "let the instances grow with the steps, or leave them out: enough for the weight are started",
                );
            }
            self.instances = count;
        }
        capacity
    }

    fn route(&self, draft: &mut Draft<'_>) {
        let candidate = Lane { matches: self.cohorts.clone(), ..Lane::open(draft.candidate(), self.weight) };
        draft.route(vec![Lane::open(self.stable, self.weight.rest()), candidate]);
    }

    /// Without traffic, as many of stable's instances go as have come; one stays until the promotion.
    /// Where an autoscaler owns the number, it takes away what there is no work for.
    fn share_work(&self, draft: &mut Draft<'_>) {
        if !draft.has_traffic() && !draft.service.instances.autoscaled {
            let come = draft.now().capacity(draft.candidate());
            let stay = draft.standing.capacity(self.stable).saturating_sub(come).max(1);
            draft.drain_and_stop(self.stable, stay);
        }
    }

    fn promote(&mut self, draft: &mut Draft<'_>) {
        self.promoted = true;
        draft.start(draft.candidate(), draft.full());
        draft.promote(draft.all_to(draft.candidate()), std::mem::take(&mut self.owes_yes));
        if !draft.has_traffic() {
            draft.drain_and_stop(self.stable, 0);
        }
        draft.promoted();
    }
}

/// The steps, written out.
fn stages(draft: &mut Draft<'_>, growth: &Growth) -> Vec<CanaryStep> {
    let stages = match growth {
        Growth::Steps(steps) => steps.clone(),
        Growth::Ramp { from, to, by, every, checks } => {
            if by.is_none() || to < from {
                draft.refuse(
                    Code::RampStandsStill,
                    format!("a ramp from {from} to {to} by {by} never gets there"),
                    "let `to` be at least `from`, and `by` more than nothing",
                );
                return Vec::new();
            }
            let mut weights = vec![*from];
            while let Some(weight) = weights.last().copied().filter(|weight| weight < to) {
                weights.push(weight.plus(*by).min(*to));
                if weights.len() > STEPS_MAX {
                    break;
                }
            }
            let stage = |weight| CanaryStep {
                weight: Some(weight),
                instances: None,
                cohort: Vec::new(),
                hold: *every,
                approve: false,
                checks: checks.clone(),
            };
            weights.into_iter().map(stage).collect()
        }
    };
    if stages.is_empty() {
        draft.refuse(
            Code::CanaryWithoutSteps,
            "a canary without a step gives everything at once",
            "add steps, as 5, 25 and 50 %, or use `rolling`",
        );
    }
    stages
}

fn demand(draft: &mut Draft<'_>, stages: &[CanaryStep]) {
    let cohorts = stages.iter().any(|stage| !stage.cohort.is_empty());
    draft.demand_matches(cohorts, "a cohort");
    if cohorts {
        draft.demand_traffic("a cohort", "leave the cohorts out: a worker's share is its share of the instances");
    }
    if !draft.has_traffic() && !draft.facts.platform.counted {
        draft.refuse_uncounted("without traffic a canary lands by its share of the instances");
    }
    let mut highest = Share::NONE;
    for weight in stages.iter().filter_map(|stage| stage.weight) {
        draft.demand_weight(weight);
        if weight < highest {
            draft.refuse(
                Code::WeightFalls,
                format!("a step gives {weight} after one that gave {highest}"),
                "let the weights grow: the way back is taken by itself when a check fails",
            );
        }
        highest = highest.max(weight);
    }
}

/// How many fresh instances of stable there can be.
fn baseline(draft: &mut Draft<'_>, amount: Amount) -> Option<u32> {
    if draft.service.instances.autoscaled {
        draft.refuse(
            Code::Autoscaled,
            "a baseline adds instances of stable, and an autoscaler owns their number",
            "leave the baseline out, or set the number of instances yourself",
        );
        return None;
    }
    if !draft.facts.platform.counted {
        draft.refuse_uncounted("a baseline adds instances of stable");
        return None;
    }
    draft.demand_traffic("a baseline", "leave the baseline out");
    Some(amount.of(draft.full_count()).max(1)).filter(|_| draft.has_traffic())
}
