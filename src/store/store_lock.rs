//! One store a directory: the file `lock`, and the file `abort`, which tells the next start how the last one ended.

use crate::{StoreConfig, StoreError};
use base::disk::{Disk, DiskError, DiskFile};
use rustix::process::{Flock, FlockOffsetType, FlockType, fcntl_getlk};
use std::{
    fs::{File, TryLockError},
    path::{Path, PathBuf},
};

/// Whether another process holds the lock that stores take on the file, and which. Takes no lock, not even for a moment,
/// so it disturbs nobody. A store that is open in this very process is not seen.
pub(crate) fn locked_by(disk: &Disk, path: PathBuf) -> Result<Option<Option<u32>>, StoreError> {
    let Some(file) = disk.open_to_read(path)? else { return Ok(None) };
    let wanted = Flock { start: 0, length: 0, pid: None, typ: FlockType::WriteLock, offset_type: FlockOffsetType::Set };
    match fcntl_getlk(file.file(), &wanted) {
        Ok(holder) => Ok(holder.map(|holder| {
            // A holder in another container has no number here.
            holder.pid.and_then(|pid| u32::try_from(pid.as_raw_nonzero().get()).ok())
        })),
        Err(error) => {
            let error = DiskError { action: "ask for the lock of", path: file.path().to_owned(), source: error.into() };
            Err(error.into())
        }
    }
}

/// The lock on a store's directory, held until dropped.
#[derive(Debug)]
pub(crate) struct StoreLock {
    disk: Disk,
    root_dir: PathBuf,
    /// The last stop was not clean: `abort` was there.
    pub after_abort: bool,
    _apache: DiskFile,
    _ours: Option<File>,
}

impl StoreLock {
    /// Takes the lock.
    ///
    /// # Errors
    /// [`StoreError::InUse`] if another store has it, in this process or another, ours or Apache's.
    pub fn take(disk: &Disk, root_dir: &Path) -> Result<Self, StoreError> {
        disk.create_dirs_for_good(root_dir)?;
        let abort = StoreConfig::abort_path(root_dir);
        let left = disk.read_small(&abort)?;
        let in_use = || {
            let pid = left.as_deref().and_then(|text| std::str::from_utf8(text).ok()?.trim().parse().ok());
            StoreError::InUse { dir: root_dir.to_owned(), pid }
        };
        // First ours, on the folder: a lock as Apache takes it does not keep out a second store in this process, which
        // would even drop the lock of the first by closing the file again.
        let ours = match File::open(root_dir).map(|dir| (dir.try_lock(), dir)) {
            Ok((Ok(()), dir)) => Some(dir),
            Ok((Err(TryLockError::WouldBlock), _)) => return Err(in_use()),
            // A file system that cannot lock a folder; the other lock has to do.
            _ => None,
        };
        let apache = disk.create(root_dir.join("lock"), 4)?;
        let exclusive = rustix::fs::FlockOperation::NonBlockingLockExclusive;
        match rustix::fs::fcntl_lock(apache.file(), exclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::AGAIN | rustix::io::Errno::ACCESS) => return Err(in_use()),
            Err(error) => {
                let error = DiskError { action: "lock", path: apache.path().to_owned(), source: error.into() };
                return Err(error.into());
            }
        }
        apache.write_at(0, b"lock")?;
        Ok(Self {
            disk: disk.clone(),
            root_dir: root_dir.to_owned(),
            after_abort: left.is_some(),
            _apache: apache,
            _ours: ours,
        })
    }

    /// Leaves `abort` with our process id: from now on the files may change.
    pub fn mark_in_use(&self) -> Result<(), StoreError> {
        let pid = std::process::id().to_string();
        self.disk.write_small(&StoreConfig::abort_path(&self.root_dir), pid.as_bytes())?;
        Ok(self.disk.sync_dir(&self.root_dir)?)
    }

    /// Removes `abort`: the store was stopped cleanly.
    pub fn clean(&self) -> Result<(), StoreError> {
        self.disk.remove_file(&StoreConfig::abort_path(&self.root_dir))?;
        Ok(self.disk.sync_dir(&self.root_dir)?)
    }
}
