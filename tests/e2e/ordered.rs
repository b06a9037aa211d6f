//! Ordered consumption while members come and go: each queue in its order, nothing lost, and never two readers of one
//! queue at the same time. With this project's client, with the official C++ client, and with both in one group.
#![allow(clippy::unwrap_used)]

use crate::{
    clients::{Client as Driver, cpp1, cpp2},
    cluster::Cluster,
    process::{Background, PATIENCE},
};
use client::{
    Client, ClientConfig, ConsumeResult, Message, Mode, Producer, ProducerOptions, PushConsumer, PushOptions, Received,
    StartFrom, Subscription,
};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::{Duration, Instant, SystemTime},
};

const SOON: Duration = Duration::from_secs(20);
/// Keys of the messages sent, spread over the queues.
const KEYS: usize = 40;

/// One message in one call of a handler; times in ns of the wall clock, which all processes here share.
#[derive(Clone, Copy, Debug)]
struct Call {
    queue: i64,
    offset: i64,
    begun: u128,
    ended: u128,
}

type Calls = Arc<Mutex<Vec<Call>>>;

fn now() -> u128 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("it is later").as_nanos()
}

/// Fails unless no two calls for a queue overlapped, as [`in_order`] does, too.
#[track_caller]
fn one_by_one_in_order(calls: &[Call], sent: &BTreeMap<i64, i64>) -> usize {
    let mut calls = calls.to_vec();
    calls.sort_by_key(|call| (call.queue, call.begun));
    for pair in calls.windows(2).filter(|pair| pair[0].queue == pair[1].queue) {
        assert!(pair[0].ended <= pair[1].begun, "a queue had two readers at once: {pair:?}");
    }
    in_order(&calls, sent)
}

/// Fails unless new messages came in their order, none left out. Returns how often a message came again. A member with the
/// C++ client 1.x was seen to begin while the last call of another still ran, so of such groups no more is promised.
#[track_caller]
fn in_order(calls: &[Call], sent: &BTreeMap<i64, i64>) -> usize {
    let mut queues: BTreeMap<i64, Vec<Call>> = BTreeMap::new();
    calls.iter().for_each(|call| queues.entry(call.queue).or_default().push(*call));
    let mut again = 0;
    for (queue, calls) in &mut queues {
        calls.sort_by_key(|call| call.begun);
        let mut next = 0;
        for call in &*calls {
            assert!(call.offset <= next, "queue {queue}: {call:?} came before {next}");
            again += usize::from(call.offset < next);
            next = next.max(call.offset + 1);
        }
        assert_eq!(next, sent[queue], "queue {queue} was not consumed to its end");
    }
    assert_eq!(queues.len(), sent.len(), "a queue was not consumed at all");
    again
}

async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "never {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Sends ordered messages to a topic, and counts what each queue got.
#[derive(Clone)]
struct Sender {
    producer: Producer,
    topic: &'static str,
    /// Queue → messages.
    sent: Arc<Mutex<BTreeMap<i64, i64>>>,
}

impl Sender {
    fn start(cluster: &Cluster, topic: &'static str) -> Self {
        let client = Client::start(ClientConfig::new(&cluster.namesrv_addr)).unwrap();
        let producer = Producer::on(&client, "p", ProducerOptions::default()).unwrap();
        Self { producer, topic, sent: Arc::default() }
    }

    async fn send(&self, count: usize) {
        for at in 0..count {
            let key = format!("key-{}", at % KEYS);
            let result =
                self.producer.send_ordered(Message::new(self.topic, format!("{key} {at}")), &key).await.unwrap();
            let mut sent = self.sent.lock().unwrap();
            let end = sent.entry(result.queue.id.into()).or_default();
            assert_eq!(result.queue_offset, *end, "nobody else sends");
            *end += 1;
        }
    }

    fn sent(&self) -> BTreeMap<i64, i64> {
        self.sent.lock().unwrap().clone()
    }

    fn total(&self) -> usize {
        self.sent().values().sum::<i64>() as usize
    }
}

