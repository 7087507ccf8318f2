//! Where a plan waits for somebody, something or a time of day.

use crate::{Name, ReleaseNumber, Span, Time};
use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::{TimeZone, TimeZoneDatabase};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Where a plan waits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Gate {
    /// A person says yes.
    Person {
        /// Who may; anybody with the right to deploy where it is empty.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        approvers: Vec<String>,
        /// How many different people must.
        count: u32,
    },
    /// A person says which release is kept.
    Decision {
        /// The releases to choose from.
        choices: Vec<ReleaseNumber>,
        /// What is kept when the time is over and nobody chose.
        otherwise: ReleaseNumber,
    },
    /// A webhook says yes.
    Webhook {
        /// Its name.
        name: Name,
        /// Where it is asked.
        url: String,
    },
    /// The calendar says yes.
    Calendar(Calendar),
}

/// When landing is allowed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Calendar {
    /// The time zone of everything below, as `Europe/Berlin`.
    pub time_zone: String,
    /// Allowed only inside one of these; always where there is none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub windows: Vec<Window>,
    /// Never inside one of these.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub freezes: Vec<Freeze>,
}

/// A stretch of the week. Where `to` is not after `from`, it ends on the next day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// The days on which it starts, 1 for Monday to 7 for Sunday.
    pub days: Vec<u8>,
    /// Minutes after midnight.
    pub from_minute: u16,
    /// Minutes after midnight; not inside any more.
    pub to_minute: u16,
}

/// A stretch of dates, both inside, as `2026-12-20`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Freeze {
    /// The first day.
    pub from: String,
    /// The last day.
    pub to: String,
    /// Why.
    pub reason: String,
}

/// What a service asks for before it lands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gates {
    /// A person's yes before the candidate gets everything.
    pub approval: Option<Approval>,
    /// When landing is allowed.
    pub calendar: Option<Calendar>,
    /// Webhooks that must say yes before anything starts.
    pub webhooks: Vec<Webhook>,
}

/// A person's yes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// Who may; anybody with the right to deploy where it is empty.
    pub approvers: Vec<String>,
    /// How many different people must.
    pub count: u32,
    /// How long it is waited for before the rollout goes around.
    pub timeout: Span,
}

/// A webhook that is asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Webhook {
    /// Its name.
    pub name: Name,
    /// Where it is asked.
    pub url: String,
    /// How long it is asked again before the rollout goes around.
    pub timeout: Span,
}

/// How many days ahead [`Calendar::next_open`] looks: a year, and one more for leap years.
const DAYS_AHEAD_MAX: usize = 367;
/// How many changes of the clock are looked at in that time. No zone has had more than a few in a year.
const CLOCK_CHANGES_MAX: usize = 16;

/// The time zones that are compiled in, so that every machine knows the same.
pub(crate) fn time_zones() -> TimeZoneDatabase {
    TimeZoneDatabase::bundled()
}

impl Calendar {
    /// Whether landing is allowed at this moment. Windows and freezes follow the clock on the wall: what
    /// it shows twice when the clock is set back is inside twice. A calendar whose time zone or dates
    /// cannot be understood is never open, because nobody knows what it was to prevent.
    pub fn open_at(&self, now: Time) -> bool {
        self.zone().is_some_and(|zone| self.open_in(&zone, now))
    }

    /// The first moment from `now` on at which landing is allowed; none where that is more than a year away.
    pub fn next_open(&self, now: Time) -> Option<Time> {
        let zone = self.zone()?;
        if self.open_in(&zone, now) {
            return Some(now);
        }
        // It can only become open at a midnight, at the start of a window, or when the clock is changed.
        let start = zone.to_datetime(timestamp(now)?).date();
        let mut moments: BTreeSet<Timestamp> =
            zone.following(timestamp(now)?).take(CLOCK_CHANGES_MAX).map(|change| change.timestamp()).collect();
        for day in start.series(jiff::Span::new().days(1)).take(DAYS_AHEAD_MAX) {
            let minutes = self.windows.iter().map(|window| window.from_minute);
            for minute in std::iter::once(0).chain(minutes) {
                let wall = day.at(i8::try_from(minute / 60).ok()?, i8::try_from(minute % 60).ok()?, 0, 0);
                let moment = zone.to_ambiguous_timestamp(wall);
                moments.extend(moment.earlier());
                moments.extend(moment.later());
            }
        }
        let end = now + Span::hours(24 * DAYS_AHEAD_MAX as u64);
        let times = moments.into_iter().filter_map(|moment| u64::try_from(moment.as_millisecond()).ok().map(Time));
        times.filter(|time| *time > now && *time <= end).find(|time| self.open_in(&zone, *time))
    }

    fn zone(&self) -> Option<TimeZone> {
        time_zones().get(&self.time_zone).ok()
    }

    fn open_in(&self, zone: &TimeZone, now: Time) -> bool {
        let Some(now) = timestamp(now) else { return false };
        let wall = zone.to_datetime(now);
        let frozen = self.freezes.iter().any(|freeze| freeze.holds_on(wall.date()));
        let inside = self.windows.is_empty() || self.windows.iter().any(|window| window.holds_at(wall));
        inside && !frozen
    }
}

impl Window {
    fn holds_at(&self, wall: DateTime) -> bool {
        let minute = u16::from(wall.hour().unsigned_abs()) * 60 + u16::from(wall.minute().unsigned_abs());
        let starts_on = |date: Date| self.days.contains(&date.weekday().to_monday_one_offset().unsigned_abs());
        let today = starts_on(wall.date());
        if self.from_minute < self.to_minute {
            return today && (self.from_minute..self.to_minute).contains(&minute);
        }
        let yesterday = wall.date().yesterday().is_ok_and(starts_on);
        (today && minute >= self.from_minute) || (yesterday && minute < self.to_minute)
    }
}

