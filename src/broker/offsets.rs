//! How far each group has consumed each queue, kept in `config/consumerOffset.json`.
//!
//! An offset goes backwards only where somebody means it to:
//!
//! - What rides on a pull ([`Offsets::advance`]) is how far the reader happens to be; it never lowers an offset. A reader
//!   that has lost the queue meanwhile, or whose pull was held up, cannot undo what its successor said.
//! - What is told on purpose ([`Offsets::commit`], request 15) is taken as it is: resets by tools, seeks of applications
//!   and what a client does after a correction arrive by it, and nothing in it tells these from a late report.
//! - An offset behind the end of its queue is illegal ([`Offsets::correct`]): the log lost what the group had read. It is
//!   lowered to the end, at the start and when a reader is corrected, so that what comes there next is not skipped.
//!
//! In Apache RocketMQ, of both versions, pulls lower offsets too, with a line in the log.
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

    /// Stores the next index `group` will consume, also if it is less than before. A negative one, which some clients
    /// send for queues they have not read, is ignored.
    pub fn commit(&self, topic: &str, group: &str, queue_id: i32, offset: i64) {
        self.store(topic, group, queue_id, offset, true);
    }

    /// As [`Offsets::commit`], but never less than before.
    pub fn advance(&self, topic: &str, group: &str, queue_id: i32, offset: i64) {
        self.store(topic, group, queue_id, offset, false);
    }

    /// Lowers an offset that lies behind the end of its queue to it. `end` is asked while nobody else moves offsets.
    pub fn correct(&self, topic: &str, group: &str, queue_id: i32, end: impl FnOnce() -> i64) {
        let mut table = self.table.lock();
        let offset = table.get_mut(topic).and_then(|groups| groups.get_mut(group)?.get_mut(&queue_id));
        if let Some(offset) = offset
            && lowered(offset, end(), (topic, group, queue_id))
        {
            self.dirty.store(true, Ordering::Release);
        }
    }

    /// As [`Offsets::correct`] for all of them. `end` says for topic and queue where the queue ends.
    pub fn correct_all(&self, end: impl Fn(&str, i32) -> i64) {
        for (topic, groups) in self.table.lock().iter_mut() {
            for (group, queues) in groups {
                for (queue_id, offset) in queues {
                    if lowered(offset, end(topic, *queue_id), (topic, group, *queue_id)) {
                        self.dirty.store(true, Ordering::Release);
                    }
                }
            }
        }
    }

    fn store(&self, topic: &str, group: &str, queue_id: i32, offset: i64, may_lower: bool) {
        if offset < 0 || queue_id < 0 {
            return;
        }
        let mut table = self.table.lock();
        // Looked up before it is inserted: most commits find their place, and then need no new strings.
        if let Some(queues) = table.get_mut(topic).and_then(|groups| groups.get_mut(group)) {
            let old = queues.get(&queue_id).copied().unwrap_or_default();
            if old > offset {
                if !may_lower {
                    return;
                }
                tracing::warn!(topic, group, queue_id, old, new = offset, "a group's offset went backwards");
            }
            queues.insert(queue_id, offset);
        } else {
            let queues = table.entry(topic.to_owned()).or_default().entry(group.to_owned()).or_default();
            queues.insert(queue_id, offset);
        }
        self.dirty.store(true, Ordering::Release);
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
        if !self.dirty.swap(false, Ordering::AcqRel) {
            return Ok(());
        }
        let written = serde_json::to_vec_pretty(&self.snapshot())
            .map_err(io::Error::other)
            .and_then(|json| self.file.write(&json));
        if written.is_err() {
            self.dirty.store(true, Ordering::Release);
        }
        written
    }
}

fn lowered(offset: &mut i64, end: i64, (topic, group, queue_id): (&str, &str, i32)) -> bool {
    if *offset <= end {
        return false;
    }
    tracing::warn!(
        topic,
        group,
        queue_id,
        old = *offset,
        new = end,
        "a group's offset was behind the end of its queue"
    );
    *offset = end;
    true
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

    #[test]
    fn only_what_is_told_on_purpose_or_is_behind_the_end_lowers_an_offset() {
        let dir = tempfile::tempdir().unwrap();
        let offsets = Offsets::open(dir.path().join("consumerOffset.json").into()).unwrap();
        let now = || offsets.get("T", "G", 0);
        offsets.advance("T", "G", 0, 7);
        offsets.advance("T", "G", 0, 5);
        assert_eq!(now(), Some(7));
        offsets.commit("T", "G", 0, 5);
        assert_eq!(now(), Some(5));
        offsets.advance("T", "G", 0, 9);
        offsets.correct("T", "G", 0, || 9);
        assert_eq!(now(), Some(9));
        offsets.save().unwrap();
        offsets.correct("T", "G", 0, || 8);
        offsets.correct("T", "G", 1, || 8);
        assert_eq!((now(), offsets.get("T", "G", 1)), (Some(8), None));
        offsets.commit("U", "G", 3, 100);
        offsets.correct_all(|topic, queue| if (topic, queue) == ("U", 3) { 40 } else { 8 });
        assert_eq!((now(), offsets.get("U", "G", 3)), (Some(8), Some(40)));
        offsets.save().unwrap();
        let again = Offsets::open(dir.path().join("consumerOffset.json").into()).unwrap();
        assert_eq!((again.get("T", "G", 0), again.get("U", "G", 3)), (Some(8), Some(40)));
    }
}
