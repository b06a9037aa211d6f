//! Calls to the file system that only the offline tools make: opening without the right to write, asking who holds a
//! lock without taking it, and moving things aside. Everything else is in `disk.rs`.

use crate::StoreError;
use base::disk::{Disk, DiskError};
use rustix::{
    fs::SeekFrom,
    io::Errno,
    process::{Flock, FlockOffsetType, FlockType, fcntl_getlk},
};
use std::{
    fs::{self, File},
    io::{self, ErrorKind},
    os::unix::fs::{FileExt, MetadataExt},
    path::{Path, PathBuf},
};

/// The disk as it is: the offline tools know no other.
pub(crate) fn disk() -> Disk {
    Disk::default()
}

/// A file opened for reading only.
#[derive(Debug)]
pub(crate) struct ReadFile {
    file: File,
    path: PathBuf,
    len: u64,
}

fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> StoreError {
    move |source| DiskError { action, path: path.to_owned(), source }.into()
}

impl ReadFile {
    /// Opens a file; `None` if there is none.
    pub fn open(path: &Path) -> Result<Option<Self>, StoreError> {
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed("open", path)(error)),
        };
        let len = file.metadata().map_err(failed("examine", path))?.len();
        Ok(Some(Self { file, path: path.to_owned(), len }))
    }

    /// Bytes it had when it was opened.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Fills `into` from `at`, or as far as the file goes; returns how many bytes that were.
    pub fn read_at(&self, at: u64, into: &mut [u8]) -> Result<usize, StoreError> {
        let mut done = 0;
        while done < into.len() {
            match self.file.read_at(&mut into[done..], at + done as u64) {
                Ok(0) => break,
                Ok(count) => done += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(failed("read", &self.path)(error)),
            }
        }
        Ok(done)
    }

    /// The first position at or behind `at` that is not in a hole; `None` if only a hole follows. A file system that
    /// does not tell says `at`.
    pub fn data_from(&self, at: u64) -> Option<u64> {
        match rustix::fs::seek(&self.file, SeekFrom::Data(at)) {
            Ok(data) => Some(data),
            Err(Errno::NXIO) => None,
            Err(_) => Some(at),
        }
    }
}

/// Whether another process holds the lock that stores take on the file, and which. Takes no lock, not even for a moment,
/// so it disturbs nobody. A store that is open in this very process is not seen.
pub(crate) fn locked_by(path: &Path) -> Result<Option<Option<u32>>, StoreError> {
    let Some(file) = ReadFile::open(path)? else { return Ok(None) };
    let wanted = Flock { start: 0, length: 0, pid: None, typ: FlockType::WriteLock, offset_type: FlockOffsetType::Set };
    match fcntl_getlk(&file.file, &wanted) {
        Ok(holder) => Ok(holder.map(|holder| {
            // A holder in another container has no number here.
            holder.pid.and_then(|pid| u32::try_from(pid.as_raw_nonzero().get()).ok())
        })),
        Err(error) => Err(failed("ask for the lock of", path)(error.into())),
    }
}

/// Bytes of disk that a file takes.
pub(crate) fn allocated(path: &Path) -> Result<u64, StoreError> {
    fs::metadata(path).map(|metadata| metadata.blocks() * 512).map_err(failed("examine", path))
}

/// Whether there is a folder.
pub(crate) fn is_dir(path: &Path) -> bool {
    path.is_dir()
}

/// Gives a file or folder another name in the same file system, and makes both folders' names durable.
pub(crate) fn rename(from: &Path, to: &Path) -> Result<(), StoreError> {
    fs::rename(from, to).map_err(failed("rename", from))?;
    for dir in [from.parent(), to.parent()].into_iter().flatten() {
        disk().sync_dir(dir)?;
    }
    Ok(())
}
