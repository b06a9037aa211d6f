//! Every single bit of a log, flipped while the store was stopped: each message is served as it was stored, or not at all,
//! and all but the one that was hit are served.
//!
//! Without a CRC over the whole record some bytes are covered by nothing (`unnoticed.rs`), and a flip there is served.

use crate::{
    sample::{Left, QUEUES, Sample, Stored, found, served},
    unnoticed::{By, same},
};
use std::{
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    path::Path,
};
use store::MessageStore;
use witness::{loops, scratch};

/// What became of the message that was hit.
#[derive(Debug, Default)]
struct Counts {
    flips: u64,
    hit: u64,
    /// Not served through its queue.
    held_back: u64,
    /// Served through its queue as it was stored: the flip hit nothing of it.
    served: u64,
    /// Served with the flipped bit.
    unnoticed: u64,
}

fn each_flip(left: Left, sealed: bool, stride: u64) {
    let name = format!("flips, {left:?}, sealed {sealed}");
    let seed = loops::seed(&name);
    let (phase, stride) = loops::steps(seed, stride);
    let sample = Sample::new(16 << 10, 60, left, sealed);
    let log = sample.file_in("commitlog");
    let used = sample.messages.last().unwrap().end() as usize;
    let dir = scratch::folder();
    let mut content = sample.files[&log].clone();
    let mut counts = Counts::default();
    // Behind the end, one bit in a hundred tells as much as all of them.
    let bits = (phase..used as u64 * 8).step_by(stride as usize);
    let behind = (used as u64 * 8 + phase..content.len() as u64 * 8).step_by(stride as usize * 101);
    for bit in bits.chain(behind) {
        let at = (bit / 8) as usize;
        content[at] ^= 1 << (bit % 8);
        let run = || check(&sample, dir.path(), &log, &content, at, &mut counts);
        if let Err(panic) = catch_unwind(AssertUnwindSafe(run)) {
            let hit = sample.messages.iter().find(|it| (it.physical..it.end()).contains(&(at as u64)));
            let place = hit.map(|it| (at as u64 - it.physical, it.bytes.len(), it.topic, it.queue_offset));
            println!("{name}, seed {seed}: bit {} of byte {at}, of a record {place:?}", bit % 8);
            resume_unwind(panic);
        }
        content[at] ^= 1 << (bit % 8);
    }
    println!("{name}: {counts:?}");
    assert!(counts.hit > 0 && counts.held_back > counts.unnoticed, "{counts:?}");
    assert!(!sealed || counts.unnoticed == 0, "{counts:?}");
}

fn check(sample: &Sample, dir: &Path, log: &Path, content: &[u8], at: usize, counts: &mut Counts) {
    sample.restore(dir, log, content);
    let store = sample.open(dir);
    let is_hit = |stored: &Stored| (stored.physical..stored.end()).contains(&(at as u64));
    counts.flips += 1;
    for queue in QUEUES {
        let mut served = served(&store, queue);
        for stored in sample.messages.iter().filter(|it| (it.topic, it.queue_id) == queue) {
            let bytes = served.remove(&stored.queue_offset);
            if is_hit(stored) {
                counts.hit += 1;
                match bytes {
                    None => counts.held_back += 1,
                    Some(bytes) if bytes == stored.bytes => counts.served += 1,
                    Some(bytes) => {
                        assert!(same(&stored.bytes, &bytes, By::Queue, sample.sealed), "served from its queue");
                        counts.unnoticed += 1;
                    }
                }
            } else {
                assert!(bytes.is_some_and(|it| it == stored.bytes), "{queue:?} at {} is lost", stored.queue_offset);
            }
        }
        assert!(served.is_empty(), "{queue:?} serves at {:?}", served.keys());
    }
    let first = sample.messages.iter().position(is_hit).unwrap_or(0).saturating_sub(1);
    for stored in sample.messages[first..].iter().take(3) {
        check_alone(&store, stored, is_hit(stored), sample.sealed);
    }
}

/// A message by its place and by its keys.
fn check_alone(store: &MessageStore, stored: &Stored, hit: bool, sealed: bool) {
    let right = |bytes: &[u8], by| if hit { same(&stored.bytes, bytes, by, sealed) } else { *bytes == stored.bytes };
    match store.record_at(stored.physical as i64) {
        Some(bytes) => assert!(right(&bytes, By::Place), "served from its place"),
        None => assert!(hit, "the message at {} is lost", stored.physical),
    }
    for key in &stored.keys {
        let found = found(store, stored.topic, key);
        assert!(found.len() <= 1 && (hit || found.len() == 1), "{key} is found {} times", found.len());
        assert!(found.iter().all(|bytes| right(bytes, By::Key)), "served by {key}");
    }
}

#[test]
fn after_a_clean_stop_a_flipped_bit_is_never_served_as_good() {
    each_flip(Left::Closed, false, 97);
    each_flip(Left::Closed, true, 97);
}

#[test]
fn after_a_crash_a_flipped_bit_is_never_served_as_good_and_costs_one_message() {
    each_flip(Left::Settled, false, 97);
    each_flip(Left::Settled, true, 97);
}

#[test]
fn a_record_that_claims_another_queue_costs_that_queue_nothing() {
    // The last bit of a queue id: the message of queue 0 is then one of queue 1, far behind its end, and stands in the log
    // right behind a message of queue 1.
    let sample = Sample::new(16 << 10, 60, Left::Settled, false);
    let log = sample.file_in("commitlog");
    let dir = scratch::folder();
    let mut counts = Counts::default();
    for stored in sample.messages.iter().filter(|it| (it.topic, it.queue_id) == QUEUES[0]) {
        let at = stored.physical as usize + 15;
        let mut content = sample.files[&log].clone();
        content[at] ^= 1;
        check(&sample, dir.path(), &log, &content, at, &mut counts);
    }
    assert_eq!((counts.hit, counts.held_back), (36, 36));
}
