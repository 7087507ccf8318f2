//! Back to a release that was landed before: usually one Route. No calendar, webhook or approval is
//! asked on the way back, and no source of evidence is waited for: returning must work on the worst day.

use super::demand::demand_router;
use super::draft::Draft;
use super::recreate::stop_all_others;
use super::refusal::Code;
use model::plan::Capacity;
use model::service::{HookPoint, UnwindingPolicy};
use model::{Lane, ReleaseNumber, Share};

/// Start, Route; the release that is left becomes the warm one.
pub(super) fn compile(draft: &mut Draft<'_>) {
    let Some(left) = draft.stable() else { return };
    draft.notify(format!("{} returns from {left} to {}", draft.service.name, draft.candidate()));
    if draft.returns_apart() {
        one_after_the_other(draft);
    } else {
        side_by_side(draft, left);
    }
    draft.hooks(HookPoint::OnRollback);
}

/// Each must never meet the other.
fn one_after_the_other(draft: &mut Draft<'_>) {
    draft.exclusive = true;
    draft.hold_traffic(draft.hold_between());
    stop_all_others(draft);
    draft.start_again(draft.full());
    draft.route(vec![Lane::open(draft.candidate(), Share::ALL)]);
}

fn side_by_side(draft: &mut Draft<'_>, left: ReleaseNumber) {
    let to = draft.candidate();
    draft.start_again(full_again(draft));
    if let UnwindingPolicy::Gradual { parts, hold } = draft.service.rollback.unwinding
        && draft.router().is_some_and(|router| router.releases_max > 1)
    {
        let step = draft.router().map_or(1, |router| router.weight_step.basis_points().max(1));
        for part in 1..parts {
            let exact = Share::of(u32::from(part), u32::from(parts)).basis_points();
            let share = Share::of(u32::from(exact / step * step), 10_000);
            draft.route(vec![Lane::open(left, share.rest()), Lane::open(to, share)]);
            draft.wait(hold);
        }
    }
    // What is left is left for a reason: its sessions move too, once.
    draft.route(vec![Lane::open(to, Share::ALL), Lane::closed(left)]);
    draft.part_with(left, None);
}

/// What it needs to take everything again: what it had, or, where an autoscaler owns the number, what
/// the release has that serves now.
fn full_again(draft: &Draft<'_>) -> Capacity {
    let warm = draft.standing.warm.filter(|warm| warm.release == draft.candidate());
    match (draft.full(), warm) {
        (Capacity::Count(_), Some(warm)) => Capacity::Count(warm.full_capacity.max(1)),
        (capacity, _) => capacity,
    }
}

pub(super) fn refuse_what_is_no_return(draft: &mut Draft<'_>) {
    let to = draft.candidate();
    demand_router(draft);
    match draft.stable() {
        None => draft.refuse(
            Code::NothingServes,
            "nothing serves, so there is nothing to return from",
            "deploy a release first",
        ),
        Some(stable) if stable == to => draft.refuse(
            Code::AlreadyServing,
            format!("{to} serves already"),
            "name another release, one that landed before it",
        ),
        Some(_) => {}
    }
    let contracted = draft.standing.contracted.iter().find(|gone| gone.bars(to));
    if let Some(gone) = contracted {
        draft.refuse(
            Code::Contracted,
            format!("migration `{}` was contracted: the shape of the database that {to} needs is gone", gone.migration),
            "mend it forward: land a new release that works with the new shape",
        );
    }
}
