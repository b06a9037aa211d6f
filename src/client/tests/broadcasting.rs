//! Broadcast groups against a stand-in cluster: everyone gets everything, and remembers on its own disk how far it is.
#![allow(clippy::unwrap_used)]

mod stand_in;

use client::{
    ClientConfig, ConsumeResult, Message, Mode, Producer, PushConsumer, PushOptions, Received, StartFrom, Subscription,
};
use parking_lot::Mutex;
use stand_in::{Cluster, until};
use std::{path::Path, sync::Arc, time::Duration};

const SOON: Duration = Duration::from_secs(5);

type Bodies = Arc<Mutex<Vec<String>>>;

async fn member(cluster: &Cluster, folder: &Path, instance: Option<&str>, mode: Mode) -> (PushConsumer, Bodies) {
    let options = PushOptions {
        broadcast: true,
        mode,
        local_offsets: Some(folder.to_owned()),
        start_from: StartFrom::First,
        persist_period: Duration::from_millis(20),
        ..PushOptions::default()
    };
    let config = ClientConfig { instance: instance.map(str::to_owned), ..ClientConfig::new(&cluster.names) };
    let seen = Bodies::default();
    let consumer = PushConsumer::start(config, "G", [Subscription::tags("T", "*", 0)], options, {
        let seen = seen.clone();
        move |messages: Vec<Received>| {
            let body = String::from_utf8(messages[0].body.to_vec()).unwrap();
            let result = if body == "fails" { ConsumeResult::Later } else { ConsumeResult::Success };
            seen.lock().push(body);
            async move { result }
        }
    });
    (consumer.await.unwrap(), seen)
}

async fn send(cluster: &Cluster, bodies: &[&'static str]) {
    let producer = Producer::start(ClientConfig::new(&cluster.names), "P").await.unwrap();
    for body in bodies {
        producer.send(Message::new("T", *body)).await.unwrap();
    }
    producer.shutdown().await;
}

fn sorted(seen: &Bodies) -> Vec<String> {
    let mut bodies = seen.lock().clone();
    bodies.sort();
    bodies
}

#[tokio::test]
async fn every_member_gets_every_message_and_none_comes_back() {
    let (cluster, dir) = (Cluster::start(&["a", "b"]).await, tempfile::tempdir().unwrap());
    cluster.create("T", 2);
    send(&cluster, &["1", "fails", "3"]).await;
    let (one, seen_by_one) = member(&cluster, dir.path(), Some("one"), Mode::Concurrent).await;
    let (two, seen_by_two) = member(&cluster, dir.path(), Some("two"), Mode::Concurrent).await;
    for seen in [&seen_by_one, &seen_by_two] {
        until("all came", || seen.lock().len() == 3).await;
        assert_eq!(sorted(seen), ["1", "3", "fails"]);
    }
    assert!(one.assigned().len() == 4 && two.assigned().len() == 4);
    assert!(one.shutdown(SOON).await && two.shutdown(SOON).await);
    let state = cluster.brokers[0].state.lock();
    assert!(state.offsets.is_empty() && state.sent_back.is_empty(), "the brokers were told nothing");
}

#[tokio::test]
async fn a_member_goes_on_where_its_own_file_says() {
    for mode in [Mode::Concurrent, Mode::Ordered] {
        let (cluster, dir) = (Cluster::start(&["a"]).await, tempfile::tempdir().unwrap());
        cluster.create("T", 2);
        send(&cluster, &["1", "2"]).await;
        let (consumer, seen) = member(&cluster, dir.path(), None, mode).await;
        until("all came", || seen.lock().len() == 2).await;
        assert!(consumer.shutdown(SOON).await);
        let id = consumer.client().id().to_owned();
        assert!(id.ends_with("@DEFAULT"), "{id} is the same at the next start");
        assert!(dir.path().join(&id).join("G/offsets.json").exists());
        send(&cluster, &["3"]).await;
        let (consumer, seen) = member(&cluster, dir.path(), None, mode).await;
        until("the new one came", || !seen.lock().is_empty()).await;
        assert!(consumer.shutdown(SOON).await);
        assert_eq!(sorted(&seen), ["3"], "{mode:?}");
        assert!(cluster.brokers[0].state.lock().locks.is_empty(), "nobody else can be in the way");
    }
}
