//! What is asked for before a service lands.

use super::address::Url;
use super::code::Code;
use super::collection::{Dictionary, List, OneOrMany, ShortOr};
use super::date::{Date, Days, TimeOfDay};
use super::duration::{Long, Work};
use super::name::NameKey;
use super::node::At;
use super::number::Whole;
use super::object::{defaults, object};
use super::reader::{Field, Reader};
use super::scalar::{Scalar, Word, Wrong};
use super::schemas::Rule;
use super::word::Text;
use crate::gate::{Approval, Calendar, Freeze, Gates, Webhook, Window};
use crate::{Name, Span};
use serde_json::{Value, json};

object! {
    /// A person's yes before the candidate gets everything.
    struct ApprovalText = "approval" {
        /// Who may say it; anybody with the right to deploy where it is not there.
        "approvers" optional approvers: OneOrMany<Text>;
        /// How many different people must.
        "count" optional count: Whole<1, 20> = 1;
        /// How long it is waited for before the rollout goes around.
        "timeout" optional timeout: Long = "24h";
    }
}

object! {
    /// A stretch of the week. Where `to` is not after `from`, it ends on the next day.
    struct WindowText = "window" {
        /// The days on which it starts: `monday` … `sunday`, `weekdays`, `weekend` or `daily`.
        "days" optional days: OneOrMany<Days> = "daily";
        /// When it starts, as `09:30`.
        "from" required from: TimeOfDay;
        /// When it ends, as `17:00`; not inside any more.
        "to" required to: TimeOfDay;
    }
}

object! {
    /// A stretch of dates in which nothing lands.
    struct FreezeText = "freeze" {
        /// The first day, as `2026-12-20`.
        "from" required from: Date;
        /// The last day; the first one where it is not there.
        "to" optional to: Date;
        /// Why; people see it when they have to wait.
        "reason" optional reason: Text = "freeze";
    }
}

object! {
    /// When landing is allowed.
    struct CalendarText = "calendar" {
        /// The time zone of everything below, as `Europe/Berlin`.
        "time-zone" required time_zone: TimeZone;
        /// Allowed only inside one of these; always where it is not there.
        "windows" optional windows: List<WindowText>;
        /// Never inside one of these.
        "freezes" optional freezes: List<FreezeText>;
    }
    rules [Rule::AtLeastOne(&["windows", "freezes"])]
}

object! {
    /// A webhook that must say yes before anything starts.
    struct WebhookText = "webhook" {
        /// Where it is asked.
        "url" required url: Url;
        /// How long it is asked again before the rollout goes around.
        "timeout" optional timeout: Work = "10m";
    }
}

object! {
    /// What is asked for before the service lands.
    struct GatesText = "gates" {
        /// A person's yes before the candidate gets everything: how many people, or a map.
        "approval" optional approval: ShortOr<Whole<1, 20>, ApprovalText>;
        /// When landing is allowed.
        "calendar" optional calendar: CalendarText;
        /// Webhooks by name that must say yes before anything starts: a URL, or a map.
        "webhooks" optional webhooks: Dictionary<NameKey, ShortOr<Url, WebhookText>>;
    }
}

/// A time zone that exists.
#[derive(Clone, Debug)]
pub(crate) struct TimeZone(String);

impl Scalar for TimeZone {
    fn belongs() -> String {
        "a time zone, as `Europe/Berlin` or `UTC`".to_owned()
    }

    fn from_word(word: &Word) -> Result<Self, Wrong> {
        let text = word.string()?;
        if text.is_empty() {
            return Err(Wrong::saying(Code::EmptyText, "this text is empty", "write one, as `Europe/Berlin`"));
        }
        let database = crate::gate::time_zones();
        if database.get(text).is_ok() {
            return Ok(Self(text.to_owned()));
        }
        let known: Vec<String> = database.available().map(|name| name.to_string()).collect();
        let help = match super::nearest::nearest(text, known.iter().map(String::as_str)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "write a name of the IANA database, as `Europe/Berlin`, `America/New_York` or `UTC`".to_owned(),
        };
        Err(Wrong::saying(
            Code::UnknownTimeZone,
            format!("there is no time zone `{}`", super::reader::short(text)),
            help,
        ))
    }

    fn shape() -> Value {
        json!({"type": "string", "minLength": 1})
    }
}

pub(crate) fn resolve(field: &Field<GatesText>, reader: &mut Reader<'_, '_>) -> Option<Gates> {
    let Some(text) = field.get() else { return (!field.is_bad()).then(Gates::default) };
    let approval = approval(&text.value, text.at, reader);
    let calendar = match &text.value.calendar {
        Field::Absent => Some(None),
        Field::Bad => None,
        Field::Good(calendar) => self::calendar(&calendar.value, reader).map(Some),
    };
    let webhooks = webhooks(&text.value.webhooks);
    Some(Gates { approval: approval?, calendar: calendar?, webhooks: webhooks? })
}

