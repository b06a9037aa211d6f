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
    sync::Arc,
    time::Duration,
};
use store::{ConsumeQueue, MessageStore, QueueEntry};

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
    progress: Mutex<BTreeMap<i32, Progress>>,
    /// Places of messages that were delivered before a crash and that their level has not come past again; `None` until
    /// they are known.
    done: Mutex<Option<HashSet<i64>>>,
    saved: Mutex<Saved>,
}

/// How far a level is delivered.
#[derive(Debug, Default)]
struct Progress {
    /// The next message to deliver, as its offset in the level's queue.
    next: i64,
    /// The same as far as the copies are surely on the disk.
    safe: i64,
    /// Where a copy ends in the log, and what `safe` is once that is on the disk.
    unflushed: VecDeque<(u64, i64)>,
}

impl Progress {
    fn flushed(&mut self, up_to: u64) {
        while let Some((_, next)) = self.unflushed.pop_front_if(|(end, _)| *end <= up_to) {
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

impl Delays {
    /// Reads how far the levels with these delays are delivered.
    ///
    /// # Errors
    /// If the file is there but neither it nor its `.bak` can be read.
    pub fn open(file: DurableFile, levels_ms: Vec<i64>) -> io::Result<Self> {
        let saved: Option<Saved> = file.read(|text| loose_json::from_slice(text).map_err(io::Error::other))?;
        // Where there is no file, none of the copies in the log is counted.
        let saved = saved.unwrap_or(Saved { log_offset: Some(0), ..Saved::default() });
        let table = saved.offset_table.iter().filter(|(level, next)| **level > 0 && **next >= 0);
        let progress =
            table.map(|(level, next)| (*level, Progress { next: *next, safe: *next, ..Progress::default() })).collect();
        let done = Mutex::default();
        Ok(Self { levels_ms, file, progress: Mutex::new(progress), done, saved: Mutex::new(saved) })
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
        self.progress.lock().iter().map(|(level, progress)| (*level, progress.next)).collect()
    }

    /// Whether the message at that place was delivered before a crash.
    fn is_done(&self, place: i64) -> bool {
        self.done.lock().as_ref().is_some_and(|done| done.contains(&place))
    }

    /// Levels have come past these: it need not be known any more.
    fn passed(&self, entries: &[QueueEntry]) {
        if let Some(done) = self.done.lock().as_mut().filter(|done| !done.is_empty()) {
            entries.iter().for_each(|entry| _ = done.remove(&entry.physical_offset));
        }
    }

    fn next(&self, level: i32) -> i64 {
        self.progress.lock().get(&level).map_or(0, |progress| progress.next)
    }

    /// Notes that `level` goes on at `next`; copies of what is before it end at `end` in the log, if any were made.
    fn moved(&self, level: i32, next: i64, end: Option<u64>) {
        let mut progress = self.progress.lock();
        let progress = progress.entry(level).or_default();
        progress.next = next;
        match end.or(progress.unflushed.back().map(|(end, _)| *end)) {
            Some(end) => progress.unflushed.push_back((end, next)),
            None => progress.safe = next,
        }
    }

    /// What may be told of copies that are on the disk.
    fn content(&self, store: &MessageStore) -> Saved {
        // First: copies that are made meanwhile lie behind it, whether they are counted or not.
        let flushed = store.flushed().get();
        // Copies of before a crash are counted only when their levels have come past them.
        let counted = self.done.lock().as_mut().is_some_and(|done| {
            done.retain(|place| *place >= store.min_physical());
            done.is_empty()
        });
        let log_offset = if counted { Some(flushed as i64) } else { self.saved.lock().log_offset };
        let mut progress = self.progress.lock();
        progress.values_mut().for_each(|progress| progress.flushed(flushed));
        let offset_table = progress.iter().map(|(level, progress)| (*level, progress.safe)).collect();
        Saved { offset_table, log_offset }
    }

    /// Writes to the file how far the levels are delivered, as far as the copies are on the disk.
    ///
    /// # Errors
    /// If the file cannot be written; the old one is then still whole.
    pub fn save(&self, store: &MessageStore) -> io::Result<()> {
        let content = self.content(store);
        let mut saved = self.saved.lock();
        let near = |old: i64| (0..FAR).contains(&(content.log_offset.unwrap_or(0) - old));
        if content.offset_table == saved.offset_table && saved.log_offset.is_some_and(near) {
            return Ok(());
        }
        self.file.write(&serde_json::to_vec(&content).map_err(io::Error::other)?)?;
        *saved = content;
        Ok(())
    }
}

/// How far the levels are delivered (45).
pub fn offsets(broker: &Broker) -> Result<Command, Refusal> {
    Ok(Command::success().with_json(&broker.delays().content(broker.store())))
}

/// Starts the delivery of every level.
pub async fn run(broker: Arc<Broker>, tasks: Tasks) {
    let reader = broker.clone();
    let done = tokio::task::spawn_blocking(move || {
        let from = reader.delays().saved.lock().log_offset;
        let done = from.map(|from| deliver::delivered_since(reader.store(), from)).unwrap_or_default();
        *reader.delays().done.lock() = Some(done);
    });
    if let Err(error) = done.await {
        return tracing::error!(%error, "delayed messages are not delivered: the log cannot be read");
    }
    let filled =
        (0..MOST_LEVELS).rfind(|id| broker.store().queue(SCHEDULE_TOPIC, *id).is_some()).map_or(0, |id| id + 1);
    for level in 1..=filled.max(broker.delays().levels_ms.len() as i32) {
        let (broker, shutdown) = (broker.clone(), tasks.shutdown().clone());
        tasks.spawn("delay level", async move {
            let mut level = Level::new(&broker, level);
            shutdown.run_until_cancelled(level.run(&broker)).await;
        });
    }
}

/// What a level does next.
enum Then {
    /// Goes on.
    GoOn,
    /// Waits for more.
    Wait,
    /// Waits until its next message is due, ms.
    Due(i64),
    /// Tries again later.
    Retry,
}

/// The delivery of a level.
struct Level {
    level: i32,
    /// Its queue.
    queue_id: i32,
    delivery: Delivery,
    /// How often the next message could not be read.
    tries: u32,
}

impl Level {
    fn new(broker: &Broker, level: i32) -> Self {
        let delivery = Delivery::new(broker.store());
        Self { level, queue_id: level - 1, delivery, tries: 0 }
    }

    async fn run(&mut self, broker: &Broker) {
        let queue = broker.store().queue_or_new(SCHEDULE_TOPIC, self.queue_id);
        let (next, end) = (broker.delays().next(self.level), queue.max_offset());
        if next > end {
            tracing::error!(level = self.level, next, end, "more was delivered than there is: going on at the end");
            broker.delays().moved(self.level, end, None);
        }
        loop {
            match self.step(broker, &queue) {
                Then::GoOn => tokio::task::yield_now().await,
                Then::Wait => queue.end().reached(broker.delays().next(self.level) as u64 + 1).await,
                Then::Due(at_ms) => broker.clock().reached(at_ms).await,
                Then::Retry => tokio::time::sleep(RETRY).await,
            }
        }
    }

    /// Delivers what is due, as much as goes with one append.
    fn step(&mut self, broker: &Broker, queue: &ConsumeQueue) -> Then {
        let first = broker.delays().next(self.level);
        let min = queue.min_offset();
        if first < min {
            let lost = min - first;
            tracing::error!(
                level = self.level,
                lost,
                "delayed messages were deleted with old log files before their time"
            );
            broker.delays().moved(self.level, min, None);
            return Then::GoOn;
        }
        let mut entries = Vec::new();
        match queue.read(first, BATCH, &mut entries) {
            Ok(0) => return Then::Wait,
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
            if broker.delays().is_done(entry.physical_offset) {
                self.delivery.pass();
                continue;
            }
            let why = match deliver::fetch(broker.store(), (SCHEDULE_TOPIC, self.queue_id, offset), entry) {
                Fetched::Message(message) => match self.delivery.add(broker, &message) {
                    Ok(()) => continue,
                    Err(error) => error.to_string(),
                },
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
        let (Delivered { count, end }, appended) = self.delivery.append(broker.store());
        if count > 0 {
            broker.delays().moved(self.level, first + count as i64, end);
        }
        broker.delays().passed(&entries[..count]);
        match appended {
            Ok(()) => then,
            Err(error) => {
                tracing::warn!(level = self.level, %error, "delayed messages wait: they cannot be stored");
                Then::Retry
            }
        }
    }

    /// When a message is due, by its entry's word.
    fn due(&self, broker: &Broker, stated_ms: i64, now_ms: i64) -> i64 {
        match broker.delays().levels_ms.get(self.queue_id as usize) {
            Some(delay) if stated_ms > now_ms.saturating_add(delay + CLOCK_SLACK_MS) => now_ms,
            _ => stated_ms,
        }
    }
}