/// A member that takes a moment for each message.
async fn member(cluster: &Cluster, topic: &str, calls: &Calls) -> PushConsumer {
    let options = PushOptions { mode: Mode::Ordered, start_from: StartFrom::First, ..PushOptions::default() };
    let calls = calls.clone();
    let handler = move |messages: Vec<Received>| {
        let calls = calls.clone();
        async move {
            let begun = now();
            let [message] = &messages[..] else { panic!("one message in a call") };
            // Most of the time a call is under way: a queue that changes hands too early is seen.
            tokio::time::sleep(Duration::from_millis(if message.queue_offset % 5 == 0 { 30 } else { 1 })).await;
            let (queue, offset) = (message.queue.id.into(), message.queue_offset);
            calls.lock().unwrap().push(Call { queue, offset, begun, ended: now() });
            ConsumeResult::Success
        }
    };
    let all = [Subscription::tags(topic, "*", 0)];
    PushConsumer::start(ClientConfig::new(&cluster.namesrv_addr), "g", all, options, handler).await.unwrap()
}

fn queues_of(consumer: &PushConsumer, topic: &str) -> usize {
    consumer.assigned().iter().filter(|queue| &*queue.topic == topic).count()
}

/// The calls that the C++ driver reported so far.
fn reported(member: &Background) -> Vec<Call> {
    let log = member.log();
    let lines = log.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    lines
        .filter(|line| line.get("begun").is_some())
        .map(|line| Call {
            queue: line["queue"].as_i64().unwrap(),
            offset: line["offset"].as_i64().unwrap(),
            begun: line["begun"].as_u64().unwrap().into(),
            ended: line["ended"].as_u64().unwrap().into(),
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn queues_that_change_hands_mid_stream_keep_their_order_and_nothing_comes_twice() {
    const T: &str = "Ordered";
    let mut cluster = Cluster::single();
    cluster.topic(T);
    let (sender, calls) = (Sender::start(&cluster, T), Calls::default());
    let done = || calls.lock().unwrap().len();
    // While so many are sent, members come and go.
    let stream = |count: usize| {
        let sender = sender.clone();
        tokio::spawn(async move { sender.send(count).await })
    };
    let first = member(&cluster, T, &calls).await;
    let sending = stream(400);
    until("the first is at work", || done() > 20).await;
    let second = member(&cluster, T, &calls).await;
    until("two share", || queues_of(&first, T) == 2 && queues_of(&second, T) == 2).await;
    let third = member(&cluster, T, &calls).await;
    until("three share", || [&first, &second, &third].iter().all(|it| (1..=2).contains(&queues_of(it, T)))).await;
    sending.await.unwrap();

    let sending = stream(400);
    assert!(second.shutdown(SOON).await, "its calls ended and its positions are committed");
    assert!(first.shutdown(SOON).await);
    until("one has all", || queues_of(&third, T) == 4).await;
    sending.await.unwrap();
    until("all was consumed", || done() >= sender.total()).await;

    cluster.restart_broker();
    sender.send(100).await;
    until("all was consumed after a restart of the broker, too", || done() >= sender.total()).await;
    assert!(third.shutdown(SOON).await);
    assert_eq!(one_by_one_in_order(&calls.lock().unwrap(), &sender.sent()), 0, "nothing came twice");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_fails_too_often_in_order_ends_among_the_dead_letters_and_the_queue_goes_on() {
    const T: &str = "Poison";
    let cluster = Cluster::single();
    cluster.topic(T);
    let sender = Sender::start(&cluster, T);
    let queue = sender.producer.queue_of(T, "k").await.unwrap();
    for body in ["a", "poison", "b"] {
        sender.producer.send_ordered(Message::new(T, body), "k").await.unwrap();
    }
    let options = PushOptions {
        mode: Mode::Ordered,
        start_from: StartFrom::First,
        max_reconsume_times: Some(2),
        suspend: Duration::from_millis(10),
        ..PushOptions::default()
    };
    let seen: Arc<Mutex<Vec<(String, i32)>>> = Arc::default();
    let consumer = PushConsumer::on(sender.producer.client(), "g", [Subscription::tags(T, "*", 0)], options, {
        let seen = seen.clone();
        move |messages: Vec<Received>| {
            let body = String::from_utf8_lossy(&messages[0].body).into_owned();
            let result = if body == "poison" { ConsumeResult::Later } else { ConsumeResult::Success };
            seen.lock().unwrap().push((body, messages[0].reconsume_times));
            async move { result }
        }
    });
    let consumer = consumer.await.unwrap();
    let dead = client::PullConsumer::on(sender.producer.client(), "reader").unwrap();
    until("the queue went on", || seen.lock().unwrap().last().is_some_and(|(body, _)| body == "b")).await;
    let expected = [("a", 0), ("poison", 0), ("poison", 1), ("poison", 2), ("b", 0)];
    let seen = seen.lock().unwrap().clone();
    assert_eq!(seen.iter().map(|(body, times)| (&**body, *times)).collect::<Vec<_>>(), expected);
    assert!(consumer.shutdown(SOON).await);
    assert_eq!(consumer.client().committed("g", &queue).await.unwrap(), Some(3));
    let letters = client::Queue::new("%DLQ%g", "broker-a", 0);
    let all = Subscription::tags(&letters.topic, "*", 0);
    sender.producer.client().fresh_route(&letters.topic).await.unwrap();
    let pulled = dead.pull(&letters, &all, 0, 32, Some(SOON)).await.unwrap();
    assert_eq!(pulled.messages.iter().map(|message| &message.body[..]).collect::<Vec<_>>(), [b"poison"]);
    let letter = &pulled.messages[0];
    assert_eq!(["RETRY_TOPIC", "__SHARDINGKEY"].map(|name| letter.properties.get(name)), [Some(T), Some("k")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn cpp1_members_that_come_and_go_keep_the_order() {
    if let Some(cpp) = cpp1() {
        come_and_go(cpp, true).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn cpp2_members_that_come_keep_the_order() {
    if let Some(cpp) = cpp2() {
        // Its driver cannot leave in order, and a lock that is not given back lasts a minute.
        come_and_go(cpp, false).await;
    }
}

/// Two members of a C++ client, of which the second comes later, and goes again if it `leaves`.
async fn come_and_go(cpp: Driver, leaves: bool) {
    const T: &str = "CppOrdered";
    let cluster = Cluster::single();
    cluster.topic(T);
    let sender = Sender::start(&cluster, T);
    let consuming =
        ["--topic", T, "--group", "g", "--orderly", "--work-ms", "5", "--expect", "100000", "--seconds", "600"];
    let start = |name| Background::start(name, &mut cpp.command(&cluster, "push", &consuming));
    sender.send(100).await;
    let first = start("the first member");
    first.until("it consumes", || reported(&first).len() > 20);
    let mut second = start("the second member");
    second.wait_for("started");
    // A stream that goes on until the second has its share and has worked on it.
    while reported(&second).len() <= 20 {
        assert!(sender.total() < 20_000, "the second member gets nothing:\n{}", second.log());
        sender.send(10).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    if leaves {
        second.terminate();
    }
    sender.send(100).await;
    let all = || [reported(&first), reported(&second)].concat();
    first.until("all was consumed", || {
        let distinct: std::collections::BTreeSet<_> = all().iter().map(|call| (call.queue, call.offset)).collect();
        distinct.len() == sender.total()
    });
    in_order(&all(), &sender.sent());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cpp1_member_and_one_of_rmq_share_an_ordered_group() {
    if let Some(cpp) = cpp1() {
        share_with_ours(cpp, true).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cpp2_member_and_one_of_rmq_share_an_ordered_group() {
    if let Some(cpp) = cpp2() {
        // As above.
        share_with_ours(cpp, false).await;
    }
}

/// A member of this project's client, and later one of a C++ client, which goes again if it `leaves`.
async fn share_with_ours(cpp: Driver, leaves: bool) {
    const T: &str = "MixedOrdered";
    let cluster = Cluster::single();
    cluster.topic(T);
    let sender = Sender::start(&cluster, T);
    let calls = Calls::default();
    let ours = member(&cluster, T, &calls).await;
    until("it has all", || queues_of(&ours, T) == 4).await;
    sender.send(100).await;
    let consuming =
        ["--topic", T, "--group", "g", "--orderly", "--work-ms", "2", "--expect", "100000", "--seconds", "600"];
    let mut theirs = Background::start("the C++ member", &mut cpp.command(&cluster, "push", &consuming));
    until("they share", || queues_of(&ours, T) == 2).await;
    sender.send(100).await;
    // It locks what it did not get at once when it shares out anew, after some seconds.
    theirs.until("it consumes", || reported(&theirs).len() > 20);
    if leaves {
        theirs.terminate();
        until("ours has all again", || queues_of(&ours, T) == 4).await;
    }
    sender.send(100).await;
    let all = || [reported(&theirs), calls.lock().unwrap().clone()].concat();
    until("all was consumed", || {
        let distinct: std::collections::BTreeSet<_> = all().iter().map(|call| (call.queue, call.offset)).collect();
        distinct.len() == sender.total()
    })
    .await;
    assert!(ours.shutdown(SOON).await);
    in_order(&all(), &sender.sent());
}
