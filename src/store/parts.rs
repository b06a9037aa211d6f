//! The parts of an open store, as its door and its two threads share them.

use crate::{
    ConsumeQueue, LastFlush, StoreConfig, append::Appender, checkpoint::Checkpoint, commit_log::CommitLog,
    deleted::Deleted, flush::Signal, health::Health, index::Index, queue_table::QueueTable,
};
use base::Clock;
use parking_lot::Mutex;
use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, AtomicU64},
    },
};

#[derive(Debug)]
pub(crate) struct Parts {
    pub config: StoreConfig,
    pub clock: Clock,
    pub delay_levels_ms: Vec<i64>,
    pub log: Arc<CommitLog>,
    pub queues: QueueTable,
    /// `None` if messages are not indexed.
    pub index: Option<Index>,
    pub checkpoint: Checkpoint,
    pub deleted: Deleted,
    pub health: Arc<Health>,
    /// The append lock.
    pub appender: Mutex<Appender>,
    /// Store time of the last record whose queue entry and keys are noted.
    pub last_store_ms: AtomicI64,
    /// When the append began that holds the append lock, ms; 0 if none does.
    pub appending_since_ms: AtomicI64,
    /// When the last flush of the log began, ms; when the store was opened, if there was none.
    pub flush_begun_ms: AtomicI64,
    /// The last one that had something to flush.
    pub last_flush: Mutex<Option<LastFlush>>,
    pub log_flush: Signal,
    pub queue_flush: Signal,
    /// With a synchronous flush: ends of queues that wait for the disk.
    pub unshown: Mutex<Unshown>,
    /// One flush of the log at a time, and one of the queues.
    pub flushing: (Mutex<()>, Mutex<()>),
    /// The next flush of the queues is to be a thorough one.
    pub settle_soon: AtomicBool,
    /// A sync of queues or index failed.
    pub queues_unsynced: AtomicBool,
    pub counters: Counters,
}

/// Queue ends that are not shown yet, because their records are not on the disk.
#[derive(Debug, Default)]
pub(crate) struct Unshown {
    /// The log is on the disk up to here.
    synced: u64,
    /// By ascending end in the log.
    waiting: VecDeque<(u64, Arc<ConsumeQueue>, i64)>,
}

impl Unshown {
    /// Shows `queue` up to `end` once the log is on the disk up to `log_end`.
    pub fn show_at(&mut self, log_end: u64, queue: &Arc<ConsumeQueue>, end: i64) {
        if self.synced >= log_end {
            queue.show(end);
        } else {
            self.waiting.push_back((log_end, queue.clone(), end));
        }
    }

    /// The log is on the disk up to `to`.
    pub fn synced(&mut self, to: u64) {
        self.synced = self.synced.max(to);
        let ready = self.waiting.partition_point(|(log_end, ..)| *log_end <= to);
        self.waiting.drain(..ready).for_each(|(_, queue, end)| queue.show(end));
    }
}

/// What happened since the start.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub put_messages: AtomicU64,
    pub put_bytes: AtomicU64,
    pub put_failures: AtomicU64,
    pub pulls_found: AtomicU64,
    pub pulls_missed: AtomicU64,
    pub pulled_messages: AtomicU64,
    /// The pull that took longest, µs.
    pub slowest_pull_us: AtomicU64,
}
