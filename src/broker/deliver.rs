//! Bringing parked messages to where they belong, many with one append.
//!
//! Each copy carries the place of the message it was made of: after a crash the end of the log tells what was delivered
//! since the progress was last saved, and nothing is delivered twice.

use crate::{broker::Broker, parked::Released};
use bytes::Bytes;
use protocol::{
    properties,
    record::{self, BLANK_MAGIC, Entry, MESSAGE_MAGIC, NewRecord, SysFlag},
    topic,
};
use std::{collections::HashMap, ops::Range};
use store::{AppendBatch, MessageStore, Placed, QueueEntry, StoreError};

/// Bytes of a batch from which on it is full.
const FULL_BYTES: usize = 1 << 20;
/// Bytes looked through at a time for the next record behind damage.
const SEARCHED: usize = 64 << 10;

/// What a parked message is found to be.
pub enum Fetched {
    /// Here it is.
    Message(Box<Released>),
    /// The log file it was in is deleted.
    Gone,
    /// It may not be read before the log is on the disk up to there.
    NotYet(u64),
    /// It cannot be read, or is damaged.
    Unreadable(&'static str),
}

/// Reads the parked message that the entry at `offset` of a queue leads to.
pub fn fetch(store: &MessageStore, (topic, queue_id, offset): (&str, i32, i64), entry: &QueueEntry) -> Fetched {
    let Some(bytes) = store.record_at(entry.physical_offset) else {
        let end = entry.physical_offset as u64 + u64::from(entry.size);
        return match entry.physical_offset {
            offset if offset < store.min_physical() => Fetched::Gone,
            // Queues are shown a moment before what they lead to.
            _ if end > store.flushed().get() && end <= store.written().get() => Fetched::NotYet(end),
            _ => Fetched::Unreadable("no sound record lies where the queue says"),
        };
    };
    let Ok(Entry::Message(parked)) = record::decode(&bytes, false) else {
        return Fetched::Unreadable("its record cannot be taken apart");
    };
    if (&*parked.topic, parked.queue_id, parked.queue_offset) != (topic, queue_id, offset) {
        return Fetched::Unreadable("the record there belongs to another queue or another place in it");
    }
    match Released::of(parked) {
        // As Apache RocketMQ does, the copy still says what it was parked with.
        Some(released) => Fetched::Message(Box::new(released)),
        None => Fetched::Unreadable("it does not say which topic and queue it is meant for"),
    }
}

/// What was delivered, as far as it is known.
#[derive(Debug, Default)]
pub struct Delivered {
    /// How many of the messages given to [`Delivery::add`] are done with, counted from the first.
    pub count: usize,
    /// From where to where the copies lie in the log. It may be on the disk in part: a batch may be spread over two files.
    pub copies: Option<Range<u64>>,
}

/// Copies of parked messages, collected to be appended together.
pub struct Delivery {
    batch: AppendBatch,
    placed: Vec<Placed>,
    /// For each message that was added, how many records the batch then held.
    added: Vec<usize>,
}

impl Delivery {
    /// Nothing collected yet.
    pub fn new(store: &MessageStore) -> Self {
        Self { batch: store.batch(), placed: Vec::new(), added: Vec::new() }
    }

    /// How many messages were added.
    pub fn len(&self) -> usize {
        self.added.len()
    }

    /// Whether it is time to append.
    pub fn is_full(&self, most: usize) -> bool {
        self.added.len() >= most || self.batch.byte_len() >= FULL_BYTES
    }

    /// Notes a message that needs no copy: it was delivered before, or cannot be.
    pub fn pass(&mut self) {
        self.added.push(self.batch.len());
    }

    /// Adds the copy of a message. One whose topic is no longer there is passed over, with a line in the log.
    ///
    /// # Errors
    /// If such a record cannot be; nothing is added.
    pub fn add(&mut self, broker: &Broker, message: &Released) -> Result<(), StoreError> {
        if !is_there(broker, &message.topic) {
            let Released { topic, parked, .. } = message;
            let offset = parked.physical_offset;
            tracing::warn!(topic, offset, "a delayed message is not delivered: its topic was deleted");
            self.pass();
            return Ok(());
        }
        let mark = mark(message.parked.physical_offset);
        self.batch.push(&NewRecord { prepared_transaction_offset: mark, ..message.record() })?;
        self.added.push(self.batch.len());
        Ok(())
    }

