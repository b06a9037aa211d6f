//! Every call rmq makes to the file system for data that must last, and nothing else: one place to count, record or fail
//! them.
//!
//! A [`Disk`] is the system's file system. A [`Tap`] put into it sees each call before it is made, may refuse it, and sees
//! it again when it succeeded: tests record crashes and plant failures there. Without a tap a call costs one branch more.

mod tap;

pub use tap::{Call, Refused, Tap};

use std::{
    fmt,
    fs::{self, File, OpenOptions},
    io::{self, ErrorKind},
    os::unix::fs::{FileExt, MetadataExt},
    path::{Path, PathBuf},
    sync::Arc,
    time::UNIX_EPOCH,
};

/// The operating system refused a call.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} {}: {source}", path.display())]
pub struct DiskError {
    /// What was tried: "write", "sync", …
    pub action: &'static str,
    /// On which file or folder.
    pub path: PathBuf,
    /// What the system said.
    pub source: io::Error,
}

impl From<DiskError> for io::Error {
    fn from(error: DiskError) -> Self {
        Self::new(error.source.kind(), error)
    }
}

type Result<T> = std::result::Result<T, DiskError>;

/// The file system, or what a test makes of it. Cheap to clone.
#[derive(Clone, Default)]
pub struct Disk {
    tap: Option<Arc<dyn Tap>>,
    used: Option<Arc<UsedShare>>,
}

type UsedShare = dyn Fn(&Path) -> Option<f64> + Send + Sync;

impl fmt::Debug for Disk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.tap.is_some() { "Disk with a tap" } else { "Disk" })
    }
}

fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> DiskError {
    move |source| DiskError { action, path: path.to_owned(), source }
}

impl Disk {
    /// A disk whose calls pass by `tap`.
    pub fn with_tap(tap: Arc<dyn Tap>) -> Self {
        Self { tap: Some(tap), used: None }
    }

    /// This disk, but as full as `used` says: which share of a folder's file system is used, 0 to 1.
    pub fn as_full_as(self, used: impl Fn(&Path) -> Option<f64> + Send + Sync + 'static) -> Self {
        Self { used: Some(Arc::new(used)), ..self }
    }

    fn call<T>(&self, action: &'static str, call: Call<'_>, make: impl FnOnce() -> io::Result<T>) -> Result<T> {
        let Some(tap) = &self.tap else { return make().map_err(failed(action, call.path())) };
        tap.before(&call).map_err(|refused| failed(action, call.path())(refused.error))?;
        let made = make().map_err(failed(action, call.path()))?;
        tap.after(&call);
        Ok(made)
    }

    fn file(&self, file: File, path: PathBuf) -> DiskFile {
        DiskFile { file, path, disk: self.clone() }
    }

