//! A slave on a disk that says no: nothing of the piece is kept, and with a disk that works it goes on.

use crate::{pair::*, support::*};
use base::Clock;
use rand::{SeedableRng, rngs::StdRng};
use std::sync::Arc;
use store::{MessageStore, StoreConfig, StoreError};
use witness::{Fault, Faults, Reason, loops, scratch};

/// Copies all of the master with one call refused; returns whether it was met.
fn run(master: &MessageStore, fault: &Fault, seed: u64) -> bool {
    let mut rng = StdRng::seed_from_u64(seed);
    let dir = scratch::folder();
    let faults = Faults::planted(fault.clone());
    let open = |faults: &Arc<Faults>| {
        let config = StoreConfig { disk: faults.disk(), ..StoreConfig::small(dir.path()) };
        MessageStore::open(config, Clock::manual(7))
    };
    let Ok(slave) = open(&faults) else {
        faults.heal();
        feed(master, &open(&faults).unwrap(), &mut rng);
        return true;
    };
    let mut end = master.min_physical() as u64;
    let mut tried = 0;
    while end < master.max_physical() as u64 {
        let bytes = master.copy_from(end, 20_000).unwrap();
        match slave.append_copied(end, &bytes) {
            Ok(taken) => {
                assert!(taken > 0);
                end += taken as u64;
            }
            Err(error) => {
                assert!(faults.fired().is_some(), "{error}");
                assert!(error.to_string().contains("os error"), "without the system's reason: {error}");
                assert!(matches!(error, StoreError::Io(_) | StoreError::Refusing { .. }), "{error:?}");
                let is_begun = slave.max_physical() as u64 >= master.min_physical() as u64;
                assert!(!is_begun || slave.max_physical() as u64 == end, "kept though it was refused");
                tried += 1;
                if tried == 2 {
                    faults.heal();
                }
                if slave.sync_failed().get() > 0 {
                    break;
                }
                if tried > 2 {
                    // Queues that could not be written are tried again by a thread.
                    std::thread::yield_now();
                    _ = slave.flush_queues();
                }
                assert!(tried < 1000, "does not recover: {error}");
            }
        }
    }
    faults.heal();
    if slave.sync_failed().get() == 0 {
        assert_same(master, &slave);
    }
    drop(slave);
    let slave = open(&faults).unwrap();
    feed(master, &slave, &mut rng);
    assert_same(master, &slave);
    faults.fired().is_some()
}

#[test]
fn a_disk_that_refuses_harms_nothing() {
    let seed = loops::seed("refused copy");
    let mut rng = StdRng::seed_from_u64(seed);
    let theirs = scratch::folder();
    let master = open_with(theirs.path(), &Clock::manual(START_MS)).unwrap();
    fill(&master, &mut rng, 12);
    delete(&master, &EVERYTHING);
    fill(&master, &mut rng, 12);
    master.delete_topic("A").unwrap();
    fill(&master, &mut rng, 3);
    for queue_id in 0..3 {
        put(&master, Message { queue_id, ..message("A", b"anew") });
    }
    let mut runs = 0;
    for (which, reason) in Reason::ALL.into_iter().enumerate() {
        for sticky in [false, true] {
            let (phase, stride) = loops::steps(seed ^ (which as u64 * 2 + u64::from(sticky)), 8);
            for k in (phase + 1..).step_by(stride as usize) {
                let percent = [0, 50, 99, 100][(loops::mixed(seed, k) % 4) as usize];
                let fault = Fault::at(k, reason).sticky(sticky).having_written(percent);
                runs += 1;
                if !run(&master, &fault, seed) {
                    break;
                }
            }
        }
    }
    println!("{runs} runs");
}