    /// Appends what was collected and forgets it. Whoever saves how far was delivered must wait from before this call
    /// until its outcome is noted: the copies may be on the disk before it returns.
    pub fn append(&mut self, store: &MessageStore) -> (Delivered, Result<(), StoreError>) {
        self.placed.clear();
        let appended = if self.batch.is_empty() { Ok(()) } else { store.append(&mut self.batch, &mut self.placed) };
        let stored = self.placed.len();
        let count = self.added.iter().take_while(|records| **records <= stored).count();
        self.added.clear();
        let ends = self.placed.first().zip(self.placed.last());
        let copies = ends.map(|(first, last)| first.physical_offset as u64..last.end());
        (Delivered { count, copies }, appended)
    }
}

/// Whether a message may be delivered there. Retry topics are made where they are missing, as they are for a send.
fn is_there(broker: &Broker, name: &str) -> bool {
    if broker.topics().find(name).is_some() {
        return true;
    }
    let retry = name.starts_with(topic::RETRY_PREFIX) && topic::check_topic(name).is_ok();
    if retry && broker.topics().ensure(name, 1).1 {
        broker.announcer().soon();
    }
    retry
}

/// What the copy of the parked message at `physical_offset` has in its field for transactions. Negative, which no
/// transaction's is.
fn mark(physical_offset: i64) -> i64 {
    !physical_offset
}

/// The places of the parked messages whose copies lie in the log from `from` on, with their delay levels; 0 for those with a
/// time of their own. For a start: what was there before it is on the disk, and what comes after it does not count.
pub fn delivered_since(store: &MessageStore, from: i64) -> HashMap<i64, i32> {
    let (mut at, end) = (from.max(store.min_physical()), store.flushed().get() as i64);
    let mut found = HashMap::new();
    while at < end {
        match store.record_at(at).map(|bytes| (bytes.len() as i64, marked(&bytes))) {
            Some((len, place)) => {
                found.extend(place);
                at += len;
            }
            None => at = filler(store, at).or_else(|| next_record(store, at + 1, end)).unwrap_or(end),
        }
    }
    found
}

fn marked(bytes: &Bytes) -> Option<(i64, i32)> {
    // Most records are no such copies: one look at the field tells.
    let hosts = SysFlag(i32::from_be_bytes(bytes.get(36..40)?.try_into().ok()?));
    let wide = |bit| if hosts.has(bit) { 12 } else { 0 };
    let field = 76 + wide(SysFlag::BORN_HOST_V6) + wide(SysFlag::STORE_HOST_V6);
    let mark = i64::from_be_bytes(bytes.get(field..field + 8)?.try_into().ok()?);
    if mark >= 0 {
        return None;
    }
    let Entry::Message(copy) = record::decode(bytes, false).ok()? else { return None };
    properties::get(&copy.properties, properties::REAL_TOPIC)?;
    let level = properties::get(&copy.properties, properties::DELAY_LEVEL).and_then(|level| level.parse().ok());
    Some((!mark, level.unwrap_or(0).max(0)))
}

/// Where the filler at `at` ends, if there is one.
fn filler(store: &MessageStore, at: i64) -> Option<i64> {
    let head = store.read(at, 8)?;
    let word = |from: usize| head.get(from..from + 4)?.try_into().ok().map(u32::from_be_bytes);
    (word(4)? == BLANK_MAGIC).then_some(at + i64::from(word(0)?.max(8)))
}

/// The first record that begins at or behind `from`: what lies before it is damaged.
fn next_record(store: &MessageStore, from: i64, end: i64) -> Option<i64> {
    tracing::warn!(offset = from - 1, "the log is damaged here: looking for the next record behind");
    let mut at = from;
    while at < end {
        let len = SEARCHED.min((end - at) as usize);
        if let Some(bytes) = store.read(at, len) {
            let magics = bytes.windows(4).enumerate().filter(|(_, word)| *word == MESSAGE_MAGIC.to_be_bytes());
            let mut starts = magics.map(|(index, _)| at + index as i64 - 4);
            if let Some(start) = starts.find(|start| *start >= from && store.record_at(*start).is_some()) {
                return Some(start);
            }
        }
        // A magic number may lie across the border.
        at += (len as i64 - 3).max(1);
    }
    None
}
