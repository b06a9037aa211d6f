//! Ends that producers ask for, and those that are refused.

use crate::stage::{At, COMMIT, HALVES, NOTES, Producer, ROLLBACK, Stage, UNKNOWN, end_request};
use broker::config_values::FlushDiskType;
use protocol::{
    Command,
    code::{request, response},
    properties, send,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_half_message_is_seen_once_it_is_committed_and_only_once() {
    let stage = Stage::start().await;
    let producer = Producer::of(&stage, "P").await;
    let at = producer.half(&stage, "one").await;
    assert!(stage.bodies("T").is_empty());
    let half = stage.records(HALVES).remove(0);
    assert_eq!((half.queue_id, half.sys_flag.0, half.queue_offset), (0, 0, at.index));
    assert_eq!(properties::get(&half.properties, "REAL_TOPIC"), Some("T"));
    assert_eq!(properties::get(&half.properties, "REAL_QID"), Some("0"));

    assert_eq!(producer.end(at, COMMIT).await.code, response::SUCCESS);
    let seen = stage.records("T");
    assert_eq!(seen.len(), 1);
    assert_eq!((&seen[0].body[..], seen[0].flag, seen[0].sys_flag.0), (&b"one"[..], 7, 8));
    assert_eq!((seen[0].prepared_transaction_offset, seen[0].born_ms), (at.physical, half.born_ms));
    let kept = "PGROUP\u{1}P\u{2}UNIQ_KEY\u{1}U-one\u{2}TAGS\u{1}t\u{2}CLUSTER\u{1}DefaultCluster\u{2}";
    assert_eq!(seen[0].properties, kept);
    let note = stage.records(NOTES).remove(0);
    assert_eq!((note.body.to_vec(), &*note.properties), (at.index.to_string().into_bytes(), "TAGS\u{1}d\u{2}"));

    for how in [COMMIT, ROLLBACK] {
        let again = producer.end(at, how).await;
        assert_eq!(again.code, response::SYSTEM_ERROR);
        assert!(again.remark.is_some_and(|why| why.contains("has ended")));
    }
    assert_eq!((stage.bodies("T").len(), stage.bodies(NOTES).len()), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rolled_back_message_is_never_seen() {
    let stage = Stage::start().await;
    let producer = Producer::of(&stage, "P").await;
    let (first, second) = (producer.half(&stage, "no").await, producer.half(&stage, "yes").await);
    assert_eq!(producer.end(second, COMMIT).await.code, response::SUCCESS);
    assert_eq!(producer.end(first, ROLLBACK).await.code, response::SUCCESS);
    assert_eq!(producer.end(first, COMMIT).await.code, response::SYSTEM_ERROR);
    assert_eq!((stage.bodies("T"), stage.bodies(NOTES)), (vec!["yes".into()], vec!["1".into(), "0".into()]));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_that_fits_no_half_message_is_refused_and_changes_nothing() {
    let stage = Stage::start().await;
    let producer = Producer::of(&stage, "P").await;
    producer.send(&stage, "plain", "", 0).await;
    let plain = stage.records("T").remove(0);
    let at = producer.half(&stage, "one").await;
    let other = producer.half(&stage, "two").await;
    let end = stage.broker.store().max_physical();
    let wrong = [
        ("another group's", end_request("Q", at, COMMIT)),
        ("another index", end_request("P", At { index: other.index, ..at }, COMMIT)),
        ("another place", end_request("P", At { physical: at.physical + 1, ..at }, ROLLBACK)),
        ("a plain message", end_request("P", At { index: 0, physical: plain.physical_offset }, COMMIT)),
        ("a place that is not there", end_request("P", At { index: i64::MAX, physical: i64::MAX }, COMMIT)),
        ("a negative place", end_request("P", At { index: -1, physical: -1 }, ROLLBACK)),
        ("an unknown way to end", end_request("P", at, 4)),
        ("no header", Command::request(request::END_TRANSACTION)),
    ];
    for (what, request) in wrong {
        let answer = producer.ask(request).await;
        assert_eq!(answer.code, response::SYSTEM_ERROR, "{what}");
        assert!(answer.remark.is_some_and(|why| why.len() > 20), "{what} has a reason");
    }
    assert_eq!(stage.broker.store().max_physical(), end);
    assert_eq!(producer.end(at, COMMIT).await.code, response::SUCCESS);
    assert_eq!(stage.bodies("T"), ["plain", "one"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_know_gets_no_answer_and_the_message_waits() {
    let stage = Stage::start().await;
    let producer = Producer::of(&stage, "P").await;
    let at = producer.half(&stage, "one").await;
    let unknown = producer.end(at, UNKNOWN);
    tokio::pin!(unknown);
    // The commit is answered, and what was asked before it on this connection is not.
    tokio::select! {
        biased;
        answer = &mut unknown => panic!("answered {answer:?}"),
        answer = producer.end(at, COMMIT) => assert_eq!(answer.code, response::SUCCESS),
    }
    assert_eq!(stage.bodies("T"), ["one"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_that_end_one_transaction_at_once_end_it_once() {
    let stage = Stage::start().await;
    let producers = [Producer::of(&stage, "P").await, Producer::of(&stage, "P").await, Producer::of(&stage, "P").await];
    for round in 0..50 {
        let at = producers[0].half(&stage, &format!("{round}")).await;
        let ends = futures_util::future::join_all(producers.iter().map(|producer| producer.end(at, COMMIT))).await;
        assert_eq!(ends.iter().filter(|answer| answer.code == response::SUCCESS).count(), 1);
    }
    let expected: Vec<_> = (0..50).map(|round| round.to_string()).collect();
    assert_eq!(stage.bodies("T"), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_synchronous_flush_the_end_is_on_the_disk_when_it_is_answered() {
    let stage = Stage::start_with(|config| {
        config.flush_disk_type = FlushDiskType::Sync;
        config.transaction_check_interval_ms = 3_600_000;
    })
    .await;
    let producer = Producer::of(&stage, "P").await;
    let store = stage.broker.store();
    for round in 0..50 {
        // Without waiting for the disk, so that it is not to be seen yet when its end is asked for.
        let at = producer.half_with(&stage, &round.to_string(), "WAIT\u{1}false").await;
        let answer = producer.end(at, COMMIT).await;
        assert_eq!(answer.code, response::SUCCESS, "{:?}", answer.remark);
        assert_eq!(store.flushed().get(), store.written().get());
        assert_eq!(stage.bodies("T").len(), round + 1);
        assert_eq!(producer.end(at, COMMIT).await.code, response::SYSTEM_ERROR);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn half_messages_that_cannot_be_are_refused() {
    let stage = Stage::start().await;
    let producer = Producer::of(&stage, "P").await;
    let half = "TRAN_MSG\u{1}true\u{2}PGROUP\u{1}P\u{2}";
    for later in ["DELAY\u{1}3", "TIMER_DELAY_SEC\u{1}9"] {
        let delayed = producer.send(&stage, "x", &format!("{half}{later}"), 4).await;
        assert_eq!(delayed.code, response::MESSAGE_ILLEGAL, "{later}");
    }
    let mut batch = Vec::new();
    send::push_batch_item(0, b"x", half, &mut batch);
    for (properties, body) in [("", batch.clone()), (half, batch)] {
        let header = send::SendHeader {
            producer_group: "P",
            topic: "T",
            default_topic: "TBW102",
            default_topic_queue_nums: 4,
            queue_id: 0,
            sys_flag: 0,
            born_ms: 1,
            flag: 0,
            properties,
            reconsume_times: 0,
            unit_mode: false,
            batch: true,
            max_reconsume_times: None,
        };
        let request = Command { fields: header.write("b"), ..Command::request(request::SEND_BATCH_MESSAGE) };
        assert_eq!(producer.ask(request.with_body(body)).await.code, response::MESSAGE_ILLEGAL);
    }
    assert!(stage.bodies(HALVES).is_empty() && stage.bodies("T").is_empty());
    let rejecting = Stage::start_with(|config| config.reject_transaction_message = true).await;
    let producer = Producer::of(&rejecting, "P").await;
    assert_eq!(producer.send(&rejecting, "x", half, 4).await.code, response::NO_PERMISSION);
    // One that does not name its group is of the one that sent it.
    let producer = Producer::of(&stage, "P").await;
    assert_eq!(producer.send(&stage, "y", "TRAN_MSG\u{1}true", 4).await.code, response::SUCCESS);
    let stored = stage.records(HALVES).remove(0);
    let at = At { index: stored.queue_offset, physical: stored.physical_offset };
    let ended = producer.end(at, COMMIT).await;
    assert_eq!((ended.code, stage.bodies("T")), (response::SUCCESS, vec!["y".to_owned()]));
}
