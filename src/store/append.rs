//! Putting records at the end of the log: encoded outside the lock, placed and written as one batch under it.
//!
//! Records that another store has placed already come by `append/copied.rs`.

mod copied;

use crate::{
    StoreError, consume_queue::ConsumeQueue, fanout::Plan, index_file::Key, mapped_file::LogFile, parts::Parts,
    queue_files::QueueEntry,
};
use protocol::{
    properties::PROPERTY_SEPARATOR,
    record::{BLANK_MIN_LEN, NewRecord, encode_blank, place},
    whole_crc::{WHOLE_CRC_PLACE, seal},
};
use std::{
    ops::Range,
    sync::{Arc, atomic::Ordering},
};

/// Memory for records that an empty batch keeps at most.
const KEPT_BYTES: usize = 256 << 10;

/// Records encoded and ready to be appended together. Reusable: an append leaves it empty, with its memory.
#[derive(Debug)]
pub struct AppendBatch {
    bytes: Vec<u8>,
    items: Vec<Item>,
    key_hashes: Vec<u32>,
    max_record: usize,
    /// Each record ends with a CRC of all of it.
    sealed: bool,
    /// The queues of `items`; filled during the append.
    queues: Vec<Arc<ConsumeQueue>>,
}

#[derive(Debug)]
struct Item {
    record: Range<usize>,
    topic: Range<usize>,
    queue_id: i32,
    plan: Plan,
    key_hashes: Range<usize>,
    /// Index in `AppendBatch::queues`, for a record that gets an entry.
    queue: usize,
}

/// Where a record was stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placed {
    /// Byte offset in the log.
    pub physical_offset: i64,
    /// Offset in its queue; 0 for half messages and rollbacks, which are in none.
    pub queue_offset: i64,
    /// Bytes of the record.
    pub size: u32,
    /// When it was stored, ms.
    pub store_ms: i64,
}

impl Placed {
    /// The offset the log must be flushed or replicated to for this record to be safe.
    pub fn end(&self) -> u64 {
        self.physical_offset as u64 + u64::from(self.size)
    }
}

impl AppendBatch {
    pub(crate) fn new(max_record: usize, sealed: bool) -> Self {
        let (bytes, items, key_hashes, queues) = Default::default();
        Self { bytes, items, key_hashes, max_record, sealed, queues }
    }

    /// Encodes a record behind the others and returns its index.
    ///
    /// # Errors
    /// What the format, the log's file size or the folder of its queue cannot hold; the batch is as before.
    pub fn push(&mut self, record: &NewRecord<'_>) -> Result<usize, StoreError> {
        if !names_a_folder(record.topic) {
            return Err(StoreError::Name { what: "topic", value: record.topic.to_owned() });
        }
        if record.queue_id < 0 {
            return Err(StoreError::Name { what: "queue id", value: record.queue_id.to_string() });
        }
        if self.sealed {
            let mut properties = String::with_capacity(record.properties.len() + 1 + WHOLE_CRC_PLACE.len());
            properties.push_str(record.properties);
            if !properties.is_empty() && !properties.ends_with(PROPERTY_SEPARATOR) {
                properties.push(PROPERTY_SEPARATOR);
            }
            properties.push_str(WHOLE_CRC_PLACE);
            return self.push_as_is(&NewRecord { properties: &properties, ..record.clone() });
        }
        self.push_as_is(record)
    }

    fn push_as_is(&mut self, record: &NewRecord<'_>) -> Result<usize, StoreError> {
        let size = record.encoded_len();
        if size > self.max_record {
            return Err(StoreError::TooLarge { size, max: self.max_record });
        }
        let start = self.bytes.len();
        let end = start + record.encode(&mut self.bytes)?;
        let topic_end = end - 2 - record.properties.len();
        let first_hash = self.key_hashes.len();
        let plan = Plan::new(record.topic, record.sys_flag, record.properties, &mut self.key_hashes);
        self.items.push(Item {
            record: start..end,
            topic: topic_end - record.topic.len()..topic_end,
            queue_id: record.queue_id,
            plan,
            key_hashes: first_hash..self.key_hashes.len(),
            queue: 0,
        });
        Ok(self.items.len() - 1)
    }

    /// How many records it holds.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Bytes of its records.
    pub fn byte_len(&self) -> usize {
        self.bytes.len()
    }

    /// Bytes of memory it holds for records.
    pub fn byte_capacity(&self) -> usize {
        self.bytes.capacity()
    }

    /// Forgets the records from index `len` on.
    pub fn truncate(&mut self, len: usize) {
        if let Some(first) = self.items.get(len) {
            self.bytes.truncate(first.record.start);
            self.key_hashes.truncate(first.key_hashes.start);
            self.items.truncate(len);
        }
    }

