//! How long sends take, from the read that brought them to the answer that is ready: with what their settings wait for
//! (disk, slaves, and for the first message of a new topic the name servers), without the network.
//!
//! A send costs a share of one addition: those of a read that are answered together are counted together, in buckets
//! that are never reset. Every ten seconds the buckets are noted; what is told is what came since the note of a minute
//! ago. Source of the names and of the ranges: `StoreStatsService` of Apache RocketMQ 4.9.8, which counts whole
//! milliseconds, of what its store takes, and tells of the last minute that is over.

use parking_lot::Mutex;
use std::{
    collections::VecDeque,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

/// Upper ends of the buckets in µs, each excluded: 1 to 9, then eighteen to a decade, up to 95 s.
const ENDS: [u64; 135] = ends();
/// One more bucket, for what is longer.
const BUCKETS: usize = ENDS.len() + 1;
/// Notes that are kept, ten seconds apart: the oldest is from a minute ago, or at most ten seconds older.
const NOTES: usize = 7;
/// The ranges that Apache RocketMQ tells of, with the ends of all but the last, in µs, each excluded.
const RANGES: [(&str, u64); 13] = [
    ("[<=0ms]", 1_000),
    ("[0~10ms]", 10_000),
    ("[10~50ms]", 50_000),
    ("[50~100ms]", 100_000),
    ("[100~200ms]", 200_000),
    ("[200~500ms]", 500_000),
    ("[500ms~1s]", 1_000_000),
    ("[1~2s]", 2_000_000),
    ("[2~3s]", 3_000_000),
    ("[3~4s]", 4_000_000),
    ("[4~5s]", 5_000_000),
    ("[5~10s]", 10_000_000),
    ("[10s~]", u64::MAX),
];

const fn ends() -> [u64; 135] {
    let mut ends = [0; 135];
    let mut at = 0;
    while at < 9 {
        ends[at] = at as u64 + 1;
        at += 1;
    }
    let mut decade = 10;
    while at < 135 {
        let mut half = 2;
        while half < 20 {
            ends[at] = decade / 2 * half;
            at += 1;
            half += 1;
        }
        decade *= 10;
    }
    ends
}

type Counts = [u64; BUCKETS];

/// How often sends took how long.
pub struct Latencies {
    buckets: [AtomicU64; BUCKETS],
    slowest_us: AtomicU64,
    notes: Mutex<VecDeque<Counts>>,
}

impl Default for Latencies {
    fn default() -> Self {
        Self {
            buckets: [const { AtomicU64::new(0) }; BUCKETS],
            slowest_us: AtomicU64::new(0),
            notes: Mutex::new(VecDeque::from([[0; BUCKETS]])),
        }
    }
}

impl Latencies {
    /// So many sends were answered after so long.
    pub fn count(&self, sends: usize, took: Duration) {
        if sends == 0 {
            return;
        }
        let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let bucket = ENDS.partition_point(|end| *end <= us);
        self.buckets[bucket].fetch_add(sends as u64, Relaxed);
        if us > self.slowest_us.load(Relaxed) {
            self.slowest_us.fetch_max(us, Relaxed);
        }
    }

    /// Notes the counts. To be called every ten seconds.
    pub fn note(&self) {
        let now = self.now();
        let mut notes = self.notes.lock();
        notes.push_back(now);
        if notes.len() > NOTES {
            notes.pop_front();
        }
    }

    fn now(&self) -> Counts {
        self.buckets.each_ref().map(|count| count.load(Relaxed))
    }

    fn last_minute(&self) -> Counts {
        let mut counts = self.now();
        if let Some(before) = self.notes.lock().front() {
            counts.iter_mut().zip(before).for_each(|(count, before)| *count = count.saturating_sub(*before));
        }
        counts
    }

    /// Apache's names and values. Of a minute without a send 0 is told, as Apache RocketMQ does: the ranges, all empty,
    /// say that there was none.
    pub fn told(&self) -> [(&'static str, String); 4] {
        let counts = self.last_minute();
        let ms = |share: f64| format!("{:.3}", percentile(&counts, share).unwrap_or(0.0) / 1000.0);
        [
            ("putLatency99", ms(0.99)),
            ("putLatency999", ms(0.999)),
            ("putMessageDistributeTime", ranges(&counts)),
            ("putMessageEntireTimeMax", (self.slowest_us.load(Relaxed) / 1000).to_string()),
        ]
    }
}

/// The time in µs within which that share of the sends was answered; `None` if there were none.
fn percentile(counts: &Counts, share: f64) -> Option<f64> {
    let total: u64 = counts.iter().sum();
    let mut left = (total as f64 * share).ceil();
    for (bucket, count) in counts.iter().map(|count| *count as f64).enumerate().filter(|(_, count)| *count > 0.0) {
        if left <= count {
            let begin = bucket.checked_sub(1).map_or(0, |before| ENDS[before]) as f64;
            // Of what is longer than the longest only that is known.
            let end = ENDS.get(bucket).map_or(begin, |end| *end as f64);
            return Some(begin + (end - begin) * left / count);
        }
        left -= count;
    }
    None
}

/// `[<=0ms]:12 [0~10ms]:3 …`
fn ranges(counts: &Counts) -> String {
    let mut sums = [0; RANGES.len()];
    for (bucket, count) in counts.iter().enumerate() {
        let end = ENDS.get(bucket).copied().unwrap_or(u64::MAX);
        sums[RANGES.partition_point(|(_, range_end)| *range_end < end)] += count;
    }
    // What reads them has 32 bits for each.
    RANGES.iter().zip(sums).map(|((name, _), sum)| format!("{name}:{} ", sum.min(i32::MAX as u64))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(latencies: &Latencies, name: &str) -> String {
        latencies.told().into_iter().find(|(key, _)| *key == name).unwrap().1
    }

    #[test]
    fn the_buckets_end_where_the_ranges_do() {
        assert!(ENDS.is_sorted_by(|one, next| one < next), "{ENDS:?}");
        assert_eq!(ENDS.last(), Some(&95_000_000));
        for (name, end) in &RANGES[..RANGES.len() - 1] {
            assert!(ENDS.contains(end), "{name}");
        }
    }

    #[test]
    fn percentiles_are_as_exact_as_the_buckets_and_never_nothing() {
        let latencies = Latencies::default();
        assert_eq!(
            (told(&latencies, "putLatency99"), told(&latencies, "putLatency999")),
            ("0.000".into(), "0.000".into())
        );
        latencies.count(0, Duration::from_secs(1));
        latencies.count(9_980, Duration::from_micros(120));
        latencies.count(15, Duration::from_millis(30));
        latencies.count(5, Duration::from_secs(200));
        assert_eq!(told(&latencies, "putLatency99"), "0.150");
        assert_eq!(told(&latencies, "putLatency999"), "33.333");
        assert_eq!(told(&latencies, "putMessageEntireTimeMax"), "200000");
        let mut counts = [0; BUCKETS];
        counts[BUCKETS - 1] = 1;
        assert_eq!(percentile(&counts, 0.5), Some(95_000_000.0), "at least that");
        let fast = Latencies::default();
        fast.count(1, Duration::ZERO);
        assert_eq!(told(&fast, "putLatency99"), "0.001");
    }

    #[test]
    fn the_ranges_are_those_of_apache_and_hold_each_send_once() {
        let latencies = Latencies::default();
        for us in [0, 999, 1_000, 9_999, 10_000, 999_999, 1_000_000, 10_000_000, 95_000_000, u64::MAX] {
            latencies.count(1, Duration::from_micros(us));
        }
        let golden = "[<=0ms]:2 [0~10ms]:2 [10~50ms]:1 [50~100ms]:0 [100~200ms]:0 [200~500ms]:0 [500ms~1s]:1 \
                      [1~2s]:1 [2~3s]:0 [3~4s]:0 [4~5s]:0 [5~10s]:0 [10s~]:3 ";
        assert_eq!(told(&latencies, "putMessageDistributeTime"), golden);
    }

    #[test]
    fn what_is_older_than_a_minute_does_not_count() {
        let latencies = Latencies::default();
        latencies.count(1, Duration::from_secs(3));
        for _ in 0..6 {
            latencies.note();
            assert_eq!(told(&latencies, "putLatency99"), "3500.000");
        }
        latencies.note();
        assert_eq!(told(&latencies, "putLatency99"), "0.000");
        assert_eq!(told(&latencies, "putMessageEntireTimeMax"), "3000", "this one is since the start");
    }
}
