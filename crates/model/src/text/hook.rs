//! What is called and set on the way.

use super::address::Url;
use super::code::Code;
use super::collection::{Dictionary, List, Named, ShortOr};
use super::command::Command;
use super::duration::Work;
use super::name::NameKey;
use super::node::Kind;
use super::number::Whole;
use super::object::object;
use super::reader::{Field, Located, Reader};
use super::scalar::{Scalar, Word, Wrong};
use super::schemas::Rule;
use super::word::choice;
use crate::plan::FlagSetting;
use crate::service::{Call, FlagChange, Hook, HookPoint, Repeat};
use crate::{Name, Share};
use serde_json::{Value, json};

choice!(HookPoint, "a point of the landing", {
    "before" => HookPoint::Before,
    "after-start" => HookPoint::AfterStart,
    "before-route" => HookPoint::BeforeRoute,
    "after-route" => HookPoint::AfterRoute,
    "before-promote" => HookPoint::BeforePromote,
    "after" => HookPoint::After,
    "on-rollback" => HookPoint::OnRollback,
});

choice!(Repeat, "a word for `repeat`", { "safe" => Repeat::Safe, "never" => Repeat::Never });

object! {
    /// What takes a hook back.
    struct CallText = "undo" {
        /// A command with its arguments.
        "run" optional run: Command;
        /// A POST to this address.
        "url" optional url: Url;
    }
    rules [Rule::ExactlyOne(&["run", "url"])]
}

object! {
    /// A command or an HTTP call at a point of the way.
    struct HookText = "hook" {
        /// Its name.
        "name" required name: Name;
        /// When it is called: `before` anything, `after-start`, `before-route` and `after-route` (the candidate's
        /// first traffic), `before-promote`, `after`, or `on-rollback`.
        "at" required at: HookPoint;
        /// A command with its arguments.
        "run" optional run: Command;
        /// A POST to this address.
        "url" optional url: Url;
        /// How long it may take.
        "timeout" optional timeout: Work = "5m";
        /// Whether it may be called again when nobody knows how the first call ended: `safe`, or `never`, so that a person decides.
        "repeat" optional repeat: Repeat = "never";
        /// How often it may be tried when it fails.
        "attempts" optional attempts: Whole<1, 20> = 1;
        /// What takes it back when the rollout goes around.
        "undo" optional undo: CallText;
    }
    rules [Rule::ExactlyOne(&["run", "url"])]
}

/// The name of a flag's variant. `on` and `off` may be written as `true` and `false`, because some
/// tools write them so.
#[derive(Clone, Debug)]
pub(crate) struct FlagVariant(Name);

impl Scalar for FlagVariant {
    fn belongs() -> String {
        "the name of a flag's variant, as `on`".to_owned()
    }

    fn from_word(word: &Word) -> Result<Self, Wrong> {
        let name = match word.kind {
            Kind::Bool(true) => Name::new("on"),
            Kind::Bool(false) => Name::new("off"),
            Kind::Null | Kind::Number(_) | Kind::Text => return Name::from_word(word).map(Self),
        };
        name.map(Self).map_err(|_| Wrong::new(Code::BadName, "write `on` or `off`"))
    }

    fn shape() -> Value {
        json!({"anyOf": [{"type": "boolean"}, Name::shape()]})
    }
}

object! {
    /// What a flag is set to.
    struct SettingText = "flag setting" {
        /// The variant that those get who are inside the share.
        "variant" required variant: FlagVariant;
        /// The share of units that get it.
        "share" optional share: Share = "100%";
    }
}

type SettingValue = ShortOr<FlagVariant, SettingText>;

object! {
    /// A flag that is set once the candidate serves everything.
    struct FlagText = "flag" {
        /// What it is set to: a variant, or a map.
        "to" required to: SettingValue;
        /// What it is expected to be before, and is set back to.
        "from" optional from: SettingValue = "off";
    }
}

/// Flags by name: a variant, or a map.
pub(crate) type FlagsText = Dictionary<NameKey, ShortOr<FlagVariant, FlagText>>;

