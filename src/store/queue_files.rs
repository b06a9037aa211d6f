//! The files of one consume queue: entries to and from disk, opened only while they are in use.
//!
//! ```text
//! consumequeue/TOPIC/QUEUEID/00000000000006000000     named by the byte offset of its first entry
//! offset  size  field of an entry (big endian), 20 bytes
//!      0     8  physical offset of the record
//!      8     4  size of the record
//!     12     8  hash of its tag, or the time a delayed message is due
//! ```
//! Files have their full size from the start and are sparse; an entry whose size is 0 was never written. Where a queue
//! starts in the middle of a file, what is before is filled with (0, 2147483647, 0).
//! Source: `ConsumeQueue` of Apache RocketMQ 4.9.8.

use crate::{StoreError, mapped_file::file_name};
use base::disk::{Disk, DiskFile};
use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

/// Bytes of an entry.
pub(crate) const ENTRY_LEN: usize = 20;
/// The largest offset that a message of a queue can have: room to count on, and to name files, is left.
pub(crate) const LAST_OFFSET: i64 = i64::MAX / (2 * ENTRY_LEN as i64);
/// Files that all queues together keep open; beyond it they are opened for each use.
const MAX_OPEN_FILES: usize = 256;

/// Where a message of a queue lies in the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueEntry {
    /// Byte offset of the record in the log.
    pub physical_offset: i64,
    /// Bytes of the record.
    pub size: u32,
    /// Java's hash of its tag, 0 without one; for a delayed message the time it is due, ms.
    pub tag_hash: i64,
}

impl QueueEntry {
    /// Fills a file up to where the queue starts.
    pub(crate) const BLANK: Self = Self { physical_offset: 0, size: i32::MAX as u32, tag_hash: 0 };

    /// The 20 bytes on disk.
    pub fn encode(&self) -> [u8; ENTRY_LEN] {
        let mut bytes = [0; ENTRY_LEN];
        bytes[..8].copy_from_slice(&self.physical_offset.to_be_bytes());
        bytes[8..12].copy_from_slice(&self.size.to_be_bytes());
        bytes[12..].copy_from_slice(&self.tag_hash.to_be_bytes());
        bytes
    }

    /// Reads 20 bytes; `None` if no entry was ever written there.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let physical_offset = i64::from_be_bytes(bytes.get(..8)?.try_into().ok()?);
        let size = i32::from_be_bytes(bytes.get(8..12)?.try_into().ok()?);
        let tag_hash = i64::from_be_bytes(bytes.get(12..ENTRY_LEN)?.try_into().ok()?);
        (physical_offset >= 0 && size > 0).then_some(Self { physical_offset, size: size as u32, tag_hash })
    }

    /// Where the record ends in the log; 0 for filler.
    pub(crate) fn physical_end(&self) -> i64 {
        if *self == Self::BLANK { 0 } else { self.physical_offset + i64::from(self.size) }
    }
}

/// What all queues of a store share.
#[derive(Debug)]
pub(crate) struct QueueSpace {
    pub disk: Disk,
    /// The folder `consumequeue`.
    pub dir: PathBuf,
    /// Entries of a file.
    pub per_file: i64,
    open_files: Arc<AtomicUsize>,
    /// Files were made, removed or cut since the file system was last synced as a whole.
    pub changed: AtomicBool,
}

impl QueueSpace {
    pub fn new(disk: Disk, dir: PathBuf, file_bytes: u64) -> Self {
        let per_file = file_bytes.div_ceil(ENTRY_LEN as u64) as i64;
        Self { disk, dir, per_file, open_files: Arc::default(), changed: AtomicBool::new(false) }
    }

    /// Bytes of a file.
    pub fn file_bytes(&self) -> u64 {
        self.per_file as u64 * ENTRY_LEN as u64
    }

    pub fn queue_dir(&self, topic: &str, id: i32) -> PathBuf {
        self.dir.join(topic).join(id.to_string())
    }

    /// The file that starts with entry `first`.
    pub fn file_path(&self, queue_dir: &Path, first: i64) -> PathBuf {
        queue_dir.join(file_name(first as u64 * ENTRY_LEN as u64))
    }

    /// The first entry of the file that holds entry `at`.
    pub fn first_of_file(&self, at: i64) -> i64 {
        at - at % self.per_file
    }
}

/// An open file, counted.
#[derive(Debug)]
struct OpenFile {
    /// Its first entry.
    first: i64,
    file: DiskFile,
    open_files: Arc<AtomicUsize>,
}

