//! Two or more variants side by side until somebody decides, or the time is over.

use super::draft::Draft;
use super::refusal::Code;
use model::strategy::{Ab, Plays, Variant};
use model::{Lane, ReleaseNumber, Share};

/// Start, Route, Approve (the decision); then, for each release that may be kept, the way there.
pub(super) fn compile(draft: &mut Draft<'_>, ab: &Ab) {
    demand(draft, ab);
    let Some(stable) = draft.stable() else { return };
    let played: Vec<(&Variant, ReleaseNumber)> =
        ab.variants.iter().filter_map(|variant| Some((variant, release_of(draft, variant, stable)?))).collect();
    let releases: Vec<ReleaseNumber> = played.iter().map(|(_, release)| *release).collect();
    let Some(otherwise) = otherwise(draft, ab, &played) else { return };

    draft.migrate();
    for (variant, release) in played.iter().filter(|(_, release)| *release != stable) {
        draft.start(*release, draft.enough_for(variant.share));
    }
    draft.route(played.iter().map(|(variant, release)| lane(variant, *release)).collect());
    // The checks that guard the experiment are watches; no time but the decision's is waited for.
    draft.decide(releases.clone(), otherwise, ab.until);
    for kept in releases.clone() {
        draft.only_if(kept, |draft| keep(draft, kept, stable, &releases));
    }
}

/// The kept release gets everything; stable stays warm where it lost; all others go.
fn keep(draft: &mut Draft<'_>, kept: ReleaseNumber, stable: ReleaseNumber, releases: &[ReleaseNumber]) {
    let losers: Vec<ReleaseNumber> =
        releases.iter().copied().filter(|release| *release != kept && *release != stable).collect();
    let mut lanes = draft.all_to(kept);
    lanes.extend(losers.iter().map(|release| Lane::closed(*release)));
    if kept != stable {
        draft.start(kept, draft.full());
    }
    if kept == draft.candidate() {
        draft.promote(lanes, false);
        draft.promoted();
    } else {
        draft.route(lanes);
    }
    for loser in losers {
        draft.drain_and_stop(loser, 0);
    }
    if kept != stable {
        draft.part_with(stable, None);
    }
    if kept != draft.candidate() {
        draft.abort_migrations();
    }
}

fn lane(variant: &Variant, release: ReleaseNumber) -> Lane {
    Lane { matches: variant.segments.clone(), ..Lane::open(release, variant.share) }
}

fn release_of(draft: &mut Draft<'_>, variant: &Variant, stable: ReleaseNumber) -> Option<ReleaseNumber> {
    match variant.plays {
        Plays::Stable => Some(stable),
        Plays::Candidate => Some(draft.candidate()),
        Plays::Other => {
            let other = draft.release.variants.get(&variant.name).copied();
            if other.is_none() {
                draft.refuse(
                    Code::VariantWithoutRelease,
                    format!("nobody said which release plays variant `{}`", variant.name),
                    format!("say which with `--variant {}=<release>`", variant.name),
                );
            }
            other
        }
    }
}

/// The release that is kept when nobody decides.
fn otherwise(draft: &mut Draft<'_>, ab: &Ab, played: &[(&Variant, ReleaseNumber)]) -> Option<ReleaseNumber> {
    if !ab.variants.iter().any(|variant| variant.name == ab.otherwise) {
        draft.refuse(
            Code::UnknownVariant,
            format!("`{}` is to be kept when nobody decides, and no variant has that name", ab.otherwise),
            "name one of the variants as `otherwise`",
        );
    }
    played.iter().find(|(variant, _)| variant.name == ab.otherwise).map(|(_, release)| *release)
}

fn demand(draft: &mut Draft<'_>, ab: &Ab) {
    draft.demand_traffic("an experiment", "use `canary`, which moves workers by their number");
    draft.demand_matches(ab.variants.iter().any(|variant| !variant.segments.is_empty()), "a segment");
    if draft.has_traffic() && !draft.is_sticky() {
        draft.refuse(
            Code::NeedsSticky,
            "without sticky sessions a person would meet another variant with every request",
            "set `sticky` under `traffic`: a cookie, a header or the client's network",
        );
    }
    let count = |plays: Plays| ab.variants.iter().filter(|variant| variant.plays == plays).count();
    if count(Plays::Stable) != 1 || count(Plays::Candidate) != 1 {
        draft.refuse(
            Code::VariantsUnclear,
            "an experiment needs one variant that stable plays and one that the candidate plays",
            "let one variant play `stable`, one `candidate`, and name a release for every other",
        );
    }
    let sum: u32 = ab.variants.iter().map(|variant| u32::from(variant.share.basis_points())).sum();
    if sum != u32::from(Share::ALL.basis_points()) {
        draft.refuse(
            Code::SharesDoNotSum,
            format!("the shares of the variants sum to {}.{:02} %", sum / 100, sum % 100),
            "let the shares of all variants sum to 100 %",
        );
    }
    let empty = |variant: &&Variant| variant.share.is_none() && variant.segments.is_empty();
    if let Some(variant) = ab.variants.iter().find(empty) {
        draft.refuse(
            Code::VariantWithoutUsers,
            format!("nobody would see variant `{}`: it has neither a share nor a segment", variant.name),
            "give it a share or a segment, or take it out",
        );
    }
    if let Some(variant) =
        ab.variants.iter().find(|variant| variant.share == Share::ALL && variant.plays != Plays::Stable)
    {
        draft.refuse(
            Code::VariantsUnclear,
            format!("variant `{}` would get everything, with nothing to compare it with", variant.name),
            "leave stable a share, or land the release by `canary`",
        );
    }
    for variant in &ab.variants {
        draft.demand_weight(variant.share);
    }
    for name in &ab.checks {
        draft.demand_check(name);
    }
}
