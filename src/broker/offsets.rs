//! How far each group has consumed each queue, kept in `config/consumerOffset.json`.
//!
//! An offset goes backwards only where somebody means it to:
//!
//! - What rides on a pull ([`Offsets::pulled`]) is how far the reader happens to be; it never lowers an offset.
//! - What is told on purpose ([`Offsets::report`], request 15) may lower it: resets by tools and seeks of applications arrive
//!   by it. Not where it is the late word of a member whose queue another member has begun to read meanwhile.
//! - A reset by the broker ([`Offsets::reset`], request 222) counts until the group's next pull of the queue hears of it;
//!   what members say before is about where they were, and is left out.
//! - An offset behind the end of its queue is illegal ([`Offsets::correct`]): the log lost what the group had read. It is
//!   lowered to the end, at the start and when a reader is corrected, so that what comes there next is not skipped.
//!
//! Apache RocketMQ 4.9.8 stores whatever comes, with a line in its log; resets that wait for a pull are those of 5.x.
//!
//! Source: `ConsumerOffsetManager` of Apache RocketMQ: `{"offsetTable":{"TOPIC@GROUP":{queueId:offset}}}`.

use base::{Watermark, durable::DurableFile};
use parking_lot::Mutex;
use protocol::loose_json;
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, HashMap},
    io,
    sync::atomic::{AtomicBool, Ordering},
};

const SEPARATOR: char = '@';

/// topic → group → queue.
type Table = HashMap<String, HashMap<String, BTreeMap<i32, Progress>>>;

/// How far a group is in a queue.
#[derive(Clone, Copy, Debug, Default)]
struct Progress {
    /// Next index to consume, once it was said.
    offset: Option<i64>,
    /// The connection of the member that pulled last.
    reader: Option<u64>,
    /// The offset was set by the broker, and no pull has heard of it yet.
    reset: bool,
}

/// A queue, as a group reads it.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// Topic.
    pub topic: &'a str,
    /// Group.
    pub group: &'a str,
    /// Queue id.
    pub queue_id: i32,
}

