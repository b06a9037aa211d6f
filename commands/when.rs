//! Times as people type and read them.

use jiff::{Span, Timestamp, Zoned, civil::DateTime, tz::TimeZone};
use std::time::Duration;

/// What a time may look like, for messages.
pub const EXPECTED: &str = "a time: 2026-01-02T03:04:05Z, \"2026-01-02 03:04:05\" (local), ms since 1970, -10m, or now";

/// Reads a time and gives it in ms since 1970: RFC 3339; a local date with or without a time of day; milliseconds;
/// `now`; or how long ago, such as `-10m`, `-2h30m`, `-1d`.
///
/// # Errors
/// What a time looks like.
pub fn parse(text: &str, now: &Zoned) -> Result<i64, String> {
    let text = text.trim();
    let parsed = if text == "now" {
        Some(now.timestamp())
    } else if let Ok(ms) = text.parse::<u64>() {
        i64::try_from(ms).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok())
    } else if let Some(ago) = text.strip_prefix('-') {
        // A number without a unit says nothing.
        ago.parse::<Span>().ok().and_then(|span| now.checked_sub(span).ok()).map(|then| then.timestamp())
    } else if let Ok(timestamp) = text.parse::<Timestamp>() {
        Some(timestamp)
    } else {
        let local = text.parse::<DateTime>().ok().and_then(|local| local.to_zoned(now.time_zone().clone()).ok());
        local.map(|then| then.timestamp())
    };
    parsed.map(|then| then.as_millisecond()).ok_or_else(|| format!("expected {EXPECTED}"))
}

/// A time on the command line, against the clock of this machine.
///
/// # Errors
/// As [`parse`].
pub fn argument(text: &str) -> Result<i64, String> {
    parse(text, &Zoned::now())
}

/// A length of time on the command line: `5s`, `500ms`, `1m30s`; a bare number is seconds.
///
/// # Errors
/// What it looks like.
pub fn duration(text: &str) -> Result<Duration, String> {
    let parsed = match text.parse::<f64>() {
        Ok(seconds) => Duration::try_from_secs_f64(seconds).ok(),
        Err(_) => text.parse::<jiff::SignedDuration>().ok().and_then(|duration| Duration::try_from(duration).ok()),
    };
    let least = Duration::from_millis(1);
    parsed
        .filter(|duration| *duration >= least)
        .ok_or_else(|| "expected a length of time, such as 5s or 500ms".to_owned())
}

/// A time for people and programs alike, in UTC: `2026-01-02T03:04:05.678Z`. What is no time is shown as its number.
pub fn show(ms: i64) -> String {
    match Timestamp::from_millisecond(ms) {
        Ok(then) => then.to_zoned(TimeZone::UTC).strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string(),
        Err(_) => ms.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const JAN_2: i64 = 1_767_323_045_000;

    fn now() -> Zoned {
        // Two hours east of Greenwich, without any time zone files.
        let zone = TimeZone::fixed(jiff::tz::offset(2));
        Timestamp::from_millisecond(JAN_2).unwrap().to_zoned(zone)
    }

    #[test]
    fn every_way_to_write_a_time_is_read() {
        for (text, ms) in [
            ("2026-01-02T03:04:05Z", JAN_2),
            ("2026-01-02T05:04:05+02:00", JAN_2),
            ("2026-01-02T03:04:05.250Z", JAN_2 + 250),
            ("2026-01-02 05:04:05", JAN_2),
            ("2026-01-02T05:04:05", JAN_2),
            ("2026-01-02 05:04", JAN_2 - 5_000),
            ("2026-01-02", JAN_2 - (5 * 3600 + 4 * 60 + 5) * 1000),
            ("1767323045000", JAN_2),
            ("now", JAN_2),
            ("-10m", JAN_2 - 600_000),
            ("-1h30m", JAN_2 - 5_400_000),
            ("-1d", JAN_2 - 86_400_000),
        ] {
            assert_eq!(parse(text, &now()), Ok(ms), "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_told_what_one_looks_like() {
        for text in ["", "yesterday", "-10", "10m", "2026-13-01", "-", "99999999999999999999", "2026-01-02T25:00:00Z"] {
            assert!(parse(text, &now()).unwrap_err().contains("2026-01-02"), "{text}");
        }
    }

    #[test]
    fn lengths_of_time_have_units_or_are_seconds() {
        for (text, ms) in [("5s", 5_000), ("500ms", 500), ("1m30s", 90_000), ("3", 3_000), ("0.5", 500)] {
            assert_eq!(duration(text), Ok(Duration::from_millis(ms)), "{text}");
        }
        for text in ["", "0", "-5s", "soon", "NaN", "inf", "1e300"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_time_is_shown_so_that_it_reads_back() {
        assert_eq!(show(JAN_2 + 7), "2026-01-02T03:04:05.007Z");
        assert_eq!(parse(&show(JAN_2 + 7), &now()), Ok(JAN_2 + 7));
        assert_eq!(show(i64::MAX), i64::MAX.to_string());
    }
}
