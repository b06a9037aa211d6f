//! Small files that are replaced as a whole: the old content or the new, never neither.
//!
//! `write`: temporary file → fsync → keep the old content as `NAME.bak` → rename → fsync of the folder.
//! `read`: the file itself, or its `.bak` when the file is missing, empty or not accepted by the caller.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// Replaces the content of `path`, creating its folder if needed. Nothing happens if it already holds `content`.
pub fn write(path: &Path, content: &[u8]) -> io::Result<()> {
    if fs::read(path).is_ok_and(|old| old == content) {
        return Ok(());
    }
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let temporary = beside(path, ".tmp");
    let mut file = File::create(&temporary)?;
    file.write_all(content)?;
    file.sync_all()?;
    if path.exists() {
        // A hard link, then a rename: the old content has a name at every moment.
        let (backup, backup_new) = (beside(path, ".bak"), beside(path, ".bak.tmp"));
        let _ = fs::remove_file(&backup_new);
        match fs::hard_link(path, &backup_new) {
            Ok(()) => fs::rename(&backup_new, &backup)?,
            // File systems without hard links: a copy does, since `path` itself stays in place.
            Err(_) => {
                fs::copy(path, &backup_new)?;
                File::open(&backup_new)?.sync_all()?;
                fs::rename(&backup_new, &backup)?;
            }
        }
    }
    fs::rename(&temporary, path)?;
    File::open(folder)?.sync_all()
}

/// The first content that `accept` takes: the file's, else its `.bak`'s; `None` if neither exists.
///
/// # Errors
/// The error of the file itself, when it exists but cannot be read or accepted and the `.bak` is no better.
pub fn read<T>(path: &Path, accept: impl Fn(&[u8]) -> io::Result<T>) -> io::Result<Option<T>> {
    let load = |path: &Path| fs::read(path).and_then(|content| accept(&content));
    let first = match load(path) {
        Ok(value) => return Ok(Some(value)),
        Err(error) => error,
    };
    match load(&beside(path, ".bak")) {
        Ok(value) => Ok(Some(value)),
        Err(second) if first.kind() == io::ErrorKind::NotFound && second.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(second) if first.kind() == io::ErrorKind::NotFound => Err(second),
        Err(_) => Err(first),
    }
}
