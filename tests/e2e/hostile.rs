//! What no proper client sends: garbage, lies and forbidden names. Each gets its code and remark or a closed connection;
//! nothing is stored, and the server goes on as if nothing had been.

use crate::{
    cluster::Cluster,
    wire::{Wire, ask, messages_in, route, send, send_batch},
};
use protocol::{
    code::{request, response},
    frame,
    send::push_batch_item,
};

/// A cluster whose topic `T` has four queues and no messages, and a connection to its broker.
fn cluster() -> (Cluster, Wire) {
    let cluster = Cluster::single();
    cluster.topic("T");
    let wire = Wire::connect(&cluster.broker_addr);
    (cluster, wire)
}

#[track_caller]
fn refused(wire: &mut Wire, command: protocol::Command, code: i32, words: &[&str]) {
    let what = format!("{} {:?}", command.code, command.fields);
    let what = &what[..what.len().min(300)];
    let answer = wire.call(command);
    let remark = answer.remark.clone().unwrap_or_default();
    assert_eq!(answer.code, code, "{what}: {remark}");
    for word in words {
        assert!(remark.contains(word), "{what}: the remark lacks {word:?}: {remark}");
    }
}

/// The connection still takes messages, and `expected` is all that `T` holds thereafter.
#[track_caller]
fn still_works(wire: &mut Wire, expected: i64) {
    assert_eq!(messages_in(wire, "T", 4), expected - 1, "something was stored");
    let answer = wire.call(send("T", 0, "", "fine"));
    assert_eq!(answer.code, response::SUCCESS, "{:?}", answer.remark);
    assert_eq!(messages_in(wire, "T", 4), expected);
}

#[test]
fn forbidden_topic_names_are_refused_with_a_remark() {
    let (_cluster, mut wire) = cluster();
    let long = "x".repeat(128);
    for (topic, word) in [("", "topic"), (" ", "topic"), ("a b", "topic"), ("a/../b", "topic"), ("é", "topic")] {
        refused(&mut wire, send(topic, 0, "", "x"), response::SYSTEM_ERROR, &[word]);
    }
    refused(&mut wire, send(&long, 0, "", "x"), response::SYSTEM_ERROR, &["127"]);
    for topic in ["SCHEDULE_TOPIC_XXXX", "RMQ_SYS_TRANS_HALF_TOPIC", "RMQ_SYS_TRANS_OP_HALF_TOPIC", "SELF_TEST_TOPIC"] {
        refused(&mut wire, send(topic, 0, "", "x"), response::NO_PERMISSION, &[topic]);
    }
    for topic in ["a b", &long, "TBW102", "SCHEDULE_TOPIC_XXXX"] {
        let fields = [
            ("topic", topic),
            ("defaultTopic", "TBW102"),
            ("readQueueNums", "4"),
            ("writeQueueNums", "4"),
            ("perm", "6"),
            ("topicFilterType", "SINGLE_TAG"),
            ("topicSysFlag", "0"),
            ("order", "false"),
        ];
        refused(&mut wire, ask(request::UPDATE_AND_CREATE_TOPIC, &fields), response::SYSTEM_ERROR, &["topic"]);
    }
    still_works(&mut wire, 1);
}

#[test]
fn queue_ids_out_of_range_are_refused() {
    let (_cluster, mut wire) = cluster();
    for queue in [-1, i32::MIN, 4, i32::MAX] {
        refused(&mut wire, send("T", queue, "", "x"), response::SYSTEM_ERROR, &["queue", &queue.to_string()]);
    }
    for queue in ["-1", "4", "2147483647"] {
        let pull = ask(
            request::PULL_MESSAGE,
            &[
                ("consumerGroup", "g"),
                ("topic", "T"),
                ("queueId", queue),
                ("queueOffset", "0"),
                ("maxMsgNums", "32"),
                ("sysFlag", "4"),
                ("commitOffset", "0"),
                ("suspendTimeoutMillis", "0"),
                ("subscription", "*"),
                ("subVersion", "0"),
                ("expressionType", "TAG"),
            ],
        );
        refused(&mut wire, pull, response::SYSTEM_ERROR, &["queue", queue]);
    }
    refused(&mut wire, ask(request::GET_MAX_OFFSET, &[("topic", "T"), ("queueId", "99999999999")]), 1, &["queueId"]);
    still_works(&mut wire, 1);
}

