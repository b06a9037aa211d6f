//! Messages that are to be delivered at a time of their own, as clients of Apache RocketMQ 5 ask for it.
//!
//! They wait in the one queue of `rmq_sys_wheel_timer`. Which of them wait is known in memory, some 40 bytes a message, and
//! read again from that queue at a start. How far they are delivered is kept in `config/timerProgress.json`, never ahead of
//! copies that are on the disk. No wheel, no log of its own: those are Apache's.
//! Source of properties and rules: `HookUtils.handleScheduleMessage`, `TimerMessageStore` of Apache RocketMQ 5.3.3.

use crate::{
    broker::Broker,
    deliver::{self, Delivered, Delivery, Fetched},
    parked::{Parking, Released},
    refusal::Refusal,
};
use base::durable::DurableFile;
use parking_lot::Mutex;
use protocol::{code::response, loose_json, properties, topic::TIMER_TOPIC};
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeSet, HashSet, VecDeque},
    io,
    sync::Arc,
    time::Duration,
};
use store::{ConsumeQueue, MessageStore};
use tokio_util::sync::CancellationToken;

/// The names a client may say the time with; the first counts.
const TIMES: [&str; 4] = [
    properties::TIMER_DELAY_SEC,
    properties::TIMER_DELAY_MS,
    properties::TIMER_DELIVER_MS,
    properties::START_DELIVER_TIME,
];
/// Messages that are read, or delivered, at once.
const BATCH: usize = 256;
/// How long to wait after a delivery that failed, or a message that could not be read.
const RETRY: Duration = Duration::from_secs(1);
/// How often a message is tried to be read before it is given up.
const TRIES: u32 = 3;
/// Bytes of log after which the file is written even if nothing was delivered: what lies behind is read after a crash.
const FAR: i64 = 64 << 20;

/// Whether this property says when a message is to be delivered.
pub fn says_when(name: &str) -> bool {
    TIMES.contains(&name)
}

/// The property string without what says when a message is to be delivered: a delay level overrules it.
pub fn without_times(stored: &str) -> String {
    let mut kept = String::with_capacity(stored.len());
    let pairs = properties::pairs(stored).filter(|(name, _)| !says_when(name));
    pairs.for_each(|(name, value)| properties::push(&mut kept, name, value));
    kept
}

/// Parks a message with the properties `stored`, which belongs to queue `belongs.1` of topic `belongs.0`, until the time it
/// says; `None` if that has come.
///
/// # Errors
/// If it says no proper time, or one too far ahead.
pub fn parking(broker: &Broker, belongs: (&str, i32), stored: &str) -> Result<Option<Parking>, Refusal> {
    let now = broker.clock().now_ms();
    let Some(due) = due_ms(stored, now)? else { return Ok(None) };
    let config = broker.config();
    if !config.timer_wheel_enable {
        let remark = "this broker delivers no message at a time of its own: timerWheelEnable is false";
        return Err(Refusal::new(response::SYSTEM_ERROR, remark));
    }
    if properties::get(stored, properties::TIMER_DELETE_UNIQUE_KEY).is_some() {
        return Err(Refusal::illegal("this broker cannot recall a message that waits for its time"));
    }
    if due <= now {
        return Ok(None);
    }
    let most = i64::from(config.timer_max_delay_seconds);
    if due - now > most * 1000 {
        let remark = format!("the message is due in {} s, timerMaxDelaySec is {most}", (due - now) / 1000);
        return Err(Refusal::illegal(remark));
    }
    let stored = properties::with(stored, properties::TIMER_OUT_MS, itoa::Buffer::new().format(due));
    Ok(Some(Parking::new(TIMER_TOPIC, 0, belongs, &stored)))
}

/// When a message with these properties is due; `None` if they do not say, or if it is delivered from here already.
fn due_ms(stored: &str, now: i64) -> Result<Option<i64>, Refusal> {
    if properties::get(stored, properties::TIMER_OUT_MS).is_some() {
        return Ok(None);
    }
    let mut given = TIMES.iter().filter_map(|name| Some((*name, properties::get(stored, name)?)));
    let Some((name, text)) = given.next() else { return Ok(None) };
    let Ok(number) = text.trim().parse::<i64>() else {
        return Err(Refusal::illegal(format!("{name} is {text:?}, which is no number")));
    };
    Ok(Some(match name {
        properties::TIMER_DELAY_SEC => now.saturating_add(number.saturating_mul(1000)),
        properties::TIMER_DELAY_MS => now.saturating_add(number),
        _ => number,
    }))
}

/// When a message is due, and its offset in the queue: messages are delivered in this order.
type Key = (i64, i64);

/// Which messages wait for their time, and how far they are delivered.
pub struct Timers {
    file: DurableFile,
    waiting: Mutex<Waiting>,
    saved: Mutex<Saved>,
}

#[derive(Debug, Default)]
struct Waiting {
    /// What waits.
    keys: BTreeSet<Key>,
    /// Offsets of what waits, or was delivered with copies that may not be on the disk.
    open: BTreeSet<i64>,
    /// What was delivered with copies that may not be on the disk: where they end in the log.
    unflushed: VecDeque<(u64, Vec<Key>)>,
    /// What the queue holds from here on is not read yet.
    read: i64,
}

