//! How many messages there were when the day began, and the day before: what was stored and given out since yesterday.
//!
//! Counts are since the start, as those of Apache RocketMQ: after one they begin at 0. Source: its `BrokerStats`.

use jiff::{Timestamp, civil::Date, tz::TimeZone};
use parking_lot::Mutex;

/// Messages stored and given out since the start.
pub type Counts = [u64; 2];

/// The counts of two mornings.
#[derive(Debug, Default)]
pub struct Mornings(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    day: Option<Date>,
    yesterday: Counts,
    today: Counts,
    last: Counts,
}

impl Mornings {
    /// Notes the counts at `now_ms`, in the zone that days begin by. To be called every few seconds.
    pub fn note(&self, now_ms: i64, zone: TimeZone, counts: Counts) {
        let Ok(now) = Timestamp::from_millisecond(now_ms) else { return };
        let day = now.to_zoned(zone).date();
        let mut known = self.0.lock();
        if known.day.is_some_and(|before| before < day) {
            known.yesterday = known.today;
            // As they were at the last look before midnight.
            known.today = known.last;
        }
        known.day = Some(day);
        known.last = counts;
    }

    /// Apache's names and values, with the counts as they are now.
    pub fn told(&self, now: Counts) -> [(&'static str, u64); 6] {
        let known = self.0.lock();
        [
            ("msgPutTotalYesterdayMorning", known.yesterday[0]),
            ("msgPutTotalTodayMorning", known.today[0]),
            ("msgPutTotalTodayNow", now[0]),
            ("msgGetTotalYesterdayMorning", known.yesterday[1]),
            ("msgGetTotalTodayMorning", known.today[1]),
            ("msgGetTotalTodayNow", now[1]),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_begins_with_what_there_was_before_midnight() {
        let mornings = Mornings::default();
        let zone = || TimeZone::fixed(jiff::tz::offset(8));
        const HOUR: i64 = 3_600_000;
        let note = |hour: i64, put| mornings.note(hour * HOUR, zone(), [put, put / 2]);
        let told = |now| mornings.told([now, now]).map(|(_, count)| count);
        assert_eq!(told(5), [0, 0, 5, 0, 0, 5]);
        note(0, 0);
        // Midnight in this zone is at 16:00 UTC.
        note(15, 100);
        assert_eq!(told(101), [0, 0, 101, 0, 0, 101]);
        note(16, 110);
        assert_eq!(told(111), [0, 100, 111, 0, 50, 111]);
        note(39, 200);
        note(40, 300);
        assert_eq!(told(300), [100, 200, 300, 50, 100, 300]);
        // A clock that is set back begins no new day.
        note(39, 301);
        assert_eq!(told(301), [100, 200, 301, 50, 100, 301]);
    }
}
