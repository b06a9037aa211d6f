//! A master, a slave, the pieces that go from one to the other, and the comparison of both.

use crate::support::*;
use base::Clock;
use rand::{Rng, rngs::StdRng};
use std::{path::Path, sync::Arc};
use store::{MessageStore, StoreConfig};

pub const FILE: u64 = 16 << 10;
const TOPICS: [&str; 4] = ["A", "B", "%RETRY%g", "SCHEDULE_TOPIC_XXXX"];

/// Appends some batches of messages of all kinds.
pub fn fill(store: &MessageStore, rng: &mut StdRng, batches: usize) {
    for _ in 0..batches {
        let longest = [50, 400, 4000][rng.random_range(0..3)];
        let drafts: Vec<_> = (0..rng.random_range(1..12))
            .map(|_| {
                let number: u32 = rng.random_range(0..1_000_000);
                let properties = match rng.random_range(0..4) {
                    0 => String::new(),
                    1 => format!("KEYS\u{1}k{number} all\u{2}TAGS\u{1}t{}\u{2}", number % 3),
                    2 => format!("UNIQ_KEY\u{1}u{number}\u{2}"),
                    _ => format!("DELAY\u{1}{}\u{2}KEYS\u{1}k{number}\u{2}", 1 + number % 5),
                };
                let body: Vec<u8> = (0..rng.random_range(0..longest)).map(|_| rng.random()).collect();
                // One in eight belongs to a transaction.
                let sys_flag = [0, 0, 0, 0, 0, 0, 0, 4, 8, 12][rng.random_range(0..10)];
                (TOPICS[rng.random_range(0..4)], rng.random_range(0..3), sys_flag, body, properties)
            })
            .collect();
        let messages: Vec<_> = drafts
            .iter()
            .map(|(topic, queue_id, sys_flag, body, properties)| Message {
                topic,
                queue_id: *queue_id,
                sys_flag: *sys_flag,
                body,
                properties,
            })
            .collect();
        put_all(store, &messages);
    }
}

/// The bytes of the log in `from..to`.
pub fn log_bytes(store: &MessageStore, from: u64, to: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while from + (bytes.len() as u64) < to {
        let at = from + bytes.len() as u64;
        bytes.extend_from_slice(&store.copy_from(at, (to - at) as usize).unwrap());
    }
    bytes
}

/// Whether the store has no record.
fn is_empty(store: &MessageStore) -> bool {
    store.min_physical() == store.max_physical()
}

/// Gives the slave what it lacks up to `to`, in pieces of random size, as they may come from a connection.
pub fn feed_to(master: &MessageStore, slave: &MessageStore, to: u64, rng: &mut StdRng) {
    let mut end = if is_empty(slave) { master.min_physical() } else { slave.max_physical() } as u64;
    let largest = [8, 300, 5000, 100_000][rng.random_range(0..4)];
    let mut held = Vec::new();
    while end + (held.len() as u64) < to {
        let at = end + held.len() as u64;
        let most = rng.random_range(1..=largest).min((to - at) as usize);
        held.extend_from_slice(&master.copy_from(at, most).unwrap());
        let taken = slave.append_copied(end, &held).unwrap();
        held.drain(..taken);
        end += taken as u64;
        assert!(taken == 0 || slave.max_physical() as u64 == end);
        assert!(held.len() < 9000, "a record that is whole was not taken");
    }
}

pub fn feed(master: &MessageStore, slave: &MessageStore, rng: &mut StdRng) {
    feed_to(master, slave, master.max_physical() as u64, rng);
}

/// Opens a slave with tiny files.
pub fn open_slave(dir: &Path) -> Arc<MessageStore> {
    MessageStore::open(StoreConfig::small(dir), Clock::manual(START_MS + 10_000)).unwrap()
}

/// All entries of a queue.
pub fn entries(store: &MessageStore, topic: &str, id: i32) -> Vec<store::QueueEntry> {
    let Some(queue) = store.queue(topic, id) else { return Vec::new() };
    let (min, max) = (queue.min_offset(), queue.max_offset());
    let mut entries = Vec::new();
    while min + (entries.len() as i64) < max {
        assert!(queue.read(min + entries.len() as i64, 1000, &mut entries).unwrap() > 0);
    }
    entries
}

/// The slave is the master's copy: log, queues, and what is found by key.
pub fn assert_same(master: &MessageStore, slave: &MessageStore) {
    let (from, to) = (slave.min_physical() as u64, slave.max_physical() as u64);
    assert_eq!(to, master.max_physical() as u64);
    assert!(log_bytes(master, from, to) == log_bytes(slave, from, to), "the logs differ");
    let topics = |store: &MessageStore| -> Vec<_> {
        let with_messages = |topic: &Arc<str>| (0..3).any(|id| !entries(store, topic, id).is_empty());
        store.topics().into_iter().filter(with_messages).collect()
    };
    assert_eq!(topics(master), topics(slave));
    let mut keys = 0;
    for topic in topics(master) {
        for id in 0..3 {
            let (theirs, ours) = (entries(master, &topic, id), entries(slave, &topic, id));
            assert!(theirs == ours, "queue {topic} {id}: {} and {} entries", theirs.len(), ours.len());
            if theirs.is_empty() {
                continue;
            }
            let ends = |store: &MessageStore| store.queue(&topic, id).map(|it| (it.min_offset(), it.max_offset()));
            assert_eq!(ends(master), ends(slave), "queue {topic} {id}");
            for entry in theirs.iter().step_by(7) {
                let record = master.record_at(entry.physical_offset).unwrap();
                let text = store::properties(&record).unwrap().into_owned();
                for key in protocol::properties::keys(&text).chain(protocol::properties::get(&text, "UNIQ_KEY")) {
                    let found = |store: &MessageStore| store.find(&topic, key, 64, 0, i64::MAX).unwrap().records;
                    assert!(found(slave) == found(master), "by {key}");
                    assert!(!found(slave).is_empty());
                    keys += 1;
                }
            }
        }
    }
    assert!(keys > 0, "nothing was looked for by key");
}

/// Waits until `holds`, a minute at most.
pub fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while !holds() {
        assert!(std::time::Instant::now() < deadline, "waited a minute until {what}");
        std::thread::yield_now();
    }
}
