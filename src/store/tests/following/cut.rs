//! The end is cut off a log, wherever that is, and the store goes on from there.

use crate::{pair::*, support::*};
use protocol::record::{Entry, decode};
use rand::{SeedableRng, rngs::StdRng};
use std::{fs, path::Path};
use store::{MessageStore, Offline, StoreConfig, StoreError, VerifyRules};
use witness::{Geometry, Store, loops};

/// Where records end, and where files begin behind fillers.
fn ends(store: &MessageStore) -> Vec<u64> {
    let (mut at, end) = (store.min_physical() as u64, store.max_physical() as u64);
    let mut ends = Vec::new();
    while at < end {
        let left = FILE - at % FILE;
        let bytes = store.copy_from(at, left as usize).unwrap();
        at = match decode(&bytes, false) {
            Ok(Entry::Message(record)) => at + record.size as u64,
            _ => at + left,
        };
        ends.push(at);
    }
    ends
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let to = to.join(entry.file_name());
        match entry.path().is_dir() {
            true => copy(&entry.path(), &to),
            false => drop(fs::copy(entry.path(), to).unwrap()),
        }
    }
}

#[test]
fn a_log_is_cut_at_the_record_boundary_and_what_was_cut_off_is_kept() {
    let mut rng = StdRng::seed_from_u64(loops::seed("cut"));
    let original = tempfile::tempdir().unwrap();
    let store = open(original.path());
    while store.max_physical() as u64 <= 2 * FILE {
        fill(&store, &mut rng, 8);
    }
    let (end, ends) = (store.max_physical() as u64, ends(&store));
    assert!(end > 2 * FILE, "several files");
    let all = log_bytes(&store, 0, end);
    store.flush_queues().unwrap();
    for clean in [false, true] {
        if clean {
            store.close().unwrap();
        }
        for (number, boundary) in ends.iter().enumerate().step_by(3) {
            if *boundary == end {
                continue;
            }
            for to in [*boundary, boundary + 1, ends.get(number + 1).map_or(boundary + 1, |next| next - 1)] {
                let dir = tempfile::tempdir().unwrap();
                copy(original.path(), dir.path());
                fs::remove_file(dir.path().join("lock")).unwrap();
                let (config, aside) = (StoreConfig::small(dir.path()), dir.path().join("cut"));
                let kept = MessageStore::cut(&config, to, &aside).unwrap().unwrap();
                assert!(fs::read(&kept).unwrap() == all[*boundary as usize..], "cut at {to} of {end}");
                let cut = open(dir.path());
                assert_eq!(cut.max_physical() as u64, *boundary);
                assert!(log_bytes(&cut, 0, *boundary) == all[..*boundary as usize]);
                // It goes on as if the rest had never been.
                let mut batches = 0;
                while batches < 2 {
                    fill(&cut, &mut rng, 1);
                    batches += 1;
                }
                cut.close().unwrap();
                drop(cut);
                let verdict = Offline::open(config).unwrap().verify(VerifyRules::default(), |_| ()).unwrap();
                assert!(verdict.findings.is_empty(), "cut at {to}: {:?}", verdict.findings);
                let seen = Store::read(dir.path(), Geometry::SMALL);
                assert!(seen.troubles.is_empty(), "{:?}", seen.troubles);
            }
        }
    }
}

#[test]
fn queues_that_a_crash_left_behind_the_log_are_whole_after_a_cut() {
    let mut rng = StdRng::seed_from_u64(3);
    let original = tempfile::tempdir().unwrap();
    let store = open(original.path());
    fill(&store, &mut rng, 1);
    store.flush_queues().unwrap();
    // What follows is in no file of a queue.
    while store.max_physical() as u64 <= 2 * FILE {
        fill(&store, &mut rng, 1);
    }
    let end = store.max_physical() as u64;
    // Behind it nothing is left that would tell of what is missing before.
    let boundary = end - end % FILE;
    assert!(boundary >= FILE && boundary < end, "several files");
    let dir = tempfile::tempdir().unwrap();
    copy(original.path(), dir.path());
    fs::remove_file(dir.path().join("lock")).unwrap();
    MessageStore::cut(&StoreConfig::small(dir.path()), boundary, &dir.path().join("cut")).unwrap();
    let cut = open(dir.path());
    for topic in store.topics() {
        for id in 0..8 {
            let (Some(all), Some(queue)) = (store.queue(&topic, id), cut.queue(&topic, id)) else { continue };
            let kept =
                (0..all.max_offset()).filter_map(|at| all.get(at)).filter(|at| at.physical_offset < boundary as i64);
            assert_eq!(queue.max_offset(), kept.count() as i64, "{topic} {id}");
        }
    }
}

#[test]
fn damage_in_what_was_synced_neither_ends_the_log_nor_what_is_kept() {
    let mut rng = StdRng::seed_from_u64(2);
    let original = tempfile::tempdir().unwrap();
    let store = open(original.path());
    fill(&store, &mut rng, 6);
    let (end, ends) = (store.max_physical() as u64, ends(&store));
    let before: Vec<u64> = ends.iter().copied().filter(|at| *at < FILE - 2000).collect();
    assert!(before.len() > 6 && end > FILE);
    store.close().unwrap();
    for (damaged, cut) in [(1, 4), (4, 1)] {
        let dir = tempfile::tempdir().unwrap();
        copy(original.path(), dir.path());
        let log = dir.path().join("commitlog/00000000000000000000");
        let mut bytes = fs::read(&log).unwrap();
        // The magic number of a record.
        bytes[before[damaged] as usize + 4] ^= 0xff;
        fs::write(&log, &bytes).unwrap();
        let aside = dir.path().join("cut");
        let kept = MessageStore::cut(&StoreConfig::small(dir.path()), before[cut], &aside).unwrap().unwrap();
        assert_eq!(fs::read(&kept).unwrap().len() as u64, end - before[cut], "damage at {damaged}, cut at {cut}");
        assert_eq!(open(dir.path()).max_physical() as u64, before[cut]);
    }
}

#[test]
fn what_is_cut_off_twice_is_kept_twice_and_a_store_in_use_is_not_cut() {
    let mut rng = StdRng::seed_from_u64(1);
    let dir = tempfile::tempdir().unwrap();
    let (config, aside) = (StoreConfig::small(dir.path()), dir.path().join("cut"));
    let store = open(dir.path());
    fill(&store, &mut rng, 4);
    let (first, end) = (ends(&store)[0], store.max_physical() as u64);
    assert!(matches!(MessageStore::cut(&config, first, &aside), Err(StoreError::InUse { .. })));
    let rest = log_bytes(&store, first, end);
    store.close().unwrap();
    drop(store);
    let one = MessageStore::cut(&config, first, &aside).unwrap().unwrap();
    let again = open(dir.path());
    let mut at = first;
    while at < end {
        at += again.append_copied(at, &rest[(at - first) as usize..]).unwrap() as u64;
    }
    again.close().unwrap();
    drop(again);
    let two = MessageStore::cut(&config, first, &aside).unwrap().unwrap();
    assert!(one != two && fs::read(one).unwrap() == rest && fs::read(two).unwrap() == rest);
    assert_eq!(MessageStore::cut(&config, end, &aside).unwrap(), None, "nothing is behind the end");
    let nothing = MessageStore::cut(&config, first - 1, &aside).unwrap_err();
    assert!(nothing.to_string().contains("no record ends"), "{nothing}");
}
