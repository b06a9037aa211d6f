//! Deleting what is old: log files by age, then the queue entries and keys that led into them.
//!
//! When to do it is the broker's decision.

use crate::{MessageStore, StoreError};

/// Log files deleted by one call at most, as in Apache RocketMQ.
const MOST_FILES: usize = 10;

impl MessageStore {
    /// Deletes log files, oldest first and never the last, that were last written more than `file_reserved_time_hours`
    /// before `now_ms`; returns how many. Readers of a deleted file's bytes keep them.
    ///
    /// # Errors
    /// The first file that cannot be examined or removed.
    pub fn delete_expired(&self, now_ms: i64) -> Result<usize, StoreError> {
        let kept_ms = self.parts().config.file_reserved_time_hours.saturating_mul(3_600_000);
        let expired =
            |modified_ms: i64| now_ms.saturating_sub(modified_ms) >= i64::try_from(kept_ms).unwrap_or(i64::MAX);
        // Without the records, only their entries tell how far the queues had come.
        self.flush_queues()?;
        // Not twice at once: each call takes the first file to be the one it looked at.
        let _one_at_a_time = self.parts().flushing.1.lock();
        let mut deleted = 0;
        for path in self.parts().log.full_files() {
            if deleted >= MOST_FILES || !expired(self.parts().config.disk.modified_ms(&path)?) {
                break;
            }
            self.parts().log.delete_first()?;
            tracing::info!(file = %path.display(), "log file deleted: older than fileReservedTime");
            deleted += 1;
        }
        if deleted > 0 {
            self.drop_entries_of_deleted_files()?;
        }
        Ok(deleted)
    }

    fn drop_entries_of_deleted_files(&self) -> Result<(), StoreError> {
        let parts = self.parts();
        let min = parts.log.min_offset() as i64;
        for queue in parts.queues.all() {
            queue.correct_min(min);
            queue.delete_files_before_min()?;
        }
        parts.index.as_ref().map_or(Ok(()), |index| index.delete_before(min))
    }

    /// Share of the log's file system that is used, 0 to 1; `None` if it cannot be read.
    pub fn log_disk_ratio(&self) -> Option<f64> {
        self.parts().config.disk.used_ratio(&self.parts().log.dir)
    }

    /// Share of the queues' file system that is used, 0 to 1; `None` if it cannot be read.
    pub fn queue_disk_ratio(&self) -> Option<f64> {
        self.parts().config.disk.used_ratio(&self.parts().queues.queues.space.dir)
    }
}
