//! Files in memory: the only `unsafe` of the project.
//!
//! A commit log file is appended by `pwrite` and read through a read-only mapping, which sees the same pages.
//! Two rules make handing out slices of that mapping sound, and this file enforces both:
//!
//! 1. bytes below `written` never change, as long as the [`LogFile`] or a slice of it lives;
//! 2. only the one appender writes above `written`, and only through [`LogFile::write`].
//!
//! (Another program that shortens or rewrites the file under us breaks them; the store's lock is there to prevent it.)
//!
//! The slots of an index file are written through a mapping, as atomics, after their blocks are allocated.
#![allow(unsafe_code)]

use crate::StoreError;
use base::disk::{Disk, DiskFile};
use bytes::Bytes;
use memmap2::{Mmap, MmapOptions, MmapRaw};
use parking_lot::Mutex;
use std::{
    fmt,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
};

/// The name of a file that starts at `offset` of its queue: 20 digits.
pub(crate) fn file_name(offset: u64) -> String {
    format!("{offset:020}")
}

/// What slices of a mapping hold on to.
struct Held(Arc<Mmap>);

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// One file of the commit log.
pub(crate) struct LogFile {
    start: u64,
    size: u64,
    /// Bytes of the file that are there for good.
    written: AtomicU64,
    path: PathBuf,
    /// Open as long as there is something to write or to sync; a mapping needs no descriptor.
    file: Mutex<Option<Arc<DiskFile>>>,
    map: Arc<Mmap>,
    /// The whole mapping; slices of it keep it alive when the file is deleted.
    bytes: Bytes,
}

impl LogFile {
    /// Makes the file that starts at `start` of the log, sparse. Its name and length are durable before anything is in
    /// it, or a crash could leave a log with a hole in its row of files.
    pub fn create(disk: &Disk, dir: &Path, start: u64, size: u64) -> Result<Self, StoreError> {
        let file = disk.create(dir.join(file_name(start)), size)?;
        file.sync()?;
        disk.sync_dir(dir)?;
        Self::map(file, start, size, 0)
    }

    /// Opens a file of which the first `written` bytes are good.
    pub fn open(disk: &Disk, path: PathBuf, start: u64, size: u64, written: u64) -> Result<Self, StoreError> {
        Self::map(disk.open(path)?, start, size, written.min(size))
    }

    fn map(file: DiskFile, start: u64, size: u64, written: u64) -> Result<Self, StoreError> {
        // SAFETY: the mapping is read-only and its length is the file's, which never shrinks while it is open here.
        // What is read from it lies below `written` (see `slice`), where nothing changes (rules 1 and 2).
        let map: Mmap = file.mapped(|file| unsafe { MmapOptions::new().len(size as usize).map(file) })?;
        let path = file.path().to_owned();
        let file = Mutex::new((written < size).then(|| Arc::new(file)));
        let map = Arc::new(map);
        let bytes = Bytes::from_owner(Held(map.clone()));
        Ok(Self { start, size, written: AtomicU64::new(written), path, file, map, bytes })
    }

    /// Where the file starts in the log.
    pub fn start(&self) -> u64 {
        self.start
    }

    /// Position in the file up to which it is written.
    pub fn written(&self) -> u64 {
        self.written.load(Ordering::Acquire)
    }

    /// Writes above `written`, without making it visible. For the appender only, under its lock.
    pub fn write(&self, at: u64, data: &[u8]) -> Result<(), StoreError> {
        let fits = at >= self.written() && at.checked_add(data.len() as u64).is_some_and(|end| end <= self.size);
        let file = self.file.lock().clone();
        match file.filter(|_| fits) {
            Some(file) => Ok(file.write_at(at, data)?),
            None => {
                let what = format!("a write of {} bytes at {at} would leave the free part of the file", data.len());
                Err(StoreError::Damaged { path: self.path.clone(), what })
            }
        }
    }

    /// Makes what was written below `to` visible for good.
    pub fn publish(&self, to: u64) {
        self.written.fetch_max(to.min(self.size), Ordering::AcqRel);
    }

    /// Bytes of the file, without a copy; `None` if they are not all written.
    pub fn slice(&self, at: u64, len: u64) -> Option<Bytes> {
        let end = at.checked_add(len).filter(|end| *end <= self.written())?;
        Some(self.bytes.slice(at as usize..end as usize))
    }

