//! The commit log as its readers see it: a row of files that holds every record, addressed by byte offset.
//!
//! Appending is in `append.rs`; finding the end of what is good after a start, in `recovery.rs`.

use crate::{
    StoreConfig, StoreError,
    mapped_file::LogFile,
    view::{Found, RecordView, look, stated_size},
};
use base::{Disk, Watermark};
use bytes::Bytes;
use parking_lot::RwLock;
use std::{path::PathBuf, sync::Arc};

/// The files of the log, in order and without gaps, and how far it is written and flushed.
#[derive(Debug)]
pub(crate) struct CommitLog {
    pub disk: Disk,
    pub dir: PathBuf,
    pub file_size: u64,
    /// First to last; never empty once something was appended.
    files: RwLock<Vec<Arc<LogFile>>>,
    /// Everything below is readable.
    pub written: Watermark,
    /// Everything below is on the disk.
    pub flushed: Watermark,
}

impl CommitLog {
    /// The log of `files`, of which everything below `end` is good and on the disk.
    pub fn new(config: &StoreConfig, files: Vec<Arc<LogFile>>, end: u64) -> Self {
        Self {
            disk: config.disk.clone(),
            dir: config.commit_log_path(),
            file_size: config.mapped_file_size_commit_log,
            files: RwLock::new(files),
            written: Watermark::new(end),
            flushed: Watermark::new(end),
        }
    }

    /// Where the first file starts; where the next would, if there is none.
    pub fn min_offset(&self) -> u64 {
        self.files.read().first().map_or_else(|| self.written.get(), |file| file.start())
    }

    /// The file that holds `offset`.
    pub fn file_at(&self, offset: u64) -> Option<Arc<LogFile>> {
        let files = self.files.read();
        let index = offset.checked_sub(files.first()?.start())? / self.file_size;
        files.get(usize::try_from(index).ok()?).cloned()
    }

    /// Every file that holds a byte of `from..to`.
    pub fn files_between(&self, from: u64, to: u64) -> Vec<Arc<LogFile>> {
        let touched = |file: &&Arc<LogFile>| file.start() < to && file.start() + self.file_size > from;
        self.files.read().iter().filter(touched).cloned().collect()
    }

    /// Starts the file at `start`. Its name becomes durable with the next flush.
    pub fn add_file(&self, start: u64) -> Result<Arc<LogFile>, StoreError> {
        if self.files.read().is_empty() {
            self.disk.create_dirs(&self.dir)?;
        }
        let file = Arc::new(LogFile::create(&self.disk, &self.dir, start, self.file_size)?);
        self.files.write().push(file.clone());
        Ok(file)
    }

    /// Takes the first file out of the log and deletes it; whoever still reads its bytes keeps them.
    pub fn delete_first(&self) -> Result<(), StoreError> {
        let mut files = self.files.write();
        // The last file is where the appender is.
        if files.len() > 1 {
            self.disk.remove_file(files[0].path())?;
            // For good before the next: a log with a hole in its row of files is refused.
            self.disk.sync_dir(&self.dir)?;
            files.remove(0);
        }
        Ok(())
    }

    /// Paths of all files but the last, first to last.
    pub fn full_files(&self) -> Vec<PathBuf> {
        let files = self.files.read();
        files.iter().rev().skip(1).rev().map(|file| file.path().to_owned()).collect()
    }

    /// `size` bytes at `offset`, without a copy; `None` unless all are there, in one file.
    pub fn read(&self, offset: i64, size: u64) -> Option<Bytes> {
        let offset = u64::try_from(offset).ok()?;
        self.file_at(offset)?.slice(offset % self.file_size, size)
    }

    /// The record at `offset`, without a copy; `None` if none starts there.
    pub fn record_at(&self, offset: i64) -> Option<Bytes> {
        let size = stated_size(&self.read(offset, 4)?)?;
        let bytes = self.read(offset, size)?;
        matches!(look(&bytes), Found::Record(record) if record.physical_offset() == offset).then_some(bytes)
    }

    /// Passes the record of `size` bytes at `offset` to `use_it`; `None` if there is no such record.
    pub fn with_record<T>(&self, offset: i64, size: u32, use_it: impl FnOnce(&RecordView<'_>) -> T) -> Option<T> {
        let bytes = self.read(offset, size.into())?;
        match look(&bytes) {
            Found::Record(record) if record.physical_offset() == offset => Some(use_it(&record)),
            _ => None,
        }
    }
}
