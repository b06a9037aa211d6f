//! One consume queue: the messages of a topic's queue in order, as places in the log.
//!
//! The newest entries are kept in memory until they are written in a run, so that neither an append nor a consumer
//! that keeps up costs a system call. Entries become visible together, when [`ConsumeQueue::end`] moves.

use crate::{
    StoreError,
    commit_log::CommitLog,
    health::Health,
    mapped_file::file_name,
    queue_files::{ENTRY_LEN, QueueEntry, QueueFiles, QueueSpace},
};
use base::{Watermark, disk::Listed};
use parking_lot::Mutex;
use std::{
    path::PathBuf,
    sync::{
        Arc, Weak,
        atomic::{AtomicI64, Ordering},
    },
};

/// Entries a busy queue keeps in memory at most, and how many of them stay after they are written.
const TAIL_MAX: usize = 1024;
const TAIL_KEPT: usize = 512;

/// What the queues of a store have in common.
#[derive(Debug)]
pub(crate) struct Queues {
    pub space: QueueSpace,
    pub log: Arc<CommitLog>,
    pub health: Arc<Health>,
    /// Queues with entries to write, bytes to sync or memory to give back.
    pub busy: Mutex<Vec<Arc<ConsumeQueue>>>,
}

/// A consume queue. Offsets count messages from the first ever stored in it.
#[derive(Debug)]
pub struct ConsumeQueue {
    topic: Arc<str>,
    id: i32,
    queues: Arc<Queues>,
    /// Ourselves, for the list of busy queues.
    me: Weak<Self>,
    end: Watermark,
    min: AtomicI64,
    /// The offset the next record gets; changed under the store's append lock only.
    next: AtomicI64,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    tail: Vec<QueueEntry>,
    /// Offset of the first entry of `tail`.
    tail_start: i64,
    /// Entries below are in the files.
    written: i64,
    /// Where the record of the last entry ends.
    physical_end: i64,
    files: QueueFiles,
    /// In the list of busy queues.
    busy: bool,
    /// Used since the last look.
    used: bool,
    deleted: bool,
}

/// What a queue did with an entry that recovery offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Offered {
    /// It was the next one.
    Taken,
    /// The queue has it.
    Known,
    /// Entries before it are missing.
    Gap,
    /// The queue holds older entries at its offset: the topic was deleted and made anew in between.
    Restarted,
}

impl ConsumeQueue {
    /// A queue whose files hold the entries `min..end`.
    pub(crate) fn new(
        queues: Arc<Queues>,
        topic: Arc<str>,
        id: i32,
        min: i64,
        end: i64,
        physical_end: i64,
    ) -> Arc<Self> {
        let inner = Inner { tail_start: end, written: end, physical_end, ..Inner::default() };
        Arc::new_cyclic(|me| Self {
            me: me.clone(),
            topic,
            id,
            queues,
            end: Watermark::new(end as u64),
            min: AtomicI64::new(min),
            next: AtomicI64::new(end),
            inner: Mutex::new(inner),
        })
    }

    /// The topic.
    pub fn topic(&self) -> &str {
        &self.topic
    }

    /// The queue's number in its topic.
    pub fn id(&self) -> i32 {
        self.id
    }

    /// Offset of the first message that is still stored; equal to the end if there is none.
    pub fn min_offset(&self) -> i64 {
        self.min.load(Ordering::Acquire)
    }

    /// Offset behind the last message. A long poll waits on it.
    pub fn end(&self) -> &Watermark {
        &self.end
    }

    /// [`ConsumeQueue::end`] as the signed number the protocol uses.
    pub fn max_offset(&self) -> i64 {
        self.end.get() as i64
    }

    /// The entry at `offset`; `None` if it is not stored.
    pub fn get(&self, offset: i64) -> Option<QueueEntry> {
        let mut one = Vec::with_capacity(1);
        // What cannot be read is told where it is found out.
        self.read(offset, 1, &mut one).ok()?;
        one.pop()
    }

    /// Appends at most `max` entries from `offset` on to `entries` and returns how many; 0 outside of the queue.
    ///
    /// # Errors
    /// If a file cannot be read, and nothing was appended.
    pub fn read(&self, offset: i64, max: usize, entries: &mut Vec<QueueEntry>) -> Result<usize, StoreError> {
        let end = self.max_offset();
        if offset < self.min_offset() || offset >= end {
            return Ok(0);
        }
        let before = entries.len();
        let stop = offset.saturating_add(i64::try_from(max).unwrap_or(i64::MAX)).min(end);
        let mut at = offset;
        let mut inner = self.inner.lock();
        while at < stop.min(inner.tail_start) {
            match self.read_files(&mut inner, at, stop, entries) {
                Ok(0) => return Ok(entries.len() - before),
                Ok(count) => at += count,
                Err(_) if entries.len() > before => return Ok(entries.len() - before),
                Err(error) => return Err(error),
            }
        }
        if let Some(from) = at.checked_sub(inner.tail_start).filter(|_| at < stop && !inner.deleted) {
            let to = (stop - inner.tail_start) as usize;
            entries.extend_from_slice(inner.tail.get(from as usize..to.min(inner.tail.len())).unwrap_or_default());
        }
        Ok(entries.len() - before)
    }