/// The file's form: of the messages before `read`, those whose key is smaller than the first are delivered, and those
/// whose copies lie in the log from `log_offset` on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Saved {
    /// All before this offset of the queue are delivered.
    low: i64,
    /// All from this offset on may not be.
    read: i64,
    /// The first that is not delivered: when it is due, and its offset. `None`: all before `read` are.
    #[serde(skip_serializing_if = "Option::is_none")]
    first: Option<Key>,
    log_offset: i64,
}

impl Waiting {
    fn content(&mut self, flushed: u64) -> Saved {
        while let Some((_, keys)) = self.unflushed.pop_front_if(|(end, _)| *end <= flushed) {
            for (_, offset) in keys {
                self.open.remove(&offset);
            }
        }
        let delivered = self.unflushed.iter().flat_map(|(_, keys)| keys).min();
        let first = self.keys.first().into_iter().chain(delivered).min().copied();
        let low = self.open.first().copied().unwrap_or(self.read);
        Saved { low, read: self.read, first, log_offset: flushed as i64 }
    }
}

impl Saved {
    fn is_delivered(&self, key: Key) -> bool {
        key.1 < self.read && self.first.is_none_or(|first| key < first)
    }
}

impl Timers {
    /// Reads how far messages are delivered.
    ///
    /// # Errors
    /// If the file is there but neither it nor its `.bak` can be read.
    pub fn open(file: DurableFile) -> io::Result<Self> {
        let saved: Saved =
            file.read(|text| loose_json::from_slice(text).map_err(io::Error::other))?.unwrap_or_default();
        let waiting = Waiting { read: saved.low.max(0), ..Waiting::default() };
        Ok(Self { file, waiting: Mutex::new(waiting), saved: Mutex::new(saved) })
    }

    /// How many messages wait, as far as they are read.
    pub fn count(&self) -> usize {
        self.waiting.lock().keys.len()
    }

    /// Writes to the file how far messages are delivered, as far as the copies are on the disk.
    ///
    /// # Errors
    /// If the file cannot be written; the old one is then still whole.
    pub fn save(&self, store: &MessageStore) -> io::Result<()> {
        // First: copies that are made meanwhile lie behind it, whether they are counted or not.
        let flushed = store.flushed().get();
        let mut saved = self.saved.lock();
        let content = {
            let mut waiting = self.waiting.lock();
            // Until everything is read again, the file knows more.
            if waiting.read < saved.read {
                return Ok(());
            }
            waiting.content(flushed)
        };
        let known = Saved { log_offset: saved.log_offset, ..content.clone() };
        if known == *saved && (0..FAR).contains(&(content.log_offset - saved.log_offset)) {
            return Ok(());
        }
        self.file.write(&serde_json::to_vec(&content).map_err(io::Error::other)?)?;
        *saved = content;
        Ok(())
    }
}

/// Delivers what is due, until shutdown.
pub async fn run(broker: Arc<Broker>, shutdown: CancellationToken) {
    let begin = broker.timers().saved.lock().clone();
    let end = broker.store().queue(TIMER_TOPIC, 0).map_or(0, |queue| queue.max_offset());
    let done = if begin.low < end {
        let (reader, from) = (broker.clone(), begin.log_offset);
        tokio::task::spawn_blocking(move || deliver::delivered_since(reader.store(), from)).await
    } else {
        // Nothing waits: what was delivered does not matter, and need not be looked for after a crash.
        if let Err(error) = broker.timers().save(broker.store()) {
            tracing::error!(%error, "cannot save the timers");
        }
        Ok(HashSet::new())
    };
    match done {
        Ok(done) => {
            let mut delivering =
                Delivering { begin, done, delivery: Delivery::new(broker.store()), tries: 0, deleted: 0 };
            shutdown.run_until_cancelled(delivering.run(&broker)).await;
        }
        Err(error) => tracing::error!(%error, "messages do not come at their time: the log cannot be read"),
    }
}

struct Delivering {
    /// How far messages were delivered before the start.
    begin: Saved,
    /// Places of messages that were delivered before a crash.
    done: HashSet<i64>,
    delivery: Delivery,
    /// How often the next message could not be read.
    tries: u32,
    /// Messages that were deleted before their time.
    deleted: u64,
}

