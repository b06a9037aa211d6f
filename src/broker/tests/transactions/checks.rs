//! Producers that are asked how their transactions ended.

use crate::stage::{COMMIT, GIVEN_UP, GROUP, HALVES, NOTES, Producer, ROLLBACK, Stage};
use protocol::{code::response, properties};
use std::{fs::File, os::unix::fs::FileExt};

const TIMEOUT_MS: i64 = 6_000;

fn times(stage: &Stage) -> Option<String> {
    let last = stage.records(HALVES).pop()?;
    properties::get(&last.properties, "TRANSACTION_CHECK_TIMES").map(str::to_owned)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_producer_is_asked_after_the_time_out_and_not_before() {
    let stage = Stage::start_with(|config| config.transaction_check_max = 1000).await;
    let mut producer = Producer::of(&stage, "P").await;
    let first = producer.half(&stage, "one").await;
    stage.clock.advance_ms(TIMEOUT_MS - 1);
    stage.rounds().await;
    assert!(producer.asked.try_recv().is_err());
    stage.clock.advance_ms(1);
    let asked = producer.next().await;
    assert_eq!((&*asked.message.topic, asked.message.queue_id, &asked.message.body[..]), ("T", 0, &b"one"[..]));
    assert_eq!(
        (asked.header.msg_id.as_deref(), asked.header.transaction_id.as_deref()),
        (Some("U-one"), Some("U-one"))
    );
    assert_eq!((asked.message.queue_offset, asked.message.physical_offset), (asked.at.index, asked.at.physical));
    assert_eq!(properties::get(&asked.message.properties, "TRANSACTION_CHECK_TIMES"), Some("1"));
    assert_ne!(asked.at, first, "it was stored anew");
    assert_eq!(stage.bodies(HALVES)[..2], ["one", "one"]);

    // The place that the answer to the send named still counts, for one end in all.
    assert_eq!(producer.end(first, COMMIT).await.code, response::SUCCESS);
    for late in [asked.at, first] {
        assert_eq!(producer.end(late, COMMIT).await.code, response::SYSTEM_ERROR);
    }
    assert_eq!(stage.bodies("T"), ["one"]);
    let ends = stage.bodies(NOTES).len();
    stage.rounds().await;
    assert_eq!((stage.bodies("T").len(), stage.bodies(NOTES).len()), (1, ends), "it is over");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_left_of_the_group_is_asked_and_may_answer() {
    let stage = Stage::start_with(|config| config.transaction_check_max = 1_000_000).await;
    let gone = Producer::of(&stage, "P").await;
    let mut others = [Producer::of(&stage, "P").await, Producer::of(&stage, "P").await];
    let mut stranger = Producer::of(&stage, "Q").await;
    gone.half(&stage, "one").await;
    gone.leave();
    stage.clock.advance_ms(TIMEOUT_MS);
    // Each in turn.
    let (one, two) = (others[0].next().await, others[1].next().await);
    assert_eq!((one.header.msg_id, two.header.msg_id.as_deref()), (Some("U-one".into()), Some("U-one")));
    assert_eq!(others[1].end(two.at, COMMIT).await.code, response::SUCCESS);
    assert_eq!(others[0].end(one.at, ROLLBACK).await.code, response::SYSTEM_ERROR);
    assert_eq!(stage.bodies("T"), ["one"]);
    assert!(stranger.asked.try_recv().is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_nobody_decides_about_is_given_up_and_starves_no_other() {
    let stage = Stage::start_with(|config| config.transaction_check_max = 3).await;
    let mut producer = Producer::of(&stage, "P").await;
    let orphan = Producer::unheard(&stage, "nobody's").half(&stage, "orphan").await;
    let at = producer.half(&stage, "asked").await;
    stage.clock.advance_ms(TIMEOUT_MS);
    for count in 1..=3 {
        let asked = producer.next().await;
        assert_eq!(properties::get(&asked.message.properties, "TRANSACTION_CHECK_TIMES"), Some(&*count.to_string()));
    }
    let given_up = stage.broker.store().queue_or_new(GIVEN_UP, 0);
    given_up.end().reached(2).await;
    stage.rounds().await;
    assert!(producer.asked.try_recv().is_err(), "three times and no more");
    let mut bodies = stage.bodies(GIVEN_UP);
    bodies.sort();
    assert_eq!(bodies, ["asked", "orphan"]);
    assert!(stage.broker.topics().find(GIVEN_UP).is_some());
    for (group, late) in [("P", at), ("nobody's", orphan)] {
        let answer = producer.ask(crate::stage::end_request(group, late, COMMIT)).await;
        assert_eq!(answer.code, response::SYSTEM_ERROR);
    }
    assert!(stage.bodies("T").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_half_message_does_not_stop_the_others_from_being_asked_about() {
    let stage = Stage::start().await;
    let mut producer = Producer::of(&stage, "P").await;
    let damaged = producer.half(&stage, "damaged").await;
    producer.half(&stage, "whole").await;
    let log = stage.dir.path().join("commitlog/00000000000000000000");
    let log = File::options().write(true).open(log).expect("the log");
    log.write_all_at(b"X", damaged.physical as u64 + 88).expect("written");
    assert!(stage.record(damaged.physical).is_none());
    stage.clock.advance_ms(TIMEOUT_MS);
    assert_eq!(producer.next().await.message.body, b"whole"[..]);
    assert_eq!(producer.end(damaged, COMMIT).await.code, response::SYSTEM_ERROR);
    assert_eq!(stage.bodies("T"), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_may_ask_for_time_of_its_own() {
    let stage = Stage::start().await;
    let mut producer = Producer::of(&stage, "P").await;
    producer.half_with(&stage, "patient", "CHECK_IMMUNITY_TIME_IN_SECONDS\u{1}60").await;
    producer.half_with(&stage, "hasty", "CHECK_IMMUNITY_TIME_IN_SECONDS\u{1}1").await;
    stage.clock.advance_ms(1_000);
    let asked = producer.next().await;
    assert_eq!(asked.message.body, b"hasty"[..]);
    producer.end(asked.at, ROLLBACK).await;
    stage.clock.advance_ms(58_999);
    stage.rounds().await;
    while let Ok(asked) = producer.asked.try_recv() {
        assert_eq!(asked.message.body, b"hasty"[..], "asked before it was rolled back");
    }
    stage.clock.advance_ms(1);
    assert_eq!(producer.next().await.message.body, b"patient"[..]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_older_than_files_are_kept_is_given_up() {
    let stage = Stage::start_with(|config| config.file_reserved_hours = 1).await;
    let mut producer = Producer::of(&stage, "P").await;
    producer.half_with(&stage, "old", "CHECK_IMMUNITY_TIME_IN_SECONDS\u{1}999999").await;
    stage.clock.advance_ms(3_600_001);
    stage.broker.store().queue_or_new(GIVEN_UP, 0).end().reached(1).await;
    assert_eq!(stage.bodies(GIVEN_UP), ["old"]);
    assert!(producer.asked.try_recv().is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn how_far_transactions_are_done_with_is_noted_behind_the_disk_only() {
    let stage = Stage::start().await;
    let producer = Producer::of(&stage, "P").await;
    let offsets = stage.broker.offsets();
    let saved = |topic| offsets.get(topic, GROUP, 0);
    let (first, second) = (producer.half(&stage, "one").await, producer.half(&stage, "two").await);
    producer.end(second, COMMIT).await;
    stage.rounds().await;
    assert_eq!((saved(HALVES), saved(NOTES)), (None, None), "the first one waits");
    producer.end(first, COMMIT).await;
    let end = stage.broker.store().max_physical() as u64;
    while saved(NOTES) != Some(2) {
        stage.rounds().await;
    }
    assert_eq!(saved(HALVES), Some(2));
    assert!(stage.broker.store().flushed().get() >= end);
    assert_eq!(times(&stage), None);
}
