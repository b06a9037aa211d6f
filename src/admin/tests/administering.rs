//! Admin questions and orders against a stand-in cluster: what is told of each broker, and how failures differ.
#![allow(clippy::unwrap_used)]

#[path = "../../client/tests/stand_in/mod.rs"]
mod stand_in;

use admin::{Admin, Error, KeyQuery, QueueRange, Where};
use client::{ClientConfig, Message, Producer, Queue, SendResult};
use protocol::topic::TopicConfig;
use stand_in::{Cluster, nobody};

async fn admin(cluster: &Cluster) -> Admin {
    Admin::connect(&cluster.names).await.unwrap()
}

async fn send(cluster: &Cluster, message: Message) -> SendResult {
    let producer = Producer::start(ClientConfig::new(&cluster.names), "P").await.unwrap();
    producer.send(message).await.unwrap()
}

fn keyed(key: &str) -> Message {
    Message::new("T", format!("body of {key}")).with_keys([key]).unwrap()
}

#[tokio::test]
async fn a_topic_is_created_on_every_master_changed_and_deleted() {
    let cluster = Cluster::start(&["a", "b"]).await;
    let admin = admin(&cluster).await;
    let everywhere = admin.create_topic(&TopicConfig::new("T", 3, 6), &Where::Cluster("C".into())).await.unwrap();
    assert!(everywhere.is_complete());
    assert_eq!(admin.topics().await.unwrap(), ["T"]);
    assert_eq!(admin.route("T").await.unwrap().queue_datas.len(), 2);
    admin.create_topic(&TopicConfig::new("T", 5, 6), &Where::Broker("b".into())).await.unwrap();
    let queues: Vec<i32> =
        admin.route("T").await.unwrap().queue_datas.iter().map(|data| data.write_queue_nums).collect();
    assert_eq!(queues, [3, 5]);
    let deleted = admin.delete_topic("T", &Where::Everywhere).await.unwrap();
    assert!(deleted.is_complete());
    let error = admin.delete_topic("T", &Where::Everywhere).await.unwrap_err();
    assert!(error.is_not_found(), "{error}");
}

#[tokio::test]
async fn an_order_that_one_broker_cannot_take_says_which_and_why() {
    let cluster = Cluster::start(&["a", "b"]).await;
    cluster.stop_broker(1, true).await;
    let admin = admin(&cluster).await;
    let outcomes = admin.create_topic(&TopicConfig::new("T", 1, 6), &Where::Everywhere).await.unwrap();
    assert_eq!(outcomes.answers().map(|(broker, ())| &*broker.name).collect::<Vec<_>>(), ["a"]);
    let failures: Vec<_> = outcomes.failures().collect();
    assert!(matches!(&failures[..], [(broker, error)] if broker.name == "b" && error.is_unreachable()));
    let infos = admin.runtime_infos().await.unwrap();
    assert_eq!((infos.answers().count(), infos.failures().count()), (1, 1));
}

#[tokio::test]
async fn names_that_mean_nothing_are_told_with_what_there_is() {
    let cluster = Cluster::start(&["a"]).await;
    let admin = admin(&cluster).await;
    let topic = TopicConfig::new("T", 1, 6);
    let error = admin.create_topic(&topic, &Where::Cluster("X".into())).await.unwrap_err();
    assert_eq!(error.to_string(), "no cluster is named X; there are: C");
    let error = admin.create_topic(&topic, &Where::Broker("x".into())).await.unwrap_err();
    assert!(error.is_not_found() && error.to_string().contains(&cluster.brokers[0].addr), "{error}");
    let error = admin.create_topic(&TopicConfig::new("a b", 1, 6), &Where::Everywhere).await.unwrap_err();
    assert!(error.to_string().contains("\"a b\""), "{error}");
    let lost = Admin::connect(&nobody()).await.unwrap();
    assert!(lost.topics().await.unwrap_err().is_unreachable());
}

#[tokio::test]
async fn a_message_is_found_by_either_of_its_ids() {
    let cluster = Cluster::start(&["a", "b"]).await;
    cluster.create("T", 2).create("U", 1);
    send(&cluster, keyed("other")).await;
    let sent = send(&cluster, keyed("k")).await;
    let admin = admin(&cluster).await;
    let found = admin.message(&sent.offset_message_id, None).await.unwrap();
    assert_eq!(&found.body[..], b"body of k");
    assert_eq!((found.queue.clone(), found.message_id()), (sent.queue, sent.message_id.clone()));
    assert_eq!(admin.message(&sent.message_id, Some("T")).await.unwrap(), found);
    assert_eq!(admin.message(&sent.message_id, None).await.unwrap(), found);
    for unknown in [&*sent.message_id.replace('0', "1"), &format!("{}FFFF", &sent.offset_message_id[..28]), "x"] {
        let error = admin.message(unknown, None).await.unwrap_err();
        assert!(matches!(error, Error::NoMessage { .. }) && error.is_not_found(), "{unknown}: {error}");
    }
    let error = admin.message(&sent.message_id, Some("missing")).await.unwrap_err();
    assert!(error.is_not_found(), "{error}");
    cluster.stop_broker(0, true).await;
    cluster.stop_broker(1, true).await;
    let error = admin.message(&sent.message_id, Some("T")).await.unwrap_err();
    assert!(error.is_unreachable() && !error.is_not_found(), "{error}");
}

#[tokio::test]
async fn messages_are_found_by_key_and_what_only_looks_alike_is_left_out() {
    let cluster = Cluster::start(&["a", "b"]).await;
    cluster.create("T", 1);
    for key in ["k", "k", "k2", "j"] {
        send(&cluster, keyed(key)).await;
    }
    let admin = admin(&cluster).await;
    let found = admin.find(&KeyQuery::new("T", "k")).await.unwrap();
    assert!(found.is_complete());
    assert_eq!(found.messages().iter().map(|message| &message.body[..]).collect::<Vec<_>>(), [b"body of k"; 2]);
    assert!(admin.find(&KeyQuery::new("T", "nothing")).await.unwrap().messages().is_empty());
    cluster.stop_broker(0, true).await;
    let found = admin.find(&KeyQuery::new("T", "k")).await.unwrap();
    assert!(!found.is_complete());
}

#[tokio::test]
async fn positions_are_told_for_each_queue_and_the_unknown_is_not_zero() {
    let cluster = Cluster::start(&["a", "b"]).await;
    cluster.create("T", 1);
    let sent = [send(&cluster, keyed("1")).await, send(&cluster, keyed("2")).await, send(&cluster, keyed("3")).await];
    let on_a = sent.iter().filter(|result| &*result.queue.broker == "a").count() as i64;
    let admin = admin(&cluster).await;
    admin.client().commit("G", &Queue::new("T", "a", 0), 0).await.unwrap();
    let positions = admin.group_positions("G", "T").await.unwrap();
    let lags: Vec<_> = positions.iter().map(|(_, position)| position.as_ref().unwrap().lag()).collect();
    assert_eq!(lags, [Some(on_a), None]);
    cluster.stop_broker(1, true).await;
    let ranges = admin.ranges("T").await.unwrap();
    assert_eq!(ranges[0].1.as_ref().unwrap(), &QueueRange { min: 0, max: on_a });
    assert!(ranges[1].1.as_ref().unwrap_err().is_unreachable());
}

#[tokio::test]
async fn a_broker_tells_its_settings() {
    let cluster = Cluster::start(&["a"]).await;
    let settings = admin(&cluster).await.settings(&cluster.brokers[0].addr).await.unwrap();
    assert_eq!(settings.values["brokerName"], "a");
    assert!(settings.text.starts_with("#comment"));
}
