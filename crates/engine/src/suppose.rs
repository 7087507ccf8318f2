//! What may stand, supposed: so that a plan can be shown before anything was ever deployed.

use crate::compile::{Refusal, compile, foretell};
use crate::facts::Facts;
use model::standing::{Closing, ClosingWork, Warm};
use model::{Digest, Intent, Name, Plan, Release, ReleaseNumber, Service, Standing, Time};
use std::collections::BTreeMap;

/// A release of which nothing is known but its configuration.
pub fn release(number: ReleaseNumber, service: &Service, variants: &BTreeMap<Name, ReleaseNumber>) -> Release {
    Release {
        number,
        artifact: Digest::of(&[]),
        service: service.clone(),
        secrets: BTreeMap::new(),
        variants: variants.clone(),
    }
}

/// A release serves, with as many instances as the service asks for, and nothing else stands.
pub fn serving(service: &Service, release: ReleaseNumber) -> Standing {
    let intent = if service.traffic.is_some() { Intent::all_to(release) } else { Intent::default() };
    Standing {
        release: Some(release),
        capacity: BTreeMap::from([(release, service.instances.count)]),
        intent,
        ..Standing::default()
    }
}

/// One release has just landed over another, by the service's own strategy, and its rollback window
/// is open.
pub fn landed(service: &Service, old: ReleaseNumber, new: ReleaseNumber, facts: &Facts) -> Result<Standing, Refusal> {
    let plan = compile(&release(new, service, &BTreeMap::new()), &serving(service, old), facts)?;
    let mut standing = plan.before.clone();
    for step in plan.steps.iter().filter(|step| step.only_if.is_none_or(|kept| kept == plan.kept)) {
        foretell(&mut standing, plan.stable(), &step.verb);
    }
    standing.release = Some(plan.kept);
    let until = Time(plan.policy.rollback_window.0);
    standing.warm =
        stays_warm(&plan, old).then_some(Warm { release: old, full_capacity: service.instances.count, until });
    standing.closings = plan.closings.iter().map(|work| Closing { due: until, work: work.clone() }).collect();
    let database = service.database.iter().filter(|_| plan.kept == new);
    standing.migrated =
        database.flat_map(|database| &database.migrations).map(|migration| migration.name.clone()).collect();
    Ok(standing)
}

fn stays_warm(plan: &Plan, old: ReleaseNumber) -> bool {
    plan.kept != old
        && plan.closings.iter().any(|work| match work {
            ClosingWork::Retire(release) => *release == old,
            ClosingWork::Shrink { .. } | ClosingWork::Contract { .. } => false,
        })
}
