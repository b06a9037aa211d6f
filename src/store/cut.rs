//! Cutting the end off the log of a store that nobody has open, for a slave that has what its master never had.
//!
//! What is cut off is kept in a file of its own, and is there for good before anything is taken away. Interrupted at any
//! moment it can be done again: the log then has all of it, or none.

use crate::{
    StoreConfig, StoreError,
    checkpoint::{Checkpoint, Marks},
    recovery::{cut_log, log_files},
    scan::{FoundFile, Scan},
    store_lock::StoreLock,
};
use base::Disk;
use std::path::{Path, PathBuf};

const CHUNK: usize = 1 << 20;

/// See [`crate::MessageStore::cut`].
pub(crate) fn cut(config: &StoreConfig, to: u64, aside: &Path) -> Result<Option<PathBuf>, StoreError> {
    config.check()?;
    let disk = &config.disk;
    let lock = StoreLock::take(disk, &config.root_dir)?;
    let mut files = log_files(config, lock.after_abort)?;
    let size = config.mapped_file_size_commit_log;
    let first = files.first().map_or(0, |file| file.start);
    let damaged = |what: String| Err(StoreError::Damaged { path: config.commit_log_path(), what });
    let checkpoint = Checkpoint::open(disk, config.checkpoint_path())?;
    let marks = checkpoint.marks();
    let synced = marks.map_or(0, |marks| marks.synced);
    let Some(file) = files.iter().rfind(|file| file.start <= to).cloned() else {
        return damaged(format!("the log cannot be cut at byte {to}: it begins at byte {first}"));
    };
    let (cut_at, end) = {
        // Damage in what was synced is stepped over, as a start does: behind it are good records.
        let scan = Scan { disk, files: &files, file_size: size, check_crc: true, synced };
        let mut whole = file.start;
        let stopped = scan.run((file.start, to), |record| {
            let end = record.at() + record.size();
            whole = if end <= to { end } else { whole };
            Ok(())
        })?;
        // Behind a filler the next file begins.
        let cut_at = if (whole..=to).contains(&stopped.offset) { stopped.offset } else { whole };
        (cut_at, scan.run((cut_at, u64::MAX), |_| Ok(()))?.offset)
    };
    if cut_at == first {
        return damaged(format!("the log cannot be cut at byte {to}: no record ends between byte {first} and there"));
    }
    if cut_at >= end {
        return Ok(None);
    }
    let kept = set_aside(disk, &files, (cut_at, end), aside)?;
    // From here on the next start has to look.
    lock.mark_in_use()?;
    if let Some(marks) = marks {
        let synced = synced.min(cut_at);
        checkpoint.mark(match marks.settled > cut_at {
            // Queues and index have all up to the cut, and more.
            true => Marks { settled: first, last_record: file.start, synced },
            // After a crash they may lack what comes before it: the next start has to look from there on.
            false => Marks { synced, ..marks },
        });
        checkpoint.save()?;
    }
    cut_log(config, &mut files, cut_at, true)?;
    Ok(Some(kept))
}

/// Copies a part of the log to a file in `aside` that is new, for good.
fn set_aside(disk: &Disk, files: &[FoundFile], (from, to): (u64, u64), aside: &Path) -> Result<PathBuf, StoreError> {
    disk.create_dirs_for_good(aside)?;
    let names = std::iter::once(format!("{from}-{to}.log")).chain((1..).map(|copy| format!("{from}-{to}-{copy}.log")));
    let path = names.map(|name| aside.join(name)).find(|path| !path.exists()).unwrap_or_default();
    let copy = disk.create(path.clone(), to - from)?;
    let mut buffer = vec![0; CHUNK];
    for (index, file) in files.iter().enumerate() {
        let file_end = files.get(index + 1).map_or(u64::MAX, |next| next.start).min(to);
        let mut at = from.max(file.start);
        let opened = disk.open(file.path.clone())?;
        while at < file_end {
            let want = buffer.len().min((file_end - at) as usize);
            let held = opened.read_at(at - file.start, &mut buffer[..want])?;
            if held == 0 {
                break;
            }
            copy.write_at(at - from, &buffer[..held])?;
            at += held as u64;
        }
    }
    copy.sync()?;
    disk.sync_dir(aside)?;
    Ok(path)
}