    /// Forgets the records and keeps the memory, if it is not unusually much.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.bytes.shrink_to(KEPT_BYTES);
        self.items.clear();
        self.key_hashes.clear();
        self.queues.clear();
    }

    /// Finds the queue of each record that gets an entry.
    fn resolve(&mut self, parts: &Parts) {
        for item in self.items.iter_mut().filter(|item| item.plan.queued) {
            // Encoded from a `str` a moment ago.
            let topic = std::str::from_utf8(&self.bytes[item.topic.clone()]).unwrap_or_default();
            let is_it = |queue: &&Arc<ConsumeQueue>| queue.id() == item.queue_id && queue.topic() == topic;
            if self.queues.last().filter(is_it).is_none() {
                self.queues.push(parts.queues.get_or_make(topic, item.queue_id));
            }
            item.queue = self.queues.len() - 1;
        }
    }
}

/// Whether `topic` is one plain folder name, so that no queue lies outside the store.
pub(crate) fn names_a_folder(topic: &str) -> bool {
    // The longest name that file systems take.
    (1..=255).contains(&topic.len()) && topic != "." && topic != ".." && !topic.contains(['/', '\0'])
}

/// The one place that writes the log; lives inside the append lock.
#[derive(Debug)]
pub(crate) struct Appender {
    /// Where the next record goes.
    end: u64,
    /// Where the last one starts.
    last_record: u64,
    file: Option<Arc<LogFile>>,
    /// Where the filler starts in which `end` lies: it is being copied, and its rest is still to come.
    filler_from: Option<u64>,
    /// Bytes behind `end` that a refused write may have left there.
    unwiped: usize,
    pub closed: bool,
}

impl Appender {
    pub fn new(end: u64, last_record: u64, file: Option<Arc<LogFile>>) -> Self {
        Self { end, last_record, file, filler_from: None, unwiped: 0, closed: false }
    }

    /// Where the next record goes.
    pub fn end(&self) -> u64 {
        self.end
    }

    /// Where the last record ends, or the filler behind it: what a start will find to be the end of the log.
    pub fn whole_end(&self) -> u64 {
        self.filler_from.unwrap_or(self.end)
    }

    /// Where the last record starts.
    pub fn last_record(&self) -> u64 {
        self.last_record
    }

    /// Makes zeros of what a refused write left behind the end: no later start is to take that for records, and least of
    /// all behind records that were stored since.
    pub fn wipe(&mut self) -> Result<(), StoreError> {
        if let Some(file) = self.file.as_ref().filter(|_| self.unwiped > 0) {
            file.write(self.end - file.start(), &vec![0; self.unwiped])?;
            self.unwiped = 0;
        }
        Ok(())
    }

    /// The file in which `size` bytes and a filler fit at `end`; goes on to the next one if they do not.
    fn file_for(&mut self, parts: &Parts, size: usize) -> Result<Arc<LogFile>, StoreError> {
        if let Some(file) = &self.file {
            let left = parts.log.file_size - (self.end - file.start());
            let has_filler = self.filler_from.is_some();
            if (size + BLANK_MIN_LEN) as u64 <= left && !has_filler {
                return Ok(file.clone());
            }
            if left >= BLANK_MIN_LEN as u64 && !has_filler {
                let mut filler = Vec::with_capacity(BLANK_MIN_LEN);
                encode_blank(left as usize, &mut filler);
                file.write(self.end - file.start(), &filler)?;
            }
            let next = parts.log.add_file(self.end + left)?;
            file.publish(parts.log.file_size);
            self.end = next.start();
            self.filler_from = None;
            parts.log.written.advance(self.end);
            parts.queue_flush.wake();
            return Ok(self.file.insert(next).clone());
        }
        let first = parts.log.add_file(self.end - self.end % parts.log.file_size)?;
        Ok(self.file.insert(first).clone())
    }

