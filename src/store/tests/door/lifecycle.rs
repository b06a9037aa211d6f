//! Opening, closing, opening again.

use crate::support::*;
use base::Clock;
use store::{FlushDiskType, MessageStore, StoreConfig, StoreError};

#[test]
fn a_closed_store_opens_with_all_it_had_and_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let all: Vec<Vec<u8>> = (0..500).map(|n| vec![b'x'; n]).collect();
    for round in all.chunks(100) {
        let store = open(dir.path());
        for body in round {
            put(&store, message("T", body));
        }
        assert!(dir.path().join("abort").exists());
        store.close().unwrap();
        assert!(!dir.path().join("abort").exists());
        store.close().unwrap();
        let (mut batch, mut placed) = (store.batch(), Vec::new());
        batch.push(&message("T", b"late").record()).unwrap();
        assert!(matches!(store.append(&mut batch, &mut placed), Err(StoreError::Closed)));
    }
    let store = open(dir.path());
    assert!(bodies(&store, "T", 0, 0) == all);
    assert_eq!(store.flushed().get(), store.written().get());
}

#[test]
fn a_second_store_on_the_directory_is_refused_with_the_holders_pid() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    for _ in 0..2 {
        let refused = open_with(dir.path(), &Clock::System).unwrap_err();
        let StoreError::InUse { pid, .. } = &refused else { panic!("{refused}") };
        assert_eq!(*pid, Some(std::process::id()));
        assert!(refused.to_string().contains(&format!("process {}", std::process::id())), "{refused}");
    }
    store.close().unwrap();
    open(dir.path()).close().unwrap();
}

#[test]
fn log_files_of_another_size_are_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    put(&store, message("T", b"x"));
    store.close().unwrap();
    drop(store);
    let other = StoreConfig { mapped_file_size_commit_log: 32 << 10, ..StoreConfig::small(dir.path()) };
    let refused = MessageStore::open(other, Clock::System).unwrap_err().to_string();
    assert!(
        refused.contains("commitlog/00000000000000000000") && refused.contains("mappedFileSizeCommitLog"),
        "{refused}"
    );
    assert!(!dir.path().join("abort").exists(), "a store that was refused is as clean as before");
    // Queues can be made anew from the log, so theirs may change.
    let other = StoreConfig { mapped_file_size_consume_queue: 2000, ..StoreConfig::small(dir.path()) };
    let store = MessageStore::open(other, Clock::System).unwrap();
    assert_eq!(bodies(&store, "T", 0, 0), [b"x"]);
    store.close().unwrap();
    drop(store);
    assert_eq!(bodies(&open(dir.path()), "T", 0, 0), [b"x"]);
}

#[test]
fn a_requested_flush_covers_what_was_appended() {
    for flush_disk_type in [FlushDiskType::Sync, FlushDiskType::Async] {
        let dir = tempfile::tempdir().unwrap();
        // Only the request can wake the thread.
        let config =
            StoreConfig { flush_disk_type, flush_interval_commit_log_ms: 3_600_000, ..StoreConfig::small(dir.path()) };
        let store = MessageStore::open(config, Clock::System).unwrap();
        let end = put_all(&store, &[message("T", &[0; 9000]); 3])[2].end();
        store.request_flush();
        wait_until("the log is flushed", || store.flushed().get() >= end);
        assert_eq!(store.stats().unflushed_bytes, 0);
    }
}

#[test]
fn after_a_crash_the_log_is_checked_from_the_checkpoint_on() {
    let dir = tempfile::tempdir().unwrap();
    let config = StoreConfig {
        flush_interval_commit_log_ms: 1,
        flush_commit_log_thorough_interval_ms: 1,
        flush_interval_consume_queue_ms: 1,
        flush_consume_queue_thorough_interval_ms: 1,
        ..StoreConfig::small(dir.path())
    };
    let clock = Clock::manual(START_MS);
    let store = MessageStore::open(config, clock.clone()).unwrap();
    let body = [b'x'; 3000];
    for _ in 0..40 {
        clock.advance_ms(1000);
        put(&store, Message { properties: "KEYS\u{1}k", ..message("T", &body) });
    }
    let times = || {
        let content = std::fs::read(dir.path().join("checkpoint")).unwrap();
        [0, 8, 16].map(|at| i64::from_be_bytes(content[at..at + 8].try_into().unwrap()))
    };
    wait_until("the checkpoint has arrived", || times() == [START_MS + 40_000; 3]);
    drop(store);
    // Damage in the first file is not looked at; damage in the last one is.
    let log = |start: u64| dir.path().join(format!("commitlog/{start:020}"));
    let mut content = std::fs::read(log(0)).unwrap();
    content[100] ^= 1;
    std::fs::write(log(0), content).unwrap();
    let store = open(dir.path());
    assert_eq!(store.queue("T", 0).unwrap().max_offset(), 40);
    let last = store.queue("T", 0).unwrap().get(39).unwrap().physical_offset as usize;
    drop(store);
    let start = last - last % (16 << 10);
    let mut content = std::fs::read(log(start as u64)).unwrap();
    content[last - start + 100] ^= 1;
    std::fs::write(log(start as u64), content).unwrap();
    let store = open(dir.path());
    assert_eq!(store.queue("T", 0).unwrap().max_offset(), 40, "it was on the disk, so nothing behind it goes");
    drop(store);
    // A queue that misses more than the checked part has is built from the whole log, up to the damage in it and after.
    std::fs::remove_dir_all(dir.path().join("consumequeue/T/0")).unwrap();
    content = std::fs::read(log(0)).unwrap();
    content[100] ^= 1;
    std::fs::write(log(0), content).unwrap();
    let queue = open(dir.path()).queue("T", 0).unwrap();
    assert_eq!((queue.min_offset(), queue.max_offset()), (0, 40));
}

fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while !holds() {
        assert!(std::time::Instant::now() < deadline, "waited a minute until {what}");
        std::thread::yield_now();
    }
}

#[test]
fn a_deleted_topic_is_gone_and_starts_anew() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    put_all(&store, &[message("T", b"old"), message("T", b"old"), message("U", b"u"), message("V", b"v")]);
    let held = store.queue("T", 0).unwrap();
    assert!(store.delete_topic("T").unwrap());
    assert!(!store.delete_topic("T").unwrap());
    assert!(store.queue("T", 0).is_none() && held.get(0).is_none());
    assert!(!dir.path().join("consumequeue/T").exists());
    assert_eq!(put(&store, message("T", b"new")).queue_offset, 0);
    let unused = store.clean_unused(|topic| topic == "T" || topic == "V").unwrap();
    assert_eq!(unused.iter().map(|topic| &**topic).collect::<Vec<_>>(), ["U"]);
    store.close().unwrap();
    drop(store);
    let store = open(dir.path());
    assert_eq!(bodies(&store, "T", 0, 0), [b"new"]);
    drop(store);
    // The log still has the old messages; after a crash they must not come back before the new one, nor at all.
    let store = open(dir.path());
    assert_eq!(bodies(&store, "T", 0, 0), [b"new"]);
    assert!(store.queue("U", 0).is_none(), "unused, and cleaned away");
    drop(store);
    std::fs::remove_dir_all(dir.path().join("consumequeue")).unwrap();
    assert!(open(dir.path()).queue("U", 0).is_none(), "even if all queues are built anew");
}
