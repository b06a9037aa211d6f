//! What is copied is the same afterwards, however it comes and whatever happens in between.

use crate::{pair::*, support::*};
use base::Clock;
use protocol::record::BLANK_MAGIC;
use rand::{Rng, SeedableRng, rngs::StdRng};
use std::{fs, path::Path};
use store::{FlushDiskType, MessageStore, Offline, StoreConfig, StoreError, VerifyRules};
use witness::loops;

/// A master with a log of some files, the first of which are deleted if `late`.
fn master(dir: &Path, rng: &mut StdRng, late: bool) -> std::sync::Arc<MessageStore> {
    let clock = Clock::manual(START_MS);
    let store = open_with(dir, &clock).unwrap();
    fill(&store, rng, 15);
    clock.advance_ms(1500);
    fill(&store, rng, 15);
    if late {
        let kept = store.max_physical() as u64 / FILE;
        // A call deletes ten files at most.
        while !delete(&store, &EVERYTHING).is_empty() {}
        assert_eq!(store.min_physical() as u64, kept * FILE);
        clock.advance_ms(1500);
        fill(&store, rng, 15);
    }
    store
}

/// Nothing is wrong with a closed store.
fn assert_sound(dir: &Path) {
    let offline = Offline::open(StoreConfig::small(dir)).unwrap();
    let verdict = offline.verify(VerifyRules { strict: true, ..VerifyRules::default() }, |_| ()).unwrap();
    assert_eq!(verdict.findings, []);
    let read = witness::Store::read(dir, witness::Geometry::SMALL);
    assert!(read.troubles.is_empty(), "{:?}", read.troubles);
    assert_eq!(read.log.behind, None);
}

fn same_log_files(one: &Path, other: &Path) {
    let names = files(&other.join("commitlog"));
    assert!(!names.is_empty());
    for name in names {
        let read = |dir: &Path| fs::read(dir.join("commitlog").join(&name)).unwrap();
        assert!(read(one) == read(other), "{name}");
    }
}

#[test]
fn a_copy_in_pieces_of_any_size_is_the_same_and_stays_it() {
    let seed = loops::seed("copy");
    for round in 0..12 {
        let mut rng = StdRng::seed_from_u64(seed + round);
        let (theirs, ours) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let master = master(theirs.path(), &mut rng, round % 3 == 2);
        let slave = open_slave(ours.path());
        feed(&master, &slave, &mut rng);
        assert_same(&master, &slave);
        fill(&master, &mut rng, 5);
        feed(&master, &slave, &mut rng);
        assert_same(&master, &slave);
        slave.close().unwrap();
        drop(slave);
        assert_sound(ours.path());
        same_log_files(theirs.path(), ours.path());
        assert_same(&master, &open_slave(ours.path()));
    }
}

#[test]
fn a_crash_or_a_stop_at_any_moment_is_gone_on_from() {
    let seed = loops::seed("interrupted copy");
    for round in 0..12 {
        let mut rng = StdRng::seed_from_u64(seed + round);
        let (theirs, ours) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let master = master(theirs.path(), &mut rng, round % 2 == 1);
        let mut slave = open_slave(ours.path());
        let mut reached = master.min_physical() as u64;
        for _ in 0..8 {
            let to = rng.random_range(reached..=master.max_physical() as u64);
            feed_to(&master, &slave, to, &mut rng);
            let before = slave.max_physical() as u64;
            if rng.random_bool(0.3) {
                slave.close().unwrap();
            } else if rng.random_bool(0.3) {
                slave.flush_queues().unwrap();
            }
            drop(slave);
            slave = open_slave(ours.path());
            let after = slave.max_physical() as u64;
            // Only a filler behind which no file was made yet is read again.
            let filler = |from: u64| {
                master.read(from as i64 + 4, 4).is_some_and(|magic| magic[..] == 0xCBD4_3194u32.to_be_bytes())
            };
            let is_begun = slave.min_physical() as u64 == master.min_physical() as u64;
            assert!(after == before || !is_begun || before.div_ceil(FILE) == after.div_ceil(FILE) && filler(after));
            reached = to;
        }
        feed(&master, &slave, &mut rng);
        assert_same(&master, &slave);
        slave.close().unwrap();
        drop(slave);
        assert_sound(ours.path());
        same_log_files(theirs.path(), ours.path());
    }
}

#[test]
fn a_log_that_begins_late_is_opened_again_after_a_crash_with_one_file_or_more() {
    let seed = loops::seed("late");
    for round in 0..12 {
        let mut rng = StdRng::seed_from_u64(seed + round);
        let (theirs, ours) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let master = master(theirs.path(), &mut rng, true);
        let min = master.min_physical() as u64;
        let slave = open_slave(ours.path());
        let to =
            if round % 2 == 0 { rng.random_range(min + FILE / 2..min + FILE) } else { master.max_physical() as u64 };
        feed_to(&master, &slave, to, &mut rng);
        let end = slave.max_physical();
        assert!(end as u64 > min, "a record at least");
        if round % 3 == 0 {
            slave.flush_queues().unwrap();
        }
        drop(slave);
        match rng.random_range(0..4) {
            0 => fs::remove_file(ours.path().join("checkpoint")).unwrap(),
            1 => fs::remove_dir_all(ours.path().join("consumequeue")).unwrap(),
            2 => fs::remove_dir_all(ours.path().join("index")).unwrap(),
            _ => {}
        }
        for _ in 0..2 {
            let slave = open_slave(ours.path());
            // Of a filler that had come in part a start knows nothing.
            let found = slave.max_physical();
            let is_filler =
                || log_bytes(&master, found as u64, found as u64 + 8)[4..] == BLANK_MAGIC.to_be_bytes() && found < end;
            assert!(slave.min_physical() as u64 == min && (found == end || is_filler()), "{found} {end}");
            let queues: Vec<_> = (slave.topics().iter())
                .flat_map(|topic| (0..3).filter_map(|id| slave.queue(topic, id)))
                .filter(|queue| queue.max_offset() > queue.min_offset())
                .collect();
            assert!(queues.is_empty() || queues.iter().any(|queue| queue.min_offset() > 0), "queues begin late");
        }
        let slave = open_slave(ours.path());
        feed(&master, &slave, &mut rng);
        assert_same(&master, &slave);
    }
}

