//! Transactions and requests from outside: by the official C++ client 2.x and by `rmq` itself, with members of a group
//! that die and brokers that are killed.

use crate::{
    clients::cpp2,
    cluster::{Cluster, start_broker},
    cpp::numbered,
    process::Background,
    wire::{Wire, messages_in},
};
use bytes::Bytes;
use client::{Client, ClientConfig, ConsumeResult, Producer, PushConsumer, PushOptions, StartFrom, Subscription};
use rustix::process::Signal;
use std::time::Duration;

/// Half messages are asked about soon, again and again.
const ASKS_SOON: &str = "transactionTimeOut=300\ntransactionCheckInterval=200\ntransactionCheckMax=1000\n";

/// The bodies in a topic from its start to its end, sorted.
fn bodies(cluster: &Cluster, topic: &str) -> Vec<String> {
    let run = cluster.rmq(&["consume", topic, "-e", "-o", "raw"]).ok();
    let mut bodies: Vec<_> = run.lines().into_iter().map(str::to_owned).collect();
    bodies.sort();
    bodies
}

/// A producer that stays, answers questions with `end`, and sends what it does itself so, too.
fn stays(cluster: &Cluster, end: &str) -> Background {
    let sending = ["produce", "other", "--count", "100000", "--rate", "1", "--transaction", end];
    Background::start("a producer that stays", &mut cluster.command(&sending))
}

#[test]
fn what_rmq_commits_is_seen_and_what_it_rolls_back_is_not() {
    let cluster = Cluster::single();
    for topic in ["T", "other"] {
        cluster.topic(topic);
    }
    let sent = cluster.rmq(&["produce", "T", "-m", "in", "-m", "in too", "--transaction", "commit", "-o", "json"]).ok();
    assert!(sent.json_lines().iter().all(|line| line["status"] == "SEND_OK"), "{sent}");
    cluster.rmq(&["produce", "T", "-m", "out", "--transaction", "rollback"]).ok();
    cluster.rmq(&["produce", "T", "-m", "open", "--transaction", "unknown"]).ok();
    assert_eq!(bodies(&cluster, "T"), ["in", "in too"]);
    cluster.rmq(&["produce", "T", "-m", "x", "--transaction", "commit", "--mode", "oneway"]).exit(2);
}

#[test]
fn another_rmq_producer_is_asked_even_after_the_broker_was_killed() {
    let mut cluster = Cluster::with(ASKS_SOON);
    for topic in ["T", "other"] {
        cluster.topic(topic);
    }
    cluster.rmq(&["produce", "T", "-m", "one", "-m", "two", "--transaction", "unknown"]).ok();
    cluster.broker.signal(Signal::KILL);
    cluster.broker = start_broker(&cluster.namesrv_addr, &cluster.conf);
    assert_eq!(bodies(&cluster, "T"), [""; 0]);
    let producer = stays(&cluster, "commit");
    producer.until("both are seen", || bodies(&cluster, "T") == ["one", "two"]);
    drop(producer);
    cluster.broker.signal(Signal::KILL);
    cluster.broker = start_broker(&cluster.namesrv_addr, &cluster.conf);
    cluster.rmq(&["produce", "T", "-m", "three", "--transaction", "unknown"]).ok();
    let producer = stays(&cluster, "commit");
    // Once this one is committed there was a round of questions: about the others there was none.
    producer.until("the third is seen", || bodies(&cluster, "T").contains(&"three".to_owned()));
    assert_eq!(bodies(&cluster, "T"), ["one", "three", "two"]);
}

#[test]
fn a_transaction_of_rmq_is_rolled_back_when_another_producer_is_asked() {
    let cluster = Cluster::with(ASKS_SOON);
    for topic in ["T", "other"] {
        cluster.topic(topic);
    }
    cluster.rmq(&["produce", "T", "-m", "out", "--transaction", "unknown"]).ok();
    let mut wire = Wire::connect(&cluster.broker_addr);
    let mut all_are_over = || {
        // Notes first: what is sent in between is not yet over.
        let notes = messages_in(&mut wire, "RMQ_SYS_TRANS_OP_HALF_TOPIC", 1);
        notes == messages_in(&mut wire, "RMQ_SYS_TRANS_HALF_TOPIC", 1)
    };
    assert!(!all_are_over());
    let producer = stays(&cluster, "rollback");
    producer.until("all are over", &mut all_are_over);
    drop(producer);
    // It is over for good: who would commit it is asked about the other one only.
    cluster.rmq(&["produce", "T", "-m", "in", "--transaction", "unknown"]).ok();
    let producer = stays(&cluster, "commit");
    producer.until("the other is seen", || bodies(&cluster, "T") == ["in"]);
    producer.until("all are over", &mut all_are_over);
    assert_eq!(bodies(&cluster, "T"), ["in"]);
}

