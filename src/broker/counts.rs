//! What is counted of topics and groups (315), over the last minute, hour and day.
//!
//! What is stored is not counted on its way: the queues' ends tell it, looked at every ten seconds. What is given out and
//! what is sent back is counted as it happens, by topic and group. Source: `StatsItem`, `BrokerStatsManager` of Apache
//! RocketMQ 4.9.8; of its counters these are not kept: sizes of what is stored, latencies, what is read from the disk.
//!
//! Memory is bounded: topics that are gone and readers that were idle for a day are forgotten, and no more than
//! [`MAX_READERS`] are counted.

use crate::{broker::Broker, mornings::Mornings};
use jiff::tz::TimeZone;
use parking_lot::{Mutex, RwLock};
use protocol::topic_stats::{StatsData, StatsItem};
use std::{
    collections::{HashMap, VecDeque},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

/// How often the counts are to be noted.
pub const PERIOD: Duration = Duration::from_secs(10);
const PERIOD_MS: i64 = 10_000;
/// Most pairs of topic and group that are counted.
const MAX_READERS: usize = 10_000;
/// For the last minute, hour and day: how far apart the notes are, in ms, and how many are kept.
const WINDOWS: [(i64, usize); 3] = [(PERIOD_MS, 7), (600_000, 7), (3_600_000, 25)];

/// Counts at a time.
#[derive(Clone, Copy, Debug)]
struct Note<const N: usize> {
    at_ms: i64,
    counts: [u64; N],
}

/// The notes that the windows are told from.
#[derive(Debug)]
struct Notes<const N: usize>([VecDeque<Note<N>>; 3]);

/// How much came together in each window, and in how many ms.
type Sums<const N: usize> = [(i64, [u64; N]); 3];

impl<const N: usize> Notes<N> {
    /// Begins with what there was one period before `now_ms`: what is counted in an instant is no rate.
    fn begin(now_ms: i64, counts: [u64; N]) -> Self {
        Self([(); 3].map(|()| VecDeque::from([Note { at_ms: now_ms - PERIOD_MS, counts }])))
    }

    fn note(&mut self, now_ms: i64, counts: [u64; N]) {
        let last = self.0[0].back().copied();
        if last.is_some_and(|last| last.at_ms > now_ms || last.counts.iter().zip(&counts).any(|(old, new)| old > new)) {
            // The clock was set back, or the topic was deleted and made again: what was is no measure any more.
            *self = Self::begin(now_ms, counts);
            return;
        }
        for (notes, (apart_ms, most)) in self.0.iter_mut().zip(WINDOWS) {
            if notes.back().is_none_or(|last| now_ms - last.at_ms >= apart_ms) {
                notes.push_back(Note { at_ms: now_ms, counts });
            }
            while notes.len() > most {
                notes.pop_front();
            }
        }
    }

    /// What came since the first note of each window.
    fn sums(&self, now_ms: i64, counts: [u64; N]) -> Sums<N> {
        self.0.each_ref().map(|notes| match notes.front() {
            Some(first) => {
                let sums = std::array::from_fn(|at| counts[at].saturating_sub(first.counts[at]));
                ((now_ms - first.at_ms).max(0), sums)
            }
            None => (0, [0; N]),
        })
    }

    /// Whether nothing came for a day.
    fn is_idle(&self, counts: [u64; N]) -> bool {
        let day = &self.0[2];
        day.len() >= WINDOWS[2].1 && day.front().is_some_and(|first| first.counts == counts)
    }
}

/// What a group was given of a topic.
#[derive(Debug)]
struct Reads {
    messages: AtomicU64,
    bytes: AtomicU64,
    times: AtomicU64,
    sent_back: AtomicU64,
    notes: Mutex<Notes<4>>,
}

impl Reads {
    fn counts(&self) -> [u64; 4] {
        [&self.messages, &self.bytes, &self.times, &self.sent_back].map(|count| count.load(Relaxed))
    }

    fn sums(&self, now_ms: i64) -> Sums<4> {
        self.notes.lock().sums(now_ms, self.counts())
    }
}

/// What is counted.
pub struct Counts {
    /// Topic → group.
    reads: RwLock<HashMap<String, HashMap<String, Arc<Reads>>>>,
    /// Messages stored, by topic.
    puts: Mutex<HashMap<Arc<str>, Notes<1>>>,
    /// Messages stored and given out in all.
    all: Mutex<Notes<2>>,
    full: AtomicBool,
    mornings: Mornings,
}

impl Counts {
    /// Nothing is counted yet; `ends` is how many messages each topic ever had, by its queues' ends.
    pub fn begin(now_ms: i64, ends: HashMap<Arc<str>, u64>) -> Self {
        let puts = ends.into_iter().map(|(topic, end)| (topic, Notes::begin(now_ms, [end]))).collect();
        Self {
            reads: RwLock::default(),
            puts: Mutex::new(puts),
            all: Mutex::new(Notes::begin(now_ms, [0; 2])),
            full: AtomicBool::new(false),
            mornings: Mornings::default(),
        }
    }

    /// A group was given messages of a topic, in one answer.
    pub fn got(&self, topic: &str, group: &str, messages: usize, bytes: usize, now_ms: impl FnOnce() -> i64) {
        self.with(topic, group, now_ms, |reads| {
            reads.messages.fetch_add(messages as u64, Relaxed);
            reads.bytes.fetch_add(bytes as u64, Relaxed);
            reads.times.fetch_add(1, Relaxed);
        });
    }

    /// A group sent a message of a topic back.
    pub fn sent_back(&self, topic: &str, group: &str, now_ms: i64) {
        self.with(topic, group, || now_ms, |reads| _ = reads.sent_back.fetch_add(1, Relaxed));
    }

    fn with(&self, topic: &str, group: &str, now_ms: impl FnOnce() -> i64, count: impl FnOnce(&Reads)) {
        if let Some(reads) = self.reads.read().get(topic).and_then(|groups| groups.get(group)) {
            return count(reads);
        }
        let mut reads = self.reads.write();
        if reads.values().map(HashMap::len).sum::<usize>() >= MAX_READERS {
            if !self.full.swap(true, Relaxed) {
                tracing::warn!("more than {MAX_READERS} pairs of topic and group are read: some are not counted");
            }
            return;
        }
        let new = || Reads {
            messages: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            times: AtomicU64::new(0),
            sent_back: AtomicU64::new(0),
            notes: Mutex::new(Notes::begin(now_ms(), [0; 4])),
        };
        let groups = reads.entry(topic.to_owned()).or_default();
        count(groups.entry(group.to_owned()).or_insert_with(|| Arc::new(new())));
    }

    /// Notes the counts. To be called every [`PERIOD`]; `ends` as in [`Counts::begin`], `all` is what was stored and
    /// given out since the start.
    pub fn note(&self, now_ms: i64, ends: HashMap<Arc<str>, u64>, all: [u64; 2]) {
        self.all.lock().note(now_ms, all);
        let mut reads = self.reads.write();
        reads.retain(|topic, groups| {
            groups.retain(|_, reads| {
                let (counts, mut notes) = (reads.counts(), reads.notes.lock());
                notes.note(now_ms, counts);
                !notes.is_idle(counts)
            });
            ends.contains_key(topic.as_str()) && !groups.is_empty()
        });
        drop(reads);
        let mut puts = self.puts.lock();
        puts.retain(|topic, _| ends.contains_key(topic));
        for (topic, end) in ends {
            // A topic that is new since had nothing before.
            puts.entry(topic).or_insert_with(|| Notes::begin(now_ms, [0])).note(now_ms, [end]);
        }
    }

    /// Messages stored of a topic that now has had `end` of them.
    pub fn puts(&self, topic: &str, end: u64, now_ms: i64) -> StatsData {
        let puts = self.puts.lock();
        let sums = puts
            .get(topic)
            .map_or_else(|| Notes::begin(now_ms, [0]).sums(now_ms, [end]), |notes| notes.sums(now_ms, [end]));
        // A message is one put: also those of a batch.
        data(sums, 0, Some(0))
    }

    /// Messages that a group was given of a topic; `None` if it was given none.
    pub fn gets(&self, topic: &str, group: &str, now_ms: i64) -> Option<StatsData> {
        Some(data(self.reads(topic, group)?.sums(now_ms), 0, Some(2)))
    }

    /// Bytes that a group was given of a topic; `None` if it was given none.
    pub fn get_sizes(&self, topic: &str, group: &str, now_ms: i64) -> Option<StatsData> {
        Some(data(self.reads(topic, group)?.sums(now_ms), 1, Some(2)))
    }

    /// Messages of a topic that a group sent back; `None` if it neither was given nor sent back any.
    pub fn backs(&self, topic: &str, group: &str, now_ms: i64) -> Option<StatsData> {
        Some(data(self.reads(topic, group)?.sums(now_ms), 3, Some(3)))
    }

    /// Messages stored, and given out, in all; `all` as in [`Counts::note`].
    pub fn totals(&self, now_ms: i64, all: [u64; 2]) -> [StatsData; 2] {
        let sums = self.all.lock().sums(now_ms, all);
        [0, 1].map(|at| data(sums, at, None))
    }

    /// Messages a second that a group is given of a topic.
    pub fn gets_a_second(&self, topic: &str, group: &str, now_ms: i64) -> f64 {
        self.gets(topic, group, now_ms).map_or(0.0, |data| data.stats_minute.tps)
    }

    fn reads(&self, topic: &str, group: &str) -> Option<Arc<Reads>> {
        self.reads.read().get(topic)?.get(group).cloned()
    }
}

/// Messages stored and given out since the start.
pub fn all(broker: &Broker) -> [u64; 2] {
    let stats = broker.store().stats();
    [stats.put_messages, stats.pulled_messages]
}

/// Notes what a broker has counted. To be called every [`PERIOD`].
pub fn note(broker: &Broker) {
    broker.counts().note(broker.clock().now_ms(), broker.store().ends(), all(broker));
    mornings(broker);
}

/// What there was when the day began, with Apache's names.
pub fn mornings(broker: &Broker) -> [(&'static str, u64); 6] {
    let (counts, all) = (broker.counts(), all(broker));
    counts.mornings.note(broker.clock().now_ms(), TimeZone::system(), all);
    counts.mornings.told(all)
}

/// The sums of one count; `times` is the count of how often it was added to.
fn data<const N: usize>(sums: Sums<N>, count: usize, times: Option<usize>) -> StatsData {
    let [stats_minute, stats_hour, stats_day] = sums.map(|(in_ms, sums)| {
        let sum = sums[count];
        let times = times.map_or(0, |times| sums[times]);
        let per = |parts: f64| if parts > 0.0 { sum as f64 / parts } else { 0.0 };
        StatsItem { avgpt: per(times as f64), sum: sum as i64, tps: per(in_ms as f64 / 1000.0) }
    });
    StatsData { stats_day, stats_hour, stats_minute }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ends(end: u64) -> HashMap<Arc<str>, u64> {
        [("T".into(), end)].into()
    }

    fn shown(item: StatsItem) -> (i64, String) {
        (item.sum, format!("{:.3}", item.tps))
    }

    #[test]
    fn what_came_in_a_minute_an_hour_and_a_day_is_told_apart() {
        let counts = Counts::begin(0, ends(100));
        assert_eq!(shown(counts.puts("T", 130, 0).stats_minute), (30, "3.000".into()));
        // 10 messages every 10 s for two hours, then none for two minutes.
        let mut end = 100;
        for second in (10..=7200).step_by(10) {
            end += 10;
            counts.note(second * 1000, ends(end), [end - 100, 0]);
        }
        let now = counts.puts("T", end, 7_200_000);
        assert_eq!(shown(now.stats_minute), (60, "1.000".into()));
        // The window is as old as its oldest note: up to ten minutes more.
        assert_eq!(shown(now.stats_hour), (3610, "1.000".into()));
        assert_eq!(shown(now.stats_day), (7200, "0.999".into()));
        for second in (7210..=7320).step_by(10) {
            counts.note(second * 1000, ends(end), [end - 100, 0]);
        }
        assert_eq!(shown(counts.puts("T", end, 7_320_000).stats_minute), (0, "0.000".into()));
        assert_eq!(counts.totals(7_320_000, [end - 100, 7])[1].stats_day.sum, 7);
        // The topic is deleted, and made again.
        counts.note(7_330_000, ends(3), [0, 0]);
        assert_eq!(counts.puts("T", 5, 7_340_000).stats_day.sum, 2);
        counts.note(7_340_000, HashMap::new(), [0, 0]);
        assert_eq!(counts.puts("T", 5, 7_340_000).stats_day.sum, 5);
    }

    #[test]
    fn what_a_group_is_given_is_counted_until_it_was_idle_for_a_day() {
        let counts = Counts::begin(0, ends(0));
        assert_eq!(counts.gets("T", "G", 0), None);
        counts.got("T", "G", 30, 3000, || 0);
        counts.got("T", "G", 10, 1000, || 0);
        counts.sent_back("T", "G", 0);
        let minute = |data: Option<StatsData>| data.unwrap().stats_minute;
        assert_eq!(minute(counts.gets("T", "G", 0)), StatsItem { avgpt: 20.0, sum: 40, tps: 4.0 });
        assert_eq!(minute(counts.get_sizes("T", "G", 0)).sum, 4000);
        assert_eq!(minute(counts.backs("T", "G", 0)).sum, 1);
        for hour in 1..=30 {
            counts.note(hour * 3_600_000, ends(0), [0, 0]);
        }
        assert_eq!(counts.gets("T", "G", 0), None);
        counts.got("T", "G", 1, 1, || 0);
        counts.note(1, HashMap::new(), [0, 0]);
        assert_eq!(counts.gets("T", "G", 0), None, "its topic is gone");
    }

    #[test]
    fn no_more_pairs_are_counted_than_memory_is_meant_for() {
        let counts = Counts::begin(0, ends(0));
        for at in 0..=MAX_READERS {
            counts.got("T", &at.to_string(), 1, 1, || 0);
        }
        assert!(counts.gets("T", &(MAX_READERS - 1).to_string(), 0).is_some());
        assert!(counts.gets("T", &MAX_READERS.to_string(), 0).is_none());
        counts.got("T", "0", 1, 1, || 0);
        assert_eq!(counts.gets("T", "0", 0).unwrap().stats_day.sum, 2);
    }
}
