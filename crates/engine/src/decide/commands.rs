//! What is wanted and not seen yet, as commands. Whoever sends them sees to it that none is sent
//! twice at once or too often.

use crate::command::{Act, COMMAND_LIMIT, Command, MIGRATION_LIMIT_MAX, Reply, Table, Target};
use crate::journal::state::{Rollout, State};
use crate::journal::table::Phase;
use crate::observe::Observations;
use crate::planted::{self, Bug};
use crate::store::Position;
use model::plan::{Phase as MigrationPhase, Verb};
use model::service::Repeat;
use model::standing::ClosingWork;
use model::{Name, Span, Subject};

/// The commands that close the gap between what is wanted and what was seen.
pub fn commands(state: &State, subject: &Subject, seen: &Observations) -> Vec<Command> {
    if state.phase() == Phase::Halted {
        // Halted moves nothing.
        return Vec::new();
    }
    let mut commands = Vec::new();
    let mut send = |generation: Position, act: Act, limit: Span| {
        commands.push(Command { subject: subject.clone(), generation, act, limit });
    };
    if seen.routed && state.generations.table > Position(0) && !seen.table_was_live(state.generations.table) {
        let table = Table { intent: intended(state), drained_from: state.standing.drained_from.clone() };
        send(state.generations.table, Act::Table(table), COMMAND_LIMIT);
    }
    for (release, generation) in &state.generations.capacity {
        // Who said no for good is asked again under a newer generation, with a pause and a word to people.
        let refused = seen.refused(&Target::Instances(*release), *generation).is_some();
        let count = state.standing.capacity(*release);
        let stops_work = count == 0 && seen.may_have_new_work(*release);
        if !refused && !stops_work && !seen.capacity_was_taken(*release, *generation) {
            send(*generation, Act::Scale { release: *release, count }, COMMAND_LIMIT);
        }
    }
    if let Some(rollout) = state.rollout.as_deref()
        && let Some((generation, act, limit)) = step_command(state, rollout, seen)
    {
        send(generation, act, limit);
    }
    if let Some(run) = &state.closing
        && let ClosingWork::Contract { migration, .. } = &run.work
        && seen.reply(&Target::Migration(migration.clone()), run.generation) != Some(&Reply::Accepted)
        && state.rollout.is_none()
    {
        let act = Act::Migrate { migration: migration.clone(), phase: MigrationPhase::Contract };
        send(run.generation, act, migration_limit(state, migration));
    }
    commands
}

/// The command of the current step, where it is not about capacity or traffic.
fn step_command(state: &State, rollout: &Rollout, seen: &Observations) -> Option<(Position, Act, Span)> {
    let (doing, step) = (rollout.doing.as_ref()?, rollout.step()?);
    let generation = doing.generation;
    let (act, limit) = match &step.verb {
        Verb::Hook { hook, undo } => {
            // Nobody knows whether a controller before this one has called it, or how a call ended
            // that was never answered.
            let maybe_called = generation <= seen.recovered_at || seen.called.contains_key(&generation);
            if hook.repeat == Repeat::Never && maybe_called && !planted::is(Bug::NeverRepeated) {
                return None;
            }
            let (rollout, step) = (rollout.number, rollout.cursor);
            (Act::Call { hook: Box::new(hook.clone()), undo: *undo, rollout, step }, hook.timeout)
        }
        Verb::Migrate { migration, phase, .. } => {
            (Act::Migrate { migration: migration.clone(), phase: *phase }, migration_limit(state, migration))
        }
        Verb::Flag { flag, to, only_from } => {
            (Act::Flag { flag: flag.clone(), to: to.clone(), only_from: only_from.clone() }, COMMAND_LIMIT)
        }
        Verb::Start { .. }
        | Verb::Route { .. }
        | Verb::Observe { .. }
        | Verb::Approve { .. }
        | Verb::Drain { .. }
        | Verb::Stop { .. }
        | Verb::Notify { .. } => return None,
    };
    let again = match seen.reply(&act.target(generation), generation) {
        None => true,
        Some(Reply::Unknown(_)) => !matches!(&step.verb, Verb::Hook { hook, .. } if hook.repeat == Repeat::Never),
        Some(Reply::Accepted | Reply::Superseded(_) | Reply::Failed { .. }) => false,
    };
    again.then_some((generation, act, limit))
}

/// How long a migration's command may take: as long as the newest release that knows it gives a phase.
fn migration_limit(state: &State, name: &Name) -> Span {
    let databases = state.releases.values().rev().filter_map(|release| release.service.database.as_ref());
    let known = databases.flat_map(|database| &database.migrations).find(|migration| migration.name == *name);
    known.map_or(MIGRATION_LIMIT_MAX, |migration| migration.timeout.min(MIGRATION_LIMIT_MAX))
}

/// What traffic should do, as routers are told.
fn intended(state: &State) -> model::Intent {
    #[cfg(feature = "planted")]
    if planted::is(Bug::SharesDoNotSum) {
        return state.standing.intent.clone().with_a_share_lost();
    }
    state.standing.intent.clone()
}
