//! Messages that are to be seen only after a delay: the levels of `messageDelayLevel`.
//!
//! Each level is a queue of `SCHEDULE_TOPIC_XXXX`, in the order in which its messages are due. How far each is delivered
//! is kept in `config/delayOffset.json`, never ahead of copies that are on the disk.
//! Source: `ScheduleMessageService`, `DelayOffsetSerializeWrapper` of Apache RocketMQ 4.9.8.

use crate::{
    broker::Broker,
    deliver::{self, Delivered, Delivery, Fetched},
    parked::Parking,
    refusal::Refusal,
};
use base::{Tasks, durable::DurableFile};
use parking_lot::Mutex;
use protocol::{Command, loose_json, properties, topic::SCHEDULE_TOPIC};
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, HashSet, VecDeque},
    io,
    ops::Range,
    sync::Arc,
    time::Duration,
};
use store::{ConsumeQueue, MessageStore, QueueEntry, StoreError};

/// Messages that one append delivers at most.
const BATCH: usize = 256;
/// How long to wait after a delivery that failed, or a message that could not be read.
const RETRY: Duration = Duration::from_secs(1);
/// How often a message is tried to be read before it is given up.
const TRIES: u32 = 3;
/// How far beyond its level's delay a message may be due: clocks are set back, but seldom far. What is due later still
/// is delivered at once, as Apache RocketMQ does, or a clock that was years ahead would hold messages for years.
const CLOCK_SLACK_MS: i64 = 60_000;
/// Queues that settings of the past may have left messages in.
const MOST_LEVELS: i32 = 256;
/// Bytes of log after which the file is written even if no level went on: what lies behind is read after a crash.
const FAR: i64 = 64 << 20;

/// How far the levels are delivered.
pub struct Delays {
    /// Of level 1 first, ms.
    levels_ms: Vec<i64>,
    file: DurableFile,
    levels: Mutex<Levels>,
    saved: Mutex<Saved>,
}

/// How far all levels are delivered.
#[derive(Debug, Default)]
struct Levels {
    progress: BTreeMap<i32, Progress>,
    /// Where copies of an earlier life begin, until every level is past those and that is known of all.
    held: Option<i64>,
    started: bool,
}

impl Levels {
    /// Where delivery begins by what was saved.
    fn begin(saved: &Saved) -> Self {
        let table = saved.offset_table.iter().filter(|(level, next)| **level > 0 && **next >= 0);
        let progress =
            table.map(|(level, next)| (*level, Progress { next: *next, safe: *next, ..Progress::default() })).collect();
        Self { progress, held: saved.log_offset, started: false }
    }
}

/// How far a level is delivered.
#[derive(Debug, Default)]
struct Progress {
    /// The next message to deliver, as its offset in the level's queue.
    next: i64,
    /// The same as far as the copies are surely on the disk.
    safe: i64,
    /// Where it is past what was delivered in an earlier life and not counted then; `i64::MAX` while that is not known.
    until: i64,
    /// Where copies lie in the log, and what `safe` is once they are on the disk.
    unflushed: VecDeque<(Range<u64>, i64)>,
}

impl Progress {
    /// Goes on at `next`, now that there are `copies` of what is before it, if any were to be made.
    fn moved(&mut self, next: i64, copies: Option<Range<u64>>) {
        self.next = next;
        match copies.or(self.unflushed.back().map(|(copies, _)| copies.clone())) {
            Some(copies) => self.unflushed.push_back((copies, next)),
            None => self.safe = next,
        }
    }

    fn flushed(&mut self, up_to: u64) {
        while let Some((_, next)) = self.unflushed.pop_front_if(|(copies, _)| copies.end <= up_to) {
            self.safe = next;
        }
    }
}

/// The file's form. Apache RocketMQ has the table only.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Saved {
    /// Level → next offset to deliver.
    offset_table: BTreeMap<i32, i64>,
    /// Where in the log the copies begin that are not counted in the table.
    #[serde(skip_serializing_if = "Option::is_none")]
    log_offset: Option<i64>,
}

impl Saved {
    /// Whether it is not worth a write that the log has grown since `old`.
    fn is_near(&self, old: &Self) -> bool {
        old.log_offset.is_some_and(|old| (0..FAR).contains(&(self.log_offset.unwrap_or(0) - old)))
    }
}

