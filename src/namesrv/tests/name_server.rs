//! The name server through real sockets: what brokers, clients and tools ask of it.

#![allow(clippy::unwrap_used)]

use namesrv::{NameServer, NamesrvConfig};
use protocol::{
    Command, Encoding,
    code::{request, response},
    inspect::{KvTable, NamedCluster},
    registration::{
        KvEntry, QueryDataVersion, QueryDataVersionAnswer, Register, RegisterAnswer, RegisterBody, UnregisterBroker,
        WipeAnswer, WritePerm, body_crc,
    },
    route::{ClusterInfo, TopicRoute},
    topic::{DataVersion, NamedTopic, TopicConfig, TopicList},
};
use remoting::{Client, client::NoService};
use serde::{Serialize, de::DeserializeOwned};
use std::{path::Path, time::Duration};

const WAIT: Duration = Duration::from_secs(20);

struct World {
    _folder: tempfile::TempDir,
    server: NameServer,
}

/// One connection to a name server.
struct Asker {
    addr: String,
    client: Client<NoService>,
}

fn config(folder: &Path) -> NamesrvConfig {
    NamesrvConfig { kv_config_path: folder.join("kvConfig.json"), ..NamesrvConfig::default() }
}

async fn start(config: NamesrvConfig) -> NameServer {
    NameServer::start(config, "127.0.0.1:0".parse().unwrap()).await.unwrap()
}

impl World {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let server = start(config(folder.path())).await;
        Self { _folder: folder, server }
    }

    fn asker(&self) -> Asker {
        Asker::of(&self.server)
    }
}

impl Asker {
    fn of(server: &NameServer) -> Self {
        Self { addr: server.addr().to_string(), client: Client::asking() }
    }

    async fn send(&self, request: Command) -> Command {
        self.client.call(&self.addr, request, WAIT).await.unwrap()
    }

    async fn ask(&self, code: i32, header: &impl Serialize) -> Command {
        self.send(Command::request(code).with_header(header)).await
    }

    async fn get<T: DeserializeOwned>(&self, code: i32, header: &impl Serialize) -> T {
        let answer = self.ask(code, header).await;
        assert_eq!(answer.code, 0, "{:?}", answer.remark);
        answer.json().unwrap()
    }

    async fn names(&self, code: i32) -> Vec<String> {
        self.get::<TopicList>(code, &()).await.topic_list
    }

    async fn register(&self, header: &Register, body: &RegisterBody) -> Command {
        self.send(Command::request(request::REGISTER_BROKER).with_header(header).with_json(body)).await
    }

    async fn route(&self, topic: &str) -> Option<TopicRoute> {
        let answer = self.ask(request::GET_ROUTEINFO_BY_TOPIC, &named(topic)).await;
        (answer.code == 0).then(|| answer.json().unwrap())
    }

    async fn end(self) {
        self.client.peer(&self.addr).await.unwrap().close();
    }
}

fn named(topic: &str) -> NamedTopic {
    NamedTopic { topic: topic.into(), cluster_name: None }
}

fn broker(name: &str, id: i64, port: u16) -> Register {
    Register {
        broker_name: name.into(),
        broker_addr: format!("127.0.0.1:{port}"),
        cluster_name: "DefaultCluster".into(),
        ha_server_addr: format!("127.0.0.1:{}", port + 1),
        broker_id: id,
        compressed: false,
        body_crc32: 0,
    }
}

fn body(version: i64, topics: &[&str]) -> RegisterBody {
    let mut body = RegisterBody::default();
    let table = &mut body.topic_config_serialize_wrapper;
    table.data_version = DataVersion { counter: version, timestamp: 1_700_000_000_000 };
    let config = |topic: &&str| (topic.to_string(), TopicConfig::new(topic, 4, 6));
    table.topic_config_table = topics.iter().map(config).collect();
    body
}

#[tokio::test]
async fn a_registered_broker_is_found_by_topic_and_cluster() {
    let world = World::new().await;
    let (broker_a, client) = (world.asker(), world.asker());
    let answer = broker_a.register(&broker("broker-a", 0, 10911), &body(1, &["T"])).await;
    assert_eq!((answer.code, answer.body.len()), (0, 0), "{:?}", answer.remark);
    assert_eq!(answer.header::<RegisterAnswer>().unwrap().master_addr, None);

    let answer = client.ask(request::GET_ROUTEINFO_BY_TOPIC, &named("T")).await;
    let route = concat!(
        r#"{"brokerDatas":[{"brokerAddrs":{"0":"127.0.0.1:10911"},"brokerName":"broker-a","cluster":"DefaultCluster","#,
        r#""enableActingMaster":false}],"filterServerTable":{},"queueDatas":[{"brokerName":"broker-a","perm":6,"#,
        r#""readQueueNums":4,"topicSysFlag":0,"writeQueueNums":4}]}"#
    );
    assert_eq!(String::from_utf8(answer.body.to_bytes().to_vec()).unwrap(), route);

    let answer =
        client.send(Command { encoding: Encoding::Binary, ..Command::request(request::GET_BROKER_CLUSTER_INFO) });
    let answer = answer.await;
    assert_eq!(answer.encoding, Encoding::Binary);
    let info: ClusterInfo = answer.json().unwrap();
    assert_eq!(info.cluster_addr_table["DefaultCluster"], ["broker-a"]);
    assert_eq!(info.broker_addr_table["broker-a"].master(), Some("127.0.0.1:10911"));
}

