//! Messages that a consumer cannot handle: sent back by clients of other projects, they come again, and end as dead letters.

use crate::{
    clients::{Client, ali_ons, cpp1, cpp2},
    cluster::Cluster,
    delayed::everything,
    process::Background,
    wire::{Wire, ask, messages_in},
};
use protocol::{
    Command,
    code::{request, response},
    properties,
    record::{self, MessageId},
    topic::GroupConfig,
};

/// A push consumer that fails on a message gets it once and `most` times again, then it is a dead letter. One message: of
/// several that come together the C++ clients send all back after they failed on the first.
fn always_fails(client: &Client, most: usize) {
    // All levels are short, so that tries come soon.
    let cluster = Cluster::with("messageDelayLevel=0s 0s 0s\n");
    cluster.topic("R");
    let mut wire = Wire::connect(&cluster.broker_addr);
    let group = GroupConfig { group_name: "c".into(), retry_max_times: 2, ..GroupConfig::default() };
    let made = wire.call(Command::request(request::UPDATE_AND_CREATE_SUBSCRIPTIONGROUP).with_json(&group));
    assert_eq!(made.code, response::SUCCESS, "{:?}", made.remark);
    client.run(&cluster, "send", &["--topic", "R", "--group", "p", "--tags", "red"]);
    let failing = ["--topic", "R", "--group", "c", "--expect", "1000", "--fail"];
    let mut consumer = Background::start("the consumer", &mut client.command(&cluster, "push", &failing));
    consumer.until("gave up", || messages_in(&mut wire, "%DLQ%c", 1) == 1);
    consumer.signal(rustix::process::Signal::KILL);

    let tries = everything(&mut wire, &("%RETRY%c".into(), 0));
    let dead = everything(&mut wire, &("%DLQ%c".into(), 0));
    let times: Vec<_> = tries.iter().map(|record| record.reconsume_times).collect();
    assert_eq!(times, (1..=most as i32).collect::<Vec<_>>());
    let [dead] = &dead[..] else { panic!("{dead:?}") };
    let property = |name| properties::get(&dead.properties, name);
    assert_eq!((&dead.body[..], property("RETRY_TOPIC"), property("TAGS")), (&b"m0"[..], Some("R"), Some("red")));
    // It still leads to the message that was sent.
    let origin = MessageId::parse(property("ORIGIN_MESSAGE_ID").expect("an id")).expect("an id").physical_offset;
    let origin = wire.call(ask(request::VIEW_MESSAGE_BY_ID, &[("offset", &origin.to_string())]));
    let origin = record::decode_all(origin.body.to_bytes(), true).expect("a record").remove(0);
    assert_eq!((&*origin.topic, &origin.body), ("R", &dead.body));
    let log = consumer.log();
    // The two drivers differ in blanks.
    let heard = ["\"body\": \"m0\"", "\"body\":\"m0\""].map(|text| log.matches(text).count());
    assert_eq!(heard.iter().sum::<usize>(), most + 1, "{log}");
}

#[test]
fn what_cpp1_cannot_handle_comes_again_and_ends_as_a_dead_letter() {
    if let Some(client) = cpp1() {
        always_fails(&client, 2);
    }
}

#[test]
fn what_cpp2_cannot_handle_comes_again_and_ends_as_a_dead_letter() {
    if let Some(client) = cpp2() {
        // It says itself how often, and that counts more than its group's settings.
        always_fails(&client, 16);
    }
}

#[test]
fn what_ali_ons_cannot_handle_comes_again_and_ends_as_a_dead_letter() {
    if let Some(client) = ali_ons() {
        always_fails(&client, 2);
    }
}
