//! What a read checks before it gives a record out, and the places found damaged.
//!
//! Nothing is mended here: a damaged record is not served, is told once, and stays where it is.

use crate::{
    fanout::{SCHEDULE_TOPIC, tag_hash},
    queue_files::QueueEntry,
    view::RecordView,
};
use parking_lot::Mutex;
use protocol::properties;
use std::collections::BTreeSet;

/// Places that are remembered; beyond it they are told each time they are met.
const MOST_PLACES: usize = 10_000;

/// The places of the log where a reader met damage.
#[derive(Debug, Default)]
pub(crate) struct Damage {
    places: Mutex<BTreeSet<u64>>,
}

impl Damage {
    /// Notes and tells that what is at `offset` of the log is not what was stored.
    pub fn found(&self, offset: u64, why: &str) {
        let mut places = self.places.lock();
        if places.len() < MOST_PLACES && places.insert(offset) {
            tracing::error!(
                offset,
                why,
                "damaged record in the commit log: it is not served; bring the file back from a slave or a copy"
            );
        }
    }

    /// How many places were found.
    pub fn count(&self) -> u64 {
        self.places.lock().len() as u64
    }
}

/// What is wrong with a record that the entry at `queue_offset` of a queue leads to; `None` if nothing is.
pub(crate) fn flaw(
    record: &RecordView<'_>,
    entry: &QueueEntry,
    (topic, queue_id, queue_offset): (&str, i32, i64),
) -> Option<&'static str> {
    if record.physical_offset() != entry.physical_offset || record.size() != u64::from(entry.size) {
        return Some("its queue's entry states another place or size");
    }
    // What transaction and retry messages were meant for does not matter: the record names the queue it is in.
    if record.topic() != topic || record.queue_id() != queue_id || record.queue_offset() != queue_offset {
        return Some("it belongs to another queue or another place in it");
    }
    let whole = record.whole_crc_holds();
    if whole == Some(false) {
        return Some("the record is not what its CRC says");
    }
    if !record.crc_holds() {
        return Some("the body is not what its CRC says");
    }
    if whole.is_none() && topic != SCHEDULE_TOPIC {
        let text = record.properties();
        if properties::get(&text, properties::TAGS).map_or(0, tag_hash) != entry.tag_hash {
            return Some("its tag is not the one in its queue's entry");
        }
    }
    None
}