    /// Makes a sparse file of `len` zero bytes, or brings the file that is there to that length.
    pub fn create(&self, path: PathBuf, len: u64) -> Result<DiskFile> {
        let file = self.call("create", Call::Create { path: &path }, || {
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path)
        })?;
        let file = self.file(file, path);
        file.set_len(len)?;
        Ok(file)
    }

    /// Opens a file for reading and writing.
    pub fn open(&self, path: PathBuf) -> Result<DiskFile> {
        let open = || OpenOptions::new().read(true).write(true).open(&path);
        let file = self.call("open", Call::Open { path: &path }, open)?;
        Ok(self.file(file, path))
    }

    /// Opens a file for reading only; `None` if there is none.
    pub fn open_to_read(&self, path: PathBuf) -> Result<Option<DiskFile>> {
        match self.call("open", Call::Open { path: &path }, || File::open(&path)) {
            Ok(file) => Ok(Some(self.file(file, path))),
            Err(error) if error.source.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// As [`Disk::open`]; `None` if there is no such file.
    pub fn open_if_there(&self, path: PathBuf) -> Result<Option<DiskFile>> {
        match self.open(path) {
            Ok(file) => Ok(Some(file)),
            Err(error) if error.source.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// What lies in a folder, by name; nothing if it is not there. Names that are no UTF-8 are left out.
    pub fn list(&self, dir: &Path) -> Result<Vec<Listed>> {
        self.call("list", Call::List { path: dir }, || {
            let entries = match fs::read_dir(dir) {
                Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
                entries => entries?,
            };
            let mut listed = Vec::new();
            for entry in entries {
                let entry = entry?;
                let path = entry.path();
                let Ok(name) = entry.file_name().into_string() else { continue };
                // The listing itself tells folders from files; only a file's length needs a second question.
                let (is_dir, len) = match entry.file_type() {
                    Ok(kind) if kind.is_dir() => (true, 0),
                    _ => match fs::metadata(&path) {
                        Ok(it) => (it.is_dir(), it.len()),
                        // Removed since it was listed.
                        Err(error) if error.kind() == ErrorKind::NotFound => continue,
                        Err(error) => return Err(error),
                    },
                };
                listed.push(Listed { name, path, len, is_dir });
            }
            listed.sort_by(|a, b| a.name.cmp(&b.name));
            Ok(listed)
        })
    }

    /// Makes a folder, and those above it.
    pub fn create_dirs(&self, dir: &Path) -> Result<()> {
        // Most often it is there.
        if dir.is_dir() {
            return Ok(());
        }
        self.call("create the folder", Call::CreateFolder { path: dir }, || fs::create_dir_all(dir))
    }

    /// As [`Disk::create_dirs`]; and the names of the folders that it made are durable.
    pub fn create_dirs_for_good(&self, dir: &Path) -> Result<()> {
        let made: Vec<_> = dir.ancestors().take_while(|dir| !dir.as_os_str().is_empty() && !dir.is_dir()).collect();
        self.create_dirs(dir)?;
        let above = made.iter().rev().filter_map(|dir| dir.parent());
        above
            .map(|dir| if dir.as_os_str().is_empty() { Path::new(".") } else { dir })
            .try_for_each(|dir| self.sync_dir(dir))
    }

    /// Removes a file; that it is gone already is no error.
    pub fn remove_file(&self, path: &Path) -> Result<()> {
        self.call("remove", Call::Remove { path }, || unless_gone(fs::remove_file(path)))
    }

    /// Removes a folder with all it holds; that it is gone already is no error.
    pub fn remove_dirs(&self, dir: &Path) -> Result<()> {
        self.call("remove", Call::RemoveFolder { path: dir }, || unless_gone(fs::remove_dir_all(dir)))
    }

    /// Gives a file a second name, which must be free.
    pub fn link(&self, from: &Path, to: &Path) -> Result<()> {
        self.call("link", Call::Link { from, to }, || fs::hard_link(from, to))
    }

    /// Gives a file another name, in place of what had it.
    pub fn rename(&self, from: &Path, to: &Path) -> Result<()> {
        self.call("rename to", Call::Rename { from, to }, || fs::rename(from, to))
    }

    /// Makes the names in a folder durable.
    pub fn sync_dir(&self, dir: &Path) -> Result<()> {
        self.call("sync the folder", Call::SyncFolder { path: dir }, || File::open(dir)?.sync_all())
    }

    /// [`Disk::rename`], for good: the names in both folders are on the disk afterwards.
    pub fn rename_for_good(&self, from: &Path, to: &Path) -> Result<()> {
        self.rename(from, to)?;
        [from.parent(), to.parent()].into_iter().flatten().try_for_each(|dir| self.sync_dir(dir))
    }

    /// Brings everything on the folder's file system to the disk: one call where there would be thousands.
    pub fn sync_file_system(&self, dir: &Path) -> Result<()> {
        let sync = || Ok(rustix::fs::syncfs(File::open(dir)?)?);
        self.call("sync the file system of", Call::SyncAll { path: dir }, sync)
    }

    /// The content of a small file; `None` if there is none.
    pub fn read_small(&self, path: &Path) -> Result<Option<Vec<u8>>> {
        self.call("read", Call::Read { path, at: 0 }, || match fs::read(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            content => content.map(Some),
        })
    }

    /// Writes a small file in place of what it held. Not in one step: see [`crate::durable`] for that.
    pub fn write_small(&self, path: &Path, content: &[u8]) -> Result<DiskFile> {
        let file = self.create(path.to_owned(), 0)?;
        file.write_at(0, content)?;
        Ok(file)
    }

    /// Bytes of disk that a file takes.
    pub fn allocated(&self, path: &Path) -> Result<u64> {
        let metadata = self.call("examine", Call::Examine { path }, || fs::metadata(path))?;
        Ok(metadata.blocks() * 512)
    }

    /// When a file was last written, ms since 1970.
    pub fn modified_ms(&self, path: &Path) -> Result<i64> {
        let modified = self
            .call("examine", Call::Examine { path }, || fs::metadata(path).and_then(|metadata| metadata.modified()))?;
        Ok(modified.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64))
    }

    /// Share of the folder's file system that is used, 0 to 1, rounded up to whole per cents; `None` if it cannot be read.
    pub fn used_ratio(&self, dir: &Path) -> Option<f64> {
        if let Some(used) = &self.used {
            return used(dir);
        }
        let stat = self.call("examine", Call::Examine { path: dir }, || Ok(rustix::fs::statvfs(dir)?)).ok()?;
        let used = stat.f_blocks.checked_sub(stat.f_bfree)?;
        let usable = used + stat.f_bavail;
        (usable > 0).then(|| (used * 100).div_ceil(usable) as f64 / 100.0)
    }

    /// Bytes of the folder's file system, and how many of them may still be used; `None` if it cannot be read.
    pub fn capacity(&self, dir: &Path) -> Option<(u64, u64)> {
        let stat = self.call("examine", Call::Examine { path: dir }, || Ok(rustix::fs::statvfs(dir)?)).ok()?;
        Some((stat.f_blocks.checked_mul(stat.f_frsize)?, stat.f_bavail.checked_mul(stat.f_frsize)?))
    }
}

fn unless_gone(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

/// A file or folder in a listing.
#[derive(Clone, Debug)]
pub struct Listed {
    /// Its name in the folder.
    pub name: String,
    /// Its path.
    pub path: PathBuf,
    /// Bytes of a file.
    pub len: u64,
    /// Whether it is a folder.
    pub is_dir: bool,
}

/// An open file that remembers its path, so that its errors can name it.
#[derive(Debug)]
pub struct DiskFile {
    file: File,
    path: PathBuf,
    disk: Disk,
}

impl DiskFile {
    /// Makes the file longer or shorter. What is new reads as zeros.
    pub fn set_len(&self, len: u64) -> Result<()> {
        let call = Call::SetLen { path: &self.path, len };
        self.disk.call("set the length of", call, || self.file.set_len(len))
    }

    /// Writes all of `data`; after an error a part of it may be written.
    pub fn write_at(&self, at: u64, data: &[u8]) -> Result<()> {
        let Some(tap) = &self.disk.tap else {
            return self.file.write_all_at(data, at).map_err(failed("write", &self.path));
        };
        let call = Call::Write { path: &self.path, at, data };
        if let Err(refused) = tap.before(&call) {
            let part = &data[..refused.written.min(data.len())];
            _ = self.file.write_all_at(part, at);
            return Err(failed("write", &self.path)(refused.error));
        }
        self.file.write_all_at(data, at).map_err(failed("write", &self.path))?;
        tap.after(&call);
        Ok(())
    }

    /// Fills `into` from `at`, or as far as the file goes; returns how many bytes that were.
    pub fn read_at(&self, at: u64, into: &mut [u8]) -> Result<usize> {
        self.disk.call("read", Call::Read { path: &self.path, at }, || {
            let mut done = 0;
            while done < into.len() {
                match self.file.read_at(&mut into[done..], at + done as u64) {
                    Ok(0) => break,
                    Ok(count) => done += count,
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    Err(error) => return Err(error),
                }
            }
            Ok(done)
        })
    }

    /// The first position at or behind `at` that is not in a hole; `None` if only a hole follows. A file system that does
    /// not tell says `at`.
    pub fn data_from(&self, at: u64) -> Option<u64> {
        match rustix::fs::seek(&self.file, rustix::fs::SeekFrom::Data(at)) {
            Ok(data) => Some(data),
            Err(rustix::io::Errno::NXIO) => None,
            Err(_) => Some(at),
        }
    }

    /// How long the file is.
    pub fn size(&self) -> Result<u64> {
        let metadata = self.disk.call("examine", Call::Examine { path: &self.path }, || self.file.metadata())?;
        Ok(metadata.len())
    }

    /// Makes sure the first `len` bytes have blocks on disk, so that storing into a mapping of them cannot fail.
    pub fn allocate(&self, len: u64) -> Result<()> {
        use rustix::{fs::FallocateFlags, io::Errno};
        let allocated = self.disk.call("allocate blocks for", Call::Allocate { path: &self.path, len }, || {
            match rustix::fs::fallocate(&self.file, FallocateFlags::KEEP_SIZE, 0, len) {
                Ok(()) => Ok(true),
                Err(Errno::OPNOTSUPP | Errno::NOSYS) => Ok(false),
                Err(error) => Err(error.into()),
            }
        })?;
        if !allocated {
            // A file system that cannot allocate ahead: writing what is there already does the same.
            let mut block = vec![0; 64 << 10];
            let mut at = 0;
            while at < len {
                let want = block.len().min((len - at) as usize);
                let count = self.read_at(at, &mut block[..want])?;
                block[count..want].fill(0);
                self.write_at(at, &block[..want])?;
                at += want as u64;
            }
        }
        Ok(())
    }

    /// Brings the data, and the length if it grew, to the disk.
    pub fn sync(&self) -> Result<()> {
        self.disk.call("sync", Call::Sync { path: &self.path }, || self.file.sync_data())
    }

    /// Maps the file into memory by `map`.
    pub fn mapped<T>(&self, map: impl FnOnce(&File) -> io::Result<T>) -> Result<T> {
        self.disk.call("map into memory", Call::Map { path: &self.path }, || map(&self.file))
    }

    /// Tells that bytes were stored through a mapping of the file.
    pub fn stored(&self, at: u64, data: &[u8]) {
        if let Some(tap) = &self.disk.tap {
            let call = Call::Store { path: &self.path, at, data };
            if tap.before(&call).is_ok() {
                tap.after(&call);
            }
        }
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The open file itself, to lock it.
    pub fn file(&self) -> &File {
        &self.file
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_tells_how_full_a_folder_is_and_nothing_of_one_that_is_not_there() {
        let (dir, disk) = (tempfile::tempdir().unwrap(), Disk::default());
        let share = disk.used_ratio(dir.path()).unwrap();
        assert!((0.0..=1.0).contains(&share), "{share}");
        let (total, free) = disk.capacity(dir.path()).unwrap();
        assert!(total > 0 && free <= total, "{free} of {total}");
        let gone = dir.path().join("x");
        assert_eq!((disk.used_ratio(&gone), disk.capacity(&gone)), (None, None));
        assert_eq!(disk.as_full_as(|_| Some(0.5)).used_ratio(&gone), Some(0.5));
    }
}
