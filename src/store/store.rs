//! The door: an open store. Appending, the queues, single records, and the end.
//!
//! Pulling is in `pull.rs`, finding by key in `find.rs`, deleting in `retention.rs`, figures in `stats.rs`.

use crate::{
    AppendBatch, ConsumeQueue, Placed, StoreConfig, StoreError, append::Appender, cut, fanout::SCHEDULE_TOPIC, flush,
    parts::Parts, recovery, retention::Retention, store_lock::StoreLock,
};
use base::{Clock, Watermark};
use bytes::Bytes;
use parking_lot::Mutex;
use protocol::record::BLANK_MIN_LEN;
use std::{
    fmt,
    path::{Path, PathBuf},
    sync::{Arc, atomic::Ordering},
    thread::JoinHandle,
};

/// The topic of finished transactions, which is never unused.
const OP_HALF_TOPIC: &str = "RMQ_SYS_TRANS_OP_HALF_TOPIC";
/// Topics of the light queues start so.
const LIGHT_PREFIX: &str = "%LMQ%";

/// An open store: messages in the order they came, and the queues that lead to them.
///
/// Dropped without [`MessageStore::close`], it leaves what a crash of the process would leave.
pub struct MessageStore {
    parts: Arc<Parts>,
    retention: Retention,
    threads: Mutex<Vec<JoinHandle<()>>>,
    /// Released last.
    lock: Mutex<Option<StoreLock>>,
}

impl MessageStore {
    /// Opens the store in `config.root_dir`, making it if there is none, and recovers it if it was not closed.
    ///
    /// # Errors
    /// [`StoreError::InUse`] if it is open already; files that do not fit; what the system says.
    pub fn open(config: StoreConfig, clock: Clock) -> Result<Arc<Self>, StoreError> {
        config.check()?;
        let lock = StoreLock::take(&config.disk, &config.root_dir)?;
        let parts = Arc::new(recovery::open(config, clock, &lock)?);
        let (retention, threads) = Default::default();
        let store = Self { parts: parts.clone(), retention, threads, lock: Mutex::new(Some(lock)) };
        *store.threads.lock() = flush::start(&parts)?;
        Ok(Arc::new(store))
    }

    pub(crate) fn parts(&self) -> &Parts {
        &self.parts
    }

    pub(crate) fn retention(&self) -> &Retention {
        &self.retention
    }

    /// An empty batch for this store's records.
    pub fn batch(&self) -> AppendBatch {
        let config = &self.parts.config;
        AppendBatch::new(self.parts.log.file_size as usize - BLANK_MIN_LEN, config.enabled_append_prop_crc)
    }

    /// Stores the records of `batch`, which is empty afterwards. `placed` then tells where, in their order.
    ///
    /// # Errors
    /// What the disk says, or why the store refuses. Then `placed` holds the records that were stored nevertheless (those
    /// that came before a change of files); nothing of the others is kept.
    pub fn append(&self, batch: &mut AppendBatch, placed: &mut Vec<Placed>) -> Result<(), StoreError> {
        placed.clear();
        let result = {
            let mut appender = self.parts.appender.lock();
            let result =
                if appender.closed { Err(StoreError::Closed) } else { appender.append(&self.parts, batch, placed) };
            self.parts.appending_since_ms.store(0, Ordering::Relaxed);
            result
        };
        batch.clear();
        if result.is_err() {
            self.parts.counters.put_failures.fetch_add(1, Ordering::Relaxed);
        }
        result
    }

