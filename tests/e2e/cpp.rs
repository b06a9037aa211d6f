//! The official C++ clients against `rmq`: 1.x (long header names, pull consumer) and 2.x (one-letter names).
//!
//! Source of the client: PyPI, see `clients.rs`; what it does for a test: `clients/cpp.py`.

use crate::{
    clients::{Client, cpp1, cpp2},
    cluster::Cluster,
    process::Run,
};
use serde_json::Value;
use std::collections::BTreeMap;

/// The messages that a driver's run reports, without its remarks on itself.
pub fn messages(run: &Run) -> Vec<Value> {
    run.json_lines().into_iter().filter(|line| line.get("body").is_some()).collect()
}

/// The values of `name`, sorted, each once: a message may be delivered twice.
pub fn distinct(messages: &[Value], name: &str) -> Vec<String> {
    let mut all: Vec<_> = messages.iter().map(|message| message[name].as_str().unwrap_or("").to_owned()).collect();
    all.sort();
    all.dedup();
    all
}

/// `prefix0`, `prefix1`, …, sorted.
pub fn numbered(prefix: &str, count: usize) -> Vec<String> {
    let mut all: Vec<_> = (0..count).map(|at| format!("{prefix}{at}")).collect();
    all.sort();
    all
}

/// What a pull consumer of the 1.x client finds in `topic`.
fn pulled(client: &Client, cluster: &Cluster, topic: &str) -> Vec<Value> {
    messages(&client.run(cluster, "pull", &["--topic", topic, "--group", "puller"]))
}

#[test]
fn cpp1_sends_and_waits_and_every_message_is_pulled() {
    let Some(client) = cpp1() else { return };
    let cluster = Cluster::single();
    // No one made the topic: the client takes the route of TBW102 and the broker makes it on the first message.
    let sent = messages(&client.run(&cluster, "send", &["--topic", "S", "--group", "p", "--count", "10"]));
    assert!(sent.iter().all(|result| result["status"] == 0), "{sent:?}");
    let found = pulled(&client, &cluster, "S");
    assert_eq!(distinct(&found, "body"), numbered("m", 10));
    assert_eq!(found.len(), 10, "a pull finds each message once");
    assert_eq!(distinct(&found, "keys"), numbered("key-m", 10));
}

#[test]
fn cpp1_sends_one_way_and_nothing_is_lost() {
    let Some(client) = cpp1() else { return };
    let cluster = Cluster::single();
    client.run(&cluster, "send", &["--topic", "O", "--group", "p", "--mode", "oneway", "--count", "20"]);
    // The driver ends with one message that it waits for.
    assert_eq!(distinct(&pulled(&client, &cluster, "O"), "body"), numbered("m", 21));
}

#[test]
fn cpp1_sends_without_waiting_and_is_told_of_each_message() {
    let Some(client) = cpp1() else { return };
    let cluster = Cluster::single();
    let args = ["--topic", "A", "--group", "p", "--mode", "async", "--count", "20"];
    let sent = messages(&client.run(&cluster, "send", &args));
    assert!(sent.iter().all(|result| result["status"] == 0), "{sent:?}");
    assert_eq!(distinct(&sent, "body"), numbered("m", 20));
    assert_eq!(distinct(&pulled(&client, &cluster, "A"), "id"), distinct(&sent, "id"));
}

/// It says `batch` in a way that Apache RocketMQ 4.9.8 takes for "no", so that there the batch is one message.
#[test]
fn cpp1_sends_a_batch_and_each_message_of_it_is_pulled() {
    let Some(client) = cpp1() else { return };
    let cluster = Cluster::single();
    let args = ["--topic", "N", "--group", "p", "--mode", "batch", "--count", "10", "--tags", "red,green"];
    client.run(&cluster, "send", &args);
    let found = pulled(&client, &cluster, "N");
    assert_eq!((found.len(), distinct(&found, "body")), (10, numbered("m", 10)));
    assert_eq!(distinct(&found, "keys"), numbered("key-m", 10));
    assert_eq!(distinct(&found, "tag"), ["green", "red"]);
    let red = messages(&client.run(&cluster, "pull", &["--topic", "N", "--group", "puller", "--tag", "red"]));
    assert_eq!(distinct(&red, "body"), ["m0", "m2", "m4", "m6", "m8"]);
}

#[test]
fn cpp1_sends_in_order_and_each_shard_is_one_queue_in_order() {
    let Some(client) = cpp1() else { return };
    let cluster = Cluster::single();
    for mode in ["orderly", "oneway-orderly"] {
        let args = ["--topic", mode, "--group", "p", "--mode", mode, "--count", "12", "--shards", "3"];
        client.run(&cluster, "send", &args);
        // The one-way run adds one message that it waits for.
        let sent = |message: &Value| message["body"] != "m12";
        let found: Vec<_> = pulled(&client, &cluster, mode).into_iter().filter(sent).collect();
        assert_eq!(found.len(), 12, "{found:?}");
        let mut queues = shards(&found);
        queues.sort();
        let shard = |first: usize| -> Vec<_> { (0..4).map(|at| format!("m{}", first + 3 * at)).collect() };
        assert_eq!(queues, [shard(0), shard(1), shard(2)]);
    }
}