#[tokio::test]
async fn an_unknown_topic_is_answered_with_code_17_and_the_words_that_scripts_look_for() {
    let world = World::new().await;
    let asker = world.asker();
    let answer = asker.ask(request::GET_ROUTEINFO_BY_TOPIC, &named("nowhere")).await;
    assert_eq!(answer.code, response::TOPIC_NOT_EXIST);
    let remark = answer.remark.unwrap();
    assert!(remark.starts_with("No topic route info in name server for the topic: nowhere\n"), "{remark}");
    assert!(remark.contains("rmq topic create nowhere"), "{remark}");
    let endless = asker.ask(request::GET_ROUTEINFO_BY_TOPIC, &named(&"x".repeat(1 << 20))).await;
    assert!(endless.remark.unwrap().len() < 1000);
    let without = asker.ask(request::GET_ROUTEINFO_BY_TOPIC, &()).await;
    assert_eq!(
        without.remark.as_deref(),
        Some("GET_ROUTEINFO_BY_TOPIC (105) cannot be carried out: missing field `topic`")
    );
}

#[tokio::test]
async fn a_broker_leaves_with_its_connection_and_on_its_own_word() {
    let world = World::new().await;
    let (first, second, client) = (world.asker(), world.asker(), world.asker());
    first.register(&broker("broker-a", 0, 10911), &body(1, &["T"])).await;
    second.register(&broker("broker-b", 0, 20911), &body(1, &["T"])).await;
    assert_eq!(client.route("T").await.unwrap().queue_datas.len(), 2);
    first.end().await;
    let one_left = async { while client.route("T").await.unwrap().queue_datas.len() > 1 {} };
    tokio::time::timeout(WAIT, one_left).await.expect("the broker is gone");
    let Register { broker_name, broker_addr, cluster_name, broker_id, .. } = broker("broker-b", 0, 20911);
    let leave = UnregisterBroker { broker_name, broker_addr, cluster_name, broker_id };
    for _ in 0..2 {
        assert_eq!(second.ask(request::UNREGISTER_BROKER, &leave).await.code, 0);
    }
    assert_eq!(client.route("T").await, None);
    let info: ClusterInfo = client.get(request::GET_BROKER_CLUSTER_INFO, &()).await;
    assert_eq!(info, ClusterInfo::default());
}

#[tokio::test]
async fn a_slave_learns_its_master_and_the_order_of_topics() {
    let world = World::new().await;
    let (master, slave) = (world.asker(), world.asker());
    let order = |topic: &str, value: &str| KvEntry {
        namespace: "ORDER_TOPIC_CONFIG".into(),
        key: topic.into(),
        value: Some(value.into()),
    };
    assert_eq!(master.ask(request::PUT_KV_CONFIG, &order("T", "broker-a:4")).await.code, 0);
    let answer = master.register(&broker("broker-a", 0, 10911), &body(1, &["T"])).await;
    assert_eq!(answer.json::<KvTable>().unwrap().table["T"], "broker-a:4");
    let answer = slave.register(&broker("broker-a", 1, 10921), &body(1, &["T"])).await;
    let told: RegisterAnswer = answer.header().unwrap();
    assert_eq!(told.master_addr.as_deref(), Some("127.0.0.1:10911"));
    assert_eq!(told.ha_server_addr.as_deref(), Some("127.0.0.1:10912"));

    assert_eq!(slave.route("T").await.unwrap().order_topic_conf, None);
    let enable = Command::request(request::UPDATE_NAMESRV_CONFIG).with_body("orderMessageEnable=true");
    assert_eq!(slave.send(enable).await.code, 0);
    assert_eq!(slave.route("T").await.unwrap().order_topic_conf.as_deref(), Some("broker-a:4"));
    master.ask(request::PUT_KV_CONFIG, &order("T", "broker-a:8")).await;
    assert_eq!(slave.route("T").await.unwrap().order_topic_conf.as_deref(), Some("broker-a:8"));
    let shown = slave.send(Command::request(request::GET_NAMESRV_CONFIG)).await.body.to_bytes();
    assert!(String::from_utf8(shown.to_vec()).unwrap().contains("orderMessageEnable=true"));
    let fixed = Command::request(request::UPDATE_NAMESRV_CONFIG).with_body("kvConfigPath=/elsewhere");
    assert_eq!(slave.send(fixed).await.code, response::NO_PERMISSION);
}

