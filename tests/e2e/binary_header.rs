//! crates.io `rocketmq-client-v4` against `rmq`: the one client that speaks the ROCKETMQ binary header, to the name
//! server as well. Only with `RMQ_TEST_LONG=1`, for it takes minutes to build. Its driver: `clients/rust-v4`.

use crate::{
    clients::rust_v4,
    cluster::Cluster,
    cpp::{distinct, messages, numbered},
    members::got,
    process::{Background, PATIENCE},
};
use std::time::{Duration, Instant};

/// Each of its messages is a batch of one, and nobody tells it what became of them.
#[test]
fn a_client_with_binary_headers_sends_with_tags_keys_and_properties_and_consumes() {
    let Some(client) = rust_v4() else { return };
    let cluster = Cluster::single();
    cluster.topic("B");
    let sending = ["--topic", "B", "--group", "p", "--count", "10", "--property", "size=XL"];
    let sender = Background::start("the sender", &mut client.command(&cluster, "send", &sending));
    let got = messages(&client.run(&cluster, "push", &["--topic", "B", "--group", "c", "--expect", "10"]));
    assert_eq!(distinct(&got, "body"), numbered("m", 10));
    drop(sender);
    let red =
        cluster.rmq(&["consume", "B", "-e", "--sql", "TAGS = 'red' AND size = 'XL'", "-o", "jsonl"]).ok().json_lines();
    assert_eq!(distinct(&red, "body"), numbered("m", 10));
    cluster.rmq(&["message", "find", "--topic", "B", "--key", "key-7"]).ok();
}

/// It starts where the queues end when it asks.
#[test]
fn broadcast_members_with_binary_headers_each_get_what_comes() {
    let Some(client) = rust_v4() else { return };
    let cluster = Cluster::single();
    cluster.topic("B");
    let consuming = ["--topic", "B", "--group", "g", "--broadcast", "--expect", "1000000"];
    let member = || Background::start("a member", &mut client.command(&cluster, "push", &consuming));
    let members = [member(), member()];
    let deadline = Instant::now() + PATIENCE;
    for round in 0.. {
        let sent = numbered(&format!("round{round}-"), 8);
        cluster.rmq_with(&["produce", "B"], &(sent.join("\n") + "\n")).ok();
        // Once both have their places they get all of a round.
        let has_all = |member: &Background| sent.iter().all(|body| got(member).contains(body));
        let until = Instant::now() + Duration::from_secs(3);
        while Instant::now() < until && !members.iter().all(has_all) {
            let _ = members[0].ends_within(Duration::from_millis(50));
        }
        if members.iter().all(has_all) {
            break;
        }
        assert!(Instant::now() < deadline, "{}", members[1].log());
    }
}
