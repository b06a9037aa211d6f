//! What operators ask a broker about topics, groups and clients, over a real socket; and what it refuses.

#[path = "asked/mod.rs"]
mod asked;

use asked::{Asked, BEGIN_MS, PATIENCE};
use base::{Clock, Fields};
use broker::config::BrokerConfig;
use protocol::{
    Command,
    ask_client::ConsumeResult,
    code::{request, response},
    connections::{ConsumerConnections, ProducerConnections, ProducerTable, SubscriptionAnswer},
    consume_stats::{BrokerConsumeStats, ConsumeStats, TimeSpans},
    heartbeat::{ConsumeFrom, ConsumeType, ConsumerData, Heartbeat, MessageModel, ProducerData, Subscription},
    inspect::KvTable,
    readers::{GroupList, QueueEntries},
    record,
    topic::TopicList,
    topic_stats::{StatsData, TopicStats},
};
use remoting::{Answers, Client, Peer, Receipt, Service};
use std::sync::Arc;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// A client that answers what brokers ask it.
struct Consumer {
    asked: UnboundedSender<Command>,
}

impl Service for Consumer {
    fn serve(&self, _: &Arc<Peer>, requests: &mut Vec<Command>, answers: &mut Answers) {
        for request in requests.drain(..) {
            let answer = Command::success().with_remark("as I run").with_body(
                match request.code {
                    request::GET_CONSUMER_RUNNING_INFO => r#"{"jstack":"at main"}"#,
                    _ => r#"{"consumeResult":"CR_LATER","spentTimeMills":3}"#,
                }
                .as_bytes()
                .to_vec(),
            );
            answers.now(Receipt::of(&request), answer);
            if request.code != request::NOTIFY_CONSUMER_IDS_CHANGED {
                let _ = self.asked.send(request);
            }
        }
    }
}

/// The consumer `me` of group `G`, which is a producer of `P` too.
async fn consumer(broker: &Asked, topics: &[&str], version: i32) -> (Client<Consumer>, UnboundedReceiver<Command>) {
    let (sender, asked) = unbounded_channel();
    let client = Client::new(Arc::new(Consumer { asked: sender }));
    let data = ConsumerData {
        consume_from_where: ConsumeFrom::FirstOffset,
        consume_type: ConsumeType::Passively,
        group_name: "G".into(),
        message_model: MessageModel::Clustering,
        subscription_data_set: topics.iter().map(|topic| Subscription::tags(topic, "*", 1)).collect(),
        unit_mode: false,
    };
    let heartbeat = Heartbeat {
        client_id: "me".into(),
        producer_data_set: vec![ProducerData { group_name: "P".into() }],
        consumer_data_set: vec![data],
    };
    let request = Command { version, ..Command::request(request::HEART_BEAT).with_json(&heartbeat) };
    let answer = client.call(&broker.broker.advertised(), request, PATIENCE).await.expect("answered");
    assert_eq!(answer.code, response::SUCCESS);
    (client, asked)
}

async fn start() -> Asked {
    start_with(|_| {}).await
}

async fn start_with(set: impl FnOnce(&mut BrokerConfig)) -> Asked {
    let dir = tempfile::tempdir().expect("a temporary folder");
    Asked::start_in(dir, Clock::manual(BEGIN_MS), |config| {
        config.broker_name = "b".into();
        set(config);
    })
    .await
}

async fn send(asked: &Asked, topic: &str, count: usize) -> String {
    let mut id = String::new();
    for at in 0..count {
        let answer = asked.send(topic, &at.to_string(), "").await;
        assert_eq!(answer.code, response::SUCCESS, "{:?}", answer.remark);
        id = answer.fields.get("msgId").expect("an id").to_owned();
    }
    id
}

async fn commit(asked: &Asked, group: &str, topic: &str, offset: i64) {
    let offset = offset.to_string();
    let fields = [("consumerGroup", group), ("topic", topic), ("queueId", "0"), ("commitOffset", &offset)];
    assert_eq!(asked.ask_for(request::UPDATE_CONSUMER_OFFSET, &fields).await.code, response::SUCCESS);
}