#[tokio::test]
async fn a_broker_asks_first_whether_its_table_has_changed() {
    let world = World::new().await;
    let asker = world.asker();
    let Register { broker_name, broker_addr, cluster_name, broker_id, .. } = broker("broker-a", 0, 10911);
    let header = QueryDataVersion { broker_name, broker_addr, cluster_name, broker_id };
    let version = |counter| DataVersion { counter, timestamp: 1_700_000_000_000 };
    let ask = async |theirs: &DataVersion| {
        let request = Command::request(request::QUERY_DATA_VERSION).with_header(&header).with_json(theirs);
        let answer = asker.send(request).await;
        (answer.header::<QueryDataVersionAnswer>().unwrap().changed, answer.json::<DataVersion>().ok())
    };
    assert_eq!(ask(&version(3)).await, (true, None));
    asker.register(&broker("broker-a", 0, 10911), &body(3, &["T"])).await;
    assert_eq!(ask(&version(3)).await, (false, Some(version(3))));
    assert_eq!(ask(&version(4)).await, (true, Some(version(3))));
    let without = asker.ask(request::QUERY_DATA_VERSION, &header).await;
    assert!(without.header::<QueryDataVersionAnswer>().unwrap().changed);
}

#[tokio::test]
async fn topics_are_listed_by_what_they_are() {
    let world = World::new().await;
    let asker = world.asker();
    let mut all = body(1, &["plain", "both"]);
    let topics = &mut all.topic_config_serialize_wrapper.topic_config_table;
    for (name, topic_sys_flag) in [("unit", 1), ("subscribed", 2), ("both", 3)] {
        topics.insert(name.into(), TopicConfig { topic_sys_flag, ..TopicConfig::new(name, 1, 6) });
    }
    asker.register(&broker("broker-a", 0, 10911), &all).await;
    let other = Register { cluster_name: "Other".into(), ..broker("broker-b", 0, 20911) };
    asker.register(&other, &body(1, &["plain", "elsewhere"])).await;
    let list = asker.names(request::GET_ALL_TOPIC_LIST_FROM_NAMESERVER).await;
    assert_eq!(list, ["both", "elsewhere", "plain", "subscribed", "unit"]);
    assert_eq!(asker.names(request::GET_UNIT_TOPIC_LIST).await, ["both", "unit"]);
    assert_eq!(asker.names(request::GET_HAS_UNIT_SUB_TOPIC_LIST).await, ["both", "subscribed"]);
    assert_eq!(asker.names(request::GET_HAS_UNIT_SUB_UNUNIT_TOPIC_LIST).await, ["subscribed"]);
    for (cluster, topics) in [("Other", &["elsewhere", "plain"][..]), ("nowhere", &[])] {
        let list: TopicList =
            asker.get(request::GET_TOPICS_BY_CLUSTER, &NamedCluster { cluster: cluster.into() }).await;
        assert_eq!(list.topic_list, topics);
    }
    let system: TopicList = asker.get(request::GET_SYSTEM_TOPIC_LIST_FROM_NS, &()).await;
    assert_eq!(system.topic_list, ["DefaultCluster", "broker-a", "Other", "broker-b"]);
    assert_eq!(system.broker_addr.as_deref(), Some("127.0.0.1:10911"));
    asker
        .ask(request::DELETE_TOPIC_IN_NAMESRV, &NamedTopic { cluster_name: Some("Other".into()), ..named("plain") })
        .await;
    assert_eq!(asker.route("plain").await.unwrap().queue_datas.len(), 1);
    asker.ask(request::DELETE_TOPIC_IN_NAMESRV, &named("plain")).await;
    assert_eq!(asker.route("plain").await, None);
}

#[tokio::test]
async fn writing_to_a_broker_is_stopped_and_allowed_again() {
    let world = World::new().await;
    let asker = world.asker();
    asker.register(&broker("broker-a", 0, 10911), &body(1, &["T", "U"])).await;
    let name = WritePerm { broker_name: "broker-a".into() };
    let answer = asker.ask(request::WIPE_WRITE_PERM_OF_BROKER, &name).await;
    assert_eq!(answer.header::<WipeAnswer>().unwrap().wipe_topic_count, 2);
    assert_eq!(asker.route("T").await.unwrap().queue_datas[0].perm, 4);
    let answer = asker.ask(request::ADD_WRITE_PERM_OF_BROKER, &name).await;
    assert_eq!(answer.fields.get("addTopicCount"), Some("2"));
    assert_eq!(asker.route("T").await.unwrap().queue_datas[0].perm, 6);
}

