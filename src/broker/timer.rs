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
    collections::{BTreeSet, HashMap, HashSet, VecDeque},
    io,
    ops::Range,
    sync::Arc,
    time::Duration,
};
use store::{ConsumeQueue, MessageStore, QueueEntry, StoreError};
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
    /// What was delivered with copies that may not be on the disk: where they lie in the log.
    unflushed: VecDeque<(Range<u64>, Vec<Key>)>,
    /// The last key that was delivered with a copy on the disk. Some before it may still wait: those that came late.
    up_to: Option<Key>,
    /// What the queue holds from here on is not read yet.
    read: i64,
    /// Until so much is read again after a start, the file knows more; `None` while that is not known either.
    known_at: Option<i64>,
}

/// The file's form: of the messages before `read`, those are delivered whose key is not greater than `up_to` and which are
/// not `late`, and those whose copies lie in the log from `log_offset` on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Saved {
    /// All before this offset of the queue are delivered.
    low: i64,
    /// All from this offset on may not be.
    read: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    up_to: Option<Key>,
    /// Offsets of messages that were taken note of only when later ones had been delivered: seldom any, and not for long.
    late: Vec<i64>,
    log_offset: i64,
}

impl Waiting {
    /// What may be told of copies that are on the disk; `None` while the file knows more.
    fn known(&mut self, flushed: u64) -> Option<Saved> {
        self.known_at.filter(|known| self.read >= *known)?;
        Some(self.content(flushed))
    }

    /// What may be told of copies that are on the disk.
    fn content(&mut self, flushed: u64) -> Saved {
        while let Some((_, keys)) = self.unflushed.pop_front_if(|(copies, _)| copies.end <= flushed) {
            self.up_to = self.up_to.max(keys.iter().max().copied());
            for (_, offset) in keys {
                self.open.remove(&offset);
            }
        }
        let low = self.open.first().copied().unwrap_or(self.read);
        let waiting = self.up_to.into_iter().flat_map(|up_to| self.keys.range(..=up_to));
        let unsure = self.unflushed.iter().flat_map(|(_, keys)| keys).filter(|key| Some(**key) <= self.up_to);
        let mut late: Vec<_> = waiting.chain(unsure).map(|(_, offset)| *offset).collect();
        late.sort_unstable();
        let uncounted = self.unflushed.front().map_or(flushed, |(copies, _)| copies.start.min(flushed));
        Saved { low, read: self.read, up_to: self.up_to, late, log_offset: uncounted as i64 }
    }
}

impl Saved {
    /// Whether nothing is new since `old` but that the log has grown, and not by much.
    fn is_near(&self, old: &Self) -> bool {
        let like_old = Self { log_offset: old.log_offset, ..self.clone() };
        like_old == *old && (0..FAR).contains(&(self.log_offset - old.log_offset))
    }

    fn is_delivered(&self, key: Key) -> bool {
        key.1 < self.read && Some(key) <= self.up_to && self.late.binary_search(&key.1).is_err()
    }
}

impl Timers {
    /// Reads how far messages are delivered.
    ///
    /// # Errors
    /// If the file is there but neither it nor its `.bak` can be read.
    pub fn open(file: DurableFile) -> io::Result<Self> {
        let saved: Option<Saved> = file.read(|text| loose_json::from_slice(text).map_err(io::Error::other))?;
        let mut saved = saved.unwrap_or_default();
        saved.late.sort_unstable();
        let waiting = Waiting { read: saved.low.max(0), up_to: saved.up_to, ..Waiting::default() };
        Ok(Self { file, waiting: Mutex::new(waiting), saved: Mutex::new(saved) })
    }

    /// How many messages wait, as far as they are read.
    pub fn count(&self) -> usize {
        self.waiting.lock().keys.len()
    }

    /// How far messages are delivered, as far as the copies are on the disk: the file's content, for slaves.
    pub fn told(&self, store: &MessageStore) -> String {
        let flushed = store.flushed().get();
        let saved = self.saved.lock();
        let content = self.waiting.lock().known(flushed).unwrap_or_else(|| saved.clone());
        serde_json::to_string(&content).unwrap_or_default()
    }