fn approval(gates: &GatesText, at: At, reader: &mut Reader<'_, '_>) -> Option<Option<Approval>> {
    let (text, short) = match &gates.approval {
        Field::Absent => return Some(None),
        Field::Bad => return None,
        Field::Good(approval) => match &approval.value {
            ShortOr::Short(count) => (defaults::<ApprovalText>(at, reader)?, Some(count.0)),
            ShortOr::Full(text) => (text.clone(), None),
        },
    };
    let approvers = match &text.approvers {
        Field::Absent => Vec::new(),
        Field::Bad => return None,
        Field::Good(list) => list.value.0.values().into_iter().map(|name| name.0).collect(),
    };
    let count = text.count.get()?;
    let people = approvers.iter().collect::<std::collections::BTreeSet<_>>().len();
    if people > 0 && (count.value.0 as usize) > people {
        let message = format!("{} people must say yes, but only {people} may", count.shown);
        reader.problem(Code::TooFewApprovers, count.at, message, "name more approvers, or ask for fewer");
    }
    let count = short.unwrap_or(count.value.0);
    Some(Some(Approval { approvers, count, timeout: text.timeout.value()?.0 }))
}

fn calendar(text: &CalendarText, reader: &mut Reader<'_, '_>) -> Option<Calendar> {
    let windows = match &text.windows {
        Field::Absent => Some(Vec::new()),
        Field::Bad => None,
        Field::Good(list) => {
            let made: Vec<_> = list.value.items.iter().map(|item| window(&item.value, reader)).collect();
            made.into_iter().collect::<Option<Vec<_>>>().filter(|_| list.value.complete)
        }
    };
    let freezes = match &text.freezes {
        Field::Absent => Some(Vec::new()),
        Field::Bad => None,
        Field::Good(list) => {
            let made: Vec<_> = list.value.items.iter().map(|item| freeze(&item.value, reader)).collect();
            made.into_iter().collect::<Option<Vec<_>>>().filter(|_| list.value.complete)
        }
    };
    Some(Calendar { time_zone: text.time_zone.value()?.0.clone(), windows: windows?, freezes: freezes? })
}

fn window(text: &WindowText, reader: &mut Reader<'_, '_>) -> Option<Window> {
    let mut days: Vec<u8> = match &text.days {
        Field::Good(list) if list.value.0.complete => {
            list.value.0.values().iter().flat_map(|days| days.0).copied().collect()
        }
        _ => return None,
    };
    days.sort_unstable();
    days.dedup();
    let (from, to) = (text.from.value()?, text.to.get()?);
    // From midnight to midnight is a whole day; any other time to itself is a slip.
    if from == &to.value && from.0 != 0 {
        let message = "this window ends when it starts";
        reader.problem(
            Code::EndsBeforeStart,
            to.at,
            message,
            "write a later `to`; a whole day is from `00:00` to `00:00`",
        );
    }
    Some(Window { days, from_minute: from.0, to_minute: to.value.0 })
}

fn freeze(text: &FreezeText, reader: &mut Reader<'_, '_>) -> Option<Freeze> {
    let from = text.from.get()?;
    let to = text.to.or(from.value)?;
    if let Some(written) = text.to.get().filter(|to| to.value < from.value) {
        let message = format!("this freeze ends ({}) before it starts ({})", written.shown, from.shown);
        reader.problem(Code::EndsBeforeStart, written.at, message, "swap the two dates, or look at the year");
    }
    let reason = text.reason.value()?.0.clone();
    Some(Freeze { from: from.value.0.to_string(), to: to.0.to_string(), reason })
}

fn webhooks(field: &Field<Dictionary<NameKey, ShortOr<Url, WebhookText>>>) -> Option<Vec<Webhook>> {
    let webhooks = match field {
        Field::Absent => return Some(Vec::new()),
        Field::Bad => return None,
        Field::Good(webhooks) => &webhooks.value,
    };
    let one = |entry: &super::collection::Named<ShortOr<Url, WebhookText>>| {
        let name = Name::new(&entry.key).ok()?;
        match &entry.value.value {
            ShortOr::Short(url) => Some(Webhook { name, url: url.0.clone(), timeout: Span::minutes(10) }),
            ShortOr::Full(text) => {
                Some(Webhook { name, url: text.url.value()?.0.clone(), timeout: text.timeout.value()?.0 })
            }
        }
    };
    webhooks.entries.iter().map(one).collect::<Option<Vec<_>>>().filter(|_| webhooks.complete)
}
