//! Stop the old, start the new; down in between. Also how a singleton lands: it never overlaps.

use super::draft::Draft;
use model::strategy::Recreate;

/// Route (hold), Drain, Stop, Migrate, Start, Hook, Route (which lifts the hold), and a short watch.
pub(super) fn compile(draft: &mut Draft<'_>, recreate: &Recreate) {
    draft.exclusive = true;
    // Asked first of all: later, everybody would wait for that person.
    draft.approve_promotion(false);
    draft.hold_traffic(recreate.hold);
    stop_all_others(draft);
    draft.migrate();
    draft.start(draft.candidate(), draft.full());
    draft.promote(draft.all_to(draft.candidate()), false);
    draft.promoted();
    draft.settle();
}

/// A release that is still warm must not meet the new one either.
pub(super) fn stop_all_others(draft: &mut Draft<'_>) {
    let others: Vec<_> = draft.now().capacity.keys().copied().filter(|release| *release != draft.candidate()).collect();
    for other in others {
        draft.drain_and_stop(other, 0);
    }
}
