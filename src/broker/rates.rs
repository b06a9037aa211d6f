//! Messages in and out per second, over the last 10 s, minute and ten minutes.
//!
//! A count of everything is noted once a second; a rate is the difference of two notes. As Apache RocketMQ's
//! `StoreStatsService` prints them: three numbers with blanks between.

use parking_lot::Mutex;
use std::collections::VecDeque;
use store::StoreStats;

/// The spans a rate is told for, in seconds.
const SPANS: [usize; 3] = [10, 60, 600];

#[derive(Clone, Copy, Debug)]
struct Note {
    at_ms: i64,
    put: u64,
    found: u64,
    missed: u64,
    out: u64,
}

/// The notes of the last ten minutes.
#[derive(Debug, Default)]
pub struct Rates {
    notes: Mutex<VecDeque<Note>>,
}

impl Rates {
    /// Notes the counts at `now_ms`. To be called once a second.
    pub fn note(&self, stats: &StoreStats, now_ms: i64) {
        let note = Note {
            at_ms: now_ms,
            put: stats.put_messages,
            found: stats.pulls_found,
            missed: stats.pulls_missed,
            out: stats.pulled_messages,
        };
        let mut notes = self.notes.lock();
        notes.push_back(note);
        while notes.len() > SPANS[2] + 1 {
            notes.pop_front();
        }
    }

    /// Apache's names and values: `putTps`, `getFoundTps`, `getMissTps`, `getTotalTps`, `getTransferedTps`.
    pub fn told(&self) -> [(&'static str, String); 5] {
        [
            ("putTps", self.over(|note| note.put)),
            ("getFoundTps", self.over(|note| note.found)),
            ("getMissTps", self.over(|note| note.missed)),
            ("getTotalTps", self.over(|note| note.found + note.missed)),
            ("getTransferedTps", self.over(|note| note.out)),
        ]
    }

    /// The rate over each span, or over as much of it as there is.
    fn over(&self, count: impl Fn(&Note) -> u64) -> String {
        let notes = self.notes.lock();
        let rate = |span: usize| {
            let (Some(last), Some(first)) = (notes.back(), notes.get(notes.len().saturating_sub(span + 1))) else {
                return 0.0;
            };
            let seconds = (last.at_ms - first.at_ms) as f64 / 1000.0;
            if seconds > 0.0 { count(last).saturating_sub(count(first)) as f64 / seconds } else { 0.0 }
        };
        SPANS.map(|span| format!("{:.2}", rate(span))).join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stats(put_messages: u64) -> StoreStats {
        StoreStats {
            min_physical: 0,
            max_physical: 0,
            damaged_records: 0,
            unflushed_bytes: 0,
            dispatch_behind_bytes: 0,
            log_disk_ratio: None,
            queue_disk_ratio: None,
            queues: 0,
            index_files: 0,
            put_messages,
            put_bytes: 0,
            put_failures: 0,
            pulls_found: 0,
            pulls_missed: 0,
            pulled_messages: 0,
            slowest_pull_us: 0,
            refusing: None,
        }
    }

    #[test]
    fn a_rate_is_told_over_each_span_or_as_much_of_it_as_there_is() {
        let rates = Rates::default();
        let put = || rates.told()[0].1.clone();
        assert_eq!(put(), "0.00 0.00 0.00");
        for second in 0..=30 {
            // 5 a second for 20 s, then 100 a second.
            let sent = if second <= 20 { second * 5 } else { 100 + (second - 20) * 100 };
            rates.note(&stats(sent), second as i64 * 1000);
        }
        assert_eq!(put(), "100.00 36.67 36.67");
        (31..2000).for_each(|second| rates.note(&stats(1100), second * 1000));
        assert_eq!(put(), "0.00 0.00 0.00");
        assert_eq!(rates.notes.lock().len(), 601);
    }
}
