//! Messages sent back by consumers: when they come again, and how they become dead letters.

mod asked;

use asked::{Asked, property, send_header, text};
use protocol::{
    Command,
    code::{request, response},
    send::{SendBack, SendHeader},
    topic::GroupConfig,
};

/// As a C++ client sends it: nothing but what must be there.
async fn send_back(asked: &Asked, offset: i64, level: &str) -> Command {
    let offset = offset.to_string();
    asked.ask_for(request::CONSUMER_SEND_MSG_BACK, &[("offset", &offset), ("group", "G"), ("delayLevel", level)]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_sent_back_comes_again_later_each_time_and_then_is_a_dead_letter() {
    let asked = Asked::start().await;
    let group = GroupConfig { group_name: "G".into(), retry_max_times: 2, ..GroupConfig::default() };
    let put = Command::request(request::UPDATE_AND_CREATE_SUBSCRIPTIONGROUP).with_json(&group);
    assert_eq!(asked.ask(put).await.code, response::SUCCESS);
    asked.send("T", "x", &text(&[("TAGS", "a"), ("KEYS", "k")])).await;
    let first = asked.records("T", 0).remove(0);
    assert_eq!(send_back(&asked, first.physical_offset, "0").await.code, response::SUCCESS);
    // Level 3 is 10 s, level 4 is 30 s.
    asked.clock.advance_ms(9_999);
    assert!(asked.records("%RETRY%G", 0).is_empty());
    asked.clock.advance_ms(1);
    asked.arrived("%RETRY%G", 1).await;
    let second = asked.records("%RETRY%G", 0).remove(0);
    assert_eq!((&second.body[..], second.reconsume_times, property(&second, "RETRY_TOPIC")), (&b"x"[..], 1, Some("T")));
    let id = protocol::record::MessageId { host: first.store_host, physical_offset: first.physical_offset }.to_string();
    assert_eq!(property(&second, "ORIGIN_MESSAGE_ID"), Some(&*id));
    assert_eq!(send_back(&asked, second.physical_offset, "0").await.code, response::SUCCESS);
    asked.clock.advance_ms(30_000);
    asked.arrived("%RETRY%G", 2).await;
    let third = asked.records("%RETRY%G", 0).remove(1);
    assert_eq!((third.reconsume_times, property(&third, "ORIGIN_MESSAGE_ID")), (2, Some(&*id)));
    assert_eq!((property(&third, "RETRY_TOPIC"), property(&third, "TAGS")), (Some("T"), Some("a")));
    assert_eq!(send_back(&asked, third.physical_offset, "0").await.code, response::SUCCESS);
    let dead = asked.records("%DLQ%G", 0).remove(0);
    assert_eq!((&dead.body[..], dead.reconsume_times, property(&dead, "DELAY")), (&b"x"[..], 3, None));
    assert_eq!(asked.broker.store().find("%DLQ%G", "k", 10, 0, i64::MAX).expect("an index").records.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_consumer_may_say_how_often_and_when() {
    let asked = Asked::start().await;
    asked.send("T", "x", "").await;
    let offset = asked.records("T", 0)[0].physical_offset;
    let header = |delay_level, max| SendBack {
        offset,
        group: "G".into(),
        delay_level,
        origin_msg_id: Some("id".into()),
        origin_topic: Some("T".into()),
        unit_mode: false,
        max_reconsume_times: max,
    };
    let ask = |header| Command::request(request::CONSUMER_SEND_MSG_BACK).with_header(&header);
    assert_eq!(asked.ask(ask(header(1, Some(1)))).await.code, response::SUCCESS);
    asked.clock.advance_ms(1_000);
    asked.arrived("%RETRY%G", 1).await;
    // Straight to the dead letters: by a negative level, and because none may be tried again.
    for (level, max) in [(-1, None), (1, Some(0))] {
        assert_eq!(asked.ask(ask(header(level, max))).await.code, response::SUCCESS);
    }
    asked.arrived("%DLQ%G", 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_taken_back_is_refused_with_a_reason() {
    let asked = Asked::start().await;
    asked.send("T", "x", "").await;
    for offset in [-1, 1, 1 << 40] {
        let answer = send_back(&asked, offset, "0").await;
        assert_eq!(answer.code, response::SYSTEM_ERROR);
        assert!(answer.remark.is_some_and(|remark| remark.contains(&offset.to_string())));
    }
    let closed = asked.restart(|config| config.auto_create_subscription_group = false).await;
    let fields = [("offset", "0"), ("group", "Unknown"), ("delayLevel", "0")];
    let answer = closed.ask_for(request::CONSUMER_SEND_MSG_BACK, &fields).await;
    assert_eq!(answer.code, response::SUBSCRIPTION_GROUP_NOT_EXIST);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_may_send_to_the_retry_topic_itself() {
    let asked = Asked::start().await;
    let properties = text(&[("DELAY", "1"), ("RETRY_TOPIC", "T")]);
    for (times, topic) in [(15, "%RETRY%G"), (16, "%DLQ%G")] {
        let header = SendHeader { reconsume_times: times, ..send_header("%RETRY%G", &properties) };
        let request = Command { fields: header.write("b"), ..Command::request(request::SEND_MESSAGE_V2) };
        assert_eq!(asked.ask(request.with_body(b"x".to_vec())).await.code, response::SUCCESS);
        assert_eq!(asked.records(topic, 0).len(), times as usize - 15, "a retry waits, a dead letter does not");
    }
    asked.clock.advance_ms(1_000);
    asked.arrived("%RETRY%G", 1).await;
    assert_eq!(asked.records("%RETRY%G", 0)[0].reconsume_times, 15);
}
