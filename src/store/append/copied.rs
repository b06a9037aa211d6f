//! Putting at the end of the log what was copied from the log of another store: records that have their places already.
//!
//! They are written as they came and checked before. A queue goes on as the other's did: where its topic was deleted
//! there, it starts anew.

use super::{Appender, names_a_folder};
use crate::{
    StoreError,
    consume_queue::ConsumeQueue,
    fanout::Plan,
    index_file::Key,
    leap::{leap, start_anew},
    mapped_file::LogFile,
    parts::Parts,
    queue_files::{LAST_OFFSET, QueueEntry},
    view::{Found, RecordView, look},
};
use protocol::record::{BLANK_MIN_LEN, MIN_LEN};
use std::sync::{Arc, atomic::Ordering};

/// What stands at the start of copied bytes.
enum Piece<'a> {
    Record(RecordView<'a>),
    /// The filler that ends a file.
    Filler,
}

/// What goes into one file with one write.
#[derive(Default)]
struct Run {
    /// Its bytes.
    len: usize,
    records: Vec<Copied>,
    keys: Vec<Key>,
    /// The queues of `records`.
    queues: Vec<Arc<ConsumeQueue>>,
    /// Where the filler starts with which it ends.
    filler: Option<u64>,
}

struct Copied {
    size: u64,
    store_ms: i64,
    physical_offset: i64,
    /// Index in `Run::queues`, and the tag of its entry there.
    queue: Option<(usize, i64)>,
}

impl Appender {
    /// See [`crate::MessageStore::append_copied`].
    pub fn append_copied(&mut self, parts: &Parts, at: u64, bytes: &[u8]) -> Result<usize, StoreError> {
        parts.health.check()?;
        self.wipe()?;
        if at != self.end {
            self.check_beginning(parts, at)?;
            if next_piece(bytes, at, at + parts.log.file_size)?.is_none() {
                return Ok(0);
            }
            self.begin(parts, at)?;
        }
        let mut taken = 0;
        while taken < bytes.len() {
            match self.copy_run(parts, &bytes[taken..]) {
                Ok(0) => break,
                Ok(count) => taken += count,
                // What came before it is kept; who comes with the rest is told.
                Err(_) if taken > 0 => break,
                Err(error) => return Err(error),
            }
        }
        Ok(taken)
    }

    /// Only a log without a record may begin elsewhere than at its end.
    fn check_beginning(&self, parts: &Parts, at: u64) -> Result<(), StoreError> {
        let (end, size) = (self.end, parts.log.file_size);
        let refuse = |what| Err(StoreError::NotTheNext { at, what });
        if parts.log.min_offset() != end || at < end {
            return refuse(format!("this log ends at byte {end}"));
        }
        if !at.is_multiple_of(size) || at > i64::MAX as u64 {
            return refuse(format!("no file of {size} bytes (mappedFileSizeCommitLog) begins there"));
        }
        Ok(())
    }

    /// Makes the first file of the log, in place of one without a record that begins elsewhere.
    fn begin(&mut self, parts: &Parts, at: u64) -> Result<(), StoreError> {
        self.file = None;
        parts.log.remove_empty_file()?;
        self.file = Some(parts.log.add_file(at)?);
        (self.end, self.last_record) = (at, at);
        parts.log.written.advance(at);
        parts.log.flushed.advance(at);
        Ok(())
    }

    /// Appends what goes into one file with one write. Returns how many bytes that was.
    fn copy_run(&mut self, parts: &Parts, bytes: &[u8]) -> Result<usize, StoreError> {
        let run = self.next_run(parts, bytes)?;
        if run.len == 0 {
            return Ok(0);
        }
        let begin = self.end;
        let written = self.file_to_copy_to(parts).and_then(|file| {
            file.write(begin - file.start(), &bytes[..run.len]).inspect_err(|_| {
                self.unwiped = run.len;
                _ = self.wipe();
            })?;
            Ok(file)
        });
        let file = written.inspect_err(|_| run.give_back())?;
        self.end = begin + run.len as u64;
        if let Some(last) = run.records.last() {
            self.last_record = last.physical_offset as u64;
        }
        let file_ends = self.end == file.start() + parts.log.file_size;
        self.filler_from = run.filler.filter(|_| !file_ends);
        file.publish(self.end - file.start());
        parts.log.written.advance(self.end);
        run.fan_out(parts, self.end);
        if file_ends {
            parts.queue_flush.wake();
        }
        Ok(run.len)
    }