async fn pull(asked: &Asked, group: &str, topic: &str) {
    let fields = [
        ("consumerGroup", group),
        ("topic", topic),
        ("queueId", "0"),
        ("queueOffset", "0"),
        ("maxMsgNums", "32"),
        ("sysFlag", "4"),
        ("commitOffset", "0"),
        ("suspendTimeoutMillis", "0"),
        ("subscription", "*"),
        ("subVersion", "0"),
    ];
    assert_eq!(asked.ask_for(request::PULL_MESSAGE, &fields).await.code, response::SUCCESS);
}

fn body(answer: &Command) -> String {
    assert_eq!(answer.code, response::SUCCESS, "{:?}", answer.remark);
    String::from_utf8(answer.body.to_bytes().to_vec()).expect("text")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topics_queues_are_told_in_apaches_bytes() {
    let asked = start().await;
    send(&asked, "T", 3).await;
    let stats = asked.ask_for(request::GET_TOPIC_STATS_INFO, &[("topic", "T")]).await;
    let golden = format!(
        r#"{{"offsetTable":{{{{"brokerName":"b","queueId":0,"topic":"T"}}:{{"lastUpdateTimestamp":{BEGIN_MS},"maxOffset":3,"minOffset":0}}}}}}"#
    );
    assert_eq!(body(&stats), golden);
    let shape = [("topic", "Wide"), ("readQueueNums", "5"), ("writeQueueNums", "2"), ("perm", "6")];
    asked.ask_for(request::UPDATE_AND_CREATE_TOPIC, &shape).await;
    let wide: TopicStats = asked.ask_for(request::GET_TOPIC_STATS_INFO, &[("topic", "Wide")]).await.json().expect("it");
    assert_eq!(wide.offset_table.len(), 5, "also what is only read any more");
    assert!(wide.offset_table.values().all(|extent| extent.max_offset == 0 && extent.last_update_timestamp == 0));
    let missing = asked.ask_for(request::GET_TOPIC_STATS_INFO, &[("topic", "Missing")]).await;
    assert_eq!(missing.code, response::TOPIC_NOT_EXIST);
}

#[tokio::test(flavor = "multi_thread")]
async fn how_far_groups_have_come_is_told_in_apaches_bytes() {
    let asked = start().await;
    send(&asked, "T", 3).await;
    send(&asked, "U", 2).await;
    commit(&asked, "G", "T", 1).await;
    commit(&asked, "G", "U", 2).await;
    let of = async |fields: &[(&str, &str)]| asked.ask_for(request::GET_CONSUME_STATS, fields).await;
    let one = of(&[("consumerGroup", "G"), ("topic", "T")]).await;
    let golden = format!(
        r#"{{"consumeTps":0.0,"offsetTable":{{{{"brokerName":"b","queueId":0,"topic":"T"}}:{{"brokerOffset":3,"consumerOffset":1,"lastTimestamp":{BEGIN_MS}}}}}}}"#
    );
    assert_eq!(body(&one), golden);
    let both: ConsumeStats = of(&[("consumerGroup", "G"), ("topic", " ")]).await.json().expect("it");
    assert_eq!((both.offset_table.len(), both.lag()), (2, 2));
    let nobody: ConsumeStats = of(&[("consumerGroup", "Nobody")]).await.json().expect("it");
    assert_eq!(nobody, ConsumeStats::default());
    pull(&asked, "G", "T").await;
    let pulled: ConsumeStats = of(&[("consumerGroup", "G")]).await.json().expect("it");
    assert_eq!(pulled.consume_tps, 0.3);

    // Its members subscribe to one of them only.
    let (_me, _) = consumer(&asked, &["T"], 409).await;
    let left: ConsumeStats = of(&[("consumerGroup", "G")]).await.json().expect("it");
    assert_eq!(left.offset_table.keys().map(|queue| &*queue.topic).collect::<Vec<_>>(), ["T"]);

    let all = asked.ask_for(request::GET_BROKER_CONSUME_STATS, &[("isOrder", "false")]).await;
    let text = body(&all);
    assert!(text.contains(&format!(r#"{{"G":[{}]}}"#, golden.replace("0.0", "0.3"))), "{text}");
    let all: BrokerConsumeStats = all.json().expect("it");
    assert_eq!((&*all.broker_addr, all.total_diff), (&*asked.broker.advertised(), 2));
    let ordered = asked.ask_for(request::GET_BROKER_CONSUME_STATS, &[("isOrder", "true")]).await;
    let ordered: BrokerConsumeStats = ordered.json().expect("it");
    assert_eq!((ordered.total_diff, ordered.consume_stats_list.len()), (0, all.consume_stats_list.len()));
}

#[tokio::test(flavor = "multi_thread")]
async fn how_late_a_group_is_is_told_by_the_times_of_messages() {
    let asked = start().await;
    send(&asked, "T", 1).await;
    asked.clock.advance_ms(1000);
    send(&asked, "T", 1).await;
    asked.clock.advance_ms(500);
    let spans = async || {
        let fields = [("topic", "T"), ("group", "G")];
        let spans: TimeSpans = asked.ask_for(request::QUERY_CONSUME_TIME_SPAN, &fields).await.json().expect("it");
        let span = &spans.consume_time_span_set[0];
        [span.min_time_stamp, span.max_time_stamp, span.consume_time_stamp, span.delay_time]
    };
    assert_eq!(spans().await, [BEGIN_MS, BEGIN_MS + 1000, BEGIN_MS, 1500]);
    commit(&asked, "G", "T", 1).await;
    assert_eq!(spans().await, [BEGIN_MS, BEGIN_MS + 1000, BEGIN_MS, 500]);
    commit(&asked, "G", "T", 2).await;
    assert_eq!(spans().await, [BEGIN_MS, BEGIN_MS + 1000, BEGIN_MS + 1000, 0]);
    let missing = asked.ask_for(request::QUERY_CONSUME_TIME_SPAN, &[("topic", "X"), ("group", "G")]).await;
    assert_eq!(missing.code, response::TOPIC_NOT_EXIST);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_stored_given_out_and_sent_back_is_counted() {
    let asked = start().await;
    let id = send(&asked, "T", 6).await;
    pull(&asked, "G", "T").await;
    let offset = record::MessageId::parse(&id).expect("an id").physical_offset.to_string();
    // So late that it does not come back meanwhile.
    let back = [("group", "G"), ("offset", &*offset), ("delayLevel", "18"), ("originTopic", "T"), ("originMsgId", "")];
    assert_eq!(asked.ask_for(request::CONSUMER_SEND_MSG_BACK, &back).await.code, response::SUCCESS);
    asked.clock.advance_ms(10_000);
    let counted = async |name: &str, key: &str| {
        let answer = asked.ask_for(request::VIEW_BROKER_STATS_DATA, &[("statsName", name), ("statsKey", key)]).await;
        let known = answer.code == response::SUCCESS;
        assert!(known || answer.remark.as_deref() == Some(&*format!("The stats <{name}> <{key}> not exist")));
        known.then(|| answer.json::<StatsData>().expect("it").stats_minute)
    };
    let sum = async |name: &str, key: &str| counted(name, key).await.map(|item| item.sum);
    let puts = counted("TOPIC_PUT_NUMS", "T").await.expect("counted");
    assert_eq!((puts.sum, puts.avgpt, puts.tps), (6, 1.0, 0.6));
    let gets = counted("GROUP_GET_NUMS", "T@G").await.expect("counted");
    assert_eq!((gets.sum, gets.avgpt, gets.tps), (6, 6.0, 0.3));
    assert!(sum("GROUP_GET_SIZE", "T@G").await.is_some_and(|bytes| bytes > 6 * 90));
    assert_eq!(sum("SNDBCK_PUT_NUMS", "T@G").await, Some(1));
    assert_eq!(sum("TOPIC_PUT_NUMS", "SCHEDULE_TOPIC_XXXX").await, Some(1));
    assert_eq!(sum("BROKER_PUT_NUMS", "DefaultCluster").await, Some(7));
    assert_eq!(sum("BROKER_GET_NUMS", "DefaultCluster").await, Some(6));
    for (name, key) in [
        ("TOPIC_PUT_NUMS", "X"),
        ("GROUP_GET_NUMS", "T@H"),
        ("GROUP_GET_NUMS", "T"),
        ("BROKER_PUT_NUMS", "X"),
        ("", ""),
    ] {
        assert_eq!(sum(name, key).await, None, "{name} {key}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_connected_is_told_in_apaches_bytes() {
    let asked = start().await;
    for (code, fields, refused) in [
        (request::GET_CONSUMER_CONNECTION_LIST, [("consumerGroup", "G")], response::CONSUMER_NOT_ONLINE),
        (request::GET_PRODUCER_CONNECTION_LIST, [("producerGroup", "P")], response::SYSTEM_ERROR),
    ] {
        assert_eq!(asked.ask_for(code, &fields).await.code, refused);
    }
    let wants = [("group", "G"), ("topic", "T")];
    let wanted = asked.ask_for(request::QUERY_SUBSCRIPTION_BY_CONSUMER, &wants).await;
    assert_eq!(body(&wanted), r#"{"group":"G","topic":"T"}"#);

    let (_me, _) = consumer(&asked, &["T"], 409).await;
    let consumers = asked.ask_for(request::GET_CONSUMER_CONNECTION_LIST, &[("consumerGroup", "G")]).await;
    let read: ConsumerConnections = consumers.json().expect("it");
    let connection = &read.connection_set[0];
    assert_eq!((&*connection.client_id, &*connection.language, connection.version), ("me", "RUST", 409));
    assert!(connection.client_addr.starts_with("127.0.0.1:"), "{}", connection.client_addr);
    let golden = format!(
        concat!(
            r#"{{"connectionSet":[{{"clientAddr":"{}","clientId":"me","language":"RUST","version":409}}],"#,
            r#""consumeFromWhere":"CONSUME_FROM_FIRST_OFFSET","consumeType":"CONSUME_PASSIVELY","#,
            r#""messageModel":"CLUSTERING","subscriptionTable":{{"T":{{"classFilterMode":false,"codeSet":[],"#,
            r#""expressionType":"TAG","subString":"*","subVersion":1,"tagsSet":[],"topic":"T"}}}}}}"#
        ),
        connection.client_addr
    );
    assert_eq!(body(&consumers), golden);
    let producers = asked.ask_for(request::GET_PRODUCER_CONNECTION_LIST, &[("producerGroup", "P")]).await;
    let producers: ProducerConnections = producers.json().expect("it");
    assert_eq!(producers.connection_set, read.connection_set);
    let all: ProducerTable = asked.ask_for(request::GET_ALL_PRODUCER_INFO, &[]).await.json().expect("it");
    assert_eq!((all.data.len(), all.data["P"][0].last_update_timestamp), (1, BEGIN_MS));
    assert_eq!(all.data["P"][0].remote_ip, format!("/{}", connection.client_addr));
    let wanted: SubscriptionAnswer =
        asked.ask_for(request::QUERY_SUBSCRIPTION_BY_CONSUMER, &wants).await.json().expect("it");
    assert_eq!(wanted.subscription_data.expect("one").sub_string, "*");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_for_a_consumer_reaches_it_and_its_answer_comes_back() {
    let asked = start().await;
    let id = send(&asked, "T", 2).await;
    let (me, mut questions) = consumer(&asked, &["T"], 409).await;
    let running = [("consumerGroup", "G"), ("clientId", "me"), ("jstackEnable", "true")];
    let answer = asked.ask_for(request::GET_CONSUMER_RUNNING_INFO, &running).await;
    assert_eq!((body(&answer).as_str(), answer.remark.as_deref()), (r#"{"jstack":"at main"}"#, Some("as I run")));
    let question = questions.recv().await.expect("asked");
    assert_eq!((question.code, question.fields.get("jstackEnable")), (307, Some("true")));

    let handle = [("consumerGroup", "G"), ("clientId", "me"), ("msgId", &*id)];
    let answer = asked.ask_for(request::CONSUME_MESSAGE_DIRECTLY, &handle).await;
    assert_eq!(answer.json::<ConsumeResult>().expect("it").consume_result.as_deref(), Some("CR_LATER"));
    let question = questions.recv().await.expect("asked");
    assert_eq!(question.fields.get("brokerName"), Some("b"));
    assert_eq!(record::decode_all(question.body.to_bytes(), true).expect("one")[0].body[..], b"1"[..]);

    let no_such = format!("{}00000000FFFFFFFF", &id[..16]);
    for (client, id, why) in [
        ("nobody", &*id, "not online"),
        ("me", "C0", "is not the id"),
        ("me", "", "is not the id"),
        ("me", &*no_such, "no message begins"),
    ] {
        let handle = [("consumerGroup", "G"), ("clientId", client), ("msgId", id)];
        let answer = asked.ask_for(request::CONSUME_MESSAGE_DIRECTLY, &handle).await;
        assert_eq!(answer.code, response::SYSTEM_ERROR);
        assert!(answer.remark.as_deref().is_some_and(|remark| remark.contains(why)), "{:?}", answer.remark);
    }
    let (old, _) = consumer(&asked, &["T"], 61).await;
    let answer = asked.ask_for(request::GET_CONSUMER_RUNNING_INFO, &running).await;
    assert!(answer.remark.is_some_and(|remark| remark.contains("too old")));
    drop((me, old));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_reads_what_is_told_also_of_groups_that_are_away() {
    let asked = start().await;
    send(&asked, "T", 1).await;
    commit(&asked, "H", "T", 1).await;
    let (_me, _) = consumer(&asked, &["T"], 409).await;
    let groups: GroupList =
        asked.ask_for(request::QUERY_TOPIC_CONSUME_BY_WHO, &[("topic", "T")]).await.json().expect("it");
    assert_eq!(groups.group_list, ["G", "H"]);
    let topics: TopicList =
        asked.ask_for(request::QUERY_TOPICS_BY_CONSUMER, &[("group", "H")]).await.json().expect("it");
    assert_eq!((topics.topic_list, topics.broker_addr), (vec!["T".to_owned()], Some(asked.broker.advertised())));
    assert_eq!(
        body(&asked.ask_for(request::QUERY_TOPIC_CONSUME_BY_WHO, &[("topic", "X")]).await),
        r#"{"groupList":[]}"#
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stands_in_a_queue_is_told_with_what_a_group_wants_of_it() {
    let asked = start().await;
    send(&asked, "T", 3).await;
    let (_me, _) = consumer(&asked, &["T"], 409).await;
    let ask = async |index: &str, count: &str, group: &str| -> QueueEntries {
        let fields = [("topic", "T"), ("queueId", "0"), ("index", index), ("count", count), ("consumerGroup", group)];
        asked.ask_for(request::QUERY_CONSUME_QUEUE, &fields).await.json().expect("it")
    };
    let told = ask("1", "9", "G").await;
    assert_eq!((told.min_queue_index, told.max_queue_index, told.filter_data.as_deref()), (0, 3, Some("null")));
    assert_eq!(told.subscription_data.map(|said| said.topic).as_deref(), Some("T"));
    let entries = told.queue_data.unwrap_or_default();
    let size = i64::from(entries[0].physic_size);
    assert_eq!((entries.len(), entries[1].physic_offset), (2, entries[0].physic_offset + size));
    assert_eq!(entries[0].physic_offset, size, "behind the first of three that are alike");
    let told = ask("0", "1", "nobody").await;
    assert_eq!((told.queue_data.map(|entries| entries.len()), told.subscription_data), (Some(1), None));
    assert!(told.filter_data.is_some_and(|why| why.contains("nobody")));
    for (index, count) in [("3", "9"), ("-1", "9"), ("0", "0"), ("0", "-5"), ("9223372036854775807", "2147483647")] {
        assert_eq!(ask(index, count, "G").await.queue_data, Some(Vec::new()), "{index} {count}");
    }
    let fields = [("topic", "T"), ("queueId", "7"), ("index", "0"), ("count", "1")];
    let none = asked.ask_for(request::QUERY_CONSUME_QUEUE, &fields).await;
    assert!(none.code == response::SYSTEM_ERROR && none.remark.is_some_and(|why| why.contains("queue 7")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_takes_over_where_another_one_is() {
    let asked = start().await;
    send(&asked, "T", 3).await;
    send(&asked, "U", 3).await;
    commit(&asked, "G", "T", 2).await;
    commit(&asked, "G", "U", 3).await;
    let clone = async |to: &str, topic: &str| {
        let fields = [("srcGroup", "G"), ("destGroup", to), ("topic", topic), ("offline", "false")];
        asked.ask_for(request::CLONE_GROUP_OFFSET, &fields).await
    };
    let at = |group: &str| ["T", "U"].map(|topic| asked.broker.offsets().get(topic, group, 0));
    assert_eq!(clone("H", "U").await.code, response::SUCCESS);
    assert_eq!(at("H"), [None, Some(3)]);
    assert_eq!(clone("I", "").await.code, response::SUCCESS);
    assert_eq!(at("I"), [Some(2), Some(3)]);
    let (_me, _) = consumer(&asked, &["U"], 409).await;
    clone("J", "").await;
    assert_eq!(at("J"), [None, Some(3)], "no member of the group reads the other any more");
    assert_eq!(clone("CID_RMQ_SYS_TRANS", "").await.code, response::NO_PERMISSION);
    assert_ne!(clone("../H", "").await.code, response::SUCCESS);
    let slave = start_with(|config| {
        config.broker_role = broker::config_values::BrokerRole::Slave;
        config.broker_id = 1;
    })
    .await;
    let fields = [("srcGroup", "G"), ("destGroup", "H")];
    assert!(slave.ask_for(request::CLONE_GROUP_OFFSET, &fields).await.remark.is_some_and(|why| why.contains("slave")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_begins_with_what_there_was_before_it() {
    let asked = start().await;
    let info = async || {
        let info: KvTable = asked.ask_for(request::GET_BROKER_RUNTIME_INFO, &[]).await.json().expect("it");
        ["msgPutTotalYesterdayMorning", "msgPutTotalTodayMorning", "msgPutTotalTodayNow", "msgGetTotalTodayNow"]
            .map(|name| info.table[name].parse::<i64>().expect("a number"))
    };
    send(&asked, "T", 3).await;
    pull(&asked, "G", "T").await;
    assert_eq!(info().await, [0, 0, 3, 3]);
    asked.clock.advance_ms(24 * 3_600_000);
    send(&asked, "T", 1).await;
    assert_eq!(info().await, [0, 3, 4, 3]);
    asked.clock.advance_ms(24 * 3_600_000);
    assert_eq!(info().await, [3, 4, 4, 3]);
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_make_no_sense_are_refused_and_do_no_harm() {
    let asked = start().await;
    send(&asked, "T", 1).await;
    let codes = [
        request::GET_TOPIC_STATS_INFO,
        request::GET_CONSUME_STATS,
        request::GET_BROKER_CONSUME_STATS,
        request::QUERY_CONSUME_TIME_SPAN,
        request::VIEW_BROKER_STATS_DATA,
        request::QUERY_TOPIC_CONSUME_BY_WHO,
        request::QUERY_CONSUME_QUEUE,
        request::QUERY_TOPICS_BY_CONSUMER,
        request::CLONE_GROUP_OFFSET,
        request::GET_CONSUMER_CONNECTION_LIST,
        request::GET_PRODUCER_CONNECTION_LIST,
        request::QUERY_SUBSCRIPTION_BY_CONSUMER,
        request::GET_CONSUMER_RUNNING_INFO,
        request::CONSUME_MESSAGE_DIRECTLY,
    ];
    let long = "x".repeat(100_000);
    for code in codes {
        let bare = asked.ask_for(code, &[]).await;
        assert_eq!(bare.code, response::SYSTEM_ERROR, "{code}");
        assert!(bare.remark.is_some_and(|remark| remark.contains("header")), "{code}");
        for text in ["", "\0", "../../etc", "T@G@H", "é\u{1}", &long] {
            let names = [
                "topic",
                "group",
                "consumerGroup",
                "producerGroup",
                "clientId",
                "msgId",
                "srcGroup",
                "destGroup",
                "statsName",
                "statsKey",
                "isOrder",
                "offline",
            ];
            let fields: Fields = names.into_iter().map(|name| (name, text)).collect();
            let answer = asked.ask(Command { fields, ..Command::request(code) }.with_body(vec![0xFF; 100])).await;
            // What it was asked about is all that may be in it.
            assert!(answer.body.len() < 1000 + 2 * text.len(), "{code}, asked about {} bytes", text.len());
        }
    }
    assert_eq!(asked.broker.offsets().snapshot().offset_table.len(), 0);
    assert!(asked.broker.groups().snapshot().subscription_group_table.keys().all(|name| name.len() < 30));
    send(&asked, "T", 1).await;
}
