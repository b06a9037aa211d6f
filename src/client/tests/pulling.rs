//! Pull consumers against a stand-in cluster: what a pull gives, filters, long polls and offsets.
#![allow(clippy::unwrap_used)]

mod stand_in;

use bytes::Bytes;
use client::{ClientConfig, Error, Message, Producer, PullConsumer, PullStatus, Queue, Subscription};
use stand_in::Cluster;
use std::time::Duration;

async fn with_messages(messages: impl IntoIterator<Item = Message>) -> (Cluster, PullConsumer) {
    let cluster = Cluster::start(&["a"]).await;
    cluster.create("T", 2);
    let producer = Producer::start(ClientConfig::new(&cluster.names), "P").await.unwrap();
    for message in messages {
        producer.send_to(&queue(), message).await.unwrap();
    }
    let consumer = PullConsumer::start(ClientConfig::new(&cluster.names), "G").await.unwrap();
    (cluster, consumer)
}

fn queue() -> Queue {
    Queue::new("T", "a", 1)
}

fn all() -> Subscription {
    Subscription::tags("T", "*", 0)
}

fn tagged(tag: &str, body: &str) -> Message {
    Message::new("T", body.to_owned()).with_tag(tag).unwrap()
}

#[tokio::test]
async fn a_queue_is_read_from_an_offset_to_its_end() {
    let large = Bytes::from("rocket".repeat(2000));
    let (_cluster, consumer) =
        with_messages([Message::new("T", "0"), Message::new("T", large.clone()), Message::new("T", "2")]).await;
    assert_eq!(consumer.queues("T").await.unwrap(), [Queue::new("T", "a", 0), queue()]);
    let pulled = consumer.pull(&queue(), &all(), 1, 32, None).await.unwrap();
    assert_eq!((pulled.status, pulled.next_offset, pulled.max_offset), (PullStatus::Found, 3, 3));
    assert_eq!(pulled.messages[0].body, large, "a compressed body is unfolded");
    assert_eq!(pulled.messages[1].queue_offset, 2);
    assert_eq!(pulled.messages[1].queue, queue());
    assert_eq!(pulled.messages[1].message_id().len(), 32);
    let end = consumer.pull(&queue(), &all(), 3, 32, None).await.unwrap();
    assert_eq!((end.status, end.next_offset), (PullStatus::NoNew, 3));
    let beyond = consumer.pull(&queue(), &all(), 9, 32, None).await.unwrap();
    assert_eq!((beyond.status, beyond.next_offset), (PullStatus::OffsetIllegal, 3));
}

#[tokio::test]
async fn tags_with_the_same_hash_are_told_apart_here() {
    // "Aa" and "BB" have the same hash in Java.
    let (_cluster, consumer) = with_messages([tagged("Aa", "wanted"), tagged("BB", "not"), tagged("C", "nor")]).await;
    let wanted = Subscription::tags("T", "Aa || D", 0);
    let pulled = consumer.pull(&queue(), &wanted, 0, 32, None).await.unwrap();
    assert_eq!(pulled.messages.iter().map(|message| &message.body[..]).collect::<Vec<_>>(), [b"wanted"]);
    assert_eq!(pulled.next_offset, 3);
    let none = consumer.pull(&queue(), &Subscription::tags("T", "D", 0), 0, 32, None).await.unwrap();
    assert_eq!((none.status, none.next_offset), (PullStatus::NoMatched, 3));
}

#[tokio::test]
async fn a_long_poll_ends_with_the_message_it_waited_for() {
    let (cluster, consumer) = with_messages([]).await;
    let producer = Producer::start(ClientConfig::new(&cluster.names), "P").await.unwrap();
    let wanted = all();
    let from = queue();
    let waiting = consumer.pull(&from, &wanted, 0, 32, Some(Duration::from_secs(15)));
    let sending = producer.send_to(&from, Message::new("T", "at last"));
    let (pulled, sent) = tokio::join!(waiting, sending);
    sent.unwrap();
    assert_eq!(&pulled.unwrap().messages[0].body[..], b"at last");
}

#[tokio::test]
async fn offsets_are_asked_and_committed() {
    let (cluster, consumer) = with_messages([Message::new("T", "0"), Message::new("T", "1")]).await;
    let client = consumer.client();
    assert_eq!(client.min_offset(&queue()).await.unwrap(), 0);
    assert_eq!(client.max_offset(&queue()).await.unwrap(), 2);
    assert_eq!(client.min_offset(&Queue::new("T", "a", 0)).await.unwrap(), 0, "one that never held a message");
    assert_eq!(consumer.committed(&queue()).await.unwrap(), None);
    consumer.commit(&queue(), 2).await.unwrap();
    assert_eq!(consumer.committed(&queue()).await.unwrap(), Some(2));
    client.commit("other", &queue(), -1).await.unwrap();
    assert_eq!(client.committed("other", &queue()).await.unwrap(), None);
    let gone = Queue::new("T", "gone", 0);
    let error = client.max_offset(&gone).await.unwrap_err();
    assert!(matches!(error, Error::BrokerUnknown { .. }), "{error}");
    drop(cluster);
}