    /// The file that `end` lies in.
    fn file_to_copy_to(&mut self, parts: &Parts) -> Result<Arc<LogFile>, StoreError> {
        let has_room = |file: &&Arc<LogFile>| self.end < file.start() + parts.log.file_size;
        if let Some(file) = self.file.as_ref().filter(has_room) {
            return Ok(file.clone());
        }
        let next = parts.log.add_file(self.end - self.end % parts.log.file_size)?;
        Ok(self.file.insert(next).clone())
    }

    /// As many records and fillers at the start of `bytes` as go into one file, each checked, with the next offsets of
    /// their queues taken. Ends before what is wrong, and before a record that is not the next one of its queue.
    fn next_run(&self, parts: &Parts, bytes: &[u8]) -> Result<Run, StoreError> {
        let mut run = Run::default();
        let file_end = self.end - self.end % parts.log.file_size + parts.log.file_size;
        let mut filler = self.filler_from;
        while filler.is_none() {
            let at = self.end + run.len as u64;
            let piece = match next_piece(&bytes[run.len..], at, file_end) {
                Ok(piece) => piece,
                Err(_) if run.len > 0 => break,
                Err(error) => return Err(error),
            };
            match piece {
                Some(Piece::Record(record)) => {
                    if !run.push(parts, &record)? {
                        break;
                    }
                }
                Some(Piece::Filler) => filler = Some(at),
                None => break,
            }
        }
        if filler.is_some() {
            let left = file_end - (self.end + run.len as u64);
            run.len = bytes.len().min(run.len + left as usize);
            run.filler = filler;
        }
        Ok(run)
    }
}

impl Run {
    /// Adds a record; `false` if another run has to begin with it.
    fn push(&mut self, parts: &Parts, record: &RecordView<'_>) -> Result<bool, StoreError> {
        let (topic, store_ms, physical_offset) = (record.topic(), record.store_ms(), record.physical_offset());
        let mut hashes = Vec::new();
        let plan = Plan::new(&topic, record.sys_flag(), &record.properties(), &mut hashes);
        let (id, offset) = (record.queue_id(), record.queue_offset());
        let queue = match plan.queued && names_a_folder(&topic) && id >= 0 && offset >= 0 {
            true => {
                let is_it = |queue: &&Arc<ConsumeQueue>| queue.id() == id && queue.topic() == topic;
                let known = self.queues.last().filter(is_it).cloned();
                let mut queue = known.clone().unwrap_or_else(|| parts.queues.get_or_make(&topic, id));
                if queue.next() != offset {
                    if self.len > 0 {
                        return Ok(false);
                    }
                    queue = at_offset(parts, &queue, record)?;
                }
                queue.take_offset();
                if known.is_none() {
                    self.queues.push(queue);
                }
                Some((self.queues.len() - 1, plan.tag.value(&parts.delay_levels_ms, store_ms)))
            }
            false => None,
        };
        if parts.index.is_some() {
            self.keys.extend(hashes.into_iter().map(|hash| Key { hash, physical_offset, store_ms }));
        }
        self.len += record.size() as usize;
        self.records.push(Copied { size: record.size(), store_ms, physical_offset, queue });
        Ok(true)
    }

    /// Gives back the offsets that were taken.
    fn give_back(&self) {
        self.queues.iter().for_each(|queue| queue.untake());
    }

