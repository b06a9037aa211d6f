//! The parts of an open store, as its door and its two threads share them.

use crate::{
    StoreConfig, append::Appender, checkpoint::Checkpoint, commit_log::CommitLog, flush::Signal, health::Health,
    index::Index, queue_table::QueueTable,
};
use base::Clock;
use parking_lot::Mutex;
use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicI64, AtomicU64},
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
    pub health: Arc<Health>,
    /// The append lock.
    pub appender: Mutex<Appender>,
    /// Store time of the last record whose queue entry and keys are noted.
    pub last_store_ms: AtomicI64,
    pub log_flush: Signal,
    pub queue_flush: Signal,
    /// One flush of the log at a time, and one of the queues.
    pub flushing: (Mutex<()>, Mutex<()>),
    /// A sync of queues or index failed.
    pub queues_unsynced: AtomicBool,
    pub counters: Counters,
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
}