    fn read_files(
        &self,
        inner: &mut Inner,
        at: i64,
        stop: i64,
        entries: &mut Vec<QueueEntry>,
    ) -> Result<i64, StoreError> {
        if inner.deleted {
            return Ok(0);
        }
        let mut buffer = [0; 64 * ENTRY_LEN];
        let wanted = (stop.min(inner.tail_start) - at).min(64) as usize * ENTRY_LEN;
        self.note_use(inner);
        let count =
            inner.files.read(&self.queues.space, &self.dir(), at, &mut buffer[..wanted]).inspect_err(|error| {
                tracing::warn!(topic = &*self.topic, queue = self.id, offset = at, %error, "queue entries unreadable");
            })?;
        let read = buffer[..count * ENTRY_LEN].chunks_exact(ENTRY_LEN).map_while(QueueEntry::decode);
        let before = entries.len();
        entries.extend(read);
        Ok((entries.len() - before) as i64)
    }

    fn dir(&self) -> PathBuf {
        self.queues.space.queue_dir(&self.topic, self.id)
    }

    pub(crate) fn log(&self) -> &CommitLog {
        &self.queues.log
    }

    /// Takes the next offset. For the appender, under its lock; [`ConsumeQueue::untake`] takes back what was not used.
    pub(crate) fn take_offset(&self) -> i64 {
        let offset = self.next.load(Ordering::Relaxed);
        self.next.store(offset + 1, Ordering::Relaxed);
        offset
    }

    /// Gives back offsets that were taken for records which could not be written.
    pub(crate) fn untake(&self) {
        let inner = self.inner.lock();
        self.next.store(inner.tail_start + inner.tail.len() as i64, Ordering::Relaxed);
    }

    /// Where the record of the last entry ends in the log.
    pub(crate) fn physical_end(&self) -> i64 {
        self.inner.lock().physical_end
    }

    /// The offset the next record gets.
    pub(crate) fn next(&self) -> i64 {
        self.next.load(Ordering::Relaxed)
    }

    /// Adds the entry of the record that took the next offset; it becomes visible with [`ConsumeQueue::show`].
    pub(crate) fn push(&self, entry: QueueEntry) {
        let mut inner = self.inner.lock();
        inner.tail.push(entry);
        inner.physical_end = entry.physical_end();
        self.note_use(&mut inner);
        if inner.tail.len() >= TAIL_MAX {
            match self.write_out(&mut inner) {
                Ok(()) => {
                    let gone = inner.tail.len() - TAIL_KEPT;
                    inner.tail.drain(..gone);
                    inner.tail_start += gone as i64;
                }
                // The entries stay in memory, and appends are refused until the flush thread has written them.
                Err(error) => self.queues.health.queue_trouble(Some(error.to_string())),
            }
        }
    }

    /// Makes everything pushed below `end` visible.
    pub(crate) fn show(&self, end: i64) {
        self.end.advance(end as u64);
    }

    /// Offers an entry that recovery found in the log at `offset`.
    pub(crate) fn offer(&self, offset: i64, entry: QueueEntry) -> Offered {
        let next = self.next.load(Ordering::Relaxed);
        let physical_end = self.inner.lock().physical_end;
        if entry.physical_offset < physical_end {
            return Offered::Known;
        }
        match offset.cmp(&next) {
            std::cmp::Ordering::Greater => Offered::Gap,
            std::cmp::Ordering::Less => Offered::Restarted,
            std::cmp::Ordering::Equal => {
                self.add(entry);
                Offered::Taken
            }
        }
    }

    /// Adds an entry at the next offset and shows it: for recovery.
    pub(crate) fn add(&self, entry: QueueEntry) {
        let offset = self.take_offset();
        self.push(entry);
        self.show(offset + 1);
    }

    fn note_use(&self, inner: &mut Inner) {
        inner.used = true;
        if !inner.busy {
            inner.busy = true;
            self.queues.busy.lock().extend(self.me.upgrade());
        }
    }

