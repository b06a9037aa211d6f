//! Giving queues and index what they miss of the log, after a start found how far the log is good.
//!
//! A queue's entries must be a row without gaps. What is missing in it is read from the log again; a record that is damaged
//! or gone keeps its place in the row by an entry that leads to where it was, which readers find to be no such message.

use crate::{
    StoreError,
    append::names_a_folder,
    consume_queue::{ConsumeQueue, Offered},
    fanout::Plan,
    index_file::Key,
    leap::{MOST_FILLED, leap, start_anew},
    parts::Parts,
    queue_files::{LAST_OFFSET, QueueEntry},
    scan::{FoundFile, Scan},
    view::RecordView,
};
use protocol::record::MIN_LEN;
use std::{
    collections::HashMap,
    sync::{Arc, atomic::Ordering},
};

/// From where on the log is to be offered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Missing {
    /// Queues have every entry of the records below.
    pub queues_from: u64,
    /// The index has every key of the records below.
    pub index_from: u64,
    /// The end of the log.
    pub end: u64,
}

/// Reads the log from where queues or index miss something. If a queue turns out to miss entries from before that, the
/// whole log is read again.
pub(crate) fn catch_up(parts: &Parts, files: &[FoundFile], synced: u64, missing: Missing) -> Result<(), StoreError> {
    let config = &parts.config;
    let scan = Scan {
        disk: &config.disk,
        files,
        file_size: parts.log.file_size,
        check_crc: false,
        synced: synced.min(missing.end),
    };
    let first = files.first().map_or(0, |file| file.start);
    let from = missing.queues_from.min(missing.index_from).max(first);
    let mut pass = Pass::new(parts, missing, missing.queues_from <= first);
    pass.run(&scan, from)?;
    if pass.gap {
        tracing::warn!(first, end = missing.end, "consume queues miss older entries: reading all of the log");
        let mut pass = Pass::new(parts, Missing { queues_from: first, index_from: u64::MAX, ..missing }, true);
        pass.run(&scan, first)?;
    }
    Ok(())
}

/// A record out of its queue's row, until the next one tells which of the two is right.
struct Suspect {
    offset: i64,
    entry: QueueEntry,
}

struct Pass<'a> {
    parts: &'a Parts,
    missing: Missing,
    /// The log is read from its start, so that a gap is one.
    whole: bool,
    /// A queue misses entries from before this pass.
    gap: bool,
    suspects: HashMap<(String, i32), Suspect>,
    hashes: Vec<u32>,
}

impl<'a> Pass<'a> {
    fn new(parts: &'a Parts, missing: Missing, whole: bool) -> Self {
        Self { parts, missing, whole, gap: false, suspects: HashMap::new(), hashes: Vec::new() }
    }

    fn run(&mut self, scan: &Scan<'_>, from: u64) -> Result<(), StoreError> {
        scan.run((from, self.missing.end), |record| self.visit(record))?;
        for ((topic, id), suspect) in std::mem::take(&mut self.suspects) {
            let queue = self.parts.queues.get_or_make(&topic, id);
            // Nothing came after it. A first message is believed, and so is a short gap in which as many records had room.
            let ahead = suspect.offset - queue.next();
            let room = suspect.entry.physical_offset - queue.physical_end();
            if suspect.offset == 0 || (0..MOST_FILLED).contains(&ahead) && ahead * MIN_LEN as i64 <= room {
                self.jump(&queue, &suspect)?;
            } else {
                queue.add(suspect.entry);
            }
        }
        Ok(())
    }

    fn visit(&mut self, record: &RecordView<'_>) -> Result<(), StoreError> {
        let parts = self.parts;
        let (physical_offset, topic) = (record.physical_offset(), record.topic());
        self.hashes.clear();
        let plan = Plan::new(&topic, record.sys_flag(), &record.properties(), &mut self.hashes);
        parts.last_store_ms.fetch_max(record.store_ms(), Ordering::AcqRel);
        if let Some(index) = parts.index.as_ref().filter(|_| physical_offset as u64 >= self.missing.index_from) {
            index.note(self.hashes.iter().map(|&hash| Key { hash, physical_offset, store_ms: record.store_ms() }));
        }
        let offset = record.queue_offset();
        let queued =
            plan.queued && names_a_folder(&topic) && record.queue_id() >= 0 && (0..=LAST_OFFSET).contains(&offset);
        let known = (physical_offset as u64) < self.missing.queues_from;
        if !queued || known || parts.deleted.covers(&topic, physical_offset as u64) {
            return Ok(());
        }
        let tag_hash = plan.tag.value(&parts.delay_levels_ms, record.store_ms());
        let entry = QueueEntry { physical_offset, size: record.size() as u32, tag_hash };
        let queue = parts.queues.get_or_make(&topic, record.queue_id());
        self.offer(&queue, Suspect { offset, entry })
    }

    fn offer(&mut self, queue: &Arc<ConsumeQueue>, record: Suspect) -> Result<(), StoreError> {
        let mut queue = queue.clone();
        if !self.suspects.is_empty()
            && let Some(suspect) = self.suspects.remove(&(queue.topic().to_owned(), queue.id()))
        {
            let fits_the_row = record.offset == queue.next() + 1;
            if !fits_the_row && (record.offset == suspect.offset + 1 || suspect.offset == 0) {
                queue = self.jump(&queue, &suspect)?;
            } else {
                // Its place is where the row says, whatever it says itself: it is damaged.
                queue.add(suspect.entry);
            }
        }
        match queue.offer(record.offset, record.entry) {
            Offered::Taken | Offered::Known => {}
            Offered::Gap if !self.whole => self.gap = true,
            Offered::Gap if queue.max_offset() == 0 => {
                start_anew(&self.parts.queues, &queue, record.offset)?.add(record.entry);
            }
            Offered::Gap | Offered::Restarted => {
                self.suspects.insert((queue.topic().to_owned(), queue.id()), record);
            }
        }
        Ok(())
    }

    /// Goes on at the record's own offset, which is not the next one of its queue.
    fn jump(&self, queue: &Arc<ConsumeQueue>, record: &Suspect) -> Result<Arc<ConsumeQueue>, StoreError> {
        let queue = leap(&self.parts.queues, queue, record.offset, record.entry.physical_offset)?;
        queue.add(record.entry);
        Ok(queue)
    }
}
