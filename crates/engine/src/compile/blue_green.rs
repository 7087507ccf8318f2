//! A whole second set, tested and perhaps shown to some, then one switch.

use super::draft::Draft;
use super::refusal::Code;
use model::strategy::BlueGreen;
use model::{Lane, Share};

/// Start, Route (preview), Observe, Hook, Approve, one Route, Observe; then the old side is scaled down.
pub(super) fn compile(draft: &mut Draft<'_>, blue_green: &BlueGreen) {
    draft.demand_traffic("blue-green", "use `rolling`, or `canary`, which moves workers by their number");
    draft.demand_matches(!blue_green.preview.is_empty(), "the preview");
    if !draft.facts.platform.keeps_idle {
        draft.refuse(
            Code::PlatformCannotIdle,
            "the new side would stand ready without traffic, and the platform keeps nothing idle",
            "use `canary`, which gives the new release some traffic at once",
        );
    }
    if blue_green.idle.is_some() && !draft.facts.platform.counted {
        draft.refuse_uncounted("`idle` asks for a number of instances");
    }
    let Some(stable) = draft.stable() else { return };
    let candidate = draft.candidate();

    draft.migrate();
    draft.start(candidate, draft.full());
    if !blue_green.preview.is_empty() {
        let preview = Lane { matches: blue_green.preview.clone(), ..Lane::open(candidate, Share::NONE) };
        draft.route(vec![Lane::open(stable, Share::ALL), preview]);
    }
    draft.observe_all_unless_named(blue_green.settle, &blue_green.checks);
    draft.promote(draft.all_to(candidate), blue_green.approve);
    draft.promoted();
    draft.observe_all_unless_named(blue_green.watch, &blue_green.checks);
    draft.part_with(stable, blue_green.idle);
}
