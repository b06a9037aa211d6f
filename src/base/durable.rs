//! Small files that are replaced as a whole: the old content or the new, never neither.
//!
//! `write`: temporary file → fsync → keep the old content as `NAME.bak` → rename → fsync of the folder.
//! `read`: the file itself, or its `.bak` when the file is missing, empty, on a bad sector or not accepted by the caller.

use crate::disk::{Disk, DiskError};
use std::{
    io,
    path::{Path, PathBuf},
};

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// A small file that is replaced as a whole.
#[derive(Clone, Debug)]
pub struct DurableFile {
    disk: Disk,
    path: PathBuf,
}

impl From<PathBuf> for DurableFile {
    fn from(path: PathBuf) -> Self {
        Self { disk: Disk::default(), path }
    }
}

/// Replaces the content of `path`: see [`DurableFile::write`].
///
/// # Errors
/// As there.
pub fn write(path: &Path, content: &[u8]) -> io::Result<()> {
    DurableFile::from(path.to_owned()).write(content)
}

/// The content of `path`: see [`DurableFile::read`].
///
/// # Errors
/// As there.
pub fn read<T>(path: &Path, accept: impl Fn(&[u8]) -> io::Result<T>) -> io::Result<Option<T>> {
    DurableFile::from(path.to_owned()).read(accept)
}

impl DurableFile {
    /// The file of that path on a disk.
    pub fn on(disk: &Disk, path: PathBuf) -> Self {
        Self { disk: disk.clone(), path }
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Replaces the content, creating the folder if needed. Nothing is written if the file already holds `content`.
    ///
    /// # Errors
    /// What the system says; then the file holds what it held before, or `content`.
    pub fn write(&self, content: &[u8]) -> io::Result<()> {
        Ok(replace(&self.disk, &self.path, content)?)
    }

    /// The first content that `accept` takes: the file's, else its `.bak`'s; `None` if neither exists. A file in whose
    /// place the `.bak` was taken is kept as `NAME.damaged`, or the next write would make it the `.bak`.
    ///
    /// # Errors
    /// The error of the file itself, when it exists but cannot be read or accepted and the `.bak` is no better.
    pub fn read<T>(&self, accept: impl Fn(&[u8]) -> io::Result<T>) -> io::Result<Option<T>> {
        let load = |path: &Path| self.disk.read_small(path)?.map(|content| accept(&content)).transpose();
        let first = match load(&self.path) {
            Ok(Some(value)) => return Ok(Some(value)),
            // Too many open files, no permission, …: that says nothing of the content, which may be newer than the .bak.
            Err(error) if error.get_ref().and_then(|it| it.downcast_ref()).is_some_and(passes) => return Err(error),
            other => other,
        };
        let file = self.path.display();
        match (load(&beside(&self.path, ".bak")), first) {
            (Ok(Some(value)), Ok(_)) => {
                tracing::warn!(%file, "missing; its .bak is read instead");
                Ok(Some(value))
            }
            (Ok(Some(value)), Err(error)) => {
                tracing::error!(%file, %error, "unreadable, kept as .damaged; its .bak is read instead");
                self.disk.rename(&self.path, &beside(&self.path, ".damaged"))?;
                Ok(Some(value))
            }
            (_, Err(error)) => Err(error),
            (second, Ok(_)) => second,
        }
    }
}

/// Whether a file that could not be read may be good all the same: the system failed, and not the place it lies on.
fn passes(error: &DiskError) -> bool {
    error.source.raw_os_error() != Some(rustix::io::Errno::IO.raw_os_error())
}

fn replace(disk: &Disk, path: &Path, content: &[u8]) -> Result<(), DiskError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let old = disk.read_small(path);
    if matches!(&old, Ok(Some(old)) if old == content) {
        // An earlier try may have come that far and failed at this.
        return disk.sync_dir(folder);
    }
    disk.create_dirs_for_good(folder)?;
    let temporary = beside(path, ".tmp");
    disk.write_small(&temporary, content)?.sync()?;
    if !matches!(old, Ok(None)) {
        // A hard link, then a rename: the old content has a name at every moment.
        let (backup, backup_new) = (beside(path, ".bak"), beside(path, ".bak.tmp"));
        disk.remove_file(&backup_new)?;
        if let (Err(_), Ok(Some(old))) = (disk.link(path, &backup_new), old) {
            // File systems without hard links: a copy does, since `path` itself stays in place.
            disk.write_small(&backup_new, &old)?.sync()?;
        }
        disk.rename(&backup_new, &backup)?;
    }
    disk.rename(&temporary, path)?;
    disk.sync_dir(folder)
}
