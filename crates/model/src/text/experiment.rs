//! Two or more variants side by side until a decision.

use super::check::ChecksNamed;
use super::code::Code;
use super::collection::{Dictionary, List, Named};
use super::duration::Long;
use super::name::NameKey;
use super::node::At;
use super::object::{listed, object};
use super::reader::{Field, Reader};
use super::strategy::{Scene, seen_by};
use super::traffic::MatchText;
use super::word::choice;
use crate::strategy::{Ab, Plays, Variant};
use crate::{Name, Share};

choice!(Plays, "a word for `plays`", {
    "stable" => Plays::Stable,
    "candidate" => Plays::Candidate,
    "other" => Plays::Other,
});

object! {
    /// One variant of an experiment.
    struct VariantText = "variant" {
        /// Which release plays it: `stable`, `candidate`, or `other`, which is named when the service lands.
        "plays" required plays: Plays;
        /// Its share of the units in the experiment.
        "share" required share: Share;
        /// Requests that see it whatever its share.
        "segments" optional segments: List<MatchText>;
    }
}

object! {
    /// Two or more variants side by side until a decision. Where no variants are named, stable and the candidate get half each.
    struct AbText = "ab" {
        /// The variants by name; their shares sum to 100%.
        "variants" optional variants: Dictionary<NameKey, VariantText, 2>;
        /// How long at the longest, before `otherwise` is kept.
        "until" optional until: Long = "14d";
        /// What is kept when nobody decides: the name of a variant; the one that stable plays where it is not there.
        "otherwise" optional otherwise: Name;
        /// Checks that guard the experiment; all of the service's where it is not there.
        "checks" optional checks: ChecksNamed;
    }
}

pub(crate) fn resolve(text: &AbText, at: At, scene: &Scene<'_>, reader: &mut Reader<'_, '_>) -> Option<Ab> {
    let help = "say where it listens: `listen: \":8080\"`, or choose `canary`";
    scene.needs_traffic("`ab`", at, help, reader);
    if scene.sticky == Some(false) {
        let help = "say what makes a session, in the map `traffic`: `sticky: cookie`";
        let message = "without a session, a user would see one variant now and another one then";
        reader.problem(Code::NeedsSticky, at, message, help);
    }
    let checks = scene.checks.resolve(&text.checks, reader);
    let variants = match &text.variants {
        Field::Bad => None,
        Field::Absent => halves(),
        Field::Good(map) => {
            let map = &map.value;
            if map.complete {
                refuse_unequal(&map.entries, text.variants.get().map_or(at, |variants| variants.at), reader);
            }
            let made: Vec<_> = map.entries.iter().map(|entry| variant(entry, scene, reader)).collect();
            made.into_iter().collect::<Option<Vec<_>>>().filter(|_| map.complete)
        }
    };
    let variants = variants?;
    let stable = variants.iter().find(|variant| variant.plays == Plays::Stable);
    let otherwise = match text.otherwise.get() {
        None => text.otherwise.or(stable?.name.clone()),
        Some(written) => {
            if !variants.iter().any(|variant| variant.name == written.value) {
                let names: Vec<&str> = variants.iter().map(|variant| variant.name.as_str()).collect();
                let message = format!("there is no variant `{}`", written.shown);
                reader.problem(Code::BadVariants, written.at, message, format!("the variants are {}", listed(&names)));
            }
            Some(written.value.clone())
        }
    };
    Some(Ab { variants, until: text.until.value()?.0, otherwise: otherwise?, checks: checks? })
}

fn halves() -> Option<Vec<Variant>> {
    let half = |name, plays| {
        Some(Variant { name: Name::new(name).ok()?, plays, share: Share::percent(50), segments: Vec::new() })
    };
    Some(vec![half("stable", Plays::Stable)?, half("candidate", Plays::Candidate)?])
}

fn variant(entry: &Named<VariantText>, scene: &Scene<'_>, reader: &mut Reader<'_, '_>) -> Option<Variant> {
    let text = &entry.value.value;
    let segments = seen_by(&text.segments, "`segments`", scene, reader);
    Some(Variant {
        name: Name::new(&entry.key).ok()?,
        plays: *text.plays.value()?,
        share: *text.share.value()?,
        segments: segments?,
    })
}

/// Takes down what makes the variants no experiment: shares that are not everything, and releases
/// that play two variants or none.
fn refuse_unequal(entries: &[Named<VariantText>], at: At, reader: &mut Reader<'_, '_>) {
    let shares: Option<Vec<_>> = entries.iter().map(|entry| entry.value.value.share.get()).collect();
    if let Some(shares) = shares {
        let sum: u32 = shares.iter().map(|share| u32::from(share.value.basis_points())).sum();
        if sum != u32::from(Share::ALL.basis_points()) {
            // What comes from the environment is not shown, so neither is a sum of it.
            let literal = shares.iter().all(|share| !share.shown.contains("${"));
            let shown: Vec<&str> = shares.iter().map(|share| share.shown.as_str()).collect();
            let sum = if literal { format!(" = {}%", f64::from(sum) / 100.0) } else { String::new() };
            let message = format!("the shares of the variants are not everything: {}{sum}", shown.join(" + "));
            reader.problem(Code::SharesNotWhole, at, message, "change them so that they sum to 100%");
        }
    }
    let plays: Option<Vec<_>> = entries.iter().map(|entry| entry.value.value.plays.get()).collect();
    let Some(plays) = plays else { return };
    for (word, role) in [("stable", Plays::Stable), ("candidate", Plays::Candidate)] {
        let mut players = plays.iter().filter(|plays| plays.value == role);
        let (first, second) = (players.next(), players.next());
        if first.is_none() {
            let message = format!("no variant is played by the {word} release");
            reader.problem(Code::BadVariants, at, message, format!("write `plays: {word}` in one of them"));
        }
        if let Some(second) = second {
            let message = format!("two variants are played by the {word} release");
            let help = "one of them needs `plays: other`; which release that is, is said when the service lands";
            reader.problem(Code::BadVariants, second.at, message, help);
        }
    }
}
