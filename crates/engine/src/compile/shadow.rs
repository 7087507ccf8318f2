//! Copies of requests, answers seen by nobody. Stable is kept: nothing has landed.

use super::draft::Draft;
use super::refusal::Code;
use model::strategy::Shadow;
use model::{Lane, Share};

/// Start, Route (mirror), Observe, Route (stable alone), Drain, Stop.
pub(super) fn compile(draft: &mut Draft<'_>, shadow: &Shadow) {
    draft.demand_traffic("shadow", "use `canary`, which moves workers by their number");
    if draft.router().is_some_and(|router| !router.mirrors) {
        draft.refuse(
            Code::RouterCannotMirror,
            "shadow copies requests, and the router cannot",
            "put the service behind the gateway, or use `canary` with a small share",
        );
    }
    let Some(stable) = draft.stable() else { return };
    let candidate = draft.candidate();
    let capacity = match shadow.instances {
        Some(amount) => draft.amount(amount),
        None => draft.full(),
    };

    draft.kept = stable;
    draft.migrate();
    draft.start(candidate, capacity);
    let mirror =
        Lane { mirror: shadow.share, mirror_methods: shadow.methods.clone(), ..Lane::open(candidate, Share::NONE) };
    draft.route(vec![Lane::open(stable, Share::ALL), mirror]);
    draft.observe_all_unless_named(shadow.hold, &shadow.checks);
    draft.route(vec![Lane::open(stable, Share::ALL)]);
    draft.drain_and_stop(candidate, 0);
    draft.abort_migrations();
}
