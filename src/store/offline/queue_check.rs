//! Log ≡ queues: each record that is queued has exactly one entry, and each entry leads to its record.
//!
//! The log is walked once. A record names its queue and its offset there, so that its entry is looked up directly; what is
//! skipped on the way must have a reason. A topic that was deleted and made anew starts again at offset 0, and the records
//! of its earlier life lead nowhere: that is as it should be.

use super::{
    damage::Damages,
    finding::{Findings, REPAIR},
    queue::{self, QueueReader},
};
use crate::{
    StoreError,
    queue_files::{QueueEntry, QueueSpace},
};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    path::PathBuf,
};

/// Queues whose entries lead to records of other topics, which only Apache RocketMQ writes.
pub(super) const LIGHT_PREFIX: &str = "%LMQ%";

/// What a record of the log says about its entry.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    pub queue_offset: i64,
    pub entry: QueueEntry,
    pub store_ms: i64,
    /// The tag hash is the time a delayed message is due.
    pub delayed: bool,
}

/// All queues, next to the walk.
#[derive(Debug)]
pub(super) struct QueueCheck {
    dir: PathBuf,
    log_min: i64,
    /// Records stored after this are read by a recovery.
    safe_ms: i64,
    queues: Vec<OneQueue>,
    by_topic: HashMap<String, BTreeMap<i32, usize>>,
    /// Records whose queue is not there.
    homeless: BTreeMap<(String, i32), Unlisted>,
    /// Queues that are not as the log says, by topic and id.
    pub wrong: BTreeSet<(String, i32)>,
    /// Files in queues' folders that do not belong there.
    pub strange_files: Vec<PathBuf>,
    /// Every delayed message is due when its level says.
    pub delays_fit: bool,
}

#[derive(Debug)]
struct OneQueue {
    reader: QueueReader,
    /// Entries below are accounted for.
    next: i64,
    matched: bool,
    /// Behind the last record the log has of it.
    seen_end: i64,
    unlisted: Unlisted,
}

/// Records in a row that their queue's entries do not lead to.
#[derive(Debug, Default)]
struct Unlisted {
    count: u64,
    first: i64,
    first_at: i64,
    last: i64,
    last_ms: i64,
}

impl QueueCheck {
    pub fn find(space: &QueueSpace, log_min: u64, safe_ms: i64, findings: &mut Findings) -> Result<Self, StoreError> {
        let found = queue::find(space)?;
        let (among, mut by_topic) = (found.len(), HashMap::<String, BTreeMap<i32, usize>>::new());
        let (mut queues, mut wrong, mut strange_files) = (Vec::with_capacity(among), BTreeSet::new(), Vec::new());
        for queue in found {
            findings.verdict.queues += 1;
            findings.verdict.queue_entries += (queue.end - queue.first) as u64;
            for (path, what) in &queue.strangers {
                findings.error(path.clone(), None, *what, REPAIR);
                strange_files.push(path.clone());
            }
            if !files_fit(&queue, space, findings) {
                wrong.insert((queue.topic.clone(), queue.id));
            }
            by_topic.entry(queue.topic.clone()).or_default().insert(queue.id, queues.len());
            let next = queue.first;
            let reader = QueueReader::new(queue, space.per_file, among);
            queues.push(OneQueue { reader, next, matched: false, seen_end: 0, unlisted: Unlisted::default() });
        }
        let (dir, log_min) = (space.dir.clone(), log_min as i64);
        Ok(Self {
            dir,
            log_min,
            safe_ms,
            queues,
            by_topic,
            homeless: BTreeMap::new(),
            wrong,
            strange_files,
            delays_fit: true,
        })
    }

    /// A record comes by that is to have an entry.
    pub fn record(
        &mut self,
        (topic, id): (&str, i32),
        wanted: Wanted,
        damages: &Damages,
        findings: &mut Findings,
    ) -> Result<(), StoreError> {
        let Some(index) = self.by_topic.get(topic).and_then(|ids| ids.get(&id)) else {
            self.homeless.entry((topic.to_owned(), id)).or_default().add(&wanted);
            return Ok(());
        };
        let queue = &mut self.queues[*index];
        queue.seen_end = wanted.queue_offset + 1;
        let entry = queue.reader.get(wanted.queue_offset)?;
        let before = findings.verdict.errors + findings.verdict.notes;
        match entry.filter(|entry| entry.physical_offset == wanted.entry.physical_offset) {
            None => queue.unlisted(&wanted, findings),
            Some(entry) => {
                self.delays_fit &= !wanted.delayed || entry.tag_hash == wanted.entry.tag_hash;
                queue.listed(&wanted, entry, self.log_min, damages, findings)?;
            }
        }
        if findings.verdict.errors + findings.verdict.notes > before {
            self.wrong.insert((topic.to_owned(), id));
        }
        Ok(())
    }

