//! Building queues and index anew from the log, beside the old ones, which stay until the new ones are complete.
//!
//! A queue counts up without gaps. Where messages of it are damaged, entries stand for them that lead to the damaged place:
//! its start, its length, no tag. Several for one place share it, so that entries never go back in the log.

use super::{
    Offline,
    damage::Damages,
    disk,
    log::Log,
    queue::{self, QueueReader},
    walk::{Damage, Seen, walk},
};
use crate::{
    StoreConfig, StoreError,
    append::names_a_folder,
    fanout::Plan,
    index::Index,
    index_file::Key,
    queue_files::{QueueEntry, QueueFiles, QueueSpace},
    view::RecordView,
};
use base::Clock;
use protocol::record::MIN_LEN;
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    ops::ControlFlow,
    path::Path,
    sync::Arc,
};

/// Entries of a queue that are written together.
const RUN: usize = 128;
/// Keys that wait to be linked.
const KEYS: u64 = 32 << 10;

/// What is to be built, and from what.
pub(super) struct Order<'a> {
    pub offline: &'a Offline,
    pub log: &'a Log,
    /// Where the log ends.
    pub end: u64,
    /// Every damaged place before the end, known ones and contradictions included.
    pub damages: &'a Damages,
    pub queues: &'a BTreeSet<(String, i32)>,
    pub index: bool,
}

/// Builds in the folder `into`, laid out as a store. Returns places that turned out to be damaged besides.
pub(super) fn rebuild(
    order: &Order<'_>,
    into: &Path,
    clock: Clock,
    mut progress: impl FnMut(u64),
) -> Result<Vec<Damage>, StoreError> {
    let offline = order.offline;
    let config = StoreConfig { root_dir: into.to_owned(), ..offline.config.clone() };
    disk().create_dirs(&config.queue_path())?;
    let space = QueueSpace::new(disk(), config.queue_path(), config.mapped_file_size_consume_queue);
    let mut queues = Builders::new(order, space)?;
    let index = match order.index {
        true => {
            disk().create_dirs(&config.index_path())?;
            Some(Index::open(&config, clock, Arc::default(), None, &|_, _| true)?)
        }
        false => None,
    };
    let (mut waiting, mut told, mut hashes) = (0, order.log.min(), Vec::new());
    walk(order.log, order.log.min(), order.end, |seen| {
        let Seen::Record(record) = seen else { return Ok(ControlFlow::Continue(())) };
        let (at, size) = (record.physical_offset(), record.size());
        if order.damages.condemn(&record) {
            return Ok(ControlFlow::Continue(()));
        }
        hashes.clear();
        let plan = Plan::new(&record.topic(), record.sys_flag(), &record.properties(), &mut hashes);
        if plan.queued && !offline.deleted.covers(&record.topic(), at as u64) {
            let tag_hash = plan.tag.value(&offline.delay_levels_ms, record.store_ms());
            queues.record(&record, QueueEntry { physical_offset: at, size: size as u32, tag_hash }, order)?;
        }
        if let Some(index) = &index {
            let store_ms = record.store_ms();
            waiting += hashes.len() as u64;
            index.note(hashes.iter().map(|&hash| Key { hash, physical_offset: at, store_ms }));
            if waiting > KEYS {
                index.link()?;
                waiting = 0;
            }
        }
        if at as u64 > told + (4 << 20) {
            told = at as u64;
            progress(told);
        }
        Ok(ControlFlow::Continue(()))
    })?;
    if let Some(index) = &index {
        index.link()?;
        index.sync()?;
    }
    let damaged = queues.finish(order)?;
    disk().sync_file_system(into)?;
    Ok(damaged)
}

/// The queues that are built.
struct Builders {
    space: QueueSpace,
    by_topic: HashMap<String, BTreeMap<i32, Builder>>,
    damaged: Vec<Damage>,
}

struct Builder {
    /// The entries that are to be replaced: they tell what damaged places held.
    old: Option<QueueReader>,
    /// The offset of the next entry; `None` before the first.
    next: Option<i64>,
    /// Behind the record of the last entry.
    physical_end: i64,
    run: Vec<QueueEntry>,
    files: QueueFiles,
}

