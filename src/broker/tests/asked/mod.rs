//! A broker with a clock that the test sets, and a client that asks it over a real socket.

#![allow(dead_code, reason = "each test uses a part")]

#[path = "../stand/mod.rs"]
mod stand;

use base::{Clock, Disk, Fields};
use broker::{Broker, config::BrokerConfig};
use protocol::{
    Command,
    code::request,
    properties,
    record::{self, Record},
};
use remoting::{Client, Names, client::NoService};
pub use stand::send_header;
use stand::{copy, small};
use std::{path::Path, sync::Arc, time::Duration};

/// How long anything may take before a test fails.
pub const PATIENCE: Duration = Duration::from_secs(20);
/// What the clocks show first.
pub const BEGIN_MS: i64 = 1_800_000_000_000;

pub struct Asked {
    pub broker: Arc<Broker>,
    pub clock: Clock,
    client: Client<NoService>,
    dir: tempfile::TempDir,
}

impl Asked {
    pub async fn start() -> Self {
        Self::start_in(tempfile::tempdir().expect("a temporary folder"), Clock::manual(BEGIN_MS), |_| {}).await
    }

    pub async fn start_in(dir: tempfile::TempDir, clock: Clock, set: impl FnOnce(&mut BrokerConfig)) -> Self {
        Self::start_on(Disk::default(), None, dir, clock, set).await
    }

    pub async fn start_on(
        disk: Disk,
        names: Option<Names>,
        dir: tempfile::TempDir,
        clock: Clock,
        set: impl FnOnce(&mut BrokerConfig),
    ) -> Self {
        let mut config = small(dir.path());
        set(&mut config);
        let broker = Broker::start(config, names, clock.clone(), &disk).await.expect("starts");
        Self { broker, clock, client: Client::asking(), dir }
    }

    /// Stops the broker and starts it anew.
    pub async fn restart(self, set: impl FnOnce(&mut BrokerConfig)) -> Self {
        self.broker.stop().await.expect("closes cleanly");
        Self::start_in(self.dir, self.clock, set).await
    }

    pub async fn stop(self) -> tempfile::TempDir {
        self.broker.stop().await.expect("closes cleanly");
        self.dir
    }

    /// What a kill of the process would leave, as a broker of its own finds it.
    pub async fn killed(self, set: impl FnOnce(&mut BrokerConfig)) -> Self {
        let clock = self.clock.clone();
        let left = self.kill().await;
        Self::start_in(left, clock, set).await
    }

    /// What a kill of the process would leave.
    pub async fn kill(self) -> tempfile::TempDir {
        let left = tempfile::tempdir().expect("a temporary folder");
        copy(self.dir.path(), left.path());
        self.stop().await;
        left
    }

    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    pub async fn ask(&self, request: Command) -> Command {
        self.client.call(&self.broker.advertised(), request, PATIENCE).await.expect("answered")
    }

    pub async fn ask_for(&self, code: i32, fields: &[(&str, &str)]) -> Command {
        let fields: Fields = fields.iter().copied().collect();
        self.ask(Command { fields, ..Command::request(code) }).await
    }

    /// Changes a setting.
    pub async fn change(&self, key: &str, value: &str) -> Command {
        let text = format!("{key}={value}\n");
        self.ask(Command::request(request::UPDATE_BROKER_CONFIG).with_body(text.into_bytes())).await
    }

    pub async fn send(&self, topic: &str, body: &str, properties: &str) -> Command {
        let header = send_header(topic, properties);
        let request = Command { fields: header.write("b"), ..Command::request(request::SEND_MESSAGE_V2) };
        self.ask(request.with_body(body.as_bytes().to_vec())).await
    }

    /// Everything in a queue, as its records are.
    pub fn records(&self, topic: &str, queue_id: i32) -> Vec<Record> {
        let Some(queue) = self.broker.store().queue(topic, queue_id) else { return Vec::new() };
        let offsets = queue.min_offset()..queue.max_offset();
        let entries = offsets.filter_map(|offset| queue.get(offset));
        let bytes = entries.filter_map(|entry| self.broker.store().record_at(entry.physical_offset));
        bytes.map(|bytes| record::decode_all(bytes, true).expect("whole").remove(0)).collect()
    }

    /// The bodies in queue 0 of a topic.
    pub fn bodies(&self, topic: &str) -> Vec<String> {
        let texts = self.records(topic, 0).into_iter().map(|record| String::from_utf8(record.body.to_vec()));
        texts.collect::<Result<_, _>>().expect("text")
    }

    /// Waits until queue 0 of a topic has so many messages.
    pub async fn arrived(&self, topic: &str, count: u64) {
        let queue = self.broker.store().queue_or_new(topic, 0);
        let arrived = tokio::time::timeout(PATIENCE, queue.end().reached(count)).await;
        assert!(arrived.is_ok(), "{count} messages of {topic}, there are {:?}", self.bodies(topic));
    }
}

/// A property string.
pub fn text(pairs: &[(&str, &str)]) -> String {
    let mut text = String::new();
    pairs.iter().for_each(|(name, value)| properties::push(&mut text, name, value));
    text
}

/// A record's property.
pub fn property<'a>(record: &'a Record, name: &str) -> Option<&'a str> {
    properties::get(&record.properties, name)
}
