//! What is left to be done, once nothing goes wrong any more.

use crate::host::Host;
use crate::world::{SharedWorld, World};
use engine::journal::Phase;
use model::standing::ClosingWork;
use model::{Standing, Subject, Time};

/// What still goes on, or is due, or is not as it should be.
pub(crate) fn why_not_calm(hosts: &[Host], subject: &Subject, world: &SharedWorld, now: Time) -> Option<String> {
    let Some(leader) = hosts.iter().find(|host| host.leads(now)) else { return Some("nobody leads".into()) };
    let desk = leader.runner().and_then(|runner| runner.desk(subject));
    let (Some(desk), Some(state)) = (desk, desk.and_then(|desk| desk.state())) else {
        return Some("the leader has not read the journal".into());
    };
    let world = world.lock();
    if world.checker.state != *state {
        return Some("the leader does not know the whole journal".into());
    }
    if !world.under_way.is_empty() {
        return Some(format!("under way: {:?}", world.under_way.values().next()));
    }
    if state.phase() != Phase::Standing || state.waiting.is_some() || state.closing.is_some() {
        return Some(format!("waiting {:?}, closing {:?}", state.waiting, state.closing));
    }
    if state.standing.closings.iter().any(|closing| !waits_for_ever(&closing.work, &state.standing)) {
        return Some(format!("to be closed: {:?}", state.standing));
    }
    if let Some(strays) = world.strays() {
        // The next look shows it, and it is set again; what no look ever shows stands until the bound.
        return Some(format!("what an older command set still stands: {strays}"));
    }
    if !desk.seen().looked {
        return Some("the leader has not looked".into());
    }
    (!is_upheld(&world, state))
        .then(|| format!("not as it should be: {:?} {:?}", state.standing, world.platform_look()))
}

/// A contract waits as long as a person lets an old release serve beside the new one.
fn waits_for_ever(work: &ClosingWork, standing: &Standing) -> bool {
    match work {
        ClosingWork::Contract { old, .. } => standing.capacity.keys().any(|release| Some(*release) <= *old),
        ClosingWork::Retire(_) | ClosingWork::Shrink { .. } => false,
    }
}

/// Whether the world is as the standing wants it.
fn is_upheld(world: &World, state: &engine::journal::State) -> bool {
    let now = world.now;
    let instances = world.releases.iter().all(|(release, sim)| {
        let running = sim.instances.values().filter(|instance| instance.gone_at.is_none_or(|at| at > now)).count();
        // An autoscaler's number is its own.
        running == state.standing.capacity(*release) as usize
            || (world.autoscaled.is_some() && state.standing.capacity(*release) > 0)
    });
    let tables = world.members.iter().all(|member| {
        // A drain of instances that are gone means nothing.
        let mut drained = member.table.drained_from.clone();
        drained.retain(|release, from| *from < state.standing.capacity(*release));
        member.table.intent == state.standing.intent && drained == state.standing.drained_from
    });
    instances && tables
}
