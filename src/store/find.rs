//! Messages by key, through the index.
//!
//! Source: `DefaultMessageStore.queryMessage` and `IndexService.queryOffset`. The index knows hashes only; here every
//! record is looked at, so that two keys with one hash are not taken for each other.

use crate::{
    MessageStore, StoreError,
    fanout::index_hash,
    view::{Found as Seen, RecordView, look},
};
use bytes::Bytes;
use protocol::properties;
use std::collections::BTreeMap;

/// Messages found by key.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// The records, slices of the log, oldest first.
    pub records: Vec<Bytes>,
    /// When the newest indexed message was stored, ms; 0 if none is.
    pub last_update_ms: i64,
    /// Its physical offset; 0 if none is.
    pub last_update_offset: i64,
}

impl MessageStore {
    /// The newest messages of `topic` with `key`, as unique key or among its keys, that were stored in
    /// `begin_ms..=end_ms`; at most `max`, and at most the configured `max_msgs_num_batch`. Nothing if messages are not
    /// indexed.
    ///
    /// # Errors
    /// If the index cannot be read.
    pub fn find(&self, topic: &str, key: &str, max: usize, begin_ms: i64, end_ms: i64) -> Result<Found, StoreError> {
        let parts = self.parts();
        let Some(index) = &parts.index else { return Ok(Found::default()) };
        let max = max.min(parts.config.max_msgs_num_batch);
        let (last_update_ms, last_update_offset) = index.last_update();
        let mut records = BTreeMap::new();
        index.visit(index_hash(topic, key), begin_ms, end_ms, |offset| {
            if records.len() >= max {
                return false;
            }
            if let Some(bytes) = parts.log.record_at(offset)
                && let Seen::Record(record) = look(&bytes)
                && (begin_ms..=end_ms).contains(&record.store_ms())
                && record.topic() == topic
                && has_key(&record, key)
            {
                records.insert(offset, bytes);
            }
            records.len() < max
        })?;
        Ok(Found { records: records.into_values().collect(), last_update_ms, last_update_offset })
    }
}

fn has_key(record: &RecordView<'_>, key: &str) -> bool {
    let text = record.properties();
    properties::get(&text, properties::UNIQUE_KEY) == Some(key) || properties::keys(&text).any(|one| one == key)
}