    /// Brings bytes of the file into memory, if they are not there; `false` if the disk cannot read them. Asked before
    /// they are touched, this turns what would end the process (SIGBUS) into an answer.
    pub fn readable(&self, at: u64, len: u64) -> bool {
        #[cfg(target_os = "linux")]
        if let Err(error) = self.map.advise_range(memmap2::Advice::PopulateRead, at as usize, len as usize) {
            use rustix::io::Errno;
            // Kernels before 5.14 cannot be asked (EINVAL): then it is as it always was.
            let unreadable = [Errno::FAULT, Errno::HWPOISON, Errno::IO].map(Errno::raw_os_error);
            if error.raw_os_error().is_some_and(|number| unreadable.contains(&number)) {
                tracing::error!(file = %self.path.display(), at, len, %error, "the disk cannot read what is stored here");
                return false;
            }
        }
        true
    }

    /// Brings what was written to the disk; a file that is full is closed with that.
    pub fn sync(&self) -> Result<(), StoreError> {
        let full = self.written() == self.size;
        // Not under the lock: the appender goes on meanwhile.
        let file = self.file.lock().clone();
        file.map_or(Ok(()), |file| file.sync())?;
        if full {
            *self.file.lock() = None;
        }
        Ok(())
    }

    /// The file's path.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl fmt::Debug for LogFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Never the bytes: there may be a GiB of them.
        write!(f, "{} up to {}", self.path().display(), self.written())
    }
}

/// The head of an index file, mapped for reading and writing: numbers, big endian, as atomics.
#[derive(Debug)]
pub(crate) struct SlotMap {
    map: MmapRaw,
}

impl SlotMap {
    /// Maps the first `len` bytes of `file`, after allocating their blocks: a full disk is an error here, not later.
    pub fn new(file: &DiskFile, len: u64) -> Result<Self, StoreError> {
        file.allocate(len)?;
        let map = file.mapped(|file| MmapOptions::new().len(len as usize).map_raw(file))?;
        Ok(Self { map })
    }

    fn at<T>(&self, at: usize) -> *const T {
        let inside = at.checked_add(size_of::<T>()).is_some_and(|end| end <= self.map.len());
        assert!(inside && at.is_multiple_of(align_of::<T>()), "position {at} is computed from the file's own layout");
        // SAFETY: the position was just checked to lie inside the mapping.
        unsafe { self.map.as_ptr().add(at).cast() }
    }

    fn u32(&self, at: usize) -> &AtomicU32 {
        // SAFETY: inside the mapping and aligned (`at`, and a mapping starts at a page); the mapping lives as long as
        // `self`, and is only ever touched through atomics.
        unsafe { &*self.at::<AtomicU32>(at) }
    }

    fn u64(&self, at: usize) -> &AtomicU64 {
        // SAFETY: as in `u32`.
        unsafe { &*self.at::<AtomicU64>(at) }
    }

    pub fn load_u32(&self, at: usize) -> u32 {
        u32::from_be(self.u32(at).load(Ordering::Acquire))
    }

    pub fn store_u32(&self, file: &DiskFile, at: usize, value: u32) {
        self.u32(at).store(value.to_be(), Ordering::Release);
        file.stored(at as u64, &value.to_be_bytes());
    }

    pub fn load_i64(&self, at: usize) -> i64 {
        u64::from_be(self.u64(at).load(Ordering::Acquire)) as i64
    }

    pub fn store_i64(&self, file: &DiskFile, at: usize, value: i64) {
        self.u64(at).store((value as u64).to_be(), Ordering::Release);
        file.stored(at as u64, &value.to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_published_bytes_are_read_and_they_outlive_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let file = LogFile::create(&Disk::default(), dir.path(), 4096, 64).unwrap();
        assert!(file.path().ends_with("00000000000000004096"));
        file.write(0, b"hello").unwrap();
        assert_eq!(file.slice(0, 5), None);
        file.publish(5);
        let hello = file.slice(0, 5).unwrap();
        assert_eq!(file.slice(1, 5), None);
        assert!(file.write(4, b"x").is_err(), "bytes below `written` never change");
        assert!(file.write(60, b"hello").is_err(), "nor does the file grow");
        std::fs::remove_file(file.path()).unwrap();
        drop(file);
        assert_eq!(&hello[..], b"hello");
    }

    #[test]
    fn slots_are_big_endian_in_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("slots");
        let file = Disk::default().create(path.clone(), 100).unwrap();
        let slots = SlotMap::new(&file, 48).unwrap();
        slots.store_u32(&file, 40, 0x0102_0304);
        slots.store_i64(&file, 8, -2);
        assert_eq!((slots.load_u32(40), slots.load_i64(8)), (0x0102_0304, -2));
        let content = std::fs::read(path).unwrap();
        assert_eq!(
            (content.len(), &content[40..44], &content[8..16]),
            (100, &[1, 2, 3, 4][..], &(-2i64).to_be_bytes()[..])
        );
    }
}
