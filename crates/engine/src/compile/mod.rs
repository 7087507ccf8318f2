//! Strategies to plans. One file per strategy; what they share is the draft.
//!
//! **Which checks are asked when.** Every check that is not a dry run is a watch: it runs from the
//! candidate's first exposure to the end of the landing and goes around as soon as it fails. At the
//! end of an Observe the checks must besides have *passed* that the step names; a step of a canary, a
//! blue-green, an experiment or a shadow that names none asks them all. Batches of a rolling landing
//! ask only what they name: they are far too short for a comparison to reach its sample. Nowhere is
//! a check asked that cannot have measured anything by then: the gateway's own numbers need a share of
//! traffic, and a comparison needs both sides.
//!
//! **Closings.** [`Plan::closings`] is the whole list that is due after the landing: what earlier
//! landings left and this one takes over, then what this plan leaves behind. A contraction names the
//! newest release that still needs the old shape, so that it falls away where a decision keeps that
//! release or an older one.

mod ab;
mod blue_green;
mod canary;
mod demand;
mod draft;
mod finish;
mod first;
mod foretell;
mod recreate;
mod refusal;
mod returning;
mod rolling;
mod shadow;

pub use foretell::foretell;
pub use refusal::{Code, Reason, Refusal};

use crate::facts::Facts;
use draft::Draft;
use model::strategy::{Recreate, Strategy};
use model::{Plan, Release, ReleaseNumber, Service, Standing};

/// The plan by which a release lands over one of the same file, or all the reasons why there is none.
pub fn compile(release: &Release, standing: &Standing, facts: &Facts) -> Result<Plan, Refusal> {
    compile_over(Some(&release.service), release, standing, facts)
}

/// The plan by which a release lands over one of this file, or all the reasons why there is none.
pub fn compile_over(
    serving: Option<&Service>,
    release: &Release,
    standing: &Standing,
    facts: &Facts,
) -> Result<Plan, Refusal> {
    compile_beside(serving, release, standing, facts, Beside::Warm).or_else(|refusal| {
        let room = [Code::PlatformReleases, Code::PlatformInstances, Code::RouterReleases];
        let only_room = refusal.reasons.iter().all(|reason| room.contains(&reason.code));
        let warm = standing.warm.is_some_and(|warm| warm.release != release.number);
        if !only_room || !warm {
            return Err(refusal);
        }
        // A release that is only kept for a quick way back makes room for the one that comes.
        compile_beside(serving, release, standing, facts, Beside::Nobody).map_err(|_| refusal)
    })
}

/// Whether the release that is still warm from the last landing stays beside this one.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Beside {
    Warm,
    Nobody,
}

fn compile_beside(
    serving: Option<&Service>,
    release: &Release,
    standing: &Standing,
    facts: &Facts,
    beside: Beside,
) -> Result<Plan, Refusal> {
    let mut draft = Draft::new(release, serving, standing, facts);
    refuse_what_is_no_landing(&mut draft);
    demand::demand_drivers(&mut draft);
    draft.open();
    if beside == Beside::Nobody {
        let warm = standing.warm.map(|warm| warm.release);
        warm.into_iter().for_each(|warm| draft.drain_and_stop(warm, 0));
    }
    if standing.release.is_none() {
        first::compile(&mut draft);
    } else {
        by_strategy(&mut draft);
    }
    finish::finish(draft, release.service.strategy.name())
}

fn by_strategy(draft: &mut Draft<'_>) {
    match &draft.release.service.strategy {
        Strategy::Recreate(recreate) => recreate::compile(draft, recreate),
        // `rolling` is what people write who do not care how: where old and new must never meet, it
        // stops the old first; requests wait meanwhile.
        Strategy::Rolling(_) if draft.keeps_apart() => {
            recreate::compile(draft, &Recreate { hold: draft.hold_between() });
        }
        Strategy::Rolling(rolling) => rolling::compile(draft, rolling),
        Strategy::BlueGreen(blue_green) => blue_green::compile(draft, blue_green),
        Strategy::Canary(canary) => canary::compile(draft, canary),
        Strategy::Ab(ab) => ab::compile(draft, ab),
        Strategy::Shadow(shadow) => shadow::compile(draft, shadow),
    }
}

/// The plan by which a service returns from one of the same file to a release that was landed before, or
/// why there is none.
pub fn compile_return(to: &Release, standing: &Standing, facts: &Facts) -> Result<Plan, Refusal> {
    compile_return_from(Some(&to.service), to, standing, facts)
}

/// The plan by which a service returns from one of this file to a release that was landed before, or why
/// there is none.
pub fn compile_return_from(
    serving: Option<&Service>,
    to: &Release,
    standing: &Standing,
    facts: &Facts,
) -> Result<Plan, Refusal> {
    let mut draft = Draft::new(to, serving, standing, facts);
    returning::refuse_what_is_no_return(&mut draft);
    if standing.release.is_some() {
        returning::compile(&mut draft);
    }
    finish::finish(draft, model::strategy::StrategyName::Return)
}

fn refuse_what_is_no_landing(draft: &mut Draft<'_>) {
    let candidate = draft.candidate();
    let Some(stable) = draft.stable() else { return };
    if candidate == stable {
        draft.refuse(
            Code::AlreadyServing,
            format!("{candidate} serves already"),
            "change something and deploy again: a new release gets a new number",
        );
    } else if candidate < stable {
        draft.refuse(
            Code::OlderRelease,
            format!("{candidate} is older than {stable}, which serves"),
            "land a newer release; to a release that landed before a rollback leads back, and `plan --return` shows how",
        );
    }
    for gone in draft.standing.contracted.iter().filter(|gone| gone.bars(candidate)) {
        draft.refuse(
            Code::Contracted,
            format!("migration `{}` was contracted: the shape that {candidate} needs is gone", gone.migration),
            "land a new release that works with the new shape",
        );
    }
    refuse_side_by_side(draft, stable);
}

/// The strategies that show two releases side by side are not quietly replaced by one that does not.
fn refuse_side_by_side(draft: &mut Draft<'_>, stable: ReleaseNumber) {
    if !draft.keeps_apart() || matches!(draft.service.strategy, Strategy::Recreate(_) | Strategy::Rolling(_)) {
        return;
    }
    let name = draft.service.strategy.name().as_str();
    if draft.service.instances.singleton {
        draft.refuse(
            Code::Singleton,
            format!("{name} runs two releases side by side, and a singleton never runs beside itself"),
            "use `recreate` (or `rolling`, which stops a singleton before it starts the next)",
        );
    } else {
        draft.refuse(
            Code::StableKeepsApart,
            format!("{name} runs two releases side by side, and {stable} was landed as one that never meets another"),
            format!("land this one by `rolling`, which stops {stable} first; the next can land by `{name}`"),
        );
    }
}
