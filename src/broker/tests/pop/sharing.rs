//! Who gets what: sharing, order, filters, waiting, and queues shared out by the broker.

use crate::asked::*;
use protocol::{
    Command,
    code::{request, response},
};

#[tokio::test(flavor = "multi_thread")]
async fn two_consumers_share_and_a_waiting_one_wakes_when_a_message_is_sent() {
    let asked = Asked::start().await;
    asked.send_all(&["one", "two", "three", "four"]).await;
    let (first, second) = tokio::join!(asked.pop(2), asked.pop(2));
    let mut all = bodies(&first);
    all.extend(bodies(&second));
    all.sort();
    assert_eq!(all, ["four", "one", "three", "two"]);
    let waiting = asked.popped(long_pop(&[]));
    let other_group = asked.popped(long_pop(&[("consumerGroup", "H")]));
    let (waiting, other_group, ()) = tokio::join!(waiting, other_group, asked.send_all(&["five"]));
    assert_eq!(bodies(&waiting), ["five"]);
    assert_eq!(bodies(&other_group)[..4], ["one", "two", "three", "four"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn in_order_a_queue_waits_for_what_is_in_flight() {
    let asked = Asked::start().await;
    asked.send_all(&["one", "two", "three", "four"]).await;
    let ordered = [("order", "true"), ("maxMsgNums", "2"), ("attemptId", "a")];
    let popped = asked.popped(pop(&ordered)).await;
    assert_eq!(bodies(&popped), ["one", "two"]);
    let other = [("order", "true"), ("maxMsgNums", "2"), ("attemptId", "b")];
    assert!(asked.popped(pop(&other)).await.is_empty(), "the queue is taken");
    assert_eq!(bodies(&asked.popped(pop(&ordered)).await), ["one", "two"], "the same attempt is answered again");

    // Only the second is acknowledged, before a crash: the first comes again, the second does not.
    assert_eq!(asked.ack(&popped[1]).await.code, response::SUCCESS);
    let asked = asked.crash().await;
    assert!(asked.popped(pop(&other)).await.is_empty(), "the queue is taken still");
    asked.pass_time();
    let again = asked.popped(long_pop(&other)).await;
    assert_eq!(
        again.iter().map(|message| (message.body(), message.count)).collect::<Vec<_>>(),
        [("one".to_owned(), 1), ("three".to_owned(), 0)]
    );
    assert_eq!(asked.ack(&popped[0]).await.code, response::NO_MESSAGE, "it was popped anew");

    // Whoever waits has the queue as soon as all is acknowledged.
    let acks = async {
        for message in &again {
            assert_eq!(asked.ack(message).await.code, response::SUCCESS);
        }
    };
    let (next, ()) = tokio::join!(asked.popped(long_pop(&[("order", "true")])), acks);
    assert_eq!(bodies(&next), ["four"]);
    assert_eq!(asked.ack(&again[0]).await.code, response::SUCCESS, "asked again, it is still so");

    // A shorter time frees the queue, too.
    let (change, again) = tokio::join!(asked.change(&next[0], 0), asked.popped(long_pop(&[("order", "true")])));
    assert_eq!(change.code, response::SUCCESS);
    assert_eq!((bodies(&again), again[0].count), (vec!["four".to_owned()], 1));
    assert_eq!(asked.ack(&again[0]).await.code, response::SUCCESS);
    let asked = asked.crash().await;
    asked.pass_time();
    asked.send_all(&["five"]).await;
    assert_eq!(bodies(&asked.popped(pop(&[("order", "true")])).await), ["five"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_filter_leaves_the_others_out() {
    let asked = Asked::start().await;
    for at in 0..200 {
        asked.send("T", &at.to_string(), if at % 50 == 7 { "TAGS\u{1}a" } else { "TAGS\u{1}b" }).await;
    }
    let filtered = [("exp", "a || c"), ("expType", "TAG")];
    let popped = asked.popped(pop(&filtered)).await;
    assert_eq!(bodies(&popped), ["7", "57", "107", "157"]);
    assert_eq!(asked.ack(&popped[3]).await.code, response::SUCCESS);
    let (next, ()) = tokio::join!(asked.popped(long_pop(&filtered)), async {
        asked.send("T", "unwanted", "TAGS\u{1}b").await;
        asked.send("T", "wanted", "TAGS\u{1}c").await;
    });
    assert_eq!(bodies(&next), ["wanted"]);
    asked.pass_time();
    let mut back = bodies(&asked.popped(long_pop(&filtered)).await);
    while back.len() < 4 {
        back.extend(bodies(&asked.popped(long_pop(&filtered)).await));
    }
    assert_eq!(back, ["7", "57", "107", "wanted"]);
    let by_properties = [("consumerGroup", "H"), ("exp", "TAGS = 'c' OR TAGS IS NULL"), ("expType", "SQL92")];
    assert_eq!(bodies(&asked.popped(pop(&by_properties)).await), ["wanted"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_notification_tells_when_there_is_something_to_pop() {
    let asked = Asked::start().await;
    asked.send_all(&["one"]).await;
    let defaults = [("consumerGroup", "G"), ("topic", "T"), ("queueId", "-1"), ("pollTime", "0"), ("bornTime", "1")];
    let notification = |poll_ms| request(request::NOTIFICATION, &defaults, &[("pollTime", poll_ms)]);
    let has = |answer: Command| answer.fields.get("hasMsg") == Some("true");
    assert!(has(asked.ask(notification("0")).await));
    asked.pop(32).await;
    assert!(!has(asked.ask(notification("0")).await));
    let (told, ()) = tokio::join!(asked.ask(notification("60000")), asked.send_all(&["two"]));
    assert!(has(told));
    asked.pop(32).await;
    asked.pass_time();
    assert!(has(asked.ask(notification("60000")).await), "what comes back counts, too");
    let polling = asked.ask(request(request::POLLING_INFO, &defaults, &[])).await;
    assert_eq!(polling.fields.get("pollingNum"), Some("0"));
}

#[tokio::test(flavor = "multi_thread")]
async fn queues_are_shared_out_by_the_broker() {
    let asked = Asked::start().await;
    asked.send_all(&["one"]).await;
    asked.pop(1).await;
    let set = r#"{"topic":"T","consumerGroup":"G","mode":"POP","popShareQueueNum":0}"#;
    let set = Command::request(request::SET_MESSAGE_REQUEST_MODE).with_body(set.as_bytes());
    assert_eq!(asked.ask(set).await.code, response::SUCCESS);
    let heartbeat = concat!(
        r#"{"clientID":"c1","producerDataSet":[],"consumerDataSet":[{"groupName":"G","consumeType":"CONSUME_PASSIVELY","#,
        r#""messageModel":"CLUSTERING","consumeFromWhere":"CONSUME_FROM_FIRST_OFFSET","subscriptionDataSet":[]}]}"#
    );
    let heartbeat = Command::request(request::HEART_BEAT).with_body(heartbeat.as_bytes());
    assert_eq!(asked.ask(heartbeat).await.code, response::SUCCESS);
    let asked_for = |topic: &str| {
        let body = format!(
            r#"{{"topic":"{topic}","consumerGroup":"G","clientId":"c1","strategyName":"AVG","messageModel":"CLUSTERING"}}"#
        );
        Command::request(request::QUERY_ASSIGNMENT).with_body(body.into_bytes())
    };
    let assigned: serde_json::Value = asked.ask(asked_for("T")).await.json().expect("JSON");
    let broker_name = asked.broker.config().broker_name.clone();
    let queue = serde_json::json!({"topic": "T", "brokerName": broker_name, "queueId": -1});
    let expected = serde_json::json!({"messageQueueAssignments": [{"messageQueue": queue, "mode": "POP"}]});
    assert_eq!(assigned, expected);
    let unknown: serde_json::Value = asked.ask(asked_for("U")).await.json().expect("JSON");
    assert_eq!(unknown, serde_json::json!({"messageQueueAssignments": null}));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn however_many_pop_at_once_nobody_gets_what_another_has() {
    let asked = std::sync::Arc::new(Asked::start().await);
    for at in 0..300 {
        asked.send("T", &at.to_string(), "").await;
    }
    let mut consumers = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let asked = asked.clone();
        consumers.spawn(async move {
            // A connection of its own: requests of one are answered one after another.
            let client = remoting::Client::asking();
            let (mut got, addr) = (Vec::new(), asked.broker.advertised());
            loop {
                let answer = client.call(&addr, pop(&[("maxMsgNums", "1")]), PATIENCE).await.expect("answered");
                if answer.code != response::SUCCESS {
                    return got;
                }
                let records = protocol::record::decode_all(answer.body.to_bytes(), true).expect("whole records");
                got.extend(records.into_iter().map(|record| record.queue_offset));
            }
        });
    }
    let mut all: Vec<i64> = consumers.join_all().await.into_iter().flatten().collect();
    all.sort_unstable();
    assert_eq!(all, (0..300).collect::<Vec<_>>());
}
