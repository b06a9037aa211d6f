//! What is handed out, what comes back and when, and what a restart or a crash leaves of it.

use crate::{asked::*, stand::send_header};
use base::Clock;
use protocol::{
    Command,
    code::{request, response},
    pop::{ChangedInvisibleTime, extra_info::ExtraInfo},
    properties, record,
    send::SendHeader,
    topic::GroupConfig,
};

#[tokio::test(flavor = "multi_thread")]
async fn an_acknowledged_message_never_comes_again_and_another_comes_back_with_its_count() {
    let asked = Asked::start().await;
    asked.send_all(&["one", "two", "three"]).await;
    let popped = asked.pop(32).await;
    assert_eq!(bodies(&popped), ["one", "two", "three"]);
    assert!(asked.pop(32).await.is_empty(), "they are invisible");
    for message in [&popped[0], &popped[2]] {
        assert_eq!(asked.ack(message).await.code, response::SUCCESS);
    }
    asked.pass_time();
    let again = asked.popped(long_pop(&[])).await;
    assert_eq!(bodies(&again), ["two"]);
    assert_eq!((again[0].record.reconsume_times, &*again[0].record.topic), (1, "T"));
    assert_eq!(again[0].topic, "%RETRY%G_T");
    let first = properties::get(&again[0].record.properties, "1ST_POP_TIME");
    assert_eq!(first, Some(BEGIN_MS.to_string().as_str()));
    let late = asked.ack(&popped[1]).await;
    assert_eq!(late.code, response::NO_MESSAGE, "it came back: it is not acknowledged by its first pop");
    assert_eq!(asked.ack(&again[0]).await.code, response::SUCCESS);
    asked.pass_time();
    // Whatever were to come back would come before this.
    asked.send_all(&["four"]).await;
    assert_eq!(bodies(&asked.popped(long_pop(&[])).await), ["four"]);
    assert!(asked.pop(32).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_popped_is_known_after_a_clean_stop_and_after_a_crash() {
    for (crash, sync) in [(false, false), (true, false), (true, true)] {
        let asked = Asked::start_in(tempfile::tempdir().expect("a folder"), Clock::manual(BEGIN_MS), sync).await;
        asked.send_all(&["one", "two", "three", "four"]).await;
        let popped = asked.pop(3).await;
        assert_eq!(asked.ack(&popped[0]).await.code, response::SUCCESS);
        assert_eq!(asked.change(&popped[2], 3 * INVISIBLE_MS).await.code, response::SUCCESS);
        let asked = if crash { asked.crash().await } else { asked.restart().await };
        assert_eq!(bodies(&asked.pop(32).await), ["four"], "crash {crash}, sync {sync}");
        assert_eq!(asked.ack(&popped[0]).await.code, response::NO_MESSAGE, "it is acknowledged");
        asked.pass_time();
        let mut back = bodies(&asked.popped(long_pop(&[("maxMsgNums", "1")])).await);
        back.extend(bodies(&asked.popped(long_pop(&[("maxMsgNums", "1")])).await));
        back.sort();
        assert_eq!(back, ["four", "two"], "crash {crash}, sync {sync}");
        // Those that came back, and were not acknowledged, do so a second time, with the one that was put off.
        let asked = if crash { asked.crash().await } else { asked.restart().await };
        asked.clock.advance_ms(2 * INVISIBLE_MS);
        let mut times = Vec::new();
        while times.len() < 3 {
            let popped = asked.popped(long_pop(&[])).await;
            times.extend(popped.iter().map(|message| (message.body(), message.record.reconsume_times)));
        }
        times.sort();
        assert_eq!(times, [("four".into(), 2), ("three".into(), 1), ("two".into(), 2)], "crash {crash}, sync {sync}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_time_counts_and_the_old_one_does_not() {
    let asked = Asked::start().await;
    asked.send_all(&["one", "two"]).await;
    let popped = asked.pop(2).await;
    let longer = asked.change(&popped[0], 10 * INVISIBLE_MS).await;
    let told: ChangedInvisibleTime = longer.header().expect("a header");
    assert_eq!((told.invisible_time, told.revive_qid), (10 * INVISIBLE_MS, 0));
    assert_eq!(asked.change(&popped[1], 0).await.code, response::SUCCESS);
    let at_once = asked.popped(long_pop(&[])).await;
    assert_eq!(bodies(&at_once), ["two"]);
    assert_eq!(asked.ack(&popped[0]).await.code, response::NO_MESSAGE, "it has another name now");
    let mut renamed = popped[0].clone();
    let info = ExtraInfo {
        start_offset: popped[0].record.queue_offset,
        pop_time: told.pop_time,
        invisible_time: told.invisible_time,
        ..popped[0].ck.parse().expect("readable")
    };
    renamed.ck = info.to_string();
    asked.pass_time();
    assert_eq!(bodies(&asked.popped(long_pop(&[])).await), ["two"], "the other is still invisible");
    assert_eq!(asked.ack(&renamed).await.code, response::SUCCESS);
    asked.clock.advance_ms(20 * INVISIBLE_MS);
    assert_eq!(bodies(&asked.popped(long_pop(&[])).await), ["two"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn after_as_many_times_as_its_group_allows_a_message_is_a_dead_letter() {
    let asked = Asked::start().await;
    let group = GroupConfig { group_name: "G".into(), retry_max_times: 2, ..GroupConfig::default() };
    let put = Command::request(request::UPDATE_AND_CREATE_SUBSCRIPTIONGROUP).with_json(&group);
    assert_eq!(asked.ask(put).await.code, response::SUCCESS);
    asked.send("T", "bad", "TAGS\u{1}a\u{2}KEYS\u{1}k").await;
    for times in 0..3 {
        let popped = asked.popped(long_pop(&[])).await;
        assert_eq!((bodies(&popped), popped[0].record.reconsume_times), (vec!["bad".to_owned()], times));
        assert_eq!(properties::get(&popped[0].record.properties, properties::TAGS), Some("a"));
        asked.pass_time();
    }
    // Dead letters are a topic as any other; who reads it, waits until it is there.
    let dead = loop {
        let answer = asked.ask(pop(&[("topic", "%DLQ%G"), ("consumerGroup", "D")])).await;
        if answer.code == response::SUCCESS {
            break record::decode_all(answer.body.to_bytes(), true).expect("whole records");
        }
        tokio::task::yield_now().await;
    };
    assert_eq!((&dead[0].body[..], dead[0].reconsume_times), (&b"bad"[..], 3));
    let said = |name| properties::get(&dead[0].properties, name);
    assert_eq!((said(properties::RETRY_TOPIC), said(properties::KEYS)), (Some("T"), Some("k")));
    assert!(said(properties::ORIGIN_MESSAGE_ID).is_some());
    assert!(asked.pop(32).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn more_than_a_group_may_have_in_flight_is_not_handed_out() {
    let asked = Asked::start().await;
    let mut body = Vec::new();
    (0..64).for_each(|_| protocol::send::push_batch_item(0, b"x", "", &mut body));
    for _ in 0..160 {
        let header = SendHeader { batch: true, ..send_header("T", "") };
        let request = Command { fields: header.write("b"), ..Command::request(request::SEND_BATCH_MESSAGE) };
        assert_eq!(asked.ask(request.with_body(body.clone())).await.code, response::SUCCESS);
    }
    let (mut all, mut last) = (0, Vec::new());
    loop {
        let popped = asked.pop(32).await;
        if popped.is_empty() {
            break;
        }
        all += popped.len();
        last = popped;
    }
    assert!((10_000 - 32..=10_000).contains(&all), "{all}");
    for message in &last {
        assert_eq!(asked.ack(message).await.code, response::SUCCESS);
    }
    assert_eq!(asked.pop(32).await.len(), 32);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_offset_is_saved_ahead_of_the_note_of_its_pop() {
    let asked = Asked::start().await;
    for expected in 1..=20 {
        asked.send_all(&["one"]).await;
        asked.pop(1).await;
        let noted = asked.broker.store().max_physical() as u64;
        while asked.saved_offset() != Some(expected) {
            tokio::task::yield_now().await;
        }
        assert!(asked.broker.store().flushed().get() >= noted, "a power cut now would lose message {expected}");
    }
}