    /// Appends the batch; `placed` gets an entry for each record that is stored, in order.
    pub fn append(
        &mut self,
        parts: &Parts,
        batch: &mut AppendBatch,
        placed: &mut Vec<Placed>,
    ) -> Result<(), StoreError> {
        parts.health.check()?;
        self.wipe()?;
        batch.resolve(parts);
        let store_ms = parts.clock.now_ms();
        parts.appending_since_ms.store(store_ms, Ordering::Relaxed);
        while placed.len() < batch.items.len() {
            let first = placed.len();
            let file = self.file_for(parts, batch.items[first].record.len())?;
            let room = parts.log.file_size - BLANK_MIN_LEN as u64;
            let begin = self.end;
            for item in &batch.items[first..] {
                let at = begin - file.start() + (item.record.start - batch.items[first].record.start) as u64;
                if at + item.record.len() as u64 > room {
                    break;
                }
                let queue_offset = if item.plan.queued { batch.queues[item.queue].take_offset() } else { 0 };
                let physical_offset = (file.start() + at) as i64;
                let record = &mut batch.bytes[item.record.clone()];
                place(record, queue_offset, physical_offset, store_ms);
                if batch.sealed {
                    seal(record);
                }
                placed.push(Placed { physical_offset, queue_offset, size: item.record.len() as u32, store_ms });
            }
            let items = &batch.items[first..placed.len()];
            let bytes = &batch.bytes[items[0].record.start..items[items.len() - 1].record.end];
            if let Err(error) = file.write(begin - file.start(), bytes) {
                self.unwiped = bytes.len();
                _ = self.wipe();
                placed.truncate(first);
                batch.queues.iter().for_each(|queue| queue.untake());
                return Err(error);
            }
            self.end = begin + bytes.len() as u64;
            self.last_record = placed.last().map_or(begin, |last| last.physical_offset as u64);
            file.publish(self.end - file.start());
            parts.log.written.advance(self.end);
            fan_out(parts, batch, first, &placed[first..]);
            parts.last_store_ms.store(store_ms, Ordering::Release);
        }
        Ok(())
    }
}

/// Queue entries and index keys of the records from `first` on, which were placed at `placed`.
fn fan_out(parts: &Parts, batch: &AppendBatch, first: usize, placed: &[Placed]) {
    let items = &batch.items[first..first + placed.len()];
    for (item, at) in items.iter().zip(placed).filter(|(item, _)| item.plan.queued) {
        batch.queues[item.queue].push(QueueEntry {
            physical_offset: at.physical_offset,
            size: at.size,
            tag_hash: item.plan.tag.value(&parts.delay_levels_ms, at.store_ms),
        });
    }
    if let Some(index) = parts.index.as_ref().filter(|_| items.iter().any(|item| !item.key_hashes.is_empty())) {
        let keys = items.iter().zip(placed).flat_map(|(item, at)| {
            let hashes = batch.key_hashes[item.key_hashes.clone()].iter();
            hashes.map(|&hash| Key { hash, physical_offset: at.physical_offset, store_ms: at.store_ms })
        });
        if index.note(keys) {
            parts.queue_flush.wake();
        }
    }
    let last = items.iter().rfind(|item| item.plan.queued).map(|item| item.queue);
    let head = items.iter().find(|item| item.plan.queued).map(|item| item.queue);
    if let (Some(head), Some(last)) = (head, last) {
        let queues = &batch.queues[head..=last];
        if parts.log.shows_synced_only {
            let end = placed.last().map_or(0, Placed::end);
            let mut unshown = parts.unshown.lock();
            queues.iter().for_each(|queue| unshown.show_at(end, queue, queue.next()));
            drop(unshown);
            // Also when nobody waits for the disk, readers do.
            parts.log_flush.wake();
        } else {
            queues.iter().for_each(|queue| queue.show(queue.next()));
        }
    }
    let count = placed.len() as u64;
    parts.counters.put_messages.fetch_add(count, Ordering::Relaxed);
    parts.counters.put_bytes.fetch_add(placed.iter().map(|at| u64::from(at.size)).sum(), Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{MessageStore, StoreConfig};
    use base::Clock;
    use protocol::record::SysFlag;

    #[test]
    fn offsets_of_records_that_could_not_be_written_are_given_out_again() {
        let dir = tempfile::tempdir().unwrap();
        let store = MessageStore::open(StoreConfig::small(dir.path()), Clock::System).unwrap();
        let host = "127.0.0.1:1".parse().unwrap();
        let record = NewRecord {
            topic: "T",
            queue_id: 0,
            flag: 0,
            sys_flag: SysFlag::default(),
            born_ms: 0,
            born_host: host,
            store_host: host,
            reconsume_times: 0,
            prepared_transaction_offset: 0,
            body: b"x",
            properties: "KEYS\u{1}k",
        };
        let (mut batch, mut placed) = (store.batch(), Vec::new());
        batch.push(&record).unwrap();
        store.append(&mut batch, &mut placed).unwrap();
        let end = store.max_physical();
        // A file that is full takes no more, whatever the appender believes.
        store.parts().log.file_at(0).unwrap().publish(u64::MAX);
        for _ in 0..3 {
            batch.push(&record).unwrap();
        }
        assert!(store.append(&mut batch, &mut placed).is_err());
        assert!(placed.is_empty() && batch.is_empty());
        let queue = store.queue("T", 0).unwrap();
        assert_eq!((store.max_physical(), queue.max_offset(), queue.take_offset()), (end, 1, 1));
        assert_eq!(store.find("T", "k", 10, 0, i64::MAX).unwrap().records.len(), 1);
    }
}