/// The table of offsets.
pub struct Offsets {
    table: Mutex<Table>,
    /// How many resets there were: for pulls that wait.
    resets: Watermark,
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
        let mut table = Table::new();
        for (key, queues) in saved.offset_table {
            if let Some((topic, group)) = key.split_once(SEPARATOR) {
                let at = |(queue_id, offset)| (queue_id, Progress { offset: Some(offset), ..Progress::default() });
                let queues = queues.into_iter().map(at).collect();
                table.entry(topic.to_owned()).or_default().insert(group.to_owned(), queues);
            }
        }
        Ok(Self { table: Mutex::new(table), resets: Watermark::new(0), dirty: AtomicBool::new(false), file })
    }

    /// The next index `group` will consume, if it ever said so.
    pub fn get(&self, topic: &str, group: &str, queue_id: i32) -> Option<i64> {
        self.table.lock().get(topic)?.get(group)?.get(&queue_id)?.offset
    }

    /// Stores the next index `group` will consume, whatever was there. A negative one is ignored.
    pub fn commit(&self, topic: &str, group: &str, queue_id: i32, offset: i64) {
        let mut table = self.table.lock();
        if offset >= 0
            && let Some(progress) = progress(&mut table, &Place { topic, group, queue_id })
        {
            progress.reset = false;
            self.set(progress, offset);
        }
    }

    /// Stores the next index a group will consume, as the client on connection `from` says it. A negative one, which some
    /// clients send for queues they have not read, is ignored.
    ///
    /// # Errors
    /// Why it is not stored: it is out of date. `is_member` says of a connection whether it is a live member's.
    pub fn report(
        &self,
        place: Place<'_>,
        offset: i64,
        from: u64,
        is_member: impl Fn(u64) -> bool,
    ) -> Result<(), &'static str> {
        if offset < 0 {
            return Ok(());
        }
        let mut table = self.table.lock();
        let Some(progress) = progress(&mut table, &place) else { return Ok(()) };
        let lowers = progress.offset.is_some_and(|old| old > offset);
        if (progress.reset || lowers) && is_member(from) {
            if progress.reset {
                return Err("Offset has been previously reset");
            }
            if progress.reader.is_some_and(|reader| reader != from && is_member(reader)) {
                tracing::info!(?place, old = progress.offset, late = offset, "a late report of an offset is left out");
                return Err("another member reads the queue by now, and is further");
            }
        }
        if lowers {
            tracing::warn!(?place, old = progress.offset, new = offset, "a group's offset went backwards");
        }
        progress.reset = false;
        self.set(progress, offset);
        Ok(())
    }

    /// Notes a pull: the member on whose connection it came, if one did, and how far it says the group is. Returns where
    /// the reader is to go on instead, after a reset.
    pub fn pulled(&self, place: Place<'_>, reader: Option<u64>, offset: Option<i64>) -> Option<i64> {
        let mut table = self.table.lock();
        let progress = match (reader, offset) {
            // Nothing to note of who only looks.
            (None, None) => table.get_mut(place.topic)?.get_mut(place.group)?.get_mut(&place.queue_id)?,
            _ => progress(&mut table, &place)?,
        };
        progress.reader = reader.or(progress.reader);
        if std::mem::take(&mut progress.reset) {
            return progress.offset;
        }
        if let Some(offset) = offset.filter(|offset| *offset > progress.offset.unwrap_or(-1)) {
            self.set(progress, offset);
        }
        None
    }

    /// Stores the next index a group shall consume, and has its next pull of the queue go on there.
    pub fn reset(&self, place: Place<'_>, offset: i64) {
        let mut table = self.table.lock();
        if let Some(progress) = progress(&mut table, &place) {
            tracing::info!(?place, old = progress.offset, new = offset, "a group's offset is reset");
            progress.reset = true;
            self.set(progress, offset);
            self.resets.advance(self.resets.get() + 1);
        }
    }

    /// How many resets there were.
    pub fn resets(&self) -> &Watermark {
        &self.resets
    }

    /// Lowers an offset that lies behind the end of its queue to it. `end` is asked while nobody else moves offsets.
    pub fn correct(&self, place: Place<'_>, end: impl FnOnce() -> i64) {
        let mut table = self.table.lock();
        let found = table.get_mut(place.topic).and_then(|groups| groups.get_mut(place.group)?.get_mut(&place.queue_id));
        if let Some(progress) = found {
            self.lower(progress, end(), &place);
        }
    }

    /// As [`Offsets::correct`] for all of them. `end` says for topic and queue where the queue ends.
    pub fn correct_all(&self, end: impl Fn(&str, i32) -> i64) {
        for (topic, groups) in self.table.lock().iter_mut() {
            for (group, queues) in groups {
                for (queue_id, progress) in queues {
                    self.lower(progress, end(topic, *queue_id), &Place { topic, group, queue_id: *queue_id });
                }
            }
        }
    }

    fn lower(&self, progress: &mut Progress, end: i64, place: &Place<'_>) {
        if progress.offset.is_some_and(|offset| offset > end) {
            tracing::warn!(
                ?place,
                old = progress.offset,
                new = end,
                "a group's offset was behind the end of its queue"
            );
            self.set(progress, end);
        }
    }

    fn set(&self, progress: &mut Progress, offset: i64) {
        progress.offset = Some(offset);
        self.dirty.store(true, Ordering::Release);
    }

    /// Moves the next index `group` will consume from `from`, `None` for a group without one, to `to`. False, and
    /// nothing done, if it is not there.
    pub fn advance(&self, topic: &str, group: &str, queue_id: i32, from: Option<i64>, to: i64) -> bool {
        let mut table = self.table.lock();
        let Some(progress) = progress(&mut table, &Place { topic, group, queue_id }) else { return false };
        if progress.offset != from {
            return false;
        }
        progress.reset = false;
        if from != Some(to) {
            self.set(progress, to);
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
        let table = self.table.lock();
        let groups = table.get(topic).into_iter().flatten();
        let told = groups.filter(|(_, queues)| is_told(queues));
        told.map(|(group, _)| group.clone()).collect()
    }

    /// The topics that a group has offsets for, in order.
    pub fn topics_of(&self, group: &str) -> Vec<String> {
        let table = self.table.lock();
        let told = |groups: &HashMap<String, BTreeMap<i32, Progress>>| groups.get(group).is_some_and(is_told);
        let mut topics: Vec<_> =
            table.iter().filter(|(_, groups)| told(groups)).map(|(topic, _)| topic.clone()).collect();
        topics.sort_unstable();
        topics
    }

    /// [`Offsets::topics_of`] every group.
    pub fn topics_by_group(&self) -> HashMap<String, Vec<String>> {
        let table = self.table.lock();
        let mut found: HashMap<String, Vec<String>> = HashMap::new();
        for (topic, groups) in table.iter() {
            for (group, _) in groups.iter().filter(|(_, queues)| is_told(queues)) {
                found.entry(group.clone()).or_default().push(topic.clone());
            }
        }
        found.values_mut().for_each(|topics| topics.sort_unstable());
        found
    }

    /// The whole table.
    pub fn snapshot(&self) -> OffsetTable {
        let table = self.table.lock();
        let keyed = table.iter().flat_map(|(topic, groups)| {
            groups.iter().filter_map(move |(group, queues)| {
                let said = |(id, progress): (&i32, &Progress)| Some((*id, progress.offset?));
                let queues: BTreeMap<_, _> = queues.iter().filter_map(said).collect();
                (!queues.is_empty()).then(|| (format!("{topic}{SEPARATOR}{group}"), queues))
            })
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

/// Whether an offset was said for one of these queues.
fn is_told(queues: &BTreeMap<i32, Progress>) -> bool {
    queues.values().any(|progress| progress.offset.is_some())
}

/// Where `place` is noted; `None` if there can be no such queue.
fn progress<'a>(table: &'a mut Table, place: &Place<'_>) -> Option<&'a mut Progress> {
    if place.queue_id < 0 {
        return None;
    }
    // Looked up before it is inserted: most find their place, and then need no new strings.
    let known = table.get(place.topic).is_some_and(|groups| groups.contains_key(place.group));
    let queues = if known {
        table.get_mut(place.topic)?.get_mut(place.group)?
    } else {
        table.entry(place.topic.to_owned()).or_default().entry(place.group.to_owned()).or_default()
    };
    Some(queues.entry(place.queue_id).or_default())
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

    const PLACE: Place<'_> = Place { topic: "T", group: "G", queue_id: 0 };

    fn empty(dir: &tempfile::TempDir) -> Offsets {
        Offsets::open(dir.path().join("consumerOffset.json").into()).unwrap()
    }

    #[test]
    fn a_pull_never_lowers_an_offset_and_who_means_it_does() {
        let dir = tempfile::tempdir().unwrap();
        let offsets = empty(&dir);
        let now = || offsets.get("T", "G", 0);
        let (one, two, tool) = (1, 2, 3);
        let report = |offset, from| offsets.report(PLACE, offset, from, |who| who != tool).is_ok();
        assert_eq!(offsets.pulled(PLACE, Some(one), None), None);
        assert_eq!((now(), offsets.snapshot().offset_table.len()), (None, 0), "who reads is no offset");
        offsets.pulled(PLACE, Some(one), Some(7));
        offsets.pulled(PLACE, Some(one), Some(5));
        assert_eq!(now(), Some(7));
        assert!(report(5, one), "a seek of whoever reads it");
        assert_eq!(now(), Some(5));
        offsets.pulled(PLACE, Some(two), Some(9));
        assert!(!report(6, one), "the late word of who read it before");
        assert_eq!(now(), Some(9));
        assert!(report(9, one) && report(10, one), "which may still be further");
        assert!(report(2, tool), "a tool is no member");
        assert_eq!(now(), Some(2));
    }

    #[test]
    fn a_reset_counts_until_a_pull_has_heard_of_it() {
        let dir = tempfile::tempdir().unwrap();
        let offsets = empty(&dir);
        let report = |offset, member| offsets.report(PLACE, offset, 1, |_| member).is_ok();
        offsets.commit("T", "G", 0, 50);
        offsets.reset(PLACE, 10);
        assert_eq!((offsets.get("T", "G", 0), offsets.resets().get()), (Some(10), 1));
        assert!(!report(60, true));
        assert_eq!(offsets.pulled(PLACE, Some(1), Some(60)), Some(10));
        assert_eq!(offsets.get("T", "G", 0), Some(10));
        assert_eq!(offsets.pulled(PLACE, Some(1), Some(11)), None);
        assert_eq!(offsets.get("T", "G", 0), Some(11));
        offsets.reset(PLACE, 20);
        assert!(report(30, false), "a tool that sets it anew");
        assert_eq!(offsets.pulled(PLACE, None, None), None);
        assert_eq!(offsets.get("T", "G", 0), Some(30));
    }

    #[test]
    fn an_offset_behind_the_end_of_its_queue_is_lowered_to_it() {
        let dir = tempfile::tempdir().unwrap();
        let offsets = empty(&dir);
        offsets.commit("T", "G", 0, 9);
        offsets.save().unwrap();
        offsets.correct(PLACE, || 9);
        assert_eq!(offsets.get("T", "G", 0), Some(9));
        offsets.correct(PLACE, || 8);
        offsets.correct(Place { queue_id: 1, ..PLACE }, || 8);
        assert_eq!((offsets.get("T", "G", 0), offsets.get("T", "G", 1)), (Some(8), None));
        offsets.commit("U", "G", 3, 100);
        offsets.correct_all(|topic, queue| if (topic, queue) == ("U", 3) { 40 } else { 8 });
        offsets.save().unwrap();
        let again = empty(&dir);
        assert_eq!((again.get("T", "G", 0), again.get("U", "G", 3)), (Some(8), Some(40)));
    }
}
