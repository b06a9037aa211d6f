//! When messages are to be seen: after a level's delay, after a length of time, or at a time.

use crate::when;
use client::{Message, PropertyError};
use protocol::properties::{DELAY_LEVEL, TIMER_DELAY_MS, TIMER_DELIVER_MS};
use std::time::Duration;

/// The levels of `messageDelayLevel`, if a broker is not set up otherwise.
const LEVELS: std::ops::RangeInclusive<u64> = 1..=18;
/// Numbers from here on are milliseconds since 1970 (this one is in 1973).
const LEAST_TIME: u64 = 100_000_000_000;

/// When a message is to be seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delay {
    /// After the delay of this level.
    Level(u64),
    /// So long after its broker has it.
    For(Duration),
    /// At this time, ms.
    At(i64),
}

impl Delay {
    /// The message with the property that asks for it.
    ///
    /// # Errors
    /// Never in fact: neither names nor numbers hold separators.
    pub fn of(self, message: Message) -> Result<Message, PropertyError> {
        match self {
            Self::Level(level) => message.with_property(DELAY_LEVEL, &level.to_string()),
            Self::For(time) => message.with_property(TIMER_DELAY_MS, &time.as_millis().to_string()),
            Self::At(time_ms) => message.with_property(TIMER_DELIVER_MS, &time_ms.to_string()),
        }
    }
}

/// Reads a level, a length of time, or a time to come.
///
/// # Errors
/// What it may look like.
pub fn argument(text: &str) -> Result<Delay, String> {
    parse(text, &jiff::Zoned::now())
}

fn parse(text: &str, now: &jiff::Zoned) -> Result<Delay, String> {
    if let Ok(number) = text.parse::<u64>() {
        if LEVELS.contains(&number) {
            return Ok(Delay::Level(number));
        }
        if number < LEAST_TIME {
            return Err(format!("there is no level {number}, only 1 to 18; for a length of time say {number}s"));
        }
    } else if text.ends_with(|last: char| last.is_ascii_alphabetic())
        && let Ok(time) = when::duration(text)
    {
        return Ok(Delay::For(time));
    }
    match when::parse(text, now) {
        Ok(time_ms) if time_ms > now.timestamp().as_millisecond() => Ok(Delay::At(time_ms)),
        Ok(_) => Err("that time is past".to_owned()),
        Err(_) => Err("expected a level from 1 to 18, a length of time such as 10s or 1h30m, or a time to come: \
             2026-01-02T03:04:05Z, \"2026-01-02 03:04:05\" (local), ms since 1970"
            .to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::{Timestamp, tz::TimeZone};

    const NOW_MS: i64 = 1_767_323_045_000;

    fn read(text: &str) -> Result<Delay, String> {
        parse(text, &Timestamp::from_millisecond(NOW_MS).unwrap().to_zoned(TimeZone::UTC))
    }

    #[test]
    fn levels_lengths_and_times_are_told_apart() {
        for (text, delay) in [
            ("1", Delay::Level(1)),
            ("18", Delay::Level(18)),
            ("10s", Delay::For(Duration::from_secs(10))),
            ("1h30m", Delay::For(Duration::from_secs(5400))),
            ("2026-01-02T03:05:00Z", Delay::At(NOW_MS + 55_000)),
            ("1767323045001", Delay::At(NOW_MS + 1)),
        ] {
            assert_eq!(read(text), Ok(delay), "{text}");
        }
        for (text, says) in [
            ("0", "0s"),
            ("19", "19s"),
            ("1.5", "level from 1"),
            ("soon", "level from 1"),
            ("", "level from 1"),
            ("now", "past"),
            ("-10m", "past"),
            ("2026-01-02T03:04:05Z", "past"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(says), "{text}: {error}");
        }
    }

    #[test]
    fn each_asks_as_clients_of_its_broker_do() {
        let asked = |delay: Delay| {
            let message = delay.of(Message::new("T", "x")).unwrap();
            message.properties.as_str().replace(['\u{1}', '\u{2}'], " ")
        };
        assert_eq!(asked(Delay::Level(3)), "DELAY 3 ");
        assert_eq!(asked(Delay::For(Duration::from_millis(1500))), "TIMER_DELAY_MS 1500 ");
        assert_eq!(asked(Delay::At(NOW_MS)), format!("TIMER_DELIVER_MS {NOW_MS} "));
    }
}
