//! Bytes that no master sends: nothing panics, and what is in the log is what was checked.

use crate::{pair::*, support::*};
use base::Clock;
use rand::{Rng, SeedableRng, rngs::StdRng};
use store::{MessageStore, StoreError};
use witness::loops;

/// Gives garbage to a store, which keeps nothing of it.
fn refuse(store: &MessageStore, at: u64, bytes: &[u8]) {
    let (end, before) = (store.max_physical(), files_of(store));
    match store.append_copied(at, bytes) {
        Ok(0) | Err(StoreError::NotTheNext { .. }) => {}
        other => panic!("{other:?}"),
    }
    assert_eq!((store.max_physical(), files_of(store)), (end, before));
    assert_eq!(store.refusing(), None);
}

/// The log as it is, and how many queues there are.
fn files_of(store: &MessageStore) -> (Vec<u8>, usize) {
    (log_bytes(store, store.min_physical() as u64, store.max_physical() as u64), store.stats().queues)
}

#[test]
fn garbage_is_refused_and_changes_nothing() {
    let seed = loops::seed("garbage");
    let mut rng = StdRng::seed_from_u64(seed);
    let (theirs, ours, none) =
        (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let master = open_with(theirs.path(), &Clock::manual(START_MS)).unwrap();
    fill(&master, &mut rng, 20);
    let (slave, empty) = (open_slave(ours.path()), open_slave(none.path()));
    feed_to(&master, &slave, 40_000, &mut rng);
    for _ in 0..20_000 {
        let (store, end) = if rng.random_bool(0.8) { (&slave, slave.max_physical() as u64) } else { (&empty, 0) };
        let mut bytes: Vec<u8> = (0..rng.random_range(0..300)).map(|_| rng.random()).collect();
        // So that it comes a little further.
        let heads: [&[u8]; 4] =
            [&[], &[0, 0, 0, 120, 0xDA, 0xA3, 0x20, 0xA7], &[0, 0, 9, 9, 0xCB, 0xD4, 0x31, 0x94], &[0; 8]];
        let head = heads[rng.random_range(0..4)];
        bytes.splice(..head.len().min(bytes.len()), head.iter().copied());
        let place = if rng.random_bool(0.5) { end } else { rng.random() };
        if bytes.len() >= 36 && rng.random_bool(0.7) {
            bytes[28..36].copy_from_slice(&place.to_be_bytes());
        }
        refuse(store, place, &bytes);
    }
    // It goes on as if nothing had been.
    feed(&master, &slave, &mut rng);
    feed(&master, &empty, &mut rng);
    assert_same(&master, &slave);
    assert_same(&master, &empty);
}

#[test]
fn of_bytes_that_were_changed_on_the_way_only_what_passes_every_check_is_kept() {
    let seed = loops::seed("changed");
    let mut rng = StdRng::seed_from_u64(seed);
    let theirs = tempfile::tempdir().unwrap();
    let master = open_with(theirs.path(), &Clock::manual(START_MS)).unwrap();
    fill(&master, &mut rng, 12);
    let whole = log_bytes(&master, 0, master.max_physical() as u64);
    for round in 0..60 {
        let ours = tempfile::tempdir().unwrap();
        let slave = open_slave(ours.path());
        let mut changed = whole.clone();
        for _ in 0..rng.random_range(1..20) {
            let at = rng.random_range(0..changed.len());
            match rng.random_range(0..4) {
                0 => changed[at] ^= 1 << rng.random_range(0..8),
                1 => changed[at] = [0, 255, 127, 128][rng.random_range(0..4)],
                2 => drop(changed.splice(at..(at + rng.random_range(0..20)).min(whole.len()), [])),
                _ => {
                    let end = (at + rng.random_range(1..40)).min(changed.len());
                    changed[at..end].iter_mut().for_each(|byte| *byte = rng.random());
                }
            }
            changed.resize(whole.len(), 0);
        }
        let mut end = 0;
        while let Some(rest) = changed.get(end..).filter(|rest| !rest.is_empty()) {
            let piece = &rest[..rng.random_range(1..=rest.len())];
            match slave.append_copied(end as u64, piece) {
                Ok(0) if piece.len() == rest.len() => break,
                Ok(taken) => end += taken,
                Err(StoreError::NotTheNext { .. }) => break,
                Err(other) => panic!("round {round}: {other}"),
            }
        }
        assert_eq!(slave.max_physical() as usize, end);
        assert!(log_bytes(&slave, 0, end as u64) == changed[..end], "what it took it has, as it came");
        // Whatever it took, it can be lived with.
        assert_eq!(slave.refusing(), None);
        slave.flush_queues().unwrap();
        if rng.random_bool(0.5) {
            slave.close().unwrap();
        }
        drop(slave);
        let slave = open_slave(ours.path());
        assert!(slave.max_physical() as usize <= end);
        for topic in slave.topics() {
            for id in 0..3 {
                entries(&slave, &topic, id);
            }
        }
    }
}
