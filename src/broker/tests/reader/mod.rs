//! Group `G`, which reads queue 0 of topics: its requests, and what they are answered.

#![allow(dead_code, reason = "each test uses a part")]

use crate::asked::{Asked, PATIENCE, text};
use broker::config::BrokerConfig;
use protocol::{
    Command,
    code::request,
    heartbeat::{ConsumeFrom, ConsumeType, ConsumerData, Heartbeat, MessageModel, Subscription},
    pull::{Pull, PullAnswer, UpdateOffset, pull_flag},
    record,
};
use remoting::{Client, client::NoService};
use std::ops::Deref;

/// A broker, and a connection to it on which the group's first member speaks.
pub struct Reader(Asked);

impl Deref for Reader {
    type Target = Asked;

    fn deref(&self) -> &Asked {
        &self.0
    }
}

impl Reader {
    pub async fn start(set: impl FnOnce(&mut BrokerConfig)) -> Self {
        let dir = tempfile::tempdir().expect("a temporary folder");
        Self(Asked::start_in(dir, base::Clock::System, set).await)
    }

    pub async fn restart(self) -> Self {
        Self(self.0.restart(|_| {}).await)
    }

    /// Another client, with a connection of its own.
    pub fn another(&self) -> Other<'_> {
        Other { client: Client::asking(), asked: &self.0 }
    }

    /// Sends with properties as `name=value name=value`.
    pub async fn send(&self, topic: &str, body: &str, pairs: &str) {
        let pairs: Vec<_> = pairs.split_whitespace().filter_map(|pair| pair.split_once('=')).collect();
        let answer = self.0.send(topic, body, &text(&pairs)).await;
        assert_eq!(answer.code, 0, "{:?}", answer.remark);
    }

    pub async fn pull(&self, pull: &Pull) -> Command {
        self.ask(pull_request(pull)).await
    }

    /// How far the group is.
    pub fn offset(&self, topic: &str) -> Option<i64> {
        self.broker.offsets().get(topic, "G", 0)
    }

    pub async fn commit(&self, topic: &str, offset: i64) {
        assert_eq!(self.ask(commit_request(topic, offset)).await.code, 0);
    }

    /// Sets keys while it runs (25).
    pub async fn set(&self, text: &str) {
        let request = Command::request(request::UPDATE_BROKER_CONFIG).with_body(text.as_bytes().to_vec());
        let answer = self.ask(request).await;
        assert_eq!(answer.code, 0, "{:?}", answer.remark);
    }
}

pub struct Other<'a> {
    client: Client<NoService>,
    asked: &'a Asked,
}

impl Other<'_> {
    pub async fn ask(&self, request: Command) -> Command {
        self.client.call(&self.asked.broker.advertised(), request, PATIENCE).await.expect("answered")
    }
}

pub fn pull_request(pull: &Pull) -> Command {
    Command::request(request::PULL_MESSAGE).with_header(pull)
}

pub fn commit_request(topic: &str, commit_offset: i64) -> Command {
    let header = UpdateOffset { consumer_group: "G".into(), topic: topic.into(), queue_id: 0, commit_offset };
    Command::request(request::UPDATE_CONSUMER_OFFSET).with_header(&header)
}

/// A pull that goes by what heartbeats said.
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

/// A pull of everything.
pub fn all_from(topic: &str, queue_offset: i64) -> Pull {
    wanting(from(topic, queue_offset), "TAG", "*")
}

/// The same, which waits for a minute.
pub fn waiting(pull: Pull) -> Pull {
    Pull { sys_flag: pull.sys_flag | pull_flag::SUSPEND, suspend_timeout_millis: 60_000, ..pull }
}

pub fn sql(topic: &str, expression: &str, version: i64) -> Subscription {
    Subscription { sub_version: version, ..Subscription::sql(topic, expression) }
}

/// A member's heartbeat.
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
