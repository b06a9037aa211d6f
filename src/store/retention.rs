//! Deleting what is old, or what a full disk costs: log files first, then the queue entries, keys and folders that led
//! to them. And refusing messages while a disk is nearly full.
//!
//! When to do it is the broker's decision; so are the limits. Source: `CleanCommitLogService` and
//! `CleanConsumeQueueService` of Apache RocketMQ 4.9.8.

use crate::{
    MessageStore, StoreError,
    disk_space::{DiskUse, FullDisk},
};
use base::disk::{Disk, Listed};
use parking_lot::Mutex;
use std::{
    fmt,
    path::{Path, PathBuf},
    sync::atomic::{AtomicI64, Ordering},
};

/// Log files deleted by one call at most, as in Apache RocketMQ.
const MOST_FILES: usize = 10;

const MAX_USED: &str = "diskMaxUsedSpaceRatio";
const CLEAN_FORCIBLY: &str = "diskSpaceCleanForciblyRatio";
const WARNING_LEVEL: &str = "diskSpaceWarningLevelRatio";

/// What is to be deleted now. Old is a log file last written at least `file_reserved_hours` ago.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RetentionRules {
    /// Now, ms.
    pub now_ms: i64,
    /// Hours that a log file is kept: `fileReservedTime`.
    pub file_reserved_hours: u64,
    /// It is an hour of `deleteWhen`: old files go.
    pub hour_has_come: bool,
    /// An operator asked: old files go.
    pub asked: bool,
    /// Share of a disk, 0 to 1, over which old files go: `diskMaxUsedSpaceRatio`.
    pub max_used: f64,
    /// Share over which, whenever old files may go, files go that are not old: 0.85, if `cleanFileForciblyEnable`.
    pub clean_forcibly: Option<f64>,
    /// Share over which messages are refused: 0.90.
    pub refuse_over: f64,
}

/// A file or folder that was deleted.
#[derive(Clone, Debug, PartialEq)]
pub struct Removed {
    /// Its path.
    pub path: PathBuf,
    /// Why.
    pub reason: Reason,
}

/// Why something was deleted.
#[derive(Clone, Debug, PartialEq)]
pub enum Reason {
    /// A log file was old, and the hour had come.
    Hour,
    /// A log file was old, and a disk too full.
    Space(FullDisk),
    /// A log file was old, and an operator asked.
    Asked,
    /// A log file was not old, but a disk almost full.
    Forced(FullDisk),
    /// A file of a queue or of the index led to deleted log files only.
    Followed,
    /// A topic's folder had no file left.
    Empty,
}

impl Reason {
    /// Whether a log file went.
    pub fn is_of_log(&self) -> bool {
        !matches!(self, Self::Followed | Self::Empty)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hour => f.write_str("older than fileReservedTime, and it is an hour of deleteWhen"),
            Self::Space(disk) => write!(f, "older than fileReservedTime, and {disk}"),
            Self::Asked => f.write_str("older than fileReservedTime, and an operator asked"),
            Self::Forced(disk) => write!(f, "not older than fileReservedTime, but {disk}, and cleanFileForciblyEnable"),
            Self::Followed => f.write_str("it led to deleted log files only"),
            Self::Empty => f.write_str("no file of the topic's queues is left"),
        }
    }
}

/// What the store remembers between two calls.
#[derive(Debug)]
pub(crate) struct Retention {
    measured: Mutex<DiskUse>,
    /// Queues and index lead to nothing below; -1 before the first look, for the log may have lost files earlier.
    followed_to: AtomicI64,
}

impl Default for Retention {
    fn default() -> Self {
        Self { measured: Mutex::default(), followed_to: AtomicI64::new(-1) }
    }
}

impl MessageStore {
    /// Deletes log files, oldest first, never the last and at most ten, as `rules` say; then what led to them. Disks are
    /// measured again before each file, so no more goes than has to. `removed` gets all that went, also when it fails.
    /// Readers of a deleted file's bytes keep them; a queue that is empty now goes on with its offsets.
    ///
    /// # Errors
    /// The first file that cannot be examined or removed; [`StoreError::Closed`].
    pub fn delete_expired(&self, rules: &RetentionRules, removed: &mut Vec<Removed>) -> Result<(), StoreError> {
        let deleted = self.delete_log_files(rules, removed);
        let followed = match self.min_physical() > self.retention().followed_to.load(Ordering::Relaxed) {
            true => self.delete_what_leads_nowhere(removed),
            false => Ok(()),
        };
        self.check_space(rules.refuse_over);
        deleted.and(followed)
    }

    /// Deletes the files of queues and index that lead to deleted log files only, never the last of a queue, and the
    /// folders of topics without any file. `removed` gets what went, also when it fails.
    ///
    /// # Errors
    /// The first file that cannot be read or removed; the other queues are done nevertheless. [`StoreError::Closed`].
    pub fn delete_what_leads_nowhere(&self, removed: &mut Vec<Removed>) -> Result<(), StoreError> {
        // The folders of queues are the flush thread's as well.
        let _one_at_a_time = self.parts().flushing.1.lock();
        self.follow(removed)
    }

    /// Measures the disks, and refuses messages from now on if one is fuller than `refuse_over`, a share of 0 to 1, or
    /// accepts them again. Returns whether they are refused for that. A disk that cannot be measured changes nothing.
    pub fn check_space(&self, refuse_over: f64) -> bool {
        let health = &self.parts().health;
        let now = self.measure();
        match self.over(&now, refuse_over, WARNING_LEVEL) {
            Some(full) => health.disk_full(Some(full.to_string())),
            None if now.log.is_some() && now.queues.is_some() => health.disk_full(None),
            None => {}
        }
        health.is_disk_full()
    }