    /// Appends what was copied from another store's log: `bytes` start there where this log ends, at `at`. Takes as many
    /// whole records as there are, and fillers, exactly as they are, and returns how many bytes that was; 0 if the first
    /// record is not whole yet. A filler may come in parts. A log without a record begins where the first file of the
    /// other begins: at any multiple of the file size.
    ///
    /// A queue goes on with the offset that the record has: it starts anew if its topic was deleted and made again in the
    /// other store, and whenever there is no other explanation.
    ///
    /// # Errors
    /// [`StoreError::NotTheNext`] if the log does not end at `at`, or what is there is no record of this place; what the
    /// disk says. Nothing of `bytes` is kept then. What comes before something wrong is kept, and is no error.
    pub fn append_copied(&self, at: u64, bytes: &[u8]) -> Result<usize, StoreError> {
        let mut appender = self.parts.appender.lock();
        self.parts.appending_since_ms.store(self.parts.clock.now_ms(), Ordering::Relaxed);
        let taken = match appender.closed {
            true => Err(StoreError::Closed),
            false => appender.append_copied(&self.parts, at, bytes),
        };
        self.parts.appending_since_ms.store(0, Ordering::Relaxed);
        if taken.is_err() {
            self.parts.counters.put_failures.fetch_add(1, Ordering::Relaxed);
        }
        taken
    }

    /// Cuts the log of a store that nobody has open at the record boundary at or below `to`, for a slave that has what
    /// its master never had. What is cut off is first copied to a file of its own below `aside`, whose path is returned;
    /// `None` if nothing is behind it.
    /// The next open brings queues and index into line.
    ///
    /// # Errors
    /// [`StoreError::InUse`]; nothing below `to` that is a record; what the disk says. The log is then as it was.
    pub fn cut(config: &StoreConfig, to: u64, aside: &Path) -> Result<Option<PathBuf>, StoreError> {
        cut::cut(config, to, aside)
    }

    /// The queue, if a message was ever stored in it.
    pub fn queue(&self, topic: &str, queue_id: i32) -> Option<Arc<ConsumeQueue>> {
        self.parts.queues.get(topic, queue_id)
    }

    /// The queue, made empty if there is none: for those who wait for its first message.
    pub fn queue_or_new(&self, topic: &str, queue_id: i32) -> Arc<ConsumeQueue> {
        // Under the append lock, or the topic's deletion could miss it.
        let _appender = self.parts.appender.lock();
        self.parts.queues.get_or_make(topic, queue_id)
    }

    /// `size` bytes of the log, without a copy; `None` unless all are there, in one file. For those who copy the log:
    /// what is there may not be on the disk yet.
    pub fn read(&self, physical_offset: i64, size: usize) -> Option<Bytes> {
        self.parts.log.read(physical_offset, size as u64)
    }

    /// The bytes of the log from `at` on, without a copy: at most `max`, none that is not written yet, and none of the
    /// next file. `None` if there are none, or the disk cannot read them. For those who copy the log: what is there may
    /// not be on the disk yet.
    pub fn copy_from(&self, at: u64, max: usize) -> Option<Bytes> {
        self.parts.log.copy_from(at, max)
    }

    /// The record that starts there, without a copy; `None` if none does.
    pub fn record_at(&self, physical_offset: i64) -> Option<Bytes> {
        self.parts.log.record_at(physical_offset)
    }

    /// When the first message that the queue still has was stored, ms; `None` if it has none.
    pub fn earliest_time(&self, topic: &str, queue_id: i32) -> Option<i64> {
        let queue = self.queue(topic, queue_id)?;
        queue.store_ms(queue.min_offset())
    }

    /// Bytes of a log file. A record starts where a file does.
    pub fn log_file_size(&self) -> i64 {
        self.parts.log.file_size as i64
    }

    /// First byte offset of the log.
    pub fn min_physical(&self) -> i64 {
        self.parts.log.min_offset() as i64
    }

    /// End of the log.
    pub fn max_physical(&self) -> i64 {
        self.parts.log.written.get() as i64
    }

    /// Up to where the log is written and readable.
    pub fn written(&self) -> &Watermark {
        &self.parts.log.written
    }

    /// Up to where the log is on the disk. It stops for good if the disk fails: see [`MessageStore::sync_failed`].
    pub fn flushed(&self) -> &Watermark {
        &self.parts.log.flushed
    }

    /// Has everything appended so far brought to the disk soon; [`MessageStore::flushed`] tells when it is. With a
    /// synchronous flush every append does.
    pub fn request_flush(&self) {
        self.parts.log_flush.wake();
    }

