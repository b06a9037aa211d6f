//! A broker asked over a real socket: what it stores, what it answers, and what it refuses.

use base::{Clock, Disk, Fields};
use broker::{Broker, config::BrokerConfig};
use protocol::{
    Command, Encoding,
    code::{request, response},
    heartbeat::{ConsumeFrom, ConsumeType, ConsumerData, GroupMembers, Heartbeat, MessageModel, Subscription},
    properties,
    pull::{PullAnswer, pull_flag},
    record::{self, Record},
    send::{self, SendHeader},
    topic::{TopicList, TopicTable},
};
use remoting::{Client, client::NoService};
use std::{sync::Arc, time::Duration};

const PATIENCE: Duration = Duration::from_secs(20);

struct Asked {
    broker: Arc<Broker>,
    client: Client<NoService>,
    dir: tempfile::TempDir,
}

impl Asked {
    async fn start() -> Self {
        Self::start_in(tempfile::tempdir().expect("a temporary folder"), |_| {}).await
    }

    async fn start_in(dir: tempfile::TempDir, set: impl FnOnce(&mut BrokerConfig)) -> Self {
        let mut config = BrokerConfig {
            listen_port: 0,
            store_path_root_dir: dir.path().to_owned(),
            store_path_commit_log: dir.path().join("commitlog"),
            mapped_file_size_commit_log: 1 << 24,
            max_hash_slot_num: 1000,
            max_index_num: 4000,
            ..BrokerConfig::default()
        };
        set(&mut config);
        let broker = Broker::start(config, None, Clock::System, &Disk::default()).await.expect("starts");
        Self { broker, client: Client::asking(), dir }
    }

    async fn ask(&self, request: Command) -> Command {
        self.client.call(&self.broker.advertised(), request, PATIENCE).await.expect("answered")
    }

    async fn stop(self) -> tempfile::TempDir {
        self.broker.stop().await.expect("closes cleanly");
        self.dir
    }

    async fn send(&self, topic: &str, body: &[u8], properties: &str) -> Command {
        self.ask(send_request(topic, 0, body, properties)).await
    }

    async fn pull(&self, topic: &str, offset: i64, tags: &str, suspend_ms: i64) -> Command {
        self.ask(pull_request(topic, offset, tags, suspend_ms)).await
    }
}

fn send_header<'a>(topic: &'a str, queue_id: i32, properties: &'a str) -> SendHeader<'a> {
    SendHeader {
        producer_group: "P",
        topic,
        default_topic: "TBW102",
        default_topic_queue_nums: 4,
        queue_id,
        sys_flag: 0,
        born_ms: 1,
        flag: 0,
        properties,
        reconsume_times: 0,
        unit_mode: false,
        batch: false,
        max_reconsume_times: None,
    }
}

fn send_request(topic: &str, queue_id: i32, body: &[u8], properties: &str) -> Command {
    let fields = send_header(topic, queue_id, properties).write("b");
    Command { fields, ..Command::request(request::SEND_MESSAGE_V2) }.with_body(body.to_vec())
}

fn pull_request(topic: &str, offset: i64, tags: &str, suspend_ms: i64) -> Command {
    let flag = pull_flag::SUBSCRIPTION | if suspend_ms > 0 { pull_flag::SUSPEND } else { 0 };
    let fields: Fields = [
        ("consumerGroup", "G"),
        ("topic", topic),
        ("queueId", "0"),
        ("queueOffset", &offset.to_string()),
        ("maxMsgNums", "32"),
        ("sysFlag", &flag.to_string()),
        ("commitOffset", "0"),
        ("suspendTimeoutMillis", &suspend_ms.to_string()),
        ("subscription", tags),
        ("subVersion", "0"),
    ]
    .into_iter()
    .collect();
    Command { fields, ..Command::request(request::PULL_MESSAGE) }
}

fn queue_request(code: i32, topic: &str, more: &[(&str, &str)]) -> Command {
    let fields = [("topic", topic), ("queueId", "0")].into_iter().chain(more.iter().copied()).collect();
    Command { fields, ..Command::request(code) }
}

