//! The commit log as its readers see it: a row of files that holds every record, addressed by byte offset.
//!
//! Appending is in `append.rs`; finding the end of what is good after a start, in `recovery.rs`.

use crate::{
    FlushDiskType, StoreConfig, StoreError,
    damage::{Damage, flaw},
    fanout::Plan,
    mapped_file::{LogFile, file_name},
    queue_files::QueueEntry,
    view::{Found, RecordView, look, stated_size},
};
use base::{Disk, Watermark};
use bytes::Bytes;
use parking_lot::RwLock;
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

/// The files of the log, in order and without gaps, and how far it is written and flushed.
#[derive(Debug)]
pub(crate) struct CommitLog {
    pub disk: Disk,
    /// Messages are shown only once they are on the disk.
    pub shows_synced_only: bool,
    pub dir: PathBuf,
    /// Reads check the CRC of what they give out.
    checks_reads: bool,
    pub damage: Damage,
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
            shows_synced_only: config.flush_disk_type == FlushDiskType::Sync,
            dir: config.commit_log_path(),
            checks_reads: config.check_crc_on_read,
            damage: Damage::default(),
            file_size: config.mapped_file_size_commit_log,
            files: RwLock::new(files),
            written: Watermark::new(end),
            flushed: Watermark::new(end),
        }
    }

    /// Whether `..to` may be shown: with a synchronous flush only what no power cut can take back.
    pub fn may_show(&self, to: u64) -> bool {
        !self.shows_synced_only || to <= self.flushed.get()
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

    /// Starts the file at `start`. Its name is durable before anything is in it.
    pub fn add_file(&self, start: u64) -> Result<Arc<LogFile>, StoreError> {
        if self.files.read().is_empty() {
            self.disk.create_dirs(&self.dir)?;
        }
        let file = LogFile::create(&self.disk, &self.dir, start, self.file_size);
        // One that is left short would stop the next start.
        let file = Arc::new(file.inspect_err(|_| _ = self.disk.remove_file(&self.dir.join(file_name(start))))?);
        self.files.write().push(file.clone());
        Ok(file)
    }

    /// Deletes the only file of a log without a record, if there is one.
    pub fn remove_empty_file(&self) -> Result<(), StoreError> {
        let only = self.files.read().first().cloned();
        if let Some(file) = only {
            self.disk.remove_file(file.path())?;
            // Before another is made: of files that do not follow each other no log is made again.
            self.disk.sync_dir(&self.dir)?;
            self.files.write().clear();
        }
        Ok(())
    }

    /// Deletes the first file and takes it out of the log, if it is the one at `path`; returns whether it was. Whoever
    /// still reads its bytes keeps them. One call at a time.
    pub fn delete_first(&self, path: &Path) -> Result<bool, StoreError> {
        // The last file is where the appender is.
        let is_first = |files: &[Arc<LogFile>]| files.len() > 1 && files[0].path() == path;
        if !is_first(&self.files.read()) {
            return Ok(false);
        }
        // Freeing a large file takes long: no reader is to wait for it, neither here nor where the mapping ends.
        self.disk.remove_file(path)?;
        let deleted = self.files.write().remove(0);
        drop(deleted);
        Ok(true)
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

    /// At most `max` bytes from `at` on, without a copy; `None` if none are there. See [`crate::MessageStore::copy_from`].
    pub fn copy_from(&self, at: u64, max: usize) -> Option<Bytes> {
        let file = self.file_at(at)?;
        let end = self.written.get().min(file.start() + self.file_size);
        let len = end.checked_sub(at)?.min(max as u64);
        let within = at - file.start();
        (len > 0 && file.readable(within, len)).then(|| file.slice(within, len)).flatten()
    }

    /// The record at `offset`, without a copy; `None` if none starts there, or it is damaged, or may not be shown yet.
    pub fn record_at(&self, offset: i64) -> Option<Bytes> {
        let start = u64::try_from(offset).ok()?;
        let file = self.file_at(start)?;
        let at = start - file.start();
        let size = file.readable(at, 4).then(|| stated_size(&file.slice(at, 4)?)).flatten()?;
        let bytes = file.slice(at, size).filter(|_| self.may_show(start + size) && file.readable(at, size))?;
        match look(&bytes) {
            Found::Record(record) if record.physical_offset() == offset => {
                let sound = !self.checks_reads || (record.crc_holds() && record.whole_crc_holds() != Some(false));
                if !sound {
                    self.damage.found(start, "its bytes are not what its CRC says");
                }
                sound.then_some(bytes)
            }
            _ => None,
        }
    }

    /// Whether the record at `offset` has a key with that hash.
    pub fn has_key(&self, offset: i64, hash: u32) -> bool {
        let Some(bytes) = self.record_at(offset) else { return false };
        let Found::Record(record) = look(&bytes) else { return false };
        let mut hashes = Vec::new();
        Plan::new(&record.topic(), record.sys_flag(), &record.properties(), &mut hashes);
        hashes.contains(&hash)
    }

    /// When the record at `offset` was stored, ms; `None` if none starts there.
    pub fn store_ms_at(&self, offset: u64) -> Option<i64> {
        let file = self.file_at(offset)?;
        let at = offset - file.start();
        let size = file.readable(at, 4).then(|| stated_size(&file.slice(at, 4)?)).flatten()?;
        self.with_record(offset as i64, u32::try_from(size).ok()?, |record| record.store_ms())
    }

    /// Passes the record of `size` bytes at `offset` to `use_it`; `None` if there is no such record.
    pub fn with_record<T>(&self, offset: i64, size: u32, use_it: impl FnOnce(&RecordView<'_>) -> T) -> Option<T> {
        let start = u64::try_from(offset).ok()?;
        let file = self.file_at(start)?;
        let bytes = file.slice(start - file.start(), size.into())?;
        match file.readable(start - file.start(), size.into()).then(|| look(&bytes))? {
            Found::Record(record) if record.physical_offset() == offset => Some(use_it(&record)),
            _ => None,
        }
    }

    /// Notes a record that a queue leads to if it is not to be served; returns whether it may be.
    pub fn is_sound(&self, bytes: &[u8], entry: &QueueEntry, place: (&str, i32, i64)) -> bool {
        let flaw = match look(bytes) {
            _ if !self.checks_reads => None,
            Found::Record(record) => flaw(&record, entry, place),
            Found::Nothing(why) => Some(why),
            Found::Blank | Found::Short { .. } => Some("its size is not what its queue's entry says"),
        };
        if let Some(why) = flaw {
            self.damage.found(entry.physical_offset as u64, why);
        }
        flaw.is_none()
    }
}
