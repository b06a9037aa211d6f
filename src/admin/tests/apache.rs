//! What brokers of Apache RocketMQ 4.9.8 answer, byte for byte as they did, and what is made of it.
//!
//! The brokers here are no more than tables of such answers, and note what they were asked.
#![allow(clippy::unwrap_used)]

use admin::{Admin, Done, Error, Target, Where};
use base::Tasks;
use client::Queue;
use parking_lot::Mutex;
use protocol::{Command, code::request};
use remoting::{
    Answers, Limits, Peer, Receipt, Service,
    server::{bind, serve},
};
use std::sync::Arc;

/// The keys of 28 that matter here.
const RUNTIME: &str = r#"{"table":{"brokerVersionDesc":"V4_9_8","brokerVersion":"409","earliestMessageTimeStamp":"-1","remainHowManyDataToFlush":"9.3 KiB","putTps":"0.0  "}}"#;
const MEMBERS: &str = r#"{"connectionSet":[{"clientAddr":"127.0.0.1:54116","clientId":"192.0.2.2@slow-g_slow","language":"JAVA","version":409}],"consumeFromWhere":"CONSUME_FROM_FIRST_OFFSET","consumeType":"CONSUME_PASSIVELY","messageModel":"CLUSTERING","subscriptionTable":{"%RETRY%g_slow":{"classFilterMode":false,"codeSet":[],"expressionType":"TAG","subString":"*","subVersion":1795633516439,"tagsSet":[],"topic":"%RETRY%g_slow"},"orders":{"classFilterMode":false,"codeSet":[],"expressionType":"TAG","subString":"*","subVersion":1795634306178,"tagsSet":[],"topic":"orders"}}}"#;
const RESET: &str = r#"{"offsetTable":{{"brokerName":"broker-a","queueId":1,"topic":"orders"}:3872,{"brokerName":"broker-a","queueId":0,"topic":"orders"}:3871}}"#;
const TOPIC: &str = r#"{"offsetTable":{{"brokerName":"broker-a","queueId":1,"topic":"orders"}:{"lastUpdateTimestamp":1795633320538,"maxOffset":4194,"minOffset":0},{"brokerName":"broker-a","queueId":0,"topic":"orders"}:{"lastUpdateTimestamp":0,"maxOffset":0,"minOffset":0}}}"#;
const ALL_GROUPS: &str = r#"{"brokerAddr":"127.0.0.1:21911","consumeStatsList":[{"g_dead":[{"consumeTps":0.0,"offsetTable":{{"brokerName":"broker-a","queueId":1,"topic":"orders"}:{"brokerOffset":4194,"consumerOffset":3361,"lastTimestamp":1795633231293}}}]},{"SELF_TEST_C_GROUP":[]},{"g_ord":[{"consumeTps":0.0,"offsetTable":{{"brokerName":"broker-a","queueId":0,"topic":"%RETRY%g_ord"}:{"brokerOffset":0,"consumerOffset":0,"lastTimestamp":0}}}]}],"totalDiff":833,"totalInflightDiff":0}"#;

#[derive(Default)]
struct Stand {
    /// What the name server says of brokers.
    cluster: Mutex<String>,
    asked: Mutex<Vec<Command>>,
}

impl Service for Stand {
    fn serve(&self, _: &Arc<Peer>, requests: &mut Vec<Command>, answers: &mut Answers) {
        for request in requests.drain(..) {
            let body = match request.code {
                request::GET_BROKER_CLUSTER_INFO => self.cluster.lock().clone(),
                request::GET_BROKER_RUNTIME_INFO => RUNTIME.to_owned(),
                request::GET_CONSUMER_CONNECTION_LIST => MEMBERS.to_owned(),
                request::INVOKE_BROKER_TO_RESET_OFFSET => RESET.to_owned(),
                request::GET_TOPIC_STATS_INFO => TOPIC.to_owned(),
                request::GET_BROKER_CONSUME_STATS => ALL_GROUPS.to_owned(),
                other => panic!("nobody should ask {other}"),
            };
            // A remark that says nothing, as these brokers leave it.
            let answer = Command::success().with_remark("not set any response code").with_body(body.into_bytes());
            answers.now(Receipt::of(&request), answer);
            self.asked.lock().push(request);
        }
    }
}

/// One port that is the name server and both brokers.
async fn stand(tasks: &Tasks) -> (Arc<Stand>, String, Admin) {
    let stand = Arc::new(Stand::default());
    let listener = bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let addr = listener.local_addr().unwrap().to_string();
    tasks.spawn("stand-in", serve(listener, stand.clone(), Limits::default(), tasks.clone()));
    let admin = Admin::connect(&addr).await.unwrap();
    (stand, addr, admin)
}

