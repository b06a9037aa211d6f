//! The store's settings, with the defaults of Apache RocketMQ 4.9.8 (`MessageStoreConfig`).
//!
//! A plain struct: reading it from a properties file is the broker's work.

use crate::StoreError;
use base::Disk;
use std::path::{Path, PathBuf};

/// When a message counts as stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FlushDiskType {
    /// When it is in the operating system's page cache; it reaches the disk a little later.
    #[default]
    Async,
    /// When it is on the disk.
    Sync,
}

/// Settings of a store. The field names are Apache RocketMQ's keys in snake case; units last.
#[derive(Clone, Debug)]
pub struct StoreConfig {
    /// Folder of everything: `storePathRootDir`.
    pub root_dir: PathBuf,
    /// Folder of the commit log: `storePathCommitLog`; `None` is `commitlog` below `root_dir`.
    pub commit_log_dir: Option<PathBuf>,
    /// Bytes of a commit log file.
    pub mapped_file_size_commit_log: u64,
    /// Bytes of a consume queue file; rounded up to whole entries of 20 bytes.
    pub mapped_file_size_consume_queue: u64,
    /// Whether messages are indexed by key.
    pub message_index_enable: bool,
    /// Hash slots of an index file.
    pub max_hash_slot_num: u32,
    /// Entries of an index file; the first is never used.
    pub max_index_num: u32,
    /// Most messages a query by key returns.
    pub max_msgs_num_batch: usize,
    /// Asynchronous or synchronous flush of the log.
    pub flush_disk_type: FlushDiskType,
    /// How often the log is looked at for flushing.
    pub flush_interval_commit_log_ms: u64,
    /// Dirty pages of 4 KiB below which a look does not flush.
    pub flush_commit_log_least_pages: u64,
    /// After this long a look flushes whatever is dirty.
    pub flush_commit_log_thorough_interval_ms: u64,
    /// How often consume queues and index are looked at.
    pub flush_interval_consume_queue_ms: u64,
    /// Dirty pages of 4 KiB below which a queue is not written.
    pub flush_consume_queue_least_pages: u64,
    /// After this long every queue and the index are written and synced, and the checkpoint moves.
    pub flush_consume_queue_thorough_interval_ms: u64,
    /// Most bytes of one pull while the messages are likely in memory.
    pub max_transfer_bytes_on_message_in_memory: usize,
    /// Most messages of one pull while they are likely in memory.
    pub max_transfer_count_on_message_in_memory: usize,
    /// Most bytes of one pull once the messages are likely on disk only.
    pub max_transfer_bytes_on_message_in_disk: usize,
    /// Most messages of one pull once they are likely on disk only.
    pub max_transfer_count_on_message_in_disk: usize,
    /// Share of the machine's memory, in per cent, that the newest messages are assumed to stay in.
    pub access_message_in_memory_max_ratio: u64,
    /// Whether recovery checks the bodies' CRC.
    pub check_crc_on_recover: bool,
    /// Whether a read checks the CRC of what it gives out.
    pub check_crc_on_read: bool,
    /// Whether each record gets a CRC over all of it, as a last property (`__CRC32#`, as Apache RocketMQ 5 writes it).
    pub enabled_append_prop_crc: bool,
    /// The delay of each level from 1, as in `1s 5s 10s`.
    pub message_delay_level: String,
    /// The file system that the files lie on; for tests another than the system's.
    pub disk: Disk,
}

impl Default for StoreConfig {
    fn default() -> Self {
        Self {
            root_dir: PathBuf::from("store"),
            commit_log_dir: None,
            mapped_file_size_commit_log: 1 << 30,
            mapped_file_size_consume_queue: 300_000 * 20,
            message_index_enable: true,
            max_hash_slot_num: 5_000_000,
            max_index_num: 20_000_000,
            max_msgs_num_batch: 64,
            flush_disk_type: FlushDiskType::Async,
            flush_interval_commit_log_ms: 500,
            flush_commit_log_least_pages: 4,
            flush_commit_log_thorough_interval_ms: 10_000,
            flush_interval_consume_queue_ms: 1000,
            flush_consume_queue_least_pages: 2,
            flush_consume_queue_thorough_interval_ms: 60_000,
            max_transfer_bytes_on_message_in_memory: 256 << 10,
            max_transfer_count_on_message_in_memory: 32,
            max_transfer_bytes_on_message_in_disk: 64 << 10,
            max_transfer_count_on_message_in_disk: 8,
            access_message_in_memory_max_ratio: 40,
            check_crc_on_recover: true,
            check_crc_on_read: true,
            enabled_append_prop_crc: false,
            message_delay_level: "1s 5s 10s 30s 1m 2m 3m 4m 5m 6m 7m 8m 9m 10m 20m 30m 1h 2h".to_owned(),
            disk: Disk::default(),
        }
    }
}

