//! What a crash leaves, and what the next start makes of it.

use crate::support::*;
use base::Clock;
use std::{
    fs::OpenOptions,
    io::{Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

fn edit(path: &Path, at: u64, bytes: &[u8]) {
    let mut file = OpenOptions::new().write(true).open(path).unwrap();
    file.seek(SeekFrom::Start(at)).unwrap();
    file.write_all(bytes).unwrap();
}

fn log_file(dir: &Path, offset: u64) -> (PathBuf, u64) {
    let start = offset - offset % (16 << 10);
    (dir.join(format!("commitlog/{start:020}")), offset - start)
}

/// A store with 200 messages, dropped without closing. Returns bodies and places.
fn crashed(dir: &Path) -> (Vec<Vec<u8>>, Vec<store::Placed>) {
    let store = open(dir);
    let bodies: Vec<Vec<u8>> = (0..200).map(|n| format!("{n} {}", "x".repeat(n)).into_bytes()).collect();
    let properties: Vec<_> = (0..200).map(|n| format!("KEYS\u{1}k{n}\u{2}")).collect();
    let messages: Vec<_> =
        bodies.iter().zip(&properties).map(|(body, properties)| Message { properties, ..message("T", body) }).collect();
    let placed = put_all(&store, &messages);
    (bodies, placed)
}

fn found(store: &store::MessageStore, key: usize) -> usize {
    store.find("T", &format!("k{key}"), 10, 0, i64::MAX).unwrap().records.len()
}

#[test]
fn nothing_is_lost_when_the_process_ends_without_closing() {
    let dir = tempfile::tempdir().unwrap();
    let (all, placed) = crashed(dir.path());
    for _ in 0..3 {
        let store = open(dir.path());
        assert!(bodies(&store, "T", 0, 0) == all);
        assert_eq!(store.written().get(), placed[199].end());
        assert!((0..200).all(|key| found(&store, key) == 1));
    }
    let store = open(dir.path());
    assert_eq!(put(&store, message("T", b"next")).queue_offset, 200);
}

#[test]
fn a_torn_tail_is_cut_at_the_last_whole_record_and_wiped() {
    for (name, fill) in [("zeros", 0u8), ("ones", 255), ("text", b'x')] {
        let dir = tempfile::tempdir().unwrap();
        let (all, placed) = crashed(dir.path());
        let last = placed[199];
        for cut in [1, 3, 4, 40, 89, 90, 200] {
            let (path, at) = log_file(dir.path(), last.physical_offset as u64 + cut);
            edit(&path, at, &vec![fill; (last.size as u64 - cut) as usize + 50]);
            // Nothing tells that the last record was on the disk already.
            std::fs::remove_file(dir.path().join("checkpoint")).unwrap();
            let store = open(dir.path());
            assert!(bodies(&store, "T", 0, 0) == all[..199], "{name} from byte {cut}");
            assert_eq!(store.max_physical(), last.physical_offset);
            assert_eq!(found(&store, 199), 0);
            let (path, at) = log_file(dir.path(), last.physical_offset as u64);
            let mut tail = Vec::new();
            std::fs::File::open(path).unwrap().read_to_end(&mut tail).unwrap();
            assert!(tail.len() == 16 << 10 && tail[at as usize..].iter().all(|byte| *byte == 0));
            let again = put(&store, Message { properties: "KEYS\u{1}k199", ..message("T", &all[199]) });
            assert_eq!((again.queue_offset, again.physical_offset), (199, last.physical_offset));
            assert_eq!(again.size + 1, last.size, "one separator less");
            drop(store);
            // As it was, for the next cut.
            let store = open(dir.path());
            assert!(bodies(&store, "T", 0, 0) == all && found(&store, 199) == 1);
            drop(store);
        }
    }
}

#[test]
fn lost_queues_and_index_are_built_anew_from_the_log() {
    let dir = tempfile::tempdir().unwrap();
    let (all, _) = crashed(dir.path());
    for (folder, partly) in [("consumequeue", false), ("index", false), ("consumequeue", true)] {
        open(dir.path()).close().unwrap();
        drop(open(dir.path()));
        let folder = dir.path().join(folder);
        if partly {
            let queue = folder.join("T/0");
            let last = files(&queue).pop().unwrap();
            std::fs::remove_file(queue.join(last)).unwrap();
        } else {
            std::fs::remove_dir_all(&folder).unwrap();
        }
        let store = open(dir.path());
        assert!(bodies(&store, "T", 0, 0) == all);
        let lost: Vec<_> = (0..200).filter(|key| found(&store, *key) != 1).collect();
        assert!(lost.is_empty(), "{lost:?} after the loss of {}", folder.display());
        drop(store);
    }
}

#[test]
fn a_whole_record_in_the_wrong_place_is_none() {
    let dir = tempfile::tempdir().unwrap();
    let (all, placed) = crashed(dir.path());
    let first = open(dir.path()).record_at(0).unwrap();
    let (path, at) = log_file(dir.path(), placed[199].end());
    assert!(at + (first.len() as u64) < 16 << 10);
    edit(&path, at, &first);
    let store = open(dir.path());
    assert_eq!(store.written().get(), placed[199].end());
    assert!(bodies(&store, "T", 0, 0) == all);
}

#[test]
fn index_slots_lost_in_a_crash_are_linked_again() {
    let dir = tempfile::tempdir().unwrap();
    crashed(dir.path());
    open(dir.path()).close().unwrap();
    drop(open(dir.path()));
    let index = dir.path().join("index");
    edit(&index.join(files(&index).pop().unwrap()), 40, &[0; 16 * 4]);
    let store = open(dir.path());
    assert!((0..200).all(|key| found(&store, key) == 1));
}

#[test]
fn a_queue_whose_first_messages_are_deleted_is_built_anew_from_the_first_that_is_left() {
    let dir = tempfile::tempdir().unwrap();
    let (all, _) = crashed(dir.path());
    let store = open(dir.path());
    assert!(!delete(&store, &EVERYTHING).is_empty());
    let min = store.queue("T", 0).unwrap().min_offset();
    assert!(min > 0);
    drop(store);
    std::fs::remove_dir_all(dir.path().join("consumequeue")).unwrap();
    for _ in 0..2 {
        let store = open(dir.path());
        assert_eq!(store.queue("T", 0).unwrap().min_offset(), min);
        assert!(bodies(&store, "T", 0, min) == all[min as usize..]);
        store.close().unwrap();
    }
}

#[test]
fn the_queues_folder_can_be_removed_after_a_clean_stop_too() {
    let dir = tempfile::tempdir().unwrap();
    let (all, _) = crashed(dir.path());
    open(dir.path()).close().unwrap();
    std::fs::remove_dir_all(dir.path().join("consumequeue")).unwrap();
    assert!(bodies(&open(dir.path()), "T", 0, 0) == all);
}

#[test]
fn queues_and_index_removed_together_are_built_anew_whatever_the_checkpoint_says() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Clock::manual(START_MS);
    let store = open_with(dir.path(), &clock).unwrap();
    for n in 0..200 {
        let (body, properties) = ("x".repeat(300), format!("KEYS\u{1}k{n}"));
        put(&store, Message { properties: &properties, ..message("T", body.as_bytes()) });
        clock.advance_ms(1000);
    }
    store.close().unwrap();
    drop(store);
    for folder in ["consumequeue", "index"] {
        std::fs::remove_dir_all(dir.path().join(folder)).unwrap();
    }
    let store = open_with(dir.path(), &clock).unwrap();
    assert!(files(&dir.path().join("commitlog")).len() > 3);
    assert_eq!(bodies(&store, "T", 0, 0).len(), 200);
    assert!((0..200).all(|key| found(&store, key) == 1));
}

#[test]
fn a_clean_stop_is_trusted_but_a_log_cut_short_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let (all, placed) = crashed(dir.path());
    open(dir.path()).close().unwrap();
    // Someone put back a log without its last file.
    let (path, _) = log_file(dir.path(), placed[199].physical_offset as u64);
    std::fs::remove_file(path).unwrap();
    let store = open(dir.path());
    let left = bodies(&store, "T", 0, 0);
    assert!(left.len() < 200 && left == all[..left.len()]);
    assert_eq!(store.queue("T", 0).unwrap().max_offset() as usize, left.len());
}

