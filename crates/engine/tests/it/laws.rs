//! What must be true of every plan, whatever it was compiled from.

use engine::compile::foretell;
use engine::effect;
use engine::facts::Facts;
use engine::unwind::{Started, unwind};
use model::gate::Gate;
use model::intent::Door;
use model::plan::{Capacity, Phase, STEPS_MAX, Step, StepNumber, Verb};
use model::standing::{ClosingWork, Standing};
use model::strategy::{Rolling, Strategy, StrategyName};
use model::{Intent, Plan, Release, ReleaseNumber, Share};

/// All that is wrong with a plan for this release.
pub(crate) fn broken(plan: &Plan, release: &Release, facts: &Facts) -> Vec<String> {
    let mut court = Court { plan, release, facts, found: Vec::new(), back: false };
    if plan.steps.len() > STEPS_MAX {
        court.found.push(format!("{} steps", plan.steps.len()));
    }
    court.walk_to_every_end();
    court.found
}

/// All that is wrong with the ways back from a plan's steps.
pub(crate) fn lost(plan: &Plan, release: &Release, facts: &Facts) -> Vec<String> {
    let mut court = Court { plan, release, facts, found: Vec::new(), back: true };
    court.walk_to_every_end();
    court.found
}

struct Court<'a> {
    plan: &'a Plan,
    release: &'a Release,
    facts: &'a Facts,
    found: Vec<String>,
    /// Whether the ways back are judged, or the plan itself.
    back: bool,
}

