//! Finding the consume queues on disk at a start, and how far each is good.

use crate::{
    StoreError,
    deleted::Deleted,
    queue_files::{ENTRY_LEN, QueueEntry, QueueSpace},
    queue_table::QueueTable,
};
use base::disk::DiskFile;
use std::{
    path::{Path, PathBuf},
    sync::atomic::Ordering,
};

/// Files at the end of a queue that are read entry by entry after a crash, as Apache does.
const CHECKED_FILES: usize = 3;
/// Bytes read of a file at first, and then.
const FIRST_LOOK: usize = 200 * ENTRY_LEN;
const LATER_LOOK: usize = 4000 * ENTRY_LEN;

/// Paths of a queue's files by the first entry of each.
type QueueFilesFound = Vec<(i64, PathBuf)>;

/// A queue as found on disk: the entries `first..end` are there.
#[derive(Debug)]
pub(crate) struct FoundQueue {
    topic: String,
    id: i32,
    first: i64,
    end: i64,
    /// Paths by first entry; without gaps.
    files: QueueFilesFound,
    first_entry: Option<QueueEntry>,
    last: Option<QueueEntry>,
    /// Why its files are of no use: they do not follow each other, or have other sizes than they should.
    broken: Option<String>,
}

/// Every queue in the folder. `after_abort`: read the last files entry by entry, and accept a last one
/// that is short.
pub(crate) fn find(space: &QueueSpace, after_abort: bool) -> Result<Vec<FoundQueue>, StoreError> {
    let mut found = Vec::new();
    for topic in space.disk.list(&space.dir)?.into_iter().filter(|topic| topic.is_dir) {
        for queue in space.disk.list(&topic.path)?.into_iter().filter(|queue| queue.is_dir) {
            let Some(id) = queue.name.parse().ok().filter(|id| *id >= 0) else { continue };
            let (files, broken) = files_of(space, &queue.path, after_abort)?;
            let (topic, first_entry, last) = (topic.name.clone(), None, None);
            let mut queue = FoundQueue { topic, id, first: 0, end: 0, files, first_entry, last, broken };
            if queue.broken.is_none() {
                queue.find_end(space, after_abort)?;
            }
            found.push(queue);
        }
    }
    Ok(found)
}

/// The files of a queue, and what is wrong with them.
fn files_of(
    space: &QueueSpace,
    dir: &Path,
    after_abort: bool,
) -> Result<(QueueFilesFound, Option<String>), StoreError> {
    let mut files = QueueFilesFound::new();
    let mut broken = None;
    let mut listed = space.disk.list(dir)?;
    listed.retain(|file| !file.is_dir && file.name.len() == 20 && file.name.bytes().all(|byte| byte.is_ascii_digit()));
    let last = listed.len().saturating_sub(1);
    for (index, file) in listed.into_iter().enumerate() {
        let offset = file.name.parse::<u64>().unwrap_or(u64::MAX).min(i64::MAX as u64);
        let being_made = after_abort && index == last && file.len < space.file_bytes();
        if file.len != space.file_bytes() && !being_made {
            broken = Some(format!("{} has {} bytes instead of {}", file.name, file.len, space.file_bytes()));
        }
        let first = (offset / ENTRY_LEN as u64) as i64;
        let expected = files.last().map_or(first, |(before, _)| before + space.per_file);
        if offset % space.file_bytes() != 0 || first != expected {
            broken =
                Some(format!("{} does not follow from the file before it and mappedFileSizeConsumeQueue", file.name));
        }
        files.push((first, file.path));
    }
    Ok((files, broken))
}

impl FoundQueue {
    fn find_end(&mut self, space: &QueueSpace, after_abort: bool) -> Result<(), StoreError> {
        self.first = self.files.first().map_or(0, |(first, _)| *first);
        self.end = self.first;
        if after_abort {
            self.find_end_by_reading(space)?;
        } else {
            self.find_end_by_halving(space)?;
        }
        if self.last.is_none() {
            self.last = self.entry(space, self.end - 1)?;
        }
        if self.first_entry.is_none() {
            self.first_entry = self.entry(space, self.first)?;
        }
        Ok(())
    }

    /// Whatever comes first that is no entry, or does not follow the one before, is the end.
    fn find_end_by_reading(&mut self, space: &QueueSpace) -> Result<(), StoreError> {
        let mut before = 0;
        let mut chunk = vec![0; FIRST_LOOK];
        for (first, path) in &self.files[self.files.len().saturating_sub(CHECKED_FILES)..] {
            let file = space.disk.open(path.clone())?;
            self.end = *first;
            while self.end < first + space.per_file {
                let count = file.read_at((self.end - first) as u64 * ENTRY_LEN as u64, &mut chunk)?;
                for bytes in chunk[..count].chunks_exact(ENTRY_LEN) {
                    let follows = |entry: &QueueEntry| entry.physical_offset >= before;
                    let Some(entry) = QueueEntry::decode(bytes).filter(follows) else { return Ok(()) };
                    before = entry.physical_end();
                    self.last = Some(entry);
                    if self.end == self.first {
                        self.first_entry = Some(entry);
                    }
                    self.end += 1;
                }
                if count < chunk.len() {
                    break;
                }
                chunk.resize(LATER_LOOK, 0);
            }
        }
        Ok(())
    }