#[test]
fn what_would_have_to_be_held_back_is_refused_and_never_shown_at_once() {
    let (_cluster, mut wire) = cluster();
    refused(&mut wire, send("T", 0, "DELAY\u{1}soon\u{2}", "x"), response::MESSAGE_ILLEGAL, &["delay", "soon"]);
    refused(&mut wire, ask(request::CONSUMER_SEND_MSG_BACK, &[]), response::SYSTEM_ERROR, &["offset"]);
    refused(&mut wire, ask(request::LOCK_BATCH_MQ, &[]), response::SYSTEM_ERROR, &["body"]);
    let half = "TRAN_MSG\u{1}true\u{2}";
    refused(
        &mut wire,
        send("T", 0, &format!("{half}DELAY\u{1}1\u{2}"), "x"),
        response::MESSAGE_ILLEGAL,
        &["transaction"],
    );
    refused(&mut wire, ask(request::END_TRANSACTION, &[]), response::SYSTEM_ERROR, &["producerGroup"]);
    let end = [
        ("producerGroup", "p"),
        ("tranStateTableOffset", "0"),
        ("commitLogOffset", "0"),
        ("commitOrRollback", "8"),
        ("msgId", ""),
    ];
    refused(&mut wire, ask(request::END_TRANSACTION, &end), response::SYSTEM_ERROR, &["no transaction"]);
    still_works(&mut wire, 1);
}

#[test]
fn messages_that_are_too_large_are_refused() {
    let cluster = Cluster::with("maxMessageSize=65536\n");
    cluster.topic("T");
    let mut wire = Wire::connect(&cluster.broker_addr);
    refused(&mut wire, send("T", 0, "", vec![b'x'; 65_537]), response::MESSAGE_ILLEGAL, &["65536"]);
    let properties = format!("a\u{1}{}\u{2}", "x".repeat(32 * 1024));
    refused(&mut wire, send("T", 0, &properties, "x"), response::MESSAGE_ILLEGAL, &["32"]);
    let mut batch = Vec::new();
    push_batch_item(0, &vec![b'x'; 40_000], "", &mut batch);
    push_batch_item(0, &vec![b'x'; 40_000], "", &mut batch);
    refused(&mut wire, send_batch("T", batch), response::MESSAGE_ILLEGAL, &["65536"]);
    still_works(&mut wire, 1);
}

#[test]
fn batches_that_lie_about_their_lengths_are_refused_whole() {
    let (_cluster, mut wire) = cluster();
    let mut batch = Vec::new();
    push_batch_item(0, b"one", "TAGS\u{1}a\u{2}", &mut batch);
    let first = batch.len();
    push_batch_item(0, b"two", "TAGS\u{1}b\u{2}", &mut batch);
    let proper = batch;
    for end in (0..proper.len()).filter(|end| *end != first) {
        refused(&mut wire, send_batch("T", &proper[..end]), response::MESSAGE_ILLEGAL, &["batch"]);
    }
    // The size of all, the body's length, the properties' length; of the second message, so that the first was read.
    for (at, len) in [(first, 4), (first + 16, 4), (first + 23, 2)] {
        for lie in [0xFF, 0x7F] {
            let mut lying = proper.clone();
            lying[at..at + len].fill(lie);
            refused(&mut wire, send_batch("T", lying), response::MESSAGE_ILLEGAL, &["batch"]);
        }
    }
    still_works(&mut wire, 1);
    let answer = wire.call(send_batch("T", proper));
    assert_eq!(answer.code, response::SUCCESS, "{:?}", answer.remark);
    assert_eq!(messages_in(&mut wire, "T", 4), 3);
}

#[test]
fn headers_that_lack_or_garble_a_field_are_refused_by_the_fields_name() {
    let (_cluster, mut wire) = cluster();
    let mut command = send("T", 0, "", "x");
    command.fields.set("e", "zero");
    refused(&mut wire, command, response::SYSTEM_ERROR, &["zero"]);
    refused(&mut wire, ask(request::GET_MAX_OFFSET, &[("topic", "T")]), response::SYSTEM_ERROR, &["queueId"]);
    refused(&mut wire, ask(request::SEND_MESSAGE, &[]), response::SYSTEM_ERROR, &["producerGroup"]);
    refused(&mut wire, ask(request::HEART_BEAT, &[]).with_body("{\"clientID\":"), response::SYSTEM_ERROR, &[]);
    refused(&mut wire, ask(request::VIEW_MESSAGE_BY_ID, &[("offset", "-1")]), response::SYSTEM_ERROR, &[]);
    still_works(&mut wire, 1);
}

#[test]
fn an_unknown_code_is_named_in_the_refusal() {
    let (cluster, mut wire) = cluster();
    refused(&mut wire, ask(31_999, &[]), response::REQUEST_CODE_NOT_SUPPORTED, &["31999"]);
    still_works(&mut wire, 1);
    let mut namesrv = Wire::connect(&cluster.namesrv_addr);
    refused(&mut namesrv, ask(31_999, &[]), response::REQUEST_CODE_NOT_SUPPORTED, &["31999"]);
}

