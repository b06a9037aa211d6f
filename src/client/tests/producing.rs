//! Producers against a stand-in cluster: where messages go, what is tried when a broker fails, and what errors say.
#![allow(clippy::unwrap_used)]

mod stand_in;

use client::{ClientConfig, Error, Message, Producer, ProducerOptions, SendStatus};
use futures_util::future::join_all;
use protocol::code::response;
use stand_in::{Cluster, nobody, until};
use std::{collections::BTreeSet, time::Duration};

fn config(names: &str) -> ClientConfig {
    ClientConfig::new(names)
}

async fn producer(cluster: &Cluster) -> Producer {
    Producer::start(config(&cluster.names), "G").await.unwrap()
}

fn message(body: &str) -> Message {
    Message::new("T", body.to_owned())
}

#[tokio::test]
async fn messages_are_spread_over_the_queues_of_all_brokers() {
    let cluster = Cluster::start(&["a", "b"]).await;
    cluster.create("T", 2);
    let producer = producer(&cluster).await;
    let results = join_all((0..64).map(|n| producer.send(message(&n.to_string())))).await;
    let results: Vec<_> = results.into_iter().map(Result::unwrap).collect();
    let queues: BTreeSet<String> = results.iter().map(|result| result.queue.to_string()).collect();
    assert_eq!(queues.into_iter().collect::<Vec<_>>(), ["T@a:0", "T@a:1", "T@b:0", "T@b:1"]);
    let ids: BTreeSet<_> = results.iter().map(|result| &result.message_id).collect();
    assert_eq!((ids.len(), cluster.stored("T")), (64, 64));
    let stored = cluster.brokers[0].state.lock().records().next().unwrap();
    assert!(stored.properties.contains("UNIQ_KEY\u{1}") && stored.properties.contains("WAIT\u{1}true"));
    producer.shutdown().await;
}

#[tokio::test]
async fn a_topic_comes_into_being_by_sending_to_it_if_brokers_allow() {
    let cluster = Cluster::start(&["a"]).await;
    let producer = producer(&cluster).await;
    let error = producer.send(message("x")).await.unwrap_err();
    assert!(matches!(&error, Error::TopicNotFound { topic } if topic == "T"), "{error}");
    assert!(error.is_not_found() && !error.is_unreachable());
    assert!(error.to_string().contains("autoCreateTopicEnable"), "{error}");
    cluster.auto_create();
    let result = producer.send(message("x")).await.unwrap();
    assert!(result.queue.id < 4, "{result:?}");
    assert_eq!(cluster.stored("T"), 1);
}

#[tokio::test]
async fn a_send_that_fails_goes_to_another_broker() {
    let cluster = Cluster::start(&["a", "b"]).await;
    cluster.create("T", 1);
    let producer = producer(&cluster).await;
    cluster.stop_broker(0, true).await;
    for n in 0..6 {
        let result = producer.send(message(&n.to_string())).await.unwrap();
        assert_eq!(&*result.queue.broker, "b");
    }
    cluster.brokers[1].state.lock().send_codes = vec![response::SYSTEM_ERROR];
    producer.send(message("tried again")).await.unwrap();
    assert_eq!(cluster.stored("T"), 7);
}

#[tokio::test]
async fn a_refusal_that_no_broker_would_change_is_final() {
    let cluster = Cluster::start(&["a"]).await;
    cluster.create("T", 1);
    let producer = producer(&cluster).await;
    cluster.brokers[0].state.lock().send_codes = vec![response::MESSAGE_ILLEGAL];
    let error = producer.send(message("x")).await.unwrap_err();
    assert_eq!(error.refusal_code(), Some(response::MESSAGE_ILLEGAL));
    assert!(error.to_string().ends_with("MESSAGE_ILLEGAL (13): as the test wants it"), "{error}");
    assert_eq!(cluster.brokers[0].state.lock().sends, 1);
    cluster.brokers[0].state.lock().send_codes = vec![response::SYSTEM_ERROR; 3];
    let error = producer.send(message("x")).await.unwrap_err();
    assert!(matches!(&error, Error::SendFailed { attempts, .. } if attempts.len() == 3), "{error}");
}

#[tokio::test]
async fn a_broker_that_does_not_answer_is_a_timeout_that_is_told() {
    let cluster = Cluster::start(&["a"]).await;
    cluster.create("T", 1);
    let client = client::Client::start(config(&cluster.names)).unwrap();
    let options = ProducerOptions { send_timeout: Duration::from_millis(30), retries: 1, ..ProducerOptions::default() };
    let producer = Producer::on(&client, "G", options).unwrap();
    cluster.brokers[0].state.lock().mute = true;
    let error = producer.send(message("x")).await.unwrap_err();
    assert!(error.is_timeout() && error.is_unreachable(), "{error}");
    assert!(error.to_string().contains(&cluster.brokers[0].addr), "{error}");
}

#[tokio::test]
async fn how_far_a_message_got_is_told() {
    let cluster = Cluster::start(&["a"]).await;
    cluster.create("T", 1);
    let producer = producer(&cluster).await;
    cluster.brokers[0].state.lock().send_codes = vec![response::FLUSH_DISK_TIMEOUT, response::SLAVE_NOT_AVAILABLE];
    assert_eq!(producer.send(message("x")).await.unwrap().status, SendStatus::FlushDiskTimeout);
    assert_eq!(producer.send(message("x")).await.unwrap().status, SendStatus::SlaveNotAvailable);
}

#[tokio::test]
async fn name_servers_that_are_away_are_passed_over_and_named() {
    let cluster = Cluster::start(&["a"]).await;
    cluster.create("T", 1);
    let (first, second) = (nobody(), nobody());
    let producer = Producer::start(config(&format!("{first};{};{second}", cluster.names)), "G").await.unwrap();
    producer.send(message("x")).await.unwrap();
    let lost = Producer::start(config(&format!("{first},{second}")), "G").await.unwrap();
    let error = lost.send(message("x")).await.unwrap_err();
    assert!(error.is_unreachable() && !error.is_timeout());
    let text = error.to_string();
    assert!(text.contains(&first) && text.contains(&second) && text.contains("refused"), "{text}");
}

#[tokio::test]
async fn a_known_route_outlives_the_name_servers() {
    let cluster = Cluster::start(&["a", "b"]).await;
    cluster.create("T", 1);
    let producer = producer(&cluster).await;
    producer.send(message("x")).await.unwrap();
    cluster.stop_name_server().await;
    cluster.stop_broker(0, true).await;
    for _ in 0..4 {
        producer.send(message("x")).await.unwrap();
    }
}

#[tokio::test]
async fn one_way_messages_have_arrived_when_the_producer_is_shut_down() {
    let cluster = Cluster::start(&["a"]).await;
    cluster.create("T", 4);
    let producer = producer(&cluster).await;
    for n in 0..500 {
        producer.send_one_way(message(&n.to_string())).await.unwrap();
    }
    until("the group is known", || cluster.brokers[0].state.lock().producer_groups.contains("G")).await;
    producer.shutdown().await;
    assert_eq!(cluster.stored("T"), 500);
    assert!(cluster.brokers[0].state.lock().producer_groups.is_empty());
    let error = producer.send(message("too late")).await.unwrap_err();
    assert!(matches!(error, Error::ShutDown), "{error}");
}