#[tokio::test]
async fn kv_settings_outlive_the_name_server() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(config(folder.path())).await;
    let asker = Asker::of(&server);
    let entry = |value: Option<&str>| KvEntry { namespace: "N".into(), key: "k".into(), value: value.map(Into::into) };
    let missing = asker.ask(request::GET_KV_CONFIG, &entry(None)).await;
    assert_eq!((missing.code, missing.remark.unwrap()), (22, "No config item, Namespace: N Key: k".to_owned()));
    assert_eq!(asker.ask(request::GET_KVLIST_BY_NAMESPACE, &entry(None)).await.code, 22);
    assert_eq!(asker.ask(request::PUT_KV_CONFIG, &entry(Some("v é"))).await.code, 0);
    assert_eq!(asker.ask(request::PUT_KV_CONFIG, &KvEntry::default()).await.code, response::SYSTEM_ERROR);
    server.stop().await;

    let server = start(config(folder.path())).await;
    let asker = Asker::of(&server);
    assert_eq!(asker.ask(request::GET_KV_CONFIG, &entry(None)).await.fields.get("value"), Some("v é"));
    let table: KvTable = asker.get(request::GET_KVLIST_BY_NAMESPACE, &entry(None)).await;
    assert_eq!(table.table["k"], "v é");
    assert_eq!(asker.ask(request::DELETE_KV_CONFIG, &entry(None)).await.code, 0);
    server.stop().await;
    let text = std::fs::read_to_string(folder.path().join("kvConfig.json")).unwrap();
    assert_eq!(text, r#"{"configTable":{}}"#);
}

#[tokio::test]
async fn a_damaged_kv_file_or_a_taken_port_stops_the_start_and_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(config(folder.path())).await;
    let taken = NameServer::start(config(folder.path()), server.addr()).await.unwrap_err().to_string();
    assert!(taken.starts_with(&format!("cannot listen on {}: ", server.addr())), "{taken}");
    std::fs::write(folder.path().join("kvConfig.json"), "{").unwrap();
    let damaged =
        NameServer::start(config(folder.path()), "127.0.0.1:0".parse().unwrap()).await.unwrap_err().to_string();
    assert!(damaged.contains("kvConfig.json"), "{damaged}");
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_and_the_connection_lives_on() {
    let world = World::new().await;
    let asker = world.asker();
    let unsupported = asker.send(Command::request(request::SEND_MESSAGE_V2)).await;
    assert_eq!(unsupported.code, response::REQUEST_CODE_NOT_SUPPORTED);
    assert_eq!(unsupported.remark.as_deref(), Some("a name server does not serve SEND_MESSAGE_V2 (310)"));
    assert_eq!(asker.send(Command::request(-1)).await.code, response::REQUEST_CODE_NOT_SUPPORTED);
    let garbage = [&b"\xff\xfe"[..], b"null", b"[]", b"{\"a\":", b"{{{{{{", b"\0"];
    for code in 0..=400 {
        // Answers without a header, with an empty one, with one that fits and a body that does not.
        asker.send(Command::request(code)).await;
        for bytes in garbage {
            asker.send(Command::request(code).with_header(&broker("", 0, 1)).with_body(bytes)).await;
            let fits = Register { compressed: bytes == b"\0", ..broker("broker-x", 0, 1) };
            asker.send(Command::request(code).with_header(&fits).with_body(bytes)).await;
        }
    }
    let crc = Register { body_crc32: 12345, ..broker("broker-a", 0, 10911) };
    let damaged = asker.register(&crc, &body(1, &["T"])).await;
    assert_eq!(damaged.code, response::SYSTEM_ERROR);
    let json = serde_json::to_vec(&body(1, &["T"])).unwrap();
    let crc = Register { body_crc32: body_crc(&json), ..crc };
    assert_eq!(asker.register(&crc, &body(1, &["T"])).await.code, 0);
    assert_eq!(asker.names(request::GET_ALL_TOPIC_LIST_FROM_NAMESERVER).await, ["T"]);
}

#[tokio::test]
async fn name_servers_in_one_process_know_nothing_of_each_other() {
    let (one, other) = (World::new().await, World::new().await);
    let (at_one, at_other) = (one.asker(), other.asker());
    at_one.register(&broker("broker-a", 0, 10911), &body(1, &["T"])).await;
    assert!(at_one.route("T").await.is_some());
    assert!(at_other.route("T").await.is_none());
}
