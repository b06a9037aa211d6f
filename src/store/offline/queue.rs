//! The consume queues as they lie on disk, whatever is wrong with them, and reading one in order, in pieces.

use super::{disk, usual_size};
use crate::{
    StoreError,
    queue_files::{ENTRY_LEN, QueueEntry, QueueSpace},
};
use base::disk::Listed;
use std::path::{Path, PathBuf};

/// Memory that the pieces of all queues take together.
const MEMORY: usize = 48 << 20;

/// A file of a queue.
#[derive(Clone, Debug)]
pub(super) struct QueuePart {
    /// Its first entry.
    pub first: i64,
    pub len: u64,
    pub path: PathBuf,
}

/// A queue as found. Its entries are `first..end`; between them there may be holes.
#[derive(Clone, Debug)]
pub(super) struct Queue {
    pub topic: String,
    pub id: i32,
    pub dir: PathBuf,
    pub first: i64,
    pub end: i64,
    pub parts: Vec<QueuePart>,
    /// Files that do not belong there, and what is wrong with them.
    pub strangers: Vec<(PathBuf, &'static str)>,
}

fn dirs(dir: &Path) -> Result<impl Iterator<Item = Listed>, StoreError> {
    Ok(disk().list(dir)?.into_iter().filter(|listed| listed.is_dir))
}

fn queue_dirs(dir: &Path) -> Result<Vec<(String, i32, PathBuf)>, StoreError> {
    let mut found = Vec::new();
    for topic in dirs(dir)? {
        for queue in dirs(&topic.path)? {
            if let Some(id) = queue.name.parse().ok().filter(|id: &i32| *id >= 0 && id.to_string() == queue.name) {
                found.push((topic.name.clone(), id, queue.path));
            }
        }
    }
    found.sort();
    Ok(found)
}

/// The size of the queues' files; `None` if there is none.
pub(super) fn file_size(dir: &Path) -> Result<Option<u64>, StoreError> {
    let mut sizes = Vec::new();
    for (_, _, queue) in queue_dirs(dir)? {
        sizes.extend(disk().list(&queue)?.into_iter().filter(|file| file.name.len() == 20).map(|file| file.len));
    }
    Ok(usual_size(sizes.into_iter()))
}

/// Every queue, by topic and id.
pub(super) fn find(space: &QueueSpace) -> Result<Vec<Queue>, StoreError> {
    let queues = queue_dirs(&space.dir)?;
    queues.into_iter().map(|(topic, id, dir)| Queue::find(space, topic, id, dir)).collect()
}

impl Queue {
    fn find(space: &QueueSpace, topic: String, id: i32, dir: PathBuf) -> Result<Self, StoreError> {
        let (mut parts, mut strangers): (Vec<QueuePart>, _) = (Vec::new(), Vec::new());
        for file in disk().list(&dir)? {
            let offset = file.name.parse::<u64>().ok().filter(|_| file.name.len() == 20 && !file.is_dir);
            match offset {
                Some(offset) if offset.is_multiple_of(space.file_bytes()) && offset <= i64::MAX as u64 => {
                    let first = (offset / ENTRY_LEN as u64) as i64;
                    parts.push(QueuePart { first, len: file.len, path: file.path });
                }
                Some(_) => strangers.push((file.path, "its name is no multiple of the size of the queues' files")),
                None => strangers.push((file.path, "it is no file of a queue")),
            }
        }
        let first = parts.first().map_or(0, |part| part.first);
        let mut queue = Self { topic, id, dir, first, end: first, parts, strangers };
        for part in queue.parts.iter().rev() {
            if let Some(end) = last_entry(part)? {
                queue.end = end;
                break;
            }
        }
        Ok(queue)
    }

    /// The file that holds entry `at`.
    pub fn part_at(&self, at: i64, per_file: i64) -> Option<&QueuePart> {
        let index = self.parts.partition_point(|part| part.first <= at).checked_sub(1)?;
        self.parts.get(index).filter(|part| at < part.first + per_file)
    }

    /// The path to name when something is wrong with entry `at`, and where in that file it is.
    pub fn place(&self, at: i64, per_file: i64) -> (PathBuf, Option<u64>) {
        match self.part_at(at, per_file) {
            Some(part) => (part.path.clone(), Some((at - part.first) as u64 * ENTRY_LEN as u64)),
            None => (self.dir.clone(), None),
        }
    }
}

/// Behind the last entry of the file that is not empty; `None` if all are.
fn last_entry(part: &QueuePart) -> Result<Option<i64>, StoreError> {
    let Some(file) = disk().open_to_read(part.path.clone())? else { return Ok(None) };
    let mut buffer = vec![0; 3277 * ENTRY_LEN];
    let mut to = file.size()? / ENTRY_LEN as u64;
    while to > 0 {
        let from = to.saturating_sub((buffer.len() / ENTRY_LEN) as u64);
        // Most of a file is a hole until it is full.
        let in_hole = file.data_from(from * ENTRY_LEN as u64).is_none_or(|data| data >= to * ENTRY_LEN as u64);
        let wanted = if in_hole { 0 } else { (to - from) as usize * ENTRY_LEN };
        let count = file.read_at(from * ENTRY_LEN as u64, &mut buffer[..wanted])?;
        if let Some(last) = buffer[..count].chunks_exact(ENTRY_LEN).rposition(|entry| *entry != [0; ENTRY_LEN]) {
            return Ok(Some(part.first + from as i64 + last as i64 + 1));
        }
        to = from;
    }
    Ok(None)
}

/// The entries of a queue, with a piece of them in memory.
#[derive(Debug)]
pub(super) struct QueueReader {
    pub queue: Queue,
    per_file: i64,
    /// Entries of a piece.
    piece: usize,
    bytes: Vec<u8>,
    /// The first entry of `bytes`.
    from: i64,
}

impl QueueReader {
    /// `among` queues share the memory.
    pub fn new(queue: Queue, per_file: i64, among: usize) -> Self {
        let piece = (MEMORY / ENTRY_LEN / among.max(1)).clamp(32, 8192);
        let from = queue.first;
        Self { queue, per_file, piece, bytes: Vec::new(), from }
    }

    /// Entry `at`; `None` if it is empty, makes no sense, or does not exist.
    pub fn get(&mut self, at: i64) -> Result<Option<QueueEntry>, StoreError> {
        if at < self.queue.first || at >= self.queue.end {
            return Ok(None);
        }
        let held = (self.bytes.len() / ENTRY_LEN) as i64;
        if at < self.from || at >= self.from + held {
            self.load(at)?;
        }
        let index = (at - self.from) as usize * ENTRY_LEN;
        Ok(self.bytes.get(index..index + ENTRY_LEN).and_then(QueueEntry::decode))
    }

    fn load(&mut self, at: i64) -> Result<(), StoreError> {
        self.from = at;
        self.bytes.clear();
        let Some(part) = self.queue.part_at(at, self.per_file) else { return Ok(()) };
        let Some(file) = disk().open_to_read(part.path.clone())? else { return Ok(()) };
        let count = (part.first + self.per_file - at).min(self.queue.end - at).clamp(0, self.piece as i64);
        self.bytes.resize(count as usize * ENTRY_LEN, 0);
        let read = file.read_at((at - part.first) as u64 * ENTRY_LEN as u64, &mut self.bytes)?;
        self.bytes.truncate(read / ENTRY_LEN * ENTRY_LEN);
        Ok(())
    }

    /// The path to name when something is wrong with entry `at`, and where in that file it is.
    pub fn place(&self, at: i64) -> (PathBuf, Option<u64>) {
        self.queue.place(at, self.per_file)
    }
}
