//! npm `ali-ons` against `rmq`: a client in JavaScript that sends numbers and booleans in its headers, never makes a
//! topic, and holds all its long polls on one connection. What it does for a test: `clients/ali_ons.js`.

use crate::{
    clients::ali_ons,
    cluster::Cluster,
    cpp::{distinct, messages, numbered},
    members::got,
    process::{Background, PATIENCE},
};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

#[test]
fn ali_ons_sends_and_its_push_consumer_gets_everything() {
    let Some(client) = ali_ons() else { return };
    let cluster = Cluster::single();
    cluster.topic("J");
    let sending = ["--topic", "J", "--group", "p", "--count", "12", "--property", "size=XL"];
    let sent = messages(&client.run(&cluster, "send", &sending));
    assert!(sent.iter().all(|result| result["status"] == "SEND_OK"), "{sent:?}");
    assert_eq!(distinct(&sent, "id").len(), 12);
    let consuming = ["--topic", "J", "--group", "c", "--expect", "12", "--property", "size"];
    let got = messages(&client.run(&cluster, "push", &consuming));
    assert_eq!(distinct(&got, "body"), numbered("m", 12));
    assert_eq!(distinct(&got, "keys"), numbered("key-m", 12));
    assert_eq!(distinct(&got, "property"), ["XL"]);
    assert_eq!(
        distinct(&got, "id"),
        distinct(&sent, "id"),
        "the id it rebuilds from the record is the one it was told"
    );
}

#[test]
fn ali_ons_push_consumer_gets_its_tag_and_no_other() {
    let Some(client) = ali_ons() else { return };
    let cluster = Cluster::single();
    cluster.topic("J");
    client.run(&cluster, "send", &["--topic", "J", "--group", "p", "--count", "10", "--tags", "red,green"]);
    let got =
        messages(&client.run(&cluster, "push", &["--topic", "J", "--group", "c", "--tag", "green", "--expect", "5"]));
    assert_eq!(distinct(&got, "body"), ["m1", "m3", "m5", "m7", "m9"]);
    assert_eq!(distinct(&got, "tag"), ["green"]);
}

#[test]
fn ali_ons_push_consumer_gets_what_its_sql92_expression_describes() {
    let Some(client) = ali_ons() else { return };
    let cluster = Cluster::single();
    cluster.topic("J");
    for (prefix, property) in [("s", "size=3"), ("l", "size=30"), ("x", "size=XL")] {
        let sending = ["--topic", "J", "--group", "p", "--count", "4", "--tags", "red,green", "--property", property];
        client.run(&cluster, "send", &[&sending[..], &["--prefix", prefix]].concat());
    }
    let sql = "size IS NOT NULL AND size BETWEEN 10 AND 40 AND TAGS IN ('green')";
    let got = messages(&client.run(&cluster, "push", &["--topic", "J", "--group", "c", "--sql", sql, "--expect", "2"]));
    assert_eq!(distinct(&got, "body"), ["l1", "l3"]);
}

#[test]
fn ali_ons_reads_back_a_body_that_it_compressed() {
    let Some(client) = ali_ons() else { return };
    let cluster = Cluster::single();
    cluster.topic("J");
    client.run(&cluster, "send", &["--topic", "J", "--group", "p", "--count", "2", "--size", "20000"]);
    let got = messages(&client.run(&cluster, "push", &["--topic", "J", "--group", "c", "--expect", "2"]));
    let bodies = distinct(&got, "body");
    assert_eq!(bodies.len(), 2);
    assert!(bodies.iter().all(|body| body.len() == 20_000 && body.ends_with('.')));
}

#[test]
fn ali_ons_keeps_a_sharding_keys_messages_in_one_queue() {
    let Some(client) = ali_ons() else { return };
    let cluster = Cluster::single();
    cluster.topic("J");
    let sent =
        messages(&client.run(&cluster, "send", &["--topic", "J", "--group", "p", "--count", "9", "--shards", "3"]));
    for shard in 0..3 {
        let places: Vec<_> = sent.iter().skip(shard).step_by(3).map(|sent| (&sent["queue"], &sent["offset"])).collect();
        assert!(places.windows(2).all(|pair| pair[0].0 == pair[1].0), "{places:?}");
        assert!(places.windows(2).all(|pair| pair[0].1.as_u64() < pair[1].1.as_u64()), "{places:?}");
    }
}

/// Broadcast members keep their positions to themselves: each starts where it is told. In other groups the broker knows a
/// position for a topic that has all its messages yet: its first.
#[test]
fn ali_ons_broadcast_members_each_get_everything_from_where_they_are_told() {
    let Some(client) = ali_ons() else { return };
    let cluster = Cluster::single();
    cluster.topic("J");
    let send = |bodies: &[String]| drop(cluster.rmq_with(&["produce", "J"], &(bodies.join("\n") + "\n")).ok());
    let now_ms = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
    send(&numbered("old", 8));
    // It knows whole seconds only, and brokers take the message that is nearest: the first ones are to be further away.
    let time_ms = (now_ms() / 1000 + 2) * 1000;
    cluster.broker.until("that second", || now_ms() > time_ms);
    send(&numbered("later", 8));
    let member = |from: &str| {
        let args = ["--topic", "J", "--group", "g", "--broadcast", "--from", from, "--expect", "1000000"];
        let member = Background::start("a member", &mut client.command(&cluster, "push", &args));
        member.wait_for("started");
        member
    };
    let [first, second, timed, last] = [member("first"), member("first"), member(&time_ms.to_string()), member("last")];
    let mut sent = Vec::new();
    let deadline = Instant::now() + PATIENCE;
    // The last one finds its place at some moment.
    while got(&last).is_empty() {
        assert!(Instant::now() < deadline, "{}", last.log());
        let bodies = numbered(&format!("new{}-", sent.len()), 8);
        send(&bodies);
        sent.extend(bodies);
        let _ = last.ends_within(Duration::from_millis(100));
    }
    let wanted = |more: &[&str]| {
        let mut all: Vec<_> = more.iter().flat_map(|prefix| numbered(prefix, 8)).chain(sent.clone()).collect();
        all.sort();
        all
    };
    for (member, wanted) in
        [(&first, wanted(&["old", "later"])), (&second, wanted(&["old", "later"])), (&timed, wanted(&["later"]))]
    {
        member.until("it has its messages", || got(member).len() >= wanted.len());
        assert_eq!(got(member), wanted);
    }
    assert!(got(&last).iter().all(|body| body.starts_with("new")), "{}", last.log());
}