pub(crate) fn resolve(
    field: &Field<List<HookText, 0>>,
    traffic: Option<bool>,
    reader: &mut Reader<'_, '_>,
) -> Option<Vec<Hook>> {
    let Some(list) = field.value() else { return (!field.is_bad()).then(Vec::new) };
    let mut seen: Vec<&Located<Name>> = Vec::new();
    for name in list.items.iter().filter_map(|item| item.value.name.get()) {
        refuse_twice(&mut seen, name, "hook", reader);
    }
    let made: Vec<_> = list.items.iter().map(|item| hook(&item.value, traffic, reader)).collect();
    made.into_iter().collect::<Option<Vec<_>>>().filter(|_| list.complete)
}

/// Takes down a name that is there already.
pub(crate) fn refuse_twice<'a>(
    seen: &mut Vec<&'a Located<Name>>,
    name: &'a Located<Name>,
    what: &str,
    reader: &mut Reader<'_, '_>,
) {
    if let Some(first) = seen.iter().find(|first| first.value == name.value) {
        let message = format!("a {what} `{}` is already there in line {}", name.shown, first.at.line);
        reader.problem(Code::DuplicateName, name.at, message, "give one of the two another name");
    }
    seen.push(name);
}

fn hook(text: &HookText, traffic: Option<bool>, reader: &mut Reader<'_, '_>) -> Option<Hook> {
    let at = text.at.get()?;
    if traffic == Some(false) && matches!(at.value, HookPoint::BeforeRoute | HookPoint::AfterRoute) {
        let message = format!("`{}` is about traffic, but the service has none", at.shown);
        reader.problem(Code::NeedsTraffic, at.at, message, "use `after-start` or `after`");
    }
    if let Some(undo) = text.undo.get().filter(|_| at.value == HookPoint::OnRollback) {
        let message = "a hook of the way back is never taken back";
        reader.problem(Code::NoEffect, undo.at, message, "remove `undo`");
    }
    let undo = match &text.undo {
        Field::Absent => Some(None),
        Field::Bad => None,
        Field::Good(undo) => call(&undo.value.run, &undo.value.url).map(Some),
    };
    Some(Hook {
        name: text.name.value()?.clone(),
        at: at.value,
        call: call(&text.run, &text.url)?,
        timeout: text.timeout.value()?.0,
        repeat: *text.repeat.value()?,
        attempts: text.attempts.value()?.0,
        undo: undo?,
    })
}

fn call(run: &Field<Command>, url: &Field<Url>) -> Option<Call> {
    let run = run.value().map(|command| Call::Command(command.0.clone()));
    run.or_else(|| url.value().map(|url| Call::Http(url.0.clone())))
}

pub(crate) fn flags(field: &Field<FlagsText>, reader: &mut Reader<'_, '_>) -> Option<Vec<FlagChange>> {
    let Some(flags) = field.value() else { return (!field.is_bad()).then(Vec::new) };
    let made: Vec<_> = flags.entries.iter().map(|entry| flag(entry, reader)).collect();
    made.into_iter().collect::<Option<Vec<_>>>().filter(|_| flags.complete)
}

fn flag(entry: &Named<ShortOr<FlagVariant, FlagText>>, reader: &mut Reader<'_, '_>) -> Option<FlagChange> {
    let all = |variant: &Name| FlagSetting { variant: variant.clone(), share: Share::ALL };
    let setting = |value: &SettingValue| match value {
        ShortOr::Short(variant) => Some(all(&variant.0)),
        ShortOr::Full(text) => {
            Some(FlagSetting { variant: text.variant.value()?.0.clone(), share: *text.share.value()? })
        }
    };
    let flag = Name::new(&entry.key).ok()?;
    let (to, from) = match &entry.value.value {
        ShortOr::Short(variant) => (all(&variant.0), all(&Name::new("off").ok()?)),
        ShortOr::Full(text) => (setting(text.to.value()?)?, setting(text.from.value()?)?),
    };
    if to == from {
        let message = format!("the flag `{}` is set to what it is before", entry.key);
        reader.problem(Code::NoEffect, entry.value.at, message, "change `to` or `from`, or remove the flag");
    }
    Some(FlagChange { flag, to, from })
}