fn records(answer: &Command) -> Vec<Record> {
    record::decode_all(answer.body.to_bytes(), true).expect("whole records")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_sent_can_be_pulled_and_is_there_after_a_restart() {
    let asked = Asked::start().await;
    let answer =
        asked.send("T", b"one", "UNIQ_KEY\u{1}U1\u{2}WAIT\u{1}true\u{2}KEYS\u{1}k1 k2\u{2}TAGS\u{1}TagA").await;
    assert_eq!((answer.code, answer.fields.get("queueOffset")), (response::SUCCESS, Some("0")));
    assert_eq!(answer.fields.get("MSG_REGION"), Some("DefaultRegion"));
    let id = record::MessageId::parse(answer.fields.get("msgId").expect("an id")).expect("readable");
    assert_eq!(id.host.to_string(), asked.broker.advertised());
    assert_eq!(asked.send("T", b"two", "").await.fields.get("queueOffset"), Some("1"));

    for again in [asked.stop().await].map(|dir| Asked::start_in(dir, |_| {})) {
        let asked = again.await;
        let answer = asked.pull("T", 0, "*", 0).await;
        assert_eq!((answer.code, answer.remark.as_deref()), (response::SUCCESS, Some("FOUND")));
        let header: PullAnswer = answer.header().expect("four offsets");
        assert_eq!((header.next_begin_offset, header.min_offset, header.max_offset), (2, 0, 2));
        let found = records(&answer);
        assert_eq!((&found[0].body[..], &found[1].body[..]), (&b"one"[..], &b"two"[..]));
        let stored = "UNIQ_KEY\u{1}U1\u{2}KEYS\u{1}k1 k2\u{2}TAGS\u{1}TagA\u{2}CLUSTER\u{1}DefaultCluster";
        assert_eq!(found[0].properties, stored);
        for key in ["k1", "k2", "U1"] {
            let more = [("key", key), ("maxNum", "9"), ("beginTimestamp", "0"), ("endTimestamp", "9999999999999")];
            let answer = asked.ask(queue_request(request::QUERY_MESSAGE, "T", &more)).await;
            assert_eq!(records(&answer)[0].body, b"one"[..], "{key}");
        }
        let offset = id.physical_offset.to_string();
        let answer = asked.ask(queue_request(request::VIEW_MESSAGE_BY_ID, "T", &[("offset", &offset)])).await;
        assert_eq!(records(&answer)[0].body, b"one"[..]);
        asked.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn both_encodings_are_answered_in_kind() {
    let asked = Asked::start().await;
    for encoding in [Encoding::Json, Encoding::Binary] {
        let answer = asked.ask(Command { encoding, ..send_request("T", 0, b"x", "") }).await;
        assert_eq!((answer.code, answer.encoding), (response::SUCCESS, encoding));
        let answer = asked.ask(Command { encoding, ..pull_request("T", 0, "*", 0) }).await;
        assert_eq!((answer.code, answer.encoding), (response::SUCCESS, encoding));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_poll_is_answered_when_a_wanted_message_comes() {
    let asked = Asked::start().await;
    asked.send("T", b"zero", "TAGS\u{1}TagB").await;
    let waiting = asked.pull("T", 1, "TagA || TagC", 60_000);
    tokio::pin!(waiting);
    for tag in ["TAGS\u{1}TagB", ""] {
        tokio::select! {
            biased;
            _ = &mut waiting => panic!("answered without a wanted message"),
            answer = asked.send("T", b"unwanted", tag) => assert_eq!(answer.code, 0),
        }
    }
    let (answer, _) = tokio::join!(waiting, asked.send("T", b"wanted", "TAGS\u{1}TagC"));
    assert_eq!(records(&answer).iter().map(|found| &found.body[..]).collect::<Vec<_>>(), [b"wanted"]);
    assert_eq!(answer.header::<PullAnswer>().expect("offsets").next_begin_offset, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_poll_on_a_queue_that_never_had_a_message_waits_too() {
    let asked = Asked::start().await;
    let create = [("topic", "T"), ("readQueueNums", "1"), ("writeQueueNums", "1"), ("perm", "6")];
    let create = Command { fields: create.into_iter().collect(), ..Command::request(request::UPDATE_AND_CREATE_TOPIC) };
    assert_eq!(asked.ask(create).await.code, response::SUCCESS);
    let (answer, _) = tokio::join!(asked.pull("T", 0, "*", 60_000), asked.send("T", b"first", ""));
    assert_eq!(records(&answer)[0].body, b"first"[..]);
    let nothing = asked.pull("T", 1, "*", 10).await;
    assert_eq!((nothing.code, nothing.remark.as_deref()), (response::PULL_NOT_FOUND, Some("OFFSET_OVERFLOW_ONE")));
    let beyond = asked.pull("T", 99, "*", 10).await;
    assert_eq!(beyond.code, response::PULL_OFFSET_MOVED);
    assert_eq!(beyond.header::<PullAnswer>().expect("offsets").next_begin_offset, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_is_stored_as_its_messages() {
    let asked = Asked::start().await;
    let mut body = Vec::new();
    for at in 0..3 {
        send::push_batch_item(at, format!("m{at}").as_bytes(), &format!("KEYS\u{1}k{at}"), &mut body);
    }
    let header = SendHeader { batch: true, ..send_header("T", 0, "WAIT\u{1}true") };
    let batch = |body: Vec<u8>| {
        Command { fields: header.write("b"), ..Command::request(request::SEND_BATCH_MESSAGE) }.with_body(body)
    };
    let answer = asked.ask(batch(body.clone())).await;
    assert_eq!((answer.code, answer.fields.get("queueOffset")), (response::SUCCESS, Some("0")));
    assert_eq!(answer.fields.get("msgId").map(|ids| ids.split(',').count()), Some(3));
    let found = records(&asked.pull("T", 0, "*", 0).await);
    assert_eq!(found.iter().map(|found| (found.flag, &found.body[..])).last(), Some((2, &b"m2"[..])));
    assert_eq!(found[1].properties, "KEYS\u{1}k1\u{2}WAIT\u{1}true\u{2}CLUSTER\u{1}DefaultCluster");

    // Nothing of a batch that lies about its lengths is stored, and the connection lives.
    for end in 1..body.len() {
        let answer = asked.ask(batch(body[..end].to_vec())).await;
        let whole = [1, 2].map(|messages| messages * (22 + 2 + 7)).contains(&end);
        assert_eq!(answer.code == response::SUCCESS, whole, "cut at {end}: {:?}", answer.remark);
    }
    // Nor of one whose last message cannot be stored.
    let mut half_good = body.clone();
    send::push_batch_item(0, b"late", "DELAY\u{1}3", &mut half_good);
    assert_eq!(asked.ask(batch(half_good)).await.code, response::MESSAGE_ILLEGAL);
    assert_eq!(asked.send("T", b"after", "").await.fields.get("queueOffset"), Some("6"));
    let stored = asked.ask(queue_request(request::GET_MAX_OFFSET, "T", &[])).await;
    assert_eq!(stored.fields.get("offset"), Some("7"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_stored_is_refused_with_a_reason_and_stores_nothing() {
    let asked = Asked::start_in(tempfile::tempdir().expect("a folder"), |config| {
        (config.max_message_size, config.reject_transaction_message) = (1000, true);
    })
    .await;
    asked.send("T", b"x", "").await;
    let (long_topic, long_properties) = ("x".repeat(128), format!("a\u{1}{}", "x".repeat(40_000)));
    let without_topic = |mut request: Command| {
        request.fields = request.fields.iter().filter(|(name, _)| *name != "b").collect();
        request
    };
    let (delayed, half) = ("DELAY\u{1}three", "TRAN_MSG\u{1}true\u{2}PGROUP\u{1}P");
    let refused: [(&str, Command, i32); 12] = [
        ("a delay that is no number", send_request("T", 0, b"", delayed), response::MESSAGE_ILLEGAL),
        ("a half message", send_request("T", 0, b"", half), response::NO_PERMISSION),
        ("a blank in the name", send_request("a b", 0, b"", ""), response::SYSTEM_ERROR),
        ("a path", send_request("../../etc/x", 0, b"", ""), response::SYSTEM_ERROR),
        ("an empty name", send_request("", 0, b"", ""), response::SYSTEM_ERROR),
        ("too long a name", send_request(&long_topic, 0, b"", ""), response::SYSTEM_ERROR),
        ("the broker's own topic", send_request("SCHEDULE_TOPIC_XXXX", 0, b"", ""), response::NO_PERMISSION),
        ("too large a body", send_request("T", 0, &[0; 1001], ""), response::MESSAGE_ILLEGAL),
        ("too long properties", send_request("T", 0, b"", &long_properties), response::MESSAGE_ILLEGAL),
        ("a negative queue", send_request("T", -1, b"", ""), response::SYSTEM_ERROR),
        ("a queue that is not there", send_request("T", 4, b"", ""), response::SYSTEM_ERROR),
        ("a missing field", without_topic(send_request("T", 0, b"", "")), response::SYSTEM_ERROR),
    ];
    let end = asked.broker.store().max_physical();
    for (what, request, code) in refused {
        let answer = asked.ask(request).await;
        assert_eq!(answer.code, code, "{what}: {:?}", answer.remark);
        assert!(answer.remark.is_some_and(|remark| remark.len() > 10), "{what} has a reason");
    }
    assert_eq!(asked.broker.store().max_physical(), end);
    let unknown = asked.ask(Command::request(4711)).await;
    assert_eq!(unknown.code, response::REQUEST_CODE_NOT_SUPPORTED);
    assert!(unknown.remark.is_some_and(|remark| remark.contains("4711")));
    assert_eq!(asked.send("T", b"y", "").await.code, response::SUCCESS);
}

#[tokio::test(flavor = "multi_thread")]
async fn with_automatic_creation_off_an_unknown_topic_is_refused_with_the_command_that_helps() {
    let asked = Asked::start_in(tempfile::tempdir().expect("a folder"), |config| {
        config.auto_create_topic_enable = false;
    })
    .await;
    let answer = asked.send("Unknown", b"x", "").await;
    assert_eq!(answer.code, response::TOPIC_NOT_EXIST);
    assert!(answer.remark.is_some_and(|remark| remark.contains("rmq topic create Unknown")));
}

#[tokio::test(flavor = "multi_thread")]
async fn synchronous_flush_answers_once_the_message_is_on_disk() {
    let asked = Asked::start_in(tempfile::tempdir().expect("a folder"), |config| {
        config.flush_disk_type = broker::config_values::FlushDiskType::Sync;
    })
    .await;
    let sends = (0..20).map(|_| asked.send("T", b"x", ""));
    for answer in futures_util::future::join_all(sends).await {
        assert_eq!(answer.code, response::SUCCESS);
    }
    assert_eq!(asked.broker.store().flushed().get(), asked.broker.store().written().get());
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_members_and_offsets_are_kept() {
    let asked = Asked::start().await;
    asked.send("T", b"x", "").await;
    let members = Command {
        fields: [("consumerGroup", "G")].into_iter().collect(),
        ..Command::request(request::GET_CONSUMER_LIST_BY_GROUP)
    };
    let nobody = asked.ask(members.clone()).await;
    assert_eq!((nobody.code, nobody.remark.as_deref()), (1, Some("no consumer for this group, G")));

    let heartbeat = Heartbeat {
        client_id: "c1".into(),
        producer_data_set: Vec::new(),
        consumer_data_set: vec![ConsumerData {
            consume_from_where: ConsumeFrom::FirstOffset,
            consume_type: ConsumeType::Passively,
            group_name: "G".into(),
            message_model: MessageModel::Clustering,
            subscription_data_set: vec![Subscription::tags("T", "*", 1)],
            unit_mode: false,
        }],
    };
    assert_eq!(asked.ask(Command::request(request::HEART_BEAT).with_json(&heartbeat)).await.code, 0);
    let listed: GroupMembers = asked.ask(members.clone()).await.json().expect("a list");
    assert_eq!(listed.consumer_id_list, ["c1"]);
    let topics: TopicTable = asked.ask(Command::request(request::GET_ALL_TOPIC_CONFIG)).await.json().expect("topics");
    assert!(topics.topic_config_table.contains_key("%RETRY%G"));

    let of_group = [("consumerGroup", "G")];
    let unset = asked.ask(queue_request(request::QUERY_CONSUMER_OFFSET, "T", &of_group)).await;
    assert_eq!((unset.code, unset.fields.get("offset")), (0, Some("0")));
    for (commit, then) in [("1", "1"), ("-1", "1")] {
        let commit = [("consumerGroup", "G"), ("commitOffset", commit)];
        assert_eq!(asked.ask(queue_request(request::UPDATE_CONSUMER_OFFSET, "T", &commit)).await.code, 0);
        let offset = asked.ask(queue_request(request::QUERY_CONSUMER_OFFSET, "T", &of_group)).await;
        assert_eq!(offset.fields.get("offset"), Some(then));
    }
    let leave = Command {
        fields: [("clientID", "c1"), ("consumerGroup", "G")].into_iter().collect(),
        ..Command::request(request::UNREGISTER_CLIENT)
    };
    assert_eq!(asked.ask(leave).await.code, 0);
    assert_eq!(asked.ask(members).await.code, 1);
    let again = Asked::start_in(asked.stop().await, |_| {}).await;
    let offset = again.ask(queue_request(request::QUERY_CONSUMER_OFFSET, "T", &of_group)).await;
    assert_eq!(offset.fields.get("offset"), Some("1"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_may_consume_in_a_way_that_only_newer_clients_know() {
    let asked = Asked::start().await;
    for (group, way) in [("Popping", "CONSUME_POP"), ("Unheard", "CONSUME_BY_PIGEON")] {
        let heartbeat = serde_json::json!({
            "clientID": "c1",
            "consumerDataSet": [{
                "consumeFromWhere": "CONSUME_FROM_LAST_OFFSET", "consumeType": way, "groupName": group,
                "messageModel": "CLUSTERING", "unitMode": false, "subscriptionDataSet": [],
            }],
            "producerDataSet": [],
        });
        let told = asked.ask(Command::request(request::HEART_BEAT).with_json(&heartbeat)).await;
        assert_eq!(told.code, response::SUCCESS, "{way}: {:?}", told.remark);
        let members = Command {
            fields: [("consumerGroup", group)].into_iter().collect(),
            ..Command::request(request::GET_CONSUMER_LIST_BY_GROUP)
        };
        let listed: GroupMembers = asked.ask(members).await.json().expect("a list");
        assert_eq!(listed.consumer_id_list, ["c1"], "{way}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_that_never_had_a_message_begins_and_ends_at_0() {
    let asked = Asked::start().await;
    for code in [request::GET_MIN_OFFSET, request::GET_MAX_OFFSET] {
        let answer = asked.ask(queue_request(code, "Never", &[])).await;
        assert_eq!(answer.fields.get("offset"), Some("0"), "request {code}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_without_write_permission_still_takes_what_clients_send_before_they_know() {
    let asked = Asked::start_in(tempfile::tempdir().expect("a folder"), |config| config.broker_permission = 4).await;
    assert_eq!(asked.send("T", b"x", "").await.code, response::SUCCESS);
    let shape = [("readQueueNums", "1"), ("writeQueueNums", "1"), ("perm", "6"), ("order", "true")];
    let ordered = queue_request(request::UPDATE_AND_CREATE_TOPIC, "Ordered", &shape);
    assert_eq!(asked.ask(ordered).await.code, response::SUCCESS);
    assert_eq!(asked.send("Ordered", b"x", "").await.code, response::NO_PERMISSION);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_is_made_only_with_a_filter_type_that_there_is() {
    let asked = Asked::start().await;
    let shape = [("readQueueNums", "1"), ("writeQueueNums", "1"), ("perm", "6")];
    for (filter, code) in [("X", response::SYSTEM_ERROR), ("MULTI_TAG", response::SUCCESS)] {
        let more = [&shape[..], &[("topicFilterType", filter)]].concat();
        assert_eq!(asked.ask(queue_request(request::UPDATE_AND_CREATE_TOPIC, "T", &more)).await.code, code, "{filter}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_of_system_topics_holds_those_too_that_are_made_later() {
    let asked = Asked::start().await;
    let list = asked.ask(Command::request(request::GET_SYSTEM_TOPIC_LIST_FROM_BROKER)).await.body.to_bytes();
    let list: TopicList = serde_json::from_slice(&list).expect("JSON");
    for name in ["TBW102", "DefaultCluster", "RMQ_SYS_TRANS_HALF_TOPIC", "RMQ_SYS_TRACE_TOPIC"] {
        assert_eq!(list.topic_list.iter().filter(|listed| *listed == name).count(), 1, "{name} in {list:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_live_settings_change_over_the_wire() {
    let asked = Asked::start().await;
    let update = |text: &str| Command::request(request::UPDATE_BROKER_CONFIG).with_body(text.as_bytes().to_vec());
    assert_eq!(asked.ask(update("maxMessageSize=10\n")).await.code, 0);
    assert_eq!(asked.send("T", &[0; 11], "").await.code, response::MESSAGE_ILLEGAL);
    for barred in ["storePathRootDir=/tmp/x\n", "listenPort=1\n", "rocketmqHome=/x\n", "brokerConfigPath=/x\n"] {
        let answer = asked.ask(update(barred)).await;
        assert_ne!(answer.code, 0, "{barred}");
    }
    let shown = asked.ask(Command::request(request::GET_BROKER_CONFIG)).await.body.to_bytes();
    let shown = String::from_utf8(shown.to_vec()).expect("text");
    assert!(shown.lines().any(|line| line == "maxMessageSize=10"), "{shown}");
    let deleted = queue_request(request::DELETE_TOPIC_IN_BROKER, "T", &[]);
    assert_eq!(asked.ask(deleted).await.code, 0);
    assert_eq!(asked.pull("T", 0, "*", 0).await.code, response::TOPIC_NOT_EXIST);
    let own = queue_request(request::DELETE_TOPIC_IN_BROKER, "TBW102", &[]);
    assert_eq!(asked.ask(own).await.code, response::SYSTEM_ERROR);
    assert_eq!(properties::keys("").count(), 0);
}
