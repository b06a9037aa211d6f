//! Stores to test with, and messages to put in them.

use base::Clock;
use protocol::record::{NewRecord, SysFlag};
use std::{path::Path, sync::Arc};
use store::{MessageStore, Placed, PullSpec, Removed, RetentionRules, StoreConfig, StoreError};

pub const START_MS: i64 = 1_700_000_000_000;

/// A message with a body and properties, to queue 0 of a topic.
#[derive(Clone, Copy)]
pub struct Message<'a> {
    pub topic: &'a str,
    pub queue_id: i32,
    pub sys_flag: i32,
    pub body: &'a [u8],
    pub properties: &'a str,
}

pub fn message<'a>(topic: &'a str, body: &'a [u8]) -> Message<'a> {
    Message { topic, queue_id: 0, sys_flag: 0, body, properties: "" }
}

impl<'a> Message<'a> {
    pub fn record(&self) -> NewRecord<'a> {
        NewRecord {
            topic: self.topic,
            queue_id: self.queue_id,
            flag: 0,
            sys_flag: SysFlag(self.sys_flag),
            born_ms: START_MS,
            born_host: "127.0.0.1:4000".parse().unwrap(),
            store_host: "127.0.0.1:10911".parse().unwrap(),
            reconsume_times: 0,
            prepared_transaction_offset: 0,
            body: self.body,
            properties: self.properties,
        }
    }
}

/// A store with tiny files and a clock that a test moves.
pub fn open(dir: &Path) -> Arc<MessageStore> {
    open_with(dir, &Clock::manual(START_MS)).unwrap()
}

pub fn open_with(dir: &Path, clock: &Clock) -> Result<Arc<MessageStore>, StoreError> {
    MessageStore::open(StoreConfig::small(dir), clock.clone())
}

pub fn put_all(store: &MessageStore, messages: &[Message<'_>]) -> Vec<Placed> {
    let (mut batch, mut placed) = (store.batch(), Vec::new());
    for message in messages {
        batch.push(&message.record()).unwrap();
    }
    store.append(&mut batch, &mut placed).unwrap();
    assert!(batch.is_empty());
    placed
}

pub fn put(store: &MessageStore, message: Message<'_>) -> Placed {
    put_all(store, &[message])[0]
}

/// Far in the future, in an hour of `deleteWhen`: every log file is old.
pub const EVERYTHING: RetentionRules = RetentionRules {
    now_ms: i64::MAX / 2,
    file_reserved_hours: 72,
    hour_has_come: true,
    asked: false,
    max_used: 1.0,
    clean_forcibly: None,
    refuse_over: 1.0,
};

/// What one call deletes.
pub fn delete(store: &MessageStore, rules: &RetentionRules) -> Vec<Removed> {
    let mut removed = Vec::new();
    store.delete_expired(rules, &mut removed).unwrap();
    assert!(removed.iter().all(|gone| !gone.path.exists()), "{removed:?}");
    removed
}

/// The bodies of a queue from `offset` to its end.
pub fn bodies(store: &MessageStore, topic: &str, queue_id: i32, mut offset: i64) -> Vec<Vec<u8>> {
    let mut bodies = Vec::new();
    while let Some(records) = pull(store, topic, queue_id, offset) {
        for record in &records {
            assert_eq!((record.queue_offset, &*record.topic), (offset, topic));
            bodies.push(record.body.to_vec());
            offset += 1;
        }
    }
    bodies
}

fn pull(store: &MessageStore, topic: &str, queue_id: i32, offset: i64) -> Option<Vec<protocol::record::Record>> {
    let pulled = store.pull(&PullSpec { topic, queue_id, offset, max_messages: 32 }, |_, _| true);
    let records: Vec<_> =
        pulled.records.into_iter().flat_map(|run| protocol::record::decode_all(run, true).unwrap()).collect();
    assert_eq!(records.len(), pulled.message_count);
    (!records.is_empty()).then_some(records)
}

/// How many bytes the log's files hold before the first zero record, by their names and sizes.
pub fn files(dir: &Path) -> Vec<String> {
    let mut names: Vec<_> = std::fs::read_dir(dir)
        .into_iter()
        .flatten()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}
