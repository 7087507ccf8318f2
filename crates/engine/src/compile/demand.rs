//! What a plan demands of the drivers, and the reasons where they cannot do it.

use super::draft::Draft;
use super::finish;
use super::refusal::{Code, Reason};
use crate::command::MIGRATION_LIMIT_MAX;
use crate::facts::Fence;
use crate::runner::LEASE_LEFT_MIN;
use model::check::Check;
use model::{CheckName, Share};

/// What the service needs of its drivers, whatever the strategy.
pub(super) fn demand_drivers(draft: &mut Draft<'_>) {
    let (service, facts) = (draft.service, draft.facts);
    demand_router(draft);
    if service.instances.count == 0 {
        draft.refuse(Code::NoInstances, "a landing needs at least one instance", "set `instances` to 1 or more");
    }
    for check in &service.checks {
        if !facts.sources.contains(&check.source) {
            let known: Vec<&str> = facts.sources.iter().map(|source| source.as_str()).collect();
            draft.refuse(
                Code::UnknownSource,
                format!("check `{}` asks source `{}`, which is not there", check.name, check.source),
                format!("use one of {}, or configure the source", known.join(", ")),
            );
        }
        if check.source.as_str() == "gateway" && service.traffic.is_none() {
            draft.refuse(
                Code::CheckNeedsTraffic,
                format!("check `{}` measures traffic at the gateway, and the service has none", check.name),
                "ask another source, as `platform` or your metrics",
            );
        }
    }
    if !service.hooks.is_empty() && facts.hooks.is_none() {
        draft.refuse(
            Code::NoHooks,
            "hooks cannot be called from here",
            "take the hooks out, or land with a controller",
        );
    }
    demand_migrator(draft);
    if !service.flags.is_empty() && facts.flags.is_none() {
        draft.refuse(Code::NoFlags, "no flags can be set from here", "take `flags` out, or land with a controller");
    }
}

/// Migrations need somebody who changes the database, and who either refuses stale changes or is done
/// with each while the controller that started it is sure to lead: otherwise the change of a controller
/// that is no longer in charge could meet that of the next.
fn demand_migrator(draft: &mut Draft<'_>) {
    let mut migrations = draft.new_migrations();
    let contracted = draft.to_contract(&finish::taken_over(draft));
    migrations.extend(contracted.into_iter().filter(|migration| draft.standing.migrated.contains(&migration.name)));
    match draft.facts.migrations {
        None if !migrations.is_empty() => {
            draft.refuse(Code::NoMigrations, "no database can be changed from here", "configure the database's secret");
        }
        Some(Fence::None) => {
            let limits = migrations.iter().map(|migration| (migration, migration.timeout.min(MIGRATION_LIMIT_MAX)));
            for (migration, limit) in limits.filter(|(_, limit)| *limit > LEASE_LEFT_MIN) {
                let name = &migration.name;
                draft.refuse(
                    Code::MigrationOutlivesLease,
                    format!(
                        "a phase of migration `{name}` may take {limit}, and the database does not refuse changes of a \
                         controller that is no longer in charge: each has to end within {LEASE_LEFT_MIN}"
                    ),
                    format!(
                        "give `{name}` a `timeout` of at most {LEASE_LEFT_MIN}, or change the database by a driver \
                         that refuses stale changes"
                    ),
                );
            }
        }
        None | Some(Fence::Compare | Fence::Tagged) => {}
    }
}

/// Traffic needs somebody who moves it as the service asks.
pub(super) fn demand_router(draft: &mut Draft<'_>) {
    if !draft.has_traffic() {
        return;
    }
    match draft.router().map(|router| router.sticks) {
        None => draft.refuse(
            Code::NoRouter,
            "the service has traffic, and nothing there moves it",
            "take `traffic` out, or land it where the gateway or another router runs",
        ),
        Some(false) if draft.is_sticky() => draft.refuse(
            Code::RouterCannotStick,
            "the service asks for sticky sessions, and the router splits by request only",
            "put the service behind the gateway, or take `sticky` out",
        ),
        Some(_) => {}
    }
}

impl<'a> Draft<'a> {
    /// Says why not, once; the draft goes on so that every reason is found.
    pub(super) fn refuse(&mut self, code: Code, message: impl Into<String>, help: impl Into<String>) {
        let reason = Reason { code, message: message.into(), help: help.into() };
        if !self.reasons.contains(&reason) {
            self.reasons.push(reason);
        }
    }

    pub(super) fn refuse_uncounted(&mut self, why: &str) {
        self.refuse(
            Code::InstancesNotCounted,
            format!("{why}, but the platform does not count instances: a release is there or not"),
            "leave the number out, or run the service on a platform that counts instances",
        );
    }

    /// The router must be able to tell this share.
    pub(super) fn demand_weight(&mut self, share: Share) {
        let Some(step) = self.router().map(|router| router.weight_step.basis_points().max(1)) else { return };
        let points = share.basis_points();
        if !points.is_multiple_of(step) {
            let below = Share::of(u32::from(points / step * step), 10_000);
            let above = Share::of(u32::from(points / step * step) + u32::from(step), 10_000);
            let nearest = if points % step * 2 >= step { above } else { below };
            self.refuse(
                Code::WeightStep,
                format!("a share of {share} was asked for, but the router splits in steps of {}", step_text(step)),
                format!("use {nearest}, the nearest it can do"),
            );
        }
    }

    /// The router must be able to send chosen requests to a release.
    pub(super) fn demand_matches(&mut self, wanted: bool, what: &str) {
        if wanted && self.router().is_some_and(|router| !router.matches) {
            self.refuse(
                Code::RouterCannotMatch,
                format!("{what} needs chosen requests to go to the candidate, and the router can only split by share"),
                "leave the matches out and use a small share, or put the service behind the gateway",
            );
        }
    }

    /// The service must have this check.
    pub(super) fn demand_check(&mut self, name: &CheckName) -> Option<&'a Check> {
        let found = self.service.checks.iter().find(|check| check.name == *name);
        if found.is_none() {
            self.refuse(
                Code::UnknownCheck,
                format!("the strategy asks for check `{name}`, and the service has none of that name"),
                format!("add `{name}` under `checks`, or take it out of the strategy"),
            );
        }
        found
    }

    /// The strategy makes no sense without traffic.
    pub(super) fn demand_traffic(&mut self, what: &str, instead: &str) {
        if !self.has_traffic() {
            self.refuse(Code::NeedsTraffic, format!("{what} needs traffic to move, and the service has none"), instead);
        }
    }
}

fn step_text(points: u16) -> String {
    Share::of(u32::from(points), 10_000).to_string()
}