impl StoreConfig {
    /// Files so small that they roll over all the time: 16 KiB of log, 40 queue entries, 16 slots and 64 keys.
    pub fn small(root_dir: impl Into<PathBuf>) -> Self {
        Self {
            root_dir: root_dir.into(),
            mapped_file_size_commit_log: 16 << 10,
            mapped_file_size_consume_queue: 40 * 20,
            max_hash_slot_num: 16,
            max_index_num: 64,
            ..Self::default()
        }
    }

    /// Where the commit log lies.
    pub fn commit_log_path(&self) -> PathBuf {
        self.commit_log_dir.clone().unwrap_or_else(|| self.root_dir.join("commitlog"))
    }

    pub(crate) fn queue_path(&self) -> PathBuf {
        self.root_dir.join("consumequeue")
    }

    pub(crate) fn index_path(&self) -> PathBuf {
        self.root_dir.join("index")
    }

    pub(crate) fn checkpoint_path(&self) -> PathBuf {
        self.root_dir.join("checkpoint")
    }

    pub(crate) fn abort_path(root_dir: &Path) -> PathBuf {
        root_dir.join("abort")
    }

    /// Milliseconds of each delay level, level 1 first.
    ///
    /// # Errors
    /// [`StoreError::Config`] if a word is not a number followed by `s`, `m`, `h` or `d`.
    pub fn delay_levels_ms(&self) -> Result<Vec<i64>, StoreError> {
        let parse = |word: &str| {
            let (number, unit_ms) = match word.split_at_checked(word.len().checked_sub(1)?)? {
                (number, "s") => (number, 1000),
                (number, "m") => (number, 60_000),
                (number, "h") => (number, 3_600_000),
                (number, "d") => (number, 86_400_000),
                _ => return None,
            };
            number.parse::<i64>().ok()?.checked_mul(unit_ms)
        };
        self.message_delay_level
            .split(' ')
            .filter(|word| !word.is_empty())
            .map(parse)
            .collect::<Option<_>>()
            .ok_or_else(|| StoreError::Config {
                key: "messageDelayLevel",
                value: self.message_delay_level.clone(),
                expected: "delays such as 1s 5m 2h 1d, separated by blanks",
            })
    }

    /// Refuses sizes no file can have.
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        let refuse = |key, value: u64, expected| Err(StoreError::Config { key, value: value.to_string(), expected });
        if !(256..=i32::MAX as u64).contains(&self.mapped_file_size_commit_log) {
            return refuse("mappedFileSizeCommitLog", self.mapped_file_size_commit_log, "256 to 2147483647 bytes");
        }
        if !(20..=i32::MAX as u64).contains(&self.mapped_file_size_consume_queue) {
            return refuse("mappedFileSizeConsumeQueue", self.mapped_file_size_consume_queue, "20 to 2147483647 bytes");
        }
        if !(1..=i32::MAX as u32 / 4 - 16).contains(&self.max_hash_slot_num) {
            return refuse("maxHashSlotNum", self.max_hash_slot_num.into(), "1 to 536870000");
        }
        if !(2..=i32::MAX as u32 / 20).contains(&self.max_index_num) {
            return refuse("maxIndexNum", self.max_index_num.into(), "2 to 107374182");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delay_levels_are_read_as_milliseconds() {
        let levels = StoreConfig::default().delay_levels_ms().unwrap();
        assert_eq!((levels.len(), levels[0], levels[4], levels[17]), (18, 1000, 60_000, 7_200_000));
        for wrong in ["1x", "s", "1s ä", "99999999999999999d"] {
            let config = StoreConfig { message_delay_level: wrong.into(), ..StoreConfig::default() };
            assert!(config.delay_levels_ms().unwrap_err().to_string().contains("messageDelayLevel"), "{wrong}");
        }
    }
}