#[test]
fn what_the_cpp_client_commits_is_seen_and_what_it_rolls_back_is_not() {
    let Some(client) = cpp2() else { return };
    let cluster = Cluster::single();
    cluster.topic("T");
    cluster.topic("warm-up");
    for (end, prefix) in [("commit", "in"), ("rollback", "out"), ("unknown", "open")] {
        let args = ["--topic", "T", "--group", "p", "--end", end, "--prefix", prefix, "--count", "5", "--expect", "0"];
        client.run(&cluster, "transact", &args);
    }
    // Its ends are sent one way: they may come a moment later.
    cluster.broker.until("the committed ones are seen", || bodies(&cluster, "T") == numbered("in", 5));
}

#[test]
fn another_cpp_producer_of_the_group_is_asked_after_the_first_was_killed() {
    let Some(client) = cpp2() else { return };
    let cluster = Cluster::with(ASKS_SOON);
    cluster.topic("T");
    cluster.topic("warm-up");
    let args = ["--topic", "T", "--group", "p", "--end", "hold", "--prefix", "half", "--expect", "0"];
    let mut first = Background::start("the first producer", &mut client.command(&cluster, "transact", &args));
    first.wait_for("\"local\": \"half0\"");
    first.signal(Signal::KILL);
    assert_eq!(bodies(&cluster, "T"), [""; 0]);
    let args = ["--topic", "T", "--group", "p", "--count", "0", "--check", "commit", "--expect", "1"];
    let second = client.run(&cluster, "transact", &args);
    assert!(second.json_lines().iter().any(|line| line["asked"] == "half0"), "{second}");
    cluster.broker.until("it is seen", || bodies(&cluster, "T") == ["half0"]);
}

#[test]
fn a_transaction_of_the_cpp_client_is_rolled_back_when_it_is_asked() {
    let Some(client) = cpp2() else { return };
    let cluster = Cluster::with(ASKS_SOON);
    cluster.topic("T");
    cluster.topic("warm-up");
    let args = ["--topic", "T", "--group", "p", "--end", "unknown", "--check", "rollback", "--prefix", "out"];
    let asked = client.run(&cluster, "transact", &args);
    assert!(asked.json_lines().iter().any(|line| line["asked"] == "out0"), "{asked}");
    assert_eq!(bodies(&cluster, "T"), [""; 0]);
}

#[test]
fn a_request_gets_its_reply_and_gives_up_without_one() {
    let cluster = Cluster::single();
    cluster.topic("Q");
    let late = cluster.rmq(&["produce", "Q", "-m", "nobody there", "--reply-timeout", "300ms"]).exit(4);
    assert!(late.stderr.contains("nobody replied"), "{late}");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let config = ClientConfig::new(cluster.namesrv_addr.as_str());
        let replier = Client::start(config).expect("a client");
        let producer = Producer::on(&replier, "repliers", Default::default()).expect("a producer");
        let answers = producer.clone();
        let options = PushOptions { start_from: StartFrom::First, ..PushOptions::default() };
        let queues = [Subscription::tags("Q", "*", 0)];
        let consumer = PushConsumer::on(&replier, "repliers", queues, options, move |messages| {
            let answers = answers.clone();
            async move {
                for message in messages {
                    let body = [b"you said: ", &message.body[..]].concat();
                    // The one that nobody waits for any more is refused.
                    let _ = answers.reply(&message, Bytes::from(body)).await;
                }
                ConsumeResult::Success
            }
        });
        let consumer = consumer.await.expect("a consumer");
        let asking = cluster.command(&["produce", "Q", "-m", "hello", "-m", "again", "--reply-timeout", "60s"]);
        let asked = tokio::task::spawn_blocking(move || {
            let mut asking = asking;
            crate::process::run(&mut asking, "").ok()
        });
        let asked = tokio::time::timeout(Duration::from_secs(120), asked).await.expect("in time").expect("no panic");
        assert_eq!(asked.lines(), ["you said: hello", "you said: again"]);
        assert!(consumer.shutdown(Duration::from_secs(20)).await);
        replier.shutdown().await;
    });
}
