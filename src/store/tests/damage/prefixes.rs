//! Every beginning of a file, with something else behind it.

use crate::{
    sample::{Left, Sample, Stored, check_holds, check_serves_nothing_else, send_next},
    unnoticed::{By, same},
};
use std::{
    collections::BTreeSet,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    path::Path,
};
use witness::{loops, scratch};

/// What stands behind the part of a file that reached the disk.
#[derive(Clone, Copy, Debug)]
enum Filler {
    Zeros,
    Ones,
    /// Whole records or entries, but of another place.
    Stale,
    Random(u64),
    /// What was there, but for the rest of the 64 bytes that were cut: a hole.
    Hole,
}

/// The first `at` bytes of a file and then the filler, at the file's length.
fn torn(content: &[u8], at: usize, filler: Filler, stale: &[u8]) -> Vec<u8> {
    let mut torn = content[..at].to_vec();
    match filler {
        Filler::Zeros => torn.resize(content.len(), 0),
        Filler::Ones => torn.resize(content.len(), 0xFF),
        Filler::Stale => torn.extend(stale.iter().cycle().take(content.len() - at)),
        Filler::Hole => {
            torn.extend_from_slice(&content[at..]);
            torn[at..content.len().min(at + 64)].fill(0);
        }
        Filler::Random(seed) => {
            let from = at as u64;
            torn.extend((from..content.len() as u64).map(|byte| loops::mixed(seed ^ from << 20, byte) as u8));
        }
    }
    torn
}

/// Opens the sample with a file cut at every `stride`-th place and at each of the `edges`, and filled each way, in one
/// folder. `expect` says how many messages are left of a log file with that content, and how many may be.
fn each_prefix(
    name: &str,
    sample: &Sample,
    file: &Path,
    stale: &[u8],
    (stride, edges): (u64, Vec<u64>),
    expect: impl Fn(&[u8]) -> (usize, usize),
) {
    let seed = loops::seed(name);
    let (phase, stride) = loops::steps(seed, stride);
    let dir = scratch::folder();
    let content = &sample.files[file];
    // What nobody wrote is zeros anyhow.
    let used = content.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 2).min(content.len());
    let mut cases = 0;
    let places: BTreeSet<_> = (phase..=used as u64).step_by(stride as usize).chain(edges).collect();
    for at in places.into_iter().map(|at| at as usize) {
        for filler in [Filler::Zeros, Filler::Ones, Filler::Stale, Filler::Random(seed), Filler::Hole] {
            let torn = torn(content, at, filler, stale);
            let run = || {
                sample.restore(dir.path(), file, &torn);
                let (least, most) = expect(&torn);
                check(sample, dir.path(), least, most);
            };
            if let Err(panic) = catch_unwind(AssertUnwindSafe(run)) {
                println!("{name}, seed {seed}: {} cut at {at}, {filler:?} behind", file.display());
                resume_unwind(panic);
            }
            cases += 1;
        }
    }
    println!("{name}: {cases} cases");
}

fn check(sample: &Sample, dir: &Path, least: usize, most: usize) {
    let messages = &sample.messages;
    let store = sample.open(dir);
    if sample.left == Left::Settled {
        // The checkpoint says of the damaged file that it was on the disk: it is not gone through, and what it does not
        // lead to any more is not served. The log is as good as ever.
        check_serves_nothing_else(&store, messages);
        drop(store);
        return check_serves_nothing_else(&sample.open(dir), messages);
    }
    // A record of which only unchecked bytes are torn off may pass for whole, or not.
    let count = (least..=most).rev().find(|count| *count == least || is_there(&store, &messages[*count - 1]));
    let count = count.unwrap();
    if count > least {
        // It is not what was sent; only that it harms nothing else is of interest.
        let whole = |stored: &Stored| store.record_at(stored.physical as i64).is_some_and(|it| it == stored.bytes);
        assert!(messages[..least].iter().all(whole));
        return;
    }
    check_holds(&store, messages, count);
    let end = messages[..count].last().map_or(0, |last| last.end());
    assert!(store.max_physical() as u64 >= end, "the log ends at {}, before {end}", store.max_physical());
    drop(store);
    let again = sample.open(dir);
    check_holds(&again, messages, count);
    // The log goes on, and what was behind its end never comes back, not even behind a record just as long as the lost one.
    let lost = count.min(messages.len() - 1);
    let queue = (messages[lost].topic, messages[lost].queue_id);
    let offset = messages[..count].iter().filter(|stored| (stored.topic, stored.queue_id) == queue).count();
    let next = send_next(&again, if count < messages.len() { lost } else { lost + 100 }, offset as i64);
    drop(again);
    let mut all = messages[..count].to_vec();
    all.push(next);
    check_holds(&sample.open(dir), &all, count + 1);
}

