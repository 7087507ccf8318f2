//! The only place that reads a clock, and what people write when they mean a time.

use engine::concerns::Moment;
use jiff::civil::{Date, DateTime};
use jiff::{Timestamp, Zoned, tz::TimeZone};
use model::{Span, Time};

/// Now, on the wall of whoever asks.
pub(crate) fn moment_now() -> Moment {
    moment(&Zoned::now())
}

fn moment(at: &Zoned) -> Moment {
    let minute = u16::from(at.hour().unsigned_abs()) * 60 + u16::from(at.minute().unsigned_abs());
    let weekday = at.weekday().to_monday_one_offset().unsigned_abs();
    Moment { weekday, minute, at: Time(u64::try_from(at.timestamp().as_millisecond()).unwrap_or(0)) }
}

/// `2026-03-27T15:00`, for the parser of arguments.
pub(crate) fn parse_local(text: &str) -> Result<Moment, String> {
    let help = || "write it as 2026-03-27T15:00".to_owned();
    let local: DateTime = text.parse().map_err(|_| help())?;
    Ok(moment(&local.to_zoned(TimeZone::system()).map_err(|_| help())?))
}

/// `2026-03-27`, `2026-03-27T15:00:00Z`, or how long ago: `2h`.
pub(crate) fn parse_time(text: &str) -> Result<Time, String> {
    let help = || "write 2026-03-27, 2026-03-27T15:00:00Z, or how long ago, as 2h".to_owned();
    let at = if let Ok(ago) = Span::parse(text) {
        let ago = i64::try_from(ago.0).map_err(|_| help())?;
        Timestamp::now().as_millisecond().saturating_sub(ago)
    } else if let Ok(at) = text.parse::<Timestamp>() {
        at.as_millisecond()
    } else {
        let date: Date = text.parse().map_err(|_| help())?;
        let zoned = date.to_zoned(TimeZone::system()).map_err(|_| help())?;
        zoned.timestamp().as_millisecond()
    };
    Ok(Time(u64::try_from(at).unwrap_or(0)))
}

/// `2026-03-27T15:00:00Z`.
pub(crate) fn utc(time: Time) -> String {
    let at = i64::try_from(time.0).ok().and_then(|at| Timestamp::from_millisecond(at).ok());
    at.map_or_else(|| time.0.to_string(), |at| at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
}