impl Delays {
    /// Reads how far the levels with these delays are delivered.
    ///
    /// # Errors
    /// If the file is there but neither it nor its `.bak` can be read.
    pub fn open(file: DurableFile, levels_ms: Vec<i64>) -> io::Result<Self> {
        let saved: Option<Saved> = file.read(|text| loose_json::from_slice(text).map_err(io::Error::other))?;
        // Where there is no file, none of the copies in the log is counted.
        let saved = saved.unwrap_or(Saved { log_offset: Some(0), ..Saved::default() });
        Ok(Self { levels_ms, file, levels: Mutex::new(Levels::begin(&saved)), saved: Mutex::new(saved) })
    }

    /// Parks a message with the properties `stored`, which belongs to queue `belongs.1` of topic `belongs.0`, for the
    /// delay of `level`, from 1. A level above the highest is the highest, and the answer says so.
    pub fn parking(&self, level: i32, belongs: (&str, i32), stored: &str) -> Parking {
        let highest = self.levels_ms.len() as i32;
        let given = level.min(highest);
        let stored = properties::with(stored, properties::DELAY_LEVEL, itoa::Buffer::new().format(given));
        let remark = (level > highest).then(|| format!("delay level {level} is above the highest: taken as {highest}"));
        Parking { remark, ..Parking::new(SCHEDULE_TOPIC, given - 1, belongs, &stored) }
    }

    /// The offset of the next message to deliver of each level that ever delivered one.
    pub fn offsets(&self) -> Vec<(i32, i64)> {
        self.levels.lock().progress.iter().map(|(level, progress)| (*level, progress.next)).collect()
    }

    /// Takes over how far the levels are delivered from what this slave's master answered to 45, of whose log this one has
    /// everything that the answer speaks for.
    ///
    /// # Errors
    /// If that is no such answer, or the file cannot be written.
    pub fn copy(&self, told: &[u8]) -> io::Result<()> {
        let masters: Saved = loose_json::from_slice(told)?;
        let mut saved = self.saved.lock();
        if masters.offset_table != saved.offset_table || !masters.is_near(&saved) {
            self.file.write(&serde_json::to_vec(&masters)?)?;
            *self.levels.lock() = Levels::begin(&masters);
            *saved = masters;
        }
        Ok(())
    }

    fn next(&self, level: i32) -> i64 {
        self.levels.lock().progress.get(&level).map_or(0, |progress| progress.next)
    }

    /// Has a level go on within its queue, if that does not reach as far, or not so far back, as it should.
    fn keep_within(&self, level: i32, queue: &ConsumeQueue) {
        let (next, min, end) = (self.next(level), queue.min_offset(), queue.max_offset());
        if next < min {
            tracing::error!(
                level,
                lost = min - next,
                "delayed messages were deleted with old log files before their time"
            );
            self.set(level, min);
        } else if next > end {
            tracing::error!(level, next, end, "more was delivered than there is: going on at the end");
            self.set(level, end);
        }
    }

    /// Has `level` go on at `next`, with nothing delivered.
    fn set(&self, level: i32, next: i64) {
        self.levels.lock().progress.entry(level).or_default().moved(next, None);
    }

    /// What may be told of copies that are on the disk.
    fn content(&self, store: &MessageStore) -> Saved {
        // First: copies that are made meanwhile lie behind it, whether they are counted or not.
        let flushed = store.flushed().get();
        let mut levels = self.levels.lock();
        levels.progress.values_mut().for_each(|progress| progress.flushed(flushed));
        if levels.started && levels.progress.values().all(|progress| progress.safe >= progress.until) {
            levels.held = None;
        }
        let offset_table = levels.progress.iter().map(|(level, progress)| (*level, progress.safe)).collect();
        let unflushed = levels.progress.values().filter_map(|progress| progress.unflushed.front());
        let uncounted = unflushed.map(|(copies, _)| copies.start).fold(flushed, u64::min) as i64;
        Saved { offset_table, log_offset: Some(levels.held.unwrap_or(uncounted)) }
    }

    /// Writes to the file how far the levels are delivered, as far as the copies are on the disk.
    ///
    /// # Errors
    /// If the file cannot be written; the old one is then still whole.
    pub fn save(&self, store: &MessageStore) -> io::Result<()> {
        let content = self.content(store);
        let mut saved = self.saved.lock();
        if content.offset_table == saved.offset_table && content.is_near(&saved) {
            return Ok(());
        }
        self.file.write(&serde_json::to_vec(&content).map_err(io::Error::other)?)?;
        *saved = content;
        Ok(())
    }
}

