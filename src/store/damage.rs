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
use std::{borrow::Cow, collections::BTreeSet};

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

/// The tag in a property string, of which every read looks at this part only.
fn tag_of(text: &[u8]) -> Option<Cow<'_, str>> {
    const NAME: &[u8] = properties::TAGS.as_bytes();
    let mut pairs = text.rsplit(|byte| *byte == properties::PROPERTY_SEPARATOR as u8);
    let tag =
        pairs.find_map(|pair| pair.strip_prefix(NAME)?.strip_prefix(&[properties::NAME_VALUE_SEPARATOR as u8]))?;
    Some(String::from_utf8_lossy(tag))
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
    if !record.is_of(topic) || record.queue_id() != queue_id || record.queue_offset() != queue_offset {
        return Some("it belongs to another queue or another place in it");
    }
    let whole = record.whole_crc_holds();
    if whole == Some(false) {
        return Some("the record is not what its CRC says");
    }
    if !record.crc_holds() {
        return Some("the body is not what its CRC says");
    }
    if whole.is_none()
        && topic != SCHEDULE_TOPIC
        && tag_of(record.property_bytes()).map_or(0, |tag| tag_hash(&tag)) != entry.tag_hash
    {
        return Some("its tag is not the one in its queue's entry");
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tag_is_the_one_that_the_queue_entry_was_made_of() {
        for text in ["TAGS\u{1}a\u{2}KEYS\u{1}k", "TAGS\u{1}x\u{2}TAGS\u{1}a", "xTAGS\u{1}x\u{2}TAGS\u{1}a\u{2}"] {
            assert_eq!(tag_of(text.as_bytes()).as_deref(), Some("a"), "{text:?}");
            assert_eq!(properties::get(text, properties::TAGS), Some("a"));
        }
        assert_eq!((tag_of(b""), tag_of(b"TAGSx\x01a\x02KEYS\x01TAGS"), tag_of(b"TAGS")), (None, None, None));
    }
}
