//! Replace instances a few at a time.
//!
//! Traffic follows the instances: before old ones are drained, a Route gives the new ones the share
//! that is theirs once those are gone, so that no release ever has a share without an instance.

use super::draft::Draft;
use super::refusal::Code;
use model::plan::{Capacity, STEPS_MAX};
use model::strategy::Rolling;
use model::{Lane, ReleaseNumber, Share};

/// The steps that one batch takes: Start, Route, Observe, Drain, Stop.
const STEPS_PER_BATCH: u32 = 5;
/// Steps that are left to gates, hooks, migrations and flags.
const STEPS_BESIDES: u32 = 50;

/// Start, Route, Observe, Drain, Stop: for each batch.
pub(super) fn compile(draft: &mut Draft<'_>, rolling: &Rolling) {
    let Some(stable) = draft.stable() else { return };
    let Some(mut fleet) = Fleet::of(draft, rolling, stable) else { return };
    draft.migrate();
    if fleet.new > 0 {
        // Warm from an earlier landing: proven again before it counts.
        draft.start(draft.candidate(), Capacity::Count(fleet.new));
    }
    while fleet.old > 0 || fleet.new < fleet.full {
        let come = fleet.may_come();
        fleet.new += come;
        let go = fleet.may_go();
        fleet.old -= go;
        if come == 0 && go == 0 {
            return refuse_standstill(draft, rolling, &fleet);
        }
        if come > 0 {
            draft.start(draft.candidate(), Capacity::Count(fleet.new));
        }
        follow_instances(draft, stable, &mut fleet);
        if come > 0 {
            draft.observe(rolling.min_ready, &rolling.checks);
        }
        draft.drain_and_stop(stable, fleet.old);
        if draft.steps.len() > STEPS_MAX {
            return refuse_length(draft, &fleet);
        }
    }
    follow_instances(draft, stable, &mut fleet);
    draft.promoted();
}

/// How many instances there are of each, and how many there may be.
struct Fleet {
    old: u32,
    new: u32,
    full: u32,
    batch: u32,
    /// Never more of both.
    ceiling: u32,
    /// Never fewer of both that are admitted.
    floor: u32,
    /// Whether the new ones have everything.
    promoted: bool,
}

impl Fleet {
    fn of(draft: &mut Draft<'_>, rolling: &Rolling, stable: ReleaseNumber) -> Option<Self> {
        if !draft.facts.platform.counted {
            draft.refuse_uncounted("rolling replaces instances by their number");
            return None;
        }
        if draft.service.instances.autoscaled {
            draft.refuse(
                Code::Autoscaled,
                "rolling replaces instances by their number, and an autoscaler owns that",
                "use a `canary` ramp, which follows the autoscaler's number",
            );
            return None;
        }
        for check in &rolling.checks {
            draft.demand_check(check);
        }
        let full = draft.full_count();
        let old = draft.standing.capacity(stable);
        Some(Self {
            old,
            new: draft.standing.capacity(draft.candidate()).min(full),
            full,
            batch: rolling.batch.of(full).max(1),
            ceiling: full.max(old).saturating_add(rolling.surge.of(full)),
            floor: full.min(old).saturating_sub(rolling.unavailable.of(full)),
            promoted: false,
        })
    }

    fn may_come(&self) -> u32 {
        let room = self.ceiling.saturating_sub(self.old + self.new);
        (self.full - self.new).min(self.batch).min(room)
    }

    /// The last old one goes only when a new one serves.
    fn may_go(&self) -> u32 {
        let spare = (self.old + self.new).saturating_sub(self.floor);
        let last = u32::from(self.new == 0);
        self.old.saturating_sub(last).min(self.batch).min(spare)
    }
}

/// Each release gets the share of its instances, as exactly as the router can split.
fn follow_instances(draft: &mut Draft<'_>, stable: ReleaseNumber, fleet: &mut Fleet) {
    let candidate = draft.candidate();
    if fleet.new == 0 {
        return;
    }
    if fleet.old == 0 {
        if !std::mem::replace(&mut fleet.promoted, true) {
            draft.promote(vec![Lane::open(candidate, Share::ALL)], false);
        }
        return;
    }
    let step = draft.router().map_or(1, |router| router.weight_step.basis_points().max(1));
    let exact = Share::of(fleet.new, fleet.new + fleet.old).basis_points();
    let share = Share::of(u32::from(exact / step * step), 10_000);
    draft.route(vec![Lane::open(stable, share.rest()), Lane::open(candidate, share)]);
}

fn refuse_standstill(draft: &mut Draft<'_>, rolling: &Rolling, fleet: &Fleet) {
    if rolling.unavailable.of(fleet.full) == 0 {
        draft.refuse(
            Code::RollingStandsStill,
            "with neither surge nor unavailable instances, none can be replaced",
            "set `surge: 1` (one more at a time) or `unavailable: 1` (one fewer)",
        );
    } else {
        draft.refuse(
            Code::RollingLeavesNone,
            "without surge the only instance would stop before its successor starts",
            "set `surge: 1`, or use `recreate`, which holds requests meanwhile",
        );
    }
}

fn refuse_length(draft: &mut Draft<'_>, fleet: &Fleet) {
    // STEPS_MAX is far below u32::MAX.
    let batches = (STEPS_MAX as u32 - STEPS_BESIDES) / STEPS_PER_BATCH;
    let enough = fleet.full.div_ceil(batches);
    draft.refuse(
        Code::TooManySteps,
        format!("{} instances in batches of {} take more than {STEPS_MAX} steps", fleet.full, fleet.batch),
        format!("replace at least {enough} at a time: `batch: {enough}`, and `surge` or `unavailable` as many"),
    );
}
