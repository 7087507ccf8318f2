//! From what waits to a rollout: a plan is made and accepted, or refused with every reason.

use crate::compile::{Refusal, compile_over, compile_return_from};
use crate::facts::Facts;
use crate::journal::entry::Entry;
use crate::journal::state::State;
use crate::journal::table::Phase;
use model::RolloutNumber;
use std::sync::Arc;

/// What becomes of the release that waits, if no rollout runs.
pub fn launch(state: &State, facts: &Facts) -> Option<Entry> {
    let waiting = state.waiting.filter(|_| state.phase() == Phase::Standing)?;
    let Some(release) = state.release(waiting.release) else {
        let reasons = vec![format!("release {} is not kept any more: deploy it anew", waiting.release)];
        return Some(Entry::Refused { release: waiting.release, reasons });
    };
    let serving = state.standing.release.and_then(|serving| state.release(serving)).map(|serving| &serving.service);
    let made = if waiting.returning {
        compile_return_from(serving, release, &state.standing, facts)
    } else {
        compile_over(serving, release, &state.standing, facts)
    };
    Some(match made {
        Ok(plan) => {
            let digest = plan.digest();
            Entry::Accepted { rollout: RolloutNumber(state.rollouts + 1), plan: Arc::new(plan), digest }
        }
        Err(Refusal { reasons }) => {
            let reasons = reasons.iter().map(ToString::to_string).collect();
            Entry::Refused { release: waiting.release, reasons }
        }
    })
}