fn is_there(store: &store::MessageStore, stored: &Stored) -> bool {
    store.record_at(stored.physical as i64).is_some_and(|bytes| same(&stored.bytes, &bytes, By::Place, false))
}

/// How many messages at the log's beginning are whole in `content`, and how many may be taken to be.
fn whole(sample: &Sample, content: &[u8]) -> (usize, usize) {
    let part = |at: usize| {
        let stored = &sample.messages[at];
        content.get(stored.physical as usize..stored.end() as usize).unwrap_or_default()
    };
    let least = (0..sample.messages.len()).take_while(|at| part(*at) == sample.messages[*at].bytes).count();
    // A CRC over the whole record is its last property, so it is torn off with the others: what is left looks like a
    // record of the time before there was such a CRC.
    let next = sample.messages.get(least).is_some_and(|stored| same(&stored.bytes, part(least), By::Place, false));
    (least, least + usize::from(next))
}

#[test]
fn of_a_torn_log_the_longest_whole_part_is_kept() {
    for sealed in [false, true] {
        let sample = Sample::new(4096, 16, Left::Unvouched, sealed);
        let log = sample.file_in("commitlog");
        let content = &sample.files[&log];
        // Of the same layout, but written for places a file further on.
        let mut stale = content[..sample.messages[15].end() as usize].to_vec();
        sample.messages.iter().for_each(|stored| stale[stored.physical as usize + 34] ^= 0x10);
        let edges = sample.messages.iter().map(|stored| stored.end()).collect();
        each_prefix(&format!("log, sealed {sealed}"), &sample, &log, &stale, (97, edges), |torn| whole(&sample, torn));
    }
}

#[test]
fn a_torn_queue_is_built_anew_from_the_log() {
    for left in [Left::Unvouched, Left::Settled] {
        let sample = Sample::new(4096, 16, left, false);
        let queue = sample.file_in("consumequeue/Orders/0");
        let stale = [&sample.files[&sample.file_in("consumequeue/B/0")][..60], &sample.files[&queue][..60]].concat();
        let all = sample.messages.len();
        each_prefix(&format!("queue, {left:?}"), &sample, &queue, &stale, (13, vec![20, 40, 180]), |_| (all, all));
    }
}

#[test]
fn a_torn_index_is_built_anew_from_the_log() {
    for left in [Left::Unvouched, Left::Settled] {
        let sample = Sample::new(4096, 16, left, false);
        let index = sample.file_in("index");
        let stale = sample.files[&index][40 + 16 * 4 + 20..][..200].to_vec();
        let all = sample.messages.len();
        each_prefix(&format!("index, {left:?}"), &sample, &index, &stale, (29, vec![40, 104, 124, 144]), |_| {
            (all, all)
        });
    }
}

#[test]
fn a_torn_checkpoint_vouches_for_nothing_that_is_not_there() {
    let sample = Sample::new(4096, 16, Left::Settled, false);
    let mut stale = sample.files[Path::new("checkpoint")][..508].to_vec();
    // Of a time when the log was longer.
    stale[486] ^= 0x40;
    let all = sample.messages.len();
    each_prefix(
        "checkpoint",
        &sample,
        Path::new("checkpoint"),
        &stale,
        (17, vec![8, 16, 24, 472, 480, 488, 496, 504]),
        |_| (all, all),
    );
}