#[test]
fn what_is_no_frame_closes_that_connection_and_no_other() {
    let (cluster, mut wire) = cluster();
    let garbage: [&[u8]; 8] = [
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        &[0xFF; 64],
        // A frame of 2 GiB, of no bytes, a header longer than its frame, an unknown encoding.
        b"\x7F\xFF\xFF\xFF\0\0\0\0",
        b"\0\0\0\0\0\0\0\0",
        b"\0\0\0\x08\0\0\0\x09{}{}",
        b"\0\0\0\x08\x07\0\0\x04{}{}",
        // Headers that are no JSON object, and no binary header.
        b"\0\0\0\x08\0\0\0\x04[[[[",
        b"\0\0\0\x08\x01\0\0\x04\0\0\0\0",
    ];
    for addr in [&cluster.broker_addr, &cluster.namesrv_addr] {
        for bytes in garbage {
            let mut other = Wire::connect(addr);
            other.raw(bytes);
            assert!(other.receive().is_none(), "{bytes:?} was answered");
        }
        // Half a frame, and then nothing more.
        let mut half = Wire::connect(addr);
        let whole = frame::encode(&send("T", 0, "", "never whole")).expect("it fits");
        half.raw(&whole[..whole.len() - 1]);
        half.finish();
        assert!(half.receive().is_none(), "half a frame was answered");
    }
    still_works(&mut wire, 1);
    assert_eq!(route(&cluster.namesrv_addr, "T").code, response::SUCCESS);
}

#[test]
fn a_frame_that_is_only_announced_costs_no_memory() {
    let (cluster, mut wire) = cluster();
    let mut announcing: Vec<Wire> = (0..64).map(|_| Wire::connect(&cluster.broker_addr)).collect();
    for other in &mut announcing {
        other.raw(b"\0\xFF\xFF\xF0\0\0\0\x10{");
    }
    still_works(&mut wire, 1);
    let status = std::fs::read_to_string(format!("/proc/{}/status", cluster.broker.pid())).expect("it is running");
    let anonymous = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).expect("Linux tells it");
    let kib: u64 = anonymous.trim().trim_end_matches(" kB").parse().expect("a number of kB");
    assert!(kib < 200 * 1024, "1 GiB was announced, none sent, and {kib} KiB are in use");
}

#[test]
fn bits_that_flip_anywhere_in_a_frame_never_stop_a_server() {
    let (cluster, mut wire) = cluster();
    let sent = frame::encode(&send("flipped", 0, "KEYS\u{1}k\u{2}", "body")).expect("it fits");
    let asked = frame::encode(&ask(request::GET_ROUTEINFO_BY_TOPIC, &[("topic", "T")])).expect("it fits");
    for (addr, whole) in [(&cluster.broker_addr, sent), (&cluster.namesrv_addr, asked)] {
        for bit in 0..whole.len() * 8 {
            let mut flipped = whole.to_vec();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let mut other = Wire::connect(addr);
            other.raw(&flipped);
            other.finish();
            // Answers or none, then the end.
            while other.receive().is_some() {}
        }
    }
    still_works(&mut wire, 1);
    assert_eq!(route(&cluster.namesrv_addr, "T").code, response::SUCCESS);
    assert!(!cluster.broker.log().contains("panic"), "{}", cluster.broker.log());
    assert!(!cluster.namesrv.log().contains("panic"), "{}", cluster.namesrv.log());
}

#[test]
fn a_registration_with_a_wrong_checksum_is_refused() {
    let (cluster, _wire) = cluster();
    let mut namesrv = Wire::connect(&cluster.namesrv_addr);
    let fields = [
        ("brokerName", "intruder"),
        ("brokerAddr", "127.0.0.1:1"),
        ("clusterName", "DefaultCluster"),
        ("haServerAddr", "127.0.0.1:2"),
        ("brokerId", "0"),
        ("compressed", "false"),
        ("bodyCrc32", "1"),
    ];
    let body = r#"{"topicConfigSerializeWrapper":{"topicConfigTable":{}},"filterServerList":[]}"#;
    refused(&mut namesrv, ask(request::REGISTER_BROKER, &fields).with_body(body), response::SYSTEM_ERROR, &["CRC-32"]);
    let table = namesrv.call(ask(request::GET_BROKER_CLUSTER_INFO, &[])).body.to_bytes();
    assert!(!String::from_utf8_lossy(&table).contains("intruder"));
}