impl Court<'_> {
    fn walk_to_every_end(&mut self) {
        let plan = self.plan;
        let mut ends: Vec<ReleaseNumber> = plan.steps.iter().filter_map(|step| step.only_if).collect();
        ends.dedup();
        if ends.is_empty() {
            ends.push(plan.kept);
        }
        for end in ends {
            self.walk(end);
        }
    }

    /// Walks to one end, with an eye on every step.
    fn walk(&mut self, end: ReleaseNumber) {
        let mut standing = self.plan.before.clone();
        let mut exposed = 0;
        let mut approved = false;
        let mut started = Vec::new();
        for (index, step) in self.plan.steps.iter().enumerate() {
            if step.only_if.is_some_and(|kept| kept != end) {
                continue;
            }
            let before = standing.clone();
            foretell(&mut standing, self.plan.stable(), &step.verb);
            started.push(StepNumber(index as u16));
            if self.back {
                let why = self.way_back(&started, &standing);
                self.found.extend(why.map(|why| format!("step {}: {why}", index + 1)));
                continue;
            }
            let mut wrong = self.wrong(step, &before, &standing, approved);
            approved |= matches!(&step.verb, Verb::Approve { gate: Gate::Person { .. } });
            if self.plan.strategy == StrategyName::Canary {
                let now = self.exposed(&standing);
                if now < exposed {
                    wrong.push(format!("exposure falls from {exposed} to {now}"));
                }
                exposed = now;
            }
            self.found.extend(wrong.into_iter().map(|why| format!("step {}: {why}", index + 1)));
        }
        if !self.back {
            self.end(end, &standing);
        }
    }

    fn exposed(&self, standing: &Standing) -> u16 {
        let lanes = standing.intent.lanes().iter().filter(|lane| Some(lane.release) != self.plan.stable());
        lanes.map(|lane| lane.share.basis_points()).sum()
    }

    fn wrong(&self, step: &Step, before: &Standing, after: &Standing, approved: bool) -> Vec<String> {
        let mut wrong = Vec::new();
        match &step.verb {
            Verb::Start { release, capacity, .. } => {
                if after.capacity(*release) < before.capacity(*release) && matches!(capacity, Capacity::Count(_)) {
                    wrong.push(format!("a Start takes instances of {release} away"));
                }
                if self.plan.exclusive && before.capacity.keys().any(|other| other != release) {
                    wrong.push(format!("{release} starts beside another"));
                }
                self.too_many(after, &mut wrong);
            }
            Verb::Route { intent } => self.wrong_route(intent, before, approved, &mut wrong),
            Verb::Drain { release, keep: 0, .. } if self.plan.policy.routed && before.intent.hold().is_none() => {
                let lane = before.intent.lane(*release);
                if lane.is_some_and(|lane| !lane.share.is_none() || !lane.matches.is_empty()) {
                    wrong.push(format!("{release} is drained while it gets new work"));
                }
            }
            Verb::Stop { release, keep } if before.admitted(*release) > *keep => {
                wrong.push(format!("{release} is stopped without a drain"));
            }
            Verb::Migrate { phase: Phase::Expand, .. } => {
                let new = self.plan.candidate;
                if before.capacity(new) > self.plan.before.capacity(new) {
                    wrong.push("a migration comes after the release that needs it".into());
                }
            }
            _ => {}
        }
        if let (Strategy::Rolling(rolling), false) = (&self.release.service.strategy, self.plan.exclusive) {
            self.wrong_fleet(rolling, after, &mut wrong);
        }
        wrong
    }

    fn too_many(&self, standing: &Standing, wrong: &mut Vec<String>) {
        let all: u32 = standing.capacity.values().sum();
        if self.facts.platform.instances_max.is_some_and(|most| all > most) {
            wrong.push(format!("{all} instances are more than there may be"));
        }
        if standing.capacity.len() as u32 > self.facts.platform.releases_max {
            wrong.push("more releases than can run side by side".into());
        }
    }

    fn wrong_route(&self, intent: &Intent, before: &Standing, approved: bool, wrong: &mut Vec<String>) {
        let Some(router) = &self.facts.router else {
            return wrong.push("a Route without a router".into());
        };
        let sum: u32 = intent.lanes().iter().map(|lane| u32::from(lane.share.basis_points())).sum();
        if sum != 10_000 {
            wrong.push(format!("shares sum to {sum}"));
        }
        let reached: Vec<_> =
            intent.lanes().iter().filter(|lane| intent.reaches(lane.release) && lane.door != Door::Closed).collect();
        if reached.len() as u32 > router.releases_max {
            wrong.push("more lanes than the router can split".into());
        }
        for lane in reached {
            if before.admitted(lane.release) == 0 {
                wrong.push(format!("{} is reached and nobody is there", lane.release));
            }
            if lane.share.basis_points() % router.weight_step.basis_points().max(1) != 0 {
                wrong.push(format!("the router cannot tell {}", lane.share));
            }
        }
        let promotes = intent.hold().is_none() && intent.share(self.plan.candidate) == Share::ALL;
        let returns = self.plan.strategy == StrategyName::Return;
        if promotes && self.release.service.gates.approval.is_some() && !approved && !returns {
            wrong.push("everything goes to the candidate before somebody said yes".into());
        }
    }

    /// Never more than surge allows, never fewer admitted than unavailable allows.
    fn wrong_fleet(&self, rolling: &Rolling, after: &Standing, wrong: &mut Vec<String>) {
        let Some(stable) = self.plan.stable() else { return };
        if self.plan.strategy == StrategyName::Return {
            return;
        }
        let full = self.release.service.instances.count;
        let old = self.plan.before.capacity(stable);
        let most = full.max(old) + rolling.surge.of(full);
        let least = full.min(old).saturating_sub(rolling.unavailable.of(full));
        let both = [stable, self.plan.candidate];
        let running: u32 = both.iter().map(|release| after.capacity(*release)).sum();
        let admitted: u32 = both.iter().map(|release| after.admitted(*release)).sum();
        if running > most || admitted < least {
            wrong.push(format!("{running} running, {admitted} admitted; {least} to {most} were allowed"));
        }
    }

    /// The kept release has everything, and its full capacity; what is left of the others is warm.
    fn end(&mut self, kept: ReleaseNumber, standing: &Standing) {
        let mut wrong = Vec::new();
        if self.plan.policy.routed && (standing.intent.share(kept) != Share::ALL || standing.intent.hold().is_some()) {
            wrong.push(format!("{kept} is kept and has not all traffic"));
        }
        let full = match (Some(kept) == self.plan.stable(), self.facts.platform.counted) {
            (true, _) => self.plan.before.capacity(kept),
            (false, true) if !self.release.service.instances.autoscaled => self.release.service.instances.count,
            _ => 1,
        };
        if standing.admitted(kept) < full {
            wrong.push(format!("{kept} is kept with {} of {full}", standing.admitted(kept)));
        }
        for other in standing.capacity.keys().filter(|other| **other != kept) {
            let was_warm = self.plan.before.warm.is_some_and(|warm| warm.release == *other);
            if !was_warm && !self.plan.closings.contains(&ClosingWork::Retire(*other)) {
                wrong.push(format!("{other} is left running, and nothing retires it"));
            }
        }
        self.found.extend(wrong.into_iter().map(|why| format!("at the end: {why}")));
    }

    /// The way back from here leads to what stood before.
    fn way_back(&self, started: &[StepNumber], standing: &Standing) -> Option<String> {
        let back = unwind(self.plan, &Started { steps: started, standing, undone: &[] }, self.facts).ok()?;
        let mut now = standing.clone();
        for step in &back.steps {
            let was = now.clone();
            foretell(&mut now, self.plan.stable(), &step.verb);
            match &step.verb {
                Verb::Start { release, .. } if now.capacity(*release) < was.capacity(*release) => {
                    return Some(format!("on the way back a Start takes instances of {release} away"));
                }
                Verb::Route { intent } => {
                    let nobody = |lane: &&model::Lane| {
                        lane.door != Door::Closed && intent.reaches(lane.release) && was.admitted(lane.release) == 0
                    };
                    if let Some(lane) = intent.lanes().iter().find(nobody) {
                        return Some(format!("on the way back {} is reached and nobody is there", lane.release));
                    }
                }
                Verb::Stop { release, keep } if was.admitted(*release) > *keep => {
                    return Some(format!("on the way back {release} is stopped without a drain"));
                }
                _ => {}
            }
        }
        let before = &self.plan.before;
        if now.capacity != before.capacity || now.drained_from != before.drained_from {
            return Some(format!("the way back ends with {:?}, not {:?}", now.capacity, before.capacity));
        }
        // Closed lanes serve nobody; pinned ones only sessions, and those have moved once their release stopped.
        let open = |intent: &Intent| {
            let mut open = intent.clone();
            for lane in intent.lanes().iter().filter(|lane| lane.door != Door::Open) {
                open = effect::without(&open, lane.release);
            }
            open
        };
        (open(&now.intent) != open(&before.intent)).then(|| "the way back ends with another intent".into())
    }
}
