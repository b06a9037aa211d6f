//! What readers are given: nothing that a power cut could take back, and nothing that is not what was stored.

use crate::support::*;
use base::{
    Clock, Disk,
    disk::{Call, Refused, Tap},
};
use std::{
    os::unix::fs::FileExt,
    path::Path,
    sync::{Arc, Condvar, Mutex},
};
use store::{FlushDiskType, MessageStore, PullSpec, PullStatus, StoreConfig};

/// A disk that takes its time: a sync of the log waits until the test lets it.
#[derive(Default)]
struct Slow {
    open: Mutex<bool>,
    changed: Condvar,
}

impl Slow {
    fn let_go(&self) {
        *self.open.lock().unwrap() = true;
        self.changed.notify_all();
    }
}

impl Tap for Slow {
    fn before(&self, call: &Call<'_>) -> Result<(), Refused> {
        // Not the one of a new file: it is made by who appends.
        let flushing = std::thread::current().name() == Some("store-log");
        if flushing && matches!(call, Call::Sync { path } if path.to_string_lossy().contains("commitlog")) {
            let open = self.open.lock().unwrap();
            drop(self.changed.wait_while(open, |open| !*open).unwrap());
        }
        Ok(())
    }

    fn after(&self, _: &Call<'_>) {}
}

fn wait(for_it: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async { tokio::time::timeout(std::time::Duration::from_secs(30), for_it).await }).unwrap();
}

#[test]
fn with_a_synchronous_flush_nobody_sees_a_message_before_it_is_on_the_disk() {
    let dir = tempfile::tempdir().unwrap();
    let slow = Arc::new(Slow::default());
    let config = StoreConfig {
        flush_disk_type: FlushDiskType::Sync,
        disk: Disk::with_tap(slow.clone()),
        ..StoreConfig::small(dir.path())
    };
    let store = MessageStore::open(config, Clock::manual(START_MS)).unwrap();
    let placed = put(&store, Message { properties: "KEYS\u{1}k", ..message("T", b"hello") });
    let seen = |store: &MessageStore| {
        let found = store.find("T", "k", 10, 0, i64::MAX).unwrap().records.len();
        (bodies(store, "T", 0, 0).len(), found, store.record_at(placed.physical_offset).is_some())
    };
    assert_eq!((store.written().get(), seen(&store)), (placed.end(), (0, 0, false)));
    assert_eq!(store.queue("T", 0).unwrap().max_offset(), 0);
    slow.let_go();
    wait(store.flushed().reached(placed.end()));
    assert_eq!(seen(&store), (1, 1, true));
    // The next one is flushed although nobody asks for it.
    let next = put(&store, message("T", b"again"));
    let queue = store.queue("T", 0).unwrap();
    wait(queue.end().reached(2));
    assert_eq!((next.queue_offset, bodies(&store, "T", 0, 0).len()), (1, 2));
}

fn flip(dir: &Path, at: i64, mask: u8) {
    let path = dir.join(format!("commitlog/{:020}", at as u64 - at as u64 % (16 << 10)));
    let file = std::fs::OpenOptions::new().read(true).write(true).open(path).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, at as u64 % (16 << 10)).unwrap();
    file.write_all_at(&[byte[0] ^ mask], at as u64 % (16 << 10)).unwrap();
}

#[test]
fn a_damaged_message_is_not_served_and_those_around_it_are() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let messages: Vec<Vec<u8>> = (0..5).map(|n| vec![b'a' + n; 50]).collect();
    let placed: Vec<_> = messages
        .iter()
        .map(|body| put(&store, Message { properties: "KEYS\u{1}k\u{2}TAGS\u{1}red", ..message("T", body) }))
        .collect();
    // In the body of the second, and in the tag of the fourth.
    flip(dir.path(), placed[1].physical_offset + 100, 1);
    flip(dir.path(), placed[3].physical_offset + i64::from(placed[3].size) - 1, 4);
    let pulled = store.pull(&PullSpec { topic: "T", queue_id: 0, offset: 0, max_messages: 32 }, |_, _| true);
    assert_eq!((pulled.status, pulled.message_count, pulled.next_offset), (PullStatus::Found, 3, 5));
    assert!(store.record_at(placed[1].physical_offset).is_none());
    assert_eq!(store.find("T", "k", 10, 0, i64::MAX).unwrap().records.len(), 4, "the tag is no matter of the key");
    assert_eq!(store.stats().damaged_records, 2);
    let only = store.pull(&PullSpec { topic: "T", queue_id: 0, offset: 1, max_messages: 1 }, |_, _| true);
    assert_eq!((only.status, only.next_offset), (PullStatus::Found, 3), "it goes on behind what it cannot give");
}

#[test]
fn a_record_with_a_checksum_of_its_own_shows_damage_in_every_bit() {
    let dir = tempfile::tempdir().unwrap();
    let config = StoreConfig { enabled_append_prop_crc: true, ..StoreConfig::small(dir.path()) };
    let store = MessageStore::open(config, Clock::manual(START_MS)).unwrap();
    let placed = put(&store, Message { properties: "a\u{1}b", ..message("T", b"hello") });
    let bytes = store.record_at(placed.physical_offset).unwrap().to_vec();
    assert!(bytes.ends_with(b"\x02") && bytes.windows(9).any(|nine| nine == b"__CRC32#\x01"));
    for at in 0..bytes.len() as i64 {
        for bit in 0..8 {
            flip(dir.path(), placed.physical_offset + at, 1 << bit);
            assert!(store.record_at(placed.physical_offset).is_none(), "byte {at}, bit {bit}");
            assert!(bodies(&store, "T", 0, 0).is_empty(), "byte {at}, bit {bit}");
            flip(dir.path(), placed.physical_offset + at, 1 << bit);
        }
    }
    assert_eq!(bodies(&store, "T", 0, 0), [b"hello"]);
}

#[test]
fn a_file_that_was_cut_short_under_an_open_store_is_damage_and_not_the_end_of_the_process() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let placed = put(&store, Message { properties: "KEYS\u{1}k", ..message("T", b"hello") });
    let file = std::fs::OpenOptions::new().write(true).open(dir.path().join("commitlog/00000000000000000000")).unwrap();
    file.set_len(0).unwrap();
    assert!(store.record_at(placed.physical_offset).is_none());
    assert!(bodies(&store, "T", 0, 0).is_empty());
    assert!(store.find("T", "k", 1, 0, i64::MAX).unwrap().records.is_empty());
    assert_eq!(store.stats().damaged_records, 1);
}