/// The field of the answer to 45 that tells slaves how far messages with a time of their own are delivered.
pub const TIMER_PROGRESS: &str = "timerProgress";
/// The field that tells them how groups ask for messages. Neither is Apache's.
pub const REQUEST_MODES: &str = "messageRequestMode";

/// How far the levels are delivered (45), and for slaves of rmq what else they are to know.
pub fn offsets(broker: &Broker) -> Result<Command, Refusal> {
    let (delays, timers) = (broker.delays().content(broker.store()), broker.timers().told(broker.store()));
    let mut answer = Command::success().with_json(&delays);
    answer.fields.push(TIMER_PROGRESS, &timers);
    answer.fields.push(REQUEST_MODES, &broker.modes().told());
    Ok(answer)
}

/// Starts the delivery of every level.
pub async fn run(broker: Arc<Broker>, tasks: Tasks) {
    let reader = broker.clone();
    let begun = tokio::task::spawn_blocking(move || begin(&reader)).await;
    let levels = match begun {
        Ok(levels) => levels,
        Err(error) => return tracing::error!(%error, "delayed messages are not delivered: the log cannot be read"),
    };
    for mut level in levels {
        let (broker, shutdown) = (broker.clone(), tasks.shutdown().clone());
        tasks.spawn("delay level", async move {
            shutdown.run_until_cancelled(level.run(&broker)).await;
        });
    }
}

/// All levels, each with what of it was delivered before the start and is not counted.
fn begin(broker: &Broker) -> Vec<Level> {
    let (delays, store) = (broker.delays(), broker.store());
    let mut levels = Vec::new();
    for number in 1..=MOST_LEVELS.max(delays.levels_ms.len() as i32) {
        let queue = store.queue(SCHEDULE_TOPIC, number - 1);
        if let Some(queue) = &queue {
            delays.keep_within(number, queue);
        }
        if queue.is_some() || number <= delays.levels_ms.len() as i32 {
            levels.push(Level::new(broker, number));
        }
    }
    let first = |level: &Level| store.queue(SCHEDULE_TOPIC, level.queue_id)?.get(delays.next(level.level));
    let firsts: Vec<_> = levels.iter().map(first).collect();
    let held = delays.levels.lock().held;
    if let Some(from) = held.filter(|_| firsts.iter().any(Option::is_some)) {
        for (place, number) in deliver::delivered_since(store, from) {
            let index = levels.iter().position(|level| level.level == number);
            // What lies before the first that is to be delivered is counted.
            let counts = |index: &usize| firsts[*index].is_some_and(|first| place >= first.physical_offset);
            if let Some(index) = index.filter(counts) {
                levels[index].done.insert(place);
            }
        }
    }
    let mut all = delays.levels.lock();
    all.started = true;
    for level in levels.iter().filter(|level| !level.done.is_empty()) {
        all.progress.entry(level.level).or_default().until = i64::MAX;
    }
    levels
}

/// What a level does next.
enum Then {
    /// Goes on.
    GoOn,
    /// Waits for more.
    Wait,
    /// Waits until its next message is due, ms.
    Due(i64),
    /// Waits until the log is on the disk up to there.
    Flushed(u64),
    /// Tries again later.
    Retry,
}

/// The delivery of a level.
struct Level {
    level: i32,
    /// Its queue.
    queue_id: i32,
    /// Places of messages that were delivered before a crash, and are still to be passed over.
    done: HashSet<i64>,
    delivery: Delivery,
    /// How often the next message could not be read.
    tries: u32,
}

impl Level {
    fn new(broker: &Broker, level: i32) -> Self {
        let delivery = Delivery::new(broker.store());
        Self { level, queue_id: level - 1, done: HashSet::new(), delivery, tries: 0 }
    }

    async fn run(&mut self, broker: &Broker) {
        let queue = broker.store().queue_or_new(SCHEDULE_TOPIC, self.queue_id);
        loop {
            match self.step(broker, &queue) {
                Then::GoOn => tokio::task::yield_now().await,
                Then::Wait => queue.end().reached(broker.delays().next(self.level) as u64 + 1).await,
                Then::Due(at_ms) => broker.clock().reached(at_ms).await,
                Then::Flushed(end) => {
                    _ = tokio::time::timeout(RETRY, broker.store().flushed().reached(end)).await;
                }
                Then::Retry => tokio::time::sleep(RETRY).await,
            }
        }
    }