    /// Queue entries and index keys of the records, which end at `end` of the log.
    fn fan_out(&self, parts: &Parts, end: u64) {
        for record in &self.records {
            let Some((queue, tag_hash)) = record.queue else { continue };
            let (physical_offset, size) = (record.physical_offset, record.size as u32);
            self.queues[queue].push(QueueEntry { physical_offset, size, tag_hash });
        }
        if let Some(index) = parts.index.as_ref().filter(|_| !self.keys.is_empty())
            && index.note(self.keys.iter().copied())
        {
            parts.queue_flush.wake();
        }
        if parts.log.shows_synced_only {
            let mut unshown = parts.unshown.lock();
            self.queues.iter().for_each(|queue| unshown.show_at(end, queue, queue.next()));
            drop(unshown);
            parts.log_flush.wake();
        } else {
            self.queues.iter().for_each(|queue| queue.show(queue.next()));
        }
        if let Some(newest) = self.records.iter().map(|record| record.store_ms).max() {
            parts.last_store_ms.fetch_max(newest, Ordering::AcqRel);
        }
        parts.counters.put_messages.fetch_add(self.records.len() as u64, Ordering::Relaxed);
        parts.counters.put_bytes.fetch_add(self.records.iter().map(|record| record.size).sum(), Ordering::Relaxed);
    }
}

/// The queue of a record that is not the next one of it, ready to take it.
fn at_offset(
    parts: &Parts,
    queue: &Arc<ConsumeQueue>,
    record: &RecordView<'_>,
) -> Result<Arc<ConsumeQueue>, StoreError> {
    let (offset, physical_offset) = (record.queue_offset(), record.physical_offset());
    let ahead = offset - queue.next();
    let room = physical_offset - queue.physical_end();
    let has_entries = queue.min_offset() < queue.next();
    if has_entries {
        // The fewer records a crash leaves to tell by, the less sure a start is of what happened here.
        parts.settle_soon.store(true, Ordering::Relaxed);
        parts.queue_flush.wake();
    }
    // Damage in this log may have taken as many messages as had room there. Behind any other gap, and where the topic was
    // deleted and made anew, no older entry belongs to the same row.
    if has_entries && ahead > 0 && ahead.saturating_mul(MIN_LEN as i64) <= room {
        leap(&parts.queues, queue, offset, physical_offset)
    } else {
        start_anew(&parts.queues, queue, offset)
    }
}

/// What stands at the start of `bytes`, which are for byte `at` of the log, in a file that ends at `file_end`; `None` if
/// it is not all there yet. Of a filler its head is enough.
fn next_piece(bytes: &[u8], at: u64, file_end: u64) -> Result<Option<Piece<'_>>, StoreError> {
    let left = file_end - at;
    let refuse = |what: String| Err(StoreError::NotTheNext { at, what });
    let other_size = |what: &str, end: u64| {
        let why = "has the master another mappedFileSizeCommitLog? Set it alike, and let this store begin empty";
        refuse(format!("{what} ends at byte {end}, but the log file at {file_end}: {why}"))
    };
    let wrong_place = |place: i64| refuse(format!("the record there belongs at byte {place}"));
    if file_end > i64::MAX as u64 {
        return refuse("no log is so long".to_owned());
    }
    match look(bytes) {
        Found::Record(record) => {
            if record.at() != at {
                return wrong_place(record.physical_offset());
            }
            if record.size() + BLANK_MIN_LEN as u64 > left {
                return other_size("the record there", at + record.size());
            }
            if record.queue_offset() > LAST_OFFSET {
                return refuse(format!("message {} of a queue cannot be", record.queue_offset()));
            }
            if !record.crc_holds() || record.whole_crc_holds() == Some(false) {
                return refuse("the record there is not what its CRC says".to_owned());
            }
            Ok(Some(Piece::Record(record)))
        }
        Found::Blank => {
            let size = bytes.first_chunk().map_or(0, |size| u64::from(u32::from_be_bytes(*size)));
            if size != left {
                return other_size("the filler there", at + size);
            }
            Ok(Some(Piece::Filler))
        }
        Found::Nothing(why) => refuse(why.to_owned()),
        // Told at once: nothing that may follow makes it right.
        Found::Short { need } if need as u64 > left => other_size("the record there", at + need as u64),
        Found::Short { .. } => match bytes.get(28..36).and_then(|place| place.first_chunk()) {
            Some(place) if *place != at.to_be_bytes() => wrong_place(i64::from_be_bytes(*place)),
            _ => Ok(None),
        },
    }
}