    /// The log is at its end. `topics`: those there are, if that is known.
    pub fn finish(
        &mut self,
        log_end: u64,
        topics: Option<&HashSet<String>>,
        in_use: bool,
        damages: &Damages,
        findings: &mut Findings,
    ) -> Result<(), StoreError> {
        for ((topic, id), Unlisted { count, first_at, last_ms, .. }) in &self.homeless {
            if topics.is_some_and(|topics| !topics.contains(topic)) {
                findings.verdict.of_deleted_topics += count;
                continue;
            }
            let path = self.dir.join(topic).join(id.to_string());
            let what = format!("the queue is missing; the log has {count} messages of it, the first at {first_at}");
            match *last_ms > self.safe_ms {
                true => findings.recoverable(path, None, what, REPAIR),
                false => findings.error(path, None, what, REPAIR),
            }
            self.wrong.insert((topic.clone(), *id));
        }
        for queue in &mut self.queues {
            let before = findings.verdict.errors + findings.verdict.notes;
            queue.finish(log_end as i64, (self.log_min, self.safe_ms), in_use, damages, findings)?;
            if findings.verdict.errors + findings.verdict.notes > before {
                self.wrong.insert((queue.reader.queue.topic.clone(), queue.reader.queue.id));
            }
        }
        Ok(())
    }

    /// Where the queue ends, as its entries or the log say; `None` if there is nothing of it.
    pub fn end_of(&self, topic: &str, id: i32) -> Option<i64> {
        match self.by_topic.get(topic).and_then(|ids| ids.get(&id)) {
            Some(index) => Some(self.queues[*index].seen_end.max(self.queues[*index].reader.queue.end)),
            None => self.homeless.get(&(topic.to_owned(), id)).map(|unlisted| unlisted.last + 1),
        }
    }
}

impl Unlisted {
    fn add(&mut self, wanted: &Wanted) {
        if self.count == 0 {
            (self.first, self.first_at) = (wanted.queue_offset, wanted.entry.physical_offset);
        }
        self.count += 1;
        (self.last, self.last_ms) = (wanted.queue_offset, wanted.store_ms);
    }
}

impl OneQueue {
    fn error(&self, at: i64, what: String, findings: &mut Findings) {
        let (path, offset) = self.reader.place(at);
        findings.error(path, offset, what, REPAIR);
    }

    /// The record's entry leads elsewhere, or there is none.
    fn unlisted(&mut self, wanted: &Wanted, findings: &mut Findings) {
        let offset = wanted.queue_offset;
        if self.unlisted.count > 0 && offset <= self.unlisted.last {
            self.settle_unlisted(Some(offset), findings);
        }
        self.unlisted.add(wanted);
    }

    /// The queue goes on at `offset`: what was not listed before is either of an earlier life of the topic, or wrong.
    fn settle_unlisted(&mut self, offset: Option<i64>, findings: &mut Findings) {
        let unlisted = std::mem::take(&mut self.unlisted);
        if unlisted.count == 0 {
            return;
        }
        if !self.matched && offset.is_some_and(|offset| offset <= unlisted.last) {
            findings.verdict.of_deleted_topics += unlisted.count;
            return;
        }
        let what = match unlisted.count {
            1 => format!("entry {} does not lead to its record, which is at {}", unlisted.first, unlisted.first_at),
            count => format!(
                "{count} entries from {} to {} do not lead to their records, the first of which is at {}",
                unlisted.first, unlisted.last, unlisted.first_at
            ),
        };
        self.error(unlisted.first, what, findings);
    }

    fn listed(
        &mut self,
        wanted: &Wanted,
        entry: QueueEntry,
        log_min: i64,
        damages: &Damages,
        findings: &mut Findings,
    ) -> Result<(), StoreError> {
        let at = wanted.queue_offset;
        self.settle_unlisted(Some(at), findings);
        self.sweep(at, log_min, damages, findings)?;
        if entry.size != wanted.entry.size {
            let what = format!("entry {at} says {} bytes, its record has {}", entry.size, wanted.entry.size);
            self.error(at, what, findings);
        }
        if entry.tag_hash != wanted.entry.tag_hash {
            let (has, wants) = (entry.tag_hash, wanted.entry.tag_hash);
            let (what, remedy) = match wanted.delayed {
                false => (format!("entry {at} has tag hash {has}, its record's tag has {wants}"), REPAIR),
                true => (
                    format!("entry {at} is due at {has} ms, its record at {wants}"),
                    "rmq store repair; if messageDelayLevel is not the default, give it with -c broker.conf",
                ),
            };
            let (path, offset) = self.reader.place(at);
            findings.error(path, offset, what, remedy);
        }
        self.matched = true;
        self.next = self.next.max(at + 1);
        Ok(())
    }