fn cluster(brokers: &str) -> String {
    format!(r#"{{"brokerAddrTable":{{{brokers}}},"clusterAddrTable":{{"apache6":["broker-a","broker-b"]}}}}"#)
}

fn broker(name: &str, ids: &str, addr: &str) -> String {
    let addrs = ids.replace('A', addr);
    format!(r#""{name}":{{"brokerAddrs":{{{addrs}}},"brokerName":"{name}","cluster":"apache6"}}"#)
}

fn queue(id: i32) -> Queue {
    Queue::new("orders", "broker-a", id)
}

#[tokio::test]
async fn an_old_broker_has_connected_members_go_on_at_a_time_with_one_order_for_the_whole_topic() {
    let tasks = Tasks::default();
    let (stand, addr, admin) = stand(&tasks).await;
    *stand.cluster.lock() = cluster(&broker("broker-a", r#"0:"A""#, &addr));
    let wanted = vec![(queue(0), 5), (queue(1), 6)];
    for (target, timestamp) in
        [(Target::Time(1795633300000), "1795633300000"), (Target::First, "0"), (Target::Last, "-1")]
    {
        stand.asked.lock().clear();
        let done = admin.reset("g_slow", wanted.clone(), Some(target)).await.unwrap();
        let told: Vec<Done> = done.into_iter().map(|(_, done)| done.unwrap()).collect();
        assert_eq!(told, [Done::Told(3871), Done::Told(3872)]);
        let asked = stand.asked.lock();
        let orders: Vec<_> =
            asked.iter().filter(|order| order.code == request::INVOKE_BROKER_TO_RESET_OFFSET).collect();
        let [order] = &orders[..] else { panic!("{orders:?}") };
        let field = |name: &str| order.fields.get(name).map(ToString::to_string);
        let fields = [field("timestamp"), field("isForce"), field("topic"), field("group")];
        assert_eq!(fields.map(Option::unwrap), [timestamp, "true", "orders", "g_slow"]);
        assert_eq!((field("offset"), field("queueId")), (None, Some("-1".to_owned())));
    }
    // What has no time, or is not the whole topic, it cannot do.
    for whole in [None, Some(Target::Offset(5)), Some(Target::Shift(1))] {
        let done = admin.reset("g_slow", wanted.clone(), whole).await.unwrap();
        assert!(done.iter().all(|(_, done)| matches!(done, Err(Error::MembersConnected { .. }))), "{done:?}");
    }
}

#[tokio::test]
async fn a_name_of_which_only_a_slave_is_there_lacks_in_every_answer() {
    let tasks = Tasks::default();
    let (stand, addr, admin) = stand(&tasks).await;
    let (a, b) = (broker("broker-a", r#"1:"A""#, &addr), broker("broker-b", r#"0:"A",1:"A""#, &addr));
    *stand.cluster.lock() = cluster(&format!("{a},{b}"));
    let stats = admin.topic_stats("orders", &Where::Everywhere).await.unwrap();
    let lacks: Vec<String> = stats.failures().map(|(broker, why)| format!("{} {why}", broker.name)).collect();
    assert_eq!(
        lacks,
        [format!("broker-a broker broker-a has no master now, only broker-a:1 ({addr}): start its master")]
    );
    assert_eq!(stats.answers().map(|(broker, _)| &*broker.name).collect::<Vec<_>>(), ["broker-b"]);
    let of_slave = admin.topic_stats("orders", &Where::Broker("broker-a".into())).await.unwrap_err();
    assert!(matches!(&of_slave, Error::NoMaster { .. }) && of_slave.is_unreachable() && !of_slave.is_not_found());
    let named = admin.masters(&Where::Broker("broker-b:1".into())).await.unwrap();
    assert_eq!((&*named[0].name, named[0].id, named.len()), ("broker-b", 1, 1));
    assert!(admin.masters(&Where::Broker("broker-b:2".into())).await.unwrap_err().is_not_found());
    // One that has got another name is known by both for a while.
    assert_eq!(admin.masters(&Where::Broker(addr)).await.unwrap().len(), 1);
}

#[tokio::test]
async fn what_it_says_is_read_as_it_means_it() {
    let tasks = Tasks::default();
    let (stand, addr, admin) = stand(&tasks).await;
    *stand.cluster.lock() = cluster(&broker("broker-a", r#"0:"A""#, &addr));
    let stats = admin.topic_stats("orders", &Where::Everywhere).await.unwrap();
    let (_, queues) = stats.answers().next().unwrap();
    let ends: Vec<_> = queues.offset_table.iter().map(|(queue, extent)| (queue.queue_id, extent.max_offset)).collect();
    assert_eq!(ends, [(0, 0), (1, 4194)]);
    let snapshot = admin.snapshot(&base::Clock::System, true).await.unwrap();
    let info = snapshot.brokers[0].info.as_ref().unwrap();
    assert_eq!((info.version.as_deref(), &info.to_flush), (Ok("V4_9_8"), &Ok(9523)));
    assert_eq!(info.oldest_ms.as_ref().unwrap_err().to_string(), "it knows no oldest message");
    assert!(info.put.is_err() && info.log_max.is_err() && info.disk.is_err(), "{info:?}");
    let groups = snapshot.groups();
    assert_eq!(groups.known.keys().collect::<Vec<_>>(), ["SELF_TEST_C_GROUP", "g_dead", "g_ord"]);
    assert_eq!((groups.known["g_dead"].total().lag, groups.known["g_ord"].total().queues), (833, 1));
    assert_eq!(snapshot.lag().known, 833);
}
