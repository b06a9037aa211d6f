//! Figures of a running store, for the broker's runtime information.

use crate::MessageStore;
use std::{
    collections::HashMap,
    sync::{Arc, atomic::Ordering},
};

/// A look at the store. Counts are since it was opened.
#[derive(Clone, Debug, PartialEq)]
pub struct StoreStats {
    /// First byte offset of the log.
    pub min_physical: i64,
    /// End of the log.
    pub max_physical: i64,
    /// Bytes of the log that are not on the disk yet.
    pub unflushed_bytes: u64,
    /// Bytes of the log whose queue entries are missing. Entries are made with the append, so 0.
    pub dispatch_behind_bytes: u64,
    /// Share of the log's file system in use, 0 to 1, when it was last measured; `None` if it is not known.
    pub log_disk_ratio: Option<f64>,
    /// Share of the queues' file system in use, 0 to 1, when it was last measured; `None` if it is not known.
    pub queue_disk_ratio: Option<f64>,
    /// Consume queues.
    pub queues: usize,
    /// Index files.
    pub index_files: usize,
    /// Messages stored.
    pub put_messages: u64,
    /// Their bytes in the log.
    pub put_bytes: u64,
    /// Batches that were not stored as a whole.
    pub put_failures: u64,
    /// Pulls that found messages.
    pub pulls_found: u64,
    /// Pulls that found none.
    pub pulls_missed: u64,
    /// Messages pulled.
    pub pulled_messages: u64,
    /// How long the slowest pull took, µs.
    pub slowest_pull_us: u64,
    /// Places of the log where a reader met damage.
    pub damaged_records: u64,
    /// Why messages are refused at present.
    pub refusing: Option<String>,
}

impl MessageStore {
    /// How many messages each topic with a queue ever had: the ends of its queues together.
    pub fn ends(&self) -> HashMap<Arc<str>, u64> {
        self.parts().queues.ends()
    }

    /// The figures as of now.
    pub fn stats(&self) -> StoreStats {
        let parts = self.parts();
        let count = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
        let flushed = parts.log.flushed.get();
        let disks = self.disk_use();
        StoreStats {
            min_physical: self.min_physical(),
            max_physical: self.max_physical(),
            unflushed_bytes: parts.log.written.get().saturating_sub(flushed),
            dispatch_behind_bytes: 0,
            log_disk_ratio: disks.log,
            queue_disk_ratio: disks.queues,
            queues: parts.queues.count(),
            index_files: parts.index.as_ref().map_or(0, |index| index.file_count()),
            put_messages: count(&parts.counters.put_messages),
            put_bytes: count(&parts.counters.put_bytes),
            put_failures: count(&parts.counters.put_failures),
            pulls_found: count(&parts.counters.pulls_found),
            pulls_missed: count(&parts.counters.pulls_missed),
            pulled_messages: count(&parts.counters.pulled_messages),
            slowest_pull_us: count(&parts.counters.slowest_pull_us),
            damaged_records: parts.log.damage.count(),
            refusing: parts.health.reason(),
        }
    }
}
