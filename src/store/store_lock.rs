//! One store a directory: the file `lock`, and the file `abort`, which tells the next start how the last one ended.

use crate::{StoreConfig, StoreError, disk, disk::DiskFile};
use std::{
    fs::{File, TryLockError},
    path::{Path, PathBuf},
};

/// The lock on a store's directory, held until dropped.
#[derive(Debug)]
pub(crate) struct StoreLock {
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
    pub fn take(root_dir: &Path) -> Result<Self, StoreError> {
        disk::create_dirs(root_dir)?;
        let abort = StoreConfig::abort_path(root_dir);
        let left = disk::read_small(&abort)?;
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
        let apache = DiskFile::create(root_dir.join("lock"), 4)?;
        let exclusive = rustix::fs::FlockOperation::NonBlockingLockExclusive;
        match rustix::fs::fcntl_lock(apache.file(), exclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::AGAIN | rustix::io::Errno::ACCESS) => return Err(in_use()),
            Err(error) => {
                return Err(StoreError::Io { action: "lock", path: apache.path().to_owned(), source: error.into() });
            }
        }
        apache.write_at(0, b"lock")?;
        Ok(Self { root_dir: root_dir.to_owned(), after_abort: left.is_some(), _apache: apache, _ours: ours })
    }

    /// Leaves `abort` with our process id: from now on the files may change.
    pub fn mark_in_use(&self) -> Result<(), StoreError> {
        disk::write_small(&StoreConfig::abort_path(&self.root_dir), std::process::id().to_string().as_bytes())?;
        disk::sync_dir(&self.root_dir)
    }

    /// Removes `abort`: the store was stopped cleanly.
    pub fn clean(&self) -> Result<(), StoreError> {
        disk::remove_file(&StoreConfig::abort_path(&self.root_dir))?;
        disk::sync_dir(&self.root_dir)
    }
}
