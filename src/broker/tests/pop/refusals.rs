//! What is refused, and that it changes nothing.

use crate::asked::*;
use protocol::{
    Command,
    code::{request, response},
    pop::{BatchAck, PopAck, extra_info::ExtraInfo},
};

#[tokio::test(flavor = "multi_thread")]
async fn bad_requests_are_refused_with_a_reason_and_change_nothing() {
    let asked = Asked::start().await;
    asked.send_all(&["one", "two"]).await;
    let long = "g".repeat(125);
    let popped = asked.pop(1).await;
    let end = asked.broker.store().max_physical();
    let offset = || asked.broker.offsets().get("T", "G", 0);
    let before = offset();
    let change = |more: &[(&str, &str)]| {
        let fields = ack(&popped[0], more).fields;
        Command { fields, ..Command::request(request::CHANGE_MESSAGE_INVISIBLETIME) }
    };
    let of = |ck: &str| ck.replacen(&BEGIN_MS.to_string(), "1", 1);
    let invalid = response::INVALID_PARAMETER;
    let refused: Vec<(&str, Command, i32)> = vec![
        ("too many", pop(&[("maxMsgNums", "33")]), invalid),
        ("none", pop(&[("maxMsgNums", "0")]), invalid),
        ("fewer than none", pop(&[("maxMsgNums", "-1")]), invalid),
        ("no number", pop(&[("maxMsgNums", "x")]), response::SYSTEM_ERROR),
        ("visible at once", pop(&[("invisibleTime", "0")]), invalid),
        ("before now", pop(&[("invisibleTime", "-5")]), invalid),
        ("for ever", pop(&[("invisibleTime", "9223372036854775807")]), invalid),
        ("a negative wait", pop(&[("pollTime", "-1")]), invalid),
        ("an endless wait", pop(&[("pollTime", "9223372036854775807")]), invalid),
        ("another queue", pop(&[("queueId", "9")]), invalid),
        ("a negative queue", pop(&[("queueId", "-2")]), invalid),
        ("another topic", pop(&[("topic", "U")]), response::TOPIC_NOT_EXIST),
        ("the journal", pop(&[("topic", "rmq_sys_REVIVE_LOG_DefaultCluster")]), response::NO_PERMISSION),
        ("too long a group", pop(&[("consumerGroup", &long)]), invalid),
        ("a group that is none", pop(&[("consumerGroup", "a b")]), response::SYSTEM_ERROR),
        ("half a filter", pop(&[("exp", "a >"), ("expType", "SQL92")]), response::SUBSCRIPTION_PARSE_FAILED),
        ("garbage", ack(&popped[0], &[("extraInfo", "garbage")]), invalid),
        ("nothing", ack(&popped[0], &[("extraInfo", "")]), invalid),
        ("numbers too large", ack(&popped[0], &[("extraInfo", "99999999999999999999 1 1 0 0 b 0")]), invalid),
        ("another broker", ack(&popped[0], &[("extraInfo", "0 1 1 0 0 other 0 0")]), invalid),
        ("another queue than its own", ack(&popped[0], &[("queueId", "1")]), invalid),
        ("another offset than its own", ack(&popped[0], &[("offset", "1")]), invalid),
        ("another time", ack(&popped[0], &[("extraInfo", &of(&popped[0].ck))]), response::NO_MESSAGE),
        ("another group", ack(&popped[0], &[("consumerGroup", "H")]), response::NO_MESSAGE),
        ("another topic to acknowledge", ack(&popped[0], &[("topic", "U")]), response::TOPIC_NOT_EXIST),
        ("a change to before now", change(&[("invisibleTime", "-1")]), invalid),
        ("a change for ever", change(&[("invisibleTime", "9223372036854775807")]), invalid),
        ("a change without a time", change(&[]), response::SYSTEM_ERROR),
        ("a change of garbage", change(&[("invisibleTime", "1"), ("extraInfo", "\u{1}")]), invalid),
    ];
    for (what, request, code) in refused {
        let answer = asked.ask(request).await;
        assert_eq!(answer.code, code, "{what}: {:?}", answer.remark);
        assert!(answer.remark.is_some_and(|remark| remark.len() > 10), "{what} has a reason");
    }
    assert_eq!(asked.broker.store().max_physical(), end);
    assert_eq!(offset(), before);
    assert_eq!(asked.ack(&popped[0]).await.code, response::SUCCESS);
    assert_eq!(bodies(&asked.pop(32).await), ["two"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_are_acknowledged_at_once_and_those_that_cannot_be_are_told() {
    let asked = Asked::start().await;
    asked.send_all(&["one", "two", "three"]).await;
    let popped = asked.pop(32).await;
    let info: ExtraInfo = popped[0].ck.parse().expect("readable");
    let batch = |distances: &[usize], retry: &str, queue_id| {
        let ack = PopAck {
            group: "G".into(),
            topic: "T".into(),
            retry: retry.into(),
            start_offset: info.start_offset,
            queue_id,
            revive_queue_id: info.revive_queue,
            pop_time: info.pop_time,
            invisible_time: info.invisible_time,
            distances: distances.iter().copied().collect(),
        };
        Command::request(request::BATCH_ACK_MESSAGE).with_json(&BatchAck { broker_name: None, acks: vec![ack] })
    };
    let end = asked.broker.store().max_physical();
    for (bad, code) in [
        (batch(&[], "0", 0), response::NO_MESSAGE),
        (batch(&[0], "9", 0), response::INVALID_PARAMETER),
        (batch(&[0], "0", 7), response::MESSAGE_ILLEGAL),
        (batch(&[0], "1", 0), response::TOPIC_NOT_EXIST),
        (batch(&[0, 60_000], "0", 0), response::NO_MESSAGE),
        (Command::request(request::BATCH_ACK_MESSAGE).with_body("{".as_bytes()), response::SYSTEM_ERROR),
    ] {
        let answer = asked.ask(bad).await;
        assert_eq!(answer.code, code, "{:?}", answer.remark);
    }
    assert_eq!(asked.broker.store().max_physical(), end, "nothing was noted");
    assert_eq!(asked.ask(batch(&[0, 2], "0", 0)).await.code, response::SUCCESS);
    assert_eq!(asked.ask(batch(&[0, 1], "0", 0)).await.code, response::NO_MESSAGE, "the first was acknowledged before");
    asked.pass_time();
    asked.send_all(&["four"]).await;
    assert_eq!(bodies(&asked.popped(long_pop(&[])).await), ["four"]);
}
