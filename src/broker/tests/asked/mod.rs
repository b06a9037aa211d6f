//! A broker and a client with a connection to it, and the requests that these tests make.

// Each test file uses some of it.
#![allow(dead_code)]

use base::{Clock, Disk};
use broker::{Broker, config::BrokerConfig};
use protocol::{
    Command,
    code::request,
    heartbeat::{ConsumeFrom, ConsumeType, ConsumerData, Heartbeat, MessageModel, Subscription},
    properties,
    pull::{Pull, PullAnswer, UpdateOffset, pull_flag},
    record,
    send::SendHeader,
};
use remoting::{Client, client::NoService};
use std::{sync::Arc, time::Duration};
use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_secs(20);

pub struct Asked {
    pub broker: Arc<Broker>,
    client: Client<NoService>,
    dir: TempDir,
}

impl Asked {
    pub async fn start(set: impl FnOnce(&mut BrokerConfig)) -> Self {
        Self::start_in(tempfile::tempdir().expect("a temporary folder"), set).await
    }

    pub async fn start_in(dir: TempDir, set: impl FnOnce(&mut BrokerConfig)) -> Self {
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

    pub async fn stop(self) -> TempDir {
        self.broker.stop().await.expect("closes cleanly");
        self.dir
    }

    pub async fn ask(&self, request: Command) -> Command {
        self.client.call(&self.broker.advertised(), request, PATIENCE).await.expect("answered")
    }

    /// As a client of its own, with a connection of its own, that lives as long as what is returned.
    pub async fn ask_as_another(&self, request: Command) -> (Client<NoService>, Command) {
        let client = Client::asking();
        let answer = client.call(&self.broker.advertised(), request, PATIENCE).await.expect("answered");
        (client, answer)
    }

    /// Sends to queue 0 with properties as `name=value name=value`.
    pub async fn send(&self, topic: &str, body: &str, pairs: &str) {
        let mut text = String::new();
        for (name, value) in pairs.split_whitespace().filter_map(|pair| pair.split_once('=')) {
            properties::push(&mut text, name, value);
        }
        let header = SendHeader {
            producer_group: "P",
            topic,
            default_topic: "TBW102",
            default_topic_queue_nums: 4,
            queue_id: 0,
            sys_flag: 0,
            born_ms: 1,
            flag: 0,
            properties: &text,
            reconsume_times: 0,
            unit_mode: false,
            batch: false,
            max_reconsume_times: None,
        };
        let request = Command { fields: header.write("b"), ..Command::request(request::SEND_MESSAGE_V2) };
        let answer = self.ask(request.with_body(body.as_bytes().to_vec())).await;
        assert_eq!(answer.code, 0, "{:?}", answer.remark);
    }

    pub async fn pull(&self, pull: &Pull) -> Command {
        self.ask(pull_request(pull)).await
    }

    /// What group `G` is told (14) to go on with, in queue 0.
    pub fn offset(&self, topic: &str) -> Option<i64> {
        self.broker.offsets().get(topic, "G", 0)
    }

    pub async fn commit(&self, topic: &str, commit_offset: i64) {
        let header = UpdateOffset { consumer_group: "G".into(), topic: topic.into(), queue_id: 0, commit_offset };
        assert_eq!(self.ask(Command::request(request::UPDATE_CONSUMER_OFFSET).with_header(&header)).await.code, 0);
    }

    /// Sets keys while it runs (25).
    pub async fn set(&self, text: &str) {
        let answer =
            self.ask(Command::request(request::UPDATE_BROKER_CONFIG).with_body(text.as_bytes().to_vec())).await;
        assert_eq!(answer.code, 0, "{:?}", answer.remark);
    }
}

pub fn pull_request(pull: &Pull) -> Command {
    Command::request(request::PULL_MESSAGE).with_header(pull)
}

/// A pull of group `G` from queue 0 that goes by what its heartbeats said.
pub fn from(topic: &str, queue_offset: i64) -> Pull {
    Pull {
        consumer_group: "G".into(),
        topic: topic.into(),
        queue_id: 0,
        queue_offset,
        max_msg_nums: 32,
        sys_flag: 0,
        commit_offset: 0,
        suspend_timeout_millis: 0,
        subscription: None,
        sub_version: 0,
        expression_type: None,
    }
}

/// The same with a subscription of its own.
pub fn wanting(pull: Pull, kind: &str, expression: &str) -> Pull {
    Pull {
        sys_flag: pull.sys_flag | pull_flag::SUBSCRIPTION,
        subscription: Some(expression.into()),
        expression_type: Some(kind.into()),
        ..pull
    }
}

pub fn sql(topic: &str, expression: &str, version: i64) -> Subscription {
    Subscription::of_type(topic, expression, Some("SQL92"), version)
}

/// A heartbeat of a member of group `G`.
pub fn heartbeat(client_id: &str, message_model: MessageModel, wants: Vec<Subscription>) -> Command {
    let data = ConsumerData {
        consume_from_where: ConsumeFrom::FirstOffset,
        consume_type: ConsumeType::Passively,
        group_name: "G".into(),
        message_model,
        subscription_data_set: wants,
        unit_mode: false,
    };
    let heartbeat =
        Heartbeat { client_id: client_id.into(), producer_data_set: Vec::new(), consumer_data_set: vec![data] };
    Command::request(request::HEART_BEAT).with_json(&heartbeat)
}

/// The bodies a pull brought.
pub fn bodies(answer: &Command) -> Vec<String> {
    let records = record::decode_all(answer.body.to_bytes(), true).expect("whole records");
    records.iter().map(|record| String::from_utf8_lossy(&record.body).into_owned()).collect()
}

/// Where a pull says to go on.
pub fn next(answer: &Command) -> i64 {
    answer.header::<PullAnswer>().expect("four offsets").next_begin_offset
}
