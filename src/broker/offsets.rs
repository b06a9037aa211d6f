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
//! At a slave the table is a copy of its master's ([`Offsets::copy`]), but for what groups commit at this slave while it is
//! further than what the master knows: a master that comes back asks its slaves for that.
//!
//! Apache RocketMQ 4.9.8 stores whatever comes, with a line in its log; resets that wait for a pull are those of 5.x.
//!
//! Source: `ConsumerOffsetManager` of Apache RocketMQ: `{"offsetTable":{"TOPIC@GROUP":{queueId:offset}}}`.

use base::{Watermark, durable::DurableFile};
use parking_lot::Mutex;
use protocol::{loose_json, topic};
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
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Progress {
    /// Next index to consume, once it was said.
    offset: Option<i64>,
    /// The connection of the member that pulled last.
    reader: Option<u64>,
    /// The offset was set by the broker, and no pull has heard of it yet.
    reset: bool,
    /// The offset was committed at this slave, and the master has not been as far since.
    own: bool,
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
    /// The table is a slave's.
    copied: bool,
    file: DurableFile,
}

/// The file's form, and the answer to 43.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct OffsetTable {
    /// `topic@group` → queue → next index to consume.
    pub offset_table: BTreeMap<String, BTreeMap<i32, i64>>,
    /// At a slave, and not in Apache's file: `topic@group` → queues whose offset was committed at this slave and is
    /// further than the master's.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub committed_here: BTreeMap<String, Vec<i32>>,
}

impl Offsets {
    /// Reads the table from `file`; `copied` says that it is a slave's.
    ///
    /// # Errors
    /// If the file is there but neither it nor its `.bak` can be read.
    pub fn open(file: DurableFile, copied: bool) -> io::Result<Self> {
        let saved: OffsetTable =
            file.read(|text| loose_json::from_slice(text).map_err(io::Error::other))?.unwrap_or_default();
        let mut table = Table::new();
        for (key, queues) in saved.offset_table {
            if let Some((topic, group)) = key.split_once(SEPARATOR) {
                let own = saved.committed_here.get(&key).filter(|_| copied);
                let own = |queue_id| own.is_some_and(|own| own.contains(&queue_id));
                let at = |(queue_id, offset)| {
                    (queue_id, Progress { offset: Some(offset), own: own(queue_id), ..Progress::default() })
                };
                let queues = queues.into_iter().map(at).collect();
                table.entry(topic.to_owned()).or_default().insert(group.to_owned(), queues);
            }
        }
        let (table, resets, dirty) = (Mutex::new(table), Watermark::new(0), AtomicBool::new(false));
        Ok(Self { table, resets, dirty, copied, file })
    }

    /// Takes over the table of this slave's master. What groups committed here stays where it is further.
    pub fn copy(&self, masters: OffsetTable) {
        let mut new = Table::new();
        for (key, queues) in masters.offset_table {
            let Some((topic, group)) = key.split_once(SEPARATOR) else { continue };
            let queues = queues.into_iter().filter(|(queue_id, offset)| *queue_id >= 0 && *offset >= 0);
            let at = |(queue_id, offset)| (queue_id, Progress { offset: Some(offset), ..Progress::default() });
            new.entry(topic.to_owned()).or_default().insert(group.to_owned(), queues.map(at).collect());
        }
        let mut table = self.table.lock();
        for (topic, groups) in table.iter() {
            for (group, queues) in groups {
                for (queue_id, own) in queues.iter().filter(|(_, progress)| progress.own) {
                    let place = Place { topic, group, queue_id: *queue_id };
                    if let Some(masters) = progress(&mut new, &place).filter(|masters| masters.offset < own.offset) {
                        *masters = *own;
                    }
                }
            }
        }
        if *table != new {
            *table = new;
            self.dirty.store(true, Ordering::Release);
        }
    }

    /// Lowers what groups committed at this slave to the ends of their queues: what lay behind was cut off, or lost.
    pub fn correct_own(&self, end: impl Fn(&str, i32) -> i64) {
        self.correct_those(|progress| progress.own, end);
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
        self.correct_those(|_| true, end);
    }

    fn correct_those(&self, are: impl Fn(&Progress) -> bool, end: impl Fn(&str, i32) -> i64) {
        for (topic, groups) in self.table.lock().iter_mut() {
            for (group, queues) in groups {
                for (queue_id, progress) in queues.iter_mut().filter(|(_, progress)| are(progress)) {
                    self.lower(progress, end(topic, *queue_id), &Place { topic, group, queue_id: *queue_id });
                }
            }
        }
    }

    /// Moves offsets up to those of another table, but not behind the end of their queue, which `end` says for topic and
    /// queue, and none of the broker's own. Returns how many moved.
    pub fn raise(&self, to: &OffsetTable, end: impl Fn(&str, i32) -> i64) -> usize {
        let mut table = self.table.lock();
        let mut raised = 0;
        for (key, queues) in &to.offset_table {
            let Some((topic, group)) = key.split_once(SEPARATOR) else { continue };
            if topic::is_broker_group(group) {
                continue;
            }
            for (queue_id, offset) in queues {
                let offset = end(topic, *queue_id).min(*offset);
                let found = progress(&mut table, &Place { topic, group, queue_id: *queue_id });
                if let Some(progress) = found.filter(|progress| progress.offset.unwrap_or(0) < offset) {
                    self.set(progress, offset);
                    raised += 1;
                }
            }
        }
        raised
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
        progress.own = self.copied;
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
        let mut told = OffsetTable::default();
        for (topic, groups) in table.iter() {
            for (group, queues) in groups {
                let said = |(id, progress): (&i32, &Progress)| Some((*id, progress.offset?));
                let said: BTreeMap<_, _> = queues.iter().filter_map(said).collect();
                let own: Vec<_> = queues.iter().filter(|(_, progress)| progress.own).map(|(id, _)| *id).collect();
                let key = format!("{topic}{SEPARATOR}{group}");
                if !own.is_empty() {
                    told.committed_here.insert(key.clone(), own);
                }
                if !said.is_empty() {
                    told.offset_table.insert(key, said);
                }
            }
        }
        told
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
mod tests;
