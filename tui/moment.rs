//! Times of day as they are shown and typed: in UTC both, so that what is read can be typed.

use jiff::{
    Span, Timestamp, Zoned,
    civil::{DateTime, Time},
    tz::TimeZone,
};

/// What a time may look like where one is typed.
pub const EXPECTED: &str = "an OFFSET, -10m, 10:30, 2026-01-02T10:30 (UTC) or ms since 1970";
/// Numbers from here on are milliseconds since 1970 (this one is in 1973), not offsets.
pub const LEAST_MS: i64 = 100_000_000_000;

/// A whole time: `2026-01-02 03:04:05.678`. What is no time is shown as its number.
pub fn whole(ms: i64) -> String {
    zoned(ms).map_or_else(|| ms.to_string(), |at| at.strftime("%Y-%m-%d %H:%M:%S%.3f").to_string())
}

/// The same without the day where that is today.
pub fn short(ms: i64, now_ms: i64) -> String {
    match (zoned(ms), zoned(now_ms)) {
        (Some(at), Some(now)) if at.date() == now.date() => at.strftime("%H:%M:%S%.3f").to_string(),
        (Some(at), _) => at.strftime("%Y-%m-%d %H:%M:%S").to_string(),
        (None, _) => ms.to_string(),
    }
}

/// Reads a time: how long ago (`-10m`), a time of today, a date, both, RFC 3339, or ms since 1970. Gives ms.
pub fn read(text: &str, now_ms: i64) -> Option<i64> {
    let now = zoned(now_ms)?;
    let text = text.trim();
    let at = if let Some(ago) = text.strip_prefix('-') {
        // A number without a unit says nothing.
        now.checked_sub(ago.parse::<Span>().ok()?).ok()?.timestamp()
    } else if let Ok(ms) = text.parse::<i64>() {
        Timestamp::from_millisecond(ms).ok()?
    } else if let Ok(at) = text.parse::<Timestamp>() {
        at
    } else if let Ok(at) = text.parse::<DateTime>() {
        at.to_zoned(TimeZone::UTC).ok()?.timestamp()
    } else {
        let time = text.parse::<Time>().ok()?;
        now.date().to_datetime(time).to_zoned(TimeZone::UTC).ok()?.timestamp()
    };
    Some(at.as_millisecond())
}

fn zoned(ms: i64) -> Option<Zoned> {
    Timestamp::from_millisecond(ms).ok().map(|at| at.to_zoned(TimeZone::UTC))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-01-02 03:04:05.
    const NOW: i64 = 1_767_323_045_000;

    #[test]
    fn what_is_shown_can_be_typed() {
        assert_eq!((whole(NOW + 7), short(NOW + 7, NOW)), ("2026-01-02 03:04:05.007".into(), "03:04:05.007".into()));
        assert_eq!(short(NOW - 86_400_000, NOW), "2026-01-01 03:04:05");
        for text in [whole(NOW + 7), short(NOW + 7, NOW), (NOW + 7).to_string(), "2026-01-02T03:04:05.007Z".into()] {
            assert_eq!(read(&text, NOW), Some(NOW + 7), "{text}");
        }
        assert_eq!(read("-10m", NOW), Some(NOW - 600_000));
        assert_eq!(read("2026-01-02T03:04", NOW), Some(NOW - 5000));
        for text in ["", "-10", "soon", "25:00", "-", "99999999999999999999"] {
            assert_eq!(read(text, NOW), None, "{text}");
        }
        assert_eq!(whole(i64::MAX), i64::MAX.to_string());
    }
}