    /// Entries are a row without gaps, so halving finds the end, in the last file that has any.
    fn find_end_by_halving(&mut self, space: &QueueSpace) -> Result<(), StoreError> {
        for (first, path) in self.files.iter().rev() {
            let file = space.disk.open(path.clone())?;
            // Most queues are short, and one read tells all about them.
            let mut look = [0; FIRST_LOOK];
            let count = file.read_at(0, &mut look)?;
            let mut entries = look[..count].chunks_exact(ENTRY_LEN).map_while(QueueEntry::decode);
            let first_entry = entries.next();
            let mut low = first_entry.map_or(0, |_| 1 + entries.count() as i64);
            let mut high = if low < (FIRST_LOOK / ENTRY_LEN) as i64 { low } else { space.per_file };
            while low < high {
                let middle = low + (high - low) / 2;
                match entry_in(&file, middle)? {
                    Some(_) => low = middle + 1,
                    None => high = middle,
                }
            }
            self.end = first + low;
            if *first == self.first {
                self.first_entry = first_entry;
            }
            if low > 0 {
                self.last = entry_in(&file, low - 1)?;
                break;
            }
        }
        Ok(())
    }

    fn entry(&self, space: &QueueSpace, at: i64) -> Result<Option<QueueEntry>, StoreError> {
        let file = self.files.iter().find(|(first, _)| (*first..first + space.per_file).contains(&at));
        match file {
            Some((first, path)) => entry_in(&space.disk.open(path.clone())?, at - first),
            None => Ok(None),
        }
    }

    /// Whether all that the queue leads to was stored before its topic was deleted.
    pub fn is_deleted(&self, deleted: &Deleted) -> bool {
        self.last_physical().is_some_and(|last| deleted.covers(&self.topic, last as u64))
    }

    /// Takes the files of a deleted topic away.
    pub fn remove(&self, space: &QueueSpace) -> Result<(), StoreError> {
        space.changed.store(true, Ordering::Relaxed);
        Ok(space.disk.remove_dirs(&space.queue_dir(&self.topic, self.id))?)
    }

    /// Where the record of the last entry starts; `None` if there is none.
    pub fn last_physical(&self) -> Option<i64> {
        self.last.filter(|last| *last != QueueEntry::BLANK).map(|last| last.physical_offset)
    }

    /// Whether the queue must be built anew from the log.
    pub fn is_broken(&self) -> bool {
        self.broken.is_some()
    }

    /// Takes a queue's useless files away. Returns its topic, its id, and the offset it goes on at if the log has none of
    /// its messages any more; `None` if its files are good.
    pub fn remove_broken(&self, space: &QueueSpace) -> Result<Option<(String, i32, i64)>, StoreError> {
        let Some(why) = &self.broken else { return Ok(None) };
        tracing::warn!(topic = self.topic, queue = self.id, why, "consume queue is built anew from the log");
        space.changed.store(true, Ordering::Relaxed);
        space.disk.remove_dirs(&space.queue_dir(&self.topic, self.id))?;
        Ok(Some((self.topic.clone(), self.id, self.files.last().map_or(0, |(first, _)| *first))))
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
            space.changed.store(true, Ordering::Relaxed);
            space.disk.remove_file(path)?;
            self.files.pop();
        }
        if let Some((first, path)) = self.files.last() {
            let file = space.disk.open(path.clone())?;
            // A clean stop is to sync this too.
            space.changed.store(true, Ordering::Relaxed);
            file.set_len((self.end - first) as u64 * ENTRY_LEN as u64)?;
            file.set_len(space.file_bytes())?;
        }
        Ok(())
    }

    /// Puts the queue in the table, from its first entry whose record is at or behind `log_min`.
    pub fn put_in(self, table: &QueueTable, log_min: i64) {
        let physical_end = self.last.map_or(0, |last| last.physical_end());
        let queue = table.put(&self.topic, self.id, self.first, self.end, physical_end);
        if self.first_entry.is_none_or(|first| first.physical_end() <= log_min)
            && let Err(error) = queue.correct_min(log_min)
        {
            tracing::warn!(topic = self.topic, queue = self.id, %error, "first message not found: trying again later");
        }
    }
}

fn entry_in(file: &DiskFile, index: i64) -> Result<Option<QueueEntry>, StoreError> {
    let mut bytes = [0; ENTRY_LEN];
    let count = file.read_at(index as u64 * ENTRY_LEN as u64, &mut bytes)?;
    Ok(QueueEntry::decode(&bytes[..count]))
}