#[test]
fn a_file_that_was_being_made_does_not_stop_the_start() {
    let dir = tempfile::tempdir().unwrap();
    let (all, placed) = crashed(dir.path());
    let next = placed[199].end().next_multiple_of(16 << 10);
    std::fs::write(dir.path().join(format!("commitlog/{next:020}")), b"").unwrap();
    assert!(bodies(&open(dir.path()), "T", 0, 0) == all);
}

#[test]
fn a_deleted_topic_stays_deleted_though_its_files_come_back_with_an_entry_from_before_an_earlier_crash() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    put_all(&store, &[message("T", b"1"), message("T", b"2"), message("U", b"3")]);
    store.close().unwrap();
    let file = dir.path().join("consumequeue/T/0/00000000000000000000");
    let queue = std::fs::read(&file).unwrap();
    let store = open(dir.path());
    assert!(store.delete_topic("T").unwrap());
    let end = store.max_physical();
    drop(store);
    // The power went before the removal was on the disk; nor was what an earlier start had cut off.
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(&file, queue).unwrap();
    let lost = store::QueueEntry { physical_offset: end + 5000, size: 200, tag_hash: 0 };
    edit(&file, 40, &lost.encode());
    for _ in 0..2 {
        let store = open(dir.path());
        assert!(bodies(&store, "T", 0, 0).is_empty() && bodies(&store, "U", 0, 0) == [b"3"]);
    }
    assert_eq!(put(&open(dir.path()), message("T", b"new")).queue_offset, 0);
    assert_eq!(bodies(&open(dir.path()), "T", 0, 0), [b"new"]);
}