    /// The disks when they were last measured, by [`MessageStore::check_space`] or a deletion.
    pub fn disk_use(&self) -> DiskUse {
        *self.retention().measured.lock()
    }

    fn measure(&self) -> DiskUse {
        let parts = self.parts();
        let disk = &parts.config.disk;
        let now = DiskUse {
            log: disk.used_ratio(&parts.log.dir),
            queues: disk.used_ratio(&parts.queues.queues.space.dir),
            capacity: disk.capacity(&parts.config.root_dir),
        };
        *self.retention().measured.lock() = now;
        now
    }

    /// The file system that is fuller than `limit`, the log's first.
    fn over(&self, now: &DiskUse, limit: f64, key: &'static str) -> Option<FullDisk> {
        let parts = self.parts();
        let full = |share: Option<f64>, dir: &Path| {
            let share = share.filter(|share| *share > limit)?;
            Some(FullDisk { dir: dir.to_owned(), share, limit, key })
        };
        full(now.log, &parts.log.dir).or_else(|| full(now.queues, &parts.queues.queues.space.dir))
    }

    /// Why the log file at `path` has to go now.
    fn reason(&self, rules: &RetentionRules, path: &Path) -> Result<Option<Reason>, StoreError> {
        let now = self.measure();
        let too_full = self.over(&now, rules.max_used, MAX_USED);
        let age_ms = rules.now_ms.saturating_sub(self.parts().config.disk.modified_ms(path)?);
        let kept_ms = i64::try_from(rules.file_reserved_hours.saturating_mul(3_600_000)).unwrap_or(i64::MAX);
        let some_go = rules.hour_has_come || rules.asked || too_full.is_some();
        Ok(match (age_ms >= kept_ms, too_full) {
            (true, _) if rules.hour_has_come => Some(Reason::Hour),
            (true, Some(disk)) => Some(Reason::Space(disk)),
            (true, None) => rules.asked.then_some(Reason::Asked),
            (false, _) => {
                let limit = rules.clean_forcibly.filter(|_| some_go);
                limit.and_then(|limit| self.over(&now, limit, CLEAN_FORCIBLY)).map(Reason::Forced)
            }
        })
    }

    fn delete_log_files(&self, rules: &RetentionRules, removed: &mut Vec<Removed>) -> Result<(), StoreError> {
        let parts = self.parts();
        let full_files = parts.log.full_files();
        let Some(first) = full_files.first() else { return Ok(()) };
        let Some(why) = self.reason(rules, first)? else { return Ok(()) };
        // After a power cut only the queues know how far their offsets went in files that are gone.
        if let Err(error) = parts.flush_queues(true) {
            if why == Reason::Hour {
                return Err(error);
            }
            tracing::warn!(%error, "deleting log files although the queues that lead to them are not on disk");
        }
        let _one_at_a_time = parts.flushing.1.lock();
        for path in full_files.into_iter().take(MOST_FILES) {
            self.check_open()?;
            let Some(reason) = self.reason(rules, &path)? else { break };
            if !parts.log.delete_first(&path)? {
                break;
            }
            let queues_too_full =
                matches!(&reason, Reason::Space(disk) | Reason::Forced(disk) if disk.dir != parts.log.dir);
            removed.push(Removed { path, reason });
            // One after the other: with a later file gone before an earlier one, the log would have a hole.
            parts.config.disk.sync_dir(&parts.log.dir)?;
            if queues_too_full {
                self.follow(removed)?;
            }
        }
        Ok(())
    }

    fn check_open(&self) -> Result<(), StoreError> {
        if self.parts().appender.lock().closed { Err(StoreError::Closed) } else { Ok(()) }
    }

    fn follow(&self, removed: &mut Vec<Removed>) -> Result<(), StoreError> {
        let parts = self.parts();
        let min = self.min_physical();
        let mut gone = Vec::new();
        let mut result = Ok(());
        if min > 0 {
            for queue in parts.queues.all() {
                self.check_open()?;
                let done = queue.correct_min(min).and_then(|()| queue.delete_files_before_min(&mut gone));
                removed.extend(gone.drain(..).map(|path| Removed { path, reason: Reason::Followed }));
                result = result.and(done);
            }
            if let Some(index) = &parts.index {
                result = result.and(index.delete_before(min, &mut gone));
                removed.extend(gone.drain(..).map(|path| Removed { path, reason: Reason::Followed }));
            }
        }
        result = result.and(self.remove_empty_folders(removed));
        if result.is_ok() {
            self.retention().followed_to.store(min, Ordering::Relaxed);
        }
        result
    }

    fn remove_empty_folders(&self, removed: &mut Vec<Removed>) -> Result<(), StoreError> {
        let parts = self.parts();
        let disk = &parts.config.disk;
        for topic in disk.list(&parts.queues.queues.space.dir)? {
            if is_without_files(disk, &topic)? {
                // An append may be about to make a file there.
                let appender = parts.appender.lock();
                if !appender.closed && is_without_files(disk, &topic)? {
                    disk.remove_dirs(&topic.path)?;
                    removed.push(Removed { path: topic.path, reason: Reason::Empty });
                }
            }
        }
        Ok(())
    }
}

/// Whether this is a topic's folder that holds at most folders of queues, all empty.
fn is_without_files(disk: &Disk, topic: &Listed) -> Result<bool, StoreError> {
    if !topic.is_dir {
        return Ok(false);
    }
    for queue in disk.list(&topic.path)? {
        if !queue.is_dir || !disk.list(&queue.path)?.is_empty() {
            return Ok(false);
        }
    }
    Ok(true)
}