impl Delivering {
    async fn run(&mut self, broker: &Broker) {
        let queue = broker.store().queue_or_new(TIMER_TOPIC, 0);
        if self.begin.read > queue.max_offset() {
            let (read, end) = (self.begin.read, queue.max_offset());
            tracing::error!(read, end, "more timed messages were delivered than there are: going on at the end");
            self.begin.read = end;
            broker.timers().saved.lock().read = end;
            let mut waiting = broker.timers().waiting.lock();
            waiting.read = waiting.read.min(end);
        }
        loop {
            let read = self.read(broker, &queue);
            // Whether anything comes first is known only once everything is read.
            let delivered = if read == Ok(BATCH) { Ok(0) } else { self.deliver(broker) };
            match (read, delivered) {
                (Ok(0), Ok(0)) => {
                    let (read, first) = {
                        let waiting = broker.timers().waiting.lock();
                        (waiting.read, waiting.keys.first().copied())
                    };
                    let more = queue.end().reached(read as u64 + 1);
                    match first {
                        None => more.await,
                        Some((due, _)) => tokio::select! {
                            () = more => {}
                            () = broker.clock().reached(due) => {}
                        },
                    }
                }
                (Ok(_), Ok(_)) => tokio::task::yield_now().await,
                (Err(error), _) | (_, Err(error)) => {
                    tracing::warn!(error, "messages that are due wait");
                    tokio::time::sleep(RETRY).await;
                }
            }
        }
    }

    /// Takes note of messages that came, and at a start of those that still wait. How many were looked at.
    fn read(&mut self, broker: &Broker, queue: &ConsumeQueue) -> Result<usize, String> {
        let first = {
            let mut waiting = broker.timers().waiting.lock();
            waiting.read = waiting.read.max(queue.min_offset());
            waiting.read
        };
        let mut entries = Vec::new();
        queue.read(first, BATCH, &mut entries).map_err(|error| error.to_string())?;
        let mut keys = Vec::with_capacity(entries.len());
        for (offset, entry) in (first..).zip(&entries) {
            if self.done.contains(&entry.physical_offset) {
                continue;
            }
            let due = match deliver::fetch(broker.store(), (TIMER_TOPIC, 0, offset), entry) {
                Fetched::Message(message) => properties::get(&message.properties, properties::TIMER_OUT_MS)
                    .and_then(|due| due.parse().ok())
                    .unwrap_or(0),
                Fetched::Gone => continue,
                // Tried again when it is delivered, which is now.
                Fetched::Unreadable(_) => 0,
            };
            if !self.begin.is_delivered((due, offset)) {
                keys.push((due, offset));
            }
        }
        let mut waiting = broker.timers().waiting.lock();
        waiting.open.extend(keys.iter().map(|(_, offset)| *offset));
        waiting.keys.extend(keys);
        waiting.read = first + entries.len() as i64;
        Ok(entries.len())
    }

    /// Delivers what is due, as much as goes with one append; how much that is.
    fn deliver(&mut self, broker: &Broker) -> Result<usize, String> {
        let now = broker.clock().now_ms();
        let due: Vec<Key> = {
            let waiting = broker.timers().waiting.lock();
            waiting.keys.range(..(now.saturating_add(1), i64::MIN)).take(BATCH).copied().collect()
        };
        let Some(queue) = broker.store().queue(TIMER_TOPIC, 0).filter(|_| !due.is_empty()) else { return Ok(0) };
        for (_, offset) in &due {
            if self.delivery.is_full(BATCH) {
                break;
            }
            let fetched = match queue.get(*offset) {
                Some(entry) => deliver::fetch(broker.store(), (TIMER_TOPIC, 0, *offset), &entry),
                None if *offset < queue.min_offset() => Fetched::Gone,
                None => Fetched::Unreadable("its queue cannot be read"),
            };
            let why = match fetched {
                Fetched::Message(mut message) => {
                    stamp(&mut message, now);
                    match self.delivery.add(broker, &message) {
                        Ok(()) => continue,
                        Err(error) => error.to_string(),
                    }
                }
                Fetched::Gone => {
                    self.deleted += 1;
                    format!("its log file was deleted before its time; so were {} before", self.deleted - 1)
                }
                Fetched::Unreadable(why) => {
                    if self.delivery.len() > 0 {
                        // What comes before it goes first.
                        break;
                    }
                    self.tries += 1;
                    if self.tries < TRIES {
                        return Err(why.to_owned());
                    }
                    why.to_owned()
                }
            };
            tracing::error!(offset, why, "a message that is due is given up");
            self.tries = 0;
            self.delivery.pass();
        }
        let (Delivered { count, end }, appended) = self.delivery.append(broker.store());
        let mut waiting = broker.timers().waiting.lock();
        for key in &due[..count] {
            waiting.keys.remove(key);
        }
        // What needed no copy is done with what was copied last.
        let end = end.or(waiting.unflushed.back().map(|(end, _)| *end)).unwrap_or(0);
        if count > 0 {
            waiting.unflushed.push_back((end, due[..count].to_vec()));
        }
        appended.map(|()| count).map_err(|error| error.to_string())
    }
}

/// Notes in a message when it was taken and delivered, if its properties have room for that.
fn stamp(message: &mut Released, now: i64) {
    let mut text = message.properties.clone();
    let mut number = itoa::Buffer::new();
    properties::push(&mut text, properties::TIMER_ENQUEUE_MS, number.format(message.parked.store_ms));
    properties::push(&mut text, properties::TIMER_DEQUEUE_MS, number.format(now));
    if text.len() <= properties::MAX_PROPERTIES_LEN {
        message.properties = text;
    }
}
