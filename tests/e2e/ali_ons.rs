//! npm `ali-ons` against `rmq`: a client in JavaScript that sends numbers and booleans in its headers, never makes a
//! topic, and holds all its long polls on one connection. What it does for a test: `clients/ali_ons.js`.

use crate::{
    clients::ali_ons,
    cluster::Cluster,
    cpp::{distinct, messages, numbered},
};

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
