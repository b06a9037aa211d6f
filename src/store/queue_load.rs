//! Finding the consume queues on disk at a start, and how far each is good.

use crate::{
    StoreError,
    disk::{self, DiskFile},
    queue_files::{ENTRY_LEN, QueueEntry, QueueSpace},
    queue_table::QueueTable,
};
use std::path::{Path, PathBuf};

/// Files at the end of a queue that are read entry by entry after a crash, as Apache does.
const CHECKED_FILES: usize = 3;

/// A queue as found on disk: the entries `first..end` are there.
#[derive(Debug)]
pub(crate) struct FoundQueue {
    topic: String,
    id: i32,
    first: i64,
    end: i64,
    /// Paths by first entry; without gaps.
    files: Vec<(i64, PathBuf)>,
    last: Option<QueueEntry>,
}

/// Every queue in the folder. `after_abort`: read the last files entry by entry, and mend a short last file.
pub(crate) fn find(space: &QueueSpace, after_abort: bool) -> Result<Vec<FoundQueue>, StoreError> {
    let mut found = Vec::new();
    for topic in disk::list(&space.dir)?.into_iter().filter(|topic| topic.is_dir) {
        for queue in disk::list(&topic.path)?.into_iter().filter(|queue| queue.is_dir) {
            let Some(id) = queue.name.parse().ok().filter(|id| *id >= 0) else { continue };
            let mut queue = FoundQueue {
                topic: topic.name.clone(),
                id,
                first: 0,
                end: 0,
                files: files_of(space, &queue.path, after_abort)?,
                last: None,
            };
            queue.find_end(space, after_abort)?;
            found.push(queue);
        }
    }
    Ok(found)
}

fn files_of(space: &QueueSpace, dir: &Path, after_abort: bool) -> Result<Vec<(i64, PathBuf)>, StoreError> {
    let mut files: Vec<(i64, PathBuf)> = Vec::new();
    let listed = disk::list(dir)?;
    let last = listed.len().saturating_sub(1);
    for (index, file) in listed.into_iter().enumerate() {
        let offset = file.name.parse::<u64>().ok().filter(|_| file.name.len() == 20 && !file.is_dir);
        let Some(offset) = offset else { continue };
        let damaged = |what: String| Err(StoreError::Damaged { path: file.path.clone(), what });
        let being_made = after_abort && index == last && file.len < space.file_bytes();
        if file.len != space.file_bytes() && !being_made {
            return damaged(format!(
                "has {} bytes instead of {}: set mappedFileSizeConsumeQueue to what it was when the store was \
                 written, or remove the folder of all queues to have them built anew",
                file.len,
                space.file_bytes()
            ));
        }
        let first = (offset / ENTRY_LEN as u64) as i64;
        let expected = files.last().map_or(first, |(before, _)| before + space.per_file);
        if offset % space.file_bytes() != 0 || first != expected {
            return damaged("its name does not follow from the file before it and mappedFileSizeConsumeQueue".into());
        }
        files.push((first, file.path));
    }
    Ok(files)
}

impl FoundQueue {
    fn find_end(&mut self, space: &QueueSpace, after_abort: bool) -> Result<(), StoreError> {
        self.first = self.files.first().map_or(0, |(first, _)| *first);
        self.end = self.first;
        let from = if after_abort { self.files.len().saturating_sub(CHECKED_FILES) } else { 0 };
        let checked: Vec<_> = self.files[from..].to_vec();
        if after_abort {
            // Whatever comes first that is no entry, or does not follow the one before, is the end.
            let mut before = 0;
            'all: for (first, path) in checked {
                let file = DiskFile::open(path)?;
                let mut chunk = vec![0; (64 << 10) / ENTRY_LEN * ENTRY_LEN];
                self.end = first;
                let mut at = 0;
                while at < space.file_bytes() {
                    let count = file.read_at(at, &mut chunk)?;
                    for bytes in chunk[..count].chunks_exact(ENTRY_LEN) {
                        match QueueEntry::decode(bytes) {
                            Some(entry) if entry.physical_offset >= before => before = entry.physical_end(),
                            _ => break 'all,
                        }
                        self.end += 1;
                    }
                    at += chunk.len() as u64;
                }
            }
        } else {
            // Entries are a row without gaps: the end is found by halving, in the last file that has any.
            for (first, path) in checked.into_iter().rev() {
                let file = DiskFile::open(path)?;
                let (mut low, mut high) = (0, space.per_file);
                while low < high {
                    let middle = low + (high - low) / 2;
                    match entry_in(&file, middle)? {
                        Some(_) => low = middle + 1,
                        None => high = middle,
                    }
                }
                self.end = first + low;
                if low > 0 {
                    break;
                }
            }
        }
        self.last = self.entry(space, self.end - 1)?;
        Ok(())
    }

    fn entry(&self, space: &QueueSpace, at: i64) -> Result<Option<QueueEntry>, StoreError> {
        let file = self.files.iter().find(|(first, _)| (*first..first + space.per_file).contains(&at));
        match file {
            Some((first, path)) => entry_in(&DiskFile::open(path.clone())?, at - first),
            None => Ok(None),
        }
    }

    /// Where the record of the last entry starts; `None` if there is none.
    pub fn last_physical(&self) -> Option<i64> {
        self.last.filter(|last| *last != QueueEntry::BLANK).map(|last| last.physical_offset)
    }

    /// Drops the entries whose records end behind `log_end`, from the files too.
    pub fn cut(&mut self, space: &QueueSpace, log_end: i64, wipe_tail: bool) -> Result<(), StoreError> {
        let stated = self.end;
        if self.last.is_some_and(|last| last.physical_end() > log_end) {
            let mut low = self.first;
            while low < self.end {
                let middle = low + (self.end - low) / 2;
                match self.entry(space, middle)? {
                    Some(entry) if entry.physical_end() <= log_end => low = middle + 1,
                    _ => self.end = middle,
                }
            }
            self.last = self.entry(space, self.end - 1)?;
        }
        if self.end == stated && !wipe_tail {
            return Ok(());
        }
        if self.end != stated {
            tracing::warn!(
                topic = self.topic,
                queue = self.id,
                from = stated,
                to = self.end,
                "consume queue cut: the log ends before its last entries"
            );
        }
        while let Some((first, path)) = self.files.last().filter(|(first, _)| *first >= self.end.max(self.first + 1)) {
            tracing::debug!(first, "removing an empty consume queue file");
            disk::remove_file(path)?;
            self.files.pop();
        }
        if let Some((first, path)) = self.files.last() {
            let file = DiskFile::open(path.clone())?;
            file.set_len((self.end - first) as u64 * ENTRY_LEN as u64)?;
            file.set_len(space.file_bytes())?;
        }
        Ok(())
    }

    /// Puts the queue in the table.
    pub fn put_in(self, table: &QueueTable) {
        let physical_end = self.last.map_or(0, |last| last.physical_end());
        table.put(&self.topic, self.id, self.first, self.end, physical_end);
    }
}

fn entry_in(file: &DiskFile, index: i64) -> Result<Option<QueueEntry>, StoreError> {
    let mut bytes = [0; ENTRY_LEN];
    let count = file.read_at(index as u64 * ENTRY_LEN as u64, &mut bytes)?;
    Ok(QueueEntry::decode(&bytes[..count]))
}
