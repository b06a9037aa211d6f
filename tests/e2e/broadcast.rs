//! Broadcast groups: every member gets every message, of this project's client and of the official C++ clients.
#![allow(clippy::unwrap_used)]

use crate::{
    clients::{Client as Driver, cpp1, cpp2},
    cluster::Cluster,
    cpp::numbered,
    process::{Background, PATIENCE},
};
use client::{
    ClientConfig, ConsumeResult, Message, Producer, PushConsumer, PushOptions, Received, StartFrom, Subscription,
};
use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

const SOON: Duration = Duration::from_secs(20);
const TOPIC: &str = "B";

type Bodies = Arc<Mutex<Vec<String>>>;

async fn send(cluster: &Cluster, prefix: &str, count: usize) {
    let producer = Producer::start(ClientConfig::new(&cluster.namesrv_addr), "p").await.unwrap();
    let messages: Vec<Message> = (0..count).map(|at| Message::new(TOPIC, format!("{prefix}{at}"))).collect();
    for batch in client::split_batch(messages, 1000) {
        assert_eq!(producer.send_batch(batch.clone()).await.unwrap().len(), batch.len());
    }
    producer.shutdown().await;
}

async fn member(cluster: &Cluster, instance: &str) -> (PushConsumer, Bodies) {
    let options = PushOptions {
        broadcast: true,
        start_from: StartFrom::First,
        local_offsets: Some(cluster.dir.path().join("offsets")),
        ..PushOptions::default()
    };
    let config = ClientConfig { instance: Some(instance.to_owned()), ..ClientConfig::new(&cluster.namesrv_addr) };
    let seen = Bodies::default();
    let consumer = PushConsumer::start(config, "g", [Subscription::tags(TOPIC, "*", 0)], options, {
        let seen = seen.clone();
        move |messages: Vec<Received>| {
            seen.lock().unwrap().extend(messages.iter().map(|it| String::from_utf8_lossy(&it.body).into_owned()));
            async { ConsumeResult::Success }
        }
    });
    (consumer.await.unwrap(), seen)
}

async fn until_all(seen: &Bodies, wanted: &[String]) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let mut bodies = seen.lock().unwrap().clone();
        bodies.sort();
        if bodies.len() >= wanted.len() || Instant::now() > deadline {
            return assert_eq!(bodies, wanted);
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_member_gets_everything_and_goes_on_where_it_stopped() {
    let mut cluster = Cluster::single();
    cluster.topic(TOPIC);
    send(&cluster, "old", 50).await;
    let (one, by_one) = member(&cluster, "one").await;
    let (two, by_two) = member(&cluster, "two").await;
    for seen in [&by_one, &by_two] {
        until_all(seen, &numbered("old", 50)).await;
    }
    assert!(one.shutdown(SOON).await && two.shutdown(SOON).await);
    cluster.restart_broker();
    send(&cluster, "new", 50).await;
    let (one, by_one) = member(&cluster, "one").await;
    let (late, by_late) = member(&cluster, "late").await;
    until_all(&by_one, &numbered("new", 50)).await;
    until_all(&by_late, &[numbered("new", 50), numbered("old", 50)].concat()).await;
    assert!(one.shutdown(SOON).await && late.shutdown(SOON).await);
}

/// Two members of a C++ client and one of this project's in one broadcast group.
async fn shared_with(driver: Driver) {
    let cluster = Cluster::single();
    cluster.topic(TOPIC);
    let (ours, by_ours) = member(&cluster, "ours").await;
    let theirs = ["one", "two"].map(|instance| {
        let args = ["--topic", TOPIC, "--group", "g", "--broadcast", "--instance", instance, "--expect", "40"];
        let started = Background::start("a C++ member", &mut driver.command(&cluster, "push", &args));
        started.wait_for("started");
        started
    });
    send(&cluster, "m", 40).await;
    until_all(&by_ours, &numbered("m", 40)).await;
    for member in &theirs {
        member.wait_for("\"done\"");
        let log = member.log();
        let lines = log.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
        let bodies: BTreeSet<String> = lines.filter_map(|line| Some(line.get("body")?.as_str()?.to_owned())).collect();
        assert_eq!(bodies.into_iter().collect::<Vec<_>>(), numbered("m", 40));
    }
    assert!(ours.shutdown(SOON).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn cpp1_members_each_get_everything() {
    let Some(driver) = cpp1() else { return };
    shared_with(driver).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cpp2_members_each_get_everything() {
    let Some(driver) = cpp2() else { return };
    shared_with(driver).await;
}
