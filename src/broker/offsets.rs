//! How far each group has consumed each queue, kept in `config/consumerOffset.json`.
//!
//! Source: `ConsumerOffsetManager` of Apache RocketMQ: `{"offsetTable":{"TOPIC@GROUP":{queueId:offset}}}`.

use base::durable::DurableFile;
use parking_lot::Mutex;
use protocol::loose_json;
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, HashMap},
    io,
    sync::atomic::{AtomicBool, Ordering},
};

const SEPARATOR: char = '@';

/// group → queue → next index to consume.
type ByGroup = HashMap<String, BTreeMap<i32, i64>>;

/// The table of offsets.
pub struct Offsets {
    /// By topic.
    table: Mutex<HashMap<String, ByGroup>>,
    dirty: AtomicBool,
    file: DurableFile,
}

/// The file's form, and the answer to 43.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct OffsetTable {
    /// `topic@group` → queue → next index to consume.
    pub offset_table: BTreeMap<String, BTreeMap<i32, i64>>,
}

impl Offsets {
    /// Reads the table from `file`.
    ///
    /// # Errors
    /// If the file is there but neither it nor its `.bak` can be read.
    pub fn open(file: DurableFile) -> io::Result<Self> {
        let saved: OffsetTable =
            file.read(|text| loose_json::from_slice(text).map_err(io::Error::other))?.unwrap_or_default();
        let mut table: HashMap<String, ByGroup> = HashMap::new();
        for (key, queues) in saved.offset_table {
            if let Some((topic, group)) = key.split_once(SEPARATOR) {
                table.entry(topic.to_owned()).or_default().insert(group.to_owned(), queues);
            }
        }
        Ok(Self { table: Mutex::new(table), dirty: AtomicBool::new(false), file })
    }

    /// The next index `group` will consume, if it ever said so.
    pub fn get(&self, topic: &str, group: &str, queue_id: i32) -> Option<i64> {
        self.table.lock().get(topic)?.get(group)?.get(&queue_id).copied()
    }

    /// Stores the next index `group` will consume. A negative one, which some clients send for queues they have
    /// not read, is ignored.
    pub fn commit(&self, topic: &str, group: &str, queue_id: i32, offset: i64) {
        if offset < 0 || queue_id < 0 {
            return;
        }
        let mut table = self.table.lock();
        // Looked up before it is inserted: most commits find their place, and then need no new strings.
        if let Some(queues) = table.get_mut(topic).and_then(|groups| groups.get_mut(group)) {
            if let Some(old) = queues.insert(queue_id, offset).filter(|old| *old > offset) {
                tracing::warn!(topic, group, queue_id, old, new = offset, "a group's offset went backwards");
            }
        } else {
            let queues = table.entry(topic.to_owned()).or_default().entry(group.to_owned()).or_default();
            queues.insert(queue_id, offset);
        }
        self.dirty.store(true, Ordering::Release);
    }

    /// Moves the next index `group` will consume from `from`, `None` for a group without one, to `to`. False, and
    /// nothing done, if it is not there.
    pub fn advance(&self, topic: &str, group: &str, queue_id: i32, from: Option<i64>, to: i64) -> bool {
        let mut table = self.table.lock();
        if let Some(queues) = table.get_mut(topic).and_then(|groups| groups.get_mut(group)) {
            if queues.get(&queue_id).copied() != from {
                return false;
            }
            queues.insert(queue_id, to);
        } else if from.is_some() {
            return false;
        } else {
            let queues = table.entry(topic.to_owned()).or_default().entry(group.to_owned()).or_default();
            queues.insert(queue_id, to);
        }
        if from != Some(to) {
            self.dirty.store(true, Ordering::Release);
        }
        true
    }

    /// Forgets a topic's offsets.
    pub fn forget_topic(&self, topic: &str) {
        self.table.lock().remove(topic);
        self.dirty.store(true, Ordering::Release);
    }

    /// Forgets a group's offsets.
    pub fn forget_group(&self, group: &str) {
        self.table.lock().values_mut().for_each(|groups| drop(groups.remove(group)));
        self.dirty.store(true, Ordering::Release);
    }

    /// The groups that have offsets for a topic.
    pub fn groups_of(&self, topic: &str) -> Vec<String> {
        self.table.lock().get(topic).map(|groups| groups.keys().cloned().collect()).unwrap_or_default()
    }

    /// The whole table.
    pub fn snapshot(&self) -> OffsetTable {
        let table = self.table.lock();
        let keyed = table.iter().flat_map(|(topic, groups)| {
            groups.iter().map(move |(group, queues)| (format!("{topic}{SEPARATOR}{group}"), queues.clone()))
        });
        OffsetTable { offset_table: keyed.collect() }
    }

    /// Writes the table to its file if it has changed since.
    ///
    /// # Errors
    /// If the file cannot be written; the old one is then still whole, and the next call tries again.
    pub fn save(&self) -> io::Result<()> {
        self.changed().map_or(Ok(()), |table| self.write(&table))
    }

    /// The whole table if it has changed since it was last taken so, to be given to [`Offsets::write`].
    pub fn changed(&self) -> Option<OffsetTable> {
        self.dirty.swap(false, Ordering::AcqRel).then(|| self.snapshot())
    }

    /// What [`Offsets::changed`] gave was not written.
    pub fn to_be_saved(&self) {
        self.dirty.store(true, Ordering::Release);
    }

    /// Writes to the file what [`Offsets::changed`] gave.
    ///
    /// # Errors
    /// As [`Offsets::save`].
    pub fn write(&self, table: &OffsetTable) -> io::Result<()> {
        let written =
            serde_json::to_vec_pretty(table).map_err(io::Error::other).and_then(|json| self.file.write(&json));
        if written.is_err() {
            self.dirty.store(true, Ordering::Release);
        }
        written
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_are_kept_and_apaches_file_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("consumerOffset.json");
        base::durable::write(&path, b"{\n\t\"offsetTable\":{\n\t\t\"T@G\":{0:5,1:7\n\t\t}\n\t}\n}").unwrap();
        let offsets = Offsets::open(path.clone().into()).unwrap();
        assert_eq!(offsets.get("T", "G", 1), Some(7));
        offsets.commit("T", "G", 1, 9);
        offsets.commit("T", "G", 2, -1);
        offsets.commit("%RETRY%G", "G", 0, 1);
        offsets.save().unwrap();
        let again = Offsets::open(path.into()).unwrap();
        assert_eq!((again.get("T", "G", 1), again.get("T", "G", 2)), (Some(9), None));
        assert_eq!(again.get("%RETRY%G", "G", 0), Some(1));
        again.forget_group("G");
        assert_eq!(again.get("T", "G", 1), None);
    }
}