    /// Takes over what this slave's master [told](Self::told), of whose log this one has everything that it speaks for.
    ///
    /// # Errors
    /// If that is not what a master tells, or the file cannot be written.
    pub fn copy(&self, told: &str) -> io::Result<()> {
        let mut masters: Saved = loose_json::from_slice(told.as_bytes())?;
        masters.late.sort_unstable();
        let mut saved = self.saved.lock();
        if !masters.is_near(&saved) {
            self.file.write(&serde_json::to_vec(&masters)?)?;
            *saved = masters;
        }
        Ok(())
    }

    /// Writes to the file how far messages are delivered, as far as the copies are on the disk.
    ///
    /// # Errors
    /// If the file cannot be written; the old one is then still whole.
    pub fn save(&self, store: &MessageStore) -> io::Result<()> {
        // First: copies that are made meanwhile lie behind it, whether they are counted or not.
        let flushed = store.flushed().get();
        let mut saved = self.saved.lock();
        let Some(content) = self.waiting.lock().known(flushed) else { return Ok(()) };
        if content.is_near(&saved) {
            return Ok(());
        }
        self.file.write(&serde_json::to_vec(&content).map_err(io::Error::other)?)?;
        *saved = content;
        Ok(())
    }
}

/// Delivers what is due, until shutdown.
pub async fn run(broker: Arc<Broker>, shutdown: CancellationToken) {
    let reader = broker.clone();
    match tokio::task::spawn_blocking(move || Delivering::begin(&reader)).await {
        Ok(mut delivering) => drop(shutdown.run_until_cancelled(delivering.run(&broker)).await),
        Err(error) => tracing::error!(%error, "messages do not come at their time: the log cannot be read"),
    }
}

/// Why messages wait although they are due.
enum Trouble {
    /// One may not be read before the log is on the disk up to there.
    NotYet(u64),
    Failed(String),
}

impl Trouble {
    fn of(error: &StoreError) -> Self {
        Self::Failed(error.to_string())
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
}

impl Delivering {
    /// Looks for what was delivered before the start.
    fn begin(broker: &Broker) -> Self {
        let (timers, store) = (broker.timers(), broker.store());
        let mut begin = timers.saved.lock().clone();
        let end = store.queue(TIMER_TOPIC, 0).map_or(0, |queue| queue.max_offset());
        if begin.read > end {
            tracing::error!(
                read = begin.read,
                end,
                "more timed messages were delivered than there are: going on at the end"
            );
            (begin.low, begin.read) = (begin.low.min(end), end);
        }
        // If nothing waits, what was delivered does not matter.
        let waits = begin.low < end;
        let found = if waits { deliver::delivered_since(store, begin.log_offset) } else { HashMap::new() };
        let done = found.into_iter().filter(|(_, level)| *level == 0).map(|(place, _)| place).collect();
        let mut waiting = timers.waiting.lock();
        (waiting.read, waiting.known_at) = (begin.low, Some(end));
        Self { begin, done, delivery: Delivery::new(store), tries: 0 }
    }

    async fn run(&mut self, broker: &Broker) {
        let queue = broker.store().queue_or_new(TIMER_TOPIC, 0);
        loop {
            let read = self.read(broker, &queue);
            // Whether anything comes first is known only once everything is read.
            let delivered = if matches!(read, Ok(BATCH)) { Ok(0) } else { self.deliver(broker) };
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
                (Err(Trouble::NotYet(end)), _) | (_, Err(Trouble::NotYet(end))) => {
                    _ = tokio::time::timeout(RETRY, broker.store().flushed().reached(end)).await;
                }
                (Err(Trouble::Failed(error)), _) | (_, Err(Trouble::Failed(error))) => {
                    tracing::warn!(error, "messages that are due wait");
                    tokio::time::sleep(RETRY).await;
                }
            }
        }
    }

