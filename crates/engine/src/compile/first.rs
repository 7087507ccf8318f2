//! The first release of a service: there is nothing to be careful of, whatever the strategy.

use super::draft::Draft;

/// Start, Route everything, Observe.
pub(super) fn compile(draft: &mut Draft<'_>) {
    draft.migrate();
    draft.start(draft.candidate(), draft.full());
    draft.promote(draft.all_to(draft.candidate()), false);
    draft.promoted();
    draft.settle();
}
