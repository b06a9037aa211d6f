//! Consume queues: a folder per topic, in it one per queue id, in it files of 20-byte entries.
//!
//! ```text
//! offset  size  field of an entry (big endian)
//!      0     8  physical offset of the record
//!      8     4  size of the record; 0: nothing was written here
//!     12     8  hash of its tag, or the time a delayed message is due
//! ```
//! A file is named by the byte offset of its first entry. Where a queue starts in the middle of a file, what is before is
//! filled with (0, 2147483647, 0). Source: `ConsumeQueue` of Apache RocketMQ 4.9.8.

use super::{
    QueueName, Trouble,
    files::{i32_at, i64_at, list, list_by_offset, read_if_there},
};
use std::{collections::BTreeMap, path::Path};

const ENTRY_LEN: usize = 20;
const FILLER: QueueEntry = QueueEntry { physical_offset: 0, size: i32::MAX, tag_hash: 0 };

/// The entries of a queue.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Queue {
    /// Index of the first entry its files have room for, filler left out.
    pub min: i64,
    /// Behind the last entry that was written; `min` if none was.
    pub end: i64,
    /// Index → entry; what was never written is missing.
    pub entries: BTreeMap<i64, QueueEntry>,
}

/// An entry as it stands on disk, sensible or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueEntry {
    /// Where the record starts in the log.
    pub physical_offset: i64,
    /// Bytes of the record.
    pub size: i32,
    /// Hash of its tag, or the time a delayed message is due.
    pub tag_hash: i64,
}

/// Reads the folder `consumequeue`.
pub(super) fn read_all(dir: &Path, troubles: &mut Vec<Trouble>) -> BTreeMap<QueueName, Queue> {
    let mut queues = BTreeMap::new();
    for topic in list(dir, troubles) {
        if !topic.is_dir {
            troubles.push(Trouble { path: topic.path, what: "a file where only topics' folders belong".into() });
            continue;
        }
        for queue in list(&topic.path, troubles) {
            match queue.name.parse::<i32>() {
                Ok(id) if queue.is_dir => {
                    queues.insert((topic.name.clone(), id), read(&queue.path, troubles));
                }
                _ => troubles.push(Trouble { path: queue.path, what: "it is not the folder of a queue id".into() }),
            }
        }
    }
    queues
}

fn read(dir: &Path, troubles: &mut Vec<Trouble>) -> Queue {
    let mut queue = Queue::default();
    let mut leading = true;
    for (number, (start, file)) in list_by_offset(dir, troubles).into_iter().enumerate() {
        let first = start / ENTRY_LEN as i64;
        if number == 0 {
            (queue.min, queue.end) = (first, first);
        }
        if start % ENTRY_LEN as i64 != 0 {
            troubles.push(Trouble { path: file.path, what: "its name is no multiple of 20".into() });
            continue;
        }
        let Some(bytes) = read_if_there(&file.path, troubles) else { continue };
        for (at, bytes) in (first..).zip(bytes.chunks_exact(ENTRY_LEN)) {
            let entry =
                QueueEntry { physical_offset: i64_at(bytes, 0), size: i32_at(bytes, 8), tag_hash: i64_at(bytes, 12) };
            if leading && entry == FILLER {
                (queue.min, queue.end) = (at + 1, at + 1);
            } else if entry.size != 0 {
                leading = false;
                queue.entries.insert(at, entry);
                queue.end = at + 1;
            } else if bytes.iter().any(|byte| *byte != 0) {
                let what = format!("entry {at} has size 0, but is not empty");
                troubles.push(Trouble { path: file.path.clone(), what });
            }
        }
    }
    queue
}