impl Builders {
    fn new(order: &Order<'_>, space: QueueSpace) -> Result<Self, StoreError> {
        let mut by_topic = HashMap::<String, BTreeMap<i32, Builder>>::new();
        let mut builder = |topic: &str, id: i32, old: Option<QueueReader>| {
            let (run, files) = Default::default();
            let builder = Builder { old, next: None, physical_end: order.log.min() as i64, run, files };
            by_topic.entry(topic.to_owned()).or_default().insert(id, builder);
        };
        for (topic, id) in order.queues {
            builder(topic, *id, None);
        }
        for queue in queue::find(&order.offline.queue_space())? {
            let (topic, id) = (queue.topic.clone(), queue.id);
            if order.queues.contains(&(topic.clone(), id)) {
                builder(&topic, id, Some(QueueReader::new(queue, space.per_file, order.queues.len())));
            }
        }
        Ok(Self { space, by_topic, damaged: Vec::new() })
    }

    fn record(&mut self, record: &RecordView<'_>, entry: QueueEntry, order: &Order<'_>) -> Result<(), StoreError> {
        let (topic, id, at) = (record.topic(), record.queue_id(), record.queue_offset());
        if !names_a_folder(&topic) || id < 0 || at < 0 {
            return Ok(());
        }
        let Some(builder) = self.by_topic.get_mut(&*topic).and_then(|ids| ids.get_mut(&id)) else { return Ok(()) };
        let dir = self.space.queue_dir(&topic, id);
        match builder.next {
            None => {
                let lost = builder.lost_before(at, order.damages, entry.physical_offset)?;
                builder.next = Some(at - lost.len() as i64);
                for entry in lost {
                    builder.push(entry, &self.space, &dir)?;
                }
            }
            Some(next) if next == at => {}
            Some(next) if next < at => {
                let covers = builder.covers(next..at, entry.physical_offset, order.damages)?;
                let Some(covers) = covers else {
                    builder.start_anew(at, &dir)?;
                    return builder.push(entry, &self.space, &dir);
                };
                for cover in covers {
                    let (from, to) = (cover.physical_offset as u64, cover.physical_end() as u64);
                    if !order.damages.touch(from, to) {
                        let what = format!("messages {next} to {} of {topic}/{id} are missing", at - 1);
                        self.damaged.push(Damage::new(from, to, what));
                    }
                    builder.push(cover, &self.space, &dir)?;
                }
            }
            // The topic was deleted and made anew: what came before belongs to its earlier life.
            Some(_) => builder.start_anew(at, &dir)?,
        }
        builder.push(entry, &self.space, &dir)
    }

    fn finish(mut self, order: &Order<'_>) -> Result<Vec<Damage>, StoreError> {
        for (topic, ids) in &mut self.by_topic {
            for (id, builder) in ids {
                let dir = self.space.queue_dir(topic, *id);
                builder.keep_end(order.end as i64)?;
                // Damaged messages behind the last good one.
                while let Some(next) = builder.next
                    && let Some(entry) = builder.lost(next, order.damages)?
                    && entry.physical_offset >= builder.physical_end
                {
                    builder.push(entry, &self.space, &dir)?;
                }
                builder.write(&self.space, &dir)?;
                builder.files.close();
            }
        }
        Ok(self.damaged)
    }
}

impl Builder {
    /// The old entry at `at`, without its tag, if it leads into a damaged place.
    fn lost(&mut self, at: i64, damages: &Damages) -> Result<Option<QueueEntry>, StoreError> {
        let Some(old) = &mut self.old else { return Ok(None) };
        let entry = old.get(at)?.filter(|entry| *entry != QueueEntry::BLANK);
        let lost = |entry: &QueueEntry| damages.cover(entry.physical_offset as u64, entry.physical_end() as u64);
        Ok(entry.filter(lost).map(|entry| QueueEntry { tag_hash: 0, ..entry }))
    }