/// The bodies of each queue that has any, as they lie in it.
fn shards(found: &[Value]) -> Vec<Vec<String>> {
    let mut queues = BTreeMap::<u64, BTreeMap<u64, String>>::new();
    for message in found {
        let number = |name: &str| message[name].as_u64().expect("a number");
        let body = message["body"].as_str().expect("a body").to_owned();
        queues.entry(number("queue")).or_default().insert(number("offset"), body);
    }
    queues.into_values().map(|queue| queue.into_values().collect()).collect()
}

#[test]
fn cpp1_push_consumer_gets_its_tags_and_no_others() {
    let Some(client) = cpp1() else { return };
    let cluster = Cluster::single();
    let sending = ["--topic", "F", "--group", "p", "--count", "9", "--tags", "red,green,blue", "--property", "size=XL"];
    client.run(&cluster, "send", &sending);
    let consuming = ["--topic", "F", "--group", "c", "--tag", "red || blue", "--expect", "6", "--property", "size"];
    let got = messages(&client.run(&cluster, "push", &consuming));
    assert_eq!(distinct(&got, "body"), ["m0", "m2", "m3", "m5", "m6", "m8"]);
    assert_eq!(distinct(&got, "tag"), ["blue", "red"]);
    assert_eq!(distinct(&got, "property"), ["XL"]);
    assert_eq!(distinct(&got, "keys"), ["key-m0", "key-m2", "key-m3", "key-m5", "key-m6", "key-m8"]);
}

#[test]
fn cpp1_reads_back_a_body_that_it_compressed() {
    let Some(client) = cpp1() else { return };
    let cluster = Cluster::single();
    client.run(&cluster, "send", &["--topic", "Z", "--group", "p", "--count", "3", "--size", "20000"]);
    let found = pulled(&client, &cluster, "Z");
    assert_eq!(found.len(), 3);
    for message in &found {
        let body = message["body"].as_str().unwrap();
        assert!(body.len() == 20_000 && body.starts_with('m') && body.ends_with('.'), "{} bytes", body.len());
    }
    let store = cluster.dir.path().join("store/commitlog/00000000000000000000");
    let stored = std::fs::read(store).unwrap();
    assert!(!stored.windows(64).any(|bytes| bytes == [b'.'; 64]), "it was sent and stored compressed");
}

#[test]
fn cpp2_sends_in_every_way_and_consumes_by_tag() {
    let Some(client) = cpp2() else { return };
    let cluster = Cluster::single();
    for (mode, prefix) in [("sync", "s"), ("oneway", "o"), ("sharding-key", "k")] {
        let args = ["--topic", "C2", "--group", "p", "--mode", mode, "--count", "6", "--prefix", prefix];
        client.run(&cluster, "send", &[&args[..], &["--tags", "red,green"]].concat());
    }
    // The one-way run adds one message that it waits for.
    let wanted = ["k0", "k2", "k4", "o0", "o2", "o4", "o6", "s0", "s2", "s4"];
    let consuming = ["--topic", "C2", "--group", "c", "--tag", "red", "--expect", "10"];
    let got = messages(&client.run(&cluster, "push", &consuming));
    assert_eq!(distinct(&got, "body"), wanted);
    assert_eq!(distinct(&got, "tag"), ["red"]);
}

#[test]
fn cpp2_keeps_keys_properties_and_a_body_that_it_compressed() {
    let Some(client) = cpp2() else { return };
    let cluster = Cluster::single();
    let sending = ["--topic", "P", "--group", "p", "--count", "3", "--size", "20000", "--property", "size=XL"];
    client.run(&cluster, "send", &sending);
    let consuming = ["--topic", "P", "--group", "c", "--expect", "3", "--property", "size"];
    let got = messages(&client.run(&cluster, "push", &consuming));
    let bodies = distinct(&got, "body");
    assert_eq!(bodies.len(), 3);
    assert!(bodies.iter().all(|body| body.len() == 20_000 && body.ends_with('.')));
    assert_eq!(distinct(&got, "keys"), numbered("key-m", 3));
    assert_eq!(distinct(&got, "property"), ["XL"]);
    let store = cluster.dir.path().join("store/commitlog/00000000000000000000");
    let stored = std::fs::read(store).unwrap();
    assert!(!stored.windows(64).any(|bytes| bytes == [b'.'; 64]), "it was sent and stored compressed");
}

#[test]
fn cpp2_keeps_a_sharding_keys_messages_in_one_queue_in_order() {
    let Some(client) = cpp2() else { return };
    let cluster = Cluster::single();
    let args = ["--topic", "K", "--group", "p", "--mode", "sharding-key", "--count", "12", "--shards", "3"];
    client.run(&cluster, "send", &args);
    let found = cluster.rmq(&["consume", "K", "-e", "-o", "jsonl"]).ok().json_lines();
    assert_eq!(found.len(), 12);
    let queues = shards(&found);
    for shard in 0..3 {
        // Several keys may have one queue.
        let wanted: Vec<_> = (0..4).map(|at| format!("m{}", shard + 3 * at)).collect();
        let of_shard = |queue: &Vec<String>| queue.iter().filter(|body| wanted.contains(body)).cloned().collect();
        let found: Vec<Vec<_>> = queues.iter().map(of_shard).filter(|found: &Vec<_>| !found.is_empty()).collect();
        assert_eq!(found, std::slice::from_ref(&wanted), "{queues:?}");
    }
}
