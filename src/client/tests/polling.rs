//! Lite pull consumers against a stand-in cluster: subscribed and assigned, sought, paused, and committed.
#![allow(clippy::unwrap_used)]

mod stand_in;

use client::{
    Client, ClientConfig, Error, LitePullConsumer, LitePullOptions, Message, Producer, PushOptions, Queue, StartFrom,
    Subscription,
};
use stand_in::{Cluster, until};
use std::time::Duration;

const SOON: Duration = Duration::from_secs(5);
const AT_ONCE: Duration = Duration::from_millis(50);

fn options() -> LitePullOptions {
    LitePullOptions {
        start_from: StartFrom::First,
        commit_period: Duration::from_millis(20),
        member: PushOptions { rebalance_period: Duration::from_millis(200), ..PushOptions::default() },
        ..LitePullOptions::default()
    }
}

fn queue(id: i32) -> Queue {
    Queue::new("T", "a", id)
}

async fn with_messages(queues: i32, each: usize) -> (Cluster, Client) {
    let cluster = Cluster::start(&["a"]).await;
    cluster.create("T", queues);
    let client = Client::start(ClientConfig::new(&cluster.names)).unwrap();
    let producer = Producer::on(&client, "P", Default::default()).unwrap();
    for id in 0..queues {
        for at in 0..each {
            producer.send_to(&queue(id), Message::new("T", format!("{id}-{at}"))).await.unwrap();
        }
    }
    (cluster, client)
}

/// The bodies of the next `count` messages, sorted.
async fn bodies(consumer: &LitePullConsumer, count: usize) -> Vec<String> {
    let mut bodies = Vec::new();
    while bodies.len() < count {
        let messages = consumer.poll(SOON).await;
        assert!(!messages.is_empty(), "only {bodies:?} came");
        bodies.extend(messages.iter().map(|message| String::from_utf8(message.body.to_vec()).unwrap()));
    }
    bodies.sort();
    bodies
}

#[tokio::test]
async fn members_that_subscribe_share_the_queues_and_what_was_polled_is_committed() {
    let (cluster, client) = with_messages(2, 3).await;
    let one = LitePullConsumer::on(&client, "G", options()).unwrap();
    one.subscribe(Subscription::tags("T", "*", 0)).await.unwrap();
    assert_eq!(bodies(&one, 6).await, ["0-0", "0-1", "0-2", "1-0", "1-1", "1-2"]);
    let committed = |id| cluster.brokers[0].committed("G", "T", id);
    until("it is committed", || (committed(0), committed(1)) == (Some(3), Some(3))).await;
    let other_client = Client::start(ClientConfig::new(&cluster.names)).unwrap();
    let two = LitePullConsumer::on(&other_client, "G", options()).unwrap();
    two.subscribe(Subscription::tags("T", "*", 0)).await.unwrap();
    until("they share", || one.assigned().len() == 1 && two.assigned().len() == 1).await;
    assert!(two.shutdown().await);
    until("it has both again", || one.assigned().len() == 2).await;
    assert!(matches!(one.assign([queue(0)], &[]).await, Err(Error::Assigned)));
    assert!(one.shutdown().await);
}

#[tokio::test]
async fn queues_that_are_assigned_are_read_and_the_brokers_list_no_member() {
    let (cluster, client) = with_messages(3, 2).await;
    let consumer = LitePullConsumer::on(&client, "G", options()).unwrap();
    consumer.assign([queue(0), queue(2)], &[]).await.unwrap();
    assert_eq!(bodies(&consumer, 4).await, ["0-0", "0-1", "2-0", "2-1"]);
    consumer.assign([queue(1), queue(2)], &[Subscription::tags("T", "none", 0)]).await.unwrap();
    assert!(consumer.poll(AT_ONCE).await.is_empty(), "no message has that tag");
    assert_eq!(consumer.assigned(), [queue(1), queue(2)]);
    assert_eq!(cluster.brokers[0].members("G"), 0);
    let subscribed = consumer.subscribe(Subscription::tags("T", "*", 0)).await;
    assert!(matches!(subscribed, Err(Error::Assigned)));
    assert!(consumer.shutdown().await);
    assert_eq!(cluster.brokers[0].committed("G", "T", 0), Some(2));
}

#[tokio::test]
async fn a_queue_is_read_on_from_where_it_is_sought() {
    let (_cluster, client) = with_messages(1, 5).await;
    let consumer = LitePullConsumer::on(&client, "G", options()).unwrap();
    consumer.assign([queue(0)], &[]).await.unwrap();
    assert_eq!(bodies(&consumer, 5).await.len(), 5);
    consumer.seek(&queue(0), 3).await.unwrap();
    assert_eq!(bodies(&consumer, 2).await, ["0-3", "0-4"]);
    assert_eq!(consumer.positions(), [(queue(0), 5)].into());
    for offset in [-1, 6] {
        let error = consumer.seek(&queue(0), offset).await.unwrap_err();
        assert!(matches!(error, Error::OffsetOutside { min: 0, max: 5, .. }), "{error}");
    }
    assert!(matches!(consumer.seek(&queue(7), 0).await, Err(Error::NotAssigned(_))));
}

#[tokio::test]
async fn a_queue_that_is_paused_is_not_polled() {
    let (_cluster, client) = with_messages(2, 1).await;
    let consumer = LitePullConsumer::on(&client, "G", options()).unwrap();
    consumer.pause([&queue(1)]);
    consumer.assign([queue(0), queue(1)], &[]).await.unwrap();
    assert_eq!(bodies(&consumer, 1).await, ["0-0"]);
    assert!(consumer.poll(AT_ONCE).await.is_empty());
    consumer.resume([&queue(1)]);
    assert_eq!(bodies(&consumer, 1).await, ["1-0"]);
}

#[tokio::test]
async fn who_commits_itself_is_asked_and_nobody_else_commits() {
    let (cluster, client) = with_messages(1, 4).await;
    let own = LitePullOptions { auto_commit: false, batch: 2, ..options() };
    let consumer = LitePullConsumer::on(&client, "G", own.clone()).unwrap();
    consumer.assign([queue(0)], &[]).await.unwrap();
    assert_eq!(bodies(&consumer, 2).await, ["0-0", "0-1"]);
    assert!(consumer.commit().await);
    assert_eq!(bodies(&consumer, 2).await, ["0-2", "0-3"]);
    consumer.assign([], &[]).await.unwrap();
    assert!(consumer.shutdown().await);
    assert_eq!(cluster.brokers[0].committed("G", "T", 0), Some(2));
    let again = LitePullConsumer::on(&client, "G", own).unwrap();
    again.assign([queue(0)], &[]).await.unwrap();
    assert_eq!(bodies(&again, 2).await, ["0-2", "0-3"]);
}