    /// Brings queues and index to the disk and moves the checkpoint, as is done from time to time by itself.
    ///
    /// # Errors
    /// A file that cannot be written or synced.
    pub fn flush_queues(&self) -> Result<(), StoreError> {
        self.parts.flush_queues(true)
    }

    /// At 1 once the log could not be brought to the disk; [`MessageStore::flushed`] then moves no more.
    pub fn sync_failed(&self) -> &Watermark {
        &self.parts.health.sync_failed
    }

    /// Why the store takes no messages at present; `None` if it does.
    pub fn refusing(&self) -> Option<String> {
        self.parts.health.reason()
    }

    /// Whether the topic has a queue.
    pub fn has_topic(&self, topic: &str) -> bool {
        self.parts.queues.has_topic(topic)
    }

    /// Every topic with a queue, sorted.
    pub fn topics(&self) -> Vec<Arc<str>> {
        self.parts.queues.topics()
    }

    /// Deletes a topic's queues; returns whether there were any. Its records stay in the log until that is deleted.
    ///
    /// # Errors
    /// A file that cannot be removed.
    pub fn delete_topic(&self, topic: &str) -> Result<bool, StoreError> {
        // No record may be on its way into the queues.
        let appender = self.parts.appender.lock();
        if !self.parts.queues.has_topic(topic) {
            return Ok(false);
        }
        self.delete_queues(topic, &appender)
    }

    fn delete_queues(&self, topic: &str, appender: &Appender) -> Result<bool, StoreError> {
        // First, or a crash would bring the queues back, from the records that the next start reads.
        self.parts.deleted.note(topic, appender.end(), self.parts.log.min_offset())?;
        self.parts.queues.delete_topic(topic)
    }

    /// Deletes the queues of all topics but those that `is_used` and those the system needs; returns their names.
    /// `is_used` is asked while no message can be appended: a topic that is made known before its first message is safe.
    ///
    /// # Errors
    /// A file that cannot be removed; [`StoreError::Closed`].
    pub fn clean_unused(&self, is_used: impl Fn(&str) -> bool) -> Result<Vec<Arc<str>>, StoreError> {
        let system = |topic: &str| topic == SCHEDULE_TOPIC || topic == OP_HALF_TOPIC || topic.starts_with(LIGHT_PREFIX);
        let mut unused = Vec::new();
        for topic in self.topics().into_iter().filter(|topic| !system(topic)) {
            let appender = self.parts.appender.lock();
            if appender.closed {
                return Err(StoreError::Closed);
            }
            if !is_used(&topic) {
                self.delete_queues(&topic, &appender)?;
                unused.push(topic);
            }
        }
        Ok(unused)
    }

    /// Brings everything to the disk, notes that the stop was clean, and lets go of the directory. Appends are refused
    /// from now on; a second call does nothing.
    ///
    /// # Errors
    /// What could not be brought to the disk. The next open then recovers as after a crash.
    pub fn close(&self) -> Result<(), StoreError> {
        self.parts.appender.lock().closed = true;
        self.stop_threads();
        let Some(lock) = self.lock.lock().take() else { return Ok(()) };
        let wiped = self.parts.appender.lock().wipe();
        self.parts.flush_log()?;
        self.parts.flush_queues(true)?;
        wiped?;
        if self.parts.queues_unsynced.load(Ordering::Relaxed) {
            return Err(StoreError::QueuesUnsynced);
        }
        lock.clean()
    }

    fn stop_threads(&self) {
        self.parts.log_flush.stop();
        self.parts.queue_flush.stop();
        for thread in self.threads.lock().drain(..) {
            if thread.join().is_err() {
                tracing::error!("a flush thread of the store had panicked");
            }
        }
    }
}

impl fmt::Debug for MessageStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MessageStore in {}", self.parts.config.root_dir.display())
    }
}

impl Drop for MessageStore {
    fn drop(&mut self) {
        self.stop_threads();
        // The queues in this list hold the list.
        self.parts.queues.queues.busy.lock().clear();
    }
}
