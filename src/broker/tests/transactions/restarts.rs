//! What a restart, a kill, and a power cut between two records leave of transactions.

use crate::stage::{At, COMMIT, GIVEN_UP, GROUP, HALVES, NOTES, Producer, ROLLBACK, Stage};
use broker::config_values::FlushDiskType;
use protocol::{
    code::response,
    properties,
    record::{NewRecord, SysFlag},
};
use std::{fs::File, os::unix::fs::FileExt, path::Path};

const TIMEOUT_MS: i64 = 6_000;

/// Nobody is asked unless a test wants it.
async fn quiet() -> Stage {
    Stage::start_with(|config| config.transaction_check_interval_ms = 3_600_000).await
}

/// Makes zeros of the log from `from` on: a write that a power cut stopped.
fn cut(dir: &Path, from: i64) {
    let log = File::options().write(true).open(dir.join("commitlog/00000000000000000000")).expect("the log");
    log.write_all_at(&[0; 4096], from as u64).expect("written");
}

#[tokio::test(flavor = "multi_thread")]
async fn transactions_outlast_a_restart_and_a_kill() {
    let stage = quiet().await;
    let producer = Producer::of(&stage, "P").await;
    let (kept, committed, rolled_back) =
        (producer.half(&stage, "kept").await, producer.half(&stage, "in").await, producer.half(&stage, "out").await);
    producer.end(committed, COMMIT).await;
    producer.end(rolled_back, ROLLBACK).await;
    let killed = stage.killed();
    let clock = stage.clock.clone();
    let (stopped, _) = stage.stop().await;
    for dir in [killed, stopped] {
        let stage = Stage::start_in(dir, clock.clone(), |_| {}).await;
        assert_eq!(stage.bodies("T"), ["in"]);
        let producer = Producer::of(&stage, "P").await;
        for ended in [committed, rolled_back] {
            assert_eq!(producer.end(ended, COMMIT).await.code, response::SYSTEM_ERROR);
        }
        assert_eq!(producer.end(kept, COMMIT).await.code, response::SUCCESS);
        assert_eq!(stage.bodies("T"), ["in", "kept"]);
        stage.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_count_and_the_first_place_outlast_a_kill() {
    let stage = Stage::start_with(|config| config.transaction_check_max = 1000).await;
    let mut producer = Producer::of(&stage, "P").await;
    let first = producer.half(&stage, "one").await;
    stage.clock.advance_ms(TIMEOUT_MS);
    for _ in 0..3 {
        producer.next().await;
    }
    // So that nobody is asked while files are copied.
    stage.clock.advance_ms(-TIMEOUT_MS);
    stage.rounds().await;
    let asked = stage.records(HALVES).len() - 1;
    let clock = stage.clock.clone();
    let stage = Stage::start_in(stage.killed(), clock, |config| config.transaction_check_max = 1_000_000).await;
    let mut producer = Producer::of(&stage, "P").await;
    stage.clock.advance_ms(TIMEOUT_MS);
    let times = producer.next().await.message.properties;
    let times = properties::get(&times, "TRANSACTION_CHECK_TIMES").and_then(|times| times.parse::<usize>().ok());
    assert!(times > Some(asked), "{times:?} after {asked}");
    assert_eq!(producer.end(first, COMMIT).await.code, response::SUCCESS);
    let last = stage.records(HALVES).pop().expect("one");
    let last = At { index: last.queue_offset, physical: last.physical_offset };
    assert_eq!(producer.end(last, COMMIT).await.code, response::SYSTEM_ERROR);
    assert_eq!(stage.bodies("T"), ["one"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_power_cut_between_a_commit_and_its_note_does_not_commit_twice() {
    for flush in [FlushDiskType::Async, FlushDiskType::Sync] {
        let stage = quiet().await;
        let producer = Producer::of(&stage, "P").await;
        let (at, other) = (producer.half(&stage, "one").await, producer.half(&stage, "two").await);
        producer.end(at, COMMIT).await;
        let killed = stage.killed();
        cut(killed.path(), stage.records(NOTES)[0].physical_offset);
        let stage = Stage::start_in(killed, stage.clock.clone(), |config| config.flush_disk_type = flush).await;
        let store = stage.broker.store();
        store.flushed().reached(store.written().get()).await;
        assert_eq!((stage.bodies("T"), stage.bodies(NOTES)), (vec!["one".into()], vec!["0".into()]));
        let mut producer = Producer::of(&stage, "P").await;
        assert_eq!(producer.end(at, COMMIT).await.code, response::SYSTEM_ERROR);
        stage.clock.advance_ms(TIMEOUT_MS);
        assert_eq!(producer.next().await.message.body, b"two"[..]);
        assert_eq!(producer.end(other, COMMIT).await.code, response::SUCCESS);
        assert_eq!(stage.bodies("T"), ["one", "two"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_power_cut_before_a_commit_leaves_the_transaction_open() {
    let stage = quiet().await;
    let producer = Producer::of(&stage, "P").await;
    let at = producer.half(&stage, "one").await;
    producer.end(at, COMMIT).await;
    let killed = stage.killed();
    cut(killed.path(), stage.records("T")[0].physical_offset);
    let stage = Stage::start_in(killed, stage.clock.clone(), |_| {}).await;
    assert!(stage.bodies("T").is_empty());
    assert_eq!(Producer::of(&stage, "P").await.end(at, COMMIT).await.code, response::SUCCESS);
    assert_eq!(stage.bodies("T"), ["one"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_power_cut_while_a_message_is_stored_anew_leaves_one_of_it() {
    let stage = Stage::start_with(|config| config.transaction_check_max = 1).await;
    let mut producer = Producer::of(&stage, "P").await;
    let first = producer.half(&stage, "one").await;
    stage.clock.advance_ms(TIMEOUT_MS);
    let asked = producer.next().await;
    stage.broker.store().queue_or_new(NOTES, 0).end().reached(2).await;
    let notes = stage.records(NOTES);
    // Cut where it was stored anew, and where it was given up.
    for (note, waits, given_up) in [(&notes[0], true, 0), (&notes[1], false, 1)] {
        let killed = stage.killed();
        cut(killed.path(), note.physical_offset);
        let clock = base::Clock::manual(stage.clock.now_ms() - TIMEOUT_MS);
        let stage = Stage::start_in(killed, clock, |_| {}).await;
        assert_eq!(stage.bodies(GIVEN_UP).len(), given_up);
        let producer = Producer::of(&stage, "P").await;
        assert_eq!(producer.end(first, COMMIT).await.code == response::SUCCESS, waits);
        assert_eq!(producer.end(asked.at, COMMIT).await.code, response::SYSTEM_ERROR);
        assert_eq!(stage.bodies("T").len(), usize::from(waits));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_of_apache_rocketmq_is_gone_on_with() {
    let stage = quiet().await;
    let producer = Producer::of(&stage, "P").await;
    for at in 0..5 {
        producer.half(&stage, &at.to_string()).await;
    }
    let host = "127.0.0.1:10911".parse().expect("an address");
    // Version 4 notes one end a message, version 5 several.
    for body in [&b"1"[..], b"2,3,"] {
        let note = NewRecord {
            topic: NOTES,
            queue_id: 0,
            flag: 0,
            sys_flag: SysFlag::default(),
            born_ms: 0,
            born_host: host,
            store_host: host,
            reconsume_times: 0,
            prepared_transaction_offset: 0,
            body,
            properties: "TAGS\u{1}d\u{2}UNIQ_KEY\u{1}x",
        };
        stage.broker.put(&note).expect("stored");
    }
    // It is done with the first.
    stage.broker.offsets().commit(HALVES, GROUP, 0, 1);
    let (dir, clock) = stage.stop().await;
    let stage = Stage::start_in(dir, clock, |_| {}).await;
    let mut producer = Producer::of(&stage, "P").await;
    let halves = stage.records(HALVES);
    for (half, waits) in halves.iter().zip([false, false, false, false, true]) {
        let at = At { index: half.queue_offset, physical: half.physical_offset };
        if !waits {
            assert_eq!(producer.end(at, COMMIT).await.code, response::SYSTEM_ERROR, "{at:?}");
        }
    }
    stage.clock.advance_ms(TIMEOUT_MS);
    let asked = producer.next().await;
    assert_eq!(asked.message.body, b"4"[..]);
    assert_eq!(producer.end(asked.at, COMMIT).await.code, response::SUCCESS);
    assert_eq!(stage.bodies("T"), ["4"]);
}
