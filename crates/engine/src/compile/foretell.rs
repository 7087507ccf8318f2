//! What a plan will come to, as far as that can be known when it is made.

use crate::effect;
use model::plan::{Capacity, Verb};
use model::strategy::Amount;
use model::{ReleaseNumber, Standing};

/// Applies a verb to what is wanted. A share of an autoscaler's number is taken of what stable is
/// known to have: the live number may be another when the step begins.
pub fn foretell(standing: &mut Standing, stable: Option<ReleaseNumber>, verb: &Verb) {
    let count = match verb {
        Verb::Start { release, capacity: Capacity::OfStable(share), .. } if stable != Some(*release) => {
            stable.map(|stable| Amount::Share(*share).of(standing.capacity(stable)).max(1))
        }
        _ => None,
    };
    effect::apply(standing, verb, count);
    effect::finish(standing, verb);
}