    fn write_out(&self, inner: &mut Inner) -> Result<(), StoreError> {
        let unwritten = &inner.tail[(inner.written - inner.tail_start) as usize..];
        if !unwritten.is_empty() && !inner.deleted {
            inner.files.write(&self.queues.space, &self.dir(), inner.written, unwritten)?;
            inner.written += unwritten.len() as i64;
        }
        Ok(())
    }

    /// Writes the entries in memory if they fill `least_bytes`, and gives back what an idle queue does not need.
    /// Returns whether it is still busy.
    pub(crate) fn settle(&self, least_bytes: u64) -> Result<bool, StoreError> {
        let mut inner = self.inner.lock();
        if inner.deleted {
            inner.busy = false;
            return Ok(false);
        }
        let unwritten = inner.tail_start + inner.tail.len() as i64 - inner.written;
        if unwritten as u64 * ENTRY_LEN as u64 >= least_bytes {
            self.write_out(&mut inner)?;
        }
        let all_written = inner.written == inner.tail_start + inner.tail.len() as i64;
        if !inner.used {
            inner.files.close();
            if all_written {
                inner.tail = Vec::new();
                inner.tail_start = inner.written;
                inner.busy = inner.files.is_dirty();
            }
        }
        inner.used = false;
        Ok(inner.busy)
    }

    /// The files to sync; they count as clean from now on.
    pub(crate) fn take_dirty(&self) -> Vec<PathBuf> {
        let mut inner = self.inner.lock();
        if inner.deleted { Vec::new() } else { inner.files.take_dirty(&self.queues.space, &self.dir()) }
    }

    /// Moves the start to the first entry whose record is at or behind `physical_min`.
    ///
    /// # Errors
    /// An entry that cannot be read: then the start stays where it is, for what it leads to may be there.
    pub(crate) fn correct_min(&self, physical_min: i64) -> Result<(), StoreError> {
        let stored = |offset| self.entry_within(offset).map(|entry| entry.physical_end() > physical_min.max(0));
        let (mut low, mut high) = (self.min_offset(), self.max_offset());
        if low < high && stored(low)? {
            return Ok(());
        }
        while low < high {
            let middle = low + (high - low) / 2;
            if stored(middle)? {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        self.min.fetch_max(low, Ordering::AcqRel);
        Ok(())
    }

    /// The entry at `offset`, which lies within the queue; filler, once the queue is deleted.
    fn entry_within(&self, offset: i64) -> Result<QueueEntry, StoreError> {
        let mut inner = self.inner.lock();
        if inner.deleted {
            return Ok(QueueEntry::BLANK);
        }
        let found = match usize::try_from(offset - inner.tail_start) {
            Ok(in_tail) => inner.tail.get(in_tail).copied(),
            Err(_) => {
                let mut bytes = [0; ENTRY_LEN];
                self.note_use(&mut inner);
                let count = inner.files.read(&self.queues.space, &self.dir(), offset, &mut bytes)?;
                QueueEntry::decode(&bytes[..count * ENTRY_LEN])
            }
        };
        found.ok_or_else(|| StoreError::Damaged {
            path: self.dir(),
            what: format!("entry {offset} is missing; remove the folder of all queues to have them built anew"),
        })
    }

    /// Deletes the files before the one that holds the first stored message, never the last one; `removed` gets their
    /// paths.
    pub(crate) fn delete_files_before_min(&self, removed: &mut Vec<PathBuf>) -> Result<(), StoreError> {
        let space = &self.queues.space;
        let keep = space.first_of_file(self.min_offset().min((self.max_offset() - 1).max(0)));
        let keep = file_name(keep as u64 * ENTRY_LEN as u64);
        let dir = self.dir();
        let mut inner = self.inner.lock();
        // The folder may be that of a queue made anew.
        if inner.deleted {
            return Ok(());
        }
        let is_before = |file: &Listed| !file.is_dir && file.name.len() == keep.len() && file.name < keep;
        for file in space.disk.list(&dir)?.into_iter().filter(is_before) {
            inner.files.close();
            space.disk.remove_file(&file.path)?;
            removed.push(file.path);
            // One after the other: with a later file gone before an earlier one, the queue would have a hole.
            space.disk.sync_dir(&dir)?;
        }
        Ok(())
    }

    /// Deletes the files; readers find nothing any more.
    pub(crate) fn delete(&self) -> Result<(), StoreError> {
        let mut inner = self.inner.lock();
        inner.deleted = true;
        inner.tail = Vec::new();
        // Nothing is left to write, for a flush that has the queue on its list.
        inner.tail_start = inner.written;
        inner.files.close();
        self.queues.space.changed.store(true, Ordering::Relaxed);
        Ok(self.queues.space.disk.remove_dirs(&self.dir())?)
    }
}