    /// Accounts for the entries before `to` that no record was found for.
    fn sweep(&mut self, to: i64, log_min: i64, damages: &Damages, findings: &mut Findings) -> Result<(), StoreError> {
        let mut empty: Option<i64> = None;
        while self.next < to {
            let at = self.next;
            self.next += 1;
            let entry = self.reader.get(at)?;
            if let Some(from) = empty.filter(|_| entry.is_some()) {
                self.empty(from, at, findings);
                empty = None;
            }
            match entry {
                None => _ = empty.get_or_insert(at),
                Some(QueueEntry::BLANK) if !self.matched => {}
                Some(entry) if entry.physical_end() <= log_min && !self.matched => {}
                Some(entry) if damages.touch(entry.physical_offset as u64, entry.physical_end() as u64) => {}
                Some(entry) => {
                    let leads_to = entry.physical_offset;
                    let what = format!("entry {at} leads to {leads_to}, where no message {at} of this queue is");
                    self.error(at, what, findings);
                }
            }
        }
        if let Some(from) = empty {
            self.empty(from, to, findings);
        }
        Ok(())
    }

    fn empty(&self, from: i64, to: i64, findings: &mut Findings) {
        let what = match to - from {
            1 => format!("entry {from} is empty"),
            count => format!("{count} entries from {from} to {} are empty", to - 1),
        };
        self.error(from, what, findings);
    }

    fn finish(
        &mut self,
        log_end: i64,
        (log_min, safe_ms): (i64, i64),
        in_use: bool,
        damages: &Damages,
        findings: &mut Findings,
    ) -> Result<(), StoreError> {
        let (topic, id, end) = (&self.reader.queue.topic, self.reader.queue.id, self.reader.queue.end);
        if topic.starts_with(LIGHT_PREFIX) {
            return Ok(());
        }
        if self.unlisted.count > 0 && self.unlisted.first >= end {
            let unlisted = std::mem::take(&mut self.unlisted);
            let what = format!(
                "the queue {topic}/{id} ends before {end}, but the log has messages {} to {} of it, the first at {}",
                unlisted.first, unlisted.last, unlisted.first_at
            );
            let path = self.reader.queue.dir.clone();
            match unlisted.last_ms > safe_ms || in_use {
                true => findings.recoverable(path, None, what, REPAIR),
                false => findings.error(path, None, what, REPAIR),
            }
        }
        self.settle_unlisted(None, findings);
        // What leads behind the log's end is one thing, however many entries it is.
        let mut last = end;
        while last > self.next
            && self.reader.get(last - 1)?.is_some_and(|entry| {
                entry.physical_end() > log_end
                    && entry != QueueEntry::BLANK
                    && !damages.touch(entry.physical_offset as u64, entry.physical_end() as u64)
            })
        {
            last -= 1;
        }
        self.sweep(last, log_min, damages, findings)?;
        if last < end && !in_use {
            let what = format!("{} entries from {last} on lead behind the end of the log, {log_end}", end - last);
            let (path, offset) = self.reader.place(last);
            findings.recoverable(path, offset, what, REPAIR);
        }
        Ok(())
    }
}

/// Whether the files are a row of files of the right size.
fn files_fit(queue: &queue::Queue, space: &QueueSpace, findings: &mut Findings) -> bool {
    let before = findings.verdict.errors + findings.verdict.notes;
    let mut expected = queue.first;
    for (index, part) in queue.parts.iter().enumerate() {
        if part.first != expected {
            let what = format!("the file for entries {expected} to {} is missing before this one", part.first - 1);
            findings.error(part.path.clone(), None, what, REPAIR);
        }
        if part.len != space.file_bytes() {
            let what = format!("has {} bytes, the others have {}", part.len, space.file_bytes());
            match index + 1 == queue.parts.len() && part.len < space.file_bytes() {
                true => findings.recoverable(part.path.clone(), None, what, REPAIR),
                false => findings.error(part.path.clone(), None, what, REPAIR),
            }
        }
        expected = part.first + space.per_file;
    }
    findings.verdict.errors + findings.verdict.notes == before
}