impl Freeze {
    /// A date that cannot be understood holds always: somebody wanted quiet, and nobody knows when.
    fn holds_on(&self, date: Date) -> bool {
        match (self.from.parse::<Date>(), self.to.parse::<Date>()) {
            (Ok(from), Ok(to)) => (from..=to).contains(&date),
            _ => true,
        }
    }
}

fn timestamp(time: Time) -> Option<Timestamp> {
    Timestamp::from_millisecond(i64::try_from(time.0).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Time {
        let moment: Timestamp = text.parse().expect(text);
        Time(moment.as_millisecond() as u64)
    }

    fn berlin(windows: Vec<Window>, freezes: &[(&str, &str)]) -> Calendar {
        let freeze = |(from, to): &(&str, &str)| Freeze {
            from: (*from).to_owned(),
            to: (*to).to_owned(),
            reason: "quiet".to_owned(),
        };
        Calendar { time_zone: "Europe/Berlin".to_owned(), windows, freezes: freezes.iter().map(freeze).collect() }
    }

    fn window(days: &[u8], from: u16, to: u16) -> Window {
        Window { days: days.to_vec(), from_minute: from, to_minute: to }
    }

    const ALL: [u8; 7] = [1, 2, 3, 4, 5, 6, 7];

    #[test]
    fn a_window_follows_the_wall_clock_through_the_year() {
        let calendar = berlin(vec![window(&[1, 2, 3, 4, 5], 9 * 60, 17 * 60)], &[]);
        // Friday in winter (UTC+1) and in summer (UTC+2).
        assert!(calendar.open_at(at("2026-01-09T08:00:00Z")));
        assert!(!calendar.open_at(at("2026-01-09T07:59:59Z")));
        assert!(calendar.open_at(at("2026-07-10T07:00:00Z")));
        assert!(!calendar.open_at(at("2026-07-10T15:00:00Z")));
        // From Friday evening over the weekend, in which the clock is set forward.
        let next = calendar.next_open(at("2026-03-27T20:00:00Z"));
        assert_eq!(next, Some(at("2026-03-30T07:00:00Z")));
    }

    #[test]
    fn a_window_over_midnight_belongs_to_the_day_on_which_it_starts() {
        let calendar = berlin(vec![window(&[5], 22 * 60, 2 * 60)], &[]);
        assert!(calendar.open_at(at("2026-01-09T21:00:00Z")), "Friday 22:00");
        assert!(calendar.open_at(at("2026-01-10T00:59:00Z")), "Saturday 01:59");
        assert!(!calendar.open_at(at("2026-01-10T01:00:00Z")), "Saturday 02:00");
        assert!(!calendar.open_at(at("2026-01-10T21:00:00Z")), "Saturday 22:00");
    }

    #[test]
    fn a_window_that_starts_in_the_hour_that_is_skipped_opens_after_it() {
        // On 2026-03-29 Berlin goes from 02:00 to 03:00, at 01:00 UTC.
        let calendar = berlin(vec![window(&ALL, 150, 240)], &[]);
        assert_eq!(calendar.next_open(at("2026-03-29T00:30:00Z")), Some(at("2026-03-29T01:00:00Z")));
        let inside = berlin(vec![window(&ALL, 150, 165)], &[]);
        assert_eq!(
            inside.next_open(at("2026-03-29T00:30:00Z")),
            Some(at("2026-03-30T00:30:00Z")),
            "02:30, the day after"
        );
    }

    #[test]
    fn a_window_in_the_hour_that_comes_twice_opens_twice() {
        // On 2026-10-25 Berlin goes from 03:00 to 02:00, at 01:00 UTC.
        let calendar = berlin(vec![window(&ALL, 150, 165)], &[]);
        assert_eq!(calendar.next_open(at("2026-10-25T00:00:00Z")), Some(at("2026-10-25T00:30:00Z")));
        assert_eq!(calendar.next_open(at("2026-10-25T00:45:00Z")), Some(at("2026-10-25T01:30:00Z")));
        assert_eq!(calendar.next_open(at("2026-10-25T01:45:00Z")), Some(at("2026-10-26T01:30:00Z")));
    }

    #[test]
    fn a_freeze_covers_its_days_in_its_own_zone() {
        let calendar = berlin(Vec::new(), &[("2026-12-20", "2027-01-03")]);
        assert!(calendar.open_at(at("2026-12-19T22:59:59Z")));
        assert!(!calendar.open_at(at("2026-12-19T23:00:00Z")));
        assert_eq!(calendar.next_open(at("2026-12-24T12:00:00Z")), Some(at("2027-01-03T23:00:00Z")));
        let windows = berlin(vec![window(&[1], 600, 660)], &[("2026-12-20", "2027-01-04")]);
        assert_eq!(windows.next_open(at("2026-12-24T12:00:00Z")), Some(at("2027-01-11T09:00:00Z")));
    }

    #[test]
    fn what_never_opens_within_a_year_says_so() {
        let calendar = berlin(Vec::new(), &[("2026-01-01", "2030-01-01")]);
        assert_eq!(calendar.next_open(at("2026-06-01T00:00:00Z")), None);
        let unknown = Calendar { time_zone: "Mars/Olympus".to_owned(), ..Calendar::default() };
        assert!(!unknown.open_at(at("2026-06-01T00:00:00Z")));
        assert_eq!(unknown.next_open(Time(u64::MAX)), None);
    }
}
