//! Every call the store makes to the file system, and nothing else: one place to count, record or fail them.
//!
//! The mapping of files into memory is next door, in `mapped_file.rs`.

use crate::StoreError;
use std::{
    fs::{self, File, OpenOptions},
    io::{self, ErrorKind},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};

/// An open file that remembers its path, so that its errors can name it.
#[derive(Debug)]
pub(crate) struct DiskFile {
    file: File,
    path: PathBuf,
}

fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> StoreError {
    move |source| StoreError::Io { action, path: path.to_owned(), source }
}

impl DiskFile {
    /// Makes a sparse file of `len` zero bytes, or brings the file that is there to that length.
    pub fn create(path: PathBuf, len: u64) -> Result<Self, StoreError> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(failed("create", &path))?;
        let file = Self { file, path };
        file.set_len(len)?;
        Ok(file)
    }

    /// Opens a file for reading and writing.
    pub fn open(path: PathBuf) -> Result<Self, StoreError> {
        let file = OpenOptions::new().read(true).write(true).open(&path).map_err(failed("open", &path))?;
        Ok(Self { file, path })
    }

    /// As [`DiskFile::open`]; `None` if there is no such file.
    pub fn open_if_there(path: PathBuf) -> Result<Option<Self>, StoreError> {
        match Self::open(path) {
            Ok(file) => Ok(Some(file)),
            Err(StoreError::Io { source, .. }) if source.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub fn set_len(&self, len: u64) -> Result<(), StoreError> {
        self.file.set_len(len).map_err(failed("set the length of", &self.path))
    }

    pub fn write_at(&self, at: u64, data: &[u8]) -> Result<(), StoreError> {
        self.file.write_all_at(data, at).map_err(failed("write", &self.path))
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

    /// Makes sure the first `len` bytes have blocks on disk, so that storing into a mapping of them cannot fail.
    pub fn allocate(&self, len: u64) -> Result<(), StoreError> {
        use rustix::{fs::FallocateFlags, io::Errno};
        match rustix::fs::fallocate(&self.file, FallocateFlags::KEEP_SIZE, 0, len) {
            Ok(()) => Ok(()),
            Err(Errno::OPNOTSUPP | Errno::NOSYS) => {
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
                Ok(())
            }
            Err(error) => Err(failed("allocate blocks for", &self.path)(error.into())),
        }
    }

    /// Brings the data, and the length if it grew, to the disk.
    pub fn sync(&self) -> Result<(), StoreError> {
        self.file.sync_data().map_err(failed("sync", &self.path))
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn file(&self) -> &File {
        &self.file
    }
}

/// A file or folder in a listing.
pub(crate) struct Listed {
    pub name: String,
    pub path: PathBuf,
    /// Bytes of a file.
    pub len: u64,
    pub is_dir: bool,
}

/// What lies in a folder, by name; nothing if it is not there. Names that are no UTF-8 are left out.
pub(crate) fn list(dir: &Path) -> Result<Vec<Listed>, StoreError> {
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed("list", dir)(error)),
    };
    let mut listed = Vec::new();
    for entry in entries {
        let entry = entry.map_err(failed("list", dir))?;
        let path = entry.path();
        let Ok(name) = entry.file_name().into_string() else { continue };
        // The listing itself tells folders from files; only a file's length needs a second question.
        let (is_dir, len) = match entry.file_type() {
            Ok(kind) if kind.is_dir() => (true, 0),
            _ => fs::metadata(&path).map(|it| (it.is_dir(), it.len())).map_err(failed("examine", &path))?,
        };
        listed.push(Listed { name, path, len, is_dir });
    }
    listed.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(listed)
}

pub(crate) fn create_dirs(dir: &Path) -> Result<(), StoreError> {
    fs::create_dir_all(dir).map_err(failed("create the folder", dir))
}

/// Removes a file; that it is gone already is no error.
pub(crate) fn remove_file(path: &Path) -> Result<(), StoreError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(failed("remove", path)(error)),
        _ => Ok(()),
    }
}

/// Removes a folder with all it holds; that it is gone already is no error.
pub(crate) fn remove_dirs(dir: &Path) -> Result<(), StoreError> {
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(failed("remove", dir)(error)),
        _ => Ok(()),
    }
}

/// Makes the names in a folder durable.
pub(crate) fn sync_dir(dir: &Path) -> Result<(), StoreError> {
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(failed("sync the folder", dir))
}

/// Brings everything on the folder's file system to the disk: one call where there would be thousands.
pub(crate) fn sync_file_system(dir: &Path) -> Result<(), StoreError> {
    let sync = |dir| -> io::Result<()> { Ok(rustix::fs::syncfs(File::open(dir)?)?) };
    sync(dir).map_err(failed("sync the file system of", dir))
}

/// The content of a small file; `None` if there is none.
pub(crate) fn read_small(path: &Path) -> Result<Option<Vec<u8>>, StoreError> {
    match fs::read(path) {
        Ok(content) => Ok(Some(content)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed("read", path)(error)),
    }
}

/// Writes a small file whose content nobody depends on.
pub(crate) fn write_small(path: &Path, content: &[u8]) -> Result<(), StoreError> {
    fs::write(path, content).map_err(failed("write", path))
}

/// When a file was last written, ms since 1970.
pub(crate) fn modified_ms(path: &Path) -> Result<i64, StoreError> {
    let modified = fs::metadata(path).and_then(|metadata| metadata.modified()).map_err(failed("examine", path))?;
    Ok(modified.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64))
}

/// Share of the folder's file system that is used, 0 to 1, rounded up to whole per cents; `None` if it cannot be read.
pub(crate) fn used_ratio(dir: &Path) -> Option<f64> {
    let stat = rustix::fs::statvfs(dir).ok()?;
    let used = stat.f_blocks.checked_sub(stat.f_bfree)?;
    let usable = used + stat.f_bavail;
    (usable > 0).then(|| (used * 100).div_ceil(usable) as f64 / 100.0)
}