impl Drop for OpenFile {
    fn drop(&mut self) {
        self.open_files.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The files of one queue. Costs nothing but its own few words while the queue is idle.
#[derive(Debug, Default)]
pub(crate) struct QueueFiles {
    written: Option<OpenFile>,
    read: Option<OpenFile>,
    /// First entries of the first and the last file with unsynced bytes.
    dirty: Option<(i64, i64)>,
}

impl QueueFiles {
    /// Writes entries from index `at` on, into as many files as they fall in.
    pub fn write(
        &mut self,
        space: &QueueSpace,
        dir: &Path,
        mut at: i64,
        mut entries: &[QueueEntry],
    ) -> Result<(), StoreError> {
        let mut bytes = Vec::new();
        while !entries.is_empty() {
            let first = space.first_of_file(at);
            let (now, later) = entries.split_at(entries.len().min((first + space.per_file - at) as usize));
            bytes.clear();
            now.iter().for_each(|entry| bytes.extend_from_slice(&entry.encode()));
            let kept = self.written.take().filter(|open| open.first == first);
            let open = match kept {
                Some(open) => open,
                None => Self::open_or_create(space, dir, first, at)?,
            };
            open.file.write_at((at - first) as u64 * ENTRY_LEN as u64, &bytes)?;
            if open.open_files.load(Ordering::Relaxed) <= MAX_OPEN_FILES {
                self.written = Some(open);
            }
            let (from, _) = self.dirty.unwrap_or((first, first));
            self.dirty = Some((from.min(first), first));
            (at, entries) = (at + now.len() as i64, later);
        }
        Ok(())
    }

    fn counted(space: &QueueSpace, first: i64, file: DiskFile) -> OpenFile {
        space.open_files.fetch_add(1, Ordering::Relaxed);
        OpenFile { first, file, open_files: space.open_files.clone() }
    }

    fn open_or_create(space: &QueueSpace, dir: &Path, first: i64, at: i64) -> Result<OpenFile, StoreError> {
        let path = space.file_path(dir, first);
        let file = match space.disk.open_if_there(path.clone())? {
            Some(file) if file.size()? == space.file_bytes() => return Ok(Self::counted(space, first, file)),
            // An earlier try came as far as that.
            Some(file) => file,
            None => {
                space.disk.create_dirs(dir)?;
                space.disk.create(path, 0)?
            }
        };
        space.changed.store(true, Ordering::Relaxed);
        if at > first {
            file.write_at(0, &QueueEntry::BLANK.encode().repeat((at - first) as usize))?;
        }
        // Last, so that a file of full length is one that is whole.
        file.set_len(space.file_bytes())?;
        Ok(Self::counted(space, first, file))
    }

    /// Reads entries from index `at` on into `into`; returns how many whole ones there are, all in one file.
    pub fn read(&mut self, space: &QueueSpace, dir: &Path, at: i64, into: &mut [u8]) -> Result<usize, StoreError> {
        let first = space.first_of_file(at);
        let holds = |open: &&OpenFile| open.first == first;
        let fresh = match self.written.as_ref().filter(holds).or_else(|| self.read.as_ref().filter(holds)) {
            Some(_) => None,
            None => Some(Self::counted(space, first, space.disk.open(space.file_path(dir, first))?)),
        };
        let open = fresh.as_ref().or(self.written.as_ref().filter(holds)).or(self.read.as_ref().filter(holds));
        let Some(open) = open else { return Ok(0) };
        let here = into.len().min((first + space.per_file - at) as usize * ENTRY_LEN);
        let count = open.file.read_at((at - first) as u64 * ENTRY_LEN as u64, &mut into[..here])?;
        if let Some(fresh) = fresh.filter(|open| open.open_files.load(Ordering::Relaxed) <= MAX_OPEN_FILES) {
            self.read = Some(fresh);
        }
        Ok(count / ENTRY_LEN)
    }

    /// Closes what is open.
    pub fn close(&mut self) {
        (self.written, self.read) = (None, None);
    }

    /// Whether there are unsynced bytes.
    pub fn is_dirty(&self) -> bool {
        self.dirty.is_some()
    }

    /// The files with unsynced bytes, which the caller is to sync; they count as clean from now on.
    pub fn take_dirty(&mut self, space: &QueueSpace, dir: &Path) -> Vec<PathBuf> {
        let Some((from, to)) = self.dirty.take() else { return Vec::new() };
        (from..=to).step_by(space.per_file as usize).map(|first| space.file_path(dir, first)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_has_the_bytes_of_the_public_layout() {
        let entry = QueueEntry { physical_offset: 0x0102, size: 0x0304, tag_hash: -2 };
        let golden = [0, 0, 0, 0, 0, 0, 1, 2, 0, 0, 3, 4, 255, 255, 255, 255, 255, 255, 255, 254];
        assert_eq!(entry.encode(), golden);
        assert_eq!(QueueEntry::decode(&golden), Some(entry));
        assert_eq!(QueueEntry::decode(&[0; 20]), None);
        assert_eq!(QueueEntry::decode(&golden[..19]), None);
    }

    #[test]
    fn entries_are_written_across_files_and_read_back_and_a_late_start_is_filled() {
        let dir = tempfile::tempdir().unwrap();
        let space = QueueSpace::new(Disk::default(), dir.path().to_owned(), 4 * 20);
        let queue_dir = space.queue_dir("T", 3);
        let entries: Vec<_> = (0..7).map(|n| QueueEntry { physical_offset: n * 100, size: 100, tag_hash: n }).collect();
        let mut files = QueueFiles::default();
        files.write(&space, &queue_dir, 6, &entries).unwrap();
        let names: Vec<_> =
            space.disk.list(&queue_dir).unwrap().into_iter().map(|file| (file.name, file.len)).collect();
        let expected = [80, 160, 240].map(|offset| (format!("{offset:020}"), 80));
        assert_eq!(names, expected);
        let first = std::fs::read(queue_dir.join(&names[0].0)).unwrap();
        let blank = [0, 0, 0, 0, 0, 0, 0, 0, 127, 255, 255, 255, 0, 0, 0, 0, 0, 0, 0, 0];
        assert_eq!(first[..40], blank.repeat(2));
        let mut into = [0; 60];
        assert_eq!(files.read(&space, &queue_dir, 7, &mut into).unwrap(), 1, "up to the end of the file");
        assert_eq!(QueueEntry::decode(&into[..20]), Some(entries[1]));
        assert_eq!(files.read(&space, &queue_dir, 8, &mut into).unwrap(), 3);
        assert_eq!(QueueEntry::decode(&into[40..]), Some(entries[4]));
        assert_eq!(files.take_dirty(&space, &queue_dir).len(), 3);
        assert!(!files.is_dirty());
        files.close();
        assert_eq!(space.open_files.load(Ordering::Relaxed), 0);
    }
}
