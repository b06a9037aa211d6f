//! Pulling, and offsets by time.

use crate::support::*;
use base::Clock;
use store::{MessageStore, PullSpec, PullStatus, Pulled, StoreConfig, tag_hash};

fn pull(store: &MessageStore, offset: i64, max_messages: usize) -> Pulled {
    store.pull(&PullSpec { topic: "T", queue_id: 0, offset, max_messages }, |_, _| true)
}

#[test]
fn every_offset_outside_of_the_queue_has_its_status_and_its_way_back() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    assert_eq!(pull(&store, 0, 32).status, PullStatus::NoSuchQueue);
    store.queue_or_new("T", 0);
    assert_eq!((pull(&store, 7, 32).status, pull(&store, 7, 32).next_offset), (PullStatus::NoMessageInQueue, 0));
    put_all(&store, &[message("T", b"0"), message("T", b"1")]);
    let of = |offset| {
        let pulled = pull(&store, offset, 32);
        (pulled.status, pulled.next_offset, pulled.message_count)
    };
    assert_eq!(of(0), (PullStatus::Found, 2, 2));
    assert_eq!(of(2), (PullStatus::OffsetOverflowOne, 2, 0));
    assert_eq!(of(3), (PullStatus::OffsetOverflowBadly, 2, 0));
    assert_eq!(of(-1), (PullStatus::OffsetTooSmall, 0, 0));
}

#[test]
fn neighbours_come_as_one_slice_and_limits_hold() {
    let dir = tempfile::tempdir().unwrap();
    let config = StoreConfig { max_transfer_bytes_on_message_in_memory: 1000, ..StoreConfig::small(dir.path()) };
    let store = MessageStore::open(config, Clock::System).unwrap();
    let a = put_all(&store, &[message("T", b"0"), message("T", b"1"), message("U", b"-"), message("T", b"2")]);
    let pulled = pull(&store, 0, 32);
    assert_eq!((pulled.message_count, pulled.next_offset), (3, 3));
    assert_eq!(
        pulled.records.iter().map(|run| run.len()).collect::<Vec<_>>(),
        [2 * a[0].size as usize, a[0].size as usize]
    );
    assert_eq!(pulled.byte_count, 3 * a[0].size as usize);
    assert_eq!((pull(&store, 0, 2).message_count, pull(&store, 0, 2).next_offset), (2, 2));
    for _ in 0..20 {
        put(&store, message("T", b"0"));
    }
    assert_eq!(pull(&store, 0, 32).message_count, 1000 / a[0].size as usize);
    let big = vec![0; 2000];
    put(&store, message("T", &big));
    assert_eq!(pull(&store, 23, 32).message_count, 1, "a message over the limit comes alone");
}

#[test]
fn a_filter_skips_and_the_next_offset_moves_past_what_it_skipped() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    for n in 0..1000 {
        put(&store, Message { properties: if n == 900 { "TAGS\u{1}b" } else { "TAGS\u{1}a" }, ..message("T", b"x") });
    }
    let spec = |offset| PullSpec { topic: "T", queue_id: 0, offset, max_messages: 32 };
    let wanted = |hash| move |entry: &store::QueueEntry, _: &bytes::Bytes| entry.tag_hash == hash;
    let pulled = store.pull(&spec(0), wanted(tag_hash("b")));
    assert_eq!((pulled.status, pulled.next_offset), (PullStatus::NoMatch, 800));
    let pulled = store.pull(&spec(800), wanted(tag_hash("b")));
    assert_eq!((pulled.status, pulled.message_count, pulled.next_offset), (PullStatus::Found, 1, 1000));
    assert_eq!(store.pull(&spec(0), |_, record| record.is_empty()).status, PullStatus::NoMatch);
}

#[test]
fn an_offset_by_time_is_exact_or_the_nearest_message() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Clock::manual(START_MS);
    let store = open_with(dir.path(), &clock).unwrap();
    assert_eq!(store.queue_or_new("T", 0).offset_at_time(START_MS), 0);
    for _ in 0..50 {
        put_all(&store, &[message("T", b"a"), message("T", b"b")]);
        clock.advance_ms(100);
    }
    let queue = store.queue("T", 0).unwrap();
    let at = |after_ms| queue.offset_at_time(START_MS + after_ms);
    assert_eq!((at(0), at(100), at(4900)), (0, 2, 98), "the first stored at that time");
    assert_eq!((at(149), at(150), at(151)), (3, 3, 4), "the nearest; of two, the earlier");
    assert_eq!((at(-5000), at(9000)), (0, 99));
    assert_eq!(store.earliest_time("T", 0), Some(START_MS));
    assert_eq!((store.earliest_time("T", 1), queue.store_ms(3)), (None, Some(START_MS + 100)));
}

#[test]
fn a_delayed_message_has_its_delivery_time_in_the_queue() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let delayed =
        Message { queue_id: 2, properties: "DELAY\u{1}3\u{2}TAGS\u{1}a\u{2}", ..message("SCHEDULE_TOPIC_XXXX", b"x") };
    put(&store, delayed);
    let entry = store.queue("SCHEDULE_TOPIC_XXXX", 2).unwrap().get(0).unwrap();
    assert_eq!(entry.tag_hash, START_MS + 10_000);
}
