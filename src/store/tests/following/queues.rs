//! Queues whose row of offsets breaks: topics that were deleted and made again, and messages that are missing.

use crate::{pair::*, support::*};
use base::Clock;
use protocol::record::place;
use rand::{SeedableRng, rngs::StdRng};
use store::{MessageStore, PullStatus};
use witness::loops;

/// The bytes of a record with the queue offset that is asked for, to be appended to `store` next.
fn record(store: &MessageStore, topic: &str, queue_offset: i64, body: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    message(topic, body).record().encode(&mut bytes).unwrap();
    place(&mut bytes, queue_offset, store.max_physical(), START_MS);
    bytes
}

fn copy(store: &MessageStore, topic: &str, queue_offset: i64, body: &[u8]) {
    let bytes = record(store, topic, queue_offset, body);
    assert_eq!(store.append_copied(store.max_physical() as u64, &bytes).unwrap(), bytes.len());
}

/// First offset, end, and the bodies in between; of a place that stays empty `None`.
fn held(store: &MessageStore, topic: &str) -> (i64, Vec<Option<Vec<u8>>>) {
    let queue = store.queue(topic, 0).unwrap();
    let body = |offset| {
        let entry = queue.get(offset).unwrap();
        let bytes = store.record_at(entry.physical_offset).filter(|bytes| bytes.len() == entry.size as usize)?;
        let record = protocol::record::decode_all(bytes, true).unwrap().remove(0);
        Some(record).filter(|it| it.topic == topic && it.queue_offset == offset).map(|it| it.body.to_vec())
    };
    (queue.min_offset(), (queue.min_offset()..queue.max_offset()).map(body).collect())
}

fn some(bodies: &[&[u8]]) -> Vec<Option<Vec<u8>>> {
    bodies.iter().map(|body| Some(body.to_vec())).collect()
}

#[test]
fn a_topic_that_was_deleted_and_made_again_starts_anew_here_too() {
    let seed = loops::seed("made again");
    for round in 0..8 {
        let mut rng = StdRng::seed_from_u64(seed + round);
        let (theirs, ours) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let master = open_with(theirs.path(), &Clock::manual(START_MS)).unwrap();
        let mut slave = open_slave(ours.path());
        for topic in ["A", "B", "A"] {
            fill(&master, &mut rng, 12);
            if round % 2 == 0 {
                feed(&master, &slave, &mut rng);
            }
            master.delete_topic(topic).unwrap();
            // Every queue of the topic has messages again.
            for queue_id in 0..3 {
                put(&master, Message { queue_id, ..message(topic, b"anew") });
            }
            fill(&master, &mut rng, 6);
            feed(&master, &slave, &mut rng);
            assert_same(&master, &slave);
            if round % 3 == 0 {
                drop(slave);
                slave = open_slave(ours.path());
                assert_same(&master, &slave);
            }
        }
        // From nothing but the log the same comes of it.
        drop(slave);
        std::fs::remove_dir_all(ours.path().join("consumequeue")).unwrap();
        assert_same(&master, &open_slave(ours.path()));
    }
}

#[test]
fn a_queue_begins_with_the_offset_of_its_first_record() {
    let dir = tempfile::tempdir().unwrap();
    let store = open_slave(dir.path());
    let waited_for = store.queue_or_new("T", 0);
    copy(&store, "T", 50, b"a");
    copy(&store, "T", 51, b"b");
    assert_eq!(held(&store, "T"), (50, some(&[b"a", b"b"])));
    assert!(waited_for.end().get() > 0, "whoever waits for its first message looks again");
    let spec = store::PullSpec { topic: "T", queue_id: 0, offset: 0, max_messages: 9 };
    let pulled = store.pull(&spec, |_, _| true);
    assert_eq!((pulled.status, pulled.next_offset), (PullStatus::OffsetTooSmall, 50));
    for _ in 0..2 {
        store.close().unwrap();
        assert_eq!(held(&open_slave(dir.path()), "T"), (50, some(&[b"a", b"b"])));
    }
    drop(store);
    let store = open_slave(dir.path());
    copy(&store, "T", 52, b"c");
    drop(store);
    assert_eq!(held(&open_slave(dir.path()), "T"), (50, some(&[b"a", b"b", b"c"])));
}

#[test]
fn messages_that_may_be_missing_leave_their_places_empty() {
    let dir = tempfile::tempdir().unwrap();
    let store = open_slave(dir.path());
    copy(&store, "T", 0, b"a");
    copy(&store, "Other", 0, &[0; 500]);
    copy(&store, "T", 3, b"d");
    copy(&store, "T", 4, b"e");
    let expected = [Some(b"a"), None, None, Some(b"d"), Some(b"e")].map(|body| body.map(|body| body.to_vec()));
    assert_eq!(held(&store, "T"), (0, expected.to_vec()));
    drop(store);
    assert_eq!(held(&open_slave(dir.path()), "T"), (0, expected.to_vec()));
}

#[test]
fn behind_a_gap_that_nothing_explains_the_queue_starts_anew_with_the_new_message() {
    let dir = tempfile::tempdir().unwrap();
    let store = open_slave(dir.path());
    copy(&store, "T", 0, b"a");
    copy(&store, "T", 90, b"x");
    copy(&store, "T", 91, b"y");
    assert_eq!(held(&store, "T"), (90, some(&[b"x", b"y"])));
    assert_eq!(store.max_physical(), 3 * (91 + 1 + 1), "all are in the log");
    // A lower one, but not the first: so it is.
    copy(&store, "T", 40, b"z");
    assert_eq!(held(&store, "T"), (40, some(&[b"z"])));
    store.flush_queues().unwrap();
    drop(store);
    let store = open_slave(dir.path());
    assert_eq!(held(&store, "T"), (40, some(&[b"z"])));
    copy(&store, "T", 41, b"zz");
    store.close().unwrap();
    drop(store);
    assert_eq!(held(&open_slave(dir.path()), "T"), (40, some(&[b"z", b"zz"])));
}

#[test]
fn what_names_no_queue_is_in_the_log_only() {
    let dir = tempfile::tempdir().unwrap();
    let store = open_slave(dir.path());
    let long = [0xFF; 127];
    let mut expected = 0;
    for topic in ["..", "a/b", std::str::from_utf8(&[b'x'; 127]).unwrap()] {
        let mut bytes = record(&store, topic, 0, b"body");
        if topic.len() == 127 {
            // Each byte that is no UTF-8 becomes three: too long for a folder.
            let at = bytes.len() - 2 - 127;
            bytes[at..at + 127].copy_from_slice(&long);
        }
        assert_eq!(store.append_copied(store.max_physical() as u64, &bytes).unwrap(), bytes.len());
        expected += bytes.len() as i64;
    }
    store.flush_queues().unwrap();
    assert_eq!((store.max_physical(), store.topics().len(), store.refusing()), (expected, 0, None));
    let absurd = record(&store, "T", i64::MAX, b"body");
    let refused = store.append_copied(expected as u64, &absurd).unwrap_err();
    assert!(refused.to_string().contains("cannot be"), "{refused}");
    drop(store);
    assert_eq!(open_slave(dir.path()).max_physical(), expected);
}