    /// Delivers what is due, as much as goes with one append.
    fn step(&mut self, broker: &Broker, queue: &ConsumeQueue) -> Then {
        broker.delays().keep_within(self.level, queue);
        let first = broker.delays().next(self.level);
        let mut entries = Vec::new();
        match queue.read(first, BATCH, &mut entries) {
            Ok(0) if first >= queue.max_offset() => return Then::Wait,
            Ok(0) => return Then::Retry,
            Ok(_) => {}
            Err(error) => {
                tracing::warn!(level = self.level, %error, "cannot read what is due");
                return Then::Retry;
            }
        }
        let now = broker.clock().now_ms();
        let mut then = Then::GoOn;
        for (offset, entry) in (first..).zip(&entries) {
            let due = self.due(broker, entry.tag_hash, now);
            if due > now {
                then = Then::Due(due);
                break;
            }
            if self.delivery.is_full(BATCH) {
                break;
            }
            if self.done.contains(&entry.physical_offset) {
                self.delivery.pass();
                continue;
            }
            let why = match deliver::fetch(broker.store(), (SCHEDULE_TOPIC, self.queue_id, offset), entry) {
                Fetched::Message(message) => match self.delivery.add(broker, &message) {
                    Ok(()) => continue,
                    Err(error) => error.to_string(),
                },
                Fetched::NotYet(end) => {
                    then = Then::Flushed(end);
                    break;
                }
                Fetched::Gone => "its log file is deleted".to_owned(),
                Fetched::Unreadable(why) => {
                    if self.delivery.len() > 0 {
                        // What comes before it goes first.
                        break;
                    }
                    self.tries += 1;
                    if self.tries < TRIES {
                        return Then::Retry;
                    }
                    why.to_owned()
                }
            };
            let (level, place) = (self.level, entry.physical_offset);
            tracing::error!(level, offset, place, why, "a delayed message is given up");
            self.tries = 0;
            self.delivery.pass();
        }
        match self.append(broker, first, &entries) {
            Ok(()) => then,
            Err(error) => {
                tracing::warn!(level = self.level, %error, "delayed messages wait: they cannot be stored");
                Then::Retry
            }
        }
    }

    /// Delivers what was collected: the first of `entries`, which begin at `first`.
    fn append(&mut self, broker: &Broker, first: i64, entries: &[QueueEntry]) -> Result<(), StoreError> {
        if self.delivery.len() == 0 {
            return Ok(());
        }
        // Held meanwhile, or the progress could be saved without these copies, as if they lay behind what is flushed.
        let mut levels = broker.delays().levels.lock();
        let (Delivered { count, copies }, appended) = self.delivery.append(broker.store());
        let progress = levels.progress.entry(self.level).or_default();
        if count > 0 {
            progress.moved(first + count as i64, copies);
        }
        if progress.until == i64::MAX {
            for entry in &entries[..count] {
                self.done.remove(&entry.physical_offset);
            }
            let min = broker.store().min_physical();
            self.done.retain(|place| *place >= min);
            if self.done.is_empty() {
                progress.until = progress.next;
            }
        }
        appended
    }

    /// When a message is due, by its entry's word.
    fn due(&self, broker: &Broker, stated_ms: i64, now_ms: i64) -> i64 {
        match broker.delays().levels_ms.get(self.queue_id as usize) {
            Some(delay) if stated_ms > now_ms.saturating_add(delay + CLOCK_SLACK_MS) => now_ms,
            _ => stated_ms,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_copy_counts_before_all_of_its_batch_is_on_the_disk() {
        let mut progress = Progress::default();
        progress.moved(3, Some(100..200));
        // Passed over: done with what was copied last.
        progress.moved(5, None);
        progress.moved(9, Some(200..400));
        for (flushed, safe) in [(0, 0), (150, 0), (199, 0), (200, 5), (399, 5), (400, 9)] {
            progress.flushed(flushed);
            assert_eq!((progress.safe, progress.next), (safe, 9), "flushed up to {flushed}");
        }
        progress.moved(10, None);
        assert_eq!(progress.safe, 10);
    }
}