    /// Takes note of messages that came, and at a start of those that still wait. How many were looked at.
    fn read(&mut self, broker: &Broker, queue: &ConsumeQueue) -> Result<usize, Trouble> {
        let first = {
            let mut waiting = broker.timers().waiting.lock();
            waiting.read = waiting.read.max(queue.min_offset());
            waiting.read
        };
        let mut entries = Vec::new();
        queue.read(first, BATCH, &mut entries).map_err(|error| Trouble::of(&error))?;
        let (mut keys, mut looked_at, mut trouble) = (Vec::with_capacity(entries.len()), 0, None);
        let mut up_to = None;
        for (offset, entry) in (first..).zip(&entries) {
            match self.due(broker, offset, entry) {
                Ok(Some(due)) if self.done.contains(&entry.physical_offset) => up_to = up_to.max(Some((due, offset))),
                Ok(Some(due)) if !self.begin.is_delivered((due, offset)) => keys.push((due, offset)),
                Ok(_) => {}
                Err(error) => {
                    trouble = Some(error);
                    break;
                }
            }
            looked_at += 1;
        }
        let mut waiting = broker.timers().waiting.lock();
        waiting.up_to = waiting.up_to.max(up_to);
        waiting.open.extend(keys.iter().map(|(_, offset)| *offset));
        waiting.keys.extend(keys);
        waiting.read = first + looked_at as i64;
        match trouble {
            Some(trouble) if looked_at == 0 => Err(trouble),
            _ => Ok(looked_at),
        }
    }

    /// When a message that came is due; `None` if it will not be delivered.
    fn due(&mut self, broker: &Broker, offset: i64, entry: &QueueEntry) -> Result<Option<i64>, Trouble> {
        let why = match deliver::fetch(broker.store(), (TIMER_TOPIC, 0, offset), entry) {
            Fetched::Message(message) => {
                let due =
                    properties::get(&message.properties, properties::TIMER_OUT_MS).and_then(|due| due.parse().ok());
                if due.is_some() {
                    return Ok(due);
                }
                "it does not say when it is due"
            }
            Fetched::NotYet(end) => return Err(Trouble::NotYet(end)),
            Fetched::Gone => "its log file was deleted before it was delivered",
            Fetched::Unreadable(why) => {
                self.tries += 1;
                if self.tries < TRIES {
                    return Err(Trouble::Failed(why.to_owned()));
                }
                why
            }
        };
        tracing::error!(offset, why, "a message with a time of its own is given up");
        self.tries = 0;
        Ok(None)
    }

    /// Delivers what is due, as much as goes with one append; how much that is.
    fn deliver(&mut self, broker: &Broker) -> Result<usize, Trouble> {
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
                Fetched::NotYet(end) if self.delivery.len() == 0 => return Err(Trouble::NotYet(end)),
                // What comes before it goes first.
                Fetched::NotYet(_) => break,
                Fetched::Gone => "its log file was deleted before its time".to_owned(),
                Fetched::Unreadable(why) => {
                    if self.delivery.len() > 0 {
                        break;
                    }
                    self.tries += 1;
                    if self.tries < TRIES {
                        return Err(Trouble::Failed(why.to_owned()));
                    }
                    why.to_owned()
                }
            };
            tracing::error!(offset, why, "a message that is due is given up");
            self.tries = 0;
            self.delivery.pass();
        }
        // Held meanwhile, or the progress could be saved without these copies, as if they lay behind what is flushed.
        let mut waiting = broker.timers().waiting.lock();
        let (Delivered { count, copies }, appended) = self.delivery.append(broker.store());
        for key in &due[..count] {
            waiting.keys.remove(key);
        }
        // What needed no copy is done with what was copied last.
        let copies = copies.or(waiting.unflushed.back().map(|(copies, _)| copies.clone())).unwrap_or(0..0);
        if count > 0 {
            waiting.unflushed.push_back((copies, due[..count].to_vec()));
        }
        appended.map(|()| count).map_err(|error| Trouble::of(&error))
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
