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
fn cpp1_sends_in_order_and_each_shard_is_one_queue_in_order() {
    let Some(client) = cpp1() else { return };
    let cluster = Cluster::single();
    let args = ["--topic", "Q", "--group", "p", "--mode", "orderly", "--count", "12", "--shards", "3"];
    client.run(&cluster, "send", &args);
    let mut queues = BTreeMap::<u64, Vec<(u64, String)>>::new();
    for message in pulled(&client, &cluster, "Q") {
        let (queue, offset) = (message["queue"].as_u64().unwrap(), message["offset"].as_u64().unwrap());
        queues.entry(queue).or_default().push((offset, message["body"].as_str().unwrap().to_owned()));
    }
    let queues: Vec<_> = queues.into_values().collect();
    let shard = |first: usize| -> Vec<_> { (0..4).map(|at| (at, format!("m{}", first + 3 * at as usize))).collect() };
    assert_eq!(queues, [shard(0), shard(1), shard(2)]);
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
fn cpp1_push_consumer_goes_on_where_its_group_stopped_even_over_a_restart() {
    let Some(client) = cpp1() else { return };
    let mut cluster = Cluster::single();
    let send = |cluster: &Cluster, prefix| {
        client.run(cluster, "send", &["--topic", "R", "--group", "p", "--count", "40", "--prefix", prefix])
    };
    let consuming = ["--topic", "R", "--group", "c", "--expect", "40"];
    send(&cluster, "old");
    assert_eq!(distinct(&messages(&client.run(&cluster, "push", &consuming)), "body"), numbered("old", 40));
    cluster.restart_broker();
    send(&cluster, "new");
    let got = distinct(&messages(&client.run(&cluster, "push", &consuming)), "body");
    let (new, again): (Vec<_>, Vec<_>) = got.into_iter().partition(|body| body.starts_with("new"));
    // The client may lose its last commit on shutdown, so a few come twice; it must not start over.
    assert!(again.len() < 40, "everything came again");
    assert!(!new.is_empty(), "nothing new came");
    if again.is_empty() {
        assert_eq!(new, numbered("new", 40));
    }
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
