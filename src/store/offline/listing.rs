//! What files a store has, what range each covers, and how full it is. Reads little of them, however large they are.

use super::{
    Offline, disk, index,
    log::Log,
    queue::{self, Queue, QueueReader},
    tables, walk,
};
use crate::{
    StoreError,
    queue_files::{ENTRY_LEN, QueueEntry},
};
use std::path::PathBuf;

/// A file of the log or of the index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileRow {
    /// Where it is.
    pub path: PathBuf,
    /// First offset in the log that it covers; `None` if it holds nothing.
    pub from: Option<u64>,
    /// The log: behind the last byte written. The index: the record of its last entry.
    pub to: Option<u64>,
    /// Bytes it has.
    pub size: u64,
    /// Bytes of them that something is written in.
    pub used: u64,
    /// Bytes it takes on the disk.
    pub allocated: u64,
    /// The index: how many entries it has.
    pub entries: Option<u64>,
    /// When its first record was stored, ms.
    pub first_ms: Option<i64>,
    /// When its last record was stored, ms.
    pub last_ms: Option<i64>,
}

/// A consume queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueRow {
    /// Its folder.
    pub path: PathBuf,
    /// Its topic.
    pub topic: String,
    /// Its number in the topic.
    pub id: i32,
    /// Offset of the first message that the log still has.
    pub min: i64,
    /// Offset behind the last message.
    pub end: i64,
    /// How many files it has.
    pub files: usize,
    /// Bytes they have.
    pub size: u64,
    /// Bytes of them that entries are written in.
    pub used: u64,
    /// Bytes they take on the disk.
    pub allocated: u64,
    /// When the first message was stored, ms.
    pub first_ms: Option<i64>,
    /// When the last message was stored, ms.
    pub last_ms: Option<i64>,
}

/// The times of the checkpoint, ms; 0 if nothing is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckpointTimes {
    /// The file.
    pub path: PathBuf,
    /// Until when the log is on the disk.
    pub log_ms: i64,
    /// Until when the queues are.
    pub queues_ms: i64,
    /// Until when the index is.
    pub index_ms: i64,
}

/// A small file of the folder `config`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableRow {
    /// Where it is.
    pub path: PathBuf,
    /// Bytes it has.
    pub size: u64,
    /// Why it cannot be read, if it is a table that cannot be read.
    pub unreadable: Option<String>,
}

/// Everything a store directory holds.
#[derive(Clone, Debug)]
pub struct Listing {
    /// Files of the log, first to last.
    pub log: Vec<FileRow>,
    /// Consume queues, by topic and number.
    pub queues: Vec<QueueRow>,
    /// Files of the index, oldest first.
    pub index: Vec<FileRow>,
    /// `None` if there is none.
    pub checkpoint: Option<CheckpointTimes>,
    /// Files of the folder `config`.
    pub tables: Vec<TableRow>,
}

impl Offline {
    /// Lists the files.
    ///
    /// # Errors
    /// What the system says.
    pub fn list(&self) -> Result<Listing, StoreError> {
        let log = self.log()?;
        let space = self.queue_space();
        let log_rows = log.parts.iter().map(|part| {
            let ends = walk::ends_of(part, log.file_size)?;
            Ok(FileRow {
                path: part.path.clone(),
                from: Some(part.start),
                to: Some(ends.used_to),
                size: part.len,
                used: ends.used_to - part.start,
                allocated: disk().allocated(&part.path)?,
                entries: None,
                first_ms: ends.first_ms,
                last_ms: ends.last_ms,
            })
        });
        let log_rows = log_rows.collect::<Result<_, StoreError>>()?;
        let queues = queue::find(&space)?.into_iter().map(|queue| queue_row(queue, space.per_file, &log));
        let queues = queues.collect::<Result<_, StoreError>>()?;
        let checkpoint = tables::checkpoint(&self.config)?.map(|(times, _)| CheckpointTimes {
            path: self.config.checkpoint_path(),
            log_ms: times.log_ms,
            queues_ms: times.queues_ms,
            index_ms: times.index_ms,
        });
        Ok(Listing { log: log_rows, queues, index: self.index_rows()?, checkpoint, tables: self.table_rows()? })
    }

    fn index_rows(&self) -> Result<Vec<FileRow>, StoreError> {
        let head = index::geometry(&self.config).file_len() - u64::from(self.config.max_index_num) * ENTRY_LEN as u64;
        let rows = index::find(&self.config)?.into_iter().map(|part| {
            let header = part.header;
            let entries = header.next.saturating_sub(1);
            let filled = entries > 0;
            Ok(FileRow {
                from: u64::try_from(header.begin_physical).ok().filter(|_| filled),
                to: u64::try_from(header.end_physical).ok().filter(|_| filled),
                size: part.len,
                used: (head + u64::from(header.next) * ENTRY_LEN as u64).min(part.len),
                allocated: disk().allocated(&part.path)?,
                entries: Some(entries.into()),
                first_ms: filled.then_some(header.begin_ms),
                last_ms: filled.then_some(header.end_ms),
                path: part.path,
            })
        });
        rows.collect()
    }

    fn table_rows(&self) -> Result<Vec<TableRow>, StoreError> {
        let files = disk().list(&self.config.root_dir.join("config"))?.into_iter().filter(|file| !file.is_dir);
        let rows = files.map(|file| {
            let is_table = file.name.ends_with(".json") || file.name.ends_with(".json.bak");
            let parsed = if is_table { tables::parse(&file.path)? } else { None };
            let unreadable = parsed.and_then(Result::err);
            Ok(TableRow { path: file.path, size: file.len, unreadable })
        });
        rows.collect()
    }
}

fn queue_row(queue: Queue, per_file: i64, log: &Log) -> Result<QueueRow, StoreError> {
    let size = queue.parts.iter().map(|part| part.len).sum();
    let mut allocated = 0;
    for part in &queue.parts {
        allocated += disk().allocated(&part.path)?;
    }
    let (first, end, files) = (queue.first, queue.end, queue.parts.len());
    let (path, topic, id) = (queue.dir.clone(), queue.topic.clone(), queue.id);
    // One entry at a time, all over the queue.
    let mut reader = QueueReader::new(queue, per_file, usize::MAX);
    let (mut min, mut high) = (first, end);
    while min < high {
        let middle = min + (high - min) / 2;
        let stored = |entry: QueueEntry| entry != QueueEntry::BLANK && entry.physical_end() > log.min() as i64;
        match reader.get(middle)?.is_some_and(stored) {
            true => high = middle,
            false => min = middle + 1,
        }
    }
    let mut stored_ms = |at: i64| match reader.get(at)? {
        Some(entry) => log.store_ms_at(entry.physical_offset as u64),
        None => Ok(None),
    };
    let (first_ms, last_ms) = (stored_ms(min)?, stored_ms(end - 1)?);
    let used = (end - first) as u64 * ENTRY_LEN as u64;
    Ok(QueueRow { path, topic, id, min, end, files, size, used, allocated, first_ms, last_ms })
}