    /// Entries for damaged messages right before `at`, whose record is at `physical`, as far as the old ones tell.
    fn lost_before(&mut self, at: i64, damages: &Damages, physical: i64) -> Result<Vec<QueueEntry>, StoreError> {
        let (mut lost, mut from, mut limit) = (Vec::new(), at, physical);
        while let Some(before) = from.checked_sub(1)
            && let Some(entry) = self.lost(before, damages)?.filter(|entry| entry.physical_end() <= limit)
        {
            (from, limit) = (before, entry.physical_offset);
            lost.push(entry);
        }
        lost.reverse();
        Ok(lost)
    }

    /// If the log has no message of the queue any more, its last entry keeps its place, so that offsets go on from there.
    fn keep_end(&mut self, log_end: i64) -> Result<(), StoreError> {
        let Some(old) = self.old.as_mut().filter(|_| self.next.is_none()) else { return Ok(()) };
        let mut end = old.queue.end;
        while end > old.queue.first {
            let entry =
                old.get(end - 1)?.filter(|entry| *entry != QueueEntry::BLANK && entry.physical_end() <= log_end);
            if let Some(entry) = entry {
                (self.next, self.physical_end) = (Some(end), entry.physical_end());
                self.run.push(entry);
                break;
            }
            end -= 1;
        }
        Ok(())
    }

    /// Entries for the messages `missing`, which lie between the last entry and `to`; `None` if nothing lies there.
    fn covers(
        &mut self,
        missing: std::ops::Range<i64>,
        to: i64,
        damages: &Damages,
    ) -> Result<Option<Vec<QueueEntry>>, StoreError> {
        let from = self.physical_end;
        let known: Vec<_> =
            missing.clone().map(|at| self.lost(at, damages)).collect::<Result<Option<_>, _>>()?.unwrap_or_default();
        let ascending = |entries: &[QueueEntry]| {
            let mut end = from;
            entries.iter().all(|entry| {
                let follows = entry.physical_offset >= end && entry.physical_end() <= to;
                end = entry.physical_end();
                follows
            })
        };
        if !known.is_empty() && ascending(&known) {
            return Ok(Some(known));
        }
        let mut places: Vec<(i64, i64)> =
            damages.between(from as u64, to as u64).map(|(from, to)| (from as i64, to as i64)).collect();
        let count = (missing.end - missing.start) as usize;
        if places.is_empty() {
            // Nothing there is damaged. An old entry may tell which record lost its name; else any byte will do.
            let old = self.old.as_mut().map_or(Ok(None), |old| old.get(missing.start))?;
            let old = old.filter(|entry| count == 1 && ascending(&[*entry]) && *entry != QueueEntry::BLANK);
            match old {
                Some(entry) => places.push((entry.physical_offset, entry.physical_end())),
                None if to - from >= count as i64 => places.push((from, from + count as i64)),
                None => return Ok(None),
            }
        }
        places.truncate(count);
        let shared = (count - places.len() + 1) as i64;
        let Some((from, to)) = places.pop() else { return Ok(None) };
        let share = (to - from) / shared;
        // So many in so little room were never there.
        if share < 1 || share < MIN_LEN as i64 && count > 1000 {
            return Ok(None);
        }
        places
            .extend((0..shared).map(|n| (from + n * share, if n + 1 == shared { to } else { from + (n + 1) * share })));
        let entry = |(from, to)| QueueEntry { physical_offset: from, size: (to - from) as u32, tag_hash: 0 };
        Ok(Some(places.into_iter().map(entry).collect()))
    }

    fn start_anew(&mut self, at: i64, dir: &Path) -> Result<(), StoreError> {
        self.run.clear();
        self.files = QueueFiles::default();
        self.next = Some(at);
        Ok(disk().remove_dirs(dir)?)
    }

    fn push(&mut self, entry: QueueEntry, space: &QueueSpace, dir: &Path) -> Result<(), StoreError> {
        self.run.push(entry);
        self.physical_end = entry.physical_end();
        self.next = self.next.map(|next| next + 1);
        if self.run.len() >= RUN { self.write(space, dir) } else { Ok(()) }
    }

    fn write(&mut self, space: &QueueSpace, dir: &Path) -> Result<(), StoreError> {
        let Some(next) = self.next else { return Ok(()) };
        self.files.write(space, dir, next - self.run.len() as i64, &self.run)?;
        self.run.clear();
        Ok(())
    }
}