#[test]
fn an_empty_log_begins_at_a_file_only_and_one_with_records_only_at_its_end() {
    let mut rng = StdRng::seed_from_u64(1);
    let (theirs, ours) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let master = master(theirs.path(), &mut rng, true);
    let (min, slave) = (master.min_physical() as u64, open_slave(ours.path()));
    let bytes = log_bytes(&master, min, min + FILE);
    let second = {
        let size = i32::from_be_bytes(bytes[..4].try_into().unwrap()) as usize;
        (min + size as u64, &bytes[size..])
    };
    let refused = slave.append_copied(second.0, second.1).unwrap_err();
    assert!(refused.to_string().contains("mappedFileSizeCommitLog"), "{refused}");
    assert!(slave.append_copied(min + FILE, &bytes).unwrap_err().to_string().contains("belongs at byte"));
    // Too little to tell: nothing is begun.
    assert_eq!(slave.append_copied(min, &bytes[..20]).unwrap(), 0);
    assert!(files(&ours.path().join("commitlog")).is_empty());
    assert_eq!((slave.min_physical(), slave.max_physical()), (0, 0));
    assert!(slave.append_copied(min, &bytes[..(second.0 - min) as usize + 3]).unwrap() > 0);
    assert_eq!((slave.min_physical() as u64, slave.max_physical() as u64), (min, second.0));
    for at in [min, second.0 - 1, second.0 + 1, min + FILE, 0] {
        let refused = slave.append_copied(at, &bytes).unwrap_err();
        assert!(
            matches!(refused, StoreError::NotTheNext { .. }) && refused.to_string().contains("ends at byte"),
            "{refused}"
        );
    }
    assert_eq!(slave.stats().put_failures, 7);
    slave.close().unwrap();
    assert!(matches!(slave.append_copied(second.0, second.1), Err(StoreError::Closed)));
}

#[test]
fn what_is_copied_is_shown_only_once_it_is_on_the_disk_if_the_flush_is_synchronous() {
    let mut rng = StdRng::seed_from_u64(2);
    let (theirs, ours) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let master = master(theirs.path(), &mut rng, false);
    let config = StoreConfig {
        flush_disk_type: FlushDiskType::Sync,
        // Only what is copied can wake the thread.
        flush_interval_commit_log_ms: 3_600_000,
        ..StoreConfig::small(ours.path())
    };
    let slave = MessageStore::open(config, Clock::manual(7)).unwrap();
    feed(&master, &slave, &mut rng);
    wait_until("all is on the disk", || slave.flushed().get() == slave.written().get());
    wait_until("all is shown", || entries(&slave, "A", 0) == entries(&master, "A", 0));
    assert_same(&master, &slave);
}

#[test]
fn a_store_goes_on_with_messages_of_its_own_wherever_the_copying_ended() {
    let seed = loops::seed("promoted");
    for round in 0..10 {
        let mut rng = StdRng::seed_from_u64(seed + round);
        let (theirs, ours) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let master = master(theirs.path(), &mut rng, false);
        let slave = open_slave(ours.path());
        // Half of them end in the middle of a filler, or with one.
        let end = master.max_physical() as u64;
        let to = if round % 2 == 0 { rng.random_range(0..end) } else { FILE - [0, 1, 7, 8, 20][round as usize / 2] };
        feed_to(&master, &slave, to, &mut rng);
        fill(&slave, &mut rng, 10);
        let another = tempfile::tempdir().unwrap();
        let third = open_slave(another.path());
        feed(&slave, &third, &mut rng);
        assert_same(&slave, &third);
        slave.close().unwrap();
        third.close().unwrap();
        drop((slave, third));
        assert_sound(ours.path());
        assert_sound(another.path());
    }
}

#[test]
fn a_master_with_log_files_of_another_size_is_told_by_the_name_of_the_setting() {
    for size in [8 << 10, 32 << 10] {
        let (theirs, ours) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let config = StoreConfig { mapped_file_size_commit_log: size, ..StoreConfig::small(theirs.path()) };
        let master = MessageStore::open(config, Clock::manual(START_MS)).unwrap();
        for n in 0..60 {
            put(&master, message("T", &vec![b'x'; 700 + n]));
        }
        let slave = open_slave(ours.path());
        let refused = loop {
            let at = slave.max_physical() as u64;
            match slave.append_copied(at, &master.copy_from(at, 1 << 20).unwrap()) {
                Ok(0) => panic!("waits for ever at {at}"),
                Ok(_) => {}
                Err(refused) => break refused.to_string(),
            }
        };
        assert!(refused.contains("mappedFileSizeCommitLog"), "{refused}");
        assert!(slave.max_physical() as u64 <= size.min(FILE) && slave.queue("T", 0).unwrap().max_offset() > 5);
    }
}
