//! Stores to copy from and to, and messages to put in them.

use base::Clock;
use protocol::record::{NewRecord, SysFlag};
use replication::{Master, MasterRules, Slave, SlaveRules};
use std::{path::Path, sync::Arc, time::Duration};
use store::{MessageStore, RetentionRules, StoreConfig};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

pub const START_MS: i64 = 1_700_000_000_000;
pub const SECOND: Duration = Duration::from_secs(1);

pub fn open(dir: &Path) -> Arc<MessageStore> {
    MessageStore::open(StoreConfig::small(dir), Clock::manual(START_MS)).unwrap()
}

/// Stores one message and returns where it ends.
pub fn put(store: &MessageStore, topic: &str, queue_id: i32, body: &[u8], properties: &str) -> u64 {
    let (mut batch, mut placed) = (store.batch(), Vec::new());
    let host = "127.0.0.1:10911".parse().unwrap();
    let record = NewRecord {
        topic,
        queue_id,
        flag: 0,
        sys_flag: SysFlag(0),
        born_ms: START_MS,
        born_host: host,
        store_host: host,
        reconsume_times: 0,
        prepared_transaction_offset: 0,
        body,
        properties,
    };
    batch.push(&record).unwrap();
    store.append(&mut batch, &mut placed).unwrap();
    placed[0].end()
}

/// Stores messages until the log is at least `bytes` long.
pub fn fill(store: &MessageStore, bytes: u64) {
    let mut number = store.written().get();
    while number < bytes {
        let body = format!("{number} {}", "x".repeat(number as usize % 700));
        number = put(store, "T", (number % 4) as i32, body.as_bytes(), "");
    }
}

/// All bytes of the log that are there.
pub fn log(store: &MessageStore) -> Vec<u8> {
    log_from(store, store.min_physical() as u64)
}

pub fn log_from(store: &MessageStore, mut at: u64) -> Vec<u8> {
    let mut log = Vec::new();
    while let Some(some) = store.copy_from(at, usize::MAX) {
        at += some.len() as u64;
        log.extend_from_slice(&some);
    }
    assert_eq!(at, store.written().get());
    log
}

/// Deletes all files of the log but the last.
pub fn delete_files(store: &MessageStore) {
    let rules = RetentionRules {
        now_ms: i64::MAX / 2,
        file_reserved_hours: 72,
        hour_has_come: true,
        asked: false,
        max_used: 1.0,
        clean_forcibly: None,
        refuse_over: 1.0,
    };
    let mut removed = vec![];
    while {
        removed.clear();
        store.delete_expired(&rules, &mut removed).unwrap();
        removed.iter().any(|removed| removed.reason.is_of_log())
    } {}
}

pub fn master_rules() -> MasterRules {
    MasterRules { heartbeat: 5 * SECOND, silence: 20 * SECOND, frame_bytes: 32 << 10 }
}

pub fn slave_rules() -> SlaveRules {
    SlaveRules { heartbeat: 5 * SECOND, silence: 20 * SECOND, acknowledges_flushed: false }
}

pub fn master_of(store: &Arc<MessageStore>) -> Arc<Master> {
    Arc::new(Master::new(store.clone(), master_rules(), Clock::manual(START_MS)))
}

pub fn slave_of(store: &Arc<MessageStore>) -> Arc<Slave> {
    Arc::new(Slave::new(store.clone(), slave_rules()))
}

/// A frame, read by hand.
pub async fn frame(stream: &mut DuplexStream) -> (u64, Vec<u8>) {
    let at = stream.read_u64().await.unwrap();
    let mut bytes = vec![0; stream.read_u32().await.unwrap() as usize];
    stream.read_exact(&mut bytes).await.unwrap();
    (at, bytes)
}

/// A frame, written by hand, to who may hang up before it is all out.
pub async fn send_frame(stream: &mut DuplexStream, at: u64, bytes: &[u8]) {
    let header = [&at.to_be_bytes()[..], &(bytes.len() as u32).to_be_bytes()].concat();
    if stream.write_all(&header).await.is_ok() {
        _ = stream.write_all(bytes).await;
    }
}
